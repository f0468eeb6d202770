"""Formula + frame -> design: one named test for each rule."""

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sparsestats.exceptions import FormulaError
from sparsestats.formula import design


def test_bare_factors_are_fully_coded_when_penalised_and_treatment_coded_when_not(data):
    built = design("y ~ g + keep(stage)", data)
    assert built.names == ["g[a]", "g[b]", "g[c]", "stage[T.mid]", "stage[T.high]"]
    assert built.terms[0].levels == ("a", "b", "c") and built.terms[1].levels == ("mid", "high")
    np.testing.assert_array_equal(built.X[:, 1], data.g == "b")
    np.testing.assert_array_equal(built.X[:, 4], data.stage == "high")


def test_unused_levels_make_no_column(data):
    assert "stage[extreme]" not in design("y ~ stage", data).names
    few = data[data.g != "b"]
    assert design("y ~ g", few).names == ["g[a]", "g[c]"]
    # A level that occurs only in rows dropped for missing values is not used either.
    holed = data.assign(x=data.x.where(data.g != "b"))
    assert design("y ~ x + g", holed).names == ["x", "g[a]", "g[c]"]


def test_ordered_categories_keep_their_order(data):
    assert design("y ~ stage", data).terms[0].levels == ("low", "mid", "high")
    listed = design("y ~ C(g, levels=['c', 'a', 'b'])", data)
    assert listed.terms[0].levels == ("c", "a", "b")


def test_explicit_contrasts_are_honoured_for_that_factor_alone(data):
    built = design("y ~ C(stage, contr.poly) + g", data)
    assert built.names[:3] == ["C(stage, contr.poly)[.L]", "C(stage, contr.poly)[.Q]", "g[a]"]
    # R: contr.poly(3)
    linear, quadratic = np.sqrt(0.5), np.sqrt(1 / 6)
    expected = np.array([[-linear, quadratic], [0, -2 * quadratic], [linear, quadratic]])
    codes = data.stage.cat.codes.to_numpy()
    np.testing.assert_allclose(built.X[:, :2], expected[codes], atol=1e-14)


@pytest.mark.parametrize(
    ("coding", "labels", "matrix"),
    [
        ("contr.treatment('b')", ["T.a", "T.c"], [[1, 0], [0, 0], [0, 1]]),
        ("contr.treatment(base='b')", ["T.a", "T.c"], [[1, 0], [0, 0], [0, 1]]),
        ("contr.treatment", ["T.b", "T.c"], [[0, 0], [1, 0], [0, 1]]),
        ("contr.sum", ["S.a", "S.b"], [[1, 0], [0, 1], [-1, -1]]),
        ("contr.helmert", ["H.b", "H.c"], [[-1, -1], [1, -1], [0, 2]]),
    ],
)
def test_contrast_matrices_are_those_of_r(coding, labels, matrix, data):
    built = design(f"y ~ C(g, {coding})", data)
    assert [name.split("[")[1][:-1] for name in built.names] == labels
    codes = data.g.map({"a": 0, "b": 1, "c": 2}).to_numpy()
    np.testing.assert_array_equal(built.X, np.array(matrix, dtype=float)[codes])


def test_c_of_numbers_is_a_factor_and_a_string_column_is_one_by_itself(data):
    built = design("y ~ C(dose) + g + dose", data)
    assert [t.kind for t in built.terms] == ["factor", "factor", "numeric"]
    assert built.names[:3] == ["C(dose)[1]", "C(dose)[2]", "C(dose)[3]"]
    assert built.terms[0].levels == (1, 2, 3)


def test_interaction_columns_are_all_products_with_the_first_factor_fastest(data):
    built = design("y ~ g:stage + g:x", data)
    assert built.names[:4] == ["g[a]:stage[low]", "g[b]:stage[low]", "g[c]:stage[low]", "g[a]:stage[mid]"]
    np.testing.assert_array_equal(built.X[:, 1], (data.g == "b") & (data.stage == "low"))
    np.testing.assert_allclose(built.X[:, -1], data.x.where(data.g == "c", 0))
    assert [t.kind for t in built.terms] == ["interaction"] * 2 and built.terms[1].variables == ("g", "x")


