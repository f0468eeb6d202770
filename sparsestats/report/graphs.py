"""Directed graphs as a person reads them: tables of edges, bootstrap frequencies, drawings laid out by
order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..backend.graphs import levels
from .plots import COLOURS, FAINT, INK, new_axes

BEND = 0.08
"""Curvature of edges: enough to keep one off a node that lies on the straight way."""
LABELLED = 40
"""Edges carry their number up to this many of them; beyond, widths must do."""


def edges_frame(
    names: Sequence[str], adjacency: np.ndarray, penalized: np.ndarray, total: np.ndarray
) -> pd.DataFrame:
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
    weights : (n_boot, d, d) weights of every replicate
    n_boot : int
    """

    names: Sequence[str]
    adjacency: np.ndarray
    frequencies: np.ndarray
    weights: np.ndarray
    n_boot: int

    def to_frame(self, minimum: float = 0.0) -> pd.DataFrame:
        """Edges found at least once and in a share of at least ``minimum``, most frequent first.

        Columns: from, to, frequency, reversed (share with the edge the other way), effect of the fit,
        quartiles of the effect over the replicates that have the edge.
        """
        if not 0 <= minimum <= 1:
            raise ValueError(f"minimum must be a share between 0 and 1; got {minimum}")
        i, j = np.nonzero((self.frequencies > 0) & (self.frequencies >= minimum))
        drawn = np.where(self.weights[:, i, j] == 0, np.nan, self.weights[:, i, j])
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


