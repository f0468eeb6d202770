"""Distances between an estimated graph and a reference one, matrices ``[from, to]`` (weights count as
edges).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .graphs import cpdag, descendants, topological_order


def _edges(graph: Any, name: str) -> np.ndarray:
    edges = np.asarray(graph) != 0
    if edges.ndim != 2 or edges.shape[0] != edges.shape[1]:
        raise ValueError(f"{name} must be a square matrix [from, to]; got shape {edges.shape}")
    if np.diagonal(edges).any():
        raise ValueError(f"{name} has an edge from a variable to itself")
    return edges


def _dags(true: Any, estimated: Any) -> tuple[np.ndarray, np.ndarray]:
    pair = _edges(true, "true"), _edges(estimated, "estimated")
    if pair[0].shape != pair[1].shape:
        raise ValueError(f"the graphs differ in size: {pair[0].shape[0]} and {pair[1].shape[0]} variables")
    for edges, name in zip(pair, ("true", "estimated"), strict=True):
        if topological_order(edges) is None:
            raise ValueError(f"{name} has a cycle; this distance compares DAGs")
    return pair


def _pairs_that_differ(first: np.ndarray, second: np.ndarray) -> int:
    differs = first != second
    return int(np.triu(differs | differs.T, 1).sum())


def shd(true: Any, estimated: Any) -> int:
    """Structural Hamming distance: pairs of variables joined otherwise; a reversed edge counts once.

    Parameters
    ----------
    true, estimated : array-like (d, d)
        Directed graphs, ``[from, to]``.

    Returns
    -------
    int
        From 0 to d (d - 1) / 2.

    Raises
    ------
    ValueError
        For graphs that are not square, differ in size, or join a variable with itself.

    Examples
    --------
    >>> import sparsestats as ss
    >>> ss.metrics.shd([[0, 1], [0, 0]], [[0, 0], [1, 0]])
    1
    """
    a, b = _edges(true, "true"), _edges(estimated, "estimated")
    if a.shape != b.shape:
        raise ValueError(f"the graphs differ in size: {a.shape[0]} and {b.shape[0]} variables")
    return _pairs_that_differ(a, b)


def shd_cpdag(true: Any, estimated: Any) -> int:
    """Structural Hamming distance between the Markov classes of two DAGs (SHD-C).

    Pairs of variables joined otherwise in the completed partially directed graphs: 0 within a Markov class.

    Parameters
    ----------
    true, estimated : array-like (d, d)
        DAGs, ``[from, to]``.

    Returns
    -------
    int
        From 0 to d (d - 1) / 2.

    Raises
    ------
    ValueError
        As :func:`shd`, and for graphs with a cycle.

    Examples
    --------
    >>> import sparsestats as ss
    >>> ss.metrics.shd_cpdag([[0, 1], [0, 0]], [[0, 0], [1, 0]])
    0
    """
    a, b = _dags(true, estimated)
    return _pairs_that_differ(cpdag(a), cpdag(b))


def sid(true: Any, estimated: Any) -> int:
    """Structural intervention distance: how many effects of one variable on another would come out wrong.

    The number of ordered pairs (i, j) whose effect of i on j would be computed wrongly in ``true`` when
    adjusting for the parents that i has in ``estimated``.

    Parameters
    ----------
    true, estimated : array-like (d, d)
        DAGs, ``[from, to]``.

    Returns
    -------
    int
        From 0 to d (d - 1).

    Raises
    ------
    ValueError
        As :func:`shd_cpdag`.

    References
    ----------
    Peters & Buhlmann (2015), Structural intervention distance for evaluating causal graphs, Neural Computation 27.

    Examples
    --------
    >>> import sparsestats as ss
    >>> ss.metrics.sid([[0, 1], [0, 0]], [[0, 0], [1, 0]])
    2
    """
    edges, other = _dags(true, estimated)
    below = descendants(edges)
    parents = [np.flatnonzero(column) for column in edges.T]
    children = [np.flatnonzero(row) for row in edges]
    reaches = below | np.eye(len(edges), dtype=bool)
    wrong = 0
    for i in range(len(edges)):
        adjusted = other[:, i]
        # A parent in `estimated` is taken not to be affected by i at all.
        wrong += int((adjusted & below[i]).sum())
        # Adjusting for something affected by a variable on the way from i to j spoils the effect on j.
        spoilt = below[i] & (reaches[:, adjusted].any(axis=1))
        bad = (spoilt[:, None] & reaches).any(axis=0)
        bad |= _open_sideways(i, adjusted, parents, children, np.asarray(reaches[:, adjusted].any(axis=1)))
        bad[i] = False
        wrong += int((bad & ~adjusted).sum())
    return wrong


def _open_sideways(
    i: int, given: np.ndarray, parents: list[np.ndarray], children: list[np.ndarray], opens: np.ndarray
) -> np.ndarray:
    """Variables that some path from i other than a directed one reaches, given the adjusted variables."""
    found = np.zeros(len(given), dtype=bool)
    # (variable, came down an arrow, the path so far is directed)
    stack = [(int(p), False, False) for p in parents[i]] + [(int(c), True, True) for c in children[i]]
    seen = set(stack)
    while stack:
        v, down, directed = stack.pop()
        if v == i:
            continue
        if not directed:
            found[v] = True
        following: list[tuple[int, bool, bool]] = []
        if not given[v]:
            following += [(int(c), True, directed and down) for c in children[v]]
            if not down:
                following += [(int(p), False, False) for p in parents[v]]
        if down and opens[v]:
            following += [(int(p), False, False) for p in parents[v]]
        for state in following:
            if state not in seen:
                seen.add(state)
                stack.append(state)
    return found
