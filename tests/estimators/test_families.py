"""Poisson and Huber losses through both doors: against statsmodels, the cvxpy program, and each other."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

import sparsestats as ss
from sparsestats.exceptions import DataWarning


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 4))
    exposure = rng.uniform(0.5, 2, 120)
    y = rng.poisson(exposure * np.exp(0.4 + X[:, 0] * 0.6 - X[:, 1] * 0.3)).astype(float)
    return X, y, np.log(exposure)


@pytest.fixture(scope="module")
def heavy_tails():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((100, 4))
    return X, 50 + X[:, 0] + rng.standard_t(1.2, 100)


def test_poisson_without_penalty_is_maximum_likelihood(counts):
    X, y, offset = counts
    model = ss.SLOPE(alpha=0, family="poisson").fit(X, y, offset=offset)
    reference = sm.GLM(y, sm.add_constant(X), family=sm.families.Poisson(), offset=offset).fit(tol=1e-14)
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], reference.params, rtol=1e-7)
    np.testing.assert_allclose(model.predict(X, offset=offset), reference.predict(), rtol=1e-7)


def test_huber_without_penalty_solves_its_estimating_equations(heavy_tails):
    X, y = heavy_tails
    model = ss.SLOPE(alpha=0, family="huber", huber_delta=0.8).fit(X, y)
    residual = np.clip(y - model.predict(X), -0.8, 0.8)
    assert np.abs(np.column_stack([np.ones(100), X]).T @ residual).max() < 1e-6 * 100


def test_huber_with_a_wide_delta_is_least_squares(heavy_tails):
    X, y = heavy_tails
    wide = ss.SLOPE(alpha=0.1, family="huber", huber_delta=1e4).fit(X, y)
    squares = ss.SLOPE(alpha=0.1).fit(X, y)
    np.testing.assert_allclose(wide.coef_, squares.coef_, atol=1e-6)


def test_the_null_score_of_huber_is_that_of_its_own_location(heavy_tails):
    X, y = heavy_tails
    for delta in (0.5, 5.0):  # the path's first model has the intercept alone, to the tolerance of folds
        model = ss.SLOPECV(family="huber", huber_delta=delta, alphas=ss.relative(5, 0.5, 3), cv=3).fit(X, y)
        assert model.cv_.null == pytest.approx(model.cv_.mean[0], rel=1e-6)


@pytest.mark.parametrize("family", ["poisson", "huber"])
@pytest.mark.parametrize("groups", [None, [0, 0, 1, 1]])
def test_compiled_agrees_with_the_program(counts, family, groups):
    X, y, offset = counts
    model = ss.SLOPE(family=family) if groups is None else ss.GroupSLOPE(family=family, groups=groups)
    model.set_params(alpha=0.2 * model.alpha_max(X, y, offset=offset))
    fast = model.fit(X, y, offset=offset).certificate_
    slow = model.set_params(solver="cvxpy").fit(X, y, offset=offset).certificate_
    assert fast.converged and slow.relative < 1e-6
    assert fast.objective == pytest.approx(slow.objective, rel=1e-6)


@pytest.mark.parametrize("family", ["poisson", "huber"])
def test_alpha_max_is_where_the_first_column_enters(counts, family):
    X, y, _ = counts
    model = ss.SLOPE(family=family)
    top = model.alpha_max(X, y)
    path = model.path(X, y, [top * (1 + 1e-9), top * (1 - 1e-4)])
    assert path.n_nonzero.tolist() == [0, 1]


def test_gap_bounds_the_suboptimality_of_an_unfinished_poisson_fit(counts):
    X, y, _ = counts
    with pytest.warns(ss.exceptions.ConvergenceWarning):
        rough = ss.SLOPE(alpha=0.01, family="poisson", max_iter=1, tol=1e-12).fit(X, y).certificate_
    best = ss.SLOPE(alpha=0.01, family="poisson").fit(X, y).certificate_.objective
    assert rough.value >= rough.objective - best > 0


def test_cross_validation_scores_the_deviance(counts):
    X, y, _ = counts
    model = ss.SLOPECV(family="poisson", cv=5).fit(X, y)
    assert model.cv_.scoring == "deviance"
    null = np.mean(2 * (np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / y.mean()), 0)))
    assert model.cv_.null == pytest.approx(null, rel=0.1)
    assert model.cv_.mean.min() < 0.8 * model.cv_.null


def test_formula_predicts_counts(counts):
    X, y, offset = counts
    data = pd.DataFrame(X, columns=list("abcd")).assign(y=y, t=offset)
    fit = ss.slope("y ~ a + b + c + d + offset(t)", data, family="poisson", alpha="cv", cv=5)
    direct = ss.SLOPE(alpha=fit.alpha, family="poisson").fit(X, y, offset=offset)
    np.testing.assert_allclose(fit.predict(data), direct.predict(X, offset=offset), rtol=1e-4)
    assert fit.glance()["family"].item() == "poisson"


@pytest.mark.parametrize("y, message", [([1, -1, 2], "must be finite and >= 0"), ([0, 0, 0], "a count above 0")])
def test_a_response_that_no_poisson_gives(y, message):
    with pytest.raises(ValueError, match=message):
        ss.SLOPE(family="poisson").fit(np.eye(3), y)


def test_unknown_family_lists_those_there_are():
    with pytest.raises(ValueError, match="poisson"):
        ss.SLOPE(family="gamma").fit(np.eye(3), [1.0, 2, 3])


@pytest.mark.parametrize("solver", ["auto", "proximal"])
def test_free_columns_that_separate_are_told_whatever_their_scale(solver):
    """Columns of size 1e8 that tell the classes apart: probabilities are right, coefficients have no finite value."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6))
    X[:, :3] = 1e8 * (X[:, :3] + 1)
    y = (X[:, :3] @ [1.0, -2.0, 0.5] > 0).astype(int)
    model = ss.SLOPEClassifier(0.01, penalty_factor=[0, 0, 0, 1, 1, 1], solver=solver)
    with pytest.warns(DataWarning, match="free columns separates"):
        model.fit(X, y)
    assert np.array_equal(model.predict(X), y) and np.isfinite(model.coef_).all()
    noisy = np.where(np.arange(80) % 4 == 0, 1 - y, y)
    assert model.fit(X, noisy).certificate_.converged  # and no warning, which would be an error here


def test_counts_above_0_that_are_met_exactly_separate_nothing():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 1))
    exact = ss.SLOPE(0, family="poisson").fit(x, np.exp(0.2 * x[:, 0] + 1))  # a warning would be an error here
    np.testing.assert_allclose(exact.coef_, [0.2], atol=1e-6)
    assert ss.SLOPE(family="poisson").fit(x, np.full(60, 3.0)).coef_ == 0
    some = np.arange(60) < 10
    counts = np.where(some, 0, 1 + rng.poisson(3, size=60))
    for model in (ss.SLOPE(0, family="poisson"), ss.SLOPE(0.1, family="poisson", penalty_factor=[0, 1])):
        with pytest.warns(DataWarning, match="the fitted means of 10 of 60 rows are their responses"):
            model.fit(np.column_stack([some, x]), counts)
