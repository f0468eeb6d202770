"""Tests of terms that other rows selected, and what many random splits say together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from ..backend.problem import Problem
from ..backend.refit import refit

TESTED = ("gaussian", "binomial", "poisson")
"""The losses (by their names in the core) that are likelihoods with a textbook test."""

ENOUGH = 10
"""Observations a parameter, of the rarer class where there are two, from which likelihood-ratio tests keep their level.
"""

LEAST_SHARE = 20
"""One of this many splits is the smallest share that may decide: gamma_min = 0.05 of the paper."""


def nested_tests(
    problem: Problem, terms: Sequence[np.ndarray], observations: float, tol: float
) -> tuple[np.ndarray, bool]:
    """p-value of each term in an unpenalised model of all columns: the model without the term against it.

    F tests for the squared loss, likelihood-ratio tests for binomial and Poisson ones. Degrees of freedom are
    differences of ranks; a term that adds nothing to the others has p = 1.

    Parameters
    ----------
    problem : Problem
        Of the columns of the model alone; its penalty is not used.
    terms : sequence of int ndarray
        Columns of each tested term; columns of none stay in every model.
    observations : float
        Number of observations that the rows stand for: the loss is a mean, a likelihood a sum.
    tol : float
        Certificate asked of the fits, as a share of the null objective.

    Returns
    -------
    p_values : ndarray, one a term
    crowded : bool
        Whether there are too few observations for likelihood-ratio tests of so many parameters.

    Raises
    ------
    SaturatedError, SeparatedError
        When the model has no fewer parameters than rows, or no maximum of its likelihood.
    """
    from scipy import stats  # takes as long to import as the rest of scipy

    p = problem.shape[1]
    columns = sparse.eye_array(p, format="csc")
    full = refit(problem, columns, tol=tol)
    loss, least = problem.loss, full.certificate.objective
    # Below this the loss is what rounding leaves of it.
    explained = loss.explained(least, problem.y, problem.sample_weight)
    values = np.ones(len(terms))
    for k, term in enumerate(terms):
        smaller = refit(problem, columns[:, np.setdiff1d(np.arange(p), term)], tol=tol)
        df, rise = full.rank - smaller.rank, smaller.certificate.objective - least
        if df <= 0 or not rise > 0:
            continue
        if loss.native != "gaussian":
            values[k] = stats.chi2.sf(2.0 * observations * rise, df)
        elif explained:  # nothing is left to compare with
            values[k] = float(loss.explained(smaller.certificate.objective, problem.y, problem.sample_weight))
        else:
            left = problem.observations - full.rank - problem.fit_intercept
            values[k] = stats.f.sf((rise / df) / (least / left), df, left)
    return values, _events(problem, observations) < ENOUGH * (full.rank + problem.fit_intercept)


def _events(problem: Problem, observations: float) -> float:
    """What there is to fit parameters of a likelihood by: the rarer class, or counts; rows enough for F tests."""
    share = float(np.average(problem.y, weights=problem.sample_weight))
    least = {"gaussian": np.inf, "binomial": min(share, 1.0 - share), "poisson": min(share, 1.0)}
    return observations * least[problem.loss.native]


def aggregated(values: np.ndarray) -> np.ndarray:
    """One p-value for each term from those of many splits.

    (1 - log g0) inf over g in [g0, 1] of the g-quantile of the splits' p-values divided by g, at most 1; g0 is the
    smallest multiple of 1 / (number of splits) that is at least 0.05. The quantiles are order statistics, as the proof
    has them; one split alone keeps its p-value.

    Parameters
    ----------
    values : ndarray (splits, terms)
        p-values of each split, corrected for the number of terms tested in it.

    Returns
    -------
    ndarray (terms,)

    References
    ----------
    Meinshausen, Meier & Buehlmann (2009), P-values for high-dimensional regression, Theorem 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.inference.splitting import aggregated
    >>> aggregated(np.array([[0.01, 1.0], [0.03, 0.2]])).round(4)  # 2 * 0.01 and 0.03; (1 + log 2) times the smaller
    array([0.0339, 0.6773])
    """
    count = len(values)
    first = -(-count // LEAST_SHARE)
    shares = np.arange(first, count + 1) / count
    smallest = np.min(np.sort(values, axis=0)[first - 1 :] / shares[:, None], axis=0)
    return np.minimum(1.0, (1.0 - np.log(shares[0])) * smallest)


def false_bound(found: np.ndarray, threshold: float) -> tuple[float, float]:
    """Bound on the expected number of stable terms that a half rarely selects, and how rarely.

    A term counts when a random half selects it with a probability of at most q / m, q the expected number of terms that
    a half selects of the m there are: no more often than the average term. Of such terms at most
    q^2 / ((2 threshold - 1) m) are expected among the stable ones, whatever model and data are. More than m they cannot
    be: a bound of m says nothing.

    Parameters
    ----------
    found : bool ndarray (halves, m)
        Of complementary pairs; their mean stands for q.
    threshold : float in (0.5, 1]

    Returns
    -------
    bound, share : float

    References
    ----------
    Shah & Samworth (2013), Variable selection with error control, Theorem 1; Meinshausen & Buehlmann (2010), Stability
    selection.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.inference.splitting import false_bound
    >>> false_bound(np.eye(4, dtype=bool), 0.75)  # each half selects one of four terms
    (0.5, 0.25)
    """
    share, m = float(found.mean()), found.shape[1]
    return min(float(m), share**2 * m / (2.0 * threshold - 1.0)), share
