"""Paths by R packages, where Rscript finds them: one R process holds a problem's data and answers for it."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from .problems import Problem

SCRIPT = Path(__file__).with_name("r_paths.R")


class Running:
    """A problem in the hands of an R package; seconds are taken inside R, without what it takes to hand them over."""

    def __init__(self, package: str, problem: Problem):
        self.classes = 1 if problem.family != "multinomial" else int(problem.y.max()) + 1
        self.columns = problem.X.shape[1]
        self.folder = tempfile.TemporaryDirectory()
        place = Path(self.folder.name)
        shared = problem.family == "multinomial" and problem.groups is not None
        words = (*problem.X.shape, problem.alphas.size, problem.family, problem.fit_intercept, shared)
        (place / "settings.txt").write_text(" ".join(str(word).replace("True", "TRUE") for word in words) + "\n")
        arrays = {"X": problem.X, "y": problem.y, "alphas": problem.alphas}
        if shared:  # glmnet prices a shared group by its norm, we by sqrt(K) times it
            arrays["alphas"] = problem.alphas * np.sqrt(self.classes)
        elif problem.groups is not None:
            arrays |= {"groups": problem.groups + 1, "weights": problem.penalty.weights}
        for name, values in arrays.items():
            (place / f"{name}.bin").write_bytes(np.asarray(values, dtype="<f8").tobytes(order="F"))
        self.process = subprocess.Popen(
            ["Rscript", str(SCRIPT), package, self.folder.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def path(self, tol: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Coefficients (k, p) or (k, K, p), intercepts (k,) or (k, K), and seconds; k alphas were fitted."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{tol!r}\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        if len(words) != 2:
            raise RuntimeError("the R process ended")
        seconds, fitted = float(words[0]), int(words[1])
        found = np.fromfile(Path(self.folder.name) / "path.bin").reshape(self.classes, 1 + self.columns, fitted)
        found = found.transpose(2, 0, 1) if self.classes > 1 else found[0].T
        return found[..., 1:], found[..., 0], seconds


running = cache(Running)
