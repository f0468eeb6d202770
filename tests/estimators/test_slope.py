"""What SLOPE and group SLOPE must equal: known special cases, closed forms, and their own certificates."""

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import sparse
from scipy.stats import norm
from sklearn.linear_model import Lasso

import sparsestats as ss
from sparsestats.exceptions import ConvergenceWarning, DataWarning

BH = norm.ppf(1 - 0.1 * np.arange(1, 13) / 24)
GROUPS = np.array([0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 0])
M = np.array([2.0, 1.5, 1.2, 1.0, 0.4])


def data(n=60, p=12, family="gaussian", seed=0, rho=0.4):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 1))
    X = np.sqrt(1 - rho) * rng.normal(size=(n, p)) + np.sqrt(rho) * shared
    X = X * np.exp(rng.normal(size=p)) + 3 * rng.normal(size=p)
    signal = (X - X.mean(0)) / X.std(0) @ np.r_[2.0, -1.5, 1.0, np.zeros(p - 3)]
    if family == "gaussian":
        return X, signal + rng.normal(size=n) + 5
    return X, (signal / 1.5 + rng.logistic(size=n) > 0).astype(int)


def one(family, grouped):
    return {
        ("gaussian", False): ss.SLOPE,
        ("binomial", False): ss.SLOPEClassifier,
        ("gaussian", True): ss.GroupSLOPE,
        ("binomial", True): ss.GroupSLOPEClassifier,
    }[family, grouped]


families = pytest.mark.parametrize("family", ["gaussian", "binomial"])
either = pytest.mark.parametrize("grouped", [False, True], ids=["slope", "gslope"])


# ---- certificates, recomputed -----------------------------------------------------------------------------


@families
@either
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"standardize": False, "fit_intercept": False},
        {"penalty_factor": np.array([0, 1, 1, 2, 2, 2, 0, 1, 0.5, 0.5, 0.5, 1])},
        {"weights": True, "offset": True, "sparse": True},
        {"wide": True},
    ],
    ids=["plain", "raw", "factors", "weights-offset-sparse", "wide"],
)
def test_every_certificate_of_a_path_is_the_gap_recomputed_from_its_coefficients(family, grouped, options, gap_of):
    options = dict(options)
    n = 9 if options.pop("wide", False) else 60
    X, y = data(n=n, family=family, seed=3)
    known = {}
    if options.pop("weights", False):
        known["sample_weight"] = np.random.default_rng(1).integers(0, 4, n).astype(float)
    if options.pop("offset", False):
        known["offset"] = np.random.default_rng(2).normal(size=n)
    if options.pop("sparse", False):
        X = np.where(np.abs(X - X.mean(0)) > X.std(0), X, 0)
    factor = options.get("penalty_factor")
    groups = GROUPS if grouped else None
    labels = GROUPS if grouped else np.arange(12)
    count = 12 if factor is None else len(np.unique(labels[factor > 0]))
    weights = (M if grouped else BH)[:count]
    model = one(family, grouped)(sequence=weights, **options, **({"groups": groups} if grouped else {}))
    alphas = ss.relative(1, 0.01, 12)
    path = model.path(sparse.csc_array(X) if "sample_weight" in known else X, y, alphas, **known)
    assert len(path.alphas) >= 8 and path.converged.all()
    for alpha, beta, b0, certificate in zip(path.alphas, path.coefs, path.intercepts, path.certificates, strict=True):
        gap = gap_of(X, y, alpha, weights, beta, b0, family=family, groups=groups, **known, **options)
        # two ways to build one dual point: they agree to the tolerance, not to each other's rounding
        assert gap.relative <= 2e-8
        assert gap.scale == pytest.approx(certificate.scale, rel=1e-9)
        assert gap.objective == pytest.approx(certificate.objective, rel=1e-10)
        assert certificate.kind == "gap" and certificate.value >= 0


@families
def test_certificates_of_orthonormalised_groups_are_recomputed_too(family, gap_of):
    X, y = data(family=family, seed=4)
    path = one(family, True)(groups=GROUPS, sequence=M, standardize="group").path(X, y, ss.relative(1, 0.01, 10))
    for alpha, beta, b0 in zip(path.alphas, path.coefs, path.intercepts, strict=True):
        gap = gap_of(X, y, alpha, M, beta, b0, family=family, groups=GROUPS, standardize="group")
        assert gap.relative <= 2e-8


