"""Penalized: the sklearn door of any loss with any penalty."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import Lasso
from sklearn.utils.estimator_checks import parametrize_with_checks

import sparsestats as ss
from sparsestats.exceptions import ConvergenceWarning
from sparsestats.selection.folds import check_cv


@parametrize_with_checks([ss.Penalized()])
def test_sklearn_conventions(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([ss.Penalized(penalty=ss.penalties.SortedL1(), solver="proximal")])
def test_sklearn_conventions_of_the_readable_solver(estimator, check):
    check(estimator)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 6)) * np.geomspace(0.2, 5, 6) + 1
    return X, 2 * X[:, 0] - 0.5 * X[:, 2] + rng.normal(size=80)


LABELS = ["a", "b", "a", "c", "c", "c"]
MODELS = {
    "slope": (ss.penalties.SortedL1(q=0.2), ss.SLOPE(q=0.2, alpha=0.05), None),
    "gslope": (
        ss.penalties.GroupSortedL1("max"),
        ss.GroupSLOPE(sequence="max", alpha=0.05, groups=LABELS),
        LABELS,
    ),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("solver", ["auto", "proximal", "cvxpy"])
def test_it_is_the_named_estimator_when_given_its_parts(data, name, solver):
    penalty, named, groups = MODELS[name]
    model = ss.Penalized(penalty=penalty, alpha=0.05, groups=groups, solver=solver, tol=1e-11).fit(*data)
    named = clone(named).set_params(tol=1e-11).fit(*data)
    # two gaps of 1e-11 of the null objective 1: coefficients of columns with sd >= 0.2 to about 3e-5
    np.testing.assert_allclose(model.coef_, named.coef_, atol=5e-5)
    assert model.certificate_.converged and np.any(model.coef_)


def test_the_default_is_the_lasso(data):
    X, y = data
    model = ss.Penalized(alpha=0.1, standardize=False, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(model.coef_, Lasso(alpha=0.1, tol=1e-12).fit(X, y).coef_, atol=1e-5)
    assert ss.Penalized().fit(X, y).alpha_ == pytest.approx(0.1 * ss.Penalized().alpha_max(X, y))


@pytest.mark.parametrize("solver", ["auto", "proximal"])
def test_predict_is_the_mean_of_the_loss(data, solver):
    X, y = data
    model = ss.Penalized(ss.losses.Binomial(), alpha=0.01, solver=solver).fit(X, (y > y.mean()) * 1.0)
    p = model.predict(X)
    assert np.all((p > 0) & (p < 1)) and p.mean() == pytest.approx(np.mean(y > y.mean()), abs=1e-6)
    np.testing.assert_allclose(np.log(p / (1 - p)), model.intercept_ + X @ model.coef_, rtol=1e-9)
    assert model.score(X, (y > y.mean()) * 1.0) > 0.1


def test_groups_may_come_with_the_penalty(data):
    X, y = data
    own = ss.penalties.GroupSortedL1(groups=LABELS)
    one = ss.Penalized(penalty=own, alpha=0.1).fit(X, y)
    two = ss.Penalized(penalty=ss.penalties.GroupSortedL1(), alpha=0.1, groups=LABELS).fit(X, y)
    np.testing.assert_array_equal(one.coef_, two.coef_)
    assert one.groups_.tolist() == [0, 1, 0, 2, 2, 2] and own.groups == LABELS
    alone = ss.Penalized(penalty=ss.penalties.GroupSortedL1(), alpha=0.1).fit(X, y)
    assert alone.groups_.tolist() == list(range(6))


def test_sparse_input_offset_and_free_columns(data):
    X, y = data
    offset = np.linspace(-1, 1, 80)
    factor = np.array([1.0, 0.0, 1.0, 1.0, 1.0, 2.0])
    fits = [
        ss.Penalized(penalty=ss.penalties.SortedL1(), alpha=100.0, penalty_factor=factor, solver="proximal").fit(
            form(X), y, offset=offset
        )
        for form in (np.asarray, sparse.csr_matrix)
    ]
    design = np.column_stack([np.ones(80), X[:, 1]])
    expected = np.linalg.lstsq(design, y - offset, rcond=None)[0]
    for model in fits:
        assert model.coef_[1] == pytest.approx(expected[1], rel=1e-9) and not model.coef_[factor > 0].any()
        with pytest.raises(ValueError, match="offset"):
            model.predict(X)


def test_constraints_on_the_data_s_own_scale(data):
    model = ss.Penalized(alpha=0.01, constraints=lambda v: [v["beta"][0] <= 1.5, v["beta"][2] >= 0]).fit(*data)
    assert model.coef_[0] == pytest.approx(1.5, abs=1e-7) and model.coef_[2] == pytest.approx(0, abs=1e-7)
    assert len(model.duals_) == 2 and model.duals_[0] > 0 and model.certificate_.converged


def test_responses_the_loss_has_no_value_for_are_refused(data):
    X, y = data
    with pytest.raises(ValueError, match="binomial response must be 0 or 1"):
        ss.Penalized(ss.losses.Binomial(), alpha=0.1).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"penalty": "l1"}, "'penalty' parameter"),
        ({"alpha": -1.0}, "'alpha' parameter"),
        ({"solver": "fast"}, "'solver' parameter"),
        ({"loss": 3}, "'loss' parameter"),
    ],
)
def test_parameters_out_of_range_are_refused(data, parameters, message):
    with pytest.raises(ValueError, match=message):
        ss.Penalized(**parameters).fit(*data)


def test_too_few_iterations_warn_with_the_gap_and_what_to_change(data):
    with pytest.warns(ConvergenceWarning, match=r"Penalized did not converge at alpha=0.001: gap .* Raise max_iter"):
        model = ss.Penalized(alpha=0.001, max_iter=1, solver="proximal").fit(*data)
    assert not model.certificate_.converged


def test_parts_survive_clone_set_params_and_pickle(data):
    model = ss.Penalized(ss.losses.Gaussian(), ss.penalties.SortedL1([3, 2, 2, 1, 1, 0]), alpha=0.1)
    assert clone(model).penalty == model.penalty and clone(model).loss == model.loss
    assert clone(model).set_params(penalty=ss.penalties.L1()).penalty == ss.penalties.L1() != model.penalty
    fitted = pickle.loads(pickle.dumps(model.fit(*data)))
    np.testing.assert_array_equal(fitted.predict(data[0]), model.predict(data[0]))
    assert model.penalty.weights is None


def test_report_names_loss_and_penalty():
    report = ss.Penalized(ss.losses.Binomial(), ss.penalties.L1()).__report__()
    assert report.headline == "Penalised regression, binomial" and "penalty L1" in report.settings


class LogCosh(ss.losses.Loss):
    """A loss of one's own: quadratic near 0, linear far away."""

    name = "log-cosh"

    def _share(self, y, w):
        return (np.ones(len(y)) if w is None else w) / len(y)

    def value(self, eta, y, w=None):
        r = y - eta
        return float(self._share(y, w) @ (np.logaddexp(r, -r) - np.log(2)))

    def gradient(self, eta, y, w=None):
        return -self._share(y, w) * np.tanh(y - eta)

    def curvature(self, eta, y, w=None):
        return self._share(y, w) / np.cosh(y - eta) ** 2


