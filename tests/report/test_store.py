"""Saving and loading: the same answers, no rows, nothing executed."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import sparsestats as ss
from sparsestats.exceptions import FormulaError
from sparsestats.report.store import NotSaveable, plain, revive


@pytest.fixture(scope="module")
def saved(chosen, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.json"
    chosen.save(path)
    return path


def test_a_loaded_fit_answers_the_same_to_the_last_bit(chosen, saved, penguins):
    again = ss.load(saved)
    pd.testing.assert_series_equal(again.predict(penguins), chosen.predict(penguins))
    pd.testing.assert_series_equal(again.at("1se").coef(), chosen.at("1se").coef())
    pd.testing.assert_frame_equal(again.tidy(), chosen.tidy())
    pd.testing.assert_frame_equal(again.glance(), chosen.glance())
    assert again.summary().to_text() == chosen.summary().to_text()
    assert again.certificate == chosen.certificate
    assert str(again.call) == str(chosen.call)
    np.testing.assert_array_equal(again.estimator.coef_, chosen.estimator.coef_)
    again.plot("cv")
    again.plot("path")


def test_classes_survive(classes, penguins, tmp_path):
    classes.save(tmp_path / "m.json")
    again = ss.load(tmp_path / "m.json")
    pd.testing.assert_frame_equal(again.predict(penguins, type="prob"), classes.predict(penguins, type="prob"))
    pd.testing.assert_series_equal(again.predict(penguins, type="class"), classes.predict(penguins, type="class"))


def test_the_file_holds_versions_and_seed_and_no_rows(saved, penguins):
    text = saved.read_text()
    content = json.loads(text)
    assert {"python", "numpy", "sparsestats"} <= set(content["versions"])
    assert content["random_state"] == 0
    assert (content["nobs"], content["n_dropped"]) == (333, 11)
    # No measured value of body mass, and no name of an island (which the model does not use), is in it.
    assert not any(f" {mass}.0" in text or f" {mass}," in text for mass in (3750, 3475, 4675))
    assert "Torgersen" not in text


def test_without_rows_some_verbs_say_what_they_need(saved):
    again = ss.load(saved)
    with pytest.raises(ValueError, match="without newdata needs the rows of the fit, and a saved model holds none"):
        again.predict()
    with pytest.raises(ValueError, match="not with data= either"):
        again.update(". ~ . - sex")


def test_a_formula_put_into_the_file_is_checked_before_it_is_used(saved, tmp_path):
    content = json.loads(saved.read_text())
    hostile = tmp_path / "hostile.json"
    content["spec"]["blocks"][0]["factors"] = ["__import__('os').system('true')"]
    hostile.write_text(json.dumps(content))
    with pytest.raises(FormulaError):
        ss.load(hostile)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format="other"), "not a saved sparsestats fit"),
        (lambda c: c.update(layout=99), "layout 99"),
        (lambda c: c["estimator"].update({"class": "Popen"}), "knows no model 'Popen'"),
        (lambda c: c.pop("path"), "damaged or incomplete"),
        (lambda c: c["path"].pop("coefs"), "damaged or incomplete"),
        (lambda c: c["path"].update(alphas=[1.0]), "damaged or incomplete"),
        (lambda c: c["path"].update(intercepts={"array": [0.0], "dtype": "f"}), "damaged: coefficients of shape"),
        (lambda c: c["path"]["coefs"].update(shape=[*c["path"]["coefs"]["shape"][:1], 10**12]), "do not fit"),
        # scipy does not look where an index points: the first of these wrote outside the matrix and ended the process
        (lambda c: c["path"]["coefs"]["csr"][1]["array"].__setitem__(0, 10**8), "indices must be <"),
        (lambda c: c["path"]["coefs"]["csr"][1]["array"].__setitem__(0, -(10**8)), "indices must be >= 0"),
    ],
)
def test_damaged_files_are_refused_in_words(saved, tmp_path, change, message):
    content = json.loads(saved.read_text())
    change(content)
    damaged = tmp_path / "damaged.json"
    damaged.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        ss.load(damaged)


@pytest.mark.parametrize("text", ["", "not json", "[1, 2]", "\x00"])
def test_what_is_no_model_is_refused(tmp_path, text):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="not a saved sparsestats fit"):
        ss.load(path)


def test_constraints_cannot_be_saved_and_are_left_out(penguins, tmp_path):
    fit = ss.gslope(
        "body_mass_g ~ species + bill_depth_mm",
        penguins,
        alpha=20.0,
        constraints=lambda v: [v["bill_depth_mm"] >= 0],
    )
    fit.save(tmp_path / "m.json")
    again = ss.load(tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text())["estimator"]["not_saved"] == ["constraints"]
    pd.testing.assert_series_equal(again.coef(), fit.coef())


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(values)
def test_plain_values_survive_json(value):
    assert revive(json.loads(json.dumps(plain(value), allow_nan=False))) == value


def test_arrays_survive_json_with_their_kind():
    for array in (
        np.array([1.5, np.nan, -np.inf]),
        np.arange(3),
        np.array([True, False]),
        np.array(["a", "b"]),
    ):
        again = revive(json.loads(json.dumps(plain(array), allow_nan=False)))
        np.testing.assert_array_equal(again, array)
        assert again.dtype.kind == array.dtype.kind
    matrix = sparse.csr_array(np.array([[0.0, 2.0], [3.0, 0.0]]))
    again = revive(json.loads(json.dumps(plain(matrix))))
    np.testing.assert_array_equal(again.toarray(), matrix.toarray())


def test_a_function_is_named_as_what_cannot_be_saved():
    with pytest.raises(NotSaveable, match="a function cannot be saved"):
        plain(lambda: 0)
