"""Sparse-group SLOPE as an estimator: what it must equal, where its path begins, what must not change it."""

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest

import sparsestats as ss
from benchmarks.problems import grouped
from sparsestats.backend.duality import Coordinates
from sparsestats.backend.standardize import resolved

SIZES = [1, 2, 4, 5]
GROUPS = np.repeat(np.arange(4), SIZES)


def data(family="gaussian", n=60, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 12)) + 0.5 * rng.normal(size=(n, 1))
    X = X * np.exp(rng.normal(size=12)) + 2 * rng.normal(size=12)
    eta = (X - X.mean(0)) / X.std(0) @ np.r_[2.0, -1.5, 0, 1, np.zeros(8)]
    return X, eta + rng.normal(size=n) + 4 if family == "gaussian" else (eta + rng.logistic(size=n) > 0).astype(int)


def one(family="gaussian"):
    return ss.SparseGroupSLOPE if family == "gaussian" else ss.SparseGroupSLOPEClassifier


families = pytest.mark.parametrize("family", ["gaussian", "binomial"])
solvers = pytest.mark.parametrize("solver", ["auto", "proximal"])


@families
@pytest.mark.parametrize("standardize", [True, False, "group"])
def test_the_two_solvers_give_one_answer(family, standardize):
    """Gaps of 1e-11 bind fitted values to sqrt(2e-11): coefficients are compared at 1e-4 of their size."""
    X, y = data(family)
    options = dict(groups=GROUPS, l1_ratio=0.6, q=(0.2, 0.1), standardize=standardize, tol=1e-11)
    models = [one(family)(solver=s, **options).fit(X, y) for s in ("auto", "proximal")]
    assert all(model.certificate_.converged for model in models)
    assert models[0].alpha_max_ == pytest.approx(models[1].alpha_max_, rel=1e-9)
    assert models[0].certificate_.objective == pytest.approx(models[1].certificate_.objective, rel=1e-9)
    coefs = [np.ravel(model.coef_) for model in models]
    np.testing.assert_allclose(coefs[0], coefs[1], atol=1e-4 * np.abs(coefs[1]).max())
    assert coefs[0].any()


@pytest.mark.parametrize("alpha", [None, 0.05, 0.0])
def test_dependent_columns_of_a_group_get_one_answer_from_three_solvers(alpha):
    """A factor coded in full, and a copy before the column that adds something: ranks below the columns."""
    rng = np.random.default_rng(3)
    levels = np.eye(4)[rng.integers(0, 4, 80)]
    x = rng.normal(size=(80, 3))
    X = np.column_stack([levels, x[:, 0], x[:, 0], x[:, 1], x[:, 0] - x[:, 1], x[:, 2]])
    y = levels @ [2.0, 0, -1, 0.5] + x @ [1.0, -1.0, 0.0] + rng.normal(size=80)
    options = dict(groups=list("aaaabbbbc"), standardize="group", l1_ratio=0.5, q=0.2, tol=1e-10)
    fitted = [ss.SparseGroupSLOPE(alpha, solver=s, **options).fit(X, y) for s in ("auto", "proximal", "cvxpy")]
    assert all(model.certificate_.converged for model in fitted)
    for other in fitted[1:]:  # gaps of 1e-10 bind fitted values to about 1e-5
        assert other.alpha_max_ == pytest.approx(fitted[0].alpha_max_, rel=1e-8)
        np.testing.assert_allclose(other.predict(X), fitted[0].predict(X), atol=1e-4)
    assert len(ss.SparseGroupSLOPE(**options).path(X, y)) == 100


def test_factors_orthonormalised_by_formula():
    fit = ss.sgslope("body_mass_g ~ species + sex", ss.datasets.load_penguins(), alpha=10.0, standardize="group")
    assert fit.certificate.converged
    assert fit.coef().filter(like="species").sum() == pytest.approx(0, abs=1e-9)  # deviations


@solvers
def test_sparse_group_lasso_is_the_one_cvxpy_solves(solver):
    """v = w = 1: (1 - r) sqrt(p_g) ||b_g|| + r |b|, written out."""
    X, y = data()
    Z = (X - X.mean(0)) / X.std(0)
    c = cp.Variable(12)
    blocks = sum(np.sqrt(size) * cp.norm2(c[g == GROUPS]) for g, size in enumerate(SIZES))
    loss = cp.sum_squares(y - y.mean() - Z @ c) / 120
    cp.Problem(cp.Minimize(loss + 0.3 * (0.4 * cp.norm1(c) + 0.6 * blocks))).solve(
        solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10
    )
    model = ss.SparseGroupSLOPE(0.3, sequence="lasso", l1_ratio=0.4, groups=GROUPS, tol=1e-12, solver=solver)
    model.fit(X, y)
    np.testing.assert_allclose(model.coef_ * X.std(0), c.value, atol=1e-5)
    assert (model.coef_ == 0).any() and (model.coef_ != 0).any()


