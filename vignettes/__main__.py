"""Execute the vignettes: ``python -m vignettes [NAME ...]`` makes NAME.ipynb, outputs and all, from NAME.py.

The text is written in NAME.py (jupytext, percent format), where it can be reviewed line by line; the notebook
beside it is made from it and is committed for reading. The tests refuse a pair that differs. What runs is the package
that is installed, which may be of another checkout.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
TIMEOUT = 300
"""Seconds that one cell may take."""


def sources() -> list[Path]:
    """The vignettes' texts."""
    return sorted(path for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def unexecuted(source: Path) -> nbformat.NotebookNode:
    """The notebook of a text, without outputs."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"  # jupytext draws them at random, and every rebuild would change every cell
    return notebook


def executed(source: Path) -> nbformat.NotebookNode:
    """The notebook of a text, with the outputs of a fresh kernel.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        When a cell raises.
    """
    notebook = unexecuted(source)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": HERE}},
    )
    return client.execute()


def main(names: list[str]) -> None:
    for source in [HERE / f"{name}.py" for name in names] or sources():
        nbformat.write(executed(source), source.with_suffix(".ipynb"))
        print(f"wrote {source.with_suffix('.ipynb').name}")


if __name__ == "__main__":
    main(sys.argv[1:])
