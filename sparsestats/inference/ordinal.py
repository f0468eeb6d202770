"""Unpenalised ordinal models: standard errors, and tests of proportional odds.

All of it is likelihood theory for the cumulative family at alpha = 0; nothing here applies to selected
coefficients. Weights are taken as they are: they sum to the number of observations that the likelihood speaks of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg, stats

from ..backend.native.ordinal import NativeOrdinal
from ..backend.ordinal import CDF, OrdinalProblem, log_cdf, log_likelihoods, log_survival

_LOG_DENSITY: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "logit": lambda t: log_cdf(t, "logit") + log_survival(t, "logit"),
    "probit": stats.norm.logpdf,
    "cloglog": lambda t: t - np.exp(np.minimum(t, 700.0)),
    "loglog": lambda t: -t - np.exp(np.minimum(-t, 700.0)),
}
"""log F', by link."""

_LOG_DENSITY_SLOPE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "logit": lambda t: 1 - 2 * CDF["logit"](t),
    "probit": np.negative,
    "cloglog": lambda t: 1 - np.exp(np.minimum(t, 700.0)),
    "loglog": lambda t: np.exp(np.minimum(-t, 700.0)) - 1,
}
"""F'' / F', by link."""


def _density(t: np.ndarray, link: str) -> np.ndarray:
    return np.exp(_LOG_DENSITY[link](t))


@dataclass(frozen=True)
class ChiSquared:
    """A test statistic referred to a chi-squared distribution.

    Attributes
    ----------
    name : str
    statistic : float
    df : int
    p_value : float
    """

    name: str
    statistic: float
    df: int

    @property
    def p_value(self) -> float:
        return float(stats.chi2.sf(self.statistic, self.df))

    def __str__(self) -> str:
        return f"{self.name}: {self.statistic:.4g} on {self.df} df, p = {self.p_value:.2g}"


