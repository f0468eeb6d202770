"""PRESTO and PRESTOCV as estimators."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

import sparsestats as ss
from sparsestats.exceptions import DataWarning


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 4))
    y = np.digitize(X @ [1.0, -0.5, 0.0, 0.2] + rng.logistic(size=500), [0.0, 2.0, 4.0])
    return X, y


CHECKED = [
    ss.PRESTO(),
    ss.PRESTOCV(ss.relative(1, 0.05, 10), cv=3),
    ss.PRESTO(penalty="group", family="acat"),  # blobs without an order make cumulative boundaries cross
    ss.PRESTO(penalty="mcp"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "check"), [(e, c) for est in CHECKED for e, c in estimator_checks_generator(est)]
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_conventions(estimator, check):
    check(estimator)


def test_probabilities_follow_classes_and_order_follows_categories(data):
    X, y = data
    names = np.array(["mild", "bad", "worse", "fatal"])
    model = ss.PRESTO(alpha=0.005, categories=names).fit(X, names[y])
    coded = ss.PRESTO(alpha=0.005).fit(X, y)
    assert model.classes_.tolist() == sorted(names)
    assert model.categories_.tolist() == names.tolist()
    order = [sorted(names).index(n) for n in names]
    np.testing.assert_array_equal(model.predict_proba(X)[:, order], coded.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X), names[coded.predict(X)])
    below = model.predict_proba(X)[:, order].cumsum(axis=1)[:, :-1]
    np.testing.assert_allclose(model.predict_cumulative(X), below, rtol=1e-12)
    assert model.score(X, names[y]) > 0.5


def test_ordered_dtype_gives_the_order_and_strings_alone_warn(data):
    X, y = data
    names = np.array(["low", "mid", "high", "top"])[y]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ordered = pd.Series(pd.Categorical(names, ["low", "mid", "high", "top"], ordered=True))
        model = ss.PRESTO(alpha=0.01).fit(X, ordered)
    assert model.categories_.tolist() == ["low", "mid", "high", "top"]
    with pytest.warns(DataWarning, match="high < low < mid < top"):
        ss.PRESTO(alpha=0.01).fit(X, names)


def test_training_loss_is_the_objective_without_penalty(data):
    """Predictions from differences instead of cumulated coefficients would fail here."""
    X, y = data
    model = ss.PRESTO(alpha=0.004).fit(X, y)
    psi = np.diff(np.vstack([np.zeros(4), model.coef_]), axis=0) * X.std(axis=0)
    log_loss = -np.log(model.predict_proba(X)[np.arange(500), y]).mean()
    assert log_loss + 0.004 * np.abs(psi).sum() == pytest.approx(model.certificate_.objective, abs=1e-12)


def test_reverse_anchors_the_other_end(data):
    X, y = data
    one = ss.PRESTO(alpha=0.01, reverse=True).fit(X, y)
    two = ss.PRESTO(alpha=0.01).fit(X, 3 - y)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X)[:, ::-1], atol=1e-12)
    np.testing.assert_allclose(one.coef_, two.coef_[::-1], atol=1e-12)
    plain = ss.PRESTO(alpha=0.01).fit(X, y)
    assert one.coef_[0, 0] * plain.coef_[0, 0] < 0
    pair = [ss.PRESTO(alpha=0.01, first_penalty=0.0, reverse=r).fit(X, y).predict_proba(X) for r in (False, True)]
    np.testing.assert_allclose(*pair, atol=1e-8)


def test_counts_are_weighted_rows():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 2))
    counts = rng.multinomial(5, [0.5, 0.3, 0.2], size=60)
    model = ss.PRESTO(alpha=0.01).fit(X, counts)
    rows = np.repeat(np.repeat(np.arange(60), 3), counts.ravel())
    y = np.repeat(np.tile(np.arange(3), 60), counts.ravel())
    np.testing.assert_allclose(model.coef_, ss.PRESTO(alpha=0.01).fit(X[rows], y).coef_, atol=1e-9)


def test_offset_is_needed_again_at_predict(data):
    X, y = data
    model = ss.PRESTO(alpha=0.01).fit(X, y, offset=np.full(500, 0.3))
    with pytest.raises(ValueError, match="offset"):
        model.predict(X)
    plain = ss.PRESTO(alpha=0.01).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X, np.full(500, 0.3)), plain.predict_proba(X), atol=1e-9)


def test_parallel_columns_have_one_coefficient(data):
    X = pd.DataFrame(data[0], columns=list("abcd"))
    model = ss.PRESTO(alpha=0.0, parallel=["b", "d"]).fit(X, data[1])
    spread = np.ptp(model.coef_, axis=0)
    assert spread[[1, 3]].max() == 0
    assert spread[[0, 2]].min() > 1e-3
    assert model.certificate_.kind == "newton"


@pytest.mark.parametrize("power", [660, -660])
def test_columns_whose_squares_are_out_of_range_are_fitted_in_their_own_units(data, power):
    X, y = data
    near, far = (ss.PRESTO(alpha=0.02).fit(np.ldexp(X, k), y) for k in (0, power))  # 2^660 = 5e198
    assert far.certificate_.converged and near.coef_.any()
    np.testing.assert_allclose(np.ldexp(far.coef_, power), near.coef_, rtol=1e-9, atol=1e-12)


def test_constant_column_is_exactly_zero_and_duplicates_are_fitted(data):
    X, y = data
    model = ss.PRESTO(alpha=0.003).fit(np.column_stack([X, np.full(500, 3.0), X[:, 0]]), y)
    assert not model.coef_[:, 4].any()
    assert model.certificate_.converged
    single = ss.PRESTO(alpha=0.003).fit(X, y)
    np.testing.assert_allclose(model.coef_[:, 0] + model.coef_[:, 5], single.coef_[:, 0], atol=1e-6)


def test_single_row_of_a_class_and_separation_give_finite_fits():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 2))
    y = (X[:, 0] > 0.3).astype(int)
    y[np.argmax(X[:, 0])] = 2
    model = ss.PRESTO(alpha=0.01).fit(X, y)
    assert model.certificate_.converged
    assert np.isfinite(model.predict_proba(X)).all()


def test_crossing_rows_are_repaired_counted_and_told(data):
    X, y = data
    model = ss.PRESTO(alpha=0.001, monotone="none").fit(X, y)
    far = 50 * X
    with pytest.warns(DataWarning, match=r"\d+ of 500 rows"):
        p = model.predict_proba(far)
    assert p.min() >= 0
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-14)
    with pytest.raises(ValueError, match="out of order"):
        model.set_params(repair="raise").predict_proba(far)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"family": "acat", "link": "probit"}, "logit"),
        ({"parallel": [9]}, "positions 0..3"),
        ({"categories": [0, 1, 2]}, "not among the categories"),
        ({"categories": [0, 1, 2, 3, 4]}, "has no rows"),
        ({"alpha": -1.0}, "alpha"),
        ({"link": "cauchit"}, "link"),
    ],
)
def test_bad_parameters_say_what_was_expected(data, params, message):
    with pytest.raises(ValueError, match=message):
        ss.PRESTO(**params).fit(*data)


def test_path_interpolates_and_refuses_to_extrapolate(data):
    X, y = data
    path = ss.PRESTO().path(X, y, ss.relative(1, 0.05, 8))
    assert path.coefs.shape == (8, 3, 4) and path.converged.all()
    assert path.n_nonzero[0] == 0 and path.n_steps[-1] > 0
    middle = 0.5 * (path.alphas[2] + path.alphas[3])
    np.testing.assert_allclose(path.coef(middle), 0.5 * (path.coefs[2] + path.coefs[3]))
    with pytest.raises(ValueError, match="outside"):
        path.coef(path.alphas[0] * 2)
    assert set(path.tidy()["boundary"]) == {"<=0", "<=1", "<=2"}
    sat = ss.PRESTO().at(path, path.alphas[4])
    np.testing.assert_allclose(sat.predict_proba(X), path.predict(X, path.alphas[4]), atol=1e-15)


def test_cross_validation_scores_whole_models(data):
    """Recomputed by hand for one fold: the published code scores another model than it fits."""
    X, y = data
    model = ss.PRESTOCV(ss.relative(1, 0.05, 6), cv=4).fit(X, y)
    from sparsestats.selection.folds import check_cv

    train, test = check_cv(4, y, classifier=True)[0]
    single = ss.PRESTO(alpha=model.alphas_[3]).fit(X[train], y[train])
    brier = ((single.predict_proba(X[test]) - np.eye(4)[y[test]]) ** 2).sum(axis=1).mean()
    table = model.cv_results_
    score = table[(table["fold"] == 0) & (table["alpha"] == model.alphas_[3])]["score"].item()
    assert score == pytest.approx(brier, abs=1e-8)
    assert model.alpha_min_ <= model.alpha_1se_
    assert model.cv_.null > model.cv_.mean.min()
    np.testing.assert_array_equal(model.coef_, model.path_.coefs[model.cv_.index_min])


@pytest.mark.parametrize("scoring", ["log_loss", "rare_log_loss", "rare_brier", "misclassification", "neg_log_loss"])
def test_scores_have_names(data, scoring):
    model = ss.PRESTOCV(ss.relative(1, 0.1, 3), cv=3, scoring=scoring, selection="1se").fit(*data)
    assert model.cv_.scoring == scoring
    assert model.alpha_ == model.alpha_1se_


def test_average_is_one_model_weighted_by_held_out_likelihood(data):
    X, y = data
    model = ss.PRESTOCV(ss.relative(1, 0.02, 8), cv=4, selection="average").fit(X, y)
    ratio = np.log(model.weights_[3] / model.weights_[4])
    assert ratio == pytest.approx(50 * (model.cv_.mean[4] - model.cv_.mean[3]), abs=1e-8)
    np.testing.assert_allclose(model.coef_, np.einsum("k,kmp->mp", model.weights_, model.path_.coefs))
    assert model.certificate_.converged
    with pytest.raises(ValueError, match="log_loss"):
        ss.PRESTOCV(selection="average", scoring="brier").fit(X, y)


def test_threads_change_nothing(data):
    one = ss.PRESTOCV(ss.relative(1, 0.1, 5), cv=3).fit(*data)
    two = ss.PRESTOCV(ss.relative(1, 0.1, 5), cv=3, n_jobs=2).fit(*data)
    pd.testing.assert_frame_equal(one.cv_results_, two.cv_results_)


def test_a_fold_without_a_category_keeps_its_place():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    y = np.digitize(X[:, 0] + rng.logistic(size=80), [0.0, 1.5])
    y[0] = 3  # a single row of the last class: some fold trains without it
    with pytest.warns(DataWarning):
        model = ss.PRESTOCV(ss.relative(1, 0.2, 4), cv=4).fit(X, y)
    assert np.isfinite(model.cv_.mean).all()
    assert model.predict_proba(X).shape == (80, 4)


def test_clone_and_inputs_are_left_alone(data):
    X, y = data[0].copy(), data[1].copy()
    X.setflags(write=False)
    y.setflags(write=False)
    model = clone(ss.PRESTO(alpha=0.01)).fit(np.asfortranarray(X), y)
    assert model.get_params()["alpha"] == 0.01


@pytest.mark.parametrize("penalty", ["group", "slope", "mcp"])
def test_named_penalties_are_those_of_the_shared_backend(data, penalty):
    X, y = data
    given = {
        "group": ss.penalties.GroupSortedL1("lasso"),
        "slope": ss.penalties.SortedL1("bh", q=0.1),
        "mcp": ss.penalties.MCP(3.0),
    }[penalty]
    named = ss.PRESTO(penalty=penalty).fit(X, y)
    np.testing.assert_array_equal(named.coef_, ss.PRESTO(penalty=given).fit(X, y).coef_)
    assert named.certificate_.converged and named.coef_.any()
    assert named.alpha_ == pytest.approx(0.1 * named.alpha_max_) and np.isnan(named.alpha_po_)
    assert (named.certificate_.kind == "stationarity") == (penalty == "mcp")
    small = 0.01 * named.alpha_max_
    assert not np.allclose(
        ss.PRESTO(small, penalty=penalty).fit(X, y).coef_, ss.PRESTO(small).fit(X, y).coef_, atol=1e-4
    )
    np.testing.assert_allclose(named.predict_proba(X).sum(axis=1), 1)


def test_groups_of_columns_enter_together_in_both_halves_of_a_cross_validation(data):
    X, y = data
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = ss.PRESTOCV(
        ss.relative(1, 0.05, 6), cv=3, penalty="group", groups={"b": "pair", "c": "pair"}, scoring="log_loss"
    ).fit(frame, y)
    moved = (np.diff(model.path_.coefs, axis=1) != 0).any(axis=1)
    assert (moved[:, 1] == moved[:, 2]).all()
    first = model.path_.coefs[:, 0] != 0
    assert (first[:, 1] == first[:, 2]).all() and first.any(axis=0).all()
    same = ss.PRESTO(penalty="group", groups=[0, 1, 1, 2], alpha=model.alpha_).fit(X, y)
    np.testing.assert_allclose(same.coef_, model.coef_, atol=1e-5)  # another start, certified to 1e-8


def test_penalties_and_their_limits_are_told(data):
    X, y = data
    with pytest.raises(ValueError, match="l1_ratio mixes the L1"):
        ss.PRESTO(penalty="group", l1_ratio=0.5).fit(X, y)
    with pytest.raises(ValueError, match="not convex"):
        ss.PRESTO(penalty="mcp", constraints=lambda v: []).fit(X, y)
    with pytest.raises(ValueError, match="'penalty' parameter"):
        ss.PRESTO(penalty="lasso").fit(X, y)
    bounded = ss.PRESTO(penalty="slope", alpha=0.01, constraints=lambda v: [v["coef"][0, 0] >= -0.5]).fit(X, y)
    assert bounded.coef_[0, 0] == pytest.approx(-0.5, abs=1e-6)
    program = ss.PRESTO(penalty="slope", alpha=0.01).program(X, y)
    assert program.problem.is_dcp()


def test_entries_stored_twice_are_added_up_in_a_copy(data):
    X, y = data
    twice = sparse.csc_array(
        (np.repeat(X.T.ravel(), 2) / 2, np.tile(np.repeat(np.arange(len(X)), 2), X.shape[1]),
         np.arange(0, 2 * X.size + 1, 2 * len(X))), shape=X.shape,
    )  # fmt: skip
    model = ss.PRESTO(alpha=0.01).fit(twice, y)
    np.testing.assert_allclose(model.coef_, ss.PRESTO(alpha=0.01).fit(X, y).coef_, atol=1e-12)
    assert twice.nnz == 2 * X.size


def test_a_category_whose_rows_have_no_weight_is_named(data):
    X, y = data
    with pytest.raises(ValueError, match="category 1 has no rows with weight"):
        ss.PRESTO(alpha=0.01).fit(X, y, sample_weight=(y != 1).astype(float))


def test_a_mask_is_not_taken_for_positions(data):
    with pytest.raises(ValueError, match="got True"):
        ss.PRESTO(parallel=[True, False, False, True]).fit(*data)


def test_order_of_a_polars_enum_is_meant(data):
    pl = pytest.importorskip("polars")
    X, y = data
    names = np.array(["low", "high", "extreme", "absurd"])
    model = ss.PRESTO(alpha=0.01).fit(X, pl.Series(names[y]).cast(pl.Enum(names)))
    assert model.categories_.tolist() == names.tolist()[: len(np.unique(y))]


@pytest.mark.filterwarnings("ignore::sparsestats.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("reverse", [False, True])
def test_separated_categories_are_told_at_maximum_likelihood(reverse):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 2))
    apart = np.digitize(X[:, 0], [-1.0, 0.5])
    with pytest.warns(DataWarning, match="rows are 1: a combination of columns may separate categories"):
        ss.PRESTO(alpha=0, reverse=reverse).fit(X, apart)
    mixed = np.digitize(X[:, 0] + 0.3 * rng.logistic(size=120), [-1.0, 0.5])
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        ss.PRESTO(alpha=0.01, reverse=reverse).fit(X, apart)
        ss.PRESTO(alpha=0, reverse=reverse).fit(X, mixed)


@pytest.mark.filterwarnings("ignore::sparsestats.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("family", ["sratio", "cratio", "acat"])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_one_boundary_that_separates_is_named(family, reverse):
    """The last category lies apart; its rows pass other boundaries first, so no probability of a category need be 1."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = np.digitize(X @ [1, 0.5, 0] + rng.logistic(size=300), [-1.0, 0.5, 2.0])
    X[:, 2] = np.where(y > 2, 1, -1) * (np.abs(X[:, 2]) + 0.2)
    model = ss.PRESTO(alpha=0, family=family, reverse=reverse)
    side = r"1 \| 0" if reverse else r"2 \| 3"
    with pytest.warns(DataWarning, match=rf"at the boundary {side}\. Then the likelihood has no maximum"):
        model.fit(X, 3 - y if reverse else y)


