"""The same ordinal models fitted by R packages, where Rscript finds them.

Data go to ordinal_peers.R in a temporary folder; seconds are taken inside R, without starting it and loading.
"""

from __future__ import annotations

import csv
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

SCRIPT = Path(__file__).with_name("ordinal_peers.R")
PACKAGES = {"ordinal": "clm", "MASS": "polr", "VGAM": "vglm", "authors": "ordinalNet with the authors' edits"}
"""The function of each package that fits the model."""


@dataclass(frozen=True)
class Fit:
    """A model at its maximum likelihood, in the words of ``ss.PRESTO``; by "authors" a penalised path."""

    package: str
    family: str = "cumulative"
    link: str = "logit"
    parallel: bool = True


@dataclass(frozen=True, eq=False)
class Answer:
    """What a package found, in our sign and order; arrays are empty where it gives none or it failed.

    ``coef`` is flat, boundary by boundary; ``error`` has one entry a column where all boundaries share it.
    """

    seconds: float
    likelihood: np.ndarray
    intercept: np.ndarray
    coef: np.ndarray
    error: np.ndarray
    failure: str = ""


def run(
    X: np.ndarray,
    y: np.ndarray,
    fits: Sequence[Fit],
    *,
    timed: bool = True,
    alphas: np.ndarray | None = None,
    directory: Path | None = None,
) -> list[Answer]:
    """Fit every model in one R process.

    Parameters
    ----------
    X : ndarray (n, p), y : ndarray (n,) of 0..K-1
    fits : of packages that are in ``in_r.versions()``, or "authors"
    timed : whether to repeat the calls for their time
    alphas, directory : of the authors' path and with their R files
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sizes.txt").write_text(f"{X.shape[0]} {X.shape[1]} {int(y.max()) + 1} {int(timed)}\n")
        (folder / "X.bin").write_bytes(np.asarray(X, dtype="<f8").tobytes(order="F"))
        (folder / "y.bin").write_bytes((np.asarray(y) + 1).astype("<i4").tobytes())
        if alphas is not None:
            (folder / "alphas.bin").write_bytes(np.asarray(alphas, dtype="<f8").tobytes())
        with open(folder / "fits.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, ["id", *asdict(fits[0])])
            writer.writeheader()
            for i, fit in enumerate(fits):
                writer.writerow({"id": i, **asdict(fit), "parallel": str(fit.parallel).upper()})
        command = ["Rscript", str(SCRIPT), name, *([] if directory is None else [str(directory)])]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{SCRIPT.name} ended with status {done.returncode}: {done.stderr.strip()}")
        found: dict[int, dict[str, list[float]]] = {i: {} for i in range(len(fits))}
        with open(folder / "answers.csv", newline="") as file:
            for row in csv.DictReader(file):
                number = float("nan") if row["value"] == "NA" else float(row["value"])
                found[int(row["id"])].setdefault(row["what"], []).append(number)
        failures = dict(line.split(maxsplit=1) for line in (folder / "failures.txt").read_text().splitlines())
    return [
        Answer(
            found[i].get("seconds", [float("nan")])[0],
            *(np.array(found[i].get(what, [])) for what in ("likelihood", "intercept", "coef", "error")),
            failure=failures.get(str(i), ""),
        )
        for i in range(len(fits))
    ]
