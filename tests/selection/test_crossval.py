"""Cross-validation of paths against the same thing written as a loop over scikit-learn."""

import pickle
from dataclasses import replace

import joblib
import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn import metrics
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, LeaveOneOut

from sparsestats import (
    SLOPE,
    SLOPECV,
    GroupSLOPE,
    GroupSLOPEClassifier,
    SLOPEClassifier,
    SLOPEClassifierCV,
    SparseGroupSLOPE,
)
from sparsestats.backend.native.slope import NativeFolds
from sparsestats.estimators._crossval import FoldPaths
from sparsestats.exceptions import ConvergenceWarning
from sparsestats.selection.crossval import cross_validate_path
from sparsestats.selection.folds import check_cv, folds


def test_scores_are_those_of_a_loop_over_folds_and_alphas(ridge, regression, alphas):
    X, y = regression
    splits = check_cv(5, y)
    cv = cross_validate_path(ridge(), X, y, alphas=alphas, splits=splits)
    table = cv.table.pivot(index="fold", columns="alpha", values="score")[alphas]
    for fold, (train, test) in enumerate(splits):
        for alpha in alphas:
            model = Ridge(alpha=alpha * len(train)).fit(X[train], y[train])
            expected = metrics.mean_squared_error(y[test], model.predict(X[test]))
            # Two exact solvers of a well-conditioned 6 x 6 system.
            assert table.loc[fold, alpha] == pytest.approx(expected, rel=1e-9)
    assert cv.scoring == "mse" and not cv.greater_is_better
    assert cv.alpha_min < cv.alphas[0] and cv.alpha_1se >= cv.alpha_min


def test_mean_and_rules_follow_the_table(ridge, regression, alphas):
    X, y = regression
    cv = cross_validate_path(ridge(), X, y, alphas=alphas, splits=check_cv(7, y))  # 60 rows: unequal folds
    assert set(cv.table["n"]) == {8, 9}
    for i, (_, rows) in enumerate(cv.table.groupby("alpha", sort=False)):
        mean = np.average(rows["score"], weights=rows["n"])
        se = np.sqrt(np.average((rows["score"] - mean) ** 2, weights=rows["n"]) / 6)
        assert (cv.mean[i], cv.se[i]) == (pytest.approx(mean, rel=1e-12), pytest.approx(se, rel=1e-9))
    assert cv.index_min == np.argmin(cv.mean)
    assert cv.index_1se == np.argmax(cv.mean <= cv.mean[cv.index_min] + cv.se[cv.index_min])


def test_null_is_the_held_out_score_of_the_mean(ridge, regression, alphas):
    X, y = regression
    splits = check_cv(KFold(3), y)
    cv = cross_validate_path(ridge(), X, y, alphas=alphas, splits=splits)
    expected = np.mean([np.mean((y[test] - y[train].mean()) ** 2) for train, test in splits])
    assert cv.null == pytest.approx(expected, rel=1e-12)
    through_zero = cross_validate_path(ridge(fit_intercept=False), X, y, alphas=alphas, splits=splits)
    assert through_zero.null == pytest.approx(np.mean(y**2), rel=1e-12)


def test_integer_weights_are_repeated_rows(ridge, regression, alphas):
    X, y = regression
    weight = np.arange(60) % 3 + 0.0
    repeated = np.repeat(np.arange(60), weight.astype(int))
    pairs = [(np.flatnonzero(np.arange(60) % 4 != f), np.flatnonzero(np.arange(60) % 4 == f)) for f in range(4)]
    expanded = [(np.flatnonzero(repeated % 4 != f), np.flatnonzero(repeated % 4 == f)) for f in range(4)]
    a = cross_validate_path(ridge(), X, y, alphas=alphas, splits=pairs, sample_weight=weight)
    b = cross_validate_path(ridge(), X[repeated], y[repeated], alphas=alphas, splits=expanded)
    # The same sums in another order.
    np.testing.assert_allclose(a.mean, b.mean, rtol=1e-10)
    np.testing.assert_allclose(a.se, b.se, rtol=1e-8)
    assert a.null == pytest.approx(b.null, rel=1e-12)