def observed_information(problem: OrdinalProblem, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """Minus the Hessian of the log-likelihood in (a_1, b_1, ..., a_m, b_m), ((p+1) m, (p+1) m).

    Parameters
    ----------
    problem : OrdinalProblem
        Of the cumulative family, X dense.
    coef : ndarray (m, p), intercept : ndarray (m,)
    """
    design, eta = _design(problem, coef, intercept)
    G = _slopes(problem, eta)
    H = G[:, :, None] * G[:, None, :]
    diagonal = np.arange(eta.shape[1])
    H[:, diagonal, diagonal] -= G * _LOG_DENSITY_SLOPE[problem.link](eta)
    return _assemble(design, H * problem.weights[:, None, None])


def expected_information(problem: OrdinalProblem, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    """The Fisher information in the same coordinates; positive semidefinite whatever the data."""
    design, eta = _design(problem, coef, intercept)
    n, m = eta.shape
    F = np.column_stack([np.zeros(n), CDF[problem.link](eta), np.ones(n)])
    density = _density(eta, problem.link)
    p = np.diff(F, axis=1)
    inverse = np.divide(1.0, p, out=np.zeros_like(p), where=p > 0)  # a class ruled out at a row says nothing there
    H = np.zeros((n, m, m))
    for c in range(m + 1):
        g = np.zeros((n, m))
        if c < m:
            g[:, c] += density[:, c]
        if c > 0:
            g[:, c - 1] -= density[:, c - 1]
        H += g[:, :, None] * g[:, None, :] * inverse[:, c, None, None]
    return _assemble(design, H * problem.weights[:, None, None])


def _design(problem: OrdinalProblem, coef: np.ndarray, intercept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if problem.family != "cumulative":
        raise ValueError(f"this needs the cumulative family; the problem's is {problem.family!r}")
    X = problem.X.toarray() if hasattr(problem.X, "toarray") else problem.X
    eta = X @ coef.T + intercept
    if problem.offset is not None:
        eta = eta + problem.offset[:, None]
    return np.column_stack([np.ones(len(X)), X]), eta


def _assemble(design: np.ndarray, H: np.ndarray) -> np.ndarray:
    q, m = design.shape[1], H.shape[1]
    out = np.zeros((q * m, q * m))
    for k in range(m):
        for j in range(max(0, k - 1), min(m, k + 2)):
            out[k * q : (k + 1) * q, j * q : (j + 1) * q] = design.T @ (H[:, k, j, None] * design)
    return out


def _slopes(problem: OrdinalProblem, eta: np.ndarray) -> np.ndarray:
    """Slopes of log P(Y_i = codes_i) in the linear predictors: (n, m), 0 but at the boundaries of the class.

    From logarithms: far out P and F' are both 0 as doubles, and their ratio is not.
    """
    log_p = log_likelihoods(eta, problem.codes, "cumulative", problem.link)
    above = problem.codes[:, None] - np.arange(eta.shape[1])  # 0 at the boundary above the class, 1 at the one below
    with np.errstate(over="ignore", invalid="ignore"):  # of boundaries that are not the row's
        ratio = np.exp(_LOG_DENSITY[problem.link](eta) - log_p[:, None])
    return np.where(above == 0, ratio, np.where(above == 1, -ratio, 0.0))


def _score(problem: OrdinalProblem, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
    design, eta = _design(problem, coef, intercept)
    return ((problem.weights[:, None] * _slopes(problem, eta)).T @ design).ravel()


def maximum_likelihood(problem: OrdinalProblem, *, parallel: bool) -> tuple[np.ndarray, np.ndarray, float, bool]:
    """Coefficients (m, p), intercepts (m,), log-likelihood and whether the maximum was reached.

    Parameters
    ----------
    problem : OrdinalProblem
        Its penalty is ignored but for what it holds at 0.
    parallel : bool
        Proportional odds in every column.
    """
    weights = np.where(np.isinf(problem.penalty_weights), np.inf, 1.0)
    if parallel:
        weights[:, 1:] = np.inf
    total = problem.weights.sum()
    native = NativeOrdinal(
        replace(
            problem,
            penalty_weights=weights,
            sample_weight=problem.weights * (len(problem.codes) / total),
            monotone="none",
            l1_ratio=1.0,
        )
    )
    result = native.solve_path([0.0], tol=1e-12, max_iter=100)
    return (
        result.coefs[0],
        result.intercepts[0],
        float(-total * result.losses[0]),
        result.certificates[0].converged,
    )


@dataclass(frozen=True, eq=False)
class Estimates:
    """Maximum likelihood estimates and their covariance.

    Attributes
    ----------
    boundary, column : lists
        Of each parameter; boundary -1 for one that all boundaries share.
    values : ndarray (q,), covariance : ndarray (q, q)
    places : ndarray ((p+1) m, q) of 0 and 1
        Which of (a_1, b_1, ..., a_m, b_m) a parameter is.
    coef : ndarray (m, p), intercept : ndarray (m,)
    """

    boundary: list[int]
    column: list[str]
    values: np.ndarray
    covariance: np.ndarray
    places: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray


def estimates(problem: OrdinalProblem, names: list[str]) -> Estimates:
    """Maximum likelihood, its covariance the inverse of the observed information.

    Parameters
    ----------
    problem : OrdinalProblem
        Columns whose differences it holds at 0 (``parallel``) have one coefficient, others one a boundary.
    names : list of str, the columns

    Raises
    ------
    ValueError
        When the maximum is not reached (separated classes) or the columns are collinear.
    """
    coef, intercept, _, reached = maximum_likelihood(problem, parallel=False)
    if not reached:
        raise ValueError("the likelihood has no maximum here (separated classes): there are no standard errors")
    m, p = coef.shape
    shared = np.isinf(problem.penalty_weights[:, 1:]).all(axis=1)
    labels = [(k, "(intercept)") for k in range(m)]
    estimate = list(intercept)
    places = [[k * (p + 1)] for k in range(m)]
    for j, name in enumerate(names):
        everywhere = [k * (p + 1) + 1 + j for k in range(m)]
        if shared[j]:
            labels.append((-1, name))
            estimate.append(coef[0, j])
            places.append(everywhere)
        else:
            labels += [(k, name) for k in range(m)]
            estimate += coef[:, j].tolist()
            places += [[at] for at in everywhere]
    C = np.zeros(((p + 1) * m, len(labels)))
    for i, rows in enumerate(places):
        C[rows, i] = 1
    information = C.T @ observed_information(problem, coef, intercept) @ C
    scale = _unit(information)
    if not np.linalg.cond(information * scale) < 1e12:
        raise ValueError("columns are collinear or constant: drop some for standard errors")
    return Estimates(
        boundary=[k for k, _ in labels],
        column=[name for _, name in labels],
        values=np.asarray(estimate),
        covariance=linalg.inv(information * scale) * scale,
        places=C,
        coef=coef,
        intercept=intercept,
    )


def wald_table(problem: OrdinalProblem, names: list[str], *, level: float = 0.95) -> pd.DataFrame:
    """Maximum likelihood estimates with standard errors from the observed information.

    Parameters
    ----------
    problem, names : as in :func:`estimates`
    level : float
        Of the confidence intervals.

    Returns
    -------
    DataFrame with boundary (-1 for all), column, estimate, std_error, z, p_value, conf_low, conf_high

    Raises
    ------
    ValueError
        As :func:`estimates`.
    """
    found = estimates(problem, names)
    return pd.DataFrame(
        {
            "boundary": found.boundary,
            "column": found.column,
            **_wald(found.values, np.sqrt(np.diag(found.covariance)), level),
        }
    )


def _wald(values: np.ndarray, se: np.ndarray, level: float) -> dict[str, np.ndarray]:
    """Columns of a table of estimates with Wald tests and intervals."""
    with np.errstate(divide="ignore", invalid="ignore"):  # no error where nothing can vary: no test
        z = values / se
    width = stats.norm.ppf(0.5 + level / 2) * se
    return {
        "estimate": values,
        "std_error": se,
        "z": z,
        "p_value": 2 * stats.norm.sf(np.abs(z)),
        "conf_low": values - width,
        "conf_high": values + width,
    }


def marginal_effects(
    problem: OrdinalProblem,
    names: list[str],
    contrasts: Iterable[tuple[np.ndarray, np.ndarray, float]],
    *,
    level: float = 0.95,
) -> pd.DataFrame:
    """Average effects on the probability of each class, with standard errors by the delta method.

    An effect is the mean of (P(Y = c | high) - P(Y = c | low)) / width over the rows, which are taken as given: the
    errors are those of the coefficients alone.

    Parameters
    ----------
    problem, names : as in :func:`estimates`
    contrasts : iterable of (low, high, width), one a column
        Two versions of ``problem.X``, dense, and what parts them.
    level : float
        Of the confidence intervals.

    Returns
    -------
    DataFrame with column, category (0..K-1), estimate, std_error, z, p_value, conf_low, conf_high

    Raises
    ------
    ValueError
        As :func:`estimates`; and where boundaries cross, because repaired probabilities have kinks.
    """
    found = estimates(problem, names)
    w = problem.weights / problem.weights.sum()
    tables = []
    for name, (low, high, width) in zip(names, contrasts, strict=True):
        parts = []
        for X, sign in ((high, 1.0), (low, -1.0)):
            design, eta = _design(replace(problem, X=X), found.coef, found.intercept)
            if (np.diff(eta, axis=1) < 0).any():
                raise ValueError("boundaries of the maximum cross: marginal effects have no standard errors there")
            F, density = CDF[problem.link](eta), _density(eta, problem.link)
            parts.append((sign / width * (w @ F), sign / width * ((w[:, None] * density).T @ design)))
        below, slope = (first + second for first, second in zip(*parts, strict=True))  # of P(Y <= k): (m,), (m, p + 1)
        gradient = linalg.block_diag(*slope) @ found.places
        # P(Y = c) is the difference of P(Y <= c) and P(Y <= c - 1).
        effect = np.diff(below, prepend=0.0, append=0.0)
        gradient = np.diff(gradient, axis=0, prepend=0.0, append=0.0)
        se = np.sqrt(np.einsum("cq,qr,cr->c", gradient, found.covariance, gradient))
        tables.append(pd.DataFrame({"column": name, "category": np.arange(len(effect)), **_wald(effect, se, level)}))
    return pd.concat(tables, ignore_index=True)


def _unit(A: np.ndarray) -> np.ndarray:
    """Factors that scale a matrix to unit diagonal."""
    d = 1 / np.sqrt(np.maximum(np.diag(A), 1e-300))
    return d[:, None] * d[None, :]


def _rank(problem: OrdinalProblem) -> int:
    X = problem.X.toarray() if hasattr(problem.X, "toarray") else problem.X
    Z = X - np.average(X, axis=0, weights=problem.weights)
    sd = Z.std(axis=0)
    return int(np.linalg.matrix_rank(Z[:, sd > 0] / sd[sd > 0])) if (sd > 0).any() else 0


def score_test(problem: OrdinalProblem) -> ChiSquared:
    """Score test of proportional odds in every column, at the proportional-odds fit.

    Fits that one model only, so it exists where the model without the assumption has crossing boundaries or
    no maximum. Expected information.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.backend.ordinal import OrdinalProblem
    >>> from sparsestats.inference.ordinal import score_test
    >>> rng = np.random.default_rng(0)
    >>> X = np.asfortranarray(rng.standard_normal((500, 2)))
    >>> y = np.digitize(X[:, 0] + rng.logistic(size=500), [0.0, 2.0])
    >>> score_test(OrdinalProblem(X, y, 3, np.ones((2, 2)))).df
    2
    """
    coef, intercept, _, _ = maximum_likelihood(problem, parallel=True)
    u = _score(problem, coef, intercept)
    information = expected_information(problem, coef, intercept)
    scale = _unit(information)
    d = np.sqrt(np.diag(scale))
    values, vectors = linalg.eigh(information * scale)
    kept = values > 1e-10 * values[-1]
    t = (vectors.T @ (u * d))[kept]
    return ChiSquared(
        "score test of proportional odds",
        float(np.sum(t**2 / values[kept])),
        _rank(problem) * (problem.n_boundaries - 1),
    )


def likelihood_ratio(problem: OrdinalProblem) -> ChiSquared | None:
    """Likelihood ratio of proportional odds against a vector of coefficients a boundary.

    None when the larger model has no maximum, or boundaries that cross at some row. Columns that ``problem``
    holds to proportional odds are free in the larger model all the same.
    """
    problem = replace(problem, penalty_weights=np.ones_like(problem.penalty_weights))
    _, _, small, _ = maximum_likelihood(problem, parallel=True)
    coef, intercept, large, reached = maximum_likelihood(problem, parallel=False)
    eta = _design(problem, coef, intercept)[1]
    if not reached or (np.diff(eta, axis=1) < 0).any():
        return None
    df = _rank(problem) * (problem.n_boundaries - 1)
    return ChiSquared("LR against non-parallel", max(0.0, 2 * (large - small)), df)


def brant_test(problem: OrdinalProblem, names: list[str]) -> pd.DataFrame:
    """Brant's test: do the m separate binary logits agree in their coefficients?

    Parameters
    ----------
    problem : OrdinalProblem
        Cumulative logit.
    names : list of str

    Returns
    -------
    DataFrame with column ("(all)" first), statistic, df, p_value

    Raises
    ------
    ValueError
        For another link, separated classes at some boundary, or collinear columns.

    References
    ----------
    Brant (1990), Assessing proportionality in the proportional odds model for ordinal logistic regression,
    Biometrics 46, 1171-1178.
    """
    if problem.family != "cumulative" or problem.link != "logit":
        raise ValueError("Brant's test is for the cumulative logit model")
    n, p = problem.shape
    m = problem.n_boundaries
    X = problem.X.toarray() if hasattr(problem.X, "toarray") else problem.X
    if _rank(problem) < p:
        raise ValueError(
            "columns are collinear or constant: no Brant test (alpha=0 codes factors against a first level)"
        )
    design = np.column_stack([np.ones(n), X])
    w, offset = problem.weights, 0.0 if problem.offset is None else problem.offset
    beta, F, bread = np.empty((m, p)), np.empty((m, n)), []
    for k in range(m):
        binary = replace(
            problem,
            codes=(problem.codes > k).astype(int),
            n_classes=2,
            penalty_weights=np.ones((p, 1)),
            monotone="none",
        )
        coef, intercept, _, reached = maximum_likelihood(binary, parallel=False)
        if not reached:
            raise ValueError(f"the classes on the two sides of boundary {k} are separated: no Brant test")
        beta[k] = coef[0]
        F[k] = CDF["logit"](X @ coef[0] + intercept[0] + offset)
        bread.append(linalg.inv(design.T @ ((w * F[k] * (1 - F[k]))[:, None] * design)))
    V = np.zeros((m * p, m * p))
    for k in range(m):
        for j in range(k, m):
            meat = design.T @ ((w * F[k] * (1 - F[j]))[:, None] * design)  # cov of 1{Y <= k}, 1{Y <= j}
            block = (bread[k] @ meat @ bread[j])[1:, 1:]
            V[k * p : (k + 1) * p, j * p : (j + 1) * p] = block
            V[j * p : (j + 1) * p, k * p : (k + 1) * p] = block.T
    D = np.kron(np.column_stack([-np.ones(m - 1), np.eye(m - 1)]), np.eye(p))
    difference, covariance = D @ beta.ravel(), D @ V @ D.T
    tests = [("(all)", np.arange(p * (m - 1)))]
    tests += [(name, np.arange(j, p * (m - 1), p)) for j, name in enumerate(names)]
    rows: list[dict[str, Any]] = []
    for name, at in tests:
        statistic = float(difference[at] @ linalg.solve(covariance[np.ix_(at, at)], difference[at], assume_a="sym"))
        rows.append(
            {
                "column": name,
                "statistic": statistic,
                "df": len(at),
                "p_value": float(stats.chi2.sf(statistic, len(at))),
            }
        )
    return pd.DataFrame(rows)
