"""The R door of graphs: what a frame may hold, what the verbs answer, what is written and read back."""

import json

import numpy as np
import pandas as pd
import pytest

import sparsestats as ss


@pytest.fixture(scope="module")
def people():
    z = np.random.default_rng(4).normal(size=(800, 4))
    x = z[:, 0]
    y = 0.9 * x + z[:, 1]
    w = -1.1 * y + 0.7 * x + z[:, 2]
    return pd.DataFrame({"w": w, "y": y, "x": x, "alone": z[:, 3]}, index=np.arange(800) + 7)


@pytest.fixture(scope="module")
def fit(people):
    return ss.colide(people)


def test_tidy_names_the_edges_with_their_effects(fit):
    table = fit.tidy().set_index(["from", "to"])
    assert set(table.index) == {("x", "y"), ("y", "w"), ("x", "w")}
    # Standard errors of 800 rows with unit noise are below .06.
    assert table.loc[("x", "y"), "estimate"] == pytest.approx(0.9, abs=0.15)
    assert table.loc[("x", "w"), "total"] == pytest.approx(0.7 - 1.1 * 0.9, abs=0.2)
    assert len(fit.tidy(zeros=True)) == 12
    assert fit.groups["w"] == ["y", "x"] and fit.groups["alone"] == []


def test_coef_reads_from_rows_to_columns(fit):
    W = fit.coef()
    assert W.loc["x", "y"] == pytest.approx(0.9, abs=0.15) and W.loc["y", "x"] == 0
    np.testing.assert_array_equal(W.to_numpy(), fit.estimator.adjacency_)


def test_summary_says_what_was_proved_and_what_to_mind(fit):
    text = str(fit.summary())
    for phrase in ("CoLiDE, equal noise", "GLOBAL optimum", "CONVERGED", "Caution", "Order:", "undecided"):
        assert phrase in text
    assert "bootstrap (20)" in str(fit.infer(n_boot=20, random_state=0).summary())
    assert "<table" in fit.summary().to_html() and r"\toprule" in fit.summary().to_latex()


def test_edges_that_the_refit_adds_are_counted_and_open_directions_told():
    sizes = ["bill_length_mm", "bill_depth_mm", "body_mass_g"]
    with pytest.warns(UserWarning, match="variance"):
        fit = ss.colide(ss.datasets.load_penguins(), sizes)
    text = " ".join(str(fit).split())
    assert (fit.tidy()["penalised"] == 0).sum() == 1
    assert "0 of 2 penalised edges pruned by BIC, 1 added" in text
    assert "Order: {bill_depth_mm, bill_length_mm}" in text
    assert "of undecided direction: bill_depth_mm -> bill_length_mm" in text


def test_glance_gives_alpha_as_the_summary_does(fit, tmp_path):
    row = fit.glance().iloc[0]
    assert row["alpha"] == 0.05 and "alpha 0.05" in str(fit)
    assert row["alpha_data_scale"] == fit.estimator.alpha_ != 0.05
    fit.save(tmp_path / "graph.json")
    pd.testing.assert_frame_equal(ss.load(tmp_path / "graph.json").glance(), fit.glance())


def test_predictions_keep_the_index_and_tell_missing_parents(fit, people):
    new = people.iloc[:3].copy()
    new.loc[new.index[0], "x"] = np.nan
    out = fit.predict(new)
    assert list(out.index) == list(new.index) and len(out) == 3
    assert np.isnan(out["y"].iloc[0]) and np.isfinite(out["x"]).all() and np.isfinite(out["y"].iloc[1:]).all()
    told = fit.augment(new)
    assert {".fitted_y", ".resid_y"} <= set(told.columns) and ".fitted_x" not in told.columns


def test_missing_rows_are_dropped_counted_or_refused(people):
    holes = people.copy()
    holes.iloc[:5, 0] = np.nan
    fit = ss.colide(holes)
    assert (fit.nobs, fit.n_dropped) == (795, 5)
    assert ss.colide(holes, missing="em").nobs == 800
    with pytest.raises(ValueError, match="NaN"):
        ss.colide(holes, missing="raise")


def test_saved_graph_answers_the_same_without_rows(fit, people, tmp_path):
    fit.save(tmp_path / "graph.json")
    again = ss.load(tmp_path / "graph.json")
    pd.testing.assert_frame_equal(again.coef(), fit.coef())
    pd.testing.assert_frame_equal(again.predict(people), fit.predict(people))
    assert str(again.summary()) == str(fit.summary())
    with pytest.raises(ValueError, match="not with data= either"):
        again.update(data=people)
    saved = json.loads((tmp_path / "graph.json").read_text())
    assert max(len(v["array"]) for v in saved["state"].values() if isinstance(v, dict) and "array" in v) == 4
    del saved["model"]
    (tmp_path / "graph.json").write_text(json.dumps(saved))
    with pytest.raises(ValueError, match="damaged or incomplete: 'model'"):
        ss.load(tmp_path / "graph.json")


