"""glmnet, where Rscript finds it: one R process holds a problem's data and answers for it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from .problems import Problem

SCRIPT = Path(__file__).with_name("glmnet.R")


@cache
def version() -> str:
    """The version installed; empty without R or without the package."""
    if shutil.which("Rscript") is None:
        return ""
    program = 'if (nzchar(system.file(package = "glmnet"))) cat(as.character(packageVersion("glmnet")))'
    return subprocess.run(["Rscript", "-e", program], check=True, capture_output=True, text=True).stdout


@cache
def running(problem: Problem) -> Glmnet:
    """The R process that holds a problem; it ends with this one."""
    return Glmnet(problem)


class Glmnet:
    """Paths of one problem; its seconds are taken inside R, without what it takes to hand them over."""

    def __init__(self, problem: Problem):
        self.classes = 1 if problem.family != "multinomial" else int(problem.y.max()) + 1
        self.shape = (problem.alphas.size, 1 + problem.X.shape[1])
        self.folder = tempfile.TemporaryDirectory()
        place = Path(self.folder.name)
        shares = problem.family == "multinomial" and problem.groups is not None
        words = (*problem.X.shape, problem.alphas.size, problem.family, problem.fit_intercept, shares)
        (place / "settings.txt").write_text(" ".join(str(word).replace("True", "TRUE") for word in words) + "\n")
        # glmnet prices a shared group by its norm, we by sqrt(K) times it.
        lambdas = problem.alphas * np.sqrt(self.classes) if shares else problem.alphas
        for name, values in {"X": problem.X, "y": problem.y, "alphas": lambdas}.items():
            (place / f"{name}.bin").write_bytes(np.asarray(values, dtype="<f8").tobytes(order="F"))
        self.process = subprocess.Popen(
            ["Rscript", str(SCRIPT), self.folder.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def path(self, thresh: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Coefficients (k, p) or (k, K, p), intercepts (k,) or (k, K), and seconds; k is what glmnet came to."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{thresh!r}\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        if len(words) != 2:
            raise RuntimeError("the R process of glmnet ended")
        seconds, reached = float(words[0]), int(words[1])
        found = np.fromfile(Path(self.folder.name) / "path.bin").reshape(self.classes, self.shape[1], reached)
        found = found.transpose(2, 0, 1) if self.classes > 1 else found[0].T
        return found[..., 1:], found[..., 0], seconds
