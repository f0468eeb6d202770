"""The vignettes run from top to bottom, and the notebooks committed are theirs."""

import runpy
from pathlib import Path

import nbformat
import pytest
from matplotlib import pyplot as plt

ROOT = Path(__file__).parent.parent
builder = runpy.run_path(str(ROOT / "vignettes" / "__main__.py"))
vignettes = pytest.mark.parametrize("source", builder["sources"](), ids=lambda path: path.stem)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_is_a_quickstart():
    assert "quickstart" in [path.stem for path in builder["sources"]()]


@vignettes
def test_notebook_says_what_its_text_says(source):
    written = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    text = builder["unexecuted"](source)
    assert [cell.source for cell in written.cells] == [cell.source for cell in text.cells], (
        f"the text changed: python -m vignettes {source.stem}"
    )


@vignettes
def test_notebook_is_executed_and_has_pictures(source):
    written = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(written)
    cells = code_cells(written)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 3


def test_the_quickstart_runs_as_a_script(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "vignettes" / "quickstart.py"))
    assert len(plt.get_fignums()) >= 3 and capsys.readouterr().err == ""
    plt.close("all")


@pytest.mark.slow  # 10 to 20 s each: `.ci/run` executes every vignette, every time
@vignettes
def test_vignette_runs(source, monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel's own backend shows figures in their cells
    fresh = builder["executed"](source)  # raises where a cell does
    # How a stream is cut into outputs depends on timing; that cells say something does not.
    assert sum(bool(cell.outputs) for cell in code_cells(fresh)) >= 5
    outputs = [output for cell in code_cells(fresh) for output in cell.outputs]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
