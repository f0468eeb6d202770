"""Every vectorised score equals scikit-learn's on each column, weights and ties included."""

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn import metrics

from sparsestats import PRESTOCV, SLOPECV, SLOPEClassifierCV, relative
from sparsestats.selection.ordinal import _Known, score_of
from sparsestats.selection.scores import FAMILIES, HeldOut, resolve

GAUSSIAN = {
    "mse": metrics.mean_squared_error,
    "mae": metrics.mean_absolute_error,
    "r2": metrics.r2_score,
    "deviance": metrics.mean_tweedie_deviance,
}
BINOMIAL = {
    "log_loss": lambda y, eta, **w: metrics.log_loss(y, expit(eta), labels=[0, 1], **w),
    "deviance": lambda y, eta, **w: 2 * metrics.log_loss(y, expit(eta), labels=[0, 1], **w),
    "brier": lambda y, eta, **w: metrics.brier_score_loss(y, expit(eta), pos_label=1, **w),
    "misclassification": lambda y, eta, **w: 1 - metrics.accuracy_score(y, eta > 0, **w),
    "accuracy": lambda y, eta, **w: metrics.accuracy_score(y, eta > 0, **w),
    "roc_auc": metrics.roc_auc_score,
}


def test_every_built_in_score_is_compared_below():
    assert set(FAMILIES["gaussian"].scores) == set(GAUSSIAN)
    assert set(FAMILIES["binomial"].scores) == set(BINOMIAL)


@st.composite
def held_out_rows(draw, family):
    n, k, seed = draw(st.integers(3, 25)), draw(st.integers(1, 2)), draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    y = rng.standard_normal(n) if family == "gaussian" else rng.permutation(np.arange(n) % 2).astype(float)
    eta = rng.standard_normal((n, k))
    if draw(st.booleans()):
        eta = np.round(eta)  # ties, and predictors of exactly 0
    weight = rng.integers(0, 4, n).astype(float) if draw(st.booleans()) else None
    if weight is not None:
        weight[np.argmin(y)] = weight[np.argmax(y)] = 2.0  # both classes weigh something
    classes = None if family == "gaussian" else np.array([0.0, 1.0])
    return HeldOut(lambda: np.zeros((n, 1)), y, y, eta, weight, classes)


@pytest.mark.parametrize("name", GAUSSIAN)
@settings(max_examples=25, deadline=None)
@given(rows=held_out_rows("gaussian"))
def test_gaussian_scores_are_sklearns(name, rows):
    check_against(GAUSSIAN[name], FAMILIES["gaussian"].scores[name], rows)


@pytest.mark.parametrize("name", BINOMIAL)
@settings(max_examples=25, deadline=None)
@given(rows=held_out_rows("binomial"))
def test_binomial_scores_are_sklearns(name, rows):
    check_against(BINOMIAL[name], FAMILIES["binomial"].scores[name], rows)


def check_against(reference, score, rows):
    weighted = {} if rows.weight is None else {"sample_weight": rows.weight}
    with sklearn.config_context(skip_parameter_validation=True):
        expected = [reference(rows.y, column, **weighted) for column in rows.eta.T]
    # Both are sums of at most 25 terms of order one: rounding only.
    np.testing.assert_allclose(score(rows), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("ours", "theirs", "sign", "family"),
    [
        ("mse", "neg_mean_squared_error", -1, "gaussian"),
        ("r2", "r2", 1, "gaussian"),
        ("log_loss", "neg_log_loss", -1, "binomial"),
        ("brier", "neg_brier_score", -1, "binomial"),
        ("roc_auc", "roc_auc", 1, "binomial"),
        ("accuracy", "accuracy", 1, "binomial"),
    ],
)
def test_scorers_by_sklearn_name_see_the_same_models(ours, theirs, sign, family):
    rng = np.random.default_rng(5)
    target = rng.standard_normal(20) if family == "gaussian" else np.arange(20) % 2.0
    # scikit-learn's own Brier scorer refuses labels other than 0 and 1.
    classes = np.array([0, 1]) if ours == "brier" else np.array(["no", "yes"])
    labels = target if family == "gaussian" else classes[target.astype(int)]
    classes = None if family == "gaussian" else classes
    rows = HeldOut(lambda: np.zeros((20, 1)), labels, target, rng.standard_normal((20, 3)), rng.random(20), classes)
    generic = resolve(theirs, FAMILIES["gaussian" if family == "binomial" else "binomial"], weighted=True)
    assert generic.greater_is_better
    np.testing.assert_allclose(generic(rows), sign * FAMILIES[family].scores[ours](rows), rtol=1e-10)