def test_offset_enters_fit_and_score(ridge, regression, alphas):
    X, y = regression
    offset = 5.0 * np.random.default_rng(2).standard_normal(60)
    splits = check_cv(4, y)
    plain = cross_validate_path(ridge(), X, y, alphas=alphas, splits=splits)
    moved = cross_validate_path(ridge(), X, y + offset, alphas=alphas, splits=splits, offset=offset)
    np.testing.assert_allclose(moved.mean, plain.mean, rtol=1e-10)  # the residuals are the same numbers
    assert moved.null == pytest.approx(plain.null, rel=1e-10)


@pytest.mark.parametrize("labels", [("no", "yes"), (0, 1), (False, True)])
def test_classifiers_are_scored_on_the_event_of_the_last_class(logistic, labels, alphas):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((80, 3))
    code = (rng.random(80) < expit(2 * X[:, 0])).astype(int)
    y = np.array(labels)[code]
    splits = check_cv(4, y, classifier=True)
    cv = cross_validate_path(logistic(), X, y, alphas=alphas, splits=splits)
    auc = cross_validate_path(logistic(), X, y, alphas=alphas, splits=splits, scoring="roc_auc")
    assert cv.scoring == "log_loss" and cv.mean[cv.index_min] < cv.null < np.log(2) + 0.02
    assert auc.greater_is_better and auc.mean[auc.index_min] > 0.7
    train, test = splits[0]
    path = logistic().path(X[train], y[train], alphas)
    expected = metrics.log_loss(code[test], expit(X[test] @ path.coefs[3] + path.intercepts[3]))
    assert cv.table["score"][3] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(
    ("ours", "theirs", "sign"),
    [("log_loss", "neg_log_loss", -1), ("accuracy", "accuracy", 1), ("roc_auc", "roc_auc", 1)],
)
def test_sklearn_scorers_choose_the_same_alpha(logistic, ours, theirs, sign, alphas):
    rng = np.random.default_rng(4)
    X = rng.standard_normal((80, 3))
    y = np.where(rng.random(80) < expit(2 * X[:, 0]), "yes", "no")
    splits = check_cv(4, y, classifier=True)
    weight = rng.random(80) + 0.5
    a = cross_validate_path(logistic(), X, y, alphas=alphas, splits=splits, scoring=ours, sample_weight=weight)
    scorer = metrics.get_scorer(theirs)
    b = cross_validate_path(logistic(), X, y, alphas=alphas, splits=splits, scoring=scorer, sample_weight=weight)
    np.testing.assert_allclose(b.mean, sign * a.mean, rtol=1e-9)
    assert (a.index_min, a.index_1se) == (b.index_min, b.index_1se)


def test_sparse_and_fortran_and_c_order_agree(ridge, regression, alphas):
    X, y = regression
    splits = check_cv(5, y)
    means = [
        cross_validate_path(ridge(), data, y, alphas=alphas, splits=splits).mean
        for data in (X, np.asfortranarray(X), sparse.csc_array(X), sparse.csr_array(X), X[:, ::-1][:, ::-1])
    ]
    for other in means[1:]:
        np.testing.assert_allclose(other, means[0], rtol=1e-12)


def test_training_rows_of_a_fortran_matrix_stay_fortran(ridge, regression, alphas):
    class Spy(ridge):
        seen = []  # noqa: RUF012

        def path(self, X, y, alphas=None, **keywords):
            self.seen.append((X.flags.f_contiguous, X.flags.owndata, X.dtype))
            return super().path(X, y, alphas, **keywords)

    X, y = regression
    X = np.asfortranarray(X, dtype=np.float32)
    X.setflags(write=False)
    cross_validate_path(Spy(), X, y, alphas=alphas, splits=check_cv(2, y))
    assert [(f, dtype) for f, _, dtype in Spy.seen] == [(True, np.float32)] * 2


def test_a_path_that_stops_early_carries_its_last_model(ridge, regression, alphas):
    X, y = regression
    splits = check_cv(3, y)
    full = cross_validate_path(ridge(), X, y, alphas=alphas, splits=splits)
    short = cross_validate_path(ridge(stop_after=5), X, y, alphas=alphas, splits=splits)
    np.testing.assert_array_equal(short.mean[:5], full.mean[:5])
    np.testing.assert_array_equal(short.mean[5:], np.full(7, full.mean[4]))
    assert short.table.groupby("fold")["fitted"].sum().tolist() == [5, 5, 5]
    assert short.index_min <= 4
    with pytest.raises(ValueError, match="path of fold 0 stopped before its first model"):
        cross_validate_path(ridge(stop_after=0), X, y, alphas=alphas, splits=splits)


