"""Directed graphs as a person reads them: tables of edges, bootstrap frequencies, drawings laid out by
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from .layered import layered
from .plots import COLOURS, FAINT, GRID, INK, new_axes, plain, shortened

LABELLED = 40
"""Edges carry their number up to this many of them; beyond, widths must do."""
WIDEST, TALLEST = 18.0, 13.0
"""Inches of a new figure; larger graphs are drawn smaller."""
LINE = 14
"""Letters of a name that stand in one line."""
NAMED, WRITTEN = 60, 12
"""Most variables whose names, and whose weights, are written on the matrix."""
STYLES: dict[str, tuple[str, Any]] = {
    "raises": (COLOURS[0], "-"),
    "lowers": (COLOURS[1], (0, (4, 1.2))),
    "open": ("#777777", "-"),
}
"""Colour and dashes of an edge: the sign must survive a grey print."""


def edges_frame(names: Sequence[str], adjacency: np.ndarray, penalized: np.ndarray, total: np.ndarray) -> pd.DataFrame:
    """One row an edge, strongest first: from, to, effect, penalised, total."""
    i, j = np.nonzero(adjacency)
    labels = np.asarray(names, dtype=object)
    frame = pd.DataFrame(
        {
            "from": labels[i],
            "to": labels[j],
            "effect": adjacency[i, j],
            "penalised": penalized[i, j],
            "total": total[i, j],
        }
    )
    return frame.iloc[np.argsort(-np.abs(frame["effect"].to_numpy()), kind="stable")].reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class EdgeFrequencies:
    """How often each edge was found over bootstrap replicates.

    Attributes
    ----------
    names : names of the variables
    adjacency : (d, d) weights of the fit itself
    frequencies : (d, d) share of replicates with the edge ``[from, to]``
    weights : sparse (n_boot, d * d), a row for each replicate's weights ``[from, to]``, row by row
    n_boot : int
    """

    names: Sequence[str]
    adjacency: np.ndarray
    frequencies: np.ndarray
    weights: sparse.csr_array
    n_boot: int

    @classmethod
    def of(cls, names: Sequence[str], adjacency: np.ndarray, replicates: Sequence[sparse.csr_array]) -> EdgeFrequencies:
        """From the weights of every replicate, each a sparse row of d * d."""
        d, weights = len(adjacency), sparse.vstack(replicates, format="csr")
        found = np.bincount(weights.indices, minlength=d * d).reshape(d, d)
        return cls(names, adjacency, found / len(replicates), weights, len(replicates))

    def replicate(self, k: int) -> np.ndarray:
        """Weights of one replicate, (d, d)."""
        return self.weights[[k]].toarray().reshape(self.adjacency.shape)

    def to_frame(self, minimum: float = 0.0) -> pd.DataFrame:
        """Edges found at least once and in a share of at least ``minimum``, most frequent first.

        Columns: from, to, frequency, reversed (share with the edge the other way), effect of the fit,
        quartiles of the effect over the replicates that have the edge.
        """
        if not 0 <= minimum <= 1:
            raise ValueError(f"minimum must be a share between 0 and 1; got {minimum}")
        i, j = np.nonzero((self.frequencies > 0) & (self.frequencies >= minimum))
        drawn = self.weights.tocsc()[:, i * len(self.adjacency) + j].toarray()
        drawn[drawn == 0] = np.nan
        quartiles = np.nanquantile(drawn, [0.25, 0.5, 0.75], axis=0) if len(i) else np.empty((3, 0))
        labels = np.asarray(self.names, dtype=object)
        frame = pd.DataFrame(
            {
                "from": labels[i],
                "to": labels[j],
                "frequency": self.frequencies[i, j],
                "reversed": self.frequencies[j, i],
                "effect": self.adjacency[i, j],
                "q25": quartiles[0],
                "median": quartiles[1],
                "q75": quartiles[2],
            }
        )
        return frame.sort_values("frequency", ascending=False, kind="stable").reset_index(drop=True)

    def stable(self, threshold: float = 0.8) -> np.ndarray:
        """Weights of the fit on the edges found in at least this share of the replicates, (d, d)."""
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold must be a share between 0 and 1; got {threshold}")
        return np.where(self.frequencies >= threshold, self.adjacency, 0.0)


def draw_graph(
    names: Sequence[str],
    adjacency: np.ndarray,
    order: np.ndarray,
    ax: Any = None,
    *,
    labels: np.ndarray | None = None,
    cpdag: np.ndarray | None = None,
) -> Any:
    """The graph with causes on the left: solid blue raises, dashed orange lowers, width grows with the weight.

    Parameters
    ----------
    labels : (d, d) or None
        Shares to write beside the edges instead of the weights; rare edges are pale.
    cpdag : (d, d) bool or None
        Draw this class: edges set both ways are grey, without head and number.
    """
    shown = [in_lines(str(name)) for name in names]
    size = float(np.clip(10 - 0.06 * len(names), 7, 9.5))
    width = np.array([max(map(len, lines)) * 0.6 * size / 72 + 0.16 for lines in shown])
    height = np.array([len(lines) * 1.25 * size / 72 + 0.1 for lines in shown])
    place = layered(adjacency, order, width, height)
    corners = [place.centre - np.column_stack([width, height]) / 2, place.centre + np.column_stack([width, height]) / 2]
    points = np.vstack([*corners, *place.routes.values()])
    low, high = points.min(axis=0) - [0.1, 0.4], points.max(axis=0) + 0.1
    across, tall = high - low
    if ax is None:
        # A new figure is all graph: no margins to speak of.
        scale = min(1.0, WIDEST / across, TALLEST / tall)
        inches = np.maximum(scale * np.array([across, tall]), [3.0, 1.2])
        ax = new_axes(width=inches[0], height=inches[1])
    else:
        window = ax.get_window_extent()
        inches = np.array([window.width, window.height]) / ax.figure.dpi
        scale = float(np.clip(min(inches / (across, tall)), 0.3, 1.3))
    # One unit is one inch times the scale both ways; what is left over is margin.
    spare = np.maximum(inches / scale - (across, tall), 0) / 2
    ax.set_xlim(low[0] - spare[0], high[0] + spare[0])
    ax.set_ylim(low[1] - spare[1], high[1] + spare[1])
    ax.set_axis_off()
    largest = np.abs(adjacency).max(initial=0) or 1.0
    taken = [(*a, *b) for a, b in zip(*corners, strict=True)]
    kinds = set()
    lines = {edge: _along(route) for edge, route in place.routes.items()}
    for (i, j), route in place.routes.items():
        w = adjacency[i, j]
        open_ = cpdag is not None and bool(cpdag[i, j] and cpdag[j, i])
        kind = "open" if open_ else "raises" if w > 0 else "lowers"
        kinds.add(kind)
        colour, dashes = STYLES[kind]
        ax.add_patch(
            _arrow(
                route,
                head=not open_,
                color=colour,
                linestyle=dashes,
                linewidth=scale * (0.8 + 1.8 * abs(w) / largest),
                alpha=0.85 if labels is None else 0.15 + 0.8 * float(labels[i, j]),
                mutation_scale=scale * 10,
            )
        )
        if len(place.routes) <= LABELLED and not open_:
            text = f"{w:.2f}" if labels is None else f"{labels[i, j]:.2f}"
            room = np.array([len(text) * 0.68 + 0.4, 1.6]) * (size - 1.5) / 72
            at = _free_spot(route, room, taken, [line for edge, line in lines.items() if edge != (i, j)])
            ax.text(
                *at,
                text,
                fontsize=scale * (size - 1.5),
                color=colour,
                ha="center",
                va="center",
                zorder=3,
                bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
            )
    _draw_boxes(ax, shown, place.centre, width, height, scale * size)
    _draw_key(ax, [kind for kind in STYLES if kind in kinds], scale * size)
    return ax


def in_lines(name: str) -> list[str]:
    """A name in at most two lines, broken after a separator where it has one."""
    if len(name) <= LINE:
        return [name]
    cuts = [k + 1 for k, letter in enumerate(name[:LINE]) if letter in " _.-:" and len(name) - k - 1 <= LINE]
    if not cuts and len(name) > 2 * LINE:  # shortened in any case: the last separator
        cuts = [k + 1 for k, letter in enumerate(name[:LINE]) if letter in " _.-:"][-1:]
    cut = min(cuts, key=lambda k: abs(2 * k - len(name))) if cuts else LINE
    rest = name[cut:].strip()
    return [name[:cut].strip(), rest if len(rest) <= LINE else rest[: LINE - 1] + "…"]


def _arrow(route: np.ndarray, *, head: bool, **style: Any) -> Any:
    """A smooth line through the points, level where it meets them."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    points, codes = [route[0]], [Path.MOVETO]
    for k, (a, b) in enumerate(pairwise(route)):
        if k % 2 == 0:  # between columns
            middle = (a[0] + b[0]) / 2
            points += [(middle, a[1]), (middle, b[1]), b]
            codes += [Path.CURVE4] * 3
        else:
            points.append(b)
            codes.append(Path.LINETO)
    return FancyArrowPatch(
        path=Path(points, codes), arrowstyle="-|>" if head else "-", zorder=1, joinstyle="miter", **style
    )


