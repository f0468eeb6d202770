"""Shapes of sorted-L1 penalties: non-increasing weights, the first for the largest coefficient.

Every named sequence is a quantile of a known distribution, evaluated through tail functions, so that entries
carry full double precision however small ``q i / p`` is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev
from scipy.special import chdtrc, chdtri, gammaln, ndtr, ndtri, xlogy

from ..validation import check_real


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


def depends_on_n(sequence: Any) -> bool:
    """Whether the weights of this name, or of a pair that holds it, depend on the number of observations."""
    names = sequence if isinstance(sequence, list | tuple) else [sequence]
    return any(isinstance(name, str) and name in ("gaussian", "corrected") for name in names)


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
    if not isinstance(sequence, str):
        return _checked(sequence, m, "penalised groups")
    rate = _rate(q) if sequence in ("mean", "max", "corrected") else 0.0
    rows = _observations(n, sequence) if depends_on_n(sequence) else 0
    return _named_groupwise(sequence, tuple(sizes.tolist()), rate, rows).copy()


@lru_cache(maxsize=32)
def _named_groupwise(sequence: str, sizes: tuple[float, ...], q: float, n: int) -> np.ndarray:
    """The named shapes; kept, because the folds of a cross-validation ask for the same ones."""
    # Groups of one size share their quantiles: the work is per distinct size, not per group.
    size, count = np.unique(np.array(sizes), return_counts=True)
    m = len(sizes)
    tails, even = q * np.arange(1, m + 1) / max(m, 1), np.ones(len(size))
    makers: dict[str, Callable[[], np.ndarray]] = {
        "mean": lambda: _chi_mean(size, count, tails, even),
        "max": lambda: _chi_quantiles(size, tails, even).max(axis=1),
        "corrected": lambda: _chi_corrected(size, count, q, n),
        "lasso": lambda: np.ones(m),
        "oscar": lambda: 1.0 + np.arange(m - 1.0, -1.0, -1.0) / m,
    }
    return _make(sequence, makers, m, "penalised groups")


def sparse_group(
    sequence: str | tuple[Any, Any],
    sizes: Sequence[int] | np.ndarray,
    *,
    q: float | tuple[float, float] = 0.1,
    l1_ratio: float = 0.95,
    n: int | None = None,
    columns: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Weights v and w of l1_ratio sum_i v_i |c|_(i) + (1 - l1_ratio) sum_i w_i [sqrt(p_g) ||c_g||]_(i).

    Parameters
    ----------
    sequence : {"vmean", "vmax", "original", "lasso", "oscar"} or pair (v, w)
        In the first three w is the groupwise "mean". With r = l1_ratio, p_(j) the sizes sorted largest first
        and a_j = floor(r p_(j)), the group penalty lends a column the share s_j = (1 - r) a_j w_j / 3, and
        "vmean": v_i >= 0 solves (1/m) sum_j Phi(r v + s_j) = 1 - q_v i / 2p;
        "vmax": v_i = max_j [Phi^-1(1 - q_v i / 2p) - s_j] / r, cut at 0;
        "original": v is the elementwise "bh".
        "lasso": ones (the sparse-group lasso). "oscar": v_i = 1 + (p - i) / p, w_i = 1 + (m - i) / m.
        In a pair each of v and w is a name that :func:`elementwise` or :func:`groupwise` knows, or an array.
    sizes : int array of shape (m,)
        Columns of each group (its rank where groups are orthonormalised), each at least 1; p is their sum.
    q : float in (0, 1) or pair (q_v, q_g), default 0.1
        Target false discovery rates of columns and of groups; a number stands for both.
    l1_ratio : float in [0, 1], default 0.95
        Share of the elementwise part. At 0 that part is absent and v is "bh", whatever the name.
    n : int
        Number of observations, needed by "gaussian" and "corrected" in a pair.
    columns : int, default p
        Entries that v has where it is an array: all columns, whatever the ranks in ``sizes``.

    Returns
    -------
    v : ndarray of shape (p,), or (columns,)
    w : ndarray of shape (m,)

    Raises
    ------
    ValueError
        As :func:`elementwise` and :func:`groupwise`, and for an l1_ratio outside [0, 1].

    Examples
    --------
    >>> from sparsestats.backend.sequences import sparse_group
    >>> v, w = sparse_group("vmax", [1, 2], q=(0.3, 0.2), l1_ratio=0.5)
    >>> v.round(3)
    array([3.29 , 2.563, 2.073])

    References
    ----------
    Feser & Evangelou (2023), Sparse-group SLOPE: adaptive bi-level selection with FDR-control, section 3.
    """
    sizes = np.asarray(sizes, dtype=float)
    p = int(sizes.sum())
    if not 0 <= l1_ratio <= 1:
        raise ValueError(f"l1_ratio must be in [0, 1]; got {l1_ratio!r}")
    q_v, q_g = _rates(q)
    if not isinstance(sequence, str):
        v, w = _pair(sequence)
        length = p if columns is None or isinstance(v, str) else columns
        return elementwise(v, length, q=q_v, n=n), groupwise(w, sizes, q=q_g, n=n)
    v, w = _named_sparse_group(sequence, tuple(sizes.tolist()), q_v, q_g, float(l1_ratio))
    return v.copy(), w.copy()


