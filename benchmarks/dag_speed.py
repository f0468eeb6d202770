"""Seconds of CoLiDE's fits and bootstrap, and of one step of the published path next to tidy numpy.

    python -m benchmarks.dag_speed           # results/dag_speed.md, a minute; run it on a quiet machine

CPU seconds of one thread. Graphs and rows are those of ``benchmarks.dags``, seeds from 100.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import sparsestats as ss
from sparsestats.backend.native.dag import PathOptions, Score, follow_path
from sparsestats.selection.parallel import single_threaded_blas

from .dags import RESULTS, graph, ours, rows

FITS = (
    ("ev", 100, 1000, 10, 0.010),
    ("ev", 200, 1000, 10, 0.060),
    ("ev", 500, 1000, 3, 1.0),
    ("ev", 1000, 2000, 2, 10.0),
    ("nv", 50, 1000, 10, None),
    ("nv", 100, 1000, 10, 0.3),
    ("nv", 200, 1000, 3, None),
)
"""Noise, variables, rows, graphs, and the seconds asked for."""
BOOTSTRAP_SECONDS = 5.0  # 200 replicates at d = 100
STEP_RATIO = 1.4  # of numpy's step over the compiled one


def seconds_of(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def verdict(met: bool | None) -> str:
    return "" if met is None else "met" if met else "MISSED"


def fits() -> pd.DataFrame:
    """Fits at their defaults: the second of two on each graph, and how far the graph found is from the true one."""
    out = []
    for noise, d, n, graphs, goal in FITS:
        seconds, shd = [], []
        for seed in range(100, 100 + graphs):
            W = graph(d, seed)
            X = rows(W, seed, n=n, noise=noise)
            shd.append(ss.metrics.shd(W, ours(noise, X)))
            seconds.append(seconds_of(lambda: ours(noise, X)))  # noqa: B023
        low, middle, high = np.quantile(seconds, [0, 0.5, 1])
        met = None if goal is None else middle <= goal
        out.append((f"fit, {noise} er4, d={d} n={n}", graphs, low, middle, high, np.mean(shd), goal, verdict(met)))
    return pd.DataFrame(out, columns=["work", "graphs", "min, s", "median, s", "max, s", "mean SHD", "goal, s", ""])


def bootstraps(replicates: int = 200, d: int = 100) -> pd.DataFrame:
    out = []
    for noise, goal in (("ev", BOOTSTRAP_SECONDS), ("nv", None)):
        X = rows(graph(d, 100), 100, noise=noise)
        model = ss.CoLiDE(noise).fit(X)
        spent = seconds_of(lambda: model.bootstrap(X, replicates, random_state=0, n_jobs=1))  # noqa: B023
        met = None if goal is None else spent <= goal
        out.append((f"bootstrap, {noise} er4, d={d}, {replicates} replicates", spent, goal, verdict(met)))
    return pd.DataFrame(out, columns=["work", "seconds", "goal, s", ""])


def numpy_steps(S: np.ndarray, steps: int, alpha: float = 0.05, t: float = 1.0) -> None:
    """The path's step in tidy numpy: one product, one inverse, buffers kept."""
    d = len(S)
    W, m, v = (np.zeros((d, d)) for _ in range(3))
    G, Q, M = (np.empty((d, d)) for _ in range(3))
    identity = t * np.eye(d)
    for k in range(1, steps + 1):
        np.multiply(W, W, out=M)
        np.subtract(identity, M, out=M)
        inverse = np.linalg.inv(M)
        np.matmul(S, W, out=Q)
        np.subtract(S, Q, out=Q)
        s = np.sqrt((np.trace(Q) - np.einsum("ij,ij->", W, Q)) / d)
        np.multiply(inverse.T, W, out=G)
        G *= 2
        Q *= -1 / s
        G += Q
        np.sign(W, out=Q)
        Q *= alpha
        G += Q
        m *= 0.99
        np.multiply(G, 0.01, out=Q)
        m += Q
        v *= 0.999
        np.multiply(G, G, out=Q)
        Q *= 0.001
        v += Q
        np.divide(v, 1 - 0.999**k, out=Q)
        np.sqrt(Q, out=Q)
        Q += 1e-8
        np.divide(m, Q, out=Q)
        Q *= 3e-4 / (1 - 0.99**k)
        W -= Q
        np.fill_diagonal(W, 0)


def steps_of_the_path(sizes: tuple[int, ...] = (20, 50, 100, 200)) -> pd.DataFrame:
    """Microseconds of CPU a step, best of seven turns of either."""
    out = []
    for d in sizes:
        X = rows(graph(d, 100), 100)
        S = np.ascontiguousarray(np.cov(X.T, ddof=0))
        steps = int(np.clip(2e8 / d**3, 50, 2000))  # many, as in a path: each call also checks its objective twice
        options = PathOptions(mu=(1.0,), t=(1.0,), steps=(steps,), checkpoint=10**9)
        score = Score(S, True, 0.05, 1e-2)
        best = dict.fromkeys(("compiled", "numpy"), np.inf)
        for _ in range(7):
            for name, call in (
                ("compiled", lambda: follow_path(score, options)),  # noqa: B023
                ("numpy", lambda: numpy_steps(S, steps)),  # noqa: B023
            ):
                best[name] = min(best[name], 1e6 * seconds_of(call) / steps)
        ratio = best["numpy"] / best["compiled"]
        out.append((d, best["compiled"], best["numpy"], ratio, STEP_RATIO, verdict(ratio >= STEP_RATIO)))
    return pd.DataFrame(out, columns=["d", "compiled, us", "numpy, us", "ratio", "goal", ""])


def markdown(table: pd.DataFrame) -> list[str]:
    def cell(value: object) -> str:
        return ("" if np.isnan(value) else f"{value:.3g}") if isinstance(value, float) else str(value)

    lines = [list(table.columns), ["---"] * table.shape[1], *([cell(v) for v in row] for row in table.values.tolist())]
    return ["| " + " | ".join(line) + " |" for line in lines]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    with single_threaded_blas(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours("ev", rows(graph(5, 0), 0))  # imports are not what is timed
        tables = {
            "Fits at their defaults": fits(),
            "Bootstrap": bootstraps(),
            "One step of the published path": steps_of_the_path(),
        }
    text = ["# Linear DAGs: seconds", "", "CPU seconds of one thread, written by `python -m benchmarks.dag_speed`."]
    for title, table in tables.items():
        text += ["", f"## {title}", "", *markdown(table)]
    (asked.out / "dag_speed.md").write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
