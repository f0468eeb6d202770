"""What the plots of the package share: axes, colours, direct labels, the row of counts on top.

matplotlib is imported inside the functions, so that importing sparsestats never loads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

INK, FAINT, GRID = "#333333", "#bdbdbd", "#e6e6e6"
"""Text and main lines; lines that are context; the grid."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#6b4c9a", "#a6192e")
"""Okabe and Ito's palette, told apart with any colour vision, and three darker ones after it."""


def new_axes(ax: Any = None, *, width: float = 7.0, height: float = 4.5) -> Any:
    """``ax`` itself, or the Axes of a new figure that pyplot knows but never shows by itself.

    Raises
    ------
    ImportError
        When matplotlib is not installed; it says which extra brings it.
    """
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Plots need matplotlib: pip install 'sparsestats[plot]'.") from error
    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def clean(ax: Any) -> None:
    """Quiet frame: two spines, a faint horizontal grid behind the data."""
    ax.spines[["right", "top"]].set_visible(False)
    ax.grid(axis="y", color=GRID, linewidth=0.8)
    ax.set_axisbelow(True)


def alpha_axis(ax: Any, alphas: np.ndarray, *, pad: float = 0.0) -> None:
    """A logarithmic axis of alphas, largest on the left; linear below the smallest when one is 0.

    ``pad`` is the room left at both ends, as a fraction of the axis.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    positive = alphas[alphas > 0]
    high = float(alphas.max(initial=0.0))
    low = float(alphas.min(initial=high))
    if len(positive) > 1 and len(positive) == len(alphas):
        ax.set_xscale("log")
        decades = np.log10(high / low)
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
        room = 10.0 ** (pad * decades)
        ax.set_xlim(high * room, low / room)
    elif len(positive) > 1:
        threshold = float(positive.min())
        ax.set_xscale("symlog", linthresh=threshold)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
        ax.set_xlim(high * (high / threshold) ** pad, low - pad * threshold)
    elif low < high:
        ax.set_xlim(high, low)
    logarithmic = "log scale, " if len(positive) > 1 else ""
    ax.set_xlabel(f"alpha ({logarithmic}the penalty weakens to the right)" if low < high else "alpha")


def counts_on_top(ax: Any, alphas: np.ndarray, counts: np.ndarray, label: str, ticks: int = 8) -> None:
    """Write ``counts`` above the axes at about ``ticks`` of the alphas, evenly spread along the path."""
    at = np.unique(np.linspace(0, len(alphas) - 1, min(ticks, len(alphas))).round().astype(int))
    top = ax.secondary_xaxis("top")
    if ax.get_xscale() == "symlog":  # of the scales a secondary axis takes over the logarithm alone
        top.set_xscale("symlog", linthresh=ax.xaxis.get_transform().linthresh)
    top.set_xticks(alphas[at], [str(int(counts[i])) for i in at])
    top.tick_params(axis="x", which="minor", top=False, labeltop=False)
    top.tick_params(axis="x", which="major", labelsize=8, length=3, colors=INK)
    top.set_xlabel(label, fontsize=8, color=INK)
    # The power of ten of large values would stand on the first count.
    ax.yaxis.get_offset_text().set(ha="right", x=-0.02)


def mark_alphas(ax: Any, marks: Mapping[str, float]) -> None:
    """Vertical lines at named alphas; names that share an alpha share one line and one label."""
    by_alpha: dict[float, list[str]] = {}
    for name, alpha in marks.items():
        by_alpha.setdefault(float(alpha), []).append(name)
    styled = zip(by_alpha.items(), ("--", ":", "-.", "-") * len(by_alpha), strict=False)
    before, row = -1.0, 0  # a name near the one on its left goes a line lower
    for (alpha, names), style in sorted(styled, reverse=True):
        ax.axvline(alpha, color=INK, linewidth=0.9, linestyle=style, zorder=1)
        at = ax.transAxes.inverted().transform(ax.transData.transform((alpha, ax.get_ylim()[0])))[0]
        late, row, before = at > 0.9, row + 1 if at - before < 0.15 else 0, at
        ax.annotate(
            " = ".join(names),
            (alpha, 1),
            xycoords=ax.get_xaxis_transform(),
            xytext=(-3 if late else 3, -3 - 10 * row),
            textcoords="offset points",
            ha="right" if late else "left",
            va="top",
            fontsize=8,
            color=INK,
        )


def spread(heights: np.ndarray, gap: float, low: float, high: float) -> np.ndarray:
    """Heights nearest the given ones (least squares), at least ``gap`` apart, inside [low, high].

    Labels keep the order of their lines. When they cannot all fit, they are spaced evenly.
    """
    heights = np.asarray(heights, dtype=float)
    m = len(heights)
    if m * gap >= high - low and m > 1:
        even = np.linspace(low, high, m)
        out = np.empty(m)
        out[np.argsort(heights, kind="stable")] = even
        return out
    order = np.argsort(heights, kind="stable")
    # h_i + i gap must not decrease: isotonic regression after taking the gaps out.
    shifted = heights[order] - gap * np.arange(m)
    blocks: list[list[float]] = []
    for value in shifted:
        blocks.append([float(value), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            value_b, count_b = blocks.pop()
            value_a, count_a = blocks.pop()
            total = count_a + count_b
            blocks.append([(value_a * count_a + value_b * count_b) / total, total])
    level = np.concatenate([np.full(int(count), value) for value, count in blocks]) if blocks else shifted
    level = np.clip(level, low, high - gap * max(m - 1, 0))
    out = np.empty(m)
    out[order] = level + gap * np.arange(m)
    return out


def shortened(name: str, most: int = 32) -> str:
    """The name, its middle left out where it would push the lines themselves aside."""
    if len(name) <= most:
        return name
    head = (most - 3) * 2 // 3
    return f"{name[:head]}...{name[head + 3 - most :]}"


def plain(name: str) -> str:
    """A name as matplotlib shows it: shortened, and dollar signs are money, not mathematics."""
    return shortened(name).replace("$", r"\$")


def label_ends(ax: Any, ends: Sequence[float], names: Sequence[str], colours: Sequence[str]) -> None:
    """Names beside the right ends of their lines, pushed apart so that none covers another."""
    low, high = ax.get_ylim()
    span = (high - low) or 1.0
    height_px = ax.get_window_extent().height or 1.0
    gap = span * 11.0 * ax.figure.dpi / 72.0 / height_px
    places = spread(np.asarray(ends, dtype=float), gap, low + gap / 2, high - gap / 2)
    across = ax.get_yaxis_transform()
    # The names were spread for these limits; lines drawn from here on must not move them.
    ax.set_ylim(low, high)
    for end, place, name, colour in zip(ends, places, names, colours, strict=True):
        ax.plot([1.0, 1.02], [end, place], transform=across, color=colour, linewidth=0.7, clip_on=False)
        ax.text(1.025, place, plain(name), transform=across, color=colour, fontsize=8, va="center", ha="left")
