"""What the documentation says is so: its Python runs, its examples answer, and nothing public lacks one."""

import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest

import sparsestats as ss

ROOT = Path(__file__).parent.parent
HOME = Path(ss.__file__).parent


def modules():
    """Names of all modules, by their files: an editable install has more on the package's path than those."""
    for file in sorted(HOME.rglob("*.py")):
        if file.stem != "__main__":
            parts = ("sparsestats", *file.relative_to(HOME).with_suffix("").parts)
            yield ".".join(parts).removesuffix(".__init__")


def examples(documented):
    finder = doctest.DocTestFinder()
    return [test for test in finder.find(documented, documented.__name__) if test.examples]


def public_names(module):
    """The functions and classes that a module defines itself and does not hide."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    }


@pytest.mark.parametrize("name", list(modules()))
def test_examples_of_docstrings_answer_as_printed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report: list[str] = []
    for test in examples(importlib.import_module(name)):
        doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=report.append)
    assert not report, "".join(report)


@pytest.mark.parametrize("name", ss.__all__)
def test_every_public_name_is_documented_and_shown(name):
    value = getattr(ss, name)
    assert value.__doc__ and len(value.__doc__.splitlines()[0]) <= 120
    if not inspect.ismodule(value):
        own = doctest.DocTestFinder(recurse=False).find(value, name)
        assert any(test.examples for test in own), f"{name} has no example"
        return
    inside = public_names(value)
    assert inside and examples(value), f"nothing in {name} has an example"
    assert [inner for inner, member in inside.items() if not member.__doc__] == []


@pytest.mark.parametrize("name", [name for name in ss.__all__ if inspect.isclass(getattr(ss, name))])
def test_every_parameter_is_described(name):
    cls = getattr(ss, name)
    described = re.search(r"Parameters\n\s+-+\n(.*?)(?:\n\s*\n\s+\w+\n\s+-+\n)", cls.__doc__, re.S)[1]
    names = set(re.findall(r"\b\w+\b", " ".join(re.findall(r"^    (\w[^:\n]*) ?:", described, re.M))))
    assert set(inspect.signature(cls).parameters) - names == set()


def test_contributing_runs():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.S)
    assert len(blocks) >= 2
    names: dict = {}
    for block in blocks:
        exec(block, names)


def test_contributing_names_what_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = re.findall(r"^\| `([\w/]+(?:\.py)?)`", text, re.M)
    assert len(rooms) >= 9
    assert [room for room in rooms if not (HOME / room).exists()] == []
    core = (ROOT / "sparsestats" / "_core" / "penalties.hpp").read_text(encoding="utf-8")
    section = text.split("## A penalty in C++")[1].split("\n## ")[0]
    words = set(re.findall(r"`(\w+)`", section.split("\n3. ")[0])) - {"solve_path"}
    assert words >= {"value", "prox", "dual_norm", "screen", "pattern", "make_penalty"}
    assert [word for word in words if not re.search(rf"\b{word}\b", core)] == []
    files = re.findall(r"`((?:backend|estimators|tests)/[\w/]+\.py)`", text)
    assert [file for file in files if not ((HOME / file).exists() or (ROOT / file).exists())] == []


def test_changelog_knows_this_version():
    assert f"## {ss.__version__} " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