def test_the_recomputed_gap_sees_a_wrong_model(gap_of):
    """The oracle itself: large at the null model, and at the right one shifted by a thousandth."""
    X, y = data()
    model = ss.SLOPE(alpha=0.05, sequence=BH).fit(X, y)
    assert gap_of(X, y, 0.05, BH, np.zeros(12), y.mean()).relative > 0.1
    assert gap_of(X, y, 0.05, BH, model.coef_ * 1.001, model.intercept_).relative > 1e-7
    assert gap_of(X, y, 0.05, BH, model.coef_, model.intercept_).relative <= 1e-8


def test_the_gap_bounds_the_error_of_the_linear_predictor():
    X, y = data()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        rough = ss.SLOPE(alpha=0.05, tol=1e-2).fit(X, y)
    exact = ss.SLOPE(alpha=0.05, tol=1e-13).fit(X, y)
    error = np.sqrt(np.mean((rough.predict(X) - exact.predict(X)) ** 2))
    assert error <= rough.certificate_.linear_predictor_error + 1e-12


# ---- alpha_max --------------------------------------------------------------------------------------------


@families
@either
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1e3, 40), (1e-3, -7)])
def test_just_above_alpha_max_all_is_zero_and_just_below_it_is_not(family, grouped, standardize, scale, shift):
    X, y = data(family=family)
    X = scale * X + shift
    model = one(family, grouped)(standardize=standardize, **({"groups": GROUPS} if grouped else {}))
    top = model.alpha_max(X, y)
    above = model.set_params(alpha=top * (1 + 1e-9)).fit(X, y)
    assert not above.coef_.any()
    expected = y.mean() if family == "gaussian" else np.log(y.mean() / (1 - y.mean()))
    assert np.ravel(above.intercept_)[0] == pytest.approx(expected, rel=1e-9)
    assert model.set_params(alpha=top * (1 - 1e-4)).fit(X, y).coef_.any()


def test_alpha_max_is_the_dual_norm_at_the_null_model():
    X, y = data()
    z = (X - X.mean(0)).T @ (y - y.mean()) / len(y) / X.std(0)
    ratios = np.cumsum(np.sort(np.abs(z))[::-1]) / np.cumsum(BH)
    assert ss.SLOPE(q=0.1).alpha_max(X, y) == pytest.approx(ratios.max(), rel=1e-12)


# ---- special cases ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_equal_weights_without_scaling_are_the_lasso(fit_intercept):
    X, y = data()
    theirs = Lasso(alpha=0.3, fit_intercept=fit_intercept, tol=1e-13, max_iter=200_000).fit(X, y)
    ours = ss.SLOPE(alpha=0.3, sequence="lasso", standardize=False, fit_intercept=fit_intercept).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-7)
    assert 0 < np.count_nonzero(ours.coef_) < 12
    np.testing.assert_array_equal(ours.coef_ != 0, theirs.coef_ != 0)


@families
def test_groups_of_one_are_slope(family):
    X, y = data(family=family)
    alpha = 0.2 * one(family, False)(sequence=BH).alpha_max(X, y)
    slope = one(family, False)(alpha=alpha, sequence=BH).fit(X, y)
    groups = one(family, True)(alpha=alpha, sequence=BH, groups=np.arange(12)).fit(X, y)
    alone = one(family, True)(alpha=alpha, sequence=BH).fit(X, y)
    np.testing.assert_allclose(groups.coef_, slope.coef_, atol=1e-8)
    np.testing.assert_array_equal(alone.coef_, groups.coef_)


def test_equal_weights_on_groups_are_the_group_lasso():
    """Stationarity of sum_g sqrt(p_g) ||c_g||, written out."""
    X, y = data()
    alpha = 0.25
    model = ss.GroupSLOPE(alpha=alpha, sequence="lasso", groups=GROUPS, tol=1e-14).fit(X, y)
    Z = (X - X.mean(0)) / X.std(0)
    c = model.coef_ * X.std(0)
    gradient = Z.T @ (y - model.predict(X)) / len(y)
    active = 0
    for g in range(5):
        columns = np.flatnonzero(g == GROUPS)
        bound = alpha * np.sqrt(len(columns))
        if c[columns].any():
            active += 1
            np.testing.assert_allclose(gradient[columns], bound * c[columns] / np.linalg.norm(c[columns]), atol=1e-6)
        else:
            assert np.linalg.norm(gradient[columns]) <= bound * (1 + 1e-9)
    assert 0 < active < 5


