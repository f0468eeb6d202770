"""Grids of alphas, and the one call that fits a path whatever the solver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from ..validation import check_real
from .native import slope as native_slope
from .problem import PathResult, Problem

SATURATED = 0.9999
"""Deviance ratio at which an automatic grid ends: beyond it a separated class only lets coefficients grow."""


@dataclass(frozen=True)
class Relative:
    """A grid of alphas as fractions of alpha_max: ``high, ..., low``, geometric.

    Parameters
    ----------
    high, low : float, high >= low > 0
        Ends of the grid, as fractions of the data's alpha_max.
    n : int >= 1
        Number of alphas.

    Examples
    --------
    >>> from sparsestats.backend.path import Relative
    >>> Relative(1, 0.01, 3).grid(2.0).round(3).tolist()
    [2.0, 0.2, 0.02]
    """

    high: float = 1.0
    low: float = 1e-2
    n: int = 100

    def __post_init__(self) -> None:
        numbers = isinstance(self.high, Real) and isinstance(self.low, Real)
        if not (numbers and np.isfinite(self.high) and self.high >= self.low > 0):
            raise ValueError(f"relative() needs high >= low > 0; got high={self.high!r}, low={self.low!r}")
        if not (isinstance(self.n, int | np.integer) and self.n >= 1):
            raise ValueError(f"relative() needs a whole number n >= 1 of alphas; got {self.n!r}")

    def grid(self, alpha_max: float) -> np.ndarray:
        """The alphas for data with this alpha_max, largest first."""
        if alpha_max == 0:  # constant response: every alpha gives the null model
            return np.zeros(1)
        grid = alpha_max * np.geomspace(self.high, self.low, self.n)
        grid[0] = alpha_max * self.high
        return grid


def relative(high: float = 1.0, low: float = 1e-2, n: int = 100) -> Relative:
    """A geometric grid of fractions of alpha_max, for ``alphas=``.

    Parameters
    ----------
    high, low : float, high >= low > 0, default 1 and 0.01
        Ends of the grid, as fractions of the data's alpha_max.
    n : int >= 1, default 100
        Number of alphas.

    Returns
    -------
    Relative
        For ``alphas=`` of paths and CV twins, in both doors.

    Raises
    ------
    ValueError
        For ends or a number out of range.

    Examples
    --------
    >>> import sparsestats as ss
    >>> ss.relative(1, 0.1, 30)
    Relative(high=1, low=0.1, n=30)
    """
    return Relative(high, low, n)


def check_alphas(alphas: Any) -> np.ndarray:
    """Alphas as given by a user: finite, >= 0; sorted largest first and without repeats on return."""
    check_real(alphas, "alphas")
    try:
        values = np.array(alphas, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"alphas must be numbers, None or relative(...); {error}") from error
    if values.ndim == 0:
        raise ValueError(
            f"alphas must be a list or array of numbers; got {alphas!r}. One alpha is alpha=..., a number of them "
            "alphas=ss.relative(1, 0.01, n)"
        )
    if values.ndim != 1:
        raise ValueError(f"alphas must be a list or array of numbers; got shape {values.shape}")
    if values.size == 0:
        raise ValueError("alphas is empty; give at least one number >= 0, or None for the default grid")
    bad = values[~((values >= 0) & (values < np.inf))]
    if bad.size:
        raise ValueError(f"alphas must be finite numbers >= 0; got {bad[0]}")
    return values if (values[1:] < values[:-1]).all() else np.unique(values)[::-1]


def grid(alphas: Relative | Sequence[float] | np.ndarray | None, alpha_max: float) -> tuple[np.ndarray, bool]:
    """The alphas to fit, and whether the grid was ours to choose (it may then end early)."""
    if alphas is None:
        return Relative().grid(alpha_max), True
    if isinstance(alphas, Relative):
        return alphas.grid(alpha_max), True
    return check_alphas(alphas), False


def known_alphas(problem: Problem, alphas: Relative | Sequence[float] | np.ndarray | None) -> np.ndarray | None:
    """The alphas a path will have, when that is known before it is fitted; an automatic grid may end early."""
    if alphas is not None and not isinstance(alphas, Relative):
        return check_alphas(alphas)
    if problem.loss.native != "gaussian" or not native_slope.supports(problem):
        return None
    return grid(alphas, alpha_max(problem))[0]


def solve_path(
    problem: Problem,
    alphas: Relative | Sequence[float] | np.ndarray | None,
    *,
    tol: float = 1e-8,
    max_iter: int = 10_000,
    solver: str = "auto",
    screening: bool = True,
    constraints: Any = None,
    names: Any = None,
    control: Any = None,
) -> PathResult:
    """Fit a path by the solver named.

    Parameters
    ----------
    problem : Problem
        With a penalty that is not resolved yet.
    alphas : array, Relative or None
        None is 100 geometric values from alpha_max to 1e-2 alpha_max.
    solver : {"auto", "cvxpy", "proximal"}
        "auto" is the compiled core, or "proximal" where it does not know the loss or the penalty. Constraints
        need, and choose, "cvxpy".
    tol, max_iter, screening, control : see the solvers
    constraints, names : see ``programs.slope.program``

    Returns
    -------
    PathResult

    Raises
    ------
    ValueError
        For bad alphas, an unknown solver, or data whose objective overflows.
    """
    if constraints is not None:
        solver = "cvxpy"
    if solver == "auto":
        solver = "compiled" if native_slope.supports(problem) else "proximal"
    if solver == "compiled":
        laid_out = native_slope.NativeProblem(problem)
        automatic = alphas is None or isinstance(alphas, Relative)
        chosen = grid(alphas, laid_out.alpha_max() if automatic else np.nan)[0]
        limit = SATURATED if automatic and problem.loss.native != "gaussian" else 2.0
        result = laid_out.solve_path(
            chosen, tol=tol, max_iter=max_iter, screening=screening, stop_deviance=limit, control=control
        )
        return _finite(result, problem)
    from . import proximal
    from .standardize import resolved

    problem = resolved(problem)
    chosen = grid(alphas, proximal.alpha_max(problem))[0]
    if solver == "cvxpy":
        from .programs import slope

        return slope.solve_path(problem, chosen, tol=tol, constraints=constraints, names=names)
    if solver == "proximal":
        return proximal.solve_path(problem, chosen, tol=tol, max_iter=max_iter)
    raise ValueError(f'solver must be "auto", "cvxpy" or "proximal"; got {solver!r}')


def _finite(result: PathResult, problem: Problem) -> PathResult:
    """The same result, refused when squares or products of the data left the range of doubles."""
    if np.isfinite(result.certificates.objectives).all() and np.isfinite(result.coefs).all():
        return result
    raise problem.overflow()


def alpha_max(problem: Problem) -> float:
    """The smallest alpha at which every penalised coefficient is 0."""
    if native_slope.supports(problem):
        return native_slope.NativeProblem(problem).alpha_max()
    from . import proximal
    from .standardize import resolved

    return proximal.alpha_max(resolved(problem))
