"""Formulas of the sorted norms sum_i weights_i magnitude_(i): value, dual norm, prox, screening."""

from __future__ import annotations

from typing import Any

import numpy as np


def group_norms(c: np.ndarray, groups: np.ndarray, m: int) -> np.ndarray:
    """||c_g|| of m groups."""
    return np.sqrt(np.bincount(groups, weights=c * c, minlength=m))


def sorted_sum(magnitudes: np.ndarray, weights: np.ndarray) -> float:
    """sum_i weights_i magnitude_(i)."""
    return float(np.sort(magnitudes)[::-1] @ weights)


def sorted_dual_norm(magnitudes: np.ndarray, weights: np.ndarray) -> float:
    """max_k (sum of the k largest magnitudes) / (sum of the k first weights)."""
    if not len(weights):
        return 0.0
    if weights[0] == 0.0:  # J is 0 everywhere, so only z = 0 is in any multiple of its dual ball
        return np.inf if magnitudes.any() else 0.0
    return float(np.max(np.cumsum(np.sort(magnitudes)[::-1]) / np.cumsum(weights)))


def sorted_expression(magnitudes: Any, weights: np.ndarray) -> Any:
    """:func:`sorted_sum` in cvxpy."""
    import cvxpy as cp

    if weights[0] == weights[-1]:
        return weights[0] * cp.sum(magnitudes)
    return cp.dotsort(magnitudes, weights)


def sorted_prox(magnitudes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Prox of the sorted L1 norm at a non-negative vector: argmin_r ||r - m||^2/2 + sum_i weights_i r_(i).

    The excess of the sorted magnitudes over the weights, made non-increasing by pooling adjacent violators
    and cut at 0 (Bogdan et al. 2015, algorithm 4).
    """
    from scipy.optimize import isotonic_regression  # scikit-learn's checks its input for longer than pooling takes

    order = np.argsort(-magnitudes, kind="stable")
    pooled = isotonic_regression(magnitudes[order] - weights, increasing=False).x
    out = np.empty_like(magnitudes)
    out[order] = np.maximum(pooled, 0.0)
    return out


def weighted_sorted_prox(rho: np.ndarray, k: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """argmin_{r >= 0} ||r - rho||^2/2 + sum_i weights_i (k r)_(i), for positive k that may differ.

    With unequal k the order of k r at the optimum is not the order of k rho, so sorting first and pooling
    afterwards gives a wrong answer. In t = k r the problem is a separable quadratic, with weights
    W = 1/k^2 and centres A = k rho, plus the Lovasz extension of S -> L(|S|), L = cumsum(weights): the
    decomposition algorithm for submodular functions solves it exactly. A block S, ranked after ``base``
    others, either shares one value tau or splits at the set that most violates its share.
    """
    if not len(k) or np.all(k == k[0]):
        return sorted_prox(rho, k * weights)
    W, WA = 1.0 / k**2, rho / k
    L = np.concatenate([[0.0], np.cumsum(weights)])
    t = np.empty_like(rho)
    blocks = [(np.arange(len(rho)), 0)]
    while blocks:
        S, base = blocks.pop()
        own = L[base + 1 : base + len(S) + 1] - L[base]
        w, wa = W[S], WA[S]
        tau = (wa.sum() - own[-1]) / w.sum()
        if len(S) == 1:  # nothing left to split, as in half of all blocks
            t[S] = max(tau, 0.0)
            continue
        a = wa - tau * w
        order = (-a).argsort(kind="stable")
        excess = a[order].cumsum() - own
        j = int(excess.argmax()) + 1
        # The last excess is 0 but for rounding; a violation below that is no violation.
        if j == len(S) or excess[j - 1] <= 1e-14 * (np.abs(a).sum() + own[-1]):
            t[S] = max(tau, 0.0)
        else:
            S = S[order]
            blocks += [(S[:j], base), (S[j:], base + j)]
    return np.minimum(t / k, rho)  # no entry grows, not even by the rounding of its block


def sorted_screen(magnitudes: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Mask of the k largest magnitudes, k the last maximiser of sum_{i<=k} (magnitude_(i) - threshold_i).

    It keeps every set of leading magnitudes whose sum reaches the sum of its thresholds, and reduces to
    magnitude >= threshold where the thresholds are equal.
    """
    order = np.argsort(-magnitudes, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(magnitudes[order] - thresholds)])
    keep = len(total) - 1 - int(np.argmax(total[::-1]))
    mask = np.zeros(len(magnitudes), dtype=bool)
    mask[order[:keep]] = True
    return mask
