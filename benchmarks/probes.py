"""Measurements of ours that have no peer: start-up, formula overhead, cross-validation, memory."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .problems import PROBLEMS, autoregressive, grouped

FRESH = Path(__file__).with_name("fresh.py")


@dataclass(frozen=True)
class Measure:
    """Repeated values of one quantity, and the value it should not exceed."""

    name: str
    values: tuple[float, ...]
    unit: str
    goal: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.median <= self.goal


class ProbeError(RuntimeError):
    """A fresh process failed; the text is the end of what it wrote."""


def fresh(*arguments: str, byte_code: str | None = None) -> dict:
    """Run ``fresh.py`` in a new interpreter that sees the installed package, not the sources beside us.

    Byte code is kept in the folder given: an installed package has it, whatever this shell says about writing any.
    """
    environment = dict(os.environ)
    if byte_code:
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = byte_code
    done = subprocess.run(
        [sys.executable, "-P", str(FRESH), *arguments],
        capture_output=True,
        text=True,
        cwd=tempfile.gettempdir(),
        env=environment,
    )
    if done.returncode:
        raise ProbeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no message")
    return json.loads(done.stdout)


def start_up(quick: bool) -> list[Measure]:
    """Import after scikit-learn, and the first fit after the import, each in its own process."""
    repeats = 2 if quick else 7
    problem = PROBLEMS["gslope A"]()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "a.npz")
        np.savez(data, X=problem.X, y=problem.y, groups=problem.groups)
        fresh("first-fit", str(data), byte_code=folder)  # writes the byte code and warms the disk cache
        imports = [fresh("import", byte_code=folder) for _ in range(repeats)]
        fits = [fresh("first-fit", str(data), byte_code=folder) for _ in range(repeats)]
    heavy = sorted(set().union(*(record["heavy"] for record in imports)))
    lazy = "loads " + ", ".join(heavy) if heavy else "none of cvxpy, formulaic, matplotlib, statsmodels loaded"
    return [
        Measure(
            "from sparsestats import GroupSLOPE, after sklearn.linear_model",
            tuple(1e3 * record["seconds"] for record in imports), "ms", 60.0, lazy,
        ),
        Measure("first GroupSLOPE fit of problem A in a process",
                tuple(1e3 * record["seconds"] for record in fits), "ms", 50.0),
    ]  # fmt: skip


def formula_overhead(quick: bool) -> list[Measure]:
    """How much longer ``ss.slope("y ~ .", frame)`` takes than ``SLOPE().path(X, y)``, both by default."""
    import pandas as pd

    import sparsestats as ss

    measures = []
    for p in (1000,) if quick else (100, 1000, 5000):
        rng = np.random.default_rng(p)
        X = np.asfortranarray(autoregressive(rng, 200, p, 0.6))
        y = X[:, :10] @ rng.standard_normal(10) + rng.standard_normal(200)
        frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(p)]).assign(y=y)
        pairs = alternate(
            lambda frame=frame: ss.slope("y ~ .", frame),
            lambda X=X, y=y: ss.SLOPE().path(X, y),
            rounds=3 if quick else max(9, 10_000 // p),  # small fits are within the clock's noise of each other
            clock=time.process_time,  # one thread each: what other processes take is no overhead of ours
        )
        overhead = tuple(100 * (formula / arrays - 1) for formula, arrays in pairs)
        extra = 1e3 * statistics.median(formula - arrays for formula, arrays in pairs)
        note = f"path {1e3 * statistics.median(arrays for _, arrays in pairs):.1f} ms, median difference {extra:.2f} ms"
        measures.append(Measure(f"formula over arrays, {p} numeric columns", overhead, "%", 10.0, note))
    return measures


def cross_validation(quick: bool) -> list[Measure]:
    """10-fold CV of problem A on two threads, in units of one path: the median of nine pairs in each of some processes.

    Where memory comes to lie makes one process up to a half slower than another, and the path and the folds not alike.
    """
    problem = PROBLEMS["gslope A"]()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "a.npz")
        np.savez(data, X=problem.X, y=problem.y, groups=problem.groups, alphas=problem.alphas)
        records = [fresh("cv", str(data)) for _ in range(2 if quick else 15)]
    ratios = tuple(
        statistics.median(whole / single for whole, single in zip(record["whole"], record["single"], strict=True))
        for record in records
    )
    single = 1e3 * statistics.median(statistics.median(record["single"]) for record in records)
    note = f"path {single:.1f} ms, {os.cpu_count()} cores; {len(records)} processes"
    return [Measure("10-fold CV of problem A over one path, n_jobs=2", ratios, "paths", 5.0, note)]


def sparse_group(quick: bool) -> list[Measure]:
    """Sparse-group SLOPE (vmean, q = 0.1) and lasso, 50 alphas to a tenth of alpha_max, at a gap of 1e-6.

    The goals are for an l1_ratio of 0.95; where both parts of the penalty weigh alike its proximal operator is dearest.
    No pip-installable peer solves it. The worst gap is recomputed by the numpy text of the objective and its
    dual, which shares no code with the compiled solver.
    """
    import sparsestats as ss

    measures = []
    for name, sequence, l1_ratio, goal in (
        ("A", "vmean", 0.95, 12),
        ("B", "vmean", 0.95, 80),
        ("C", "vmean", 0.95, 1000),
        ("A", "vmean", 0.5, None),
        ("B", "vmean", 0.5, None),
        ("A", "lasso", 0.5, None),
        ("B", "lasso", 0.5, None),
    ):
        if quick and name != "A":
            continue
        problem = PROBLEMS[f"gslope {name}"]()
        model = ss.SparseGroupSLOPE(sequence=sequence, l1_ratio=l1_ratio, q=0.1, groups=problem.groups)
        grid = ss.relative(1, 0.1, 50)
        times: dict[float, list[float]] = {1e-4: [], 1e-6: [], 1e-8: []}
        for turn in range(3 if name == "C" else 8):
            for tol, spent in times.items():
                began = time.perf_counter()
                path = model.set_params(tol=tol).path(problem.X, problem.y, grid)
                if turn:  # the first warms up
                    spent.append(1e3 * (time.perf_counter() - began))
                if tol == 1e-6 and not turn:
                    worst = worst_gap(model, problem.X, problem.y, path)
        what = "sparse-group SLOPE" if sequence == "vmean" else "sparse-group lasso"
        title = f"{what} {name}, l1_ratio {l1_ratio}, 50 alphas"
        note = f"worst gap of every seventh alpha recomputed in numpy {worst:.1e}"
        measures.append(Measure(title, tuple(times[1e-6]), "ms", goal, note))
        ratios = tuple(tight / loose for tight, loose in zip(times[1e-8], times[1e-4], strict=True))
        measures.append(Measure(f"{what} {name}, l1_ratio {l1_ratio}, a gap of 1e-8 over one of 1e-4", ratios, "x"))
    return measures


def losses(quick: bool) -> list[Measure]:
    """Binomial and Poisson paths over the gaussian one on the same X, 50 alphas to a tenth, at a gap of 1e-6.

    Processor time of one thread: the ratio is one of work. Counts have the standardised gaussian response as log
    mean. The worst gap is recomputed by the numpy text of the objective, as for sparse-group SLOPE.
    """
    import sparsestats as ss

    measures = []
    for name, n, p, seed in (("A", 200, 500, 1), ("B", 200, 1000, 2)):
        if quick and name != "A":
            continue
        plain = grouped(name, n, p, seed=seed)
        chance = grouped(name, n, p, seed=seed, family="binomial")  # the same draws of X and of the effects
        rng = np.random.default_rng(seed)
        counts = rng.poisson(np.exp((plain.y - plain.y.mean()) / plain.y.std()))
        for kind, regressor, classifier, options in (
            ("group SLOPE", ss.GroupSLOPE, ss.GroupSLOPEClassifier, {}),
            ("sparse-group SLOPE", ss.SparseGroupSLOPE, ss.SparseGroupSLOPEClassifier, {"l1_ratio": 0.95}),
        ):
            options = {**options, "q": 0.1, "groups": plain.groups, "tol": 1e-6}
            gaussian = (regressor(**options), plain.y)
            for family, rival in {
                "binomial": (classifier(**options), chance.y.astype(int)),
                "poisson": (regressor(family="poisson", **options), counts),
            }.items():
                title = f"{family} over gaussian, {kind} {name}"
                measures.append(over_gaussian(title, plain.X, gaussian, rival, quick))
    return measures


def over_gaussian(name: str, X: np.ndarray, gaussian: tuple, rival: tuple, quick: bool) -> Measure:
    """Ratio of two paths' processor times, each round in turns."""
    import sparsestats as ss

    grid = ss.relative(1, 0.1, 50)

    def clock(model, y) -> float:
        started = time.process_time()
        model.path(X, y, grid)
        return time.process_time() - started

    clock(*gaussian), clock(*rival)
    pairs = [(clock(*rival), clock(*gaussian)) for _ in range(3 if quick else 31)]
    path = rival[0].path(X, rival[1], grid)
    base = 1e3 * min(seconds for _, seconds in pairs)
    slow = 1e3 * min(seconds for seconds, _ in pairs)
    worst = worst_gap(rival[0], X, rival[1], path)
    note = f"fastest {slow:.1f} over {base:.1f} ms, {len(path)} alphas, worst gap recomputed in numpy {worst:.1e}"
    return Measure(name, tuple(ours / theirs for ours, theirs in pairs), "x", 5.0, note)