def _along(route: np.ndarray, shares: Sequence[float] = tuple(np.linspace(0, 1, 13))) -> np.ndarray:
    """Points of an edge at shares of the way across each gap and each column it passes."""
    t = np.asarray(shares)
    rise = t * t * (3 - 2 * t)  # the curve between two levels
    return np.vstack(
        [np.column_stack([a[0] + t * (b[0] - a[0]), a[1] + rise * (b[1] - a[1])]) for a, b in pairwise(route)]
    )


def _free_spot(route: np.ndarray, room: np.ndarray, taken: list[tuple], others: Sequence[np.ndarray]) -> np.ndarray:
    """The spot on the edge whose box covers least of boxes and other edges; takes it."""
    boxes = np.array(taken)
    points = np.vstack(others) if len(others) else np.empty((0, 2))

    def covered(spot: np.ndarray) -> float:
        low, high = spot - room / 2, spot + room / 2
        shared = np.minimum(high, boxes[:, 2:]) - np.maximum(low, boxes[:, :2])
        # A number on another line can be read, one on a box or a number cannot: a thirtieth of a label a point.
        crossed = ((points > low) & (points < high)).all(axis=1).sum()
        return float(np.prod(np.maximum(shared, 0.0), axis=1).sum() + crossed * np.prod(room) / 30)

    best = min(_along(route, (0.5, 0.35, 0.65, 0.22, 0.78)), key=covered)  # of equals the first
    taken.append((*(best - room / 2), *(best + room / 2)))
    return best


