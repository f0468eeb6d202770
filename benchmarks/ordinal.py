"""Speed of ordinal paths: times against the goals, and proportional odds against statsmodels.

    python -m benchmarks.ordinal [--quick]

Paths have 20 alphas from alpha_max to alpha_max / 100; the worst relative duality gap of each is printed
beside its time. The race to the proportional-odds maximum takes turns in one process and prints both
likelihoods.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from scipy import sparse

import sparsestats as ss
from sparsestats.backend.native.ordinal import NativeOrdinal
from sparsestats.backend.ordinal import OrdinalProblem


def sample(n: int, p: int, K: int, share: float, level: tuple[float, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """X uniform on (-1, 1), differences of 0.5 in a share of places, true probabilities all positive."""
    rng = np.random.default_rng(seed)
    while True:
        X = np.asfortranarray(rng.uniform(-1, 1, (n, p)))
        psi = 0.5 * (rng.random((p, K - 1)) < share)
        psi[:, 1:] *= rng.choice([-1, 1], (p, K - 2))
        below = 1 / (1 + np.exp(-(X @ np.cumsum(psi, axis=1) + level)))
        if (np.diff(below, axis=1) < 0).any():
            continue
        y = (rng.random((n, 1)) > below).sum(axis=1)
        if len(np.unique(y)) == K:
            return X, y


def wide(p: int) -> list[tuple[str, Any, np.ndarray]]:
    """500 rows of p columns, dense and with one entry in twenty."""
    rng = np.random.default_rng(p)
    out = []
    for label, share in (("dense", 1.0), ("sparse", 0.05)):
        X = rng.normal(size=(500, p)) * (rng.random((500, p)) < share)
        latent = X[:, :15] @ rng.choice([-0.7, 0.7], 15) / np.sqrt(share) + rng.logistic(size=500)
        y = np.digitize(latent, np.quantile(latent, [0.5, 0.75, 0.92]))
        out.append((f"p={p} {label}", np.asfortranarray(X) if share == 1 else sparse.csc_array(X), y))
    return out


PATHS = {
    "A n=2500 p=10 K=4": ((2500, 10, 4, 1 / 3, (0, 3, 5), 11), 0.020),
    "E n=100000 p=20 K=4": ((100_000, 20, 4, 0.05, (0, 3, 5), 15), 0.5),
    "F n=2000 p=500 K=4": ((2000, 500, 4, 0.004, (0, 3, 5), 16), 1.0),
}
"""Problem and goal in seconds."""


def path_seconds(X: np.ndarray, y: np.ndarray, turns: int) -> tuple[float, float]:
    """Median time of a path and its worst gap."""
    K = int(y.max()) + 1
    seconds = []
    for _ in range(turns):
        began = time.perf_counter()
        native = NativeOrdinal(OrdinalProblem(X, y, K, np.ones((X.shape[1], K - 1)), monotone="none"))
        result = native.solve_path(native.alpha_max() * np.geomspace(1, 0.01, 20), tol=1e-9)
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds)), max(c.relative for c in result.certificates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one turn, without the problem of 500 columns")
    quick = parser.parse_args().quick
    turns = 1 if quick else 5
    print("| path | seconds | goal | worst gap |\n|---|---|---|---|")
    for name, (problem, goal) in PATHS.items():
        if quick and name.startswith("F"):
            continue
        seconds, gap = path_seconds(*sample(*problem), turns)
        print(
            f"| {name} | {seconds:.4f} | {goal}{'' if seconds <= goal else ' MISSED'} | {gap:.1e} |",
            flush=True,
        )

    X, y = sample(*PATHS["A n=2500 p=10 K=4"][0])
    times = []
    for _ in range(turns + 1):
        began = time.perf_counter()
        ss.PRESTOCV(ss.relative(1, 0.01, 20), cv=5, tol=1e-9).fit(X, y)
        times.append(time.perf_counter() - began)
    seconds = float(np.median(times[1:]))
    print(f"| A, 5-fold CV with refit | {seconds:.4f} | 0.15{'' if seconds <= 0.15 else ' MISSED'} | |")

    print("\n| cost over the classes, n=20000 p=20 | path, s | a Newton step, ms |\n|---|---|---|")
    for K in (4, 8, 16):
        rng = np.random.default_rng(K)
        X = np.asfortranarray(rng.uniform(-1, 1, (20_000, 20)))
        latent = X @ (rng.random(20) < 0.3) + rng.logistic(size=20_000)
        y = np.digitize(latent, np.quantile(latent, np.arange(1, K) / K))
        native = NativeOrdinal(OrdinalProblem(X, y, K, np.ones((20, K - 1)), monotone="none"))
        alphas = native.alpha_max() * np.geomspace(1, 0.1, 10)
        result = native.solve_path(alphas, tol=1e-9)
        step = 1e3 * result.seconds / max(1, int(result.info["iterations"].sum()))
        print(f"| K={K} | {result.seconds:.3f} | {step:.2f} |", flush=True)

    print("\n| n=500 K=4, path of 20 to alpha_max / 5, gap 1e-6 | seconds | worst gap |\n|---|---|---|---|")
    for label, X, y in wide(5000) if quick else (*wide(5000), *wide(20_000)):
        native = NativeOrdinal(OrdinalProblem(X, y, 4, np.ones((X.shape[1], 3)), monotone="none"))
        result = native.solve_path(native.alpha_max() * np.geomspace(1, 0.2, 20), tol=1e-6)
        gap = max(c.relative for c in result.certificates)
        print(f"| {label} | {result.seconds:.3f} | {gap:.1e} |", flush=True)

    try:
        from statsmodels.miscmodels.ordinal_model import OrderedModel
    except ImportError:
        print("\nstatsmodels is not installed: no race to the proportional-odds maximum")
        return
    print("\n| proportional odds, ours / statsmodels (bfgs) | ms | ms | ratio | log-likelihoods differ by |")
    print("|---|---|---|---|---|")
    for name, n, seed in (("A n=2500 p=10", 2500, 11), ("C n=10000 p=10", 10_000, 13)):
        X, y = sample(n, 10, 4, 1 / 3, (0, 3, 5), seed)
        rows = []
        for _ in range(turns):
            began = time.perf_counter()
            problem = OrdinalProblem(X, y, 4, np.column_stack([np.ones(10), np.full((10, 2), np.inf)]), monotone="none")
            ours = NativeOrdinal(problem).solve_path([0.0])
            middle = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                theirs = OrderedModel(y, X, distr="logit").fit(method="bfgs", disp=0, maxiter=500)
            rows.append((middle - began, time.perf_counter() - middle))
        a, b = np.median(rows, axis=0)
        apart = abs(-ours.losses[0] * n - theirs.llf)
        print(f"| {name} | {1e3 * a:.2f} | {1e3 * b:.1f} | {b / a:.0f} | {apart:.1e} |")


if __name__ == "__main__":
    main()
