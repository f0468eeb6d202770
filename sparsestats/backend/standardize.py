"""The map between coefficients on the data's own scale and on the scale the penalty sees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import linalg, sparse

from .problem import Problem

# A column whose standard deviation is below this share of its size is rounding noise around a constant.
CONSTANT = 64 * np.finfo(float).eps


@dataclass(frozen=True, eq=False)
class Standardization:
    """Moments of the columns and the map beta = T c.

    ``c`` is what the penalty acts on: ``c_j = penalty_factor_j * sd_j * beta_j`` (``standardize=True``),
    ``c_j = penalty_factor_j * beta_j`` (False), or, with ``"group"``, ``c_g = penalty_factor_g * R_g beta_g``
    where ``X_g = U_g R_g`` and the columns of ``U_g`` are uncorrelated with variance 1, so that
    ``||c_g||`` is ``penalty_factor_g`` times the standard deviation of ``X_g beta_g``. Free columns
    (``penalty_factor`` 0) keep their own scale.

    Where ``R_g`` has rank below its number of columns the spare entries of ``c_g`` are 0 and T gives the
    shortest of the ``beta_g`` with the same ``X_g beta_g``: for a factor coded with all its levels,
    deviations that sum to 0.

    Attributes
    ----------
    center : ndarray (p,)
        Weighted column means.
    scale : ndarray (p,)
        Weighted standard deviations (divisor n) where they are used, else 1; 0 for a constant column, whose
        coefficient is 0.
    penalized : bool ndarray (p,)
        Columns the penalty covers.
    sizes : int ndarray
        Rank of each group's penalised columns for ``"group"``, else their number; ones without groups.
    groups : int ndarray or None
        Label 0..m-1 of each penalised column.
    T, S : CSR arrays (p, p)
        beta = T c, c = S beta; block diagonal.
    """

    center: np.ndarray
    scale: np.ndarray
    penalized: np.ndarray
    sizes: np.ndarray
    groups: np.ndarray | None
    T: sparse.csr_array
    S: sparse.csr_array

    def to_standard(self, beta: np.ndarray) -> np.ndarray:
        """c = S beta."""
        return self.S @ beta

    def from_standard(self, c: np.ndarray) -> np.ndarray:
        """beta = T c."""
        return self.T @ c


def standardization(problem: Problem) -> Standardization:
    """Moments and the map beta = T c of a problem.

    Parameters
    ----------
    problem : Problem
        Its penalty is not looked at.

    Returns
    -------
    Standardization

    Raises
    ------
    ValueError
        For ``standardize="group"`` without groups, or with penalty factors that differ inside a group (the
        columns of an orthonormalised group have no factors of their own).

    Notes
    -----
    Standard deviations are taken about the mean with or without an intercept. ``"group"`` orthonormalises
    centred columns when there is an intercept and the columns as they are when there is none, since then
    their means are part of the fit. Constant columns get coefficient 0, except without an intercept
    where they are free or ``standardize`` is not True: there they are columns like others.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.backend.problem import Problem
    >>> from sparsestats.backend.standardize import standardization
    >>> X = np.array([[0.0, 1.0], [4.0, 1.0]])
    >>> standardization(Problem(X, np.zeros(2), loss=None, penalty=None)).scale
    array([2., 0.])
    """
    X, w = problem.X, problem.sample_weight
    p = X.shape[1]
    penalized = problem.penalized
    factor = np.ones(p) if problem.penalty_factor is None else problem.penalty_factor
    center, sd = moments(X, w)
    constant = sd <= CONSTANT * np.hypot(center, sd)
    dropped = constant & (problem.fit_intercept | (penalized & (problem.standardize is True)))

    scale = np.where(penalized, sd, 1.0) if problem.standardize is True else np.ones(p)
    scale[dropped] = 0.0
    forward = np.where(penalized, factor, 1.0) * scale
    groups = None
    if problem.groups is not None:
        groups = _relabel(problem.groups[penalized])
        sizes = np.bincount(groups)
    else:
        sizes = np.ones(int(penalized.sum()), dtype=int)
    if problem.standardize != "group":
        backward = np.divide(1.0, forward, out=np.zeros(p), where=forward > 0)
        return Standardization(
            center,
            scale,
            penalized,
            sizes,
            groups,
            sparse.diags_array(backward).tocsr(),
            sparse.diags_array(forward).tocsr(),
        )
    if groups is None:
        raise ValueError('standardize="group" needs groups')

    columns = np.flatnonzero(penalized)
    sizes = sizes.copy()
    parts: dict[str, list] = {"row": [], "col": [], "T": [], "S": []}
    for g in range(len(sizes)):
        members = columns[groups == g]
        factors = factor[members]
        if np.any(factors != factors[0]):
            raise ValueError(
                'standardize="group" needs one penalty_factor for all penalised columns of a group; '
                f"the group of column {members[0]} has {np.unique(factors).tolist()}"
            )
        live = members[~dropped[members]]
        S, T, rank = orthonormalize(dense_columns(X, live), w, center[live] if problem.fit_intercept else None)
        sizes[g] = max(rank, 1)
        parts["row"].append(np.repeat(live, len(live)))
        parts["col"].append(np.tile(live, len(live)))
        parts["S"].append((factors[0] * S).ravel())
        parts["T"].append((T / factors[0]).ravel())
    free = np.flatnonzero(~penalized)
    row, col = (np.concatenate([*parts[k], free]) for k in ("row", "col"))
    forward_map, backward_map = (
        sparse.coo_array((np.concatenate([*parts[k], forward[free]]), (row, col)), shape=(p, p)).tocsr()
        for k in ("S", "T")
    )
    return Standardization(center, scale, penalized, sizes, groups, T=backward_map, S=forward_map)


def resolved(problem: Problem) -> Problem:
    """The problem with its penalty's arrays filled in for this data (weights, group sizes or ranks)."""
    std, K = standardization(problem), problem.responses
    # A row of the coefficient matrix is a column's K coefficients: a group of the penalty holds all of them, and where
    # there are no groups each stands alone.
    groups, sizes = (None, np.repeat(std.sizes, K)) if std.groups is None else (np.repeat(std.groups, K), K * std.sizes)
    return replace(problem, penalty=problem.penalty.resolve(problem.observations, groups, sizes))