@pytest.mark.parametrize("right", ["g*stage", "g*x", "0 + g + stage", "g*stage*x", "x + g:x", "g + g:stage"])
def test_free_factors_have_full_rank_as_in_r(right, data):
    from formulaic import model_matrix

    big = pd.concat([data, data.iloc[::-1].assign(g=np.resize(["a", "b", "c"], len(data)))], ignore_index=True)
    built = design(f"y ~ keep({right.replace('0 + ', '')})" + (" - 1" if "0 +" in right else ""), big)
    A = np.column_stack([np.ones(len(big)), built.X]) if built.fit_intercept else built.X
    theirs = model_matrix(right, big.assign(stage=big.stage.cat.remove_unused_categories())).to_numpy()
    assert np.linalg.matrix_rank(A) == A.shape[1] == theirs.shape[1]
    q, r = np.linalg.qr(A)[0], np.linalg.qr(theirs)[0]
    np.testing.assert_allclose(q @ q.T, r @ r.T, atol=1e-9)


def test_rows_dropped_are_counted_by_variable(data):
    data.loc[3, "x"] = np.nan
    data.loc[[4, 5], "g"] = None
    data.loc[6, "age"] = np.nan  # not used
    built = design("y ~ x + g", data)
    assert built.n_dropped == 3 and built.missing == {"x": 1, "g": 2}
    assert built.index.tolist() == [i for i in range(60) if i not in (3, 4, 5)]
    assert len(built.X) == len(built.y) == 57 == built.mask.sum()
    with pytest.raises(ValueError, match=r"3 of 60 rows miss values: g \(2\), x \(1\)"):
        design("y ~ x + g", data, missing="raise")
    assert design("y ~ dose", data, missing="raise").n_dropped == 0


def test_missing_weight_offset_or_row_group_drops_the_row_too(data):
    weights = np.ones(60)
    weights[0] = np.nan
    groups = np.array(["u"] * 60, dtype=object)
    groups[1] = None
    data["off"] = 1.0
    data.loc[2, "off"] = np.nan
    built = design("y ~ x", data, sample_weight=weights, row_groups=groups, offset="off")
    assert built.missing == {"sample_weight": 1, "row_groups": 1, "offset": 1} and built.n_dropped == 3
    assert len(built.sample_weight) == len(built.offset) == len(built.row_groups) == 57


def test_knots_and_scales_are_learned_on_the_rows_kept(data):
    data.loc[data.age.idxmax(), "y"] = np.nan
    built = design("y ~ bs(age, df=4) + scale(age)", data)
    kept = data.dropna().age
    assert built.spec.states["bs(age, df=4)"]["upper_bound"] == kept.max()
    np.testing.assert_allclose(built.X[:, -1].std(ddof=1), 1)


def test_no_complete_row_is_an_error_that_names_the_variable(data):
    with pytest.raises(ValueError, match=r"No row is complete.*x \(60\)"):
        design("y ~ x + age", data.assign(x=np.nan))


def test_duplicated_index_is_fine(data):
    data.index = [7] * 60
    data.loc[:, "x"] = np.where(np.arange(60) == 5, np.nan, data.x)
    built = design("y ~ x + g + bs(age, df=4)", data)
    assert built.X.shape == (59, 8) and (built.index == 7).all()


def test_offsets_add_up_and_follow_the_rows(data):
    data.loc[0, "x"] = np.nan
    built = design("y ~ x + offset(log(age)) + offset(yes)", data, offset=np.arange(60.0))
    np.testing.assert_allclose(built.offset, (np.arange(60) + np.log(data.age) + data.yes)[1:])
    assert built.names == ["x"]