@lru_cache(maxsize=32)
def _named_sparse_group(
    sequence: str, size: tuple[float, ...], q_v: float, q_g: float, l1_ratio: float
) -> tuple[np.ndarray, np.ndarray]:
    """The named shapes; kept, because the folds of a cross-validation ask for the same ones."""
    sizes = np.array(size)
    p, m = int(sizes.sum()), len(sizes)
    w_of = {"lasso": "lasso", "oscar": "oscar"}.get(sequence, "mean")
    w = groupwise(w_of, sizes, q=q_g)

    def shares() -> np.ndarray:
        # The guard keeps 0.7 * 90 = 62.99... at 63.
        return (1.0 - l1_ratio) * np.floor(l1_ratio * np.sort(sizes)[::-1] + 1e-9) * w / 3.0

    bh = partial(_bh, p, q_v)
    makers: dict[str, Callable[[], np.ndarray]] = {
        "vmean": lambda: _normal_mean(bh(), shares(), l1_ratio) if l1_ratio else bh(),
        "vmax": lambda: np.maximum((bh() - shares().min()) / l1_ratio, 0.0) if l1_ratio else bh(),
        "original": bh,
        "lasso": lambda: np.ones(p),
        "oscar": lambda: 1.0 + np.arange(p - 1.0, -1.0, -1.0) / p,
    }
    if sequence not in makers:
        known = ", ".join(f'"{name}"' for name in makers)
        raise ValueError(
            f"sequence must be one of {known}, or a pair (v, w) of names or arrays, one entry of v for each "
            f"penalised column and one of w for each penalised group; got {sequence!r}"
        )
    return (makers[sequence]() if m else np.zeros(0)), w


def _make(sequence: Any, makers: dict[str, Callable[[], np.ndarray]], length: int, what: str) -> np.ndarray:
    if not isinstance(sequence, str):
        return _checked(sequence, length, what)
    if sequence not in makers:
        known = ", ".join(f'"{name}"' for name in makers)
        raise ValueError(
            f"sequence must be one of {known}, or an array with one entry for each of the {what}; got {sequence!r}"
        )
    return makers[sequence]() if length else np.zeros(0)