def layout(adjacency: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Positions (d, 2): the column is the longest path that ends in a variable, rows by a few barycentre
    sweeps.
    """
    edges = adjacency != 0
    depth = levels(edges)
    alone = ~(edges.any(axis=0) | edges.any(axis=1))
    height = np.zeros(len(edges))
    # Sources sit just before their first child rather than all at the far left.
    for j in order[::-1]:
        children = np.flatnonzero(edges[j])
        if len(children) and not edges[:, j].any():
            depth[j] = max(depth[children].min() - 1, 0)
    columns = [
        [j for j in order if depth[j] == k and not alone[j]] for k in range(int(depth.max(initial=0)) + 1)
    ]
    joined = edges | edges.T
    for members in columns:
        height[members] = _spread(len(members))
    for sweep in range(12):
        for members in columns if sweep % 2 == 0 else columns[::-1]:
            centre = []
            for j in members:
                others = np.flatnonzero(joined[j])
                centre.append(height[others].mean() if len(others) else height[j])
            ranked = [members[k] for k in np.argsort(centre, kind="stable")]
            height[ranked] = _spread(len(ranked))
    # Alternate columns are shifted a little, so that an edge over a column does not run through its node.
    shift = np.where(depth % 2 == 1, 0.22, 0.0)
    where = np.column_stack([depth.astype(float), height + shift])
    lonely = [j for j in order if alone[j]]
    floor = where[~alone, 1].min() if (~alone).any() else 1.0
    for k, j in enumerate(lonely):
        where[j] = (k * 0.8, floor - 1.2)
    return where


def _spread(count: int) -> np.ndarray:
    return np.arange(count) - (count - 1) / 2.0


def draw_graph(
    names: Sequence[str],
    adjacency: np.ndarray,
    order: np.ndarray,
    ax: Any = None,
    *,
    labels: np.ndarray | None = None,
    cpdag: np.ndarray | None = None,
) -> Any:
    """The graph with causes on the left; blue raises, orange lowers, width grows with the weight.

    Parameters
    ----------
    labels : (d, d) or None
        Shares to write beside the edges instead of the weights.
    cpdag : (d, d) bool or None
        Draw this class: edges set both ways get no head.
    """
    where = layout(adjacency, order)
    wide = where[:, 0].max(initial=0) + 1
    tall = np.ptp(where[:, 1]) + 1 if len(where) else 1
    ax = new_axes(
        ax, width=float(np.clip(1.7 * wide + 1, 4.5, 16)), height=float(np.clip(1.0 * tall + 1, 3, 12))
    )
    sources, targets = np.nonzero(adjacency)
    largest = np.abs(adjacency).max(initial=0) or 1.0
    size = float(np.clip(11 - 0.12 * len(names), 5, 10))
    pad = 0.6 * size * max((min(len(str(n)), 12) for n in names), default=1) ** 0.5 + 6
    ax.set_xlim(where[:, 0].min(initial=0) - 0.6, where[:, 0].max(initial=0) + 0.6)
    ax.set_ylim(where[:, 1].min(initial=0) - 0.7, where[:, 1].max(initial=0) + 0.7)
    ax.set_axis_off()
    for i, j in zip(sources, targets, strict=True):
        w = adjacency[i, j]
        undirected = cpdag is not None and cpdag[i, j] and cpdag[j, i]
        flips = cpdag is not None and not undirected and not cpdag[i, j]
        tail, head = (j, i) if flips else (i, j)
        colour = COLOURS[0] if w > 0 else COLOURS[1]
        ax.annotate(
            "",
            xy=where[head],
            xytext=where[tail],
            arrowprops={
                "arrowstyle": "-" if undirected else "-|>",
                "color": colour,
                "linewidth": 0.6 + 2.2 * abs(w) / largest,
                "alpha": 0.75 if labels is None else 0.15 + 0.8 * float(labels[i, j]),
                "shrinkA": pad,
                "shrinkB": pad,
                "mutation_scale": 12,
                "connectionstyle": f"arc3,rad={BEND}",
            },
            zorder=1,
        )
        if len(sources) <= LABELLED:
            at = _on_arc(ax, where[tail], where[head])
            text = f"{w:.2f}" if labels is None else f"{labels[i, j]:.2f}"
            ax.text(
                *at,
                text,
                fontsize=size - 2,
                color=INK,
                ha="center",
                va="center",
                zorder=3,
                bbox={"boxstyle": "round,pad=0.12", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
            )
    for spot, name in zip(where, names, strict=True):
        shown = str(name) if len(str(name)) <= 14 else str(name)[:13] + "…"
        ax.text(
            *spot,
            shown,
            fontsize=size,
            color=INK,
            ha="center",
            va="center",
            zorder=4,
            bbox={"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": FAINT, "linewidth": 1},
        )
    return ax


def _on_arc(ax: Any, tail: np.ndarray, head: np.ndarray) -> np.ndarray:
    """A point of a bent edge nearer the tail than the middle: heads crowd, and crossings sit half way."""
    (x1, y1), (x2, y2) = ax.transData.transform([tail, head])
    control = np.array([(x1 + x2) / 2 + BEND * (y2 - y1), (y1 + y2) / 2 - BEND * (x2 - x1)])
    t = 0.42
    point = (1 - t) ** 2 * np.array([x1, y1]) + 2 * t * (1 - t) * control + t**2 * np.array([x2, y2])
    return ax.transData.inverted().transform(point)


def draw_matrix(names: Sequence[str], adjacency: np.ndarray, order: np.ndarray, ax: Any = None) -> Any:
    """Weights in the order of the variables: a DAG fills the upper triangle."""
    d = len(names)
    ax = new_axes(
        ax, width=float(np.clip(0.35 * d + 2.5, 4, 12)), height=float(np.clip(0.35 * d + 2, 3.5, 11))
    )
    shown = adjacency[np.ix_(order, order)]
    limit = np.abs(shown).max(initial=0) or 1.0
    image = ax.imshow(shown, cmap="PuOr_r", vmin=-limit, vmax=limit)
    if d <= 40:
        labels = [str(names[j]) for j in order]
        ax.set_xticks(range(d), labels, rotation=90, fontsize=8)
        ax.set_yticks(range(d), labels, fontsize=8)
    ax.set_xlabel("to")
    ax.set_ylabel("from")
    ax.figure.colorbar(image, ax=ax, label="effect", shrink=0.8)
    return ax
