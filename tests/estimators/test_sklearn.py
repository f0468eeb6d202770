"""The sklearn door keeps sklearn's promises."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import sparsestats as ss
from sparsestats.exceptions import DataWarning

SINGLE = [
    ss.SLOPE,
    ss.GroupSLOPE,
    ss.SparseGroupSLOPE,
    ss.SLOPEClassifier,
    ss.GroupSLOPEClassifier,
    ss.SparseGroupSLOPEClassifier,
]
TWINS = [
    ss.SLOPECV,
    ss.GroupSLOPECV,
    ss.SparseGroupSLOPECV,
    ss.SLOPEClassifierCV,
    ss.GroupSLOPEClassifierCV,
    ss.SparseGroupSLOPEClassifierCV,
]
ALL = SINGLE + TWINS
every = pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
single = pytest.mark.parametrize("kind", SINGLE, ids=lambda kind: kind.__name__)
# The checks fit tiny tables with pure noise, and classes with fewer rows than ten folds.
told = pytest.mark.filterwarnings("ignore::sparsestats.exceptions.DataWarning")


@told
@parametrize_with_checks(
    [kind() for kind in SINGLE]
    + [ss.Penalized(), ss.SLOPE(family="poisson"), ss.SLOPECV(ss.relative(1, 0.01, 10), cv=3)]
)
def test_checks_of_sklearn(estimator, check):
    check(estimator)


@told
@pytest.mark.slow
@parametrize_with_checks([kind() for kind in TWINS[1:]])
def test_checks_of_sklearn_for_the_other_twins(estimator, check):
    check(estimator)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    n = 90
    frame = pd.DataFrame(
        {
            "age": rng.uniform(20, 80, n),
            "dose": rng.normal(size=n),
            "site": rng.choice(["a", "b", "c"], n),
            "noise": rng.normal(size=n),
        }
    )
    y = 2 * frame["dose"] + (frame["site"] == "b") + np.sin(frame["age"] / 12) + 0.3 * rng.normal(size=n)
    return frame, y.to_numpy()


def response(kind, y):
    return np.where(y > np.median(y), "yes", "no") if issubclass(kind, sklearn.base.ClassifierMixin) else y


def numeric(n=60, p=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    return X, X[:, 0] - 2 * X[:, 1] + 0.5 * rng.normal(size=n)


@every
def test_regressors_and_classifiers_are_told_apart_by_class(kind):
    classifies = "Classifier" in kind.__name__
    assert is_classifier(kind()) == classifies and is_regressor(kind()) != classifies


@every
def test_parameters_are_stored_untouched_and_cloned(kind):
    given = dict(sequence=[3, 2, 1], q=0.2, penalty_factor=[0, 1, 2], tol=1e-5, screening=False)
    model = kind(**given)
    assert all(getattr(model, name) is value for name, value in given.items())
    copy = clone(model)
    assert copy.get_params() == model.get_params() and not hasattr(copy, "coef_")
    with pytest.raises(TypeError, match="lambda_"):
        kind(lambda_=1)


@every
def test_a_pickled_model_predicts_the_same_bits(kind):
    X, y = numeric()
    model = kind().fit(X, response(kind, y))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.certificate_ == model.certificate_ and again.get_params() == model.get_params()


@single
def test_default_alpha_is_a_tenth_of_alpha_max(kind):
    X, y = numeric()
    model = kind().fit(X, response(kind, y))
    assert model.alpha is None
    assert model.alpha_ == pytest.approx(0.1 * model.alpha_max(X, response(kind, y)), rel=1e-12)
    assert model.alpha_max_ == pytest.approx(10 * model.alpha_, rel=1e-12)


def test_shapes_of_what_is_fitted():
    X, y = numeric()
    regressor = ss.SLOPE().fit(X, y)
    assert regressor.coef_.shape == (6,) and isinstance(regressor.intercept_, float)
    classifier = ss.SLOPEClassifier().fit(X, response(ss.SLOPEClassifier, y))
    assert classifier.coef_.shape == (1, 6) and classifier.intercept_.shape == (1,)
    assert classifier.classes_.tolist() == ["no", "yes"]
    probability = classifier.predict_proba(X)
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-15)
    np.testing.assert_allclose(probability[:, 1], 1 / (1 + np.exp(-classifier.decision_function(X))), atol=1e-15)
    np.testing.assert_array_equal(classifier.predict(X), np.where(probability[:, 1] > 0.5, "yes", "no"))
    # the informative columns, with the signs they were made with
    assert classifier.coef_[0, 0] > 0.1 and classifier.coef_[0, 1] < -0.1


# ---- compositions -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("standardize", [True, "group"])
def test_grid_search_over_a_pipeline_with_a_formula_in_front(table, standardize):
    frame, y = table
    steps = [
        ("terms", ss.ModelMatrix("dose + site + bs(age, df=5) + noise")),
        ("model", ss.GroupSLOPE(groups="auto", standardize=standardize)),
    ]
    search = GridSearchCV(Pipeline(steps), {"model__alpha": [0.001, 0.03, 3.0]}, cv=3).fit(frame, y)
    assert search.best_params_["model__alpha"] < 3.0 and search.best_score_ > 0.8
    model = search.best_estimator_["model"]
    assert model.feature_names_in_.tolist()[:4] == ["dose", "site[a]", "site[b]", "site[c]"]
    assert model.groups_.tolist() == [0, 1, 1, 1, 2, 2, 2, 2, 2, 3]


def test_rows_of_weight_0_are_rows_left_out_of_sequences_that_depend_on_n_too():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((50, 30))
    y = 2 * X[:, 0] + rng.standard_normal(50)
    weights = np.repeat([0.0, 1.0], [20, 30])
    groups = np.arange(30) // 3
    for model in (ss.SLOPE(0.1, sequence="gaussian"), ss.GroupSLOPE(0.1, sequence="corrected", groups=groups)):
        weighted, fewer = clone(model).fit(X, y, weights), clone(model).fit(X[20:], y[20:])
        np.testing.assert_allclose(weighted.coef_, fewer.coef_, atol=1e-9)


@pytest.mark.parametrize("kind", [ss.SLOPE, ss.PRESTO])
def test_weights_have_no_unit_down_to_the_ends_of_a_double(kind):
    X, y = numeric()
    y, weights = np.digitize(y, [-1.0, 1.0]), np.tile([1.0, 2.0, 0.0], 20)
    model = kind(alpha=0.05).fit(X, y, weights)
    for power in (-1074, -1000, 1021):  # their sum, or its inverse, is beyond the largest double
        np.testing.assert_array_equal(kind(alpha=0.05).fit(X, y, np.ldexp(weights, power)).coef_, model.coef_)


def test_a_grid_of_numpys_values_fits_what_the_plain_values_fit():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 6)) * 3
    y = X[:, 0] + rng.standard_normal(40)
    grid = {
        "l1_ratio": np.linspace(0.0, 1.0, 3),  # bool(np.float64 == 0) is numpy's own kind of truth
        "standardize": np.array([True, False]),
        "fit_intercept": np.array([True, False]),
        "screening": np.array([False]),
    }
    model = ss.SparseGroupSLOPE(alpha=0.1, groups=[0, 0, 1, 1, 2, 2])
    for name, values in grid.items():
        for value in values:
            taken, plain = (clone(model).set_params(**{name: v}).fit(X, y) for v in (value, value.item()))
            np.testing.assert_array_equal(taken.coef_, plain.coef_)


def test_cv_twin_behind_a_formula_learns_the_groups_once(table):
    frame, y = table
    pipe = make_pipeline(ss.ModelMatrix("dose + site + poly(age, 3)"), ss.GroupSLOPECV(groups="auto", cv=3))
    model = pipe.fit(frame, y)[-1]
    assert model.groups_.tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert model.alpha_ == model.alpha_min_ <= model.alpha_1se_
    assert pipe.score(frame, y) > 0.8


def test_dict_of_groups_and_of_factors_survive_the_folds(table):
    frame, y = table
    X = frame[["age", "dose", "noise"]]
    model = ss.GroupSLOPECV(groups={"age": "g", "noise": "g"}, penalty_factor={"dose": 0}, cv=3).fit(X, y)
    assert model.groups_.tolist() == [0, 1, 0] and model.coef_[1] != 0
    top = model.path_
    assert np.all(top.coefs[0, [0, 2]] == 0) and top.coefs[0, 1] != 0


def test_classifier_in_cross_val_predict_with_string_labels():
    X, y = numeric(n=120)
    labels = np.where(y > 0, "yes", "no")
    probability = cross_val_predict(ss.SLOPEClassifier(alpha=0.01), X, labels, cv=3, method="predict_proba")
    assert np.mean(np.where(probability[:, 1] > 0.5, "yes", "no") == labels) > 0.85
    for scoring in ("neg_log_loss", "roc_auc"):
        scores = cross_val_score(ss.SLOPEClassifier(alpha=0.01), X, labels, cv=3, scoring=scoring)
        assert scores.min() > {"neg_log_loss": -0.5, "roc_auc": 0.9}[scoring]


def test_set_output_of_a_pipeline_carries_names_to_the_model(table):
    frame, y = table
    pipe = make_pipeline(
        make_column_transformer((StandardScaler(), ["age", "dose"]), verbose_feature_names_out=False),
        ss.SLOPE(),
    ).set_output(transform="pandas")
    assert pipe.fit(frame, y)[-1].feature_names_in_.tolist() == ["age", "dose"]


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_model_matrix_answers_in_the_container_asked_for(table, container):
    frame, _ = table
    transformer = ss.ModelMatrix("dose + site").set_output(transform=container)
    columns = transformer.fit_transform(frame)
    assert isinstance(columns, pd.DataFrame if container == "pandas" else pl.DataFrame)
    assert list(columns.columns) == ["dose", "site[a]", "site[b]", "site[c]"]
    assert transformer.get_feature_names_out().tolist() == list(columns.columns)


# ---- names ------------------------------------------------------------------------------------------------


@every
def test_pandas_and_polars_give_the_model_of_numpy_and_its_names(kind):
    X, y = numeric()
    y = response(kind, y)
    names = list("abcdef")
    plain = kind().fit(X, y)
    assert not hasattr(plain, "feature_names_in_")
    for frame in (pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names)):
        model = kind().fit(frame, y)
        np.testing.assert_array_equal(model.coef_, plain.coef_)
        assert model.feature_names_in_.tolist() == names
        np.testing.assert_array_equal(model.predict(frame), plain.predict(X))
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(frame[names[::-1]])


def test_dict_parameters_name_columns_and_reject_others(table):
    X = table[0][["age", "dose", "noise"]]
    y = table[1]
    for parameter in (dict(penalty_factor={"doze": 0}), dict(groups={"doze": "g"})):
        with pytest.raises(ValueError, match=r"names 'doze', which is not a column; columns are \['age'"):
            ss.GroupSLOPE(**parameter).fit(X, y)
        with pytest.raises(ValueError, match="needs X with column names"):
            ss.GroupSLOPE(**parameter).fit(X.to_numpy(), y)
    with pytest.raises(ValueError, match='groups="auto" reads column names'):
        ss.GroupSLOPE(groups="auto").fit(X.to_numpy(), y)


# ---- metadata ---------------------------------------------------------------------------------------------


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_weights_and_offset_are_routed(routing):
    X, y = numeric()
    weight, offset = np.linspace(0.5, 2, 60), np.linspace(-1, 1, 60)
    model = ss.SLOPE(alpha=0.05).set_fit_request(sample_weight=True, offset=True).set_predict_request(offset=True)
    pipe = make_pipeline(StandardScaler().set_fit_request(sample_weight=True), model)
    pipe.fit(X, y, sample_weight=weight, offset=offset)
    alone = ss.SLOPE(alpha=0.05).fit(X, y, weight, offset)
    # scaled first or not, the model is one, to the polish of two paths of arithmetic
    np.testing.assert_allclose(pipe.predict(X, offset=offset), alone.predict(X, offset), atol=1e-9)
    assert not np.allclose(alone.coef_, ss.SLOPE(alpha=0.05).fit(X, y).coef_, atol=1e-3)


def test_row_groups_are_routed_through_a_pipeline(routing):
    X, y = numeric()
    patients = np.repeat(np.arange(12), 5)
    model = ss.SLOPECV(cv=3).set_fit_request(row_groups=True)
    routed = make_pipeline(StandardScaler(), model).fit(X, y, row_groups=patients)
    assert routed[-1].cv_.folds.count("row groups kept whole") == 1


def test_groups_are_routed_to_our_folds(routing):
    X, y = numeric()
    patients = np.repeat(np.arange(12), 5)
    routed = cross_val_score(ss.SLOPE(alpha=0.1), X, y, cv=ss.folds(3), params={"groups": patients})
    np.testing.assert_array_equal(routed, cross_val_score(ss.SLOPE(alpha=0.1), X, y, cv=ss.folds(3, by=patients)))


@pytest.mark.parametrize(("cls", "cut"), [(ss.SLOPE, None), (ss.SLOPEClassifier, [0.0]), (ss.PRESTO, [-1.0, 0.0])])
@pytest.mark.filterwarnings("ignore::sparsestats.exceptions.DataWarning")  # rows of crossing boundaries
def test_a_model_with_an_offset_is_scored_with_it(routing, cls, cut):
    X, y = numeric()
    offset = 3 * X[:, 0]
    y = y + 2 * offset if cut is None else np.digitize(y, cut)
    model = cls(alpha=0.01).set_fit_request(offset=True).set_score_request(offset=True)
    search = GridSearchCV(model, {"alpha": [0.01, 0.1]}, cv=3, error_score="raise").fit(X, y, offset=offset)
    fitted = cls(alpha=search.best_params_["alpha"]).fit(X, y, offset=offset)
    measure = r2_score if cut is None else accuracy_score
    assert search.score(X, y, offset=offset) == measure(y, fitted.predict(X, offset=offset))
    with pytest.raises(ValueError, match="predict needs offset="):
        fitted.score(X, y)


def test_a_routed_offset_that_was_not_requested_is_an_error(routing):
    X, y = numeric()
    with pytest.raises(ValueError, match="offset"):
        cross_val_score(ss.SLOPE(), X, y, params={"offset": y})


# ---- CV twins ---------------------------------------------------------------------------------------------


def test_selection_sits_at_its_row_of_the_path_and_the_table_holds_every_fold():
    X, y = numeric()
    alphas = ss.relative(1, 0.01, 20)
    fits = {rule: ss.SLOPECV(selection=rule, cv=4, alphas=alphas).fit(X, y) for rule in ("min", "1se")}
    for rule, model in fits.items():
        assert model.alpha_ == (model.alpha_min_ if rule == "min" else model.alpha_1se_)
        row = int(np.flatnonzero(model.alphas_ == model.alpha_)[0])
        np.testing.assert_array_equal(model.coef_, model.path_.coefs[row])
        assert len(model.cv_results_) == 4 * 20 and {"alpha", "fold", "score"} <= set(model.cv_results_)
    assert fits["1se"].alpha_ > fits["min"].alpha_


def test_the_twin_at_its_alpha_is_the_single_fit():
    X, y = numeric()
    twin = ss.GroupSLOPECV(groups=[0, 0, 1, 1, 2, 2], cv=3).fit(X, y)
    alone = ss.GroupSLOPE(alpha=twin.alpha_, groups=[0, 0, 1, 1, 2, 2]).fit(X, y)
    np.testing.assert_allclose(twin.coef_, alone.coef_, atol=1e-9)


@pytest.mark.parametrize("kind", TWINS, ids=lambda kind: kind.__name__)
def test_threads_change_nothing(kind):
    X, y = numeric()
    y = response(kind, y)
    one, two = (kind(cv=3, n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 2))
    np.testing.assert_array_equal(one.coef_, two.coef_)
    pd.testing.assert_frame_equal(one.cv_results_, two.cv_results_)


def test_an_integer_cv_is_lowered_to_the_largest_class_and_says_so():
    X, _ = numeric(n=12)
    labels = np.repeat([0, 1], [5, 7])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        ss.SLOPEClassifierCV(alphas=ss.relative(1, 0.3, 3)).fit(X, labels)
    assert "largest class has 7 rows: cv=10 is lowered to 7 folds" in str(caught[0].message)


@pytest.mark.parametrize(("cls", "cut"), [(ss.SLOPE, None), (ss.SLOPEClassifier, [0.0]), (ss.PRESTO, [-1.0, 0.0])])
def test_a_path_and_a_model_at_one_of_its_alphas_need_the_offset_they_were_fitted_with(cls, cut):
    X, y = numeric()
    y, offset = y if cut is None else np.digitize(y, cut), np.linspace(-1, 1, 60)
    path = cls().path(X, y, ss.relative(1, 0.1, 3), offset=offset)
    model = cls().at(path, path.alphas[1])
    for one in (lambda: path.predict(X, path.alphas[1]), lambda: path.predict(X), lambda: model.predict(X)):
        with pytest.raises(ValueError, match="fitted with an offset; predict needs offset="):
            one()


def test_at_moves_along_a_path_and_keeps_names(table):
    X = table[0][["age", "dose", "noise"]]
    model = ss.SLOPE()
    path = model.path(X, table[1])
    assert not hasattr(model, "coef_")
    there = model.at(path, path.alphas[30])
    np.testing.assert_array_equal(there.coef_, path.coefs[30])
    assert there.feature_names_in_.tolist() == ["age", "dose", "noise"]
    np.testing.assert_allclose(there.predict(X), path.predict(X, path.alphas[30]), atol=1e-12)
    with pytest.raises(ValueError, match=r"columns of the fit in their order, \['age', 'dose', .*got \['noise'"):
        path.predict(X[["noise", "dose", "age"]], path.alphas[30])
    between = 0.5 * (path.alphas[30] + path.alphas[31])
    np.testing.assert_allclose(model.at(path, between).coef_, 0.5 * (path.coefs[30] + path.coefs[31]), atol=1e-12)
    assert not hasattr(model.at(path, between), "certificate_")


@single
def test_sparse_containers_are_read_and_never_densified(kind, monkeypatch):
    X, y = numeric(n=80, p=10)
    X = np.where(np.abs(X) > 0.8, X, 0)
    y = response(kind, y[:80])
    dense = kind().fit(X, y)

    def refuse(*_, **__):
        raise AssertionError("densified")

    for container in (sparse.csr_matrix, sparse.csc_array, sparse.csr_array):
        S = container(X)
        for name in ("toarray", "todense"):
            monkeypatch.setattr(type(S), name, refuse)
            monkeypatch.setattr(sparse.csc_array, name, refuse)
            monkeypatch.setattr(sparse.csc_matrix, name, refuse)
        model = kind().fit(S, y)
        np.testing.assert_allclose(model.coef_, dense.coef_, atol=1e-10)
        assert len(model.predict(S)) == 80


def test_better_than_the_mean_and_close_to_least_squares_when_everything_matters():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(400, 8))
    y = X @ np.arange(1.0, 9.0) + rng.normal(size=400)
    ours, ols = ss.SLOPECV(cv=5).fit(X, y), LinearRegression().fit(X, y)
    assert ours.score(X, y) > 0.99
    np.testing.assert_allclose(ours.coef_, ols.coef_, atol=0.15)  # three standard errors of a coefficient


def bounded(variables):
    return [variables["coef"] <= 1] if "coef" in variables else [variables["beta"] <= 1]


@pytest.mark.parametrize(
    ("first", "then", "gone"),
    [
        (ss.SLOPE(constraints=bounded), {"constraints": None}, "duals_"),
        (ss.SLOPECV(ss.relative(1, 0.1, 3), cv=3, constraints=bounded), {"constraints": None}, "duals_"),
        (ss.PRESTO(constraints=bounded), {"constraints": None}, "duals_"),
        (ss.Penalized(groups=[0, 0, 1]), {"groups": None}, "groups_"),
        (ss.PRESTOCV(ss.relative(1, 0.1, 3), cv=3, selection="average"), {"selection": "min"}, "weights_"),
    ],
    ids=lambda case: case if isinstance(case, str) else type(case).__name__,
)
def test_what_only_an_earlier_fit_had_is_gone_after_the_next(first, then, gone):
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = (X[:, 0] > 0).astype(int)
    model = clone(first).fit(X, y)
    assert hasattr(model, gone)
    assert not hasattr(model.set_params(**then).fit(X, y), gone)


def test_a_relaxed_model_that_is_fitted_again_is_no_longer_relaxed():
    X = np.random.default_rng(0).normal(size=(60, 3))
    relaxed = ss.SLOPE().fit(X, X[:, 0]).relax(X, X[:, 0])
    assert relaxed.gamma_ == 0 and not hasattr(relaxed.fit(X, X[:, 0]), "gamma_")


def test_parameters_are_still_told_by_the_signature():
    import inspect

    assert list(inspect.signature(ss.SLOPE).parameters)[:3] == ["alpha", "sequence", "q"]


def test_a_subclass_may_hand_its_arguments_on():
    class Mine(ss.SLOPE):
        def __init__(self, **given):
            super().__init__(**{"sequence": "lasso", **given})

    assert (Mine(alpha=0.3).alpha, Mine(alpha=0.3).sequence) == (0.3, "lasso")
    with pytest.raises(TypeError, match="unexpected keyword argument 'lambda_'"):
        Mine(lambda_=0.3)