def moments(X: Any, w: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Weighted means and standard deviations (divisor n) of the columns, in two passes.

    Parameters
    ----------
    X : ndarray or CSC matrix (n, p)
    w : ndarray (n,) summing to n, or None for ones

    Returns
    -------
    center, sd : ndarray (p,)
    """
    n = X.shape[0]
    weight = np.ones(n) if w is None else w
    if not is_sparse(X):
        unit = _unit(np.abs(X).max(axis=0, initial=0.0))
        scaled = X / unit
        center = weight @ scaled / n
        center += weight @ (scaled - center) / n  # the second pass removes the rounding of the first
        scaled -= center
        return unit * center, unit * np.sqrt(weight @ scaled**2 / n)
    p, column = X.shape[1], np.repeat(np.arange(X.shape[1]), np.diff(X.indptr))
    unit = _unit(np.asarray(abs(X).max(axis=0).todense(), dtype=float).ravel())
    scaled = X.data / unit[column]
    stored = weight[X.indices]
    center = np.bincount(column, weights=stored * scaled, minlength=p) / n
    held = np.bincount(column, weights=stored, minlength=p)
    spread = np.bincount(column, weights=stored * (scaled - center[column]) ** 2, minlength=p)
    absent = n - held
    for j in np.flatnonzero(absent <= 0.01 * n):  # mostly rounding, which would make a full constant column vary
        absent[j] = np.delete(weight, X.indices[X.indptr[j] : X.indptr[j + 1]]).sum()
    return unit * center, unit * np.sqrt((spread + absent * center**2) / n)


def _unit(largest: np.ndarray) -> np.ndarray:
    """The power of two at each number, 1 at 0: division by it is exact and leaves what has squares in range."""
    return np.where(largest > 0, np.ldexp(1.0, np.frexp(largest)[1] - 1), 1.0)


def _relabel(labels: np.ndarray) -> np.ndarray:
    """Labels 0..m-1 in order of first appearance (a group that is free altogether leaves a gap)."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.intp)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def is_sparse(X: Any) -> bool:
    """Whether X is one of scipy's sparse containers."""
    return bool(sparse.issparse(X))


def dense_columns(X: Any, columns: np.ndarray) -> np.ndarray:
    """A float64 copy of some columns."""
    block = X[:, columns]
    return np.asarray(block.toarray() if is_sparse(block) else block, dtype=float)


def orthonormalize(
    block: np.ndarray, w: np.ndarray | None, center: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, int]:
    """S and T (square, spare entries 0) of one group, and its rank.

    The columns are brought to one scale first, so that the rank does not depend on their units; the factors
    come from the triangular factor, not from the Gram matrix, which would square the condition number.
    """
    k = block.shape[1]
    if k == 0:
        return np.zeros((0, 0)), np.zeros((0, 0)), 0
    n = block.shape[0]
    centred = block if center is None else block - center
    weighted = centred * np.sqrt((np.ones(n) if w is None else w) / n)[:, None]
    size = np.linalg.norm(weighted, axis=0)
    size[size == 0.0] = 1.0
    R = linalg.qr(weighted / size, mode="r")[0][:k]
    _, d, Vt = linalg.svd(R, full_matrices=True)
    d = np.concatenate([d, np.zeros(k - len(d))])
    rank = int(np.sum(d > 1e-10 * d[0]))
    S, T = np.zeros((k, k)), np.zeros((k, k))
    if rank == k:
        # The triangular factor itself: entry j of c_g is then column j, cleared of the columns before it.
        R = R * np.sign(np.diag(R))[:, None] * size
        return R, linalg.solve_triangular(R, np.eye(k)), k
    # The same here, the columns before it being those that do not depend on others: a penalty that looks at
    # single entries of c_g must not see whatever basis the singular vectors are.
    turn = _in_order(d[:rank, None] * Vt[:rank], 1e-10 * d[0] / np.sqrt(k))
    S[:rank] = turn.T @ (d[:rank, None] * Vt[:rank] * size)
    spare = Vt[rank:].T / size[:, None]
    shortest = Vt[:rank].T / d[:rank] / size[:, None]
    shortest -= spare @ np.linalg.lstsq(spare, shortest, rcond=None)[0]
    T[:, :rank] = shortest @ turn
    return S, T, rank


def _in_order(columns: np.ndarray, least: float) -> np.ndarray:
    """Orthonormal directions of the columns in their order, without those that those before leave nothing of."""
    found = np.zeros((len(columns), 0))
    for column in columns.T:
        for _ in range(2):  # once more, for what rounding left of the others
            column = column - found @ (found.T @ column)
        length = np.linalg.norm(column)
        if length > least and found.shape[1] < len(columns):
            found = np.column_stack([found, column / length])
    return found
