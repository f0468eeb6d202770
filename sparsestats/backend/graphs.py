"""Directed graphs as boolean or weighted matrices ``[from, to]``: orders, ancestors, Markov classes."""

from __future__ import annotations

import numpy as np


def topological_order(adjacency: np.ndarray) -> np.ndarray | None:
    """Variables from causes to effects; None when there is a cycle. Ties go to the smaller index."""
    edges = np.asarray(adjacency) != 0
    waiting = edges.sum(axis=0)
    placed = np.zeros(len(edges), dtype=bool)
    order = np.empty(len(edges), dtype=np.int64)
    for k in range(len(edges)):
        ready = np.flatnonzero(~placed & (waiting == 0))
        if len(ready) == 0:
            return None
        order[k] = ready[0]
        placed[ready[0]] = True
        waiting = waiting - edges[ready[0]]
    return order


def descendants(adjacency: np.ndarray) -> np.ndarray:
    """``[i, j]``: there is a directed path i -> ... -> j of at least one edge; cycles show on the
    diagonal.
    """
    reach = np.asarray(adjacency) != 0
    while True:
        wider = reach | (reach.astype(np.float32) @ reach.astype(np.float32) > 0)
        if (wider == reach).all():
            return reach
        reach = wider


def cpdag(adjacency: np.ndarray) -> np.ndarray:
    """The completed partially directed graph of a DAG's Markov equivalence class.

    Parameters
    ----------
    adjacency : array-like (d, d)
        A DAG, ``[from, to]``.

    Returns
    -------
    bool ndarray (d, d)
        ``[i, j]`` alone is i -> j in every DAG of the class; ``[i, j]`` and ``[j, i]`` together are an
        edge that points either way. Colliders first, then Meek's rules 1 to 3.
    """
    edges = np.asarray(adjacency) != 0
    joined = edges | edges.T
    apart = ~joined
    np.fill_diagonal(apart, False)
    # An edge into k is compelled by a second parent of k that its own parent is not joined to.
    directed = edges & (apart.astype(np.float32) @ edges.astype(np.float32) > 0)
    while True:
        open_ = joined & ~directed & ~directed.T
        arrows, free = directed.astype(np.float32), apart.astype(np.float32)
        new = open_ & ((arrows.T @ free > 0) | (arrows @ arrows > 0))
        several = open_.astype(np.float32) @ arrows > 1  # variables between i and j, by an open edge and an arrow
        for i, j in zip(*np.nonzero(open_ & ~new & several), strict=True):
            middle = np.flatnonzero(open_[i] & directed[:, j])
            if apart[np.ix_(middle, middle)].any():
                new[i, j] = True
        if not new.any():
            return directed | open_
        directed = directed | new


def levels(adjacency: np.ndarray) -> np.ndarray:
    """Length of the longest path that ends in each variable, (d,); 0 for sources."""
    edges = np.asarray(adjacency) != 0
    order = topological_order(edges)
    if order is None:
        raise ValueError("the graph has a cycle")
    depth = np.zeros(len(edges), dtype=np.int64)
    for j in order:
        parents = np.flatnonzero(edges[:, j])
        depth[j] = depth[parents].max() + 1 if len(parents) else 0
    return depth
