"""The objectives again, as cvxpy programs: readable, slow, and open to the user's own constraints."""
