import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sparsestats.estimators.group_slope import GroupSLOPE
from sparsestats.estimators.preprocess import ModelMatrix
from sparsestats.estimators.slope import SLOPE
from sparsestats.exceptions import FormulaError, UnseenLevelError
from sparsestats.formula import design
from sparsestats.names import groups_from_names


@pytest.fixture
def data():
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {"x": rng.normal(size=80), "age": rng.uniform(20, 80, 80), "g": rng.choice(["a", "b", "c"], 80)},
        index=rng.permutation(80),
    )


@pytest.fixture
def y(data):
    return np.sin(data.age / 10).to_numpy() + (data.g == "a").to_numpy()


FORMULA = "x + C(g) + bs(age, df=4)"


def test_columns_are_those_of_the_design(data):
    out = ModelMatrix(FORMULA).fit_transform(data)
    built = design(FORMULA, data)
    np.testing.assert_array_equal(out.to_numpy(), built.X)
    assert out.columns.tolist() == built.names and out.index.equals(data.index)


def test_attributes_describe_terms_and_groups(data):
    matrix = ModelMatrix("keep(x) + C(g) + ns(age, df=3)").fit(data)
    assert [term.name for term in matrix.terms_] == ["x", "C(g)", "ns(age, df=3)"]
    assert matrix.groups_.tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert matrix.penalty_factor_.tolist() == [0, 1, 1, 1, 1, 1, 1]
    names = matrix.get_feature_names_out()
    assert names.dtype == object and groups_from_names(names).tolist() == matrix.groups_.tolist()
    assert matrix.n_features_in_ == 3 and matrix.feature_names_in_.tolist() == ["x", "age", "g"]


def test_knots_and_levels_are_learned_in_fit_alone(data):
    matrix = ModelMatrix("scale(age) + C(g)").fit(data)
    shifted = data.assign(age=data.age + 10)
    expected = (shifted.age - data.age.mean()) / data.age.std()
    np.testing.assert_allclose(matrix.transform(shifted)["scale(age)"], expected)
    with pytest.raises(UnseenLevelError, match="'g'"):
        matrix.transform(data.assign(g="new"))
    lenient = ModelMatrix("scale(age) + C(g)", unseen="nan").fit(data)
    assert lenient.transform(data.assign(g="new")).isna().all(axis=None)


def test_rows_with_missing_values_come_out_as_nan(data):
    data.iloc[4, 0] = np.nan
    out = ModelMatrix(FORMULA).fit_transform(data)
    assert len(out) == 80 and out.iloc[4].isna().all() and out.drop(index=data.index[4]).notna().all(axis=None)


def test_learned_in_each_fold_of_a_grid_search_over_formulas(data, y):
    search = GridSearchCV(
        make_pipeline(ModelMatrix("x"), Ridge(1e-3)),
        {"modelmatrix__formula": ["x", "bs(age, df=6)", "bs(age, df=6) + g"]},
        cv=5,
        error_score="raise",
    ).fit(data, y)
    assert search.best_params_ == {"modelmatrix__formula": "bs(age, df=6) + g"} and search.best_score_ > 0.9
    assert search.predict(data).shape == (80,)
    assert (
        search.best_estimator_[-1].feature_names_in_.tolist()
        == search.best_estimator_[:-1].get_feature_names_out().tolist()
    )


def test_clone_pickle_and_set_output(data):
    matrix = ModelMatrix(FORMULA, unseen="nan")
    assert clone(matrix).get_params() == matrix.get_params()
    fitted = matrix.fit(data)
    again = pickle.loads(pickle.dumps(fitted))
    pd.testing.assert_frame_equal(again.transform(data), fitted.transform(data))
    polars = clone(matrix).set_output(transform="polars").fit_transform(data)
    assert type(polars).__module__.startswith("polars") and polars.columns == fitted.get_feature_names_out().tolist()
    pandas = clone(matrix).set_output(transform="pandas").fit_transform(data)
    pd.testing.assert_frame_equal(pandas, fitted.transform(data))


def test_polars_frames_go_in(data):
    import polars as pl

    frame = pl.DataFrame({name: data[name].tolist() for name in data})
    np.testing.assert_array_equal(ModelMatrix(FORMULA).fit_transform(frame), design(FORMULA, data).X)


def test_wrong_use_is_refused(data):
    with pytest.raises(FormulaError, match="right side alone"):
        ModelMatrix("x ~ g").fit(data)
    with pytest.raises(FormulaError, match="offset"):
        ModelMatrix("g + offset(x)").fit(data)
    with pytest.raises(TypeError, match="DataFrame, not ndarray"):
        ModelMatrix("x").fit(data.to_numpy())
    with pytest.raises(ValueError, match="'raise', 'nan' or 'zero'"):
        ModelMatrix("x", unseen="drop").fit(data)
    with pytest.raises(NotFittedError):
        ModelMatrix("x").transform(data)
    with pytest.raises(ValueError, match="lacks the column"):
        ModelMatrix("x").fit(data).transform(data[["g"]])


def test_zeros_for_an_unseen_level_are_the_columns_of_a_declared_level_without_rows(data, y):
    train = np.arange(80) != 7
    rare = data.assign(g=np.where(train, data["g"], "rare"))
    declared = design("g*x + age", rare).X
    learned = ModelMatrix("g*x + age", unseen="zero").fit(rare[train]).transform(rare).to_numpy()
    assert learned.shape[1] == declared.shape[1] - 2  # without g[rare] and g[rare]:x
    model = SLOPE(alpha=0.05, sequence="lasso")
    one = model.fit(learned[train], y[train]).predict(learned)
    other = model.fit(declared[train], y[train]).predict(declared)
    np.testing.assert_allclose(one, other, rtol=1e-7)
    assert abs(one[7] - y[7]) < 1


def test_a_pipeline_scores_folds_that_hold_out_a_rare_level(data, y):
    rare = data.assign(g=np.where(np.arange(80) != 7, data["g"], "rare"))
    pipeline = make_pipeline(ModelMatrix("g + x", unseen="zero"), GroupSLOPE(alpha=0.05, groups="auto"))
    search = GridSearchCV(pipeline, {"groupslope__q": [0.05, 0.2]}, cv=4, error_score="raise").fit(rare, y)
    assert np.isfinite(search.best_score_)


@pytest.mark.parametrize("formula", ["keep(g) + x", "C(g, contr.sum) + x"])
def test_zeros_are_refused_where_they_would_stand_for_another_level(data, formula):
    matrix = ModelMatrix(formula, unseen="zero").fit(data)
    with pytest.raises(UnseenLevelError, match="take them for another level") as refused:
        matrix.transform(data.assign(g="new"))
    assert pickle.loads(pickle.dumps(refused.value)).args == refused.value.args


def test_a_left_side_is_refused_before_its_columns_are_looked_for():
    with pytest.raises(FormulaError, match="takes a right side alone, 'y ~ x' has a left one"):
        ModelMatrix("y ~ x").fit(pd.DataFrame({"x": [1.0, 2.0]}))