def test_one_group_of_orthonormal_columns_shrinks_as_a_whole():
    Q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(30, 4)) - 0.0)
    Q = Q - Q.mean(0)
    Q, _ = np.linalg.qr(Q)
    X, y = Q * np.sqrt(30), np.random.default_rng(1).normal(size=30) + Q @ [9, 3, 1, 0]
    z = X.T @ (y - y.mean()) / 30
    alpha = 0.3 * np.linalg.norm(z) / 2
    model = ss.GroupSLOPE(alpha=alpha, sequence="lasso", groups=[7, 7, 7, 7]).fit(X, y)
    np.testing.assert_allclose(model.coef_, 0.7 * z, atol=1e-12)


def test_orthonormal_columns_have_the_prox_in_closed_form():
    rng = np.random.default_rng(2)
    Q = rng.normal(size=(50, 6))
    Q, _ = np.linalg.qr(Q - Q.mean(0))
    X = Q * np.sqrt(50)
    y = X @ [2, 1.9, -1, 0.4, 0.1, 0] + rng.normal(size=50)
    z = X.T @ y / 50
    v = np.array([1.0, 0.9, 0.5, 0.3, 0.2, 0.1])
    for alpha in (0.1, 0.5):
        expected = ss.penalties.SortedL1(v).resolve(50, sizes=np.ones(6)).prox(z, alpha)
        np.testing.assert_allclose(ss.SLOPE(alpha=alpha, sequence=v).fit(X, y).coef_, expected, atol=1e-10)


@either
def test_alpha_0_is_least_squares(grouped):
    X, y = data()
    model = one("gaussian", grouped)(alpha=0, **({"groups": GROUPS} if grouped else {})).fit(X, y)
    theirs = sm.OLS(y, sm.add_constant(X)).fit()
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_], theirs.params, atol=1e-8)
    assert model.certificate_.kind == "newton" and model.certificate_.converged


@either
def test_alpha_0_is_logistic_maximum_likelihood(grouped):
    X, y = data(n=300, family="binomial")
    weight = np.random.default_rng(5).integers(1, 4, 300)
    model = one("binomial", grouped)(alpha=0, **({"groups": GROUPS} if grouped else {})).fit(X, y, weight)
    theirs = sm.GLM(y, sm.add_constant(X), sm.families.Binomial(), freq_weights=weight).fit(tol=1e-14)
    np.testing.assert_allclose(np.r_[model.intercept_, model.coef_[0]], theirs.params, atol=1e-6)


def test_a_zero_sequence_is_the_unpenalised_fit_at_any_alpha():
    X, y = data()
    zero = ss.SLOPE(alpha=3.0, sequence=np.zeros(12)).fit(X, y)
    np.testing.assert_allclose(zero.coef_, ss.SLOPE(alpha=0).fit(X, y).coef_, atol=1e-9)


def test_a_pair_of_identical_columns_shares_its_magnitude():
    X, y = data()
    X[:, 5] = X[:, 0]
    X[:, 6] = -X[:, 1]
    coef = ss.SLOPE(alpha=0.05, sequence=np.linspace(2, 0.5, 12)).fit(X, y).coef_
    assert coef[0] == pytest.approx(coef[5], rel=1e-6) and coef[1] == pytest.approx(-coef[6], rel=1e-6)
    assert abs(coef[0]) > 0.01 and abs(coef[1]) > 0.01


def test_slope_ties_correlated_columns_where_the_lasso_picks_one():
    rng = np.random.default_rng(0)
    z = rng.normal(size=200)
    X = np.column_stack([z, z, z]) + 0.05 * rng.normal(size=(200, 3))
    y = X.sum(axis=1) + rng.normal(size=200)
    c = ss.SLOPE(alpha=0.3, sequence=[3, 2, 1]).fit(X, y).coef_ * X.std(0)
    assert np.ptp(np.abs(c)) <= 1e-9 * np.abs(c).max() and np.abs(c).min() > 0.1


