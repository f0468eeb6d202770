"""Mean and covariance of Gaussian rows with missing entries, by EM."""

from __future__ import annotations

import numpy as np


def em_moments(X: np.ndarray, *, tol: float = 1e-8, max_iter: int = 500) -> tuple[np.ndarray, np.ndarray, int]:
    """Maximum-likelihood moments when entries are missing at random (NaN).

    Parameters
    ----------
    X : ndarray (n, d)
        Every column needs two observed values.
    tol : float
        Stop when no covariance moves by more than this share of the product of the standard deviations.
    max_iter : int

    Returns
    -------
    mean (d,), covariance (d, d) with divisor n, number of iterations
    """
    seen = ~np.isnan(X)
    few = np.flatnonzero(seen.sum(axis=0) < 2)
    if len(few):
        raise ValueError(f"column {int(few[0])} has fewer than two observed values; nothing can be said about it")
    n, d = X.shape
    patterns, which = np.unique(seen, axis=0, return_inverse=True)
    rows = [np.flatnonzero(which.ravel() == k) for k in range(len(patterns))]
    mean = np.nanmean(X, axis=0)
    variance = np.nanvar(X, axis=0)
    S = np.diag(np.where(variance > 0, variance, 1.0))
    iteration = 0
    while iteration < max_iter:
        iteration += 1
        total, cross = np.zeros(d), np.zeros((d, d))
        for pattern, members in zip(patterns, rows, strict=True):
            full = np.tile(mean, (len(members), 1))
            full[:, pattern] = X[np.ix_(members, np.flatnonzero(pattern))]
            gone = ~pattern
            if gone.any():
                # The conditional mean fills in; the conditional covariance is what filling in leaves out.
                slope = np.linalg.lstsq(S[np.ix_(pattern, pattern)], S[np.ix_(pattern, gone)], rcond=None)[0]
                full[:, gone] += (full[:, pattern] - mean[pattern]) @ slope
                left = S[np.ix_(gone, gone)] - S[np.ix_(gone, pattern)] @ slope
                cross[np.ix_(gone, gone)] += len(members) * left
            total += full.sum(axis=0)
            centred = full - mean
            cross += centred.T @ centred
        shift = total / n - mean
        new = cross / n - np.outer(shift, shift)
        sd = np.sqrt(np.maximum(np.diagonal(new), np.finfo(float).tiny))
        moved = np.abs((new - S) / np.outer(sd, sd)).max(initial=0.0)
        mean, S = mean + shift, (new + new.T) / 2
        if moved <= tol:
            break
    return mean, S, iteration
