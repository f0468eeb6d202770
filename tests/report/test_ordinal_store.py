"""Saved models of ordered responses: the same answers, no rows."""

import json

import numpy as np
import pandas as pd
import pytest

import sparsestats as ss
from sparsestats.__main__ import main


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    n = 500
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n), "g": rng.choice(["a", "b"], n)})
    eta = frame["x"] + 0.5 * (frame["g"] == "a") + rng.logistic(size=n)
    names = ["fine", "poor", "bad"]
    frame["state"] = pd.Categorical(np.array(names)[np.digitize(eta, [0.5, 2.5])], names, ordered=True)
    return frame


@pytest.fixture(scope="module")
def averaged(table):
    alphas = ss.relative(1, 0.02, 8)
    return ss.presto("state ~ x + z + g", table, alpha="cv", cv=4, alphas=alphas, selection="average")


def assert_same(fit, again, table):
    for kind in ("prob", "cumulative", "link"):
        pd.testing.assert_frame_equal(again.predict(table, kind), fit.predict(table, kind))
    pd.testing.assert_series_equal(again.predict(table, "class"), fit.predict(table, "class"))
    pd.testing.assert_frame_equal(again.tidy(zeros=True), fit.tidy(zeros=True))
    pd.testing.assert_frame_equal(again.glance(), fit.glance())
    assert again.summary().to_text() == fit.summary().to_text()
    assert again.certificate == fit.certificate


def test_a_loaded_model_answers_the_same_everywhere_on_its_path(averaged, table, tmp_path):
    averaged.save(tmp_path / "m.json")
    again = ss.load(tmp_path / "m.json")
    for where in ("average", "min", "1se", averaged.path.alphas[3]):
        assert_same(averaged.at(where), again.at(where), table)
    row = pd.DataFrame(np.zeros((1, 4)), columns=averaged.estimator.feature_names_in_)
    np.testing.assert_array_equal(again.estimator.predict_proba(row), averaged.estimator.predict_proba(row))
    again.save(tmp_path / "n.json")
    assert json.loads((tmp_path / "n.json").read_text()) == json.loads((tmp_path / "m.json").read_text())


def test_wald_table_and_reversed_direction_survive(table, tmp_path):
    fit = ss.presto("state ~ x + g", table, alpha=0, unpenalized=["g"], reverse=True)
    fit.save(tmp_path / "m.json")
    again = ss.load(tmp_path / "m.json")
    assert_same(fit, again, table)
    pd.testing.assert_frame_equal(again.infer("wald"), fit.infer("wald"))


def test_the_file_holds_no_rows_and_the_model_says_what_it_cannot_do(averaged, tmp_path):
    averaged.save(tmp_path / "m.json")
    text = (tmp_path / "m.json").read_text()
    assert len(text) < 60_000  # 500 rows of probabilities alone would be more
    assert "rows" not in json.loads(text)["ordinal"]
    again = ss.load(tmp_path / "m.json")
    with pytest.raises(ValueError, match="no rows to test"):
        again.infer("score")
    for verb in (again.margins, again.calibration):
        with pytest.raises(ValueError, match="a saved model holds none"):
            verb()


def test_damaged_files_are_refused_in_words(averaged, tmp_path):
    saved = averaged.to_dict()
    del saved["ordinal"]["family"]
    (tmp_path / "m.json").write_text(json.dumps(saved))
    with pytest.raises(ValueError, match="damaged or incomplete: 'family'"):
        ss.load(tmp_path / "m.json")


def test_the_command_line_predicts_probabilities_by_default(averaged, table, tmp_path, capsys):
    averaged.save(tmp_path / "m.json")
    table.drop(columns="state").head(3).to_csv(tmp_path / "new.csv", index=False)
    assert main(["predict", str(tmp_path / "m.json"), str(tmp_path / "new.csv")]) == 0
    assert capsys.readouterr().out.startswith("fine,poor,bad\n")
    call = ["predict", str(tmp_path / "m.json"), str(tmp_path / "new.csv"), "--type", "cumulative", "--at", "1se"]
    assert main(call) == 0
    assert capsys.readouterr().out.startswith("<=fine,<=poor\n")
