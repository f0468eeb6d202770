"""Concomitant scores of a linear DAG: objective, certificate and knowledge, as numpy text.

With S the covariance (divisor n) and W the weights (``W[i, j]`` is the edge i -> j), the scores are

    ev:  min over s >= s0 of  tr(D'SD) / (2 s) + d s / 2  + alpha sum |W|,            D = I - W
    nv:  sum over j of  min over s_j >= s0 of  (D'SD)_jj / (2 s_j) + s_j / 2  + alpha sum |W|

The scales are standard deviations. Edges that are required are left out of the penalty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .certificate import Certificate

FLOOR = 1e-2
"""The scales' floor, as a share of the smallest standard deviation of a column."""


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What is known of a graph before the data are seen; all masks are (d, d) bool, ``[from, to]``.

    Attributes
    ----------
    forbidden : edges that cannot be, or None
    required : edges that are there whatever the data say, or None
    must : pairs whose first variable comes before the second, transitively closed, or None
    """

    forbidden: np.ndarray | None = None
    required: np.ndarray | None = None
    must: np.ndarray | None = None

    def among(self, kept: np.ndarray) -> Knowledge:
        """The same about some of the variables."""
        cut = np.ix_(kept, kept)
        return Knowledge(*(None if mask is None else mask[cut] for mask in (self.forbidden, self.required, self.must)))

    def allowed(self, order: np.ndarray) -> np.ndarray:
        """Mask of the edges an order leaves possible."""
        place = np.empty(len(order), dtype=int)
        place[order] = np.arange(len(order))
        mask = place[:, None] < place[None, :]
        return mask if self.forbidden is None else mask & ~self.forbidden


def varying(S: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Columns that are not constant to the precision of their mean."""
    return np.sqrt(np.diagonal(S)) > 1e-12 * np.abs(mean)


def residual_variances(S: np.ndarray, W: np.ndarray) -> np.ndarray:
    """Diagonal of (I - W)' S (I - W): the variance each variable keeps given its parents."""
    D = np.eye(len(S)) - W
    return np.maximum(np.einsum("ij,ij->j", D, S @ D), 0.0)


def penalty(W: np.ndarray, alpha: float, required: np.ndarray | None) -> np.ndarray:
    """alpha sum |W| by column, required edges left out."""
    size = np.abs(W)
    return alpha * (size if required is None else np.where(required, 0.0, size)).sum(axis=0)


def smooth_scores(variances: np.ndarray, floor: float, equal: bool) -> np.ndarray:
    """The profiled score: one number for equal noise (as an array of one), else one a variable."""
    v, weight = (np.array([variances.sum() / len(variances)]), len(variances)) if equal else (variances, 1)
    s = np.maximum(np.sqrt(v), floor)
    return weight * (v / (2 * s) + s / 2)


def gaps(
    S: np.ndarray,
    W: np.ndarray,
    alpha: float,
    floor: float,
    equal: bool,
    allowed: np.ndarray,
    required: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Objective, dual bound and null objective of the convex problem on the edges allowed.

    One entry for equal noise, one a variable otherwise. The dual point is the scaled residual, shrunk
    until it
    meets every constraint of the edges allowed; a required edge, which carries no penalty, is stationary to
    rounding by an exact solve and bounds nothing. Without a penalty no residual but that of least squares meets
    them, so at alpha = 0 the bound is the least-squares minimum itself.

    Returns
    -------
    objective, bound, null : ndarrays
    """
    D = np.eye(len(S)) - W
    SD = S @ D
    variances = np.maximum(np.einsum("ij,ij->j", D, SD), 0.0)
    linear = np.diagonal(SD)  # e_j' S (e_j - w_j)
    penalised = allowed if required is None else allowed & ~required
    steepest = np.where(penalised, np.abs(SD), 0.0).max(axis=0, initial=0.0)
    paid = penalty(W, alpha, required)
    null = smooth_scores(np.diagonal(S), floor, equal)
    if alpha == 0:
        least = np.array([_unexplained(S, j, np.flatnonzero(parents)) for j, parents in enumerate(allowed.T)])
        return smooth_scores(variances, floor, equal), smooth_scores(least, floor, equal), null
    if equal:
        d = len(S)
        s = max(math.sqrt(variances.sum() / d), floor)
        shrink = min(1.0, alpha * s / steepest.max()) if steepest.max() > 0 else 1.0
        bound = shrink * linear.sum() / s + floor / 2 * (d - shrink**2 * variances.sum() / s**2)
        return smooth_scores(variances, floor, True) + paid.sum(), np.array([bound]), null
    s = np.maximum(np.sqrt(variances), floor)
    with np.errstate(divide="ignore"):
        shrink = np.minimum(1.0, np.where(steepest > 0, alpha * s / steepest, 1.0))
    bound = shrink * linear / s + floor / 2 * (1 - shrink**2 * variances / s**2)
    return smooth_scores(variances, floor, False) + paid, bound, null


def _unexplained(S: np.ndarray, j: int, parents: np.ndarray) -> float:
    """Residual variance of j on all its parents by least squares."""
    if not len(parents):
        return float(S[j, j])
    slopes = np.linalg.lstsq(S[np.ix_(parents, parents)], S[parents, j], rcond=None)[0]
    return max(float(S[j, j] - S[parents, j] @ slopes), 0.0)


def certificate(
    S: np.ndarray,
    W: np.ndarray,
    alpha: float,
    floor: float,
    equal: bool,
    allowed: np.ndarray,
    *,
    required: np.ndarray | None = None,
    tol: float,
    n_iter: int = 0,
    stop: str = "tol",
) -> Certificate:
    """Duality gap of W on its order: the worst variable's where each has its own scale."""
    primal, bound, null = gaps(S, W, alpha, floor, equal, allowed, required)
    gap = np.maximum(primal - bound, 0.0)
    worst = int(np.argmax(gap / null))
    return Certificate(
        "gap",
        float(gap[worst]),
        float(null[worst]),
        tol,
        float(primal.sum()),
        float(bound.sum()),
        n_iter,
        stop,
    )
