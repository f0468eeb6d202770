"""The one call that fits a path of ordinal models, whatever the penalty and the solver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import ordinal_concave, ordinal_newton
from .native.ordinal import NativeOrdinal
from .ordinal import OrdinalProblem, OrdinalResult
from .path import Relative, grid
from .penalties import has


def alpha_max(problem: OrdinalProblem) -> float:
    """The smallest alpha at which every penalised difference is 0."""
    if problem.penalty is None:
        return NativeOrdinal(problem).alpha_max()
    return ordinal_newton.alpha_max(problem)


def alpha_po(problem: OrdinalProblem) -> float:
    """The smallest alpha at which the fit is proportional odds; inf for a pure ridge, NaN for a penalty other than
    the L1, whose path would have to be searched."""
    if problem.penalty is not None:
        return float("nan")
    differences = problem.penalty_weights[:, 1:]
    if not ((differences > 0) & np.isfinite(differences)).any():  # none to enter, whatever alpha
        return 0.0
    return NativeOrdinal(problem).alpha_po()


def solve_path(
    problem: OrdinalProblem,
    alphas: Relative | Sequence[float] | np.ndarray | None,
    *,
    tol: float = 1e-8,
    max_iter: int = 100,
    solver: str = "auto",
    constraints: Any = None,
    control: Any = None,
) -> OrdinalResult:
    """Fit a path by the solver that the problem needs.

    Parameters
    ----------
    problem : OrdinalProblem
    alphas : array, Relative or None
        None is 100 geometric values from alpha_max to 1e-2 alpha_max.
    tol, max_iter, control : see the solvers
    solver : {"auto", "cvxpy"}
        "auto" is the compiled core for the L1 and its mixtures with squares; convex problems of the core, one
        after the other, for concave penalties; proximal Newton for the rest.
    constraints : callable or None
        Need, and choose, "cvxpy"; so does monotone="box".

    Raises
    ------
    ValueError
        For bad alphas, or constraints under a penalty that is not convex.
    """
    automatic = alphas is None or isinstance(alphas, Relative)
    chosen = grid(alphas, alpha_max(problem) if automatic else np.nan)[0]
    concave = problem.penalty is not None and has(problem.penalty, "tangent")
    box = problem.family == "cumulative" and problem.monotone == "box"
    if constraints is not None or solver == "cvxpy" or box:
        if concave:
            raise ValueError(
                f"the {problem.penalty.name} penalty is not convex and has no cvxpy program: constraints, "
                'solver="cvxpy" and monotone="box" need a convex penalty'
            )
        from .programs import ordinal as program

        return program.solve_path(problem, chosen, tol=tol, constraints=constraints)
    if problem.penalty is None:
        return NativeOrdinal(problem).solve_path(chosen, tol=tol, max_iter=max_iter, control=control)
    if concave:
        return ordinal_concave.solve_path(problem, chosen, tol=tol, max_iter=max_iter, control=control)
    return ordinal_newton.solve_path(problem, chosen, tol=tol, max_iter=max_iter)