@families
@solvers
def test_the_ends_of_l1_ratio_are_slope_and_group_slope(family, solver):
    X, y = data(family)
    slope, group = (ss.SLOPE, ss.GroupSLOPE) if family == "gaussian" else (ss.SLOPEClassifier, ss.GroupSLOPEClassifier)
    for l1_ratio, other in ((1.0, slope(0.05, tol=1e-12)), (0.0, group(0.05, groups=GROUPS, tol=1e-12))):
        model = one(family)(0.05, l1_ratio=l1_ratio, groups=GROUPS, tol=1e-12, solver=solver).fit(X, y)
        other.fit(X, y)
        assert model.alpha_max_ == pytest.approx(other.alpha_max_, rel=1e-12)
        np.testing.assert_allclose(model.coef_, other.coef_, atol=1e-5 * np.abs(other.coef_).max())


@solvers
def test_groups_of_one_make_slope_with_mixed_weights(solver):
    X, y = data()
    v, w = np.linspace(2, 0.2, 12), np.linspace(1, 0.5, 12)
    model = ss.SparseGroupSLOPE(0.1, sequence=(v, w), l1_ratio=0.3, tol=1e-12, solver=solver).fit(X, y)
    slope = ss.SLOPE(0.1, sequence=0.3 * v + 0.7 * w, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(model.coef_, slope.coef_, atol=1e-6)


@families
@solvers
@pytest.mark.parametrize("standardize", [True, "group"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.6, 1.0])
def test_alpha_max_is_where_the_first_coefficient_enters(family, solver, standardize, l1_ratio):
    """All zero at alpha_max (1 + 1e-9), not at alpha_max (1 - 1e-3)."""
    X, y = data(family, seed=2)
    model = one(family)(l1_ratio=l1_ratio, groups=GROUPS, standardize=standardize, solver=solver, tol=1e-10)
    top = model.alpha_max(X, y)
    assert not model.set_params(alpha=top * (1 + 1e-9)).fit(X, y).coef_.any()
    assert model.set_params(alpha=top * (1 - 1e-3)).fit(X, y).coef_.any()


@pytest.mark.parametrize("standardize", [True, "group"])
def test_a_path_does_not_know_units_or_origins(standardize):
    """X -> X c + d and y -> y + const: alpha_max and objectives to 1e-10, coefficients but for the units."""
    X, y = data()
    c, d = np.exp(np.random.default_rng(4).normal(size=12)), np.linspace(-9, 9, 12)
    model = ss.SparseGroupSLOPE(l1_ratio=0.7, groups=GROUPS, standardize=standardize, tol=1e-12)
    first = model.path(X, y, ss.relative(1, 0.1, 5))
    moved = model.path(X * c + d, y + 30, ss.relative(1, 0.1, 5))
    assert moved.alpha_max == pytest.approx(first.alpha_max, rel=1e-10)
    # gaps of 1e-12 bind coefficients to 1e-6 of their size; objectives to 1e-10
    np.testing.assert_allclose(moved.coefs * c, first.coefs, atol=1e-6 * np.abs(first.coefs).max())
    for one_fit, other in zip(first.certificates, moved.certificates, strict=True):
        assert other.objective == pytest.approx(one_fit.objective, rel=1e-10)


def test_screening_changes_nothing():
    X, y = data(seed=5)
    paths = [
        ss.SparseGroupSLOPE(l1_ratio=0.5, groups=GROUPS, screening=s, tol=1e-10).path(X, y, ss.relative(1, 0.05, 8))
        for s in (True, False)
    ]
    for screened, full in zip(*(path.certificates for path in paths), strict=True):
        assert screened.converged and full.converged
        assert screened.objective == pytest.approx(full.objective, abs=2e-10 * full.scale)


@pytest.mark.parametrize("classes", [2, 3])
def test_without_a_group_part_its_weights_are_still_one_a_group(classes):
    rng = np.random.default_rng(2)
    X = rng.standard_normal((60, 4))
    y = np.digitize(X[:, 0] + 0.5 * rng.standard_normal(60), [0.0, 1.0][: classes - 1])
    v = np.linspace(2, 1, 4 * (classes if classes > 2 else 1))
    model = ss.SparseGroupSLOPEClassifier(0.02, l1_ratio=1, sequence=(v, [2.0, 1.0]), groups=[0, 1, 1, 0]).fit(X, y)
    np.testing.assert_allclose(model.coef_, ss.SLOPEClassifier(0.02, sequence=v).fit(X, y).coef_, atol=1e-10)
    with pytest.raises(ValueError, match="each of the 2 penalised groups"):
        model.set_params(sequence=(v, [1.0])).fit(X, y)


def test_inside_a_selected_group_columns_are_left_out():
    X, y = data(n=200)
    model = ss.SparseGroupSLOPE(0.3, l1_ratio=0.9, groups=GROUPS).fit(X, y)
    of_group = model.coef_[GROUPS == 2]
    assert of_group.any() and not of_group.all()


def test_cv_and_the_formula_door():
    X, y = data()
    model = ss.SparseGroupSLOPECV(ss.relative(1, 0.05, 8), groups=GROUPS, cv=4).fit(X, y)
    assert model.alpha_ == model.alpha_min_ <= model.alpha_1se_
    frame = pd.DataFrame(X[:, :3], columns=list("abc")).assign(y=y, site=np.tile(["u", "v", "w"], 20))
    fit = ss.sgslope("y ~ a + b + c + site", frame, alpha=0.2, q=(0.1, 0.2), l1_ratio=0.5)
    assert isinstance(fit.estimator, ss.SparseGroupSLOPE) and fit.certificate.converged
    assert "Sparse-group SLOPE" in str(fit.summary()) and "l1_ratio = 0.5" in str(fit.summary())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(l1_ratio=1.5), "l1_ratio"),
        (dict(q=(0.1, 0.2, 0.3)), "pair"),
        (dict(q=(0.1, 1.2)), "q must be in"),
        (dict(sequence="mean"), "vmean"),
        (dict(sequence=([1.0, 2.0], "mean")), "each of the 12 penalised columns"),
    ],
)
def test_bad_parameters_are_refused(options, message):
    X, y = data()
    with pytest.raises(ValueError, match=message):
        ss.SparseGroupSLOPE(0.1, groups=GROUPS, **options).fit(X, y)


