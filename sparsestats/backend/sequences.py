"""Shapes of sorted-L1 penalties: non-increasing weights, the first for the largest coefficient.

Every named sequence is a quantile of a known distribution, evaluated through tail functions, so that entries
carry full double precision however small ``q i / p`` is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import chdtrc, chdtri, gammaln, ndtri, xlogy


def elementwise(
    sequence: str | Sequence[float] | np.ndarray,
    p: int,
    *,
    q: float = 0.1,
    n: int | None = None,
    theta: tuple[float, float] = (1.0, 0.5),
) -> np.ndarray:
    """Weights v_1 >= ... >= v_p >= 0 of sum_i v_i |c|_(i).

    Parameters
    ----------
    sequence : {"bh", "gaussian", "oscar", "lasso"} or array of shape (p,)
        "bh": v_i = Phi^-1(1 - q i / 2p), false discovery rate at most q p0/p for orthogonal columns.
        "gaussian": "bh" inflated for the noise of the effects already selected,
        v_i = bh_i sqrt(1 + sum_{j<i} v_j^2 / max(1, n - i)), held flat from its first increase.
        "oscar": v_i = theta_1 + theta_2 (p - i). "lasso": ones.
    p : int
        Number of penalised columns.
    q : float in (0, 1), default 0.1
        Target false discovery rate, used by "bh" and "gaussian".
    n : int
        Number of observations, needed by "gaussian".
    theta : pair of float >= 0, default (1, 0.5)
        Floor and slope of "oscar".

    Returns
    -------
    ndarray of shape (p,)

    Raises
    ------
    ValueError
        For an unknown name, q outside (0, 1), or an array that increases, is negative, not finite, or of
        another length.

    Examples
    --------
    >>> from sparsestats.backend.sequences import elementwise
    >>> elementwise("bh", 3, q=0.3).round(3)
    array([1.645, 1.282, 1.036])

    References
    ----------
    Bogdan et al. (2015), SLOPE - adaptive variable selection via convex optimization, sections 1 and 3.2.
    """
    makers: dict[str, Callable[[], np.ndarray]] = {
        "bh": lambda: _bh(p, _rate(q)),
        "gaussian": lambda: _gaussian(p, _rate(q), _observations(n, sequence)),
        "oscar": lambda: theta[0] + theta[1] * np.arange(p - 1.0, -1.0, -1.0),
        "lasso": lambda: np.ones(p),
    }
    return _make(sequence, makers, p, "penalised columns")


def groupwise(
    sequence: str | Sequence[float] | np.ndarray,
    sizes: Sequence[int] | np.ndarray,
    *,
    q: float = 0.1,
    n: int | None = None,
) -> np.ndarray:
    """Weights w_1 >= ... >= w_m >= 0 of sum_i w_i [sqrt(p_g) ||c_g||]_(i).

    Parameters
    ----------
    sequence : {"mean", "max", "corrected", "lasso", "oscar"} or array of shape (m,)
        With F_d the distribution function of the chi distribution on d degrees of freedom:
        "max": w_i = max_g F_{p_g}^-1(1 - q i / m) / sqrt(p_g).
        "mean": w_i solves (1/m) sum_g F_{p_g}(sqrt(p_g) w) = 1 - q i / m.
        "corrected": "mean" inflated for the noise of the groups already selected, held flat from its first
        increase and from where n <= p_g (i - 1) + 1 leaves no degrees of freedom.
        "lasso": ones (the group lasso). "oscar": w_i = 1 + (m - i) / m.
    sizes : int array of shape (m,)
        Columns of each group (its rank where groups are orthonormalised), each at least 1.
    q : float in (0, 1), default 0.1
        Target group false discovery rate, used by the first three.
    n : int
        Number of observations, needed by "corrected".

    Returns
    -------
    ndarray of shape (m,)

    Raises
    ------
    ValueError
        As :func:`elementwise`, and for a size below 1.

    Examples
    --------
    >>> from sparsestats.backend.sequences import groupwise
    >>> groupwise("max", [1, 4], q=0.2).round(3)
    array([1.645, 1.282])

    References
    ----------
    Brzyski, Gossmann, Su & Bogdan (2019), Group SLOPE - adaptive selection of groups of predictors,
    theorem 2.5, equation 2.16 and procedure 1.
    """
    sizes = np.asarray(sizes, dtype=float)
    m = len(sizes)
    if sizes.min(initial=1) < 1:
        raise ValueError(f"group sizes must be at least 1; got {sizes.tolist()}")
    # Groups of one size share their quantiles: the work is per distinct size, not per group.
    size, count = np.unique(sizes, return_counts=True)
    ranks, even = np.arange(1, m + 1) / max(m, 1), np.ones(len(size))
    makers: dict[str, Callable[[], np.ndarray]] = {
        "mean": lambda: _mean_of_sizes(tuple(size), tuple(count), _rate(q)).copy(),
        "max": lambda: _chi_quantiles(size, _rate(q) * ranks, even).max(axis=1),
        "corrected": lambda: _chi_corrected(size, count, _rate(q), _observations(n, sequence)),
        "lasso": lambda: np.ones(m),
        "oscar": lambda: 1.0 + np.arange(m - 1.0, -1.0, -1.0) / m,
    }
    return _make(sequence, makers, m, "penalised groups")


@lru_cache(maxsize=32)
def _mean_of_sizes(size: tuple[float, ...], count: tuple[int, ...], q: float) -> np.ndarray:
    """The "mean" sequence; kept, because the folds of a cross-validation ask for the same one."""
    m = sum(count)
    return _chi_mean(np.array(size), np.array(count), q * np.arange(1, m + 1) / max(m, 1), np.ones(len(size)))


def _make(sequence: Any, makers: dict[str, Callable[[], np.ndarray]], length: int, what: str) -> np.ndarray:
    if not isinstance(sequence, str):
        return _checked(sequence, length, what)
    if sequence not in makers:
        known = ", ".join(f'"{name}"' for name in makers)
        raise ValueError(
            f"sequence must be one of {known}, or an array with one entry for each of the {what}; "
            f"got {sequence!r}"
        )
    return makers[sequence]() if length else np.zeros(0)


def _checked(sequence: Any, length: int, what: str) -> np.ndarray:
    """A sequence of the user's own, as float64, refused with the first thing that is wrong."""
    try:
        values = np.array(sequence, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sequence must be a name or an array of numbers; got {sequence!r}") from error
    if values.shape != (length,):
        raise ValueError(
            f"sequence must have one entry for each of the {length} {what}, shape ({length},); "
            f"got shape {values.shape}"
        )
    if not length:
        return values
    if not np.all(np.isfinite(values)):
        raise ValueError(f"sequence must be finite; entry {np.argmin(np.isfinite(values))} is not")
    increases = np.flatnonzero(np.diff(values) > 0)
    if increases.size:
        i = int(increases[0]) + 1
        raise ValueError(
            f"sequence must be non-increasing, its first entry for the largest coefficient; "
            f"entry {i} ({values[i]:g}) is larger than entry {i - 1} ({values[i - 1]:g})"
        )
    if values[-1] < 0:
        i = int(np.argmax(values < 0))
        raise ValueError(f"sequence must be >= 0; entry {i} is {values[i]:g}")
    return values


def _rate(q: float) -> float:
    if not 0 < q < 1:
        raise ValueError(f"q must be in (0, 1), a false discovery rate; got {q!r}")
    return float(q)


def _observations(n: int | None, sequence: Any) -> int:
    if n is None:
        raise ValueError(f'sequence "{sequence}" depends on the number of observations; pass n')
    return int(n)


def _bh(p: int, q: float) -> np.ndarray:
    return -ndtri(q * np.arange(1, p + 1) / (2 * p))


def _gaussian(p: int, q: float, n: int) -> np.ndarray:
    v = _bh(p, q)
    total = 0.0
    for i in range(1, p):
        total += v[i - 1] ** 2
        corrected = v[i] * np.sqrt(1.0 + total / max(1, n - i - 1))
        if corrected > v[i - 1]:
            v[i:] = v[i - 1]
            break
        v[i] = corrected
    return v


def _chi_quantiles(size: np.ndarray, tails: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Upper quantiles of spread * chi_size / sqrt(size): one row a tail, one column a size."""
    return spread * np.sqrt(chdtri(size, tails[:, None]) / size)


def _chi_mean(size: np.ndarray, count: np.ndarray, tails: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Upper quantiles of the mixture over groups of spread * chi_size / sqrt(size).

    Newton on the logarithm of the tail, kept inside a bracket that starts at the extreme quantiles of the
    single sizes; a step that leaves it is replaced by a bisection.
    """
    ends = _chi_quantiles(size, tails, spread)
    low, high = ends.min(axis=1), ends.max(axis=1)
    share = count / count.sum()
    # log of the constant of the chi density in units of chi/sqrt(size)
    constant = 0.5 * size * np.log(size) - (0.5 * size - 1.0) * np.log(2.0) - gammaln(0.5 * size)
    x = high.copy()
    for _ in range(100):
        u = x[:, None] / spread
        tail = chdtrc(size, size * u * u) @ share
        density = np.exp(constant + xlogy(size - 1.0, u) - 0.5 * size * u * u) / spread @ share
        below = tail > tails
        low, high = np.where(below, x, low), np.where(below, high, x)
        step = np.divide(tail * np.log(tail / tails), density, out=np.full_like(x, np.inf), where=density > 0)
        proposed = x + step
        inside = (proposed >= low) & (proposed <= high)
        proposed = np.where(inside, proposed, 0.5 * (low + high))
        moved = np.abs(proposed - x)
        x = proposed
        if np.all((moved <= 4e-16 * x) | (high - low <= 4e-16 * x)):
            break
    return x


def _chi_corrected(size: np.ndarray, count: np.ndarray, q: float, n: int) -> np.ndarray:
    m = int(count.sum())
    w = np.empty(m)
    total = 0.0
    for i in range(m):
        used = size * i
        if i and used.max() + 1 >= n:
            w[i:] = w[i - 1]
            break
        spread = np.sqrt((n - used) / n + size * total / (n - used - 1)) if i else np.ones(len(size))
        w[i] = _chi_mean(size, count, np.array([q * (i + 1) / m]), spread)[0]
        if i and w[i] > w[i - 1]:
            w[i:] = w[i - 1]
            break
        total += w[i] ** 2
    return w
