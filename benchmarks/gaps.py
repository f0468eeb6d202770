"""Duality gaps, null objectives and alpha_max in plain numpy, sharing no code with any solver.

Every solver's answer is judged here and only here. For coefficients ``beta`` and intercept ``b0`` on the
data's own scale, with c = S beta and S the columns' standard deviations (1/n) or the identity,

    objective = (1/n) sum_i l(y_i, b0 + x_i'beta) + alpha J(c),

l = (y - eta)^2 / 2 (gaussian) or log(1 + exp(eta)) - y eta with y in {0, 1} (binomial); for classes 0..K-1
see ``multinomial_gaps``. The bound under the
optimum is the dual value at the residual, scaled into the ball of the dual norm of J. All alphas at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import entr, expit, log_softmax, softmax


@dataclass(frozen=True, eq=False)
class SortedL1:
    """J(c) = sum_i weights_i |c|_(i), sizes in decreasing order; equal weights make it the lasso's."""

    weights: np.ndarray

    def value(self, C: np.ndarray) -> np.ndarray:
        """J of every row of C (k, p)."""
        return descending(np.abs(C)) @ self.weights

    def dual_norm(self, Z: np.ndarray) -> np.ndarray:
        """max_k sum_{i<=k} |z|_(i) / sum_{i<=k} weights_i, of every row of Z (k, p)."""
        sums = np.cumsum(descending(np.abs(Z)), axis=1)
        return np.max(sums / np.cumsum(self.weights), axis=1)


@dataclass(frozen=True, eq=False)
class GroupSortedL1:
    """J(c) = sum_i weights_i [sqrt(p_g) ||c_g||]_(i), labels 0..m-1; equal weights: the group lasso."""

    weights: np.ndarray
    groups: np.ndarray

    def norms(self, C: np.ndarray) -> np.ndarray:
        membership = np.eye(self.weights.size)[self.groups]
        return np.sqrt(C**2 @ membership)

    @property
    def roots(self) -> np.ndarray:
        """sqrt(p_g)."""
        return np.sqrt(np.bincount(self.groups))

    def value(self, C: np.ndarray) -> np.ndarray:
        return descending(self.norms(C) * self.roots) @ self.weights

    def dual_norm(self, Z: np.ndarray) -> np.ndarray:
        return SortedL1(self.weights).dual_norm(self.norms(Z) / self.roots)


def descending(rows: np.ndarray) -> np.ndarray:
    return np.sort(rows, axis=1)[:, ::-1]


def null_objective(y: np.ndarray, family: str, fit_intercept: bool) -> float:
    """The objective with every penalised coefficient 0 and the intercept fitted."""
    if family == "binomial":
        mean = np.mean(y) if fit_intercept else 0.5
        return float(entr(mean) + entr(1 - mean))
    return float(np.mean((y - (np.mean(y) if fit_intercept else 0.0)) ** 2) / 2)


def alpha_max(X, y, penalty, *, family="gaussian", fit_intercept=True, standardize=True) -> float:
    """The smallest alpha at which every penalised coefficient is 0."""
    center = np.mean(y) if fit_intercept else (0.5 if family == "binomial" else 0.0)
    Z = standardized_gradient(X, (y - center)[None, :], fit_intercept, standardize)
    return float(penalty.dual_norm(Z)[0])


def relative_gaps(
    X, y, alphas, coefs, intercepts, penalty, *,
    family="gaussian", fit_intercept=True, standardize=True, duals=None,
) -> np.ndarray:  # fmt: skip
    """Duality gap over null objective, at every alpha.

    Parameters
    ----------
    X : (n, p), y : (n,), alphas : (k,), coefs : (k, p), intercepts : (k,)
    penalty : SortedL1 or GroupSortedL1
    duals : (k, n), optional
        Dual points a solver offers, with the sign of the residual (gaussian: any scale; binomial: that of
        y - p). celer extrapolates its own. The better of these and the residual is used, so that no solver is
        charged for a bound it can prove itself.
    """
    X = np.asarray(X, dtype=np.float64)
    alphas, coefs = np.asarray(alphas, float), np.asarray(coefs, float)
    eta = coefs @ X.T + np.asarray(intercepts, float)[:, None]
    scale = X.std(axis=0) if standardize else np.ones(X.shape[1])
    if family == "binomial":
        loss = np.mean(np.logaddexp(0.0, eta) - y * eta, axis=1)
        residual = y - expit(eta + balancing_shift(eta, y)[:, None] if fit_intercept else eta)
        dual_value = binomial_dual
    else:
        loss = np.mean((y - eta) ** 2, axis=1) / 2
        residual = y - eta
        dual_value = gaussian_dual
    objective = loss + alphas * penalty.value(coefs * scale)
    bound = np.full(alphas.size, -np.inf)
    for theta in [residual] if duals is None else [residual, np.asarray(duals, float)]:
        if fit_intercept:  # the dual of an unpenalised intercept: theta sums to zero
            theta = theta - theta.mean(axis=1, keepdims=True)
        norm = penalty.dual_norm(standardized_gradient(X, theta, fit_intercept, standardize))
        largest = np.divide(alphas, norm, out=np.full(alphas.size, np.inf), where=norm > 0)
        bound = np.maximum(bound, dual_value(theta, y, largest))
    return np.maximum(objective - bound, 0.0) / null_objective(y, family, fit_intercept)