@pytest.mark.parametrize("seed", [14, 35, 47])
def test_sequences_that_end_in_zeros_are_fitted(seed):
    """Units beyond the last positive weight are free once the others rank first; these fits once stuck at zero."""
    rng = np.random.default_rng(seed)
    groups = np.sort(rng.integers(0, 8, 30))
    X, y = rng.standard_normal((60, 30)), rng.integers(0, 4, 60)
    v = np.maximum(np.linspace(1, -0.5, 4 * 30), 0)
    w = np.r_[np.linspace(1, 0.2, 3), np.zeros(len(np.unique(groups)) - 3)]
    model = ss.SparseGroupSLOPEClassifier(sequence=(v, w), groups=groups, l1_ratio=0.9, tol=1e-10)
    model.set_params(alpha=0.3 * model.alpha_max(X, y)).fit(X, y)
    assert model.certificate_.converged and model.coef_.any()


@pytest.mark.parametrize("seed, l1_ratio", [(6, 0.5), (9, 0.2)])
def test_a_solution_is_certified_however_slowly_its_dual_point_is_found(seed, l1_ratio):
    """Every alpha meets the default tolerance; the split of the gradient used to end where it hardly moved."""
    rng = np.random.default_rng(seed)
    n, m = 100, 60
    groups = np.repeat(np.arange(m), 5)
    X = rng.standard_normal((n, 5 * m)) + 0.6 * np.repeat(rng.standard_normal((n, m)), 5, axis=1)
    beta = np.zeros(5 * m)
    for g in rng.choice(m, 12, replace=False):
        beta[groups == g] = rng.standard_normal(5) * (rng.random(5) < 0.5) * 2
    y = X @ beta + rng.standard_normal(n)
    path = ss.SparseGroupSLOPE(groups=groups, l1_ratio=l1_ratio).path(X, y, ss.relative(1, 0.1, 50))
    assert path.converged.all() and (path.n_nonzero[-1] > 50)


@pytest.mark.parametrize(("seed", "l1_ratio"), [(102, 0.5), (103, 0.25)])
def test_a_split_that_crawls_is_waited_for(seed, l1_ratio):
    """Many groups tied: 2000 sweeps left an excess of 1e-7 in the dual point, and each further round halved it."""
    problem = grouped("", 200, 1000, seed=seed)
    model = ss.SparseGroupSLOPE(q=0.1, l1_ratio=l1_ratio, groups=problem.groups)
    path = model.path(problem.X, problem.y, problem.alphas)
    assert path.converged.all() and path.n_nonzero[-1] > 150


@pytest.mark.parametrize("l1_ratio", [0.75, 0.5, 0.25])
def test_the_null_model_at_alpha_max_is_certified_by_both_texts(l1_ratio):
    """There the two dual balls touch: the split of the gradient alone left 2.5e-6 of the null objective."""
    problem = grouped("", 200, 500, seed=1)
    model = ss.SparseGroupSLOPE(q=0.1, l1_ratio=l1_ratio, groups=problem.groups)
    alpha = model.alpha_max(problem.X, problem.y)
    model.set_params(alpha=alpha).fit(problem.X, problem.y)
    assert not model.coef_.any() and model.certificate_.relative == 0
    text = Coordinates(resolved(model._problem(problem.X, problem.y)))
    again = text.certify(alpha, model.coef_, model.intercept_, tol=1e-10, n_iter=0, stop="tol")
    assert again.converged and abs(again.relative) < 1e-11