def test_folds_that_do_not_converge_are_counted(ridge, regression, alphas):
    X, y = regression
    with pytest.warns(ConvergenceWarning, match="did not converge in 3 of 3 folds"):
        cv = cross_validate_path(ridge(converged=False), X, y, alphas=alphas, splits=check_cv(3, y))
    assert not cv.table["converged"].any() and cv.table["fold"].nunique() == 3


def test_error_in_a_fold_names_the_fold(logistic, alphas):
    y = np.r_[np.zeros(5), np.ones(5)]
    pairs = [(np.arange(0, 10, 2), np.arange(1, 10, 2)), (np.arange(5), np.arange(5, 10))]
    with pytest.raises(ValueError, match="one class") as caught:
        cross_validate_path(logistic(), np.eye(10), y, alphas=alphas, splits=pairs)
    assert "5 training rows of fold 1" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([0.1, 1.0], "strictly decreasing"),
        ([1.0, 1.0], "strictly decreasing"),
        ([1.0, -0.1], "finite numbers >= 0"),
        ([np.inf, 1.0], "finite numbers >= 0"),
        ([], "at least one"),
        (1.0, "at least one"),
    ],
)
def test_alphas_that_are_no_path_are_refused(ridge, regression, bad, message):
    with pytest.raises(ValueError, match=message):
        cross_validate_path(ridge(), *regression, alphas=bad, splits=check_cv(3, regression[1]))


def test_lengths_and_classes_are_checked(ridge, logistic, regression, alphas):
    X, y = regression
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        cross_validate_path(ridge(), X, y, alphas=alphas, splits=check_cv(3, y), offset=np.zeros(5))
    with pytest.raises(ValueError, match="needs two classes, got 1"):
        cross_validate_path(logistic(), X, np.zeros(60), alphas=alphas, splits=check_cv(3, y))
    with pytest.raises(ValueError, match=r"no row of class .* left to fit"):
        cross_validate_path(logistic(), X, np.arange(60), alphas=alphas, splits=check_cv(3, y))


def test_score_undefined_everywhere_says_so(ridge, regression, alphas):
    X, y = regression
    splits = check_cv(LeaveOneOut(), y)
    with pytest.raises(ValueError, match="undefined"):
        cross_validate_path(ridge(), X, y, alphas=alphas, splits=splits, scoring="r2")


def test_repeats_tighten_the_mean_not_the_standard_error(ridge, regression, alphas):
    X, y = regression
    once = cross_validate_path(ridge(), X, y, alphas=alphas, splits=check_cv(folds(10), y))
    many = cross_validate_path(ridge(), X, y, alphas=alphas, splits=check_cv(folds(10, repeats=20), y))
    # 200 folds taken for independent would shrink the standard error by sqrt(20) = 4.5.
    np.testing.assert_allclose(many.se, once.se, rtol=0.5)
    assert many.folds == "10 folds (shuffled, 20 repeats, random_state 0)"


