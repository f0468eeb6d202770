"""Tests on the rows that did not select, against statsmodels; what many splits say together, by hand."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import chi2, norm

from sparsestats.backend import losses, penalties
from sparsestats.backend.problem import Problem
from sparsestats.backend.refit import SaturatedError, SeparatedError
from sparsestats.inference.splitting import aggregated, false_bound, nested_tests


def test_aggregation_is_the_papers_infimum():
    """(1 - log g0) inf over g in [g0, 1] of min(1, q_g(P / g)), on a grid so fine that it meets every g = k / B."""
    rng = np.random.default_rng(0)
    P = np.minimum(1.0, rng.uniform(size=(40, 3)) * [0.02, 0.5, 8.0])
    found = []
    for p in P.T:
        grid = np.linspace(0.05, 1.0, 40 * 19 + 1)  # multiples of 1/800, which 1/40 = 20/800 is among
        inner = [min(1.0, np.quantile(p / g, g, method="inverted_cdf")) for g in np.round(grid, 12)]
        found.append(min(1.0, (1 - np.log(0.05)) * min(inner)))
    np.testing.assert_allclose(aggregated(P), found, rtol=1e-9)
    assert 0 < found[0] < 0.05 and found[2] == 1.0


def test_aggregation_by_hand():
    # 20 splits: g0 = 1 / 20. Ten p-values of 0.001, ten of 1: the best g is one half.
    P = np.repeat([0.001, 1.0], 10)[::-1, None]
    assert aggregated(P)[0] == pytest.approx((1 + np.log(20)) * 0.001 / 0.5)
    # 30 splits: g0 = 2 / 30 is the first multiple of 1 / 30 from 0.05 on; the smallest p-value alone decides nothing.
    P = np.r_[1e-9, 0.01, np.ones(28)][:, None]
    assert aggregated(P)[0] == pytest.approx(min(1.0, (1 + np.log(15)) * 0.01 * 15))


def test_one_split_keeps_its_p_value():
    np.testing.assert_array_equal(aggregated(np.array([[0.2, 1.0]])), [0.2, 1.0])


def test_aggregates_of_uniform_p_values_keep_their_level():
    """Dependent or not: here each of 50 splits shares a part with the others, or all of it, or none."""
    rng = np.random.default_rng(1)
    z = rng.normal(size=(1, 4000))
    for rho in (0.0, 0.5, 1.0):
        P = norm.sf(np.sqrt(rho) * z + np.sqrt(1 - rho) * rng.normal(size=(50, 4000)))
        assert np.mean(aggregated(P) <= 0.05) <= 0.05  # it is 0.01 to 0.02: the rule is conservative


def data(family, n=80, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, n)
    X = np.column_stack([rng.normal(size=(n, 3)), np.eye(3)[codes]])
    eta, offset = 0.4 * X[:, 0] + 0.5 * X[:, 3], 0.3 * rng.normal(size=n)
    w = rng.integers(1, 4, n).astype(float)
    mean = eta + offset
    y = {
        "gaussian": mean + rng.normal(size=n),
        "binomial": (mean + rng.logistic(size=n) > 0).astype(float),
        "poisson": rng.poisson(np.exp(mean)).astype(float),
    }[family]
    return X, y, w, offset


LOSS = {"gaussian": losses.Gaussian(), "binomial": losses.Binomial(), "poisson": losses.Poisson()}
TERMS = [np.array([0]), np.array([2]), np.array([3, 4, 5])]
"""Column 1 is in every model; the last three are a factor with all its levels, one too many beside the intercept."""


@pytest.mark.parametrize("family", list(LOSS))
def test_tests_are_those_of_statsmodels(family):
    X, y, w, offset = data(family)
    problem = Problem(
        np.asfortranarray(X), y, LOSS[family], penalties.L1(), sample_weight=w * (len(w) / w.sum()), offset=offset
    )
    ours, crowded = nested_tests(problem, TERMS, w.sum(), 1e-10)
    assert not crowded
    kind = {"binomial": sm.families.Binomial, "poisson": sm.families.Poisson}

    def fitted(columns):
        design = sm.add_constant(X[:, columns])
        if family == "gaussian":
            return sm.WLS(y - offset, design, weights=w).fit()
        return sm.GLM(y, design, family=kind[family](), freq_weights=w, offset=offset).fit(tol=1e-12)

    contrasts = [0, 1, 2, 3, 4]  # two of the three levels span the same
    full = fitted(contrasts)
    for term, p in zip(TERMS, ours, strict=True):
        smaller = fitted(np.setdiff1d(contrasts, term))
        if family == "gaussian":
            theirs = full.compare_f_test(smaller)[1]
        else:
            theirs = chi2.sf(2 * (full.llf - smaller.llf), len(np.intersect1d(contrasts, term)))
        assert p == pytest.approx(theirs, rel=1e-6)  # of a difference of likelihoods that are good to 1e-10
        assert 0 < p < 1


def test_a_term_that_adds_nothing_has_no_evidence():
    X, y, _, _ = data("gaussian")
    X = np.asfortranarray(np.column_stack([X, X[:, 0] + X[:, 1]]))
    values, _ = nested_tests(Problem(X, y, losses.Gaussian(), penalties.L1()), [np.array([6]), np.array([2])], 80, 1e-9)
    assert values[0] == 1.0 and values[1] < 1.0


def test_a_response_fitted_exactly_leaves_no_doubt():
    X, _, _, _ = data("gaussian")
    problem = Problem(np.asfortranarray(X[:, :3]), X[:, 0] + 1.0, losses.Gaussian(), penalties.L1())
    values, _ = nested_tests(problem, [np.array([0]), np.array([1])], 80, 1e-9)
    np.testing.assert_array_equal(values, [0.0, 1.0])


def test_models_without_a_test_are_told_apart():
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.normal(size=(12, 12)))
    with pytest.raises(SaturatedError, match="12 rows"):
        nested_tests(Problem(X, X[:, 0], losses.Gaussian(), penalties.L1()), [np.arange(12)], 12, 1e-8)
    y = (X[:, 0] > 0).astype(float)
    with pytest.raises(SeparatedError, match="separates"):
        nested_tests(Problem(X[:, :1], y, losses.Binomial(), penalties.L1()), [np.array([0])], 12, 1e-8)


def test_few_observations_of_the_rarer_class_are_told():
    X, _, _, _ = data("binomial")
    y = np.zeros(80)
    y[:15] = 1.0
    of = [Problem(np.asfortranarray(X[:, :k]), y, losses.Binomial(), penalties.L1()) for k in (1, 0)]
    assert nested_tests(of[0], [np.array([0])], 80, 1e-8)[1]  # 15 events for a slope and an intercept
    assert not nested_tests(of[1], [], 80, 1e-8)[1]


def test_the_bound_of_stability_is_what_one_pair_of_halves_finds_by_chance():
    """Each half draws 10 of 40 terms; those in both are stable at threshold 1, and there the bound is sharp."""
    rng = np.random.default_rng(0)
    draw = [[np.isin(np.arange(40), rng.choice(40, 10, replace=False)) for _ in range(2)] for _ in range(400)]
    bounds = {false_bound(np.array(pair), 1.0) for pair in draw}
    assert bounds == {(10 * 10 / 40, 0.25)}
    assert np.mean([np.sum(a & b) for a, b in draw]) == pytest.approx(2.5, abs=0.2)  # three standard errors
    assert false_bound(np.array(draw[0]), 0.6)[0] == pytest.approx(2.5 / 0.2)


def test_the_bound_of_stability_is_no_more_than_the_terms_there_are():
    assert false_bound(np.ones((4, 4), dtype=bool), 0.75) == (4.0, 1.0)  # q^2 / ((2 threshold - 1) m) is 8
