"""What a design remembers: new rows, JSON, and the guard on the way back."""

import json
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsestats.exceptions import DataWarning, FormulaError, UnseenLevelError
from sparsestats.formula import design
from sparsestats.formula.store import spec_from_dict, spec_to_dict

TERMS = [
    "x",
    "log(age)",
    "scale(age)",
    "center(log(age))",
    "I(x**2 + 1)",
    "bs(age, df=5)",
    "bs(age, df=6, include_intercept=True)",
    "ns(age, df=3)",
    "cr(age, df=4)",
    "keep(cr(age, df=4))",
    "cc(age, df=4)",
    "poly(x, 3)",
    "poly(x, 2, raw=True)",
    "g",
    "C(dose)",
    "keep(stage)",
    "C(stage, contr.poly)",
    "C(g, contr.treatment('b'))",
    "smoker",
    "C(smoker)",
    "g:x",
    "g:stage",
    "bs(age, df=4):g",
    "`my col`",
    "cuts(age, [45, 60])",
    "quantile_cuts(age, 4)",
    "grp(yes + C(no), 'n')",
    "cols('^(yes|no)$')",
    "I(g == 'a')",
    "offset(log(age))",
]


def roundtrip(spec, **kwargs):
    return spec_from_dict(json.loads(json.dumps(spec_to_dict(spec))), **kwargs)


@pytest.mark.parametrize("term", TERMS)
def test_training_rows_come_back_exactly_also_after_json_and_pickle(term, data):
    built = design(f"y ~ x + {term}", data)
    for spec in (built.spec, roundtrip(built.spec), pickle.loads(pickle.dumps(built.spec))):
        again = spec.transform(data)
        np.testing.assert_array_equal(again.X, built.X)
        assert spec.names == built.names and spec.terms == built.terms
        np.testing.assert_array_equal(spec.groups, built.groups)
        np.testing.assert_array_equal(spec.penalty_factor, built.penalty_factor)
        assert (again.offset is None) == (built.offset is None)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(TERMS), min_size=1, max_size=5, unique=True),
    st.integers(0, 2**31),
    st.booleans(),
)
def test_any_formula_survives_json_and_treats_rows_one_by_one(terms, seed, intercept):
    rng = np.random.default_rng(seed)
    n = 40
    data = pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "age": rng.uniform(20, 80, n),
            "dose": rng.permutation(np.resize([1, 2, 3], n)),
            "g": rng.permutation(np.resize(["a", "b", "c"], n)),
            "stage": rng.permutation(np.resize(["low", "mid", "high"], n)),
            "smoker": rng.permutation(np.resize([True, False], n)),
            "my col": rng.normal(size=n),
            "yes": rng.integers(1, 9, n),
            "no": rng.integers(1, 4, n),
        }
    )
    built = design(f"y ~ {' + '.join(terms)}" + ("" if intercept else " - 1"), data)
    spec = roundtrip(built.spec)
    assert spec.fit_intercept is intercept
    some = rng.permutation(n)[:7]
    part = spec.transform(data.iloc[some])
    # 1e-12: an orthogonal basis is computed by products whose order depends on the number of rows.
    np.testing.assert_allclose(part.X, built.X[some], rtol=1e-12, atol=1e-12)
    if built.offset is not None:
        np.testing.assert_allclose(part.offset, built.offset[some])


def test_prediction_never_drops_a_row(data):
    spec = design("y ~ x + g + bs(age, df=4)", data).spec
    new = data.head(6).copy()
    new.loc[1, "x"] = np.nan
    new.loc[3, "g"] = None
    new.index = [5, 5, 5, 1, 1, 1]
    rows = spec.transform(new)
    assert rows.X.shape[0] == 6 and rows.index.tolist() == [5, 5, 5, 1, 1, 1]
    assert rows.complete.tolist() == [True, False, True, False, True, True]
    assert np.isnan(rows.X[[1, 3]]).all() and np.isfinite(rows.X[[0, 2, 4, 5]]).all()
    assert rows.X.flags.f_contiguous
    empty = spec.transform(data.head(0))
    assert empty.X.shape == (0, len(spec.names))
    nothing = spec.transform(new.assign(x=None, g=None))
    assert np.isnan(nothing.X).all()