def test_row_groups_and_weights_may_be_columns(data):
    built = design("y ~ x", data, row_groups="g", sample_weight="yes")
    assert built.row_groups.tolist() == data.g.tolist()
    np.testing.assert_array_equal(built.sample_weight, data.yes)
    with pytest.raises(ValueError, match="row_groups='gg' is not a column"):
        design("y ~ x", data, row_groups="gg")
    with pytest.raises(ValueError, match=r"sample_weight must have one value for each of the 60 rows.*\(3,\)"):
        design("y ~ x", data, sample_weight=[1, 2, 3])


@pytest.mark.parametrize("what", ["sample_weight", "offset", "row_groups"])
def test_a_series_with_its_rows_in_another_order_is_refused(what, data):
    values = pd.Series(np.arange(60.0), index=data.index)
    with pytest.raises(ValueError, match=f"labels of {what} are not those of the data's rows"):
        design("y ~ x", data, **{what: values[::-1]})
    some = data[10:50]
    for fits in (values[10:50], values[:40], values[:40].to_numpy()):  # its own labels, none, an array
        assert getattr(design("y ~ x", some, **{what: fits}), what).shape == (40,)


@pytest.mark.parametrize(
    ("left", "kind", "levels"),
    [
        ("y", "numeric", None),
        ("log(age)", "numeric", None),
        ("I(2 * x)", "numeric", None),
        ("I(x > 0)", "boolean", (False, True)),
        ("smoker", "boolean", (False, True)),
        ("g", "factor", ("a", "b", "c")),
        ("stage", "factor", ("low", "mid", "high")),
        ("C(dose)", "factor", (1, 2, 3)),
        ("factor(g, levels=['b', 'c', 'a'])", "factor", ("b", "c", "a")),
        ("I(g == 'b')", "boolean", (False, True)),
    ],
)
def test_kinds_of_response(left, kind, levels, data):
    built = design(f"{left} ~ no + yes", data)
    assert (built.response.kind, built.response.levels) == (kind, levels)
    assert built.y.shape == (60,) and built.y.std() > 0


def test_response_codes_follow_the_declared_order(data):
    built = design("stage ~ x", data)
    np.testing.assert_array_equal(built.y, data.stage.cat.codes)
    assert built.response.ordered and built.response.unused == ("extreme",)
    assert not design("g ~ x", data).response.ordered


def test_cbind_gives_two_columns_of_counts(data):
    built = design("cbind(yes, no) ~ x", data)
    np.testing.assert_array_equal(built.y, data[["yes", "no"]])
    assert built.response.kind == "counts"
    with pytest.raises(ValueError, match="whole numbers"):
        design("cbind(x, no) ~ age", data)


def test_surv_and_strata_are_for_families_that_ask_for_them(data):
    with pytest.raises(TypeError, match="survival response"):
        design("Surv(age, smoker) ~ x", data)
    with pytest.raises(TypeError, match="strata"):
        design("y ~ x + strata(g)", data)
    built = design("Surv(age, smoker) ~ . + strata(g)", data, allow=("Surv", "strata"))
    np.testing.assert_array_equal(built.y, data[["age", "smoker"]].astype(float))
    assert built.response.kind == "survival" and len(np.unique(built.strata)) == 3
    assert not {"g", "age", "smoker"} & {term.name for term in built.terms}
    late = design("Surv(age, smoker, start=yes) ~ x", data, allow=("Surv",))
    assert late.y.shape == (60, 3)


def test_right_side_alone_has_no_response(data):
    built = design("~ x + g", data)
    assert built.y is None and built.response is None
    assert design("x + g", data).names == built.names


def test_transformations_are_numpy_s(data):
    built = design("y ~ log(age) + np.log1p(age) + I(x**2 - 1) + pmin(x, age) + pmax(x, 0) + abs(x) + exp(x)", data)
    x, age = data.x, data.age
    expected = [np.log(age), np.log1p(age), x**2 - 1, np.minimum(x, age), np.maximum(x, 0), abs(x), np.exp(x)]
    np.testing.assert_array_equal(built.X, np.column_stack(expected))