def _draw_boxes(
    ax: Any, shown: list[list[str]], centre: np.ndarray, width: np.ndarray, height: np.ndarray, size: float
) -> None:
    from matplotlib.patches import FancyBboxPatch

    for lines, spot, w, h in zip(shown, centre, width, height, strict=True):
        ax.add_patch(
            FancyBboxPatch(
                spot - [w / 2, h / 2],
                w,
                h,
                boxstyle="round,pad=0,rounding_size=0.05",
                facecolor="white",
                edgecolor=FAINT,
                linewidth=1,
                zorder=2,
            )
        )
        ax.text(
            *spot,
            plain("\n".join(lines)),
            fontsize=size,
            color=INK,
            ha="center",
            va="center",
            zorder=4,
            linespacing=1.05,
        )


def _draw_key(ax: Any, kinds: list[str], size: float) -> None:
    from matplotlib.lines import Line2D

    words = {"raises": "raises", "lowers": "lowers", "open": "direction open"}
    lines = [Line2D([], [], color=STYLES[k][0], linestyle=STYLES[k][1], label=words[k]) for k in kinds]
    if lines:
        ax.legend(handles=lines, loc="lower left", ncols=3, frameon=False, fontsize=max(size - 1, 5), borderaxespad=0)


def draw_matrix(names: Sequence[str], adjacency: np.ndarray, order: np.ndarray, ax: Any = None) -> Any:
    """Weights in the order of the variables: a DAG fills the upper triangle. Blue raises, orange lowers.

    The weights are written into the cells up to 12 variables, names along the sides up to 60.
    """
    from matplotlib.colors import LinearSegmentedColormap

    d = len(names)
    ax = new_axes(ax, width=float(np.clip(0.3 * d + 2.5, 4, 12)), height=float(np.clip(0.3 * d + 1.5, 3.2, 11)))
    shown = adjacency[np.ix_(order, order)]
    limit = np.abs(shown).max(initial=0) or 1.0
    colours = LinearSegmentedColormap.from_list("weights", [COLOURS[1], "white", COLOURS[0]])
    image = ax.imshow(shown, cmap=colours, vmin=-limit, vmax=limit)
    size = float(np.clip(9.5 - 0.05 * d, 5.5, 9))
    if d <= NAMED:
        labels = [plain(shortened(str(names[j]), 18)) for j in order]
        ax.set_xticks(range(d), labels, rotation=90, fontsize=size)
        ax.set_yticks(range(d), labels, fontsize=size)
        ax.set_xticks(np.arange(1, d) - 0.5, minor=True)
        ax.set_yticks(np.arange(1, d) - 0.5, minor=True)
        ax.grid(which="minor", color=GRID, linewidth=0.5)
        ax.tick_params(which="both", length=0)
    if d <= WRITTEN:
        for i, j in zip(*np.nonzero(shown), strict=True):
            dark = abs(shown[i, j]) > 0.6 * limit
            ax.text(
                j,
                i,
                f"{shown[i, j]:.2f}",
                ha="center",
                va="center",
                fontsize=size - 1.5,
                color="white" if dark else INK,
            )
    ax.plot([-0.5, d - 0.5], [-0.5, d - 0.5], color=FAINT, linewidth=0.8)
    ax.set_xlabel("to")
    ax.set_ylabel("from")
    ax.figure.colorbar(image, ax=ax, label="effect", shrink=0.8)
    return ax
