"""The problems every solver is given, with their own text of the weight sequences.

Columns are standardised here (mean 0, variance 1 with 1/n) and gaussian responses centred, so that peers that
neither centre nor scale solve the very same problem; ours centres and scales again, inside its timing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.optimize import brentq
from scipy.signal import lfilter
from scipy.special import expit
from scipy.stats import chi2, norm

from .gaps import GroupSortedL1, SortedL1, alpha_max, multinomial_gaps, relative_gaps


@dataclass(frozen=True, eq=False)
class Problem:
    """A path to be fitted: min (1/n) sum l(y_i, b0 + x_i'beta) + alpha J(beta) at every alpha.

    ``model`` ("slope", "lasso", "group_slope", "group_lasso") says which J in words; ``penalty`` is J itself.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    model: str
    penalty: SortedL1 | GroupSortedL1
    alphas: np.ndarray
    family: str = "gaussian"
    fit_intercept: bool = False
    groups: np.ndarray | None = None

    @property
    def shape_text(self) -> str:
        n, p = self.X.shape
        groups = "" if self.groups is None else f", {self.penalty.weights.size} groups"
        return f"n={n} p={p}{groups}, {self.alphas.size} alpha{'s' * (self.alphas.size > 1)}"

    def thinned(self, count: int) -> Problem:
        """About ``count`` alphas over the whole path, to warm a solver up (a null model would not)."""
        return replace(self, alphas=self.alphas[:: max(1, self.alphas.size // count)])

    def worst_gap(self, coefs, intercepts, duals=None) -> float:
        """Largest relative gap along the path; infinite when alphas are missing."""
        if coefs.shape[:: coefs.ndim - 1] != (self.alphas.size, self.X.shape[1]) or not np.all(np.isfinite(coefs)):
            return np.inf
        if self.family == "multinomial":
            return float(multinomial_gaps(self.X, self.y, self.alphas, coefs, intercepts, self.penalty).max())
        gaps = relative_gaps(
            self.X, self.y, self.alphas, coefs, intercepts, self.penalty,
            family=self.family, fit_intercept=self.fit_intercept, duals=duals,
        )  # fmt: skip
        return float(gaps.max())


def bh_weights(p: int, q: float = 0.1) -> np.ndarray:
    """Phi^-1(1 - q i / 2p), i = 1..p."""
    return norm.isf(q * np.arange(1, p + 1) / (2 * p))


def mean_weights(groups: np.ndarray, q: float = 0.1) -> np.ndarray:
    """gSLOPE "mean" (Brzyski et al. 2019, eq. 2.16): (1/m) sum_g F_chi(p_g)(sqrt(p_g) w_i) = 1 - q i / m."""
    sizes, counts = np.unique(np.bincount(groups), return_counts=True)
    m = counts.sum()

    def excess(w: float, level: float) -> float:
        return counts @ chi2.sf(sizes * w**2, sizes) / m - level

    levels = q * np.arange(1, m + 1) / m
    return np.array([brentq(excess, 0.0, 50.0, args=(level,), xtol=1e-14) for level in levels])


def autoregressive(rng: np.random.Generator, n: int, p: int, rho: float) -> np.ndarray:
    """Rows whose entries j, j' correlate as rho^|j-j'|, columns of variance 1."""
    noise = rng.standard_normal((n, p))
    noise[:, 1:] *= np.sqrt(1 - rho**2)
    return lfilter([1.0], [1.0, -rho], noise, axis=1)


def standardized(X: np.ndarray) -> np.ndarray:
    X = X - X.mean(axis=0)
    return np.asfortranarray(X / X.std(axis=0))


def geometric(highest: float, ratio: float, count: int) -> np.ndarray:
    """``count`` alphas from ``highest`` down to ``ratio`` times it; of a single one that end."""
    return highest * np.geomspace(ratio, 1.0, count)[::-1]


def elementwise(
    name, n, p, *, seed, model="slope", family="gaussian", fit_intercept=False,
    rho=0.6, n_active=20, signal_to_noise=3.0, alphas=(1e-2, 100),
) -> Problem:  # fmt: skip
    """AR(rho) rows; ``n_active`` coefficients N(0, 1) in random places; ||Xb|| / ||noise|| = signal_to_noise.

    ``alphas`` is (ratio, count), see ``geometric``. A binomial response has log-odds X b + 1/2 instead of noise.
    """
    rng = np.random.default_rng(seed)
    X = standardized(autoregressive(rng, n, p, rho))
    beta = np.zeros(p)
    beta[rng.choice(p, n_active, replace=False)] = rng.standard_normal(n_active)
    signal, noise = X @ beta, rng.standard_normal(n)
    if family == "binomial":
        y = (rng.random(n) < expit(signal + 0.5)).astype(float)
    else:
        y = signal + noise * np.linalg.norm(signal) / np.linalg.norm(noise) / signal_to_noise
        y -= y.mean()
    penalty = SortedL1(bh_weights(p) if model == "slope" else np.ones(p))
    highest = alpha_max(X, y, penalty, family=family, fit_intercept=fit_intercept)
    return Problem(name, X, y, model, penalty, geometric(highest, *alphas), family, fit_intercept)


def grouped(
    name, n, p, *, seed, size=None, model="group_slope", family="gaussian", fit_intercept=False,
    rho=0.3, groups_active=0.15, variables_active=0.30, alphas=(0.1, 50),
) -> Problem:  # fmt: skip
    """Groups of sizes U{3..20} (or ``size``), equicorrelated (rho) within; noise N(0, 1).

    15 % of the groups are active and 30 % (at least one) of the variables in them, with coefficients N(0, 4)
    (variance 4). The last group is cut so that the columns are exactly p.
    """
    rng = np.random.default_rng(seed)
    groups = group_labels(rng, p, size)
    m = groups[-1] + 1
    shared = rng.standard_normal((n, m))[:, groups]
    X = standardized(np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.standard_normal((n, p)))
    beta = np.zeros(p)
    for g in rng.choice(m, max(1, round(groups_active * m)), replace=False):
        columns = np.flatnonzero(groups == g)
        chosen = rng.choice(columns, max(1, round(variables_active * columns.size)), replace=False)
        beta[chosen] = rng.normal(0.0, 2.0, chosen.size)
    if family == "binomial":
        y = (rng.random(n) < expit(X @ beta)).astype(float)
    else:
        y = X @ beta + rng.standard_normal(n)
        y -= y.mean()
    penalty = GroupSortedL1(mean_weights(groups) if model == "group_slope" else np.ones(m), groups)
    highest = alpha_max(X, y, penalty, family=family, fit_intercept=fit_intercept)
    return Problem(name, X, y, model, penalty, geometric(highest, *alphas), family, fit_intercept, groups)


def several_classes(name, n, p, *, seed, model="lasso", classes=3, n_active=20, alphas=(0.1, 50)) -> Problem:
    """AR(0.6) rows, K classes by softmax of coefficients N(0, 1) in ``n_active`` columns for every class.

    The lasso prices each of the p K coefficients, the group lasso a column's K together.
    """
    rng = np.random.default_rng(seed)
    X = standardized(autoregressive(rng, n, p, 0.6))
    beta = np.zeros((p, classes))
    beta[rng.choice(p, n_active, replace=False)] = rng.standard_normal((n_active, classes))
    y = np.argmax(X @ beta + rng.gumbel(size=(n, classes)), axis=1)
    groups = np.arange(p) if model == "group_lasso" else None
    rows = np.repeat(np.arange(p), classes)
    penalty = SortedL1(np.ones(p * classes)) if groups is None else GroupSortedL1(np.ones(p), rows)
    residual = np.eye(classes)[y] - np.bincount(y) / n
    highest = float(penalty.dual_norm((X.T @ residual / n).reshape(1, -1))[0])
    return Problem(name, X, y, model, penalty, geometric(highest, *alphas), "multinomial", True, groups)


def group_labels(rng: np.random.Generator, p: int, size: int | None) -> np.ndarray:
    sizes: list[int] = []
    while sum(sizes) < p:
        sizes.append(int(rng.integers(3, 21)) if size is None else size)
    return np.repeat(np.arange(len(sizes)), sizes)[:p]


# SLOPE: 100 alphas to a hundredth of alpha_max (a thousandth when n > p), q = 0.1; rows AR(0.6), 20 nonzeros,
# signal over noise 3: the design of Larsson et al. 2025. One alpha at p = 20 000 is their weak-penalty case.
# Groups A, B, C, E and the binomial L: 50 alphas to a tenth, q = 0.1; C2 is C drawn again. "Weak" ones are the same
# data at a hundredth of alpha_max alone. The README tells all in full.
PROBLEMS: dict[str, Callable[[], Problem]] = {
    name: partial(generator, name, *shape, **options)
    for name, generator, shape, options in [
        ("slope p=1000", elementwise, (200, 1000), {"seed": 21}),
        ("slope p=5000", elementwise, (200, 5000), {"seed": 22}),
        ("slope n=1000", elementwise, (1000, 200), {"seed": 23, "alphas": (1e-3, 100)}),
        ("slope p=20000", elementwise, (200, 20000), {"seed": 24, "alphas": (0.02, 1)}),
        ("slope binomial", elementwise, (200, 1000),
         {"seed": 25, "family": "binomial", "fit_intercept": True, "alphas": (0.1, 50)}),
        ("lasso p=1000", elementwise, (200, 1000), {"seed": 21, "model": "lasso"}),
        ("lasso n=1000", elementwise, (1000, 200), {"seed": 23, "model": "lasso", "alphas": (1e-3, 100)}),
        ("lasso binomial", elementwise, (200, 1000),
         {"seed": 25, "family": "binomial", "model": "lasso", "alphas": (0.1, 50)}),
        ("lasso multinomial", several_classes, (200, 500), {"seed": 26}),
        ("group lasso multinomial", several_classes, (200, 500), {"seed": 26, "model": "group_lasso"}),
        ("gslope A", grouped, (200, 500), {"seed": 1}),
        ("gslope B", grouped, (200, 1000), {"seed": 2}),
        ("gslope C", grouped, (200, 5000), {"seed": 3}),
        ("gslope C2", grouped, (200, 5000), {"seed": 6}),
        ("gslope E", grouped, (200, 1000), {"seed": 4, "size": 5}),
        ("gslope L", grouped, (200, 500), {"seed": 5, "family": "binomial"}),
        ("slope p=1000 weak", elementwise, (200, 1000), {"seed": 21, "alphas": (0.01, 1)}),
        ("slope p=5000 weak", elementwise, (200, 5000), {"seed": 22, "alphas": (0.01, 1)}),
        ("slope n=1000 weak", elementwise, (1000, 200), {"seed": 23, "alphas": (0.01, 1)}),
        ("gslope A weak", grouped, (200, 500), {"seed": 1, "alphas": (0.01, 1)}),
        ("gslope C weak", grouped, (200, 5000), {"seed": 3, "alphas": (0.01, 1)}),
        ("group lasso A", grouped, (200, 500), {"seed": 1, "model": "group_lasso"}),
        ("group lasso B", grouped, (200, 1000), {"seed": 2, "model": "group_lasso"}),
    ]
}  # fmt: skip