def test_knowledge_is_saved_with_the_graph(people, tmp_path):
    fit = ss.colide(people, forbidden=[("x", "y")], tiers=[["x", "y"], ["w"]])
    fit.save(tmp_path / "graph.json")
    again = ss.load(tmp_path / "graph.json")
    assert again.estimator._knowledge(4).forbidden[2, 1] and str(again.summary()) == str(fit.summary())


def test_update_changes_arguments(fit):
    other = fit.update(noise="nv", forbidden=[("x", "w")])
    assert other.coef().loc["x", "w"] == 0 and other.estimator.noise == "nv"


def test_polars_comes_back_as_polars(people):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({name: people[name].to_numpy() for name in people})
    fit = ss.colide(frame)
    assert isinstance(fit.predict(), pl.DataFrame)
    np.testing.assert_allclose(fit.coef().to_numpy(), ss.colide(people).coef().to_numpy())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sex": "f"}, "'sex' is not"),
        ({"patient": np.arange(800)}, "'patient' numbers the rows"),
        ({"flag": True}, "'flag' is not"),
    ],
)
def test_columns_that_are_no_measurements_are_refused_by_name(people, change, message):
    with pytest.raises(ValueError, match=message):
        ss.colide(people.assign(**change))
    assert ss.colide(people.assign(**change), list(people.columns)).nobs == 800


def test_misspelt_arguments_and_columns_are_named(people):
    with pytest.raises(TypeError, match="alpha"):
        ss.colide(people, lambda_=0.1)
    with pytest.raises(TypeError, match="Did you mean forbidden"):
        ss.colide(people, forbiden=[])
    with pytest.raises(ValueError, match="no column 'z'"):
        ss.colide(people, ["x", "z"])
    with pytest.raises(TypeError, match="DataFrame"):
        ss.colide(people.to_numpy())


def test_markov_class_leaves_open_what_it_must(people):
    chain = ss.colide(people, ["x", "y"]).cpdag()
    assert len(chain) == 1 and not chain["directed"].iloc[0]


def test_plot_of_the_bootstrap_needs_one(fit):
    with pytest.raises(ValueError, match="infer"):
        fit.plot("bootstrap")
    with pytest.raises(ValueError, match='"dag", "cpdag", "matrix" or "bootstrap"'):
        fit.plot("tree")


def test_a_frame_may_number_its_columns(people, fit):
    numbered = people.set_axis(range(4), axis=1)
    by_number = ss.colide(numbered, [0, 1, 2, 3])
    assert by_number.columns == ("0", "1", "2", "3")
    np.testing.assert_array_equal(by_number.coef(), fit.coef())
    np.testing.assert_array_equal(by_number.predict(numbered), fit.predict(people))
    np.testing.assert_array_equal(ss.CoLiDE().fit(numbered).adjacency_, fit.coef())


def test_what_a_plot_refuses_its_data_refuse_too(fit, people):
    for verb in (fit.plot, fit.plot_data):
        with pytest.raises(ValueError, match="infer"):
            verb("bootstrap")
        with pytest.raises(ValueError, match=r"kind must be.*bootstrap"):
            verb("circle")
    with pytest.raises(ValueError, match="no column"):
        ss.colide(people, [])


def test_numbers_of_a_summary_stay_numbers_beside_a_constant_column(people):
    assert "nan" not in str(ss.colide(people.assign(one=1.0), noise="nv", refine=None).summary())


def test_a_frame_of_covariances_brings_its_names(people):
    model = ss.CoLiDE().fit_covariance(people.cov(), len(people))
    assert model.names() == list(people.columns)


def test_arguments_of_other_packages_are_answered_with_those_of_this_function(people):
    with pytest.raises(TypeError, match="Here it is required"):
        ss.colide(people, whitelist=[])
    with pytest.raises(TypeError, match="There are columns, alpha, missing, constraints, forbidden"):
        ss.colide(people, xyz=1)


def test_columns_that_are_one_as_text_are_named(people):
    with pytest.raises(ValueError, match=r"columns 1 \(int\) and '1' \(str\) have one name as text; rename one"):
        ss.colide(people.set_axis([1, "1", "x", "alone"], axis=1))
    with pytest.raises(ValueError, match="columns names 'x' twice"):
        ss.colide(people, ["x", "x"])
    with pytest.raises(ValueError, match="no column '9'"):
        ss.colide(people, 9)


def test_bounds_are_answered_with_the_names_of_edges(people):
    with pytest.raises(TypeError, match=r"Here it is constraints=lambda v: \[v\['from', 'to'\] >= low"):
        ss.colide(people, bounds=(0, 1))
    with pytest.raises(TypeError, match=r"has no argument 'weights'. There are columns, alpha"):
        ss.colide(people, weights=1)
