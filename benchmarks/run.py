"""The command: ``python -m benchmarks [suite ...] [--quick] [--out DIR] [--cap SECONDS]``."""

from __future__ import annotations

import argparse
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from . import in_r, race, report
from .suites import SUITES, Suite
from .worker import FAILURES

PACKAGES = ("sparsestats", "sortedl1", "celer", "skglm", "adelie", "scikit-learn", "numpy", "glmnet", "sgs")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="suite", help=f"{', '.join(SUITES)} (default all)")
    parser.add_argument("--quick", action="store_true", help="a few rows of every suite, under a minute")
    parser.add_argument("--out", type=Path, help="folder of the tables (default benchmarks/results[/quick])")
    parser.add_argument("--cap", type=float, help="seconds after which one fit of a peer is cut off")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.suites if name not in SUITES]
    if unknown:
        parser.error(f"unknown suite {', '.join(unknown)}; expected some of {', '.join(SUITES)}")

    results_folder = Path(__file__).with_name("results")
    folder = options.out or (results_folder / "quick" if options.quick else results_folder)
    limits = race.Limits(cap=4.0, rounds=3, budget=3.0, at_least=0.05) if options.quick else race.Limits()
    if options.cap:
        limits = race.Limits(options.cap, limits.rounds, limits.budget, limits.at_least)
    setting = describe(limits)
    started, everything, failures = time.perf_counter(), [], 0
    print(setting)
    for name in options.suites or SUITES:
        suite = SUITES[name]
        print(f"\n{suite.title}  [{name}]")
        results, measures, failed = run_suite(suite, options.quick, limits)
        report.write(folder, name, suite.title, results, measures, setting)
        everything += results
        failures += failed
    report.plot(folder / "ratios.png", everything)
    print(f"\n{time.perf_counter() - started:.0f} s; tables and ratios.png in {folder}")
    return 1 if failures else 0


def run_suite(suite: Suite, quick: bool, limits: race.Limits) -> tuple[list, list, int]:
    """Results, measures, and how many rows of ours failed; a missed goal or a lost race is a result."""
    results, measures, failed = [], [], 0
    for row in suite.quick_races if quick else suite.races:
        result = race.run(row, limits)
        results.append(result)
        failed += result.ours.outcome != "reached"
        print(line(report.RACE_HEADER, report.race_row(result)), flush=True)
    if suite.probe is not None:
        try:
            measures = suite.probe(quick)
        except FAILURES as error:
            print(f"  failed: {type(error).__name__}: {error}")
            failed += 1
        for measure in measures:
            print(line(report.MEASURE_HEADER, report.measure_row(measure)), flush=True)
    return results, measures, failed


def line(header: list[str], cells: list[str]) -> str:
    """One row for the terminal: the cells that say something, with their headers where they need one."""
    plain = {"problem", "shape", "peer", "measure", "unit", "note", ""}
    pairs = zip(header, cells, strict=True)
    return "  " + "; ".join(cell if title in plain else f"{title} {cell}" for title, cell in pairs if cell)


def describe(limits: race.Limits) -> str:
    """Versions, machine and limits, for the head of every table."""

    def installed(name: str) -> str:
        try:
            found = in_r.versions().get(name) or version(name)
        except PackageNotFoundError:
            found = "not installed"
        return f"{name} {found}"

    return (
        f"{', '.join(map(installed, PACKAGES))}; Python {platform.python_version()}, {platform.machine()}, "
        f"one thread. Up to {limits.rounds} turns a row, a fit cut off at {limits.cap:g} s. "
        "Gaps are relative to the null objective, the worst over the path, recomputed by gaps.py."
    )
