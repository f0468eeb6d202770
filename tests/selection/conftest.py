"""Estimators whose paths are solved in closed form or by Newton's method: references, independent of ours."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin


class RidgePath(RegressorMixin, BaseEstimator):
    """min (1/2n) sum w (y - offset - b0 - X b)^2 + (alpha/2) |b|^2, w summing to n."""

    def __init__(self, fit_intercept=True, stop_after=None, converged=True):
        self.fit_intercept = fit_intercept
        self.stop_after = stop_after
        self.converged = converged

    def path(self, X, y, alphas=None, *, sample_weight=None, offset=None, **keywords):
        X = X.toarray() if sparse.issparse(X) else X
        alphas = alphas[: self.stop_after]
        w = np.ones(len(y)) if sample_weight is None else sample_weight * len(y) / sample_weight.sum()
        z = y if offset is None else y - offset
        centre = (w @ X / len(y), w @ z / len(y)) if self.fit_intercept else (np.zeros(X.shape[1]), 0.0)
        Xc, zc = X - centre[0], z - centre[1]
        gram, moment = Xc.T @ (w[:, None] * Xc) / len(y), Xc.T @ (w * zc) / len(y)
        coefs = np.empty((len(alphas), X.shape[1]))
        for i, alpha in enumerate(alphas):
            coefs[i] = np.linalg.solve(gram + alpha * np.eye(X.shape[1]), moment)
        return SimpleNamespace(
            alphas=alphas,
            coefs=coefs,
            intercepts=centre[1] - coefs @ centre[0],
            converged=np.full(len(alphas), self.converged),
            stopped="",
        )


class LogisticPath(ClassifierMixin, BaseEstimator):
    """min (1/n) sum w (log(1 + exp(eta)) - y eta) + (alpha/2) |b|^2; y is 1 for the last class."""

    def path(self, X, y, alphas=None, *, sample_weight=None, offset=None):
        w = np.ones(len(y)) if sample_weight is None else sample_weight * len(y) / sample_weight.sum()
        known = np.zeros(len(y)) if offset is None else offset
        classes, code = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError("one class")
        A = np.column_stack([np.ones(len(y)), X])
        beta, rows = np.zeros(A.shape[1]), []
        for alpha in alphas:
            ridge = alpha * np.r_[0.0, np.ones(X.shape[1])]
            for _ in range(30):
                p = expit(known + A @ beta)
                hessian = A.T @ ((w * p * (1 - p))[:, None] * A) / len(y) + np.diag(ridge)
                step = np.linalg.solve(hessian, A.T @ (w * (p - code)) / len(y) + ridge * beta)
                beta = beta - step
                if np.abs(step).max() < 1e-9:  # the next one would be its square
                    break
            rows.append(beta)
        rows = np.array(rows)
        return SimpleNamespace(
            alphas=alphas,
            coefs=rows[:, 1:],
            intercepts=rows[:, 0],
            converged=np.ones(len(alphas), bool),
            stopped="",
        )


@pytest.fixture
def ridge():
    return RidgePath


@pytest.fixture
def logistic():
    return LogisticPath


@pytest.fixture
def regression():
    rng = np.random.default_rng(20)
    X = rng.standard_normal((60, 6))
    return X, X @ np.r_[2.0, -1.0, np.zeros(4)] + 3.0 + rng.standard_normal(60)


@pytest.fixture
def alphas():
    return np.geomspace(10.0, 0.01, 12)