def multinomial_gaps(X, y, alphas, coefs, intercepts, penalty) -> np.ndarray:
    """Duality gap over null objective of softmax models, at every alpha; X standardised, intercepts free.

    Parameters
    ----------
    X : (n, p), y : classes 0..K-1 (n,), alphas : (k,), coefs : (k, K, p), intercepts : (k, K)
    penalty : SortedL1 or GroupSortedL1
        Of the p K coefficients, those of one column together.
    """
    X, Y = np.asarray(X, dtype=np.float64), np.eye(int(np.max(y)) + 1)[np.asarray(y, dtype=int)]
    gaps = []
    for alpha, beta, b0 in zip(alphas, coefs, intercepts, strict=True):
        eta = X @ np.asarray(beta, float).T + b0
        objective = (
            -np.mean(np.sum(Y * log_softmax(eta, axis=1), axis=1)) + alpha * penalty.value(beta.T.reshape(1, -1))[0]
        )
        # A dual point sums to zero over the rows: the residual does where the intercepts fit.
        theta = Y - softmax(eta + balancing_shifts(eta, Y), axis=1)
        theta -= theta.mean(axis=0)
        norm = penalty.dual_norm((X.T @ theta / len(X)).reshape(1, -1))[0]
        q = Y - min(1.0, alpha / norm if norm > 0 else 1.0) * theta
        bound = np.mean(np.sum(entr(np.clip(q, 0.0, 1.0)), axis=1)) if q.min() >= -1e-14 else -np.inf
        gaps.append(max(objective - bound, 0.0))
    return np.array(gaps) / np.sum(entr(Y.mean(axis=0)))


def balancing_shifts(eta: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """Changes of the K intercepts that make the probabilities sum to the classes' counts: Newton steps."""
    shift = np.zeros(Y.shape[1])
    for _ in range(50):
        prob = softmax(eta + shift, axis=1)
        slope = np.mean(prob - Y, axis=0)
        hessian = np.diag(prob.mean(axis=0)) - prob.T @ prob / len(Y)
        shift = shift - np.linalg.lstsq(hessian, slope, rcond=1e-10)[0]
        if np.abs(slope).max() <= 1e-16:
            break
    return shift


def gaussian_dual(theta: np.ndarray, y: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """max over 0 <= s <= largest of (s y'theta - s^2 ||theta||^2 / 2) / n, per row."""
    square = np.sum(theta**2, axis=1)
    product = theta @ y
    best = np.divide(product, square, out=np.zeros_like(square), where=square > 0)
    s = np.clip(best, 0.0, largest)
    return (s * product - s**2 * square / 2) / y.size


def binomial_dual(theta: np.ndarray, y: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Mean entropy of y - s theta at s = min(1, largest); -inf (no bound) where that leaves [0, 1]."""
    q = y - np.minimum(1.0, largest)[:, None] * theta
    rounding = 1e-14
    inside = np.all((q >= -rounding) & (q <= 1 + rounding), axis=1)
    q = np.clip(q, 0.0, 1.0)
    return np.where(inside, np.mean(entr(q) + entr(1 - q), axis=1), -np.inf)


def balancing_shift(eta: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The intercept change that makes the probabilities of each row of eta sum to sum(y), by bisection.

    Newton would be quicker, but bisection cannot overshoot on nearly separated data.
    """
    low = -(np.max(np.abs(eta), axis=1) + 40.0)
    high = -low
    for _ in range(100):
        middle = (low + high) / 2
        too_high = np.mean(expit(eta + middle[:, None]), axis=1) > y.mean()
        low, high = np.where(too_high, low, middle), np.where(too_high, middle, high)
    return (low + high) / 2


def standardized_gradient(X, residual, fit_intercept, standardize) -> np.ndarray:
    """(1/n) X_s' r for each row r, X_s the (centred, scaled) columns; constant columns give 0."""
    Z = residual @ np.asarray(X, float) / X.shape[0]
    if fit_intercept:
        Z -= residual.mean(axis=1)[:, None] * X.mean(axis=0)
    if standardize:
        sd = X.std(axis=0)
        varies = sd > 1e-12 * np.maximum(1.0, np.abs(X.mean(axis=0)))
        Z = np.where(varies, Z / np.where(varies, sd, 1.0), 0.0)
    return Z
