"""The examples that hypothesis draws, and a duality gap that shares no code with the package.

The gap is numpy alone, dense, from the definition.
"""

import gc
import os
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import settings
from scipy import sparse

# Every run draws the same examples, so that a commit passes or fails for what it changed. New examples:
# HYPOTHESIS_PROFILE=explore pytest -m "slow or not slow"; a failure found there becomes a test of its own.
settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


def pytest_collection_finish():
    """What is loaded by now stays: the garbage collector need not walk it in every test, a twentieth of the run.

    Nor need it look for cycles after every 700 objects.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@dataclass
class Gap:
    """``value`` is objective minus dual bound; ``scale`` the objective of the null model."""

    objective: float
    bound: float
    scale: float

    @property
    def relative(self):
        assert self.objective - self.bound >= -1e-11 * self.scale, "a bound above the objective is no bound"
        return max(self.objective - self.bound, 0.0) / self.scale


def logistic(eta):
    return np.exp(-np.logaddexp(0, -eta))


def loss_value(family, y, eta, w):
    if family == "gaussian":
        return np.sum(w * (y - eta) ** 2) / 2 / len(y)
    return np.sum(w * (np.logaddexp(0, eta) - y * eta)) / len(y)


def fit_free(family, y, base, F, w, start=None):
    """argmin over v of the loss at base + F v."""
    root = np.sqrt(w)[:, None]
    v = np.zeros(F.shape[1]) if start is None else start
    if F.shape[1] == 0:
        return v
    if family == "gaussian":
        return np.linalg.lstsq(root * F, np.sqrt(w) * (y - base), rcond=None)[0]
    for _ in range(60):
        mean = logistic(base + F @ v)
        hessian = F.T @ ((w * mean * (1 - mean))[:, None] * F)
        slope = F.T @ (w * (y - mean))
        step = np.linalg.lstsq(hessian, slope, rcond=None)[0]
        here = loss_value(family, y, base + F @ v, w)
        while loss_value(family, y, base + F @ (v + step), w) > here * (1 + 1e-12):
            step = step / 2
        v = v + step
        if np.abs(step).max() < 1e-13 * (1 + np.abs(v).max()):
            break
    return v


def sorted_norm(terms, weights):
    return np.sort(terms)[::-1] @ weights


def sorted_dual(terms, weights):
    return np.max(np.cumsum(np.sort(terms)[::-1]) / np.cumsum(weights))


def duality_gap(
    X, y, alpha, weights, beta, intercept, *, family="gaussian", groups=None, sample_weight=None, offset=None,
    penalty_factor=None, standardize=True, fit_intercept=True,
):  # fmt: skip
    """The gap of (beta, intercept) for  loss + alpha sum_k weights_k |.|_(k)  (groups: sqrt(p_g) norms)."""
    X = X.toarray() if sparse.issparse(X) else np.asarray(X, dtype=float)
    n, p = X.shape
    w = np.ones(n) if sample_weight is None else np.asarray(sample_weight, float) * n / np.sum(sample_weight)
    offset = np.zeros(n) if offset is None else offset
    factor = np.ones(p) if penalty_factor is None else np.asarray(penalty_factor, float)
    beta = np.asarray(beta, dtype=float)

    mean = w @ X / n
    centred = X - mean
    sd = np.sqrt(w @ centred**2 / n)
    constant = sd <= 1e-10 * np.sqrt(w @ X**2 / n)
    if not fit_intercept:  # then a constant is a column as any other, unless its deviation should divide it
        constant &= (standardize is True) & (factor > 0)
    assert np.all(beta[constant] == 0), "constant columns have coefficient 0"
    free = (factor == 0) & ~constant
    F = np.column_stack([np.ones((n, int(fit_intercept))), X[:, free]])
    v = fit_free(family, y, offset, F, w)
    scale = loss_value(family, y, offset + F @ v, w)

    # theta from the residual with the free part refitted, so that free columns are exactly orthogonal to it
    fixed = offset + X[:, ~free] @ beta[~free]
    start = np.r_[np.full(int(fit_intercept), intercept), beta[free]]
    eta_refit = fixed + F @ fit_free(family, y, fixed, F, w, start)
    residual = y - (eta_refit if family == "gaussian" else logistic(eta_refit))
    theta = w * residual / n

    scaled = sd if standardize is True else np.ones(p)
    terms, duals = [], []
    labels = np.arange(p) if groups is None else np.asarray(groups)
    for g in dict.fromkeys(labels.tolist()):
        columns = np.flatnonzero((labels == g) & (factor > 0) & ~(constant & (groups is None)))
        if standardize != "group":
            size = np.sqrt(len(columns))
            kept = columns[~constant[columns]]
            if len(columns) == 0:
                continue
            c = factor[kept] * scaled[kept] * beta[kept]
            z = (X[:, kept] - mean[kept] * fit_intercept).T @ theta / (factor[kept] * scaled[kept])
        else:
            if len(columns) == 0:
                continue
            block = centred[:, columns] if fit_intercept else X[:, columns]
            _, d, Vt = np.linalg.svd(np.sqrt(w / n)[:, None] * block, full_matrices=False)
            keep = d > 1e-10 * d.max(initial=1e-300)
            size = np.sqrt(keep.sum())
            f = factor[columns[0]]
            c = f * d[keep] * (Vt[keep] @ beta[columns])
            z = (block @ (Vt[keep].T / d[keep])).T @ theta / f
        if size > 0:
            terms.append(size * np.linalg.norm(c))
            duals.append(np.linalg.norm(z) / size)
    terms, duals = np.array(terms), np.array(duals)
    weights = np.asarray(weights, dtype=float)[: len(terms)]

    objective = loss_value(family, y, offset + intercept + X @ beta, w) + alpha * sorted_norm(terms, weights)
    shrink = min(1.0, alpha / max(sorted_dual(duals, weights), 1e-300))
    theta = shrink * theta
    on = w > 0
    if family == "gaussian":
        shifted = y - offset - (eta_refit - fixed)  # F'theta = 0: what F explains may leave without rounding
        bound = theta @ (shifted) - n / 2 * np.sum(theta[on] ** 2 / w[on])
    else:
        q = np.clip(y[on] - n * theta[on] / w[on], 0, 1)
        entropy = sum(t * np.log(np.where(t > 0, t, 1)) for t in (q, 1 - q))
        bound = -np.sum(w[on] * entropy) / n - theta @ (eta_refit - X[:, ~free] @ beta[~free])
    return Gap(objective, bound, scale)


@pytest.fixture(scope="session")
def gap_of():
    return duality_gap