def test_unseen_level_names_variable_level_and_rows(data):
    spec = design("y ~ x + C(g)", data).spec
    new = data.head(5).copy()
    new["g"] = ["a", "z", "b", "w", "z"]
    new.loc[0, "x"] = np.nan
    with pytest.raises(UnseenLevelError, match=r"'g' has levels.*\['w', 'z'\].*rows 1, 3, 4") as error:
        spec.transform(new)
    assert (error.value.variable, error.value.levels, error.value.rows) == ("g", ["w", "z"], [1, 3, 4])
    rows = spec.transform(new, unseen="nan")
    assert rows.complete.tolist() == [False, False, True, False, False]
    assert np.isnan(rows.X[[0, 1, 3, 4]]).all() and np.isfinite(rows.X[2]).all()
    zeros = spec.transform(new, unseen="zero")
    assert zeros.complete.tolist() == [False, True, True, True, True]
    assert not zeros.X[[1, 3, 4]][:, spec.groups == 1].any()
    with pytest.raises(ValueError, match="'raise', 'nan' or 'zero'"):
        spec.transform(new, unseen="ignore")


def test_level_left_out_at_fit_for_missing_values_is_unseen_later(data):
    holed = data.assign(x=data.x.where(data.g != "b"))
    with pytest.raises(UnseenLevelError, match=r"has a level that was not seen.*\['b'\] \(rows 0, 1"):
        design("y ~ x + g", holed).spec.transform(data)
    with pytest.raises(UnseenLevelError, match=r"\['b'\] \(row 0\).*NaN for this row, or .zero. for no effect"):
        design("y ~ x + g", holed).spec.transform(data.iloc[:1])


def test_levels_of_numbers_match_by_value(data):
    spec = design("y ~ C(dose)", data).spec
    whole = spec.transform(data).X
    np.testing.assert_array_equal(spec.transform(data.assign(dose=data.dose.astype(float))).X, whole)
    with pytest.raises(UnseenLevelError):
        spec.transform(data.assign(dose=data.dose.astype(str)))


def test_a_factor_stays_a_factor_when_new_data_holds_numbers(data):
    spec = design("y ~ code", data.assign(code=data.dose.astype(str))).spec
    assert spec.names == ["code[1]", "code[2]", "code[3]"]
    with pytest.raises(UnseenLevelError, match="'code'") as error:
        spec.transform(data.assign(code=data.dose))
    assert error.value.__notes__ == ["'1' was str at fit and is int here: give column 'code' the type it had."]


def test_prediction_asks_only_for_the_columns_it_reads(data):
    spec = design("log(age) ~ x + g:yes + offset(no)", data, sample_weight="dose", row_groups="smoker").spec
    assert spec.variables == ("x", "g", "yes", "no")
    assert spec.transform(data[["no", "x", "g", "yes"]]).complete.all()
    with pytest.raises(ValueError, match=r"lacks the column.*'g'"):
        spec.transform(data[["no", "x", "yes"]])


def test_offset_is_evaluated_in_new_data_and_asked_for(data):
    spec = design("y ~ x + offset(log(age))", data, offset="yes").spec
    rows = spec.transform(data.head(3))
    np.testing.assert_allclose(rows.offset, np.log(data.age[:3]) + data.yes[:3])
    with pytest.raises(ValueError, match=r"fitted with an offset.*lacks its column 'age'"):
        spec.transform(data[["x", "yes"]])
    with pytest.raises(ValueError, match=r"lacks its column 'yes'\. Pass offset="):
        spec.transform(data[["x", "age"]])
    assert spec.transform(data[["x"]], need_offset=False).offset is None
    given_instead = spec.transform(data[["x", "age"]], offset=np.zeros(60))
    np.testing.assert_allclose(given_instead.offset, np.log(data.age))
    holed = data.assign(yes=data.yes.astype(float).where(data.index != 2))
    rows = spec.transform(holed)
    assert np.isnan(rows.offset[2]) and np.isnan(rows.X[2]).all() and rows.complete.sum() == 59


def test_offset_array_must_be_given_again(data):
    spec = roundtrip(design("y ~ x", data, offset=np.ones(60)).spec)
    with pytest.raises(ValueError, match="array as offset; pass offset="):
        spec.transform(data)
    assert (spec.transform(data, offset=np.full(60, 2.0)).offset == 2).all()
    with pytest.raises(ValueError, match="one value for each of the 60 rows"):
        spec.transform(data, offset=[1.0])
    with pytest.raises(ValueError, match="fitted without an offset"):
        design("y ~ x", data).spec.transform(data, offset=np.ones(60))


def test_value_without_a_logarithm_warns_and_gives_nan(data):
    spec = design("y ~ log(age) + bs(sqrt(age), df=4)", data).spec
    new = data.head(3).copy()
    new["age"] = [30.0, -1.0, 40.0]
    with pytest.warns(DataWarning, match=r"(log|sqrt)\(age\) is not finite in 1 of 3 rows \(row 1\)"):
        rows = spec.transform(new)
    assert rows.complete.tolist() == [True, False, True] and np.isnan(rows.X[1]).all()