def test_value_that_is_not_finite_is_an_error_with_its_rows(data):
    data.loc[[2, 9], "age"] = 0.0
    with pytest.raises(ValueError, match=r"log\(age\) is not finite in 2 of \d+ rows \(rows 2, 9\)"):
        design("y ~ log(age)", data)
    with pytest.raises(ValueError, match="The products of 'x:z' leave the range of doubles"):
        design("y ~ x:z", data.assign(x=1e200, z=1e200))
    data.loc[4, "x"] = np.inf
    with pytest.raises(ValueError, match=r"'x' has infinite values \(row 4\)"):
        design("y ~ x", data)
    with pytest.raises(ValueError, match=r"'x' has infinite values \(row 4\)"):
        design("y ~ .", data)


def test_factor_where_a_number_is_needed_is_named(data):
    with pytest.raises(ValueError, match="'g' holds levels"):
        design("y ~ log(g)", data)


def test_misspelt_column_gets_a_suggestion(data):
    with pytest.raises(FormulaError, match="no column is named 'agee'; did you mean 'age'"):
        design("y ~ agee", data)


@pytest.mark.parametrize(
    "formula", ["y ~ y", "log(1 + y**2) ~ x + y", "y ~ x:I(y**2)", "y ~ . + y", "I(y > 0) ~ bs(y, df=4)"]
)
def test_a_response_cannot_predict_itself(formula, data):
    with pytest.raises(FormulaError, match="the response 'y' cannot stand on the right"):
        design(formula, data[["y", "x", "age"]])


def test_a_change_may_be_predicted_by_where_it_started(data):
    assert design("I(y - x) ~ x + age", data).names == ["x", "age"]


@pytest.mark.parametrize("formula", ["y ~ my col", "y ~ 2nd", "y ~ x + my 2"])
def test_bare_names_that_need_backticks_are_told_so(formula, data):
    with pytest.raises(FormulaError, match="goes in backticks"):
        design(formula, data)


def test_names_with_spaces_go_through_backticks(data):
    built = design("y ~ `my col` + log(1 + `my col`**2)", data)
    assert built.names == ["my col", "log(1 + `my col`**2)"]
    assert built.terms[1].variables == ("my col",)


def test_column_names_must_be_unique_strings(data):
    with pytest.raises(ValueError, match=r"must be strings: found 0 \(int\)"):
        design("y ~ x", data.rename(columns={"no": 0}))
    twice = pd.concat([data, data[["x"]]], axis=1)
    with pytest.raises(ValueError, match="'x' stands twice"):
        design("y ~ x", twice)


def test_two_design_columns_of_one_name_are_an_error(data):
    with pytest.raises(ValueError, match=r"named 'g\[a\]'"):
        design("y ~ g + `g[a]`", data.assign(**{"g[a]": 1.0}))


def test_data_that_is_no_frame_is_a_type_error():
    with pytest.raises(TypeError, match=r"DataFrame, not ndarray.*fit\(X, y\)"):
        design("y ~ x", np.zeros((3, 2)))
    with pytest.raises(TypeError, match=r"not LazyFrame, whose rows are not read yet: call its \.collect\(\)"):
        design("y ~ x", pl.LazyFrame({"y": [1.0], "x": [2.0]}))
    with pytest.raises(TypeError, match=r"not dict: pandas.DataFrame\(data\) makes one"):
        design("y ~ x", {"y": [1.0], "x": [2.0]})
    with pytest.raises(ValueError, match="no rows"):
        design("y ~ x", pd.DataFrame({"y": [], "x": []}))


def test_free_factor_with_one_level_cannot_be_coded(data):
    with pytest.raises(FormulaError, match="two levels that occur"):
        design("y ~ keep(C(k))", data.assign(k="only"))
    assert design("y ~ C(k)", data.assign(k="only")).X.tolist() == [[1.0]] * 60


