"""The unpenalised fit on columns that a penalty selected."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from .certificate import Certificate
from .path import solve_path
from .penalties import GroupSortedL1
from .problem import Problem
from .standardize import dense_columns, standardization

_NEAR = 0.01
"""Distance of a fitted mean from its response below which separation is looked for.

Along a direction that separates, means tend to their responses; Newton's method is far beyond this when it
stops. A fit that keeps further away is proof enough that there is no such direction.
"""


@dataclass(frozen=True, eq=False)
class Refit:
    """An unpenalised fit on the data's own scale.

    Attributes
    ----------
    coef : ndarray (p,), 0 outside the selection
    intercept : float
    certificate : Certificate
    """

    coef: np.ndarray
    intercept: float
    certificate: Certificate


def selected_columns(coef: np.ndarray, free: np.ndarray) -> sparse.csc_array:
    """beta = M t with one t a column that has a coefficient or is free, (p, k)."""
    used = np.flatnonzero((coef != 0) | free)
    return sparse.csc_array((np.ones(len(used)), (used, np.arange(len(used)))), shape=(len(coef), len(used)))


def selected_clusters(coef: np.ndarray, free: np.ndarray, labels: np.ndarray, scale: np.ndarray) -> sparse.csc_array:
    """beta = M t with one t a cluster, (p, k).

    Its members keep their signs and their common size on the penalty's scale; a free column is one on its own.
    """
    alone = np.flatnonzero(free)
    tied = np.flatnonzero(labels > 0)
    column = np.concatenate([labels[tied] - 1, labels.max(initial=0) + np.arange(len(alone))])
    value = np.concatenate([np.sign(coef[tied]) / scale[tied], np.ones(len(alone))])
    shape = (len(coef), int(labels.max(initial=0)) + len(alone))
    return sparse.csc_array((value, (np.concatenate([tied, alone]), column)), shape=shape)


def refit(problem: Problem, M: sparse.csc_array, *, tol: float, max_iter: int) -> Refit:
    """Minimise the loss alone over beta = M t.

    Where the columns X M depend on each other the shortest t with the same fitted values is taken: for a
    factor coded with all its levels, deviations that sum to 0.

    Parameters
    ----------
    problem : Problem
        Its penalty is not used.
    M : CSC array (p, k)
        From ``selected_columns`` or ``selected_clusters``.
    tol, max_iter : see ``solve_path``

    Raises
    ------
    ValueError
        When there are no fewer parameters than rows, or the loss has no minimum: the columns separate the
        classes (or, for counts, some zeros from the rest).
    """
    used = np.flatnonzero(np.diff(M.tocsr().indptr))
    Z = np.asfortranarray(dense_columns(problem.X, used) @ M[used].toarray())
    reduced = replace(
        problem,
        X=Z,
        penalty=GroupSortedL1("lasso"),
        standardize="group",  # orthonormal columns: nothing is left of collinearity but the rank
        groups=np.zeros(Z.shape[1], dtype=int),
        penalty_factor=None,
    )
    basis = standardization(reduced)
    rank = int(basis.sizes[0])
    rows = len(problem.y) if problem.sample_weight is None else int(np.count_nonzero(problem.sample_weight))
    if rank + problem.fit_intercept >= rows:
        raise ValueError(
            f"the selected model has {rank} independent columns{' and an intercept' * problem.fit_intercept}, "
            f"the data {rows} rows (with weight): without a penalty it interpolates them. Take a larger alpha"
        )
    answer = solve_path(reduced, [0.0], tol=tol, max_iter=max_iter)
    t, intercept = answer.coefs[0], float(answer.intercepts[0])
    eta = Z @ t + intercept + (0.0 if problem.offset is None else problem.offset)
    centred = Z - basis.center if problem.fit_intercept else Z
    directions = centred @ basis.T.toarray()[:, :rank]
    if problem.fit_intercept:
        directions = np.column_stack([np.ones(len(Z)), directions])
    if _separates(problem, directions, eta):
        raise ValueError(
            f"the {problem.loss.name} loss has no minimum on the selected columns: a combination of them separates "
            "responses exactly, and its coefficient grows without end. Take a larger alpha"
        )
    return Refit(M @ t, intercept, answer.certificates[0])


def _separates(problem: Problem, directions: np.ndarray, eta: np.ndarray) -> bool:
    """Whether some direction never raises the loss of any row and is not flat in all of them.

    A linear program: maximise the sum of |d_i| over d = U v with d inside the loss's recession cone, |d_i| <= 1.
    """
    cone = problem.loss.recession(problem.y)
    if cone is None:
        return False
    held = np.ones(len(eta), dtype=bool) if problem.sample_weight is None else problem.sample_weight > 0
    lower, upper = (np.clip(side, -1.0, 1.0) for side in cone)
    near = np.abs(problem.loss.mean(eta) - problem.y) < _NEAR
    if not np.any(held & near & (upper > lower)):
        return False
    from scipy.optimize import linprog

    U, lower, upper = directions[held], lower[held], upper[held]
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
