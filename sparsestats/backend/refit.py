"""The unpenalised fit on columns that a penalty selected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from . import newton
from .certificate import Certificate
from .problem import Problem
from .standardize import dense_columns, orthonormalize

_NEAR = 0.01
"""Distance of a fitted mean from its response below which separation is looked for.

Along a direction that separates, means tend to their responses; Newton's method is far beyond this when it
stops. A fit that keeps further away is proof enough that there is no such direction.
"""


class SaturatedError(ValueError):
    """No fewer parameters than rows: without a penalty the model interpolates."""


class SeparatedError(ValueError):
    """Columns that separate responses exactly: without a penalty the loss has no minimum."""


@dataclass(frozen=True, eq=False)
class Refit:
    """An unpenalised fit on the data's own scale.

    Attributes
    ----------
    coef : ndarray (p,), or (K, p) under K linear predictors; 0 outside the selection
    intercept : float, or ndarray (K,)
    certificate : Certificate
    rank : int, independent directions of the selection beyond the intercept
    """

    coef: np.ndarray
    intercept: np.ndarray
    certificate: Certificate
    rank: int


def selected_columns(coef: np.ndarray, free: np.ndarray) -> sparse.csc_array:
    """beta = M t with one t a coefficient that is not 0 or of a free column; beta is raveled, M (beta.size, k)."""
    used = np.flatnonzero((coef != 0) | free)
    return sparse.csc_array((np.ones(len(used)), (used, np.arange(len(used)))), shape=(coef.size, len(used)))


def selected_clusters(coef: np.ndarray, free: np.ndarray, labels: np.ndarray, scale: np.ndarray) -> sparse.csc_array:
    """beta = M t with one t a cluster; beta is raveled, M (beta.size, k).

    Its members keep their signs and their common size on the penalty's scale; a free coefficient is one on its own.
    """
    alone = np.flatnonzero(np.broadcast_to(free, coef.shape))
    tied = np.flatnonzero(labels > 0)
    column = np.concatenate([labels.ravel()[tied] - 1, labels.max(initial=0) + np.arange(len(alone))])
    sizes = np.ravel(np.sign(coef) / np.where(labels > 0, scale, 1.0))
    value = np.concatenate([sizes[tied], np.ones(len(alone))])
    shape = (coef.size, int(labels.max(initial=0)) + len(alone))
    return sparse.csc_array((value, (np.concatenate([tied, alone]), column)), shape=shape)


def refit(problem: Problem, M: sparse.csc_array, *, tol: float) -> Refit:
    """Minimise the loss alone over beta = M t.

    Where directions X M depend on each other the shortest t with the same fitted values is taken: for a factor coded
    with all its levels, deviations that sum to 0; for a column with a coefficient in every class, coefficients that do.

    Parameters
    ----------
    problem : Problem
        Its penalty is not used.
    M : CSC array (p, k), or (K p, k)
        From ``selected_columns`` or ``selected_clusters``.
    tol : float
        Certificate asked for, as a share of the null objective.

    Raises
    ------
    SaturatedError
        When there are no fewer parameters than rows.
    SeparatedError
        When the loss has no minimum: the columns separate the classes (or, for counts, some zeros from the rest).
    """
    loss, y, w, (n, p) = problem.loss, problem.y, problem.sample_weight, problem.shape
    weight = np.ones(n) if w is None else w
    base = np.zeros(y.shape) if problem.offset is None else problem.offset
    moves = _moves(problem, M)
    center = np.tensordot(weight, moves, 1) / n * problem.fit_intercept
    # What all predictors of a row have in common changes no probability, and counts in no rank.
    apart = moves - center
    if y.ndim > 1:
        apart = apart - apart.mean(axis=1, keepdims=True)
    apart = apart.reshape(y.size, -1)
    _, T, rank = orthonormalize(apart, np.repeat(weight, problem.responses), None)
    levels = newton.copies(np.ones((n, int(problem.fit_intercept))), y)
    free = max(problem.responses - 1, 1)
    rows = int(np.count_nonzero(weight))
    if rank + problem.fit_intercept * free >= rows * free:
        raise SaturatedError(
            f"the selected model has {rank} independent columns{' and an intercept' * problem.fit_intercept}, "
            f"the data {rows} rows (with weight): without a penalty it interpolates them. Take a larger alpha"
        )

    null_t, _ = newton.minimise(loss, y, w, base, levels, np.zeros(levels.shape[-1]))
    null = loss.value(base + levels @ null_t, y, w)
    directions = np.concatenate([levels, (apart @ T[:, :rank]).reshape(*y.shape, rank)], axis=-1)
    u, n_iter = newton.minimise(loss, y, w, base, directions, np.append(null_t, np.zeros(rank)))
    eta = base + directions @ u
    if _separates(problem, directions, eta):
        raise SeparatedError(
            f"the {loss.name} loss has no minimum on the selected columns: a combination of them separates "
            "responses exactly, and its coefficient grows without end. Take a larger alpha"
        )
    kind, value = newton.suboptimality(loss, y, w, base, eta, directions)
    if loss.explained(null, y, w):
        null = value = 0.0
    objective = loss.value(eta, y, w)
    stop = "tol" if value <= tol * null else "precision"
    t = T[:, :rank] @ u[len(null_t) :]
    intercept = np.zeros(y.shape[1:]) + problem.fit_intercept * (_reshaped(u[: len(null_t)], y) - center @ t)
    if y.ndim > 1:
        intercept = intercept - intercept.mean()
    return Refit(
        (M @ t).reshape(*y.shape[1:], p),
        intercept,
        Certificate(kind, value, null, tol, objective, objective - value, n_iter, stop),
        rank,
    )


def _reshaped(levels: np.ndarray, y: np.ndarray) -> np.ndarray | float:
    """Intercepts of the predictors; 0 where there are none."""
    return levels.reshape(y.shape[1:]) if len(levels) else 0.0


def _moves(problem: Problem, M: sparse.csc_array) -> np.ndarray:
    """What each t adds to the linear predictors, (n, k) or (n, K, k)."""
    blocks = []
    for k in range(problem.responses):
        own = M.tocsr()[k * problem.shape[1] : (k + 1) * problem.shape[1]]
        used = np.flatnonzero(np.diff(own.indptr))
        blocks.append(dense_columns(problem.X, used) @ own[used].toarray())
    return np.stack(blocks, axis=1).reshape(*problem.y.shape, M.shape[1])


def free_columns_separate(problem: Problem, eta: np.ndarray) -> bool:
    """Whether a combination of intercept and unpenalised columns separates responses; eta are a fit's predictors."""
    free = dense_columns(problem.X, np.flatnonzero(~problem.penalized))
    largest = np.abs(free).max(axis=0, initial=0.0)
    free = free / np.where(largest > 0, largest, 1.0)
    own = np.column_stack([np.ones((len(free), int(problem.fit_intercept))), free])
    return _separates(problem, newton.copies(own, problem.y), eta)


