"""The rules of the house: imports go down, heavy things load late, one file a foreign library."""

import ast
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import sparsestats

ROOT = Path(sparsestats.__file__).parent
# From the top. Files of one room may import each other; a room imports only from rooms below it.
ROOMS = [
    ("__main__",),
    ("__init__",),
    ("api",),
    ("estimators",),
    ("selection",),
    ("inference",),
    ("report",),
    ("formula",),
    ("backend",),
    ("validation", "datasets"),
    ("names", "exceptions"),
    ("_core",),
]
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
FILES = sorted(ROOT.rglob("*.py"))


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ("sparsestats", *parts)


@cache
def body(path):
    """The statements at a file's top."""
    return ast.parse(path.read_text(encoding="utf-8")).body


@cache
def nodes(path):
    """Everything in a file, walked once for all tests."""
    return [node for statement in body(path) for node in ast.walk(statement)]


@cache
def imports(path):
    """(line, dotted name) of everything a file imports, at its top or inside functions."""
    module = module_of(path)
    package = module[:-1]  # of a module, and of a package's own __init__ too
    found = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            origin = ".".join(part for part in (base, node.module or "") if part)
            found += [(node.lineno, f"{origin}.{alias.name}") for alias in node.names]
    return found


def room(dotted):
    parts = dotted.split(".")
    if parts[0] != "sparsestats":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in LEVEL else "__init__"


def test_every_file_has_a_room():
    rooms = {module_of(path)[1] for path in FILES}
    assert rooms <= set(LEVEL), f"no place in the order for {sorted(rooms - set(LEVEL))}"
    assert {"api", "estimators", "selection", "report", "formula", "backend", "_core"} <= rooms


def test_imports_only_go_down():
    upward = []
    for path in FILES:
        here = module_of(path)[1]
        for line, dotted in imports(path):
            there = room(dotted)
            if there is not None and LEVEL[there] < LEVEL[here]:
                upward.append(f"{path.relative_to(ROOT)}:{line} ({here}) imports {dotted} ({there})")
    assert not upward, "\n".join(upward)


def test_the_walk_sees_relative_imports_of_every_depth():
    """The walk itself: known edges of known files are among what it finds."""
    found = {dotted for _, dotted in imports(ROOT / "backend" / "native" / "slope.py")}
    assert "sparsestats._core.ext" in found and "sparsestats.backend.problem.Problem" in found
    assert room("sparsestats.backend.problem.Problem") == "backend" and room("numpy") is None


@pytest.mark.parametrize(
    ("library", "owners"),
    [
        ("formulaic", {"formula/bases.py"}),
        ("joblib", {"selection/parallel.py"}),
        ("threadpoolctl", {"selection/parallel.py"}),
        ("networkx", {"estimators/fitted_graph.py"}),
    ],
)
def test_a_library_is_known_to_one_file(library, owners):
    users = {
        str(path.relative_to(ROOT)).replace(os.sep, "/")
        for path in FILES
        for _, dotted in imports(path)
        if dotted.split(".")[0] == library
    }
    assert users == owners


@pytest.mark.parametrize("library", ["cvxpy", "matplotlib", "statsmodels", "formulaic", "tqdm"])
def test_heavy_libraries_are_imported_inside_functions_or_by_their_owners(library):
    programs = {f"backend/programs/{family}.py" for family in ("constraints", "dag", "ordinal", "slope")}
    owners = {"formula/bases.py", *programs, "backend/penalties.py", "backend/losses.py"}
    top = set()
    for path in FILES:
        for node in body(path):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if any(name.split(".")[0] == library for name in names):
                top.add(str(path.relative_to(ROOT)).replace(os.sep, "/"))
    assert top <= owners, f"{library} is loaded with {sorted(top - owners)}"


def run(code, *, cwd=None, env=None):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env,
        timeout=120,
        check=False,
    )


FRESH = """
import sys
sys.modules["pyarrow"] = None  # polars needs none of it

def loaded():
    heavy = ["cvxpy", "formulaic", "matplotlib", "statsmodels", "networkx", "clarabel", "tqdm", "dask"]
    return [name for name in heavy if name in sys.modules]

from sparsestats import GroupSLOPE
import numpy as np
X = np.random.default_rng(0).normal(size=(30, 4))
GroupSLOPE(groups=[0, 0, 1, 1]).fit(X, X[:, 0]).predict(X)
print("sklearn door", loaded())

import sparsestats.report.path, sparsestats.report.cvresult
print("reports", loaded())

import polars as pl
from sparsestats.formula import design
data = pl.DataFrame({"y": [1.0, 2.0, 3.0, 4.0], "x": [0.5, None, 1.5, 0.25], "g": ["a", "b", "a", "b"]})
built = design("y ~ . + C(g):x", data)
assert built.X.shape == (3, 5), built.names
assert built.spec.transform(data).complete.tolist() == [True, False, True, True]
print("formula of numbers and factors", loaded())
"""


def test_neither_door_loads_anything_heavy():
    """One fresh process for all of it: each takes seconds to load scikit-learn."""
    done = run(FRESH)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["sklearn door []", "reports []", "formula of numbers and factors []"]


def test_importing_the_package_alone_loads_none_of_it():
    loaded = "sorted(m for m in sys.modules if m.startswith('sparsestats.'))"
    done = run(f"import sys, sparsestats; print({loaded}, 'numpy' in sys.modules)")
    assert done.stdout.strip() == "[] False", done.stderr


def test_every_public_name_loads_and_dir_lists_it():
    for name in sparsestats.__all__:
        assert getattr(sparsestats, name) is not None and name in dir(sparsestats)
    with pytest.raises(AttributeError, match="has no attribute 'lasso'"):
        _ = sparsestats.lasso


def test_the_library_never_prints():
    """Only the command line talks to stdout; and no file swallows every exception."""
    talkers = []
    for path in FILES:
        if path.name == "__main__.py":
            continue
        for node in nodes(path):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                talkers.append(f"{path.relative_to(ROOT)}:{node.lineno} prints")
            if isinstance(node, ast.ExceptHandler):
                caught = node.type
                if caught is None or (isinstance(caught, ast.Name) and caught.id in ("Exception", "BaseException")):
                    talkers.append(f"{path.relative_to(ROOT)}:{node.lineno} catches everything")
    assert not talkers, "\n".join(talkers)


def test_no_global_random_state_is_read_or_set():
    legacy = {
        "seed",
        "rand",
        "randn",
        "random_sample",
        "shuffle",
        "permutation",
        "choice",
        "normal",
        "uniform",
    }
    found = []
    for path in FILES:
        for node in nodes(path):
            if isinstance(node, ast.Attribute) and node.attr in legacy and ast.unparse(node.value) == "np.random":
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not found


def test_a_source_tree_that_is_not_compiled_says_what_to_do(tmp_path):
    shutil.copytree(
        ROOT, tmp_path / "sparsestats", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__", "data")
    )
    # the finder of an editable install is an instance, those of Python itself are classes
    code = (
        "import sys; sys.meta_path = [finder for finder in sys.meta_path if isinstance(finder, type)];"
        f"sys.path.insert(0, {str(tmp_path)!r}); import sparsestats;"
        f"assert sparsestats.__file__.startswith({str(tmp_path)!r});"
        "import sparsestats._core"  # which everything compiled comes through; the models would load scikit-learn first
    )
    done = run(code, cwd=tmp_path)
    assert done.returncode != 0
    assert "sparsestats is not compiled here" in done.stderr and "pip install -e ." in done.stderr
