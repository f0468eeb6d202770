"""Layered drawing of a DAG: columns by depth, few crossings, long edges past the nodes instead of through them.

The scheme of Sugiyama, Tagawa and Toda (1981): an edge over several columns gets a place in each of them, places
are ordered by barycentres, and heights follow their neighbours as closely as the gaps allow. Lengths are inches.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..backend.graphs import levels

ROW, LANE = 0.22, 0.13
"""Least gap between two nodes of a column, and the height an edge that passes by gets."""
SWEEPS = 12


@dataclass(frozen=True, eq=False)
class Layout:
    """Where things are.

    Attributes
    ----------
    centre : (d, 2) centres of the nodes
    routes : edge -> (m, 2) points; pairs of them cross a column level, the first and last lie on the node boxes
    """

    centre: np.ndarray
    routes: dict[tuple[int, int], np.ndarray]


def columns_of(edges: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Column of every variable: the longest path that ends in it; sources just before their first child."""
    depth = levels(edges)
    for j in order[::-1]:
        children = np.flatnonzero(edges[j])
        if len(children) and not edges[:, j].any():
            depth[j] = max(depth[children].min() - 1, 0)
    return depth


def layered(adjacency: np.ndarray, order: np.ndarray, width: np.ndarray, height: np.ndarray) -> Layout:
    """Places of nodes with the given boxes (inches) and routes of the edges; isolated nodes in rows below."""
    edges = adjacency != 0
    d = len(edges)
    depth = columns_of(edges, order)
    alone = ~(edges.any(axis=0) | edges.any(axis=1))
    columns: list[list[int]] = [[] for _ in range(int(depth[~alone].max(initial=-1)) + 1)]
    for j in map(int, order):
        if not alone[j]:
            columns[depth[j]].append(j)
    # Items are the nodes, then one for every column an edge passes.
    chains: dict[tuple[int, int], list[int]] = {}
    count = d
    for i, j in zip(*map(np.ndarray.tolist, np.nonzero(edges)), strict=True):
        passing = list(range(count, count + depth[j] - depth[i] - 1))
        count += len(passing)
        for k, item in enumerate(passing):
            columns[depth[i] + 1 + k].append(item)
        chains[i, j] = [i, *passing, j]
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for chain in chains.values():
        for a, b in pairwise(chain):
            after[a].append(b)
            before[b].append(a)
    columns = _uncrossed(columns, before, after)
    size = np.concatenate([height + ROW, np.full(count - d, LANE)])
    y = _heights(columns, before, after, size)
    x, half = _widths(columns, after, np.concatenate([width, np.zeros(count - d)]), y)
    centre = np.zeros((d, 2))
    for k, members in enumerate(columns):
        for j in members:
            if j < d:
                centre[j] = x[k], y[j]
    _put_below(centre, [int(j) for j in order if alone[j]], width, height, ~alone)
    return Layout(centre, _routes(chains, centre, width, height, x, half, y, depth))


def _uncrossed(columns: list[list[int]], before: Sequence[list[int]], after: Sequence[list[int]]) -> list[list[int]]:
    """Columns ordered by the mean place of the neighbours, from the left and from the right in turn."""
    place = {item: k - (len(members) - 1) / 2 for members in columns for k, item in enumerate(members)}
    best, fewest = columns, _crossings(columns, after)
    for sweep in range(2 * SWEEPS):
        forward = sweep % 2 == 0
        joined = before if forward else after
        current = []
        for members in best if forward else best[::-1]:
            mean = [float(np.mean([place[i] for i in joined[j]])) if joined[j] else place[j] for j in members]
            ranked = [members[k] for k in np.argsort(mean, kind="stable")]
            place.update({item: k - (len(ranked) - 1) / 2 for k, item in enumerate(ranked)})
            current.append(ranked)
        if not forward:
            current = current[::-1]
        number = _crossings(current, after)
        if number <= fewest:
            best, fewest = current, number
    return best


def _crossings(columns: list[list[int]], after: Sequence[list[int]]) -> int:
    total = 0
    for left, right in pairwise(columns):
        at = {item: k for k, item in enumerate(right)}
        seen: list[int] = []
        for item in left:
            ends = sorted(at[j] for j in after[item])
            total += sum(len(seen) - bisect_right(seen, k) for k in ends)
            for k in ends:
                insort(seen, k)
    return total


