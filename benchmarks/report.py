"""Tables and the plot: what was measured, round by round (CSV), and what it says (Markdown, PNG)."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Iterable
from pathlib import Path

from .probes import Measure
from .race import Result, Side

LONG_COLUMNS = [
    "suite", "problem", "shape", "solver", "target", "tol", "round", "seconds", "worst_gap", "warmup_seconds",
    "outcome", "note", "measure", "value", "unit", "goal",
]  # fmt: skip


def seconds_text(seconds: float) -> str:
    if math.isnan(seconds):
        return "-"
    return f"{1e3 * seconds:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def number(value: float) -> str:
    """Three significant digits, never in powers of ten between 0.01 and 10 000."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def verdict(met: bool | None) -> str:
    return {None: "", True: "met", False: "MISSED"}[met]


def side_cells(side: Side | None, cap: float) -> tuple[str, str, str]:
    """Seconds, setting and worst gap of one solver."""
    if side is None:
        return "", "", ""
    if side.outcome in ("failed", "not installed"):
        return ": ".join(filter(None, (side.outcome, side.note))), "", ""
    tol = "" if math.isnan(side.tol) else f"{side.tol:.1e}"
    if side.outcome == "capped":
        return f"> {cap:.0f} s", tol, "cut off"
    gap = f"{side.worst_gap:.1e}" + (" (target missed)" if side.outcome == "missed" else "")
    return seconds_text(side.median), tol, gap


def race_row(result: Result) -> list[str]:
    race, ratios = result.race, result.ratios
    ours, peer = side_cells(result.ours, result.cap), side_cells(result.peer, result.cap)
    if not ratios:
        spread = ""
    elif result.peer.outcome == "capped":
        spread = f"> {number(ratios[0])}"
    else:
        values = (min(ratios), statistics.median(ratios), max(ratios))
        spread = " / ".join(map(number, values)) + ("" if result.comparable else " (gaps differ)")
    goal = ""
    if race.goal_ratio is not None:
        goal = f"ratio >= {race.goal_ratio:g}"
    if race.goal_seconds is not None:
        goal = f"<= {seconds_text(race.goal_seconds)}"
    name = (race.peer or "-") + (f" at {race.peer_target:.0e}" if race.peer_target else "")
    asked = f"{race.target:.0e}"
    return [
        race.problem,
        result.shape,
        asked,
        ours[0],
        ours[2],
        name,
        *peer,
        spread,
        goal,
        verdict(result.met),
    ]


RACE_HEADER = [
    "problem", "shape", "gap asked", "ours", "our worst gap", "peer", "peer's time", "peer's tol",
    "peer's worst gap", "ratio min / median / max", "goal", "",
]  # fmt: skip
MEASURE_HEADER = ["measure", "min", "median", "max", "unit", "goal", "", "note"]


def measure_row(measure: Measure) -> list[str]:
    goal = "" if measure.goal is None else f"<= {number(measure.goal)}"
    values = (min(measure.values), measure.median, max(measure.values))
    return [measure.name, *map(number, values), measure.unit, goal, verdict(measure.met), measure.note]


def markdown(header: list[str], rows: Iterable[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def write(folder: Path, suite: str, title: str, results: list[Result], measures: list[Measure], setting: str) -> None:
    """Write <suite>.csv (long: one row a round) and <suite>.md (one row a comparison)."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{suite}.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, LONG_COLUMNS, restval="")
        writer.writeheader()
        for result in results:
            writer.writerows({"suite": suite} | record for record in result.timings())
        for measure in measures:
            for position, value in enumerate(measure.values):
                writer.writerow(
                    {"suite": suite, "measure": measure.name, "round": position, "value": value,
                     "unit": measure.unit, "goal": measure.goal, "note": measure.note}
                )  # fmt: skip
    text = f"# {title}\n\n{setting}\n\n"
    if results:
        text += markdown(RACE_HEADER, map(race_row, results))
    if measures:
        text += markdown(MEASURE_HEADER, map(measure_row, measures))
    (folder / f"{suite}.md").write_text(text)


def plot(path: Path, results: list[Result]) -> None:
    """Ratios to peers, min-median-max, on a log axis: right of 1 ours is faster."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.lines import Line2D

    rows = [result for result in results if result.ratios and result.race.peer_target is None]
    if not rows:
        return
    colours = {1e-3: "#c4d9ee", 1e-4: "#8fb8de", 1e-6: "#2b6cb0", 1e-8: "#1a2f4b"}
    offsets = {1e-3: 0.0, 1e-4: -0.24, 1e-6: 0.0, 1e-8: 0.24}  # 1e-3 is asked alone
    names = [f"{result.race.problem}  vs  {result.race.peer}" for result in rows]
    places = {name: place for place, name in enumerate(dict.fromkeys(names))}
    figure, axes = plt.subplots(figsize=(8.5, 1.6 + 0.36 * len(places)), layout="constrained")
    for name, result in zip(names, rows, strict=True):
        race, ratios, colour = result.race, result.ratios, colours[result.race.target]
        place = places[name] + offsets[race.target]
        low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
        axes.plot([low, high], [place, place], color=colour, linewidth=2.5, solid_capstyle="butt")
        marker = ">" if result.peer.outcome == "capped" else "o"
        face = colour if result.comparable else "white"
        axes.plot(middle, place, marker, color=colour, markersize=6, markerfacecolor=face)
        if race.goal_ratio is not None:
            axes.plot(race.goal_ratio, place, "|", color="crimson", markersize=11, markeredgewidth=2)
    for place in list(places.values())[1::2]:
        axes.axhspan(place - 0.5, place + 0.5, color="black", alpha=0.035, linewidth=0)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set(xscale="log", yticks=list(places.values()), ylim=(len(places) - 0.4, -0.6))
    axes.set_yticklabels(list(places), fontsize=8)
    axes.set_xlabel("peer's time / our time at the same certified gap   (right of 1: ours is faster)")
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.grid(axis="x", which="both", alpha=0.25)
    used = sorted({result.race.target for result in rows}, reverse=True)
    handles = [Line2D([], [], color=colours[t], marker="o", label=f"gap {t:.0e}") for t in used]
    handles += [
        Line2D([], [], color="grey", marker=">", linestyle="", label="peer cut off: at least this"),
        Line2D([], [], color="grey", marker="o", markerfacecolor="white", linestyle="", label="gaps differ"),
        Line2D([], [], color="crimson", marker="|", markersize=11, linestyle="", label="goal"),
    ]
    place = {"loc": "lower center", "bbox_to_anchor": (0.4, 1.0), "frameon": False}
    axes.legend(handles=handles, fontsize=8, ncols=3, **place)
    figure.savefig(path, dpi=150)
    plt.close(figure)