@parametrize_with_checks([ss.PenalizedCV(alphas=ss.relative(1, 0.01, 10), cv=3)])
def test_sklearn_conventions_of_the_cv_twin(estimator, check):
    check(estimator)


def test_cross_validation_is_the_named_twin_s(data):
    options = {"cv": 5, "alphas": ss.relative(1, 0.01, 15), "selection": "1se", "tol": 1e-10}
    own = ss.PenalizedCV(penalty=ss.penalties.SortedL1(q=0.2), **options).fit(*data)
    named = ss.SLOPECV(q=0.2, **options).fit(*data)
    np.testing.assert_array_equal(own.cv_.mean, named.cv_.mean)  # the same kernels on the same folds
    assert own.alpha_ == named.alpha_ < own.alpha_max_
    np.testing.assert_array_equal(own.coef_, named.coef_)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_loss_of_one_s_own_scores_the_held_out_rows(data, n_jobs):
    X, y = data
    rows = {"sample_weight": np.linspace(0.5, 2, 80), "offset": np.linspace(-1, 1, 80)}
    loss = LogCosh()
    model = ss.PenalizedCV(loss, alphas=ss.relative(1, 0.05, 6), cv=4, n_jobs=n_jobs, tol=1e-6).fit(X, y, **rows)
    assert model.cv_.scoring == "loss" and model.cv_.mean.min() < 0.95 * model.cv_.null
    splits = check_cv(4, y)
    train, test = splits[2]
    part = {name: values[train] for name, values in rows.items()}
    path = ss.Penalized(loss, tol=1e-6).path(X[train], y[train], model.alphas_, **part)
    eta = X[test] @ path.coefs[4] + path.intercepts[4] + rows["offset"][test]
    share = rows["sample_weight"][test] / rows["sample_weight"][test].sum()
    expected = share @ np.log(np.cosh(y[test] - eta))
    score = model.cv_results_.query("fold == 2")["score"].iloc[4]
    assert score == pytest.approx(expected, rel=1e-3)  # two stationary points to 1e-6 of the null loss


def test_the_formula_door_cross_validates_by_the_loss(data):
    X, y = data
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(y=y)
    fit = ss.fit("y ~ .", frame, ss.Penalized(LogCosh(), tol=1e-6), alpha="cv", cv=3, alphas=ss.relative(1, 0.1, 4))
    assert fit.cv.scoring == "loss"


def test_a_fit_that_holds_code_is_refused_at_save(data, tmp_path):
    frame = pd.DataFrame(data[0], columns=list("abcdef")).assign(y=data[1])
    fit = ss.fit("y ~ .", frame, ss.Penalized(LogCosh(), tol=1e-6), alpha=0.3)
    with pytest.raises(TypeError, match=r"loss and penalty are Python objects.*pickle fit\.estimator"):
        fit.save(tmp_path / "model.json")
    assert not (tmp_path / "model.json").exists()


def test_weights_rewritten_in_place_are_read_anew():
    rng = np.random.default_rng(3)
    X, w = rng.standard_normal((60, 6)), np.array([2.0, 1.0, 1.0])
    y = X[:, 0] + X[:, 2] + rng.standard_normal(60)
    model = ss.Penalized(penalty=ss.penalties.GroupSortedL1(w), groups=[0, 0, 1, 1, 2, 2], alpha=0.1)
    size = np.abs(model.fit(X, y).coef_).sum()
    w *= 2
    assert np.abs(model.fit(X, y).coef_).sum() < size - 0.1