def test_estimator_and_data_are_left_alone(ridge, regression, alphas):
    X, y = regression
    estimator, copies = ridge(), (X.copy(), y.copy(), alphas.copy())
    for array in (X, y, alphas):
        array.setflags(write=False)
    cross_validate_path(estimator, X, y, alphas=alphas, splits=check_cv(3, y))
    assert vars(estimator) == vars(ridge())
    for array, copy in zip((X, y, alphas), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_any_n_jobs_and_any_backend_give_one_answer(ridge, regression, alphas):
    X, y = np.asfortranarray(regression[0]), regression[1]
    arguments = {"alphas": alphas, "splits": check_cv(6, y)}
    one = cross_validate_path(ridge(), X, y, **arguments)
    two = cross_validate_path(ridge(), X, y, n_jobs=2, **arguments)
    with joblib.parallel_config("threading", n_jobs=3):
        threads = cross_validate_path(ridge(), X, y, **arguments)
    for other in (two, threads):
        np.testing.assert_array_equal(other.table["score"], one.table["score"])  # bit for bit
        assert (other.index_min, other.index_1se) == (one.index_min, one.index_1se)


def test_columns_learned_in_a_fold_see_its_training_rows_only(ridge, regression, alphas):
    X, y = regression

    class Hinges:
        shape = X.shape

        def __call__(self, train):
            return np.maximum(X - np.median(X[train], axis=0), 0.0)  # a hinge at the training rows' median

    splits = check_cv(4, y)
    cv = cross_validate_path(ridge(), Hinges(), y, alphas=alphas, splits=splits)
    for fold, (train, test) in enumerate(splits):
        Z = np.maximum(X - np.median(X[train], axis=0), 0.0)
        path = ridge().path(Z[train], y[train], alphas)
        expected = [
            np.mean((y[test] - Z[test] @ b - b0) ** 2) for b, b0 in zip(path.coefs, path.intercepts, strict=True)
        ]
        scores = cv.table.loc[cv.table["fold"] == fold, "score"]
        np.testing.assert_allclose(scores, expected, rtol=1e-12)


@pytest.mark.parametrize("model", [SLOPE, SLOPEClassifier])
@pytest.mark.parametrize("kind", [np.asfortranarray, sparse.csc_array])
def test_folds_of_validated_data_are_the_folds_of_the_estimator(model, kind, regression):
    X, y = kind(regression[0]), regression[1]
    if model is SLOPEClassifier:
        y = np.where(y > 0, "yes", "no")
    rng = np.random.default_rng(5)
    rows = {"sample_weight": rng.random(60) + 0.5, "offset": rng.standard_normal(60)}
    estimator = model(tol=1e-6, penalty_factor=[0, 1, 1, 1, 1, 2])
    alphas = estimator.alpha_max(X, y, **rows) * np.geomspace(1, 0.05, 8)
    # 60 rows in 7 folds: a thread's folds differ in size, and share its memory.
    arguments = {"alphas": alphas, "splits": check_cv(7, y, classifier=model is SLOPEClassifier), **rows}
    whole = cross_validate_path(estimator, X, y, **arguments)
    prepared = FoldPaths(estimator, estimator._problem(X, y, **rows))
    lean = cross_validate_path(estimator, X, y, fold_path=prepared, **arguments)
    shared = cross_validate_path(estimator, X, y, fold_path=prepared, n_jobs=3, **arguments)
    np.testing.assert_array_equal(shared.table, lean.table)
    # Gaps of 1e-6 of the null objective on both sides; the scores are of the size of that objective.
    np.testing.assert_allclose(lean.mean, whole.mean, rtol=1e-3)
    assert lean.null == whole.null and lean.mean.min() < 0.95 * lean.null


GROUPS = np.repeat(np.arange(4), 3)
FOLDS_OF = {
    "slope, a free column, an offset": (SLOPE(penalty_factor=[0] + 11 * [1], fit_intercept=False), "numbers"),
    "slope, nothing scaled": (SLOPE(standardize=False, screening=False), "numbers"),
    "slope, float32": (SLOPE(), "numbers"),
    "slope, an offset": (SLOPE(family="poisson"), "counts"),
    "groups": (GroupSLOPE(groups=GROUPS), "numbers"),
    "groups and columns": (SparseGroupSLOPE(groups=GROUPS, l1_ratio=0.5), "numbers"),
    "columns, called groups": (SparseGroupSLOPE(groups=np.arange(12)), "numbers"),
    "groups, two classes": (GroupSLOPEClassifier(groups=GROUPS), "two"),
    "slope, three classes": (SLOPEClassifier(), "three"),
}


@pytest.mark.parametrize("name", FOLDS_OF)
def test_a_fold_in_one_call_of_the_core_is_the_fold_taken_apart(name):
    model, response = FOLDS_OF[name]
    single = "float32" in name
    rng = np.random.default_rng(11)
    X = np.asfortranarray(rng.standard_normal((90, 12)), dtype=np.float32 if single else np.float64)
    signal = X[:, 1] - X[:, 4] + 0.5 * X[:, 11] + rng.standard_normal(90)
    y = {
        "numbers": signal,
        "counts": rng.poisson(np.exp(0.4 * signal)),
        "two": signal > 0,
        "three": np.digitize(signal, [-0.6, 0.6]),
    }[response].astype(float)
    offset = 0.1 * rng.standard_normal(90) if "offset" in name else None
    problem = model._problem(X, y, offset=offset)
    alphas = model.alpha_max(X, y, offset=offset) * np.geomspace(1, 0.03, 9)
    folds = FoldPaths(model, problem)
    train, test = np.r_[10:90, 20:25][::-1], np.r_[0:10, 5:10]  # rows in any order, and twice
    whole = {"alphas": alphas, "sample_weight": None, "offset": problem.offset}
    assert problem.X is X and NativeFolds.serves(problem)
    at_once = folds(X, y, train, test, **whole)
    apart = folds(X.copy(order="F"), y, train, test, **whole)
    assert at_once.eta.shape == apart.eta.shape == ((15, 9, 3) if response == "three" else (15, 9))
    assert np.ptp(at_once.eta[:, -1]) > 0.5
    # The same solver at the same rows; only the last sum, over columns, is taken in another order.
    np.testing.assert_allclose(at_once.eta, apart.eta, rtol=0, atol=1e-6 if single else 1e-12)
    np.testing.assert_array_equal(at_once.converged, apart.converged)
    elsewhere = pickle.loads(pickle.dumps(folds))
    again = elsewhere(elsewhere.problem.X, y, train, test, **whole)
    np.testing.assert_array_equal(again.eta, at_once.eta)


def test_folds_of_the_core_tell_rows_that_are_not_there_and_numbers_that_overflow():
    rng = np.random.default_rng(3)
    X, y = np.asfortranarray(rng.standard_normal((20, 4))), rng.standard_normal(20)
    folds = NativeFolds(SLOPE()._problem(X, y))
    options = {"tol": 1e-6, "max_iter": 1000, "screening": True}
    with pytest.raises(IndexError, match="rows that X does not have"):
        folds.predict(np.arange(21), np.arange(2), np.array([0.1]), **options)
    with pytest.raises(IndexError, match="rows that X does not have"):
        folds.predict(np.arange(18), np.array([-1]), np.array([0.1]), **options)
    free = NativeFolds(SLOPE(penalty_factor=[0, 0, 0, 0])._problem(X, y))
    assert free.predict(np.arange(20), np.arange(2), np.array([0.1]), **options) is None
    problem = replace(SLOPE(standardize=False)._problem(X, y), X=1e200 * X, y=1e200 * y)
    with pytest.raises(ValueError, match=r"the objective is not finite: X reaches .*e\+200 and y .*e\+200"):
        NativeFolds(problem).predict(np.arange(20), np.arange(2), np.array([0.1]), **options)


@pytest.mark.parametrize(("n", "p", "noise"), [(60, 150, 0.05), (20_000, 10, 0.5)])
def test_the_certificate_of_folds_moves_the_curve_by_little_of_its_standard_error(n, p, noise):
    rng = np.random.default_rng(n)
    X = np.asfortranarray(rng.standard_normal((n, p)) + rng.standard_normal((n, 1)))
    y = X[:, :8] @ rng.standard_normal(8) + noise * rng.standard_normal(n)
    model = GroupSLOPE(groups=np.arange(p) // 5, tol=1e-10)
    problem = model._problem(X, y)
    alphas = model.alpha_max(X, y) * np.geomspace(1, 0.01, 25)
    arguments = {"alphas": alphas, "splits": check_cv(5, y), "family": "gaussian"}
    exact = cross_validate_path(model, X, y, **arguments)
    folds_own = cross_validate_path(model, X, y, fold_path=FoldPaths(model, problem), **arguments)
    away = np.max(np.abs(folds_own.mean - exact.mean) / exact.se)
    # Up to 0.02 on data where the noise is a thousandth; one share for all sizes gave 0.1 at 20 000 rows.
    assert 0 < away < 0.03


def test_a_training_fold_of_one_class_is_named(regression):
    X, y = np.asfortranarray(regression[0]), np.repeat(["a", "b"], 30)
    pairs = [(np.arange(0, 60, 2), np.arange(1, 60, 2)), (np.arange(30), np.arange(30, 60))]
    with pytest.raises(ValueError, match="rows have one class, 'a'; a classifier needs two") as caught:
        SLOPEClassifierCV(cv=pairs).fit(X, y)
    assert "30 training rows of fold 1" in caught.value.__notes__[0]


@pytest.mark.filterwarnings("error")
def test_the_rules_do_not_depend_on_the_units_of_the_response(regression):
    """mse is in squared units: its spread, squared once more, left the range of doubles from y of 1e77 on."""
    X, y = regression
    chosen = [SLOPECV(cv=5).fit(X, scale * y).alpha_1se_ / scale for scale in (1, 1e70, 1e78, 1e152, 1e-82, 1e-140)]
    np.testing.assert_allclose(chosen, chosen[0], rtol=1e-9)
    assert chosen[0] > SLOPECV(cv=5).fit(X, y).alpha_min_