@families
@pytest.mark.parametrize("standardize", [True, "group"])
def test_active_groups_are_dense_and_inactive_ones_exactly_zero(family, standardize):
    X, y = data(family=family)
    path = one(family, True)(groups=GROUPS, standardize=standardize).path(X, y, ss.relative(1, 0.05, 15))
    counts = np.array([[np.count_nonzero(row[g == GROUPS]) for g in range(5)] for row in path.coefs])
    sizes = np.bincount(GROUPS)
    assert np.all((counts == 0) | (counts == sizes))
    assert counts[0].sum() == 0 and 0 < (counts > 0).sum(axis=1)[7] < 6


def test_raw_and_orthogonal_polynomials_give_one_answer_when_groups_are_orthonormalised():
    rng = np.random.default_rng(0)
    x, other = rng.uniform(1, 3, 80), rng.normal(size=(80, 2))
    y = np.sin(3 * x) + other[:, 0] + 0.2 * rng.normal(size=80)
    raw = np.column_stack([x, x**2, x**3])
    orthogonal = np.linalg.qr(raw - raw.mean(0))[0]
    groups = [0, 0, 0, 1, 2]
    fitted = {
        (name, how): ss.GroupSLOPE(alpha=0.1, groups=groups, standardize=how)
        .fit(np.column_stack([basis, other]), y)
        .predict(np.column_stack([basis, other]))
        for name, basis in (("raw", raw), ("orthogonal", orthogonal))
        for how in ("group", True)
    }
    # the raw basis has condition number 1e3 or so: 1e-16 grows to 1e-12 at most
    np.testing.assert_allclose(fitted["raw", "group"], fitted["orthogonal", "group"], atol=1e-8)
    assert np.abs(fitted["raw", True] - fitted["orthogonal", True]).max() > 0.05