def test_offset_of_a_factor_is_refused(data):
    with pytest.raises(ValueError, match="'g' holds levels"):
        design("y ~ x + offset(g)", data)


def test_columns_with_dots_and_umlauts_need_no_backticks(data):
    data = data.rename(columns={"x": "Sepal.Length", "age": "Größe", "yes": "x.1"})
    built = design("y ~ Sepal.Length + log(Größe) + x.1", data)
    assert built.names == ["Sepal.Length", "log(Größe)", "x.1"]


def test_other_eager_frames_go_in(data):
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({name: data[name].tolist() for name in ("y", "x", "g", "smoker")})
    built, ours = design("y ~ .", table), design("y ~ .", data[["y", "x", "g", "smoker"]])
    np.testing.assert_array_equal(built.X, ours.X)
    assert built.index is None


@pytest.mark.parametrize("day", [pd.Timestamp("2024-01-01"), date(2024, 1, 1), pd.Period("2024-01")])
def test_dates_are_refused_by_name(data, day):
    with pytest.raises(ValueError, match="'day' holds dates"):
        design("y ~ day", data.assign(day=day))


def test_inputs_are_left_alone_and_may_be_read_only(data):
    before = data.copy(deep=True)
    weights = np.ones(60)
    weights.flags.writeable = False
    design("y ~ . + bs(age, df=4):g", data, sample_weight=weights, offset=weights)
    pd.testing.assert_frame_equal(data, before)


def test_x_is_fortran_ordered_doubles(data):
    for formula in ("y ~ .", "y ~ x + age", "y ~ g*x"):
        X = design(formula, data).X
        assert X.dtype == np.float64 and X.flags.f_contiguous


def polars_twin(data):
    columns = {name: data[name].tolist() for name in data if name != "stage"}
    stage = pl.Series(data["stage"].astype(str).tolist(), dtype=pl.Enum(["low", "mid", "high", "extreme"]))
    return pl.DataFrame({**columns, "stage": stage}).select(list(data.columns))


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ .",
        "y ~ x*g + bs(age, df=4)",
        "stage ~ C(dose) + ns(age, df=3)",
        "smoker ~ log(age) + I(g == 'a')",
    ],
)
def test_polars_and_pandas_give_one_design(formula, data):
    ours, theirs = design(formula, data), design(formula, polars_twin(data))
    assert ours.names == theirs.names and ours.terms == theirs.terms
    assert theirs.index is None and ours.index is not None
    np.testing.assert_array_equal(ours.X, theirs.X)
    np.testing.assert_array_equal(ours.y, theirs.y)
    assert ours.response == theirs.response
    np.testing.assert_array_equal(ours.spec.transform(polars_twin(data)).X, ours.X)


def test_polars_missing_values_and_categoricals(data):
    frame = polars_twin(data).with_columns(
        pl.Series("x", [None, *data.x.tolist()[1:]]),
        pl.Series("g", [*data.g.tolist()[:-1], None]).cast(pl.Categorical),
    )
    built = design("y ~ x + g", frame)
    assert built.missing == {"x": 1, "g": 1} and built.terms[1].levels == ("a", "b", "c")


@pytest.mark.parametrize("dtype", ["Int64", "Float32", "float32", "int8", "boolean", "object"])
def test_pandas_number_types_are_read(dtype, data):
    data["k"] = pd.Series([1, 0] * 30).astype(dtype)
    np.testing.assert_array_equal(design("y ~ k", data).X[:, 0], [1, 0] * 30)
    if dtype != "int8" and dtype != "float32":
        data.loc[0, "k"] = None
        assert design("y ~ k", data).n_dropped == 1