def _checked(sequence: Any, length: int, what: str) -> np.ndarray:
    """A sequence of the user's own, as float64, refused with the first thing that is wrong."""
    check_real(sequence, "sequence")
    try:
        values = np.array(sequence, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sequence must be a name or an array of numbers; got {sequence!r}") from error
    if values.shape != (length,):
        raise ValueError(
            f"sequence must have one entry for each of the {length} {what}, shape ({length},); got shape {values.shape}"
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
    if not (isinstance(q, Real) and 0 < q < 1):
        raise ValueError(f"q must be in (0, 1), a false discovery rate; got {q!r}")
    return float(q)


def _rates(q: Any) -> tuple[float, float]:
    """(q_v, q_g) of a number or a pair."""
    pair = np.ravel(q).tolist()
    if len(pair) not in (1, 2):
        raise ValueError(f"q must be a number or a pair (q_v, q_g), false discovery rates; got {q!r}")
    return _rate(pair[0]), _rate(pair[-1])


def _pair(sequence: Any) -> tuple[Any, Any]:
    try:
        v, w = sequence
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"sequence must be a name or a pair (v, w), weights of the columns and of the groups; got {sequence!r}"
        ) from error
    return v, w


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
    """Upper quantiles of the mixture over groups of spread * chi_size / sqrt(size), bracketed by the extreme
    quantiles of the single sizes."""
    ends = _chi_quantiles(size, tails, spread)
    low, high = ends.min(axis=1), ends.max(axis=1)
    share = count / count.sum()
    # log of the constant of the chi density in units of chi/sqrt(size)
    constant = 0.5 * size * np.log(size) - (0.5 * size - 1.0) * np.log(2.0) - gammaln(0.5 * size)

    def tail(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        u = x[:, None] / spread
        density = np.exp(constant + xlogy(size - 1.0, u) - 0.5 * size * u * u) / spread
        return chdtrc(size, size * u * u) @ share, density @ share

    return _upper_quantiles(tail, tails, low, high)


def _normal_mean(bh: np.ndarray, shares: np.ndarray, l1_ratio: float) -> np.ndarray:
    """max(0, x) with mean_j Phi(l1_ratio x + shares_j) = Phi(bh_i), for every i.

    r x is a smooth function of the quantile bh. Solved at Chebyshev points and interpolated, it costs the
    number of groups times some dozens of points instead of times the number of columns.
    """

    def solve(quantiles: np.ndarray) -> np.ndarray:
        def tail(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            u = x[:, None] + shares
            return ndtr(-u).mean(axis=1), np.exp(-0.5 * u * u).mean(axis=1) / np.sqrt(2.0 * np.pi)

        return _upper_quantiles(tail, ndtr(-quantiles), quantiles - shares.max(), quantiles - shares.min())

    degree = 32
    while degree < len(bh) // 2:
        fit = Chebyshev.interpolate(solve, degree, domain=(bh[-1], bh[0]))
        # A sixth of the coefficients at rounding: the series has converged.
        if np.abs(fit.coef[-(degree // 6) :]).max() <= 1e-14 * np.abs(fit.coef).max():
            scaled = fit(bh)
            break
        degree *= 2
    else:
        scaled = solve(bh)
    # Neighbours closer than rounding may come out in the wrong order.
    return np.minimum.accumulate(np.maximum(scaled / l1_ratio, 0.0))


def _upper_quantiles(
    tail: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    tails: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> np.ndarray:
    """Where a distribution's upper tail equals ``tails``, inside [low, high].

    Newton on the logarithm of the tail, kept inside the bracket; a step that leaves it is replaced by a
    bisection. ``tail`` returns the tail and its density.
    """
    x = high.copy()
    for _ in range(100):
        value, density = tail(x)
        below = value > tails
        low, high = np.where(below, x, low), np.where(below, high, x)
        step = np.divide(value * np.log(value / tails), density, out=np.full_like(x, np.inf), where=density > 0)
        proposed = x + step
        inside = (proposed >= low) & (proposed <= high)
        proposed = np.where(inside, proposed, 0.5 * (low + high))
        moved = np.abs(proposed - x)
        x = proposed
        if np.all((moved <= 4e-16 * np.abs(x)) | (high - low <= 4e-16 * np.abs(high))):
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
