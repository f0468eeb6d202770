"""README: its commands exist, its Python runs, and what it shows is what is printed."""

import contextlib
import io
import math
import re
import shlex
from pathlib import Path

import pytest

import sparsestats as ss
from sparsestats.__main__ import main

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```sh\n(.*?)\n```", TEXT, re.S)
SHOWN = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)\n```", TEXT, re.S)

MACHINE = re.compile(r"duality gap|Fitted values are within|\d iterations?,")
"""Lines whose numbers are the machine's: how small the gap came out, how long it took."""


def same_text(shown: str, printed: str) -> bool:
    """Equal words; numbers equal to 1e-3: a fit certified at 1e-8 leaves the fourth digit to the machine."""
    mine, theirs = shown.strip().splitlines(), printed.strip().splitlines()
    if len(mine) != len(theirs):
        return False
    pairs = [(a.split(), b.split()) for a, b in zip(mine, theirs, strict=True) if not MACHINE.search(a)]
    return all(len(a) == len(b) and all(map(same_word, a, b)) for a, b in pairs)


def same_word(a: str, b: str) -> bool:
    try:
        return math.isclose(float(a.strip(",;()")), float(b.strip(",;()")), rel_tol=1e-3)
    except ValueError:
        return a == b


def test_comparison_tells_texts_apart():
    assert same_text("a 1.0000, b\n", "a  1.0001, b")
    assert same_text("mse 2 (se 5286), b", "mse 2 (se 5287), b")
    assert not same_text("a 1.0", "a 1.1")
    assert not same_text("a 1.0", "b 1.0")
    assert not same_text("a", "a\na")


def test_there_are_two_commands_and_the_ci_runs_them():
    assert len(COMMANDS) == 2
    install_and_run, install_and_test = (command.split(" && ") for command in COMMANDS)
    assert install_and_run[0].startswith("pip install ") and install_and_run[1].startswith("sparsestats demo")
    assert install_and_test[0].startswith("pip install ") and install_and_test[1].startswith("pytest")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "README.md" in ci
    assert [command for command in COMMANDS if command in ci] == []  # it reads them, and repeats none


def test_demo_prints_what_is_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(COMMANDS[0].split(" && ")[1])[1:]) == 0
    shown = re.search(r"```text\n(.*?)\n```", TEXT, re.S)[1]
    printed = capsys.readouterr().out
    assert same_text(shown, printed), printed
    written = [tmp_path / line.removeprefix("wrote ") for line in shown.splitlines() if line.startswith("wrote ")]
    assert all(path.stat().st_size > 0 for path in written)
    names = {"summary.txt", "coefficients.csv", "cv.csv", "model.json", "path.png", "cv.png", "term.png"}
    assert {path.name for path in written} == names


def test_python_prints_what_is_shown():
    assert len(SHOWN) == TEXT.count("```python")
    names: dict = {}
    for code, shown in SHOWN:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, names)
        assert same_text(shown, printed.getvalue()), f"{code}\nprints\n{printed.getvalue()}"


@pytest.mark.parametrize("row", re.findall(r"^\|.*\| (?:yes|not yet).*\|$", TEXT, re.M))
def test_table_of_families_is_true(row):
    names = [name.removeprefix("ss.") for name in re.findall(r"`([^`]+)`", row) if name != "CV"]
    if "CV" in re.findall(r"`([^`]+)`", row):
        names += [f"{name}CV" for name in names if name[0].isupper()]
    assert names
    there = [name for name in names if name in ss.__all__]
    assert there == (names if "| yes" in row else [])


def test_no_estimator_is_missing_from_the_table():
    rows = "\n".join(re.findall(r"^\|.*\| yes.*\|$", TEXT, re.M))
    estimators = [name for name in ss.__all__ if name[0].isupper() and name != "ModelMatrix"]
    assert [name for name in estimators if f"`{name.removesuffix('CV')}`" not in rows] == []


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert len(links) >= 5
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []
