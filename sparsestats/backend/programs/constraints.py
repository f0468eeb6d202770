"""What a user's constraints hand back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import cvxpy as cp
from cvxpy.constraints.nonpos import Inequality
from cvxpy.constraints.zero import Equality

Constraints = Callable[[Mapping[Any, Any]], Sequence[cp.Constraint]]


def asked_for(constraints: Constraints | None, variables: Mapping[Any, Any], leaves: Sequence[Any], told: str) -> list:
    """The (in)equalities that a user's function makes of a program's variables.

    Parameters
    ----------
    constraints : callable or None
    variables : mapping
    leaves : sequence
        The program's own variables; what is none (a block without columns) is passed over.
    told : str
        The names of ``variables``, for the error.

    Raises
    ------
    ValueError
        When it returns no list, something that is no convex (in)equality of cvxpy, or one with variables
        besides the program's own.
    """
    if constraints is None:
        return []
    found: Any = constraints(variables)
    if not isinstance(found, Iterable):
        hint = ": put it in brackets, [...]" if isinstance(found, cp.Constraint) else ""
        forgot = " (is a return missing?)" if found is None else ""
        raise ValueError(
            f"constraints must return a list of cvxpy constraints; it returned {type(found).__name__}{forgot}{hint}"
        )
    found = list(found)
    own = {leaf.id for leaf in leaves if isinstance(leaf, cp.Variable)}
    for constraint in found:
        if not isinstance(constraint, Inequality | Equality):
            raise ValueError(
                "constraints must be cvxpy constraints written with <=, >= or ==; "
                f"got {type(constraint).__name__}: {constraint}"
            )
        if {variable.id for variable in constraint.variables()} - own:
            raise ValueError(
                f"constraints may only use the variables they are given ({told}); this one brings its own: {constraint}"
            )
        if not constraint.is_dcp():
            raise ValueError(
                "constraints must be convex: a convex expression <= a concave one, or affine == affine. "
                f"This one is not, by the rules of cvxpy: {constraint}"
            )
    return found
