"""Speed of ordinal models: times against the goals, and races with statsmodels and R at the same likelihood.

    python -m benchmarks.ordinal [--quick] [--official DIR] [--out DIR]

Writes ordinal.md and ordinal.csv. Times are processor time, the least of several turns, in one process with one
thread; R takes its own inside R. Paths have 20 alphas from alpha_max to alpha_max / 100 unless said.
"""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import sparsestats as ss
from sparsestats.backend.native.ordinal import NativeOrdinal
from sparsestats.backend.ordinal import OrdinalProblem

from . import in_r, ordinal_r
from .ordinal_peers import against_authors, against_likelihoods
from .ordinal_problems import PROBLEMS, fifteen, sample, wide
from .ordinal_tables import Table, least, peak, write
from .report import verdict


def worst(certificates: list[Any]) -> float:
    return max(c.relative for c in certificates)


def free_path(X: Any, y: np.ndarray, last: float, count: int, tol: float, l1_ratio: float = 1.0) -> Any:
    """A path of the core without order constraints, from the data on."""
    K = int(y.max()) + 1
    native = NativeOrdinal(OrdinalProblem(X, y, K, np.ones((X.shape[1], K - 1)), monotone="none", l1_ratio=l1_ratio))
    return native.solve_path(native.alpha_max() * np.geomspace(1, last, count), tol=tol)


def goals(turns: int, quick: bool) -> Table:
    table = Table("Paths and cross-validation", {"seconds": ".4f", "goal": "g", "worst gap": ".1e"})
    for name, goal in (("A", 0.02), ("E", 0.5), *(() if quick else (("F", 1.0),))):
        shape, problem = PROBLEMS[name]
        X, y = sample(*problem)
        seconds, result = least(lambda X=X, y=y: free_path(X, y, 0.01, 20, 1e-9), turns)
        row = {"problem": f"{name}, {shape}, path", "seconds": seconds, "goal": goal}
        table.add(**row, **{"worst gap": worst(result.certificates), "": verdict(seconds <= goal)})
    X, y = sample(*PROBLEMS["A"][1])
    seconds, model = least(lambda: ss.PRESTOCV(ss.relative(1, 0.01, 20), cv=5, tol=1e-9).fit(X, y), turns + 1)
    gap = worst(model.path_.certificates)
    table.add(**{"problem": "A, 5-fold CV with refit", "seconds": seconds, "goal": 0.15, "worst gap": gap},
              **{"": verdict(seconds <= 0.15)})  # fmt: skip
    return table


def over_classes(turns: int) -> Table:
    table = Table("Cost over the classes, n=20000 p=20, ten alphas", {"path, s": ".3f", "a Newton step, ms": ".2f"})
    for K in (4, 8, 16):
        rng = np.random.default_rng(K)
        X = np.asfortranarray(rng.uniform(-1, 1, (20_000, 20)))
        latent = X @ (rng.random(20) < 0.3) + rng.logistic(size=20_000)
        y = np.digitize(latent, np.quantile(latent, np.arange(1, K) / K))
        seconds, result = least(lambda X=X, y=y: free_path(X, y, 0.1, 10, 1e-9), turns)
        step = 1e3 * seconds / max(1, int(result.info["iterations"].sum()))
        table.add(**{"classes": f"K={K}", "path, s": seconds, "a Newton step, ms": step})
    return table


def wide_paths(turns: int, quick: bool) -> Table:
    table = Table(
        "Many columns, four classes, path of 20 to alpha_max / 5 at 1e-6", {"seconds": ".3f", "worst gap": ".1e"}
    )
    for label, X, y in wide(5000) if quick else (*wide(5000), *wide(20_000)):
        seconds, result = least(lambda X=X, y=y: free_path(X, y, 0.2, 20, 1e-6), turns)
        table.add(**{"problem": label, "seconds": seconds, "worst gap": worst(result.certificates)})
    return table


def ridge_paths(turns: int, quick: bool) -> Table:
    """With l1_ratio = 0 no difference is zero: 3 p of them, which a Hessian could not hold."""
    table = Table(
        "More columns than rows with a ridge, four classes, path of 5 to alpha_max / 100 at 1e-8",
        {"not zero": "d", "seconds": ".3f", "goal": "g", "MB of X": ".1f", "MB beyond X": ".1f", "worst gap": ".1e"},
    )
    shapes = [(200, 1000, 0.0, 1.0), (200, 1000, 0.5, 1.0)]
    if not quick:
        shapes += [(500, 5000, 0.0, None), (500, 5000, 0.5, None)]
    for n, p, l1_ratio, goal in shapes:
        X, y = fifteen(n, p, 1.0, np.random.default_rng(p))
        beyond = peak(lambda X=X, y=y, r=l1_ratio: free_path(X, y, 0.01, 5, 1e-8, r))
        seconds, result = least(lambda X=X, y=y, r=l1_ratio: free_path(X, y, 0.01, 5, 1e-8, r), turns)
        table.add(**{
            "problem": f"n={n} p={p}, l1_ratio {l1_ratio:g}",
            "not zero": int(np.max(result.info["active"])),
            "seconds": seconds,
            "goal": goal,
            "MB of X": X.nbytes / 1e6,
            "MB beyond X": beyond / 1e6,
            "worst gap": worst(result.certificates),
            "": None if goal is None else verdict(seconds <= goal),
        })  # fmt: skip
    return table


def describe() -> str:
    found = in_r.versions()
    asked = ["R", *(name for name in ordinal_r.PACKAGES if name != "authors")] if found else []
    peers = [f"{name} {found[name]}" for name in asked if name in found] or ["R not found"]
    absent = [name for name in asked if name not in found]
    return (
        f"sparsestats {version('sparsestats')}, numpy {np.__version__}, Python {platform.python_version()}, "
        f"{platform.machine()}; {', '.join(peers)}{''.join(f'; {name} not installed' for name in absent)}. One thread, "
        "processor time, the least of several turns."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one turn, the smaller problems, no slow peer")
    parser.add_argument("--official", type=Path, metavar="DIR", help="a directory with the authors' R files")
    parser.add_argument("--out", type=Path, help="folder of the tables (default benchmarks/results[/quick])")
    options = parser.parse_args()
    results = Path(__file__).with_name("results")
    turns = 1 if options.quick else 7
    setting, tables = describe(), []
    print(setting)
    makers = [
        lambda: goals(turns, options.quick),
        lambda: over_classes(turns),
        lambda: wide_paths(turns, options.quick),
        lambda: ridge_paths(turns, options.quick),
        lambda: against_likelihoods(turns, options.quick),
    ]
    if options.official is not None:
        makers.append(lambda: against_authors(options.official, turns, options.quick))
    for make in makers:
        tables.append(make())
    write(options.out or (results / "quick" if options.quick else results), tables, setting)


if __name__ == "__main__":
    main()
