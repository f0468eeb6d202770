"""Ordered responses: the problem, its families in plain numpy, and predicted probabilities.

Boundaries k = 0, ..., m - 1 part the K = m + 1 classes; eta_k = offset + a_k + x'b_k, and in every family a
larger eta_k moves towards the classes at or below k:

==========  ===================================  =================================
cumulative  P(Y <= k) = F(eta_k)                 the proportional-odds family
sratio      P(Y = k | Y >= k) = F(eta_k)         stopping ratio
cratio      P(Y <= k | Y <= k + 1) = F(eta_k)    continuation ratio
acat        log P(Y = k) / P(Y = k + 1) = eta_k  adjacent categories, logit only
==========  ===================================  =================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit, log_ndtr, ndtr

from .certificate import Certificate

FAMILIES = ("cumulative", "sratio", "cratio", "acat")
LINKS = ("logit", "probit", "cloglog", "loglog")


@dataclass(frozen=True, eq=False)
class OrdinalProblem:
    """min over (a, B) of  mean loss + alpha sum_jk w_jk (r |psi_jk| + (1 - r) psi_jk^2 / 2), or + alpha J(w psi).

    psi_j0 = s_j b_j0 and psi_jk = s_j (b_jk - b_j,k-1), s the columns' standard deviations (or 1).

    Attributes
    ----------
    X : ndarray (n, p) in Fortran order, or scipy CSC
    codes : int (n,), classes 0..K-1
    n_classes : int, K
    penalty_weights : float64 (p, K-1)
        w: 0 leaves a difference free, inf holds it at 0.
    sample_weight : float64 (n,) summing to n, or None
    offset : float64 (n,) or None
    family, link : names above
    l1_ratio : float in [0, 1], r
    standardize : bool
    monotone : {"none", "train", "box", "auto"}
        Whether boundaries must keep their order: nowhere, at the rows of X, in the box they span, or at the
        rows of X once a fit crosses there.
    penalty : Penalty or None
        J, of the products w_jk psi_jk whose weight is neither 0 nor infinite, by column; None is the first form.
    groups : int (p,) with labels 0..m-1, or None for every column alone
        For a J that acts on groups: the differences psi_jk, k >= 1, of the columns of a group enter together,
        and so do their psi_j0.
    """

    X: Any
    codes: np.ndarray
    n_classes: int
    penalty_weights: np.ndarray
    sample_weight: np.ndarray | None = None
    offset: np.ndarray | None = None
    family: str = "cumulative"
    link: str = "logit"
    l1_ratio: float = 1.0
    standardize: bool = True
    monotone: str = "auto"
    penalty: Any = None
    groups: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.X.shape

    @property
    def n_boundaries(self) -> int:
        return self.n_classes - 1

    @property
    def weights(self) -> np.ndarray:
        """Case weights, ones where none were given."""
        return np.ones(self.X.shape[0]) if self.sample_weight is None else self.sample_weight


@dataclass(frozen=True, eq=False)
class OrdinalResult:
    """Fits along decreasing alphas.

    Attributes
    ----------
    alphas (k,), coefs (k, m, p), intercepts (k, m), certificates (list of k)
        Coefficients by boundary, on the data's own scale.
    alpha_max, null_objective : float
    losses (k,) : mean negative log-likelihood
    crossing (k,) : rows at which the fit without order constraints had boundaries out of order; 0 after the first
        alpha where some had, since no such fit is made there
    constrained (k,) : whether the order was imposed
    duals : multipliers of the user's constraints, one list an alpha (cvxpy only)
    info : diagnostics, one value an alpha
    """

    alphas: np.ndarray
    coefs: np.ndarray
    intercepts: np.ndarray
    certificates: list[Certificate]
    alpha_max: float
    null_objective: float
    losses: np.ndarray
    crossing: np.ndarray
    constrained: np.ndarray
    stopped: str = ""
    seconds: float = 0.0
    info: dict[str, np.ndarray] = field(default_factory=dict)
    duals: list | None = None

    @property
    def deviance_ratio(self) -> np.ndarray:
        """1 - loss / null loss, (k,)."""
        if self.null_objective <= 0:
            return np.zeros(len(self.losses))
        return 1.0 - self.losses / self.null_objective


# ---- links ------------------------------------------------------------------------------------------------


def _cloglog(t: np.ndarray) -> np.ndarray:
    return -np.expm1(-np.exp(np.minimum(t, 700.0)))


CDF: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "logit": expit,
    "probit": ndtr,
    "cloglog": _cloglog,
    "loglog": lambda t: np.exp(-np.exp(np.minimum(-t, 700.0))),
}
"""F, by link."""

_MIRROR = {"logit": "logit", "probit": "probit", "cloglog": "loglog", "loglog": "cloglog"}


def log_cdf(t: np.ndarray, link: str) -> np.ndarray:
    """log F(t) without underflow."""
    match link:
        case "logit":
            return -np.logaddexp(0.0, -t)
        case "probit":
            return log_ndtr(t)
        case "cloglog":
            with np.errstate(divide="ignore"):
                return np.where(t < -30, t, np.log(CDF["cloglog"](t)))
        case _:
            return -np.exp(np.minimum(-t, 700.0))


def log_survival(t: np.ndarray, link: str) -> np.ndarray:
    """log(1 - F(t)) without underflow."""
    return log_cdf(-np.asarray(t), _MIRROR[link])


def _log_difference(a: np.ndarray, b: np.ndarray, link: str) -> np.ndarray:
    """log(F(b) - F(a)) for a < b; -inf otherwise."""
    d = b - a
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if link == "logit":
            out = log_cdf(b, link) + log_survival(a, link) + np.log(-np.expm1(-d))
        elif link == "cloglog":
            out = log_survival(a, link) + np.log(-np.expm1(-np.exp(np.minimum(a, 700)) * np.expm1(d)))
        elif link == "loglog":
            return _log_difference(-b, -a, "cloglog")
        else:
            flip = a > 0
            lo, hi = np.where(flip, -b, a), np.where(flip, -a, b)
            top = log_ndtr(hi)
            out = top + np.log1p(-np.exp(log_ndtr(lo) - top))
    return np.where(d > 0, out, -np.inf)


# ---- likelihoods and probabilities ------------------------------------------------------------------------


def log_likelihoods(eta: np.ndarray, codes: np.ndarray, family: str, link: str) -> np.ndarray:
    """log P(Y_i = codes_i), (n,), from linear predictors (n, m); -inf outside the domain.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.backend.ordinal import log_likelihoods
    >>> float(np.exp(log_likelihoods(np.array([[0.0, 1.0]]), np.array([0]), "cumulative", "logit"))[0])
    0.5
    """
    n, m = eta.shape
    rows = np.arange(n)
    match family:
        case "cumulative":
            out = np.empty(n)
            first, last = codes == 0, codes == m
            mid = ~(first | last)
            out[first] = log_cdf(eta[first, 0], link)
            out[last] = log_survival(eta[last, m - 1], link)
            out[mid] = _log_difference(eta[rows[mid], codes[mid] - 1], eta[rows[mid], codes[mid]], link)
            return out
        case "sratio":
            hit, miss = log_cdf(eta, link), log_survival(eta, link)
            passed = np.cumsum(np.column_stack([np.zeros(n), miss]), axis=1)
            return passed[rows, codes] + np.column_stack([hit, np.zeros(n)])[rows, codes]
        case "cratio":
            hit, miss = log_cdf(eta, link), log_survival(eta, link)
            above = np.cumsum(np.column_stack([np.zeros(n), hit[:, ::-1]]), axis=1)[:, ::-1]
            return above[rows, codes] + np.column_stack([np.zeros(n), miss])[rows, codes]
        case _:
            score = np.column_stack([np.cumsum(eta[:, ::-1], axis=1)[:, ::-1], np.zeros(n)])
            top = score.max(axis=1)
            return score[rows, codes] - top - np.log(np.exp(score - top[:, None]).sum(axis=1))


def log_sides(eta: np.ndarray, codes: np.ndarray, family: str, link: str) -> np.ndarray:
    """Log-probabilities of the side that each row takes of each boundary, -inf where it says nothing of the row.

    A boundary k of a cumulative model speaks of the rows beside it, classes k and k + 1, as in adjacent categories;
    in a stopping ratio of those at k or above, in a continuation ratio of those at k + 1 or below.

    Parameters
    ----------
    eta : ndarray (n, m)
    codes : int ndarray (n,), classes from 0
    family, link : str

    Returns
    -------
    ndarray (n, m)
    """
    boundary, code = np.arange(eta.shape[1]), codes[:, None]
    after, before = code >= boundary, code <= boundary + 1
    spoken = {"sratio": after, "cratio": before}.get(family, after & before)
    link = "logit" if family == "acat" else link
    side = np.where(code <= boundary, log_cdf(eta, link), log_survival(eta, link))
    return np.where(spoken, side, -np.inf)


def loss(eta: np.ndarray, codes: np.ndarray, weights: np.ndarray, family: str, link: str) -> float:
    """Mean negative log-likelihood; weights sum to n."""
    return float(-(weights @ log_likelihoods(eta, codes, family, link)) / len(codes))


@dataclass(frozen=True)
class Repair:
    """Class probabilities (n, K), and how many rows had boundaries out of order."""

    probabilities: np.ndarray
    repaired: int


def probabilities(
    eta: np.ndarray, family: str, link: str, repair: str = "rearrange", *, reverse: bool = False
) -> Repair:
    """Probabilities of the classes; each row sums to 1 and none is negative.

    Parameters
    ----------
    eta : ndarray (n, m)
    family, link : str
    repair : {"rearrange", "isotonic", "clip", "raise"}
        What to do with rows whose cumulative probabilities decrease: sort them (never further from the truth
        in any Lp norm than before, and no class gets exactly 0 unless there are ties), pool neighbours, set
        negative probabilities to 0 and rescale, or refuse.

    reverse : bool
        The model is one of the reversed categories; predictors and probabilities are in the order of the categories.

    Returns
    -------
    Repair

    Raises
    ------
    ValueError
        For rows out of order when ``repair="raise"``.
    """
    if reverse:
        out = probabilities(eta[:, ::-1], family, link, repair)
        return Repair(out.probabilities[:, ::-1], out.repaired)
    n = len(eta)
    if family == "acat":
        score = np.column_stack([np.cumsum(eta[:, ::-1], axis=1)[:, ::-1], np.zeros(n)])
        p = np.exp(score - score.max(axis=1, keepdims=True))
        return Repair(p / p.sum(axis=1, keepdims=True), 0)
    if family != "cumulative":
        hit, miss = np.exp(log_cdf(eta, link)), np.exp(log_survival(eta, link))
        if family == "sratio":
            passed = np.cumprod(np.column_stack([np.ones(n), miss]), axis=1)
            p = passed * np.column_stack([hit, np.ones(n)])
        else:
            above = np.cumprod(np.column_stack([np.ones(n), hit[:, ::-1]]), axis=1)[:, ::-1]
            p = above * np.column_stack([np.ones(n), miss])
        return Repair(p / p.sum(axis=1, keepdims=True), 0)
    crossed = (np.diff(eta, axis=1) < 0).any(axis=1)
    count = int(crossed.sum())
    if count:
        eta = eta.copy()
        if repair == "raise":
            raise ValueError(
                f"{count} of {n} rows have boundaries out of order (first: row {int(np.argmax(crossed))}): "
                'their probabilities would be negative. repair="rearrange" mends them, monotone="train" or '
                '"box" keeps the order in the fit.'
            )
        if repair == "rearrange":
            eta[crossed] = np.sort(eta[crossed], axis=1)
        elif repair == "isotonic":
            eta[crossed] = _link_of(_pooled(CDF[link](eta[crossed])), link)
    # Differences of F in the tail where both are small keep their digits; each F is evaluated once.
    zero, one = np.zeros((n, 1)), np.ones((n, 1))
    below, above = CDF[link](eta), CDF[_MIRROR[link]](-eta)
    left = np.diff(np.hstack([zero, below, one]), axis=1)
    right = -np.diff(np.hstack([one, above, zero]), axis=1)
    p = np.where(np.hstack([zero, eta]) > 0, right, left)
    p = np.maximum(p, 0.0)  # rounding; and all there is to "clip"
    return Repair(p / p.sum(axis=1, keepdims=True), count)


def _pooled(values: np.ndarray) -> np.ndarray:
    """Isotonic regression of each row (pool adjacent violators), rows are short."""
    m = values.shape[1]
    sums = np.cumsum(np.column_stack([np.zeros(len(values)), values]), axis=1)
    out = np.empty_like(values)
    for k in range(m):  # max over starts of min over ends of block means
        best = np.full(len(values), -np.inf)
        for i in range(k + 1):
            ends = np.stack([(sums[:, j + 1] - sums[:, i]) / (j + 1 - i) for j in range(k, m)])
            best = np.maximum(best, ends.min(axis=0))
        out[:, k] = best
    return out


def _link_of(p: np.ndarray, link: str) -> np.ndarray:
    from scipy.special import logit, ndtri

    with np.errstate(divide="ignore"):
        match link:
            case "logit":
                return logit(p)
            case "probit":
                return ndtri(p)
            case "cloglog":
                return np.log(-np.log1p(-p))
            case _:
                return -np.log(-np.log(p))