def test_column_that_changed_its_kind_is_named(data):
    spec = design("y ~ x + log(age)", data).spec
    with pytest.raises(ValueError, match="'age' was numeric at fit and holds levels"):
        spec.transform(data.assign(age="old"))
    with pytest.raises(ValueError, match="'x' holds levels"):
        spec.transform(data.assign(x="old"))


def test_one_term_can_be_drawn_without_the_other_variables(data):
    built = design("y ~ x + g + bs(age, df=4) + grp(yes + no, 'n')", data)
    grid = pd.DataFrame({"age": np.linspace(data.age.min(), data.age.max(), 9)})
    assert built.spec.term_columns("bs(age, df=4)", grid).shape == (9, 4)
    np.testing.assert_array_equal(built.spec.term_columns("x", data[["x"]])[:, 0], data.x)
    np.testing.assert_array_equal(built.spec.term_columns("n", data[["yes", "no"]]), data[["yes", "no"]])
    with pytest.raises(ValueError, match="no term 'zz'"):
        built.spec.term_columns("zz", data)


def test_lent_functions_must_be_lent_again(data):
    spec = design("y ~ twice(x)", data, env={"twice": lambda v: 2 * v}).spec
    with pytest.raises(ValueError, match=r"pass env= with \['twice'\]"):
        roundtrip(spec)
    back = roundtrip(spec, env={"twice": lambda v: 2 * v})
    np.testing.assert_array_equal(back.transform(data).X[:, 0], 2 * data.x)


def put(saved, where, value):
    """Replace one piece of a saved design, at the end of a way of keys."""
    *way, last = where
    for step in way:
        saved = saved[step]
    saved[last] = value


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("formula",), "y ~ canary(x)"),
        (("formula",), "canary(y) ~ x"),
        (("formula",), "y ~ x.__class__"),
        (("formula",), "y ~ I(x**99)"),
        (("blocks", 1, "factors", 0), "canary(age)"),
        (("blocks", 1, "factors", 0), "__import__('os').system('true')"),
        (("blocks", 1, "factors", 0), "bs(age, df=1000000000)"),
        (("offsets", 0), "canary(x)"),
        (("offsets", 0), "x ~ x"),
    ],
)
def test_guard_runs_again_when_a_design_is_loaded(where, value, data):
    saved = spec_to_dict(design("y ~ x + bs(age, df=4) + offset(age)", data).spec)
    put(saved, where, value)
    with pytest.raises(FormulaError):
        spec_from_dict(saved)


def test_saved_design_that_lacks_a_part_is_refused(data):
    saved = spec_to_dict(design("y ~ x", data).spec)
    with pytest.raises(ValueError, match=r"lacks \['blocks'\]"):
        spec_from_dict({key: value for key, value in saved.items() if key != "blocks"})
    with pytest.raises(ValueError, match="version 99"):
        spec_from_dict({**saved, "version": 99})


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("states", "bs(age, df=4)", "knots"), [1.0, 2.0]),
        (("states", "bs(age, df=4)", "degree"), 10**7),
        (("states", "C(g)", "levels"), ["a"]),
        (("states",), {}),
        (("states", "C(g)"), 3),
        (("blocks", 0), {"free": True}),
        (("blocks",), "x"),
        (("response", "name"), "x"),
        (("formula",), None),
    ],
)
def test_damaged_design_is_a_value_error_at_load(where, value, data):
    saved = json.loads(json.dumps(spec_to_dict(design("y ~ x + C(g) + bs(age, df=4)", data).spec)))
    put(saved, where, value)
    with pytest.raises(ValueError):
        spec_from_dict(saved)


def test_saved_design_holds_no_rows(data):
    saved = json.dumps(spec_to_dict(design("y ~ x + log(age) + g", data.assign(x=data.x + 12345.678)).spec))
    assert not any(f"{value:.6f}"[:9] in saved for value in data.x + 12345.678)


def test_column_named_like_a_function_survives_json(data):
    built = design("y ~ . ", data.rename(columns={"g": "C", "smoker": "lambda"}))
    np.testing.assert_array_equal(
        roundtrip(built.spec).transform(data.rename(columns={"g": "C", "smoker": "lambda"})).X, built.X
    )


def test_values_just_outside_a_spline_are_no_news(data):
    spec = design("y ~ bs(age, df=4)", data[data.age.between(21, 79)]).spec
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spec.transform(data).complete.all()
