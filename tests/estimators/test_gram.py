"""Sums of products in place of rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import sparsestats as ss


def moments_of(X, y, w=None):
    w = np.ones(len(y)) if w is None else w
    means = [*np.average(X, axis=0, weights=w), np.average(y, weights=w)]
    return (X.T * w) @ X, (X.T * w) @ y, (w * y) @ y, w.sum(), means


@pytest.fixture(scope="module")
def summed():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 6)) + [0, 5, 100, 0, 0, 0]
    X[:, 4], X[:, 5] = X[:, 0] + X[:, 1], 7.0  # one column depends on others, one is constant
    return X, 2 * X[:, 0] - X[:, 1] + rng.normal(size=300) + 50


@pytest.mark.parametrize(
    "model",
    [
        ss.SLOPE(),
        ss.SLOPE(alpha=0.1, fit_intercept=False),
        ss.SLOPE(alpha=0.1, standardize=False),
        ss.GroupSLOPE(alpha=0.05, groups=[0, 0, 1, 1, 2, 2], standardize="group"),
        ss.SparseGroupSLOPE(alpha=0.05, groups=[0, 0, 1, 1, 2, 2], penalty_factor=[0, 1, 1, 2, 1, 1]),
    ],
)
def test_sums_of_products_give_the_model_of_their_rows(model, summed):
    X, y = summed
    parts = [moments_of(X[:100], y[:100]), moments_of(X[100:], y[100:])]
    sums = [sum(part[i] for part in parts) for i in range(4)]
    means = np.average([part[4] for part in parts], axis=0, weights=[100, 200])
    found, fit = clone(model).fit_gram(*sums, means), clone(model).fit(X, y)
    # sums of squares about 0 of a column with mean 100 lose four digits
    np.testing.assert_allclose(X @ found.coef_ + found.intercept_, fit.predict(X), atol=1e-9)
    assert found.certificate_.converged and found.coef_[5] == 0
    assert found.alpha_ == pytest.approx(fit.alpha_, rel=1e-10)


def test_weighted_sums_and_paths_are_those_of_weighted_rows(summed):
    X, y = summed
    w = np.arange(300) % 3.0
    found = ss.SLOPE(alpha=0.1).fit_gram(*moments_of(X, y, w))
    np.testing.assert_allclose(found.coef_, ss.SLOPE(alpha=0.1).fit(X, y, w).coef_, atol=1e-9)
    path = ss.SLOPECV().path_gram(*moments_of(X, y), ss.relative(1, 0.01, 7))
    np.testing.assert_allclose(path.predict(X), ss.SLOPE().path(X, y, ss.relative(1, 0.01, 7)).predict(X), atol=1e-9)


def test_a_frame_of_products_names_the_columns(summed):
    XtX, *more = moments_of(*summed)
    names = list("abcdef")
    model = ss.SLOPE(alpha=0.1, penalty_factor={"a": 0}).fit_gram(pd.DataFrame(XtX, names, names), *more)
    assert list(model.feature_names_in_) == names


@pytest.mark.parametrize(
    ("model", "change", "message"),
    [
        (ss.SLOPE(family="poisson"), {}, "family='poisson' needs rows"),
        (ss.SLOPECV(), {}, "SLOPECV needs rows to hold out"),
        (ss.SLOPE(sequence="gaussian"), {}, "sequence='gaussian' depends on the number of rows"),
        (ss.SLOPE(), {"means": [1.0]}, r"means must have shape \(7,\) for 6 columns; got \(1,\)"),
        (ss.SLOPE(), {"XtX": np.eye(6)}, "sums of products and means do not belong together: column 0"),
        (ss.SLOPE(), {"Xty": np.full(6, 1e9)}, "positive semi-definite"),
        (ss.SLOPE(), {"n": 1}, "n a number of rows, at least 2; got .* and 1"),
        (ss.SLOPE(), {"yty": "much"}, "must be numbers"),
    ],
)
def test_sums_of_products_that_no_rows_have_are_refused(summed, model, change, message):
    given = dict(zip(("XtX", "Xty", "yty", "n", "means"), moments_of(*summed), strict=True)) | change
    with pytest.raises(ValueError, match=message):
        clone(model).fit_gram(**given)