def _heights(
    columns: list[list[int]], before: Sequence[list[int]], after: Sequence[list[int]], size: np.ndarray
) -> np.ndarray:
    """Heights in each column nearest to those of the neighbours that keep the order and the gaps."""
    from sklearn.isotonic import isotonic_regression  # scipy.stats comes with it

    y = np.zeros(len(size))
    offsets = []
    for members in columns:
        part = size[members]
        offset = np.concatenate([[0.0], np.cumsum((part[:-1] + part[1:]) / 2)]) if len(part) else part
        offsets.append(offset)
        y[members] = offset - offset[-1] / 2 if len(part) else offset
    for sweep in range(2 * SWEEPS):
        inward = list(zip(columns, offsets, strict=True))
        for members, offset in inward if sweep % 2 == 0 else inward[::-1]:
            if not members:
                continue
            joined = [before[j] + after[j] for j in members]
            wanted = [np.mean(y[j]) if j else y[m] for j, m in zip(joined, members, strict=True)]
            # What passes should pass straight; a node may give way.
            weight = [len(j) for j in joined]
            y[members] = offset + isotonic_regression(np.asarray(wanted) - offset, sample_weight=weight)
    return -y  # the first is on top


def _widths(
    columns: list[list[int]], after: Sequence[list[int]], width: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Middle and half width of every column; more room where more, or steeper, edges pass between two."""
    half = np.array([width[members].max(initial=0.1) / 2 for members in columns])
    x = np.zeros(len(columns))
    for k in range(1, len(columns)):
        rises = [abs(y[i] - y[j]) for i in columns[k - 1] for j in after[i]]
        gap = np.clip(0.55 + 0.02 * len(rises) + 0.25 * max(rises, default=0.0), 0.75, 1.7)
        x[k] = x[k - 1] + half[k - 1] + gap + half[k]
    return x, half


def _put_below(
    centre: np.ndarray, lonely: list[int], width: np.ndarray, height: np.ndarray, joined: np.ndarray
) -> None:
    """Nodes without edges, in rows under the others."""
    if not lonely:
        return
    left = (centre[joined, 0] - width[joined] / 2).min(initial=0.0)
    right = max((centre[joined, 0] + width[joined] / 2).max(initial=0.0), left + 4.0)
    low = centre[joined, 1].min() - height.max() - 0.45 if joined.any() else 0.0
    x = left
    for k, j in enumerate(lonely):
        if k and x + width[j] > right:
            x, low = left, low - height.max() - ROW
        centre[j] = x + width[j] / 2, low
        x = centre[j, 0] + width[j] / 2 + 0.3


def _routes(
    chains: dict[tuple[int, int], list[int]],
    centre: np.ndarray,
    width: np.ndarray,
    height: np.ndarray,
    x: np.ndarray,
    half: np.ndarray,
    y: np.ndarray,
    depth: np.ndarray,
) -> dict[tuple[int, int], np.ndarray]:
    """Points of the edges: out of the right side of a box, level past columns, into the left side of the last."""
    d = len(centre)
    leaving: dict[int, list[tuple[float, tuple[int, int]]]] = {j: [] for j in range(d)}
    entering: dict[int, list[tuple[float, tuple[int, int]]]] = {j: [] for j in range(d)}
    for (i, j), chain in chains.items():
        leaving[i].append((y[chain[1]], (i, j)))
        entering[j].append((y[chain[-2]], (i, j)))
    start, end = _ports(leaving, centre, height), _ports(entering, centre, height)
    routes = {}
    for (i, j), chain in chains.items():
        points = [(centre[i, 0] + width[i] / 2, start[i, j])]
        for k, item in enumerate(chain[1:-1], start=int(depth[i]) + 1):
            points += [(x[k] - half[k], y[item]), (x[k] + half[k], y[item])]
        points.append((centre[j, 0] - width[j] / 2, end[i, j]))
        routes[i, j] = np.array(points)
    return routes


def _ports(
    ends: dict[int, list[tuple[float, tuple[int, int]]]], centre: np.ndarray, height: np.ndarray
) -> dict[tuple[int, int], float]:
    """Heights at which edges meet a box, in the order they come from, so that they do not cross there."""
    out = {}
    for j, met in ends.items():
        for k, (_, edge) in enumerate(sorted(met)):
            share = (k + 1) / (len(met) + 1) - 0.5
            out[edge] = centre[j, 1] + 0.9 * share * height[j]
    return out
