"""Linear DAGs against their peers: structural distance and seconds on the same data, in one process.

    python -m benchmarks.dags [--d 20 50 100] [--seeds 3] [--path] [--dagma] [--step] [--out FILE.csv]

Data: graphs with expected degree 8 (Erdos-Renyi, or scale-free by preferential attachment), weights
uniform on
+-[.5, 2] unless said, 1000 rows; seeds from 100 on. ``--path`` adds the published schedule (our compiled
copy),
``--dagma`` the package dagma (extra ``benchmark``), ``--step`` times one step of the path against tidy numpy.
Everything is thresholded at .3, the path and DAGMA as their authors do. Run with one BLAS thread.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

import sparsestats as ss
from sparsestats.backend.native.dag import PathOptions, Score, follow_path
from sparsestats.selection.parallel import single_threaded_blas


def graph(
    d: int, seed: int, *, kind: str = "er", degree: int = 4, low: float = 0.5, high: float = 2.0
) -> np.ndarray:
    """Weights ``[from, to]`` of a random DAG, its variables shuffled."""
    rng = np.random.default_rng(seed)
    if kind == "er":
        edges = np.triu(rng.random((d, d)) < 2 * degree / (d - 1), 1)
    else:
        edges = np.zeros((d, d), dtype=bool)
        for j in range(1, d):
            weight = edges[:j].sum(axis=1) + edges[:, :j].sum(axis=0) + 1.0
            edges[rng.choice(j, min(j, degree), replace=False, p=weight / weight.sum()), j] = True
    W = edges * rng.uniform(low, high, (d, d)) * rng.choice([-1, 1], (d, d))
    place = rng.permutation(d)
    return W[np.ix_(place, place)]


def rows(W: np.ndarray, seed: int, *, n: int = 1000, noise: str = "ev", law: str = "normal") -> np.ndarray:
    """Rows of the graph; noise variances 1 (ev) or uniform on [.5, 10] (nv)."""
    rng = np.random.default_rng([seed, 1])
    d = len(W)
    draw = {
        "normal": rng.standard_normal,
        "exponential": lambda size: rng.exponential(1, size) - 1,
        "laplace": lambda size: rng.laplace(0, np.sqrt(0.5), size),
    }[law]
    sd = np.ones(d) if noise == "ev" else np.sqrt(rng.uniform(0.5, 10, d))
    return (draw((n, d)) * sd) @ np.linalg.inv(np.eye(d) - W)


def ours(noise: str, **options) -> Callable[[np.ndarray], np.ndarray]:
    return lambda X: ss.CoLiDE(noise, **options).fit(X).adjacency_


def published(noise: str) -> Callable[[np.ndarray], np.ndarray]:
    """The path at the authors' demo settings, pruned as they do, without refit."""

    def fit(X: np.ndarray) -> np.ndarray:
        return (
            ss.CoLiDE(noise, solver="path", refine=None, refit=False, threshold=0.3, penalty_scale=None)
            .fit(X)
            .adjacency_
        )

    return fit


def dagma(X: np.ndarray) -> np.ndarray:
    from dagma.linear import DagmaLinear

    return DagmaLinear(loss_type="l2").fit(X, lambda1=0.05, w_threshold=0.3)


SUITE = [
    {"noise": "ev"},
    {"noise": "ev", "kind": "sf"},
    {"noise": "ev", "law": "exponential"},
    {"noise": "ev", "law": "laplace"},
    {"noise": "ev", "low": 0.25, "high": 1.0},
    {"noise": "ev", "n": 100, "degree": 2},
    {"noise": "nv"},
    {"noise": "nv", "low": 0.25, "high": 1.0},
]


def compare(
    sizes: list[int], seeds: int, *, path: bool, peer: bool, only_first: bool = False
) -> pd.DataFrame:
    """One row a problem, size and method: mean SHD, median seconds."""
    out = []
    for problem in SUITE[:1] if only_first else SUITE:
        noise = problem["noise"]
        shape = {k: v for k, v in problem.items() if k in ("kind", "degree", "low", "high")}
        drawn = {k: v for k, v in problem.items() if k in ("n", "noise", "law")}
        methods = {"order": ours(noise)}
        if path:
            methods["path (published)"] = published(noise)
        if peer:
            methods["dagma"] = dagma
        for d in sizes:
            for name, method in methods.items():
                distance, seconds = [], []
                for seed in range(100, 100 + seeds):
                    W = graph(d, seed, **shape)
                    X = rows(W, seed, **drawn)
                    start = time.perf_counter()
                    found = method(X.copy())
                    seconds.append(time.perf_counter() - start)
                    distance.append(ss.metrics.shd(W, found))
                told = ", ".join(f"{k}={v}" for k, v in problem.items())
                out.append((told, d, name, np.mean(distance), np.max(distance), np.median(seconds)))
    table = pd.DataFrame(out, columns=["problem", "d", "method", "SHD", "worst SHD", "seconds"])
    reference = table[table["method"] == "order"].set_index(["problem", "d"])["seconds"]
    table["times slower"] = (
        table["seconds"] / reference.loc[list(zip(table["problem"], table["d"], strict=True))].to_numpy()
    )
    return table


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


def step_costs(sizes: list[int]) -> pd.DataFrame:
    """Microseconds a step, best of five."""
    out = []
    for d in sizes:
        X = rows(graph(d, 100), 100)
        S = np.ascontiguousarray(np.cov(X.T, ddof=0))
        steps = int(np.clip(2e8 / d**3, 10, 2000))
        options = PathOptions(mu=(1.0,), t=(1.0,), steps=(steps,), checkpoint=10**9)
        score = Score(S, True, 0.05, 1e-2)
        best = {}
        for name, call in {
            "compiled": lambda: follow_path(score, options),  # noqa: B023
            "numpy": lambda: numpy_steps(S, steps),  # noqa: B023
        }.items():
            times = []
            for _ in range(5):
                start = time.perf_counter()
                call()
                times.append((time.perf_counter() - start) / steps)
            best[name] = 1e6 * min(times)
        out.append((d, best["compiled"], best["numpy"], best["numpy"] / best["compiled"]))
    return pd.DataFrame(out, columns=["d", "compiled us", "numpy us", "ratio"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--d", type=int, nargs="+", default=[20, 50, 100])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--path", action="store_true", help="the published path as well (minutes at d=100)")
    parser.add_argument("--dagma", action="store_true", help="the package dagma as well")
    parser.add_argument("--first", action="store_true", help="only the first problem (ER4, equal noise)")
    parser.add_argument("--step", action="store_true", help="only the cost of one step of the path")
    parser.add_argument("--out", default=None, help="also write the table as CSV")
    asked = parser.parse_args()
    with single_threaded_blas(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours("ev")(rows(graph(5, 0), 0))  # imports are not what is timed
        table = (
            step_costs(asked.d)
            if asked.step
            else compare(asked.d, asked.seeds, path=asked.path, peer=asked.dagma, only_first=asked.first)
        )
    print(table.round(5).to_string(index=False))
    if asked.out:
        table.to_csv(asked.out, index=False)


if __name__ == "__main__":
    main()
