"""Plots of an ordinal fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import plots

if TYPE_CHECKING:
    from .ordinal_fit import OrdinalFit


def profile(fit: OrdinalFit, ax: Any, columns: np.ndarray, top: int = 9) -> Any:
    """Coefficients over the boundaries: a flat line is proportional odds."""
    beta = fit.path.coef(fit._alpha(None, "a profile plot"))
    scaled = beta if fit.path.sd is None else beta * fit.path.sd
    order = [j for j in columns[np.argsort(-np.abs(scaled[:, columns]).max(axis=0))] if scaled[:, j].any()]
    ax = plots.new_axes(ax)
    plots.clean(ax)
    names = [plots.plain(str(boundary)) for boundary in fit.path.boundaries]
    shown = order[: min(top, len(plots.COLOURS))]
    for j in order[len(shown) :]:
        ax.plot(names, scaled[:, j], color=plots.FAINT, linewidth=0.7)
    for j, colour in zip(shown, plots.COLOURS, strict=False):
        ax.plot(names, scaled[:, j], "o-", color=colour, linewidth=1.6, markersize=4)
    ax.axhline(0, color=plots.INK, linewidth=0.8)
    if not order:
        ax.set_xticks(range(len(names)), names)
        ax.text(0.5, 0.55, "not selected", transform=ax.transAxes, ha="center", color=plots.INK)
    ax.set_xlabel("boundary k")
    ax.set_ylabel(fit.path.axis_label)
    plots.label_ends(
        ax,
        [float(scaled[-1, j]) for j in shown],
        [str(fit.columns.array[j]) for j in shown],
        plots.COLOURS[: len(shown)],
    )
    return ax


def calibration(fit: OrdinalFit, ax: Any, category: Any = None, bins: int = 10) -> Any:
    """Observed against predicted frequency of one category, in sample."""
    table = fit.calibration(category, bins)
    ax = plots.new_axes(ax)
    plots.clean(ax)
    top = 1.05 * float(table[["predicted", "observed"]].to_numpy().max())
    reach = min(1.0, 1.05 * max(top, float(table["high"].max())))
    ax.plot([0, reach], [0, reach], color=plots.INK, linewidth=0.8, zorder=1)
    x, y = table["predicted"], table["observed"]
    ax.errorbar(
        x, y, yerr=[y - table["low"], table["high"] - y], fmt="o", markersize=4.5, color=plots.COLOURS[0],
        ecolor=plots.FAINT, elinewidth=1.2, capsize=2, zorder=3,
    )  # fmt: skip
    ax.set_xlim(0, top)
    ax.set_ylim(0, reach)
    name = fit.levels[int(np.argmin(fit.counts))] if category is None else category
    event = f"P({plots.plain(fit.response.coded)} = {plots.plain(str(name))})"
    ax.set_xlabel(f"predicted {event}, {len(table)} bins of equal weight")
    ax.set_ylabel("observed share (in sample, 95 % intervals)")
    return ax