def _separates(problem: Problem, directions: np.ndarray, eta: np.ndarray) -> bool:
    """Whether some direction never raises the loss of any row and is not flat in all of them.

    A linear program: maximise the sum of |d_i| over d = U v with d inside the loss's recession cone, |d_i| <= 1.
    """
    y, cone = problem.y, problem.loss.recession(problem.y)
    if cone is None:
        return False
    held = np.ones(len(y), dtype=bool) if problem.sample_weight is None else problem.sample_weight > 0
    lower, upper = (np.clip(side, -1.0, 1.0) for side in cone)
    near = np.abs(problem.loss.mean(eta) - y) < _NEAR
    if not np.any(held & np.all((near & (upper > lower)).reshape(len(y), -1), axis=1)):
        return False
    from scipy.optimize import linprog

    if y.ndim > 1:
        directions = directions - np.sum(y[..., None] * directions, axis=1, keepdims=True)
    U = directions[held].reshape(-1, directions.shape[-1])
    lower, upper = lower[held].ravel(), upper[held].ravel()
    away = np.sign(lower + upper)  # every interval lies on one side of 0
    found = linprog(
        -(away @ U),
        A_ub=np.concatenate([U, -U]),
        b_ub=np.concatenate([upper, -lower]),
        bounds=(None, None),
        method="highs",
    )
    # 1e-6: the primal feasibility that HiGHS promises is 1e-7 a row; a direction that separates reaches 1.
    return bool(found.status == 0 and -found.fun > 1e-6 * len(U))
