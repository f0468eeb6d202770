"""Unpenalised columns that tell the responses apart, so that coefficients have no finite value."""

from __future__ import annotations

import warnings

import numpy as np

from ..backend.problem import PathResult, Problem
from ..backend.refit import free_columns_separate
from ..exceptions import DataWarning

NEAR = 1e-8
"""Distance of fitted means from their responses at which an unpenalised fit looks separated."""


def warn_separated(problem: Problem, result: PathResult, stacklevel: int = 3) -> None:
    """Tell of columns without a penalty that reach responses where the loss falls for ever."""
    # Rows without weight tell nothing, and their means may overflow.
    rows = slice(None) if problem.sample_weight is None else problem.sample_weight > 0
    y = problem.y[rows]
    cone = problem.loss.recession(y)
    if len(result.alphas) == 0 or cone is None:
        return
    unpenalised = result.alphas[-1] == 0
    if not unpenalised and problem.penalized.all():
        return
    eta = problem.X @ result.coefs[-1].T + result.intercepts[-1]
    eta = eta if problem.offset is None else eta + problem.offset
    fitted = problem.loss.mean(eta[rows])
    # A count above 0 is met at a finite coefficient: it tells nothing, however exactly it is met.
    near = (np.abs(fitted - y) < NEAR) & (cone[1] > cone[0])
    reached = int(np.count_nonzero(near.reshape(len(near), -1).all(axis=1)))
    if not reached:
        return
    if unpenalised:
        where, what, remedy = "at alpha = 0", "columns may separate", "A small alpha > 0 has one."
    elif free_columns_separate(problem, eta):
        where, what = "with columns left free of the penalty", "free columns separates"
        remedy = "A penalty on them, small as it may be, has one."
    else:
        return
    warnings.warn(
        f"{where} the fitted means of {reached} of {len(fitted)} rows are their responses: a combination of {what} "
        f"these, and then coefficients have no finite value. {remedy}",
        DataWarning,
        stacklevel=stacklevel,
    )
