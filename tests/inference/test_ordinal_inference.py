"""Standard errors and tests of proportional odds against statsmodels and each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sparsestats.backend.ordinal import OrdinalProblem, loss
from sparsestats.inference import ordinal as inference


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(3)
    X = np.asfortranarray(rng.normal(size=(2000, 3)))
    y = np.digitize(X @ [0.8, -0.4, 0.0] + rng.logistic(size=2000), [-1.0, 0.5, 2.0])
    return OrdinalProblem(X, y, 4, np.ones((3, 3)), monotone="none")


def held(problem):
    weights = np.ones((3, 3))
    weights[:, 1:] = np.inf
    return replace(problem, penalty_weights=weights)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "loglog"])
def test_observed_information_is_the_hessian_of_the_likelihood(problem, link):
    problem = replace(problem, link=link)
    coef, intercept, _, reached = inference.maximum_likelihood(problem, parallel=False)
    assert reached
    theta = np.column_stack([intercept, coef]).ravel()

    def nll(t):
        t = t.reshape(3, 4)
        eta = problem.X @ t[:, 1:].T + t[:, 0]
        return 2000 * loss(eta, problem.codes, np.ones(2000), "cumulative", link)

    h, e = 1e-3, np.eye(12)
    information = inference.observed_information(problem, coef, intercept)
    for i, j in [(0, 0), (1, 1), (0, 5), (4, 4), (5, 9), (0, 8), (10, 11)]:
        steps = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
        second = sum(a * b * nll(theta + h * (a * e[i] + b * e[j])) for a, b in steps) / (4 * h * h)
        # second differences of a sum near 2000: 1e-13 * 2000 / 1e-6, and h^2 times fourth derivatives
        assert information[i, j] == pytest.approx(second, rel=2e-4, abs=2e-2)


def test_standard_errors_are_those_of_ordered_model(problem):
    OrderedModel = pytest.importorskip("statsmodels.miscmodels.ordinal_model").OrderedModel
    table = inference.wald_table(held(problem), ["a", "b", "c"])
    theirs = OrderedModel(problem.codes, problem.X, distr="logit").fit(method="newton", disp=0)
    slopes = table[table["boundary"] == -1]
    np.testing.assert_allclose(slopes["estimate"], -theirs.params[:3], atol=1e-6)
    # their Hessian is numerical: about six digits
    np.testing.assert_allclose(slopes["std_error"], theirs.bse[:3], rtol=1e-4)


def test_three_tests_agree_when_the_assumption_holds(problem):
    score, ratio = inference.score_test(problem), inference.likelihood_ratio(problem)
    brant = inference.brant_test(problem, ["a", "b", "c"])
    assert score.df == ratio.df == brant["df"][0] == 6
    # asymptotically equal statistics; at n = 2000 they differ by a few per cent of their scale
    assert score.statistic == pytest.approx(ratio.statistic, abs=0.5)
    assert brant["statistic"][0] == pytest.approx(ratio.statistic, abs=0.8)
    assert ratio.p_value > 0.01


def test_tests_see_a_departure_in_the_column_that_departs():
    rng = np.random.default_rng(5)
    X = np.asfortranarray(rng.normal(size=(3000, 2)))
    low, high = X @ [0.5, 0.6], X @ [0.5, 0.0] + 3.0
    u = rng.random(3000)
    y = (u > 1 / (1 + np.exp(-low))).astype(int) + (u > 1 / (1 + np.exp(-high)))
    problem = OrdinalProblem(X, y, 3, np.ones((2, 2)), monotone="none")
    brant = inference.brant_test(problem, ["same", "departs"]).set_index("column")
    assert brant.loc["departs", "p_value"] < 1e-6 < 0.01 < brant.loc["same", "p_value"]
    assert inference.score_test(problem).p_value < 1e-6


def test_separated_classes_have_no_standard_errors():
    X = np.asfortranarray(np.linspace(-1, 1, 30)[:, None])
    y = np.digitize(X[:, 0], [-0.4, 0.4])
    with pytest.raises(ValueError, match="separated"):
        inference.wald_table(OrdinalProblem(X, y, 3, np.ones((1, 2)), monotone="none"), ["x"])


def test_brant_is_a_contrast_of_separate_logits_with_their_offset(problem):
    sm = pytest.importorskip("statsmodels.api")
    offset = np.random.default_rng(8).normal(size=2000)
    ours = inference.brant_test(replace(problem, offset=offset), ["a", "b", "c"])
    Z, y = sm.add_constant(problem.X), problem.codes
    fits = [sm.GLM(y <= k, Z, family=sm.families.Binomial(), offset=offset).fit(tol=1e-12) for k in range(3)]
    F = [fit.fittedvalues for fit in fits]
    bread = [np.linalg.inv(Z.T @ ((f * (1 - f))[:, None] * Z)) for f in F]
    V = np.block(
        [
            [
                (bread[k] @ (Z.T @ ((F[min(j, k)] * (1 - F[max(j, k)]))[:, None] * Z)) @ bread[j])[1:, 1:]
                for j in range(3)
            ]
            for k in range(3)
        ]
    )
    D = np.kron([[-1, 1, 0], [-1, 0, 1]], np.eye(3))
    d = D @ np.concatenate([fit.params[1:] for fit in fits])
    assert ours["statistic"][0] == pytest.approx(d @ np.linalg.solve(D @ V @ D.T, d), rel=1e-6)


def test_weights_are_observations(problem):
    part = replace(problem, X=np.asfortranarray(problem.X[:1500]), codes=problem.codes[:1500])
    times = np.random.default_rng(1).integers(1, 5, 1500)
    repeated = replace(part, X=np.asfortranarray(np.repeat(part.X, times, axis=0)), codes=np.repeat(part.codes, times))
    weighted = replace(part, sample_weight=times.astype(float))
    names = ["a", "b", "c"]
    first, second = (inference.wald_table(p, names) for p in (weighted, repeated))
    np.testing.assert_allclose(first["std_error"], second["std_error"], rtol=1e-7)
    for test in (inference.score_test, inference.likelihood_ratio):
        assert test(weighted).statistic == pytest.approx(test(repeated).statistic, rel=1e-7)
    np.testing.assert_allclose(
        inference.brant_test(weighted, names)["statistic"],
        inference.brant_test(repeated, names)["statistic"],
        rtol=1e-7,
    )


def test_brant_refuses_a_column_for_every_level(problem):
    levels = np.arange(2000) % 3 == np.arange(3)[:, None]
    with pytest.raises(ValueError, match="collinear"):
        inference.brant_test(replace(problem, X=np.asfortranarray(levels.T.astype(float))), ["a", "b", "c"])


def test_a_row_whose_classes_are_ruled_out_spoils_no_score_test(problem):
    """At x = -200 all upper classes have probability 0 in double precision; their information is 0, not 0/0."""
    X = problem.X[:400].copy(order="F")
    codes = problem.codes[:400].copy()
    X[0], codes[0] = [-200.0, 0.0, 0.0], 0
    far = replace(problem, X=X, codes=codes)
    assert 0 < inference.score_test(far).p_value < 1


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "loglog"])
def test_the_score_far_out_is_the_slope_of_the_likelihood(problem, link):
    """F is 1 or 0 as a double at both boundaries of these classes; their log-likelihoods have slopes all the same."""
    theta, h = np.array([0.0, 0.5, 1.0]), 1e-5
    middle = {"logit": 60.0, "probit": 12.0, "cloglog": 4.5, "loglog": -4.5}[link]
    codes = np.array([1, 2, 1, 2])
    far = replace(
        problem, X=np.zeros((4, 3), order="F"), codes=codes, offset=np.array([1, 1, -1, -1]) * middle, link=link
    )

    def likelihood(intercept):
        return -4 * loss(intercept + far.offset[:, None], codes, np.ones(4), "cumulative", link)

    score = inference._score(far, np.zeros((3, 3)), theta)[::4]
    slope = [(likelihood(theta + h * e) - likelihood(theta - h * e)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(score, slope, rtol=1e-6)  # h^2 of central differences


def test_rows_far_out_do_not_warn(problem):
    """The offset has a coefficient of 1, so that classes are observed where F is 1 to the last digit."""
    offset = np.random.default_rng(0).uniform(20, 90, 2000)
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(inference.score_test(replace(problem, offset=offset)).statistic)
