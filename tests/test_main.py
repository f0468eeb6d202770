"""The command line: files written, exit codes, one-line errors."""

import gzip
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import sparsestats as ss
from sparsestats.__main__ import main, read_table
from sparsestats.datasets import load_penguins

FORMULA = "body_mass_g ~ species + sex + bs(flipper_length_mm, df=4)"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "penguins.csv"
    load_penguins().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def fitted(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("fit")
    assert main(["fit", FORMULA, str(table), "--cv", "4", "--selection", "1se", "--seed", "3", "--out", str(out)]) == 0
    return out


def test_fit_writes_what_the_function_answers(fitted):
    fit = ss.gslope(FORMULA, load_penguins(), alpha="cv", cv=4, selection="1se", random_state=3)
    names = {"summary.txt", "coefficients.csv", "cv.csv", "model.json", "path.png", "cv.png"}
    assert {path.name for path in fitted.iterdir()} == names
    coefficients = pd.read_csv(fitted / "coefficients.csv", keep_default_na=False)
    np.testing.assert_allclose(coefficients["estimate"], fit.tidy()["estimate"], rtol=1e-12)
    cv = pd.read_csv(fitted / "cv.csv")
    np.testing.assert_allclose(cv["score"], fit.cv.table["score"], rtol=1e-12)
    assert "rule 1se of 4 folds (shuffled, random_state 3)" in (fitted / "summary.txt").read_text()
    assert (fitted / "path.png").read_bytes().startswith(b"\x89PNG")


def test_predict_reads_the_model_back(fitted, table, tmp_path, capsys):
    model = str(fitted / "model.json")
    assert main(["predict", model, str(table), "--out", str(tmp_path / "sub" / "p.csv")]) == 0
    assert "344 predictions, 11 of them missing" in capsys.readouterr().out
    values = pd.read_csv(tmp_path / "sub" / "p.csv")
    assert len(values) == 344
    expected = ss.load(model).predict(load_penguins())
    np.testing.assert_allclose(values["response"], expected, rtol=1e-12)
    assert main(["predict", model, str(table), "--at", "min"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "response"
    assert float(printed[1]) == pytest.approx(ss.load(model).predict(load_penguins(), at="min")[0], rel=1e-12)


def test_predict_takes_the_offset_of_a_model_fitted_with_an_array(tmp_path, capsys):
    data = pd.DataFrame({"x": np.arange(12.0), "known": np.linspace(0, 3, 12)})
    data["y"] = 2 * data["x"] + data["known"]
    model, rows = str(tmp_path / "model.json"), str(tmp_path / "rows.csv")
    ss.slope("y ~ x", data, alpha=0, offset=data["known"].to_numpy()).save(model)
    data.to_csv(rows, index=False)
    assert main(["predict", model, rows]) == 1
    assert "array as offset" in capsys.readouterr().err
    assert main(["predict", model, rows, "--offset", "known"]) == 0
    np.testing.assert_allclose(np.array(capsys.readouterr().out.split()[1:], dtype=float), data["y"], atol=1e-9)


def test_predict_gives_probabilities(table, tmp_path, capsys):
    out = str(tmp_path)
    assert (
        main(
            [
                "fit",
                "sex ~ species + body_mass_g",
                str(table),
                "--alpha",
                "0.01",
                "--family",
                "binomial",
                "--out",
                out,
            ]
        )
        == 0
    )
    capsys.readouterr()
    assert main(["predict", f"{out}/model.json", str(table), "--type", "prob"]) == 0
    assert capsys.readouterr().out.startswith("female,male\n")
    assert not (tmp_path / "cv.csv").exists()


@pytest.fixture
def undrawn(monkeypatch):
    """Without plots, which take longer than fits."""
    monkeypatch.setattr("sparsestats.__main__._draw", lambda *_: [])


def test_options_reach_the_model(table, tmp_path, undrawn):
    arguments = [
        "--model",
        "slope",
        "--alpha",
        "path",
        "--sequence",
        "lasso",
        "--tol",
        "1e-6",
        "--max-iter",
        "500",
    ]
    assert main(["fit", FORMULA, str(table), *arguments, "--unpenalized", "sex", "--out", str(tmp_path)]) == 0
    saved = json.loads((tmp_path / "model.json").read_text())
    assert saved["estimator"]["class"] == "SLOPE"
    params = saved["estimator"]["params"]
    assert (params["sequence"], params["tol"], params["max_iter"]) == ("lasso", 1e-6, 500)
    assert 0.0 in params["penalty_factor"]["array"]
    assert saved["alpha"] is None


def test_options_of_sgslope_reach_the_model(table, tmp_path, undrawn, capsys):
    fit = ["fit", "body_mass_g ~ species + sex + year", str(table), "--model", "sgslope", "--out", str(tmp_path)]
    more = ["--l1-ratio", "0.5", "--q", "0.1,0.05", "--sequence", "bh,mean", "--standardize", "no"]
    path = ["--n-alphas", "7", "--alpha-ratio", "0.1", "--cv", "3", "--terms-in-folds"]
    assert main([*fit, *more, *path, "--penalty-factor", "sex=0", "--penalty-factor", "year=2.5"]) == 0
    capsys.readouterr()
    saved = json.loads((tmp_path / "model.json").read_text())
    params = saved["estimator"]["params"]
    assert (params["l1_ratio"], params["q"], params["standardize"]) == (0.5, [0.1, 0.05], False)
    assert params["sequence"] == ["bh", "mean"]
    assert set(params["penalty_factor"]["array"]) == {0.0, 1.0, 2.5}
    asked = {
        "l1_ratio": 0.5,
        "q": (0.1, 0.05),
        "sequence": ("bh", "mean"),
        "standardize": False,
        "alpha": "cv",
        "cv": 3,
    }
    asked |= {"alphas": ss.relative(1, 0.1, 7), "penalty_factor": {"sex": 0.0, "year": 2.5}, "terms_in_folds": True}
    same = ss.sgslope("body_mass_g ~ species + sex + year", load_penguins(), **asked)
    found = pd.read_csv(tmp_path / "coefficients.csv", keep_default_na=False)["estimate"]
    np.testing.assert_allclose(found, same.tidy()["estimate"], rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--model", "slope", "--sequence", "mean"], "error: --sequence must be one of"),
        (["--sample-weight", "w8"], "error: --sample-weight w8 is not a column of the data"),
        (["--sample-weight", "year", "--offset", "yeer"], "--offset yeer is not a column of the data"),
        (["--penalty-factor", "sexx=2"], "error: --penalty-factor names 'sexx', which is no term"),
        (["--missing", "raise"], "--missing drop leaves them out"),
        (["--selection", "average"], "error: --selection must be"),
        (["--jobs", "0"], "error: --jobs must be a number of workers"),
        (["--model", "slope", "--standardize", "group"], "error: --standardize group needs groups"),
        (["--family", "acat"], "error: --family must be one of 'gaussian'"),
        (
            ["--model", "presto", "--family", "poisson"],
            "--family must be one of 'acat', 'cratio', 'cumulative', 'sratio'; got",
        ),
        (["--model", "presto", "--standardize", "group"], "--standardize must be yes or no; got 'group'"),
        (["--model", "presto", "--family", "acat", "--link", "probit"], "--family acat knows --link logit only"),
        (
            ["--model", "presto", "--l1-ratio", ".5", "--penalty", "group"],
            "--l1-ratio mixes the L1 penalty with squares",
        ),
        (["--model", "presto", "--parallel", "sexx"], "error: --parallel names 'sexx'"),
        (
            ["--model", "presto", "--selection", "average", "--scoring", "brier", "--alpha", "cv"],
            "--selection average weighs by likelihood: --scoring must be",
        ),
    ],
)
def test_errors_speak_of_options(table, tmp_path, capsys, options, said):
    alpha = [] if "--alpha" in options else ["--alpha", "5"]
    assert main(["fit", "year ~ sex", str(table), *alpha, *options, "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_errors_leave_the_arguments_of_formulas_alone(table, tmp_path, capsys):
    assert main(["fit", "species ~ sex", str(table), "--model", "presto", "--out", str(tmp_path)]) == 1
    assert "C(species, levels=['Adelie', 'Chinstrap', 'Gentoo'])" in capsys.readouterr().err
    assert main(["fit", "species ~ sex", str(table), "--out", str(tmp_path)]) == 1
    assert "use --family multinomial" in capsys.readouterr().err
    assert main(["fit", "year ~ bs(body_mass_g, alpha=2)", str(table), "--out", str(tmp_path)]) == 1
    assert "refused at 'bs(body_mass_g, alpha=2)': bs() has no argument 'alpha'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "meant"),
    [("--lambda", "--alpha"), ("--nfolds", "--cv"), ("--alpah", "--alpha"), ("--weights", "--sample-")],
)
def test_options_of_elsewhere_are_answered_with_ours(capsys, option, meant):
    with pytest.raises(SystemExit):
        main(["fit", "y ~ x", "f.csv", option, "5"])
    assert f"unrecognized arguments: {option} 5 (did you mean {meant}" in capsys.readouterr().err


def test_errors_of_predict_speak_of_its_options(fitted, table, tmp_path, capsys):
    model = str(fitted / "model.json")
    for options, said in (
        (["--type", "prob"], "error: --type prob needs a response with classes"),
        (["--at", "average"], "error: --at must be"),
        (["--at", "1e9"], "Fit a path that reaches it (--alpha-ratio)"),
        (["--offset", "year"], "it has no use for --offset."),
    ):
        assert main(["predict", model, str(table), *options]) == 1
        assert said in capsys.readouterr().err
    ss.gslope("sex ~ species", load_penguins(), family="binomial").save(tmp_path / "path.json")
    assert main(["predict", str(tmp_path / "path.json"), str(table), "--type", "prob"]) == 1
    assert "Choose one by --at NUMBER, between" in capsys.readouterr().err
    load_penguins().assign(species="Emperor").to_csv(tmp_path / "new.csv", index=False)
    assert main(["predict", model, str(tmp_path / "new.csv")]) == 1
    assert "Pass --unseen nan to get NaN" in capsys.readouterr().err


ISLANDS = "C(island, levels=['Torgersen', 'Dream', 'Biscoe']) ~ body_mass_g + sex"


def test_presto_writes_boundaries_and_predicts_probabilities(table, tmp_path, capsys):
    arguments = [
        "--model",
        "presto",
        "--cv",
        "3",
        "--scoring",
        "log_loss",
        "--selection",
        "average",
        "--out",
        str(tmp_path),
    ]
    assert main(["fit", ISLANDS, str(table), *arguments]) == 0
    birds = load_penguins()
    fit = ss.presto(ISLANDS, birds, alpha="cv", cv=3, scoring="log_loss", selection="average")
    names = {"summary.txt", "coefficients.csv", "cv.csv", "model.json", "path.png", "cv.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
    coefficients = pd.read_csv(tmp_path / "coefficients.csv", keep_default_na=False)
    assert set(coefficients["boundary"]) == {"<=Torgersen", "<=Dream"}
    np.testing.assert_allclose(coefficients["estimate"], fit.tidy()["estimate"], rtol=1e-12)
    np.testing.assert_allclose(pd.read_csv(tmp_path / "cv.csv")["score"], fit.cv.table["score"], rtol=1e-12)
    model = str(tmp_path / "model.json")
    predict = ["predict", model, str(table), "--out", str(tmp_path / "p.csv")]
    assert main(predict) == 0  # probabilities unless something else is asked for
    found = pd.read_csv(tmp_path / "p.csv")
    assert list(found.columns) == ["Torgersen", "Dream", "Biscoe"] and len(found) == 344
    pd.testing.assert_frame_equal(found, fit.predict(birds, type="prob"), rtol=1e-12)
    assert main([*predict, "--type", "cumulative", "--at", "min"]) == 0
    expected = fit.predict(birds, type="cumulative", at="min")
    np.testing.assert_allclose(pd.read_csv(tmp_path / "p.csv"), expected, rtol=1e-12)
    assert main([*predict, "--at", "average"]) == 0  # where it sits already
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "p.csv"), found)
    assert main([*predict, "--type", "class"]) == 0
    assert set(pd.read_csv(tmp_path / "p.csv")["class"].dropna()) <= {"Torgersen", "Dream", "Biscoe"}
    capsys.readouterr()


def test_options_of_presto_reach_the_model(table, tmp_path, capsys):
    fit = ["fit", ISLANDS, str(table), "--model", "presto", "--out", str(tmp_path)]
    arguments = ["--alpha", "0.01", "--family", "sratio", "--link", "probit", "--reverse", "--first-penalty", "0"]
    assert main([*fit, *arguments, "--parallel", "sex"]) == 0
    params = json.loads((tmp_path / "model.json").read_text())["estimator"]["params"]
    asked = {"family": "sratio", "link": "probit", "reverse": True, "first_penalty": 0.0}
    assert {name: params[name] for name in asked} == asked
    assert len(params["parallel"]) == 2  # the columns of sex
    assert main([*fit, "--alpha", "0.01", "--parallel", "all", "--penalty", "group"]) == 0
    estimates = pd.read_csv(tmp_path / "coefficients.csv").groupby("column")["estimate"]
    assert estimates.get_group("body_mass_g").nunique() == 1
    capsys.readouterr()


def test_parquet_is_read(tmp_path, capsys):
    pytest.importorskip("pyarrow")
    load_penguins().set_index("species").to_parquet(tmp_path / "p.parquet")  # pandas would hide the column
    assert (
        main(
            [
                "fit",
                "body_mass_g ~ species",
                str(tmp_path / "p.parquet"),
                "--alpha",
                "9",
                "--out",
                str(tmp_path),
            ]
        )
        == 0
    )


@pytest.mark.parametrize("ending", [".gz", ".bz2", ".xz", ".zip"])
def test_packed_text_is_read(tmp_path, ending):
    table = load_penguins()
    table.to_csv(tmp_path / f"p.csv{ending}", index=False)
    pd.testing.assert_frame_equal(read_table(tmp_path / f"p.csv{ending}"), table)


def test_demo_writes_its_results_where_it_is_told(tmp_path, capsys, undrawn):
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 0
    out = capsys.readouterr().out
    assert "CONVERGED" in out
    for name in ("summary.txt", "coefficients.csv", "cv.csv", "model.json"):
        assert (tmp_path / "demo" / name).stat().st_size > 0
        assert f"wrote {tmp_path / 'demo' / name}" in out


def written(tmp_path, name, text):
    (tmp_path / name).write_bytes(text)
    return str(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "is empty"),
        ("header.csv", b"y,x\n", "has a header and no rows"),
        ("ragged.csv", b"y,x\n1,2\n1,2,3,4\n", "cannot be read as CSV"),
        ("binary.csv", bytes(range(128, 256)) * 4, "cannot be read as CSV"),
        ("semicolons.csv", b"y;x\n1,5;2\n2,5;3\n", "'y;x': its fields are separated by ';'"),
        ("tabs.csv", b"y\tx\n1\t2\n", "its fields are separated by"),
        ("table.xlsx", b"PK", "has no known ending"),
        ("not.parquet", b"y,x\n1,2\n", "Parquet"),
        ("not.csv.gz", b"y,x\n1,2\n", "cannot be read as CSV"),
        ("half.csv.gz", gzip.compress(b"y,x\n1,2\n" * 99)[:30], "cannot be read as CSV"),
        ("not.csv.zip", b"y,x\n1,2\n", "cannot be read as CSV"),
        ("not.csv.xz", b"y,x\n1,2\n", "cannot be read as CSV"),
    ],
)
def test_a_file_that_is_no_table_is_told_in_one_line(tmp_path, capsys, name, content, message):
    assert main(["fit", "y ~ x", written(tmp_path, name, content), "--out", str(tmp_path / "o")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("sparsestats: error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "y ~ x", "nowhere.csv"], "There is no file nowhere.csv"),
        (["predict", "nowhere.json", "table.csv"], "There is no file nowhere.json; sparsestats fit --out DIR writes"),
        (["fit", "body_mas ~ species", "TABLE"], "did you mean"),
        (["fit", "body_mass_g ~ __import__('os')", "TABLE"], "refused"),
        (["fit", "species ~ sex", "TABLE"], "holds classes"),
        (["fit", "body_mass_g ~ sex", "TABLE", "--link", "probit"], "--link is an option of --model presto, and this"),
        (
            ["fit", "body_mass_g ~ sex", "TABLE", "--l1-ratio", "1"],
            "--l1-ratio is an option of --model sgslope and presto",
        ),
        (
            ["fit", "y ~ x", "TABLE", "--model", "presto", "--q", ".1"],
            "of --model slope, gslope and sgslope, and this is",
        ),
        (["fit", "body_mass_g ~ sex", "TABLE", "--q", ".1,.2"], "--q takes two only with --model sgslope, and this is"),
        (["predict", "TABLE", "TABLE"], "not a saved sparsestats fit"),
        (["predict", "nowhere.json", "TABLE"], "nowhere.json"),
    ],
)
def test_what_cannot_be_done_ends_with_one(table, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main([str(table) if a == "TABLE" else a for a in arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fitt"],
        ["fit", "y ~ x"],
        ["fit", "y ~ x", "f.csv", "--alpha", "big"],
        ["fit", "y ~ x", "f.csv", "--alpha", "-1"],
        ["fit", "y ~ x", "f.csv", "--q", "2"],
        ["fit", "y ~ x", "f.csv", "--q", "0.1,0.1,0.1"],
        ["fit", "y ~ x", "f.csv", "--l1-ratio", "1.1"],
        ["fit", "y ~ x", "f.csv", "--standardize", "maybe"],
        ["fit", "y ~ x", "f.csv", "--penalty-factor", "x"],
        ["fit", "y ~ x", "f.csv", "--penalty-factor", "x=-1"],
        ["fit", "y ~ x", "f.csv", "--n-alphas", "0"],
        ["fit", "y ~ x", "f.csv", "--seed", "-1"],
        ["fit", "y ~ x", "f.csv", "--cv", "1"],
        ["fit", "y ~ x", "f.csv", "--model", "ridge"],
        ["fit", "y ~ x", "f.csv", "--out", __file__],
        ["predict", "m.json", "f.csv", "--at", "best"],
    ],
)
def test_a_wrong_call_ends_with_two_and_the_usage(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: sparsestats" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["fit", "--help"], ["predict", "--help"], ["demo", "--help"], ["--version"]]
)
def test_help_and_version_end_well(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert capsys.readouterr().out


def test_ctrl_c_ends_with_130(table, tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sparsestats.api.fitting.cross_validate_path", interrupted)
    assert main(["fit", FORMULA, str(table), "--out", str(tmp_path)]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_warnings_are_one_line_on_stderr(table, tmp_path, capsys):
    arguments = ["--alpha", "0.0001", "--family", "binomial", "--max-iter", "1", "--out", str(tmp_path)]
    formula = "sex ~ species * (body_mass_g + bill_depth_mm + bill_length_mm)"
    assert main(["fit", formula, str(table), *arguments]) == 0
    error = capsys.readouterr().err
    assert "sparsestats: warning: " in error
    assert "did not converge" in error
    assert error.count("\n") == 1


def test_help_is_quick_to_load():
    """No table, plot or solver library is loaded before a command runs."""
    code = (
        "import sys, sparsestats.__main__ as m\n"
        "try: m.main(['--version'])\n"
        "except SystemExit: pass\n"
        "assert not {'pandas', 'matplotlib', 'cvxpy', 'formulaic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
