"""From scores by fold to a model: mean and standard error, the best mean, one standard error from it, an average."""

from __future__ import annotations

import numpy as np

EVIDENCE = 0.1
"""Power of the held-out likelihood in :func:`likelihood_shares`. Scores of neighbouring alphas differ by less than
their noise, and the full likelihood would still settle on one; a tenth did best on the simulated designs of the PRESTO
paper (benchmarks/rare_events.py), and was kept for draws that played no part in the choice."""


def summarize(scores: np.ndarray, weights: np.ndarray, rounds: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean over folds, and its standard error.

    mean = sum w_f s_f / sum w_f; se^2 = (sum w_f (s_f - mean)^2 / sum w_f) / (F - 1) x rounds. With equal
    weights and one round that is sd / sqrt(F). An undefined score (NaN, say the AUC of a fold with one class)
    leaves its fold out, F with it.

    Parameters
    ----------
    scores : ndarray (n_folds, k)
    weights : ndarray (n_folds,)
        Held-out rows of each fold, or the sum of their sample weights.
    rounds : float >= 1, default 1
        How often a row is held out. Repeated cross-validation holds out the same rows again, which steadies
        the mean against the draw of the folds but is no new data: F / rounds folds count as independent.

    Returns
    -------
    mean, se : ndarray (k,)
        NaN where no fold has a score; ``se`` also where only one has.
    """
    # Powers of two are exact, and neither sums nor squares leave the range of doubles where scores do not.
    weights = np.ldexp(weights, -np.frexp(weights.sum())[1])
    known = ~np.isnan(scores) & (weights > 0)[:, None]
    share = np.where(known, weights[:, None], 0.0)
    filled = np.where(known, scores, 0.0)
    total, folds = share.sum(axis=0), known.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (share * filled).sum(axis=0) / total
        apart = np.where(known, filled - mean, 0.0)
        size = np.frexp(np.abs(apart).max(axis=0, initial=0.0))[1]
        spread = (share * np.ldexp(apart, -size) ** 2).sum(axis=0) / total
        se = np.where(folds > 1, np.ldexp(np.sqrt(spread * rounds / (folds - 1)), size), np.nan)
    return mean, se


def best(mean: np.ndarray, greater_is_better: bool) -> int:
    """Row of the best mean; of equal ones the first, which is the largest alpha. NaN is never best.

    Raises
    ------
    ValueError
        When every mean is NaN or infinite.
    """
    if np.isnan(mean).all():
        raise ValueError("The score is undefined (NaN) at every alpha in every fold, so none can be chosen.")
    if not np.isfinite(mean).any():
        raise ValueError(
            "The score is infinite or undefined at every alpha, so none can be chosen: predictions or their squared "
            "errors are beyond the largest double in some fold. Rescale the response, or choose another score."
        )
    return int(np.nanargmax(mean) if greater_is_better else np.nanargmin(mean))


def one_standard_error(mean: np.ndarray, se: np.ndarray, greater_is_better: bool) -> int:
    """First row (largest alpha) whose mean is within one standard error of the best mean, that row's own.

    Parameters
    ----------
    mean, se : ndarray (k,)
        For decreasing alphas.
    greater_is_better : bool

    Returns
    -------
    int
        At most ``best(mean, greater_is_better)``. An undefined standard error (NaN: one fold) counts as 0.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees, section 3.4.3.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.selection.rules import one_standard_error
    >>> one_standard_error(np.array([3.0, 2.2, 2.1, 2.0]), np.full(4, 0.15), greater_is_better=False)
    2
    """
    top = best(mean, greater_is_better)
    margin = 0.0 if np.isnan(se[top]) else se[top]
    within = mean >= mean[top] - margin if greater_is_better else mean <= mean[top] + margin
    return int(np.flatnonzero(within)[0])


def likelihood_shares(mean_log_loss: np.ndarray, n: int, power: float = EVIDENCE) -> np.ndarray:
    """Shares of the alphas in an averaged model: proportional to their held-out likelihood to a power.

    Parameters
    ----------
    mean_log_loss : ndarray (k,)
        Held-out log-loss a row; NaN has no share.
    n : int
        Rows that were held out in turn.
    power : float > 0

    Returns
    -------
    ndarray (k,), summing to 1

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.selection.rules import likelihood_shares
    >>> likelihood_shares(np.array([0.70, 0.69, 0.69]), 1000).round(2).tolist()
    [0.16, 0.42, 0.42]
    """
    likelihood = np.exp(-power * n * (mean_log_loss - np.nanmin(mean_log_loss)))
    share = np.where(np.isnan(likelihood), 0.0, likelihood)
    return share / share.sum()