def test_object_columns_of_bools_numbers_and_text(data):
    data["flag"] = pd.Series([True, False, None] * 20, dtype=object)
    data["mixed"] = pd.Series([2, None, "b"] * 20, dtype=object)
    built = design("y ~ flag + mixed", data)
    assert built.names == ["flag", "mixed[2]"] and built.n_dropped == 40
    with pytest.raises(ValueError, match="'lists' holds list objects"):
        design("y ~ lists", data.assign(lists=pd.Series([[1]] * 60)))


def test_decimals_of_a_database_are_numbers(data):
    exact = data.assign(x=[Decimal(repr(value)) for value in data.x])
    np.testing.assert_array_equal(design("y ~ x", exact).X, design("y ~ x", data).X)


def test_a_dictionary_column_of_arrow_is_a_factor(data):
    pa = pytest.importorskip("pyarrow")
    coded = data.assign(g=data.g.astype(pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))))
    built = design("y ~ g", coded)
    assert built.names == design("y ~ g", data).names
    np.testing.assert_array_equal(built.X, design("y ~ g", data).X)


def test_wide_frames_with_holes_count_them_by_column():
    rng = np.random.default_rng(1)
    wide = pd.DataFrame(rng.normal(size=(40, 100)), columns=[f"x{i}" for i in range(100)])
    wide.iloc[3, 10] = wide.iloc[3, 11] = wide.iloc[8, 10] = np.nan
    built = design("x0 ~ .", wide)
    assert built.missing == {"x10": 2, "x11": 1} and built.X.shape == (38, 99)
    np.testing.assert_array_equal(built.X, wide.dropna().to_numpy()[:, 1:])
    mixed = wide.astype({"x5": "float32", "x6": "Float64"})
    np.testing.assert_allclose(design("x0 ~ .", mixed).X, built.X, atol=1e-6)
    polars = design("x0 ~ .", pl.DataFrame({name: wide[name].to_numpy() for name in wide}, nan_to_null=True))
    np.testing.assert_array_equal(polars.X, built.X)


def test_names_that_are_no_text_are_refused_with_a_way_to_rename_them(data):
    numbered = data.set_axis(range(data.shape[1]), axis=1)
    with pytest.raises(ValueError, match=r"must be strings: found 0 \(int\).*data.columns.astype\(str\)"):
        design("y ~ .", numbered)
    layered = data.set_axis(pd.MultiIndex.from_product([["a"], data.columns]), axis=1)
    with pytest.raises(ValueError, match=r"must be strings: found \('a', 'y'\) \(tuple\)") as refused:
        design("y ~ .", layered)
    layered.columns = eval(str(refused.value).split("data.columns = ")[1].rstrip("."), {"data": layered})
    assert "a_y" in layered.columns
    with pytest.raises(ValueError, match=r"columns 1 \(int\) and '1' \(str\) have one name as text"):
        design("y ~ .", data[["y", "x", "age"]].set_axis(["y", 1, "1"], axis=1))


@pytest.mark.parametrize("cells", [np.ones(60) * 1j, [1j] * 60, np.ones(60, dtype=np.complex64)])
def test_complex_numbers_are_no_levels(data, cells):
    with pytest.raises(ValueError, match="Column 'z' holds complex numbers"):
        design("y ~ z", data.assign(z=cells))
    with pytest.raises(ValueError, match="Column 'z' holds complex numbers"):
        design("y ~ x", data.assign(z=cells), offset="z")


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (lambda data: data.iloc[0], r"not Series: a row of a frame is data.iloc\[\[i\]\]"),
        (lambda data: "table.csv", "not str: pandas.read_csv"),
        (lambda data: data.to_dict(), "not dict: pandas.DataFrame"),
        (lambda data: None, "not NoneType.$"),
    ],
)
def test_what_is_no_frame_is_refused_with_a_way_to_one(data, given, hint):
    with pytest.raises(TypeError, match=hint):
        design("y ~ x", given(data))


def test_env_that_is_no_dict_is_refused(data):
    with pytest.raises(TypeError, match="env must be a dict of name to function, not list"):
        design("y ~ x", data, env=[abs])