def worst_gap(model, X: np.ndarray, y: np.ndarray, path) -> float:
    """Largest relative gap over every seventh alpha, by the numpy text of objective and dual."""
    from sklearn.base import clone

    from sparsestats.backend.duality import Coordinates
    from sparsestats.backend.standardize import resolved

    checker = Coordinates(resolved(clone(model)._problem(X, y)))
    return max(
        checker.certify(path.alphas[i], path.coefs[i], path.intercepts[i], tol=1e-6, n_iter=1, stop="tol").relative
        for i in range(0, len(path), 7)
    )


def wide(quick: bool) -> list[Measure]:
    """A group SLOPE path of 100 000 dense columns: processor time, and the peak beyond X."""
    p = 10_000 if quick else 100_000
    runs = [fresh("wide", str(p)) for _ in range(1 if quick else 2)]
    seen = runs[0]
    m = seen["working_set"]
    n = seen["n_plus_p"] - p
    promise = 8 * (40 * seen["n_plus_p"] + n * m) + seen["result"] + 2**21
    state = "all certified" if seen["converged"] else "NOT ALL CERTIFIED"
    return [
        Measure(
            f"group SLOPE path, n=500 p={p}, {seen['alphas']} alphas", tuple(run["seconds"] for run in runs), "s", 20.0,
            f"{state} at 1e-6; at most {m} columns active; one thread, processor time",
        ),
        Measure(
            f"peak beyond X, n=500 p={p}", tuple(run["extra"] / 2**20 for run in runs), "MB", promise / 2**20,
            f"X {seen['x'] / 2**20:.0f} MB, coefficients returned {seen['result'] / 2**20:.0f} MB; goal = 40 (n + p) "
            "doubles, the active columns, the coefficients and 2 MB",
        ),
    ]  # fmt: skip