def test_log_loss_of_a_confident_mistake_is_not_clipped():
    rows = HeldOut(None, np.zeros(1), np.zeros(1), np.array([[800.0]]))
    assert FAMILIES["binomial"].scores["log_loss"](rows)[0] == pytest.approx(800.0)


def test_auc_of_one_class_and_scores_without_weight_are_undefined():
    rows = HeldOut(None, np.ones(4), np.ones(4), np.zeros((4, 2)))
    assert np.isnan(FAMILIES["binomial"].scores["roc_auc"](rows)).all()
    empty = HeldOut(None, np.ones(4), np.ones(4), np.zeros((4, 2)), np.zeros(4))
    assert np.isnan(FAMILIES["gaussian"].scores["mse"](empty)).all()


@pytest.mark.parametrize(("y", "eta"), [([2.0, 2.0], [2.0, 2.0]), ([2.0, 2.0], [1.0, 2.0]), ([1.0], [1.0])])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_r2_of_a_constant_response_follows_sklearn(y, eta):
    rows = HeldOut(None, np.array(y), np.array(y), np.array(eta)[:, None])
    np.testing.assert_equal(FAMILIES["gaussian"].scores["r2"](rows)[0], metrics.r2_score(y, eta))


@pytest.mark.parametrize("family", ["gaussian", "binomial"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("with_offset", [False, True])
def test_null_intercept_solves_its_score_equation(family, weighted, with_offset):
    rng = np.random.default_rng(11)
    y = rng.standard_normal(40) if family == "gaussian" else (rng.random(40) < 0.2).astype(float)
    weight = rng.random(40) if weighted else None
    offset = 2 * rng.standard_normal(40) if with_offset else None
    intercept = FAMILIES[family].null_intercept(y, weight, offset)
    eta = intercept + (0 if offset is None else offset)
    mean = eta if family == "gaussian" else expit(eta)
    # The root is found to 1e-12 in the intercept, and the equation's slope is at most 1.
    assert np.average(y - mean, weights=weight) == pytest.approx(0.0, abs=1e-11)


def test_callables_are_scored_with_weights_only_if_they_take_them():
    rows = HeldOut(
        lambda: np.zeros((3, 1)), np.zeros(3), np.zeros(3), np.array([[1.0, 2.0]] * 3), np.array([1.0, 0, 0])
    )

    def bias(model, X, y, sample_weight=None):
        return -abs(np.average(model.predict(X) - y, weights=sample_weight))

    def blind(model, X, y):
        return 0.0

    score = resolve(bias, FAMILIES["gaussian"], weighted=True)
    assert score.name == "bias" and score(rows).tolist() == [-1.0, -2.0]
    with pytest.raises(ValueError, match="scoring function blind takes no sample_weight"):
        resolve(blind, FAMILIES["gaussian"], weighted=True)
    assert resolve(blind, FAMILIES["gaussian"]).name == "blind"


@pytest.mark.parametrize(
    ("model", "seen"),
    [
        (SLOPECV(cv=3), "predict"),
        (SLOPEClassifierCV(cv=3), "predict, predict_proba, decision_function"),
        (PRESTOCV(cv=3), "predict, predict_proba"),
    ],
)
def test_a_scorer_that_asks_for_coefficients_is_told_that_it_sees_predictions(model, seen):
    X = np.random.default_rng(0).normal(size=(40, 2))
    model = model.set_params(scoring=lambda model, X, y: -np.count_nonzero(model.coef_))
    with pytest.raises(AttributeError, match=rf"'coef_' is not there .* fold \({seen}\), not its coefficients"):
        model.fit(X, (X[:, 0] + np.sin(9 * X[:, 1]) > 0).astype(int))


@pytest.mark.parametrize("scoring", ["log_los", "brier ", 3])
def test_unknown_score_lists_the_known_ones(scoring):
    with pytest.raises(ValueError, match=r"Unknown scoring .* binomial family: .*'brier'.*'roc_auc'"):
        resolve(scoring, FAMILIES["binomial"])


@pytest.mark.parametrize(
    ("scoring", "family", "ours"),
    [
        ("auc", "binomial", "roc_auc"),
        ("class", "binomial", "misclassification"),
        ("mean_squared_error", "gaussian", "mse"),
    ],
)
def test_scores_by_the_names_of_elsewhere_are_told_ours(scoring, family, ours):
    with pytest.raises(ValueError, match=f"family: here it is '{ours}'"):
        resolve(scoring, FAMILIES[family])


def test_defaults():
    assert resolve(None, FAMILIES["gaussian"]).name == "mse"
    assert resolve(None, FAMILIES["binomial"]).name == "log_loss"


@pytest.mark.parametrize(
    ("scoring", "family", "predicted"),
    [
        ("accuracy", "gaussian", "numbers"),
        ("roc_auc", "gaussian", "numbers"),
        ("neg_log_loss", "poisson", "numbers"),
        ("roc_auc", "multinomial", "3 classes"),
    ],
)
def test_a_scorer_of_other_predictions_is_refused_with_those_that_serve(scoring, family, predicted):
    y = np.array([0.0, 1.0, 2.0, 1.0])
    classes = np.arange(3.0) if family == "multinomial" else None
    eta = np.zeros((4, 1, 3)) if family == "multinomial" else np.linspace(0, 1.5, 4)[:, None]
    with pytest.raises(
        ValueError, match=f"{scoring!r} does not score what the {family} family predicts, {predicted}.*Use"
    ):
        resolve(scoring, FAMILIES[family])(HeldOut(lambda: np.zeros((4, 1)), y, y, eta, None, classes))


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_squared_error", "neg_mean_poisson_deviance"])
def test_classes_called_0_and_1_are_no_numbers_to_a_regression_scorer(scoring):
    """scikit-learn would average the labels."""
    X = np.random.default_rng(0).standard_normal((40, 3))
    model = SLOPEClassifierCV(relative(1, 0.1, 3), cv=2, scoring=scoring)
    with pytest.raises(
        ValueError, match=r"predicts, 2 classes \(it is a measure of numbers\).*Use one of .*'log_loss'"
    ):
        model.fit(X, (X[:, 0] > 0).astype(int))


def test_whole_numbers_are_no_classes_to_a_classification_scorer():
    y = np.array([1.0, 2.0, 1.0, 2.0])
    rows = HeldOut(lambda: np.zeros((4, 1)), y, y, y[:, None])
    with pytest.raises(ValueError, match=r"'accuracy' .* numbers \(it is a measure of classes\).*Use one of .*'mae'"):
        resolve("accuracy", FAMILIES["gaussian"])(rows)


def test_numbered_categories_of_a_scale_have_distances():
    """A probability of a half each for 1 and 2: the class is 1, and one row in two is off by 1."""
    score = score_of("neg_mean_absolute_error")
    assert score.function(_Known(np.full((4, 2), 0.5), np.array([1, 2])), None, np.array([1, 2, 1, 2])) == -0.5


def test_ordinal_models_refuse_scorers_in_the_same_words():
    with pytest.raises(ValueError, match="'roc_auc' does not score what an ordinal model predicts, 3 classes"):
        score_of("roc_auc").function(_Known(np.full((3, 3), 1 / 3), np.arange(3)), None, np.arange(3))