@pytest.mark.parametrize("reverse", [False, True])
def test_constraints_count_boundaries_as_coef_does_and_know_columns(data, reverse):
    X, y = pd.DataFrame(data[0], columns=list("abcd")), data[1]
    model = ss.PRESTO(alpha=0.01, reverse=reverse, constraints=lambda v: [v["c"][0] >= 0.3, v["intercept"][0] == 0.2])
    model.fit(X, y)
    assert model.coef_[0, 2] >= 0.3 - 1e-7 and model.coef_[2, 2] < 0.29
    assert model.intercept_[0] == pytest.approx(0.2, abs=1e-7)
    program = model.program(X, y)
    program.problem.solve()
    np.testing.assert_allclose(program.variables["coef"].value, model.coef_, atol=1e-3)


@pytest.mark.parametrize("reverse", [False, True])
def test_folds_know_the_columns_that_constraints_name(data, reverse):
    X, y = pd.DataFrame(data[0][:150], columns=list("abcd")), data[1][:150]
    options = {"alphas": ss.relative(1, 0.1, 2), "cv": 2, "reverse": reverse}
    by_name = ss.PRESTOCV(**options, constraints=lambda v: [v["c"][0] >= 0.3]).fit(X, y)
    by_place = ss.PRESTOCV(**options, constraints=lambda v: [v["coef"][0, 2] >= 0.3]).fit(X.to_numpy(), y)
    np.testing.assert_allclose(by_name.cv_results_["score"], by_place.cv_results_["score"], rtol=1e-9)
    assert by_name.coef_[0, 2] >= 0.3 - 1e-6