def memory(quick: bool) -> list[Measure]:
    """Peak beyond X against the promise X + O(n + p + m^2), plus the coefficients returned."""
    measures = []
    for name, make in {"SLOPE, 200 000 x 50 float32": tall_data, "gslope C": wide_data}.items():
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder, "data.npz")
            np.savez(data, **make())
            seen = fresh("memory", str(data))
        m = seen["working_set"]
        promise = 8 * (20 * seen["n_plus_p"] + 3 * m**2) + seen["result"] + 2**21
        note = (
            f"X {seen['x'] / 2**20:.0f} MB, m {m}: {seen['extra'] / seen['x']:.2f} X; "
            "goal = 20 (n + p) + 3 m^2 doubles, the coefficients and 2 MB"
        )
        extra = (seen["extra"] / 2**20,)
        measures.append(Measure(f"peak beyond X, {name}", extra, "MB", promise / 2**20, note))
        if quick:
            break
    return measures


def wide_data() -> dict:
    problem = PROBLEMS["gslope C"]()
    return {"X": problem.X, "y": problem.y, "alphas": problem.alphas, "groups": problem.groups}


def tall_data() -> dict:
    rng = np.random.default_rng(31)
    n, p = 200_000, 50
    X = np.asfortranarray(rng.standard_normal((n, p), dtype=np.float32))
    y = X[:, :5] @ rng.standard_normal(5) + rng.standard_normal(n)
    highest = float(np.max(np.abs(X.T @ (y - y.mean()))) / n / 3)
    return {"X": X, "y": y, "alphas": highest * np.geomspace(1, 1e-2, 20)}


Call = Callable[[], object]


def alternate(
    first: Call, second: Call, rounds: int, clock: Callable[[], float] = time.perf_counter
) -> list[tuple[float, float]]:
    """Seconds of two calls taken in turns, after one untimed turn; which goes first changes every time."""

    def seconds(call: Call) -> float:
        started = clock()
        call()
        return clock() - started

    first(), second()
    pairs = []
    for turn in range(rounds):
        times = {call: seconds(call) for call in ((first, second), (second, first))[turn % 2]}
        pairs.append((times[first], times[second]))
    return pairs