def test_a_fully_coded_factor_is_shrunk_as_deviations():
    """Orthonormalised, a factor of 3 levels has rank 2: its weight is sqrt(2), its coefficients sum to 0."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 3, 90)
    X = np.eye(3)[levels]
    y = np.array([0.0, 1.0, 3.0])[levels] + rng.normal(size=90)
    model = ss.GroupSLOPE(alpha=0.1, sequence="lasso", groups=["g"] * 3, standardize="group").fit(X, y)
    means = np.array([y[levels == k].mean() for k in range(3)])
    size = np.std(means[levels])
    expected = y.mean() + (1 - 0.1 * np.sqrt(2) / size) * (means[levels] - y.mean())
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-8)


# ---- free columns and offsets -----------------------------------------------------------------------------


@families
@either
def test_free_columns_are_fitted_at_alpha_max_and_never_ranked(family, grouped):
    X, y = data(family=family, n=100)
    factor = np.ones(12)
    factor[[0, 11]] = 0
    extra = {"groups": GROUPS} if grouped else {}
    model = one(family, grouped)(penalty_factor=factor, **extra)
    path = model.path(X, y, ss.relative(1, 0.1, 5))
    theirs = sm.GLM(y, sm.add_constant(X[:, [0, 11]]), {"gaussian": sm.families.Gaussian(),
                    "binomial": sm.families.Binomial()}[family]).fit(tol=1e-14)  # fmt: skip
    top = path.coefs[0]
    np.testing.assert_allclose(top[[0, 11]], theirs.params[1:], atol=1e-7)
    assert not np.delete(top, [0, 11]).any()
    # dropping the free columns from the ranks: a sequence covers the penalised columns (or groups) only
    count = 4 if grouped else 10
    one(family, grouped)(alpha=0.1, penalty_factor=factor, sequence=np.linspace(2, 1, count), **extra).fit(X, y)
    with pytest.raises(ValueError, match=str(count)):
        one(family, grouped)(alpha=0.1, penalty_factor=factor, sequence=np.ones(count + 1), **extra).fit(X, y)


@pytest.mark.parametrize("standardize", [True, False, "group"])
@pytest.mark.parametrize("alpha", [0, None])
@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_a_penalised_column_that_free_ones_explain_has_nothing_to_add(family, alpha, standardize):
    # Rounding would leave it a variance of 1e-32, an alpha_max of 1e-17 and, at alpha = 0, a coefficient of 1e15.
    X = np.random.default_rng(3).standard_normal((50, 3))
    X[:, 2] = 2 - 3 * X[:, 0] + X[:, 1]
    y = X[:, 0] + np.random.default_rng(4).standard_normal(50)
    kind = ss.GroupSLOPE if family == "gaussian" else ss.GroupSLOPEClassifier
    y = y if family == "gaussian" else y > 0
    model = kind(alpha, penalty_factor=[0, 0, 1], groups=[0, 1, 1], standardize=standardize).fit(X, y)
    assert model.alpha_max_ == 0 and model.certificate_.converged
    assert np.ravel(model.coef_)[2] == 0
    np.testing.assert_allclose(np.ravel(model.coef_)[:2], np.ravel(kind(0).fit(X[:, :2], y).coef_), atol=1e-7)


def test_a_free_column_is_never_rescaled():
    X, y = data()
    factor = np.r_[0, np.ones(11)]
    coefs = [
        ss.SLOPE(alpha=0.1, penalty_factor=factor).fit(np.column_stack([X[:, 0] * s, X[:, 1:]]), y).coef_
        for s in (1.0, 1e4)
    ]
    np.testing.assert_allclose(coefs[1] * np.r_[1e4, np.ones(11)], coefs[0], atol=1e-8)


def test_all_columns_free_is_the_unpenalised_fit():
    X, y = data()
    model = ss.SLOPE(alpha=5.0, penalty_factor=np.zeros(12)).fit(X, y)
    np.testing.assert_allclose(model.coef_, ss.SLOPE(alpha=0).fit(X, y).coef_, atol=1e-9)
    assert model.certificate_.converged


@either
def test_a_gaussian_offset_is_a_response_less_that_offset(grouped):
    X, y = data()
    offset = np.random.default_rng(1).normal(size=60)
    extra = {"groups": GROUPS} if grouped else {}
    with_offset = one("gaussian", grouped)(alpha=0.1, **extra).fit(X, y, offset=offset)
    shifted = one("gaussian", grouped)(alpha=0.1, **extra).fit(X, y - offset)
    np.testing.assert_allclose(with_offset.coef_, shifted.coef_, atol=1e-9)
    np.testing.assert_allclose(with_offset.predict(X, offset), shifted.predict(X) + offset, atol=1e-9)


def test_a_binomial_offset_is_a_column_with_coefficient_1():
    X, y = data(n=200, family="binomial")
    offset = np.random.default_rng(1).normal(size=200)
    ours = ss.SLOPEClassifier(alpha=0).fit(X, y, offset=offset)
    theirs = sm.GLM(y, sm.add_constant(X), sm.families.Binomial(), offset=offset).fit(tol=1e-14)
    np.testing.assert_allclose(np.r_[ours.intercept_, ours.coef_[0]], theirs.params, atol=1e-6)


def test_a_constant_offset_moves_the_intercept_alone():
    X, y = data(family="binomial")
    plain = ss.SLOPEClassifier(alpha=0.02).fit(X, y)
    moved = ss.SLOPEClassifier(alpha=0.02).fit(X, y, offset=np.full(60, 1.5))
    np.testing.assert_allclose(moved.coef_, plain.coef_, atol=1e-7)
    assert moved.intercept_[0] == pytest.approx(plain.intercept_[0] - 1.5, abs=1e-7)


@families
def test_predict_needs_an_offset_exactly_when_fit_had_one(family):
    X, y = data(family=family)
    model = one(family, False)(alpha=0.05).fit(X, y, offset=np.zeros(60))
    with pytest.raises(ValueError, match="fitted with an offset; predict needs offset="):
        model.predict(X)
    plain = one(family, False)(alpha=0.05).fit(X, y)
    np.testing.assert_array_equal(plain.predict(X, offset=np.zeros(60)), plain.predict(X))


# ---- the path ---------------------------------------------------------------------------------------------


def test_default_path_is_100_geometric_values_down_to_a_hundredth():
    X, y = data()
    path = ss.SLOPE().path(X, y)
    top = ss.SLOPE().alpha_max(X, y)
    np.testing.assert_allclose(path.alphas, top * np.geomspace(1, 0.01, 100), rtol=1e-12)
    assert path.stopped == "" and np.all(np.diff(path.deviance_ratio) >= -1e-9)


def test_alphas_are_sorted_and_repeats_dropped():
    X, y = data()
    path = ss.SLOPE().path(X, y, [0.1, 1.0, 0.5, 1.0])
    assert path.alphas.tolist() == [1.0, 0.5, 0.1]
    for alpha, beta in zip(path.alphas, path.coefs, strict=True):
        np.testing.assert_allclose(beta, ss.SLOPE(alpha=alpha).fit(X, y).coef_, atol=1e-7)


def test_a_separable_response_ends_the_default_path_early_and_says_why():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    path = ss.SLOPEClassifier().path(X, X[:, 0] > 0, ss.relative(1, 1e-6, 60))
    assert len(path.alphas) < 60 and "deviance" in path.stopped
    assert np.isfinite(path.coefs).all() and path.converged.all()


def test_one_iteration_warns_with_gap_tolerance_and_what_to_change():
    X, y = data(seed=8, rho=0.9)
    expected = r"SLOPE did not converge .* gap .* of the null objective, above tol=1e-12 .*Raise max_iter"
    with pytest.warns(ConvergenceWarning, match=expected):
        model = ss.SLOPE(alpha=0.01, max_iter=1, tol=1e-12, solver="proximal").fit(X, y)
    assert not model.certificate_.converged and model.certificate_.stop == "max_iter"


@pytest.mark.parametrize("grouped", [True, False], ids=["gslope", "slope"])
def test_one_iteration_of_the_compiled_solver_warns_too(grouped):
    X, y = data(family="binomial", seed=8, rho=0.9)
    extra = {"groups": GROUPS} if grouped else {}
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        model = one("binomial", grouped)(alpha=1e-3, max_iter=1, tol=1e-13, **extra).fit(X, y)
    assert model.certificate_.stop == "max_iter" and np.isfinite(model.coef_).all()


@either
def test_all_three_solvers_reach_one_objective(grouped):
    X, y = data()
    extra = {"groups": GROUPS} if grouped else {}
    fits = {s: one("gaussian", grouped)(alpha=0.1, solver=s, **extra).fit(X, y) for s in ("auto", "cvxpy", "proximal")}
    for model in fits.values():
        assert model.certificate_.objective == pytest.approx(fits["auto"].certificate_.objective, rel=2e-8)
        np.testing.assert_allclose(model.coef_, fits["auto"].coef_, atol=1e-3)


def test_constraints_on_the_data_s_scale_hold_and_leave_multipliers():
    X, y = data()
    free = ss.SLOPE(alpha=0.05).fit(X, y)
    bound = ss.SLOPE(alpha=0.05, constraints=lambda v: [v["beta"][0] <= 0.5 * free.coef_[0]]).fit(X, y)
    assert bound.coef_[0] == pytest.approx(0.5 * free.coef_[0], abs=1e-6)
    assert float(np.ravel(bound.duals_[0])[0]) > 0
    assert bound.certificate_.objective > free.certificate_.objective


def test_a_separated_fit_without_penalty_warns():
    X = np.random.default_rng(0).normal(size=(40, 2))
    apart, mixed = X[:, 0] > 0, X[:, 0] + 2 * X[:, 1] ** 2 > 1
    with pytest.warns(DataWarning, match="at alpha = 0 the fitted means of 40 of 40 rows are their responses"):
        ss.SLOPEClassifier(alpha=0).fit(X, apart)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ss.SLOPEClassifier(alpha=0).fit(X, mixed)
        ss.SLOPEClassifier(alpha=0.01).fit(X, apart)


def test_folds_are_as_exact_as_who_asks_for_more_than_the_default():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 30))
    y = X[:, :5].sum(axis=1) + rng.normal(size=120)
    cv = [(np.arange(40, 120), np.arange(40)), (np.arange(80), np.arange(80, 120))]
    loose, tight = (ss.SLOPECV(cv=cv, alphas=ss.relative(1, 0.01, 20), tol=tol).fit(X, y) for tol in (1e-8, 1e-12))
    train, test = cv[0]
    path = ss.SLOPE(tol=1e-12).path(X[train], y[train], alphas=tight.alphas_)
    exact = ((y[test][:, None] - X[test] @ path.coefs.T - path.intercepts) ** 2).mean(axis=0)
    first = tight.cv_.table.query("fold == 0")["score"].to_numpy()
    np.testing.assert_allclose(first, exact, rtol=1e-9)
    rough = loose.cv_.table.query("fold == 0")["score"].to_numpy()
    np.testing.assert_allclose(rough, exact, rtol=0.02)
    assert not np.allclose(rough, exact, rtol=1e-9)
