"""What an order leaves open: neighbours that could stand the other way round at the same objective."""

from __future__ import annotations

import numpy as np

from .native import dag as native

NEAR = 1e-4
"""Relative difference of two variances, or share of one explained, below which neighbours in the order are exchanged
to see whether the objective tells them apart."""


def undecided_blocks(score: native.Score, order: np.ndarray, W: np.ndarray, scale: np.ndarray) -> list[list[int]]:
    """Runs of the order within which any other order has the same objective.

    A variable that neither uses one behind it nor would take it (its gradient is within the penalty)
    keeps its optimum whichever of the two comes first, so the objective is the same to rounding.
    """
    S, must = score.S, score.known.must
    gradient = np.abs(S @ (np.eye(len(S)) - W))
    limit = score.alpha * np.maximum(scale, score.floor) * (1 + 1e-9)
    joined = (W != 0) | (gradient > limit)
    np.fill_diagonal(joined, False)
    joined |= joined.T
    if must is not None:
        joined |= must | must.T
    blocks: list[list[int]] = []
    reach = np.zeros(len(S), dtype=bool)  # what the last block is joined to
    for j in map(int, order):
        if blocks and not reach[j]:
            blocks[-1].append(j)
            reach |= joined[j]
        else:
            blocks.append([j])
            reach = joined[j].copy()
    return blocks


def with_tied_neighbours(
    blocks: list[list[int]], score: native.Score, order: np.ndarray, W: np.ndarray, objective: float, tie: float
) -> list[list[int]]:
    """Two single neighbours join when the order with the two exchanged has an objective within ``tie``.

    A new fit of the order decides, so only pairs that can tie are tried: of one variance given all before
    them, or joined by next to nothing.
    """
    S = score.S
    try:
        half = np.linalg.cholesky(S[np.ix_(order, order)])
    except np.linalg.LinAlgError:
        return blocks  # residual variances of zero: the search used a ridge and its warning says so
    first = np.diagonal(half)[:-1] ** 2
    second = np.diagonal(half, -1) ** 2 + np.diagonal(half)[1:] ** 2
    weight = W[order[:-1], order[1:]]
    near = (np.abs(first - second) <= NEAR * second) | ((weight != 0) & (weight**2 * first <= NEAR**2 * second))
    must = score.known.must
    out: list[list[int]] = []
    place = 0
    for block in blocks:
        a = out[-1][0] if out and len(out[-1]) == 1 and len(block) == 1 else None
        if a is not None and near[place - 1] and (must is None or not must[a, block[0]]):
            exchanged = order.copy()
            exchanged[place - 1], exchanged[place] = block[0], a
            if abs(native.fit_on_order(score, exchanged).objective - objective) <= tie:
                out[-1] = [a, block[0]]
                place += 1
                continue
        out.append(list(block))
        place += len(block)
    return out
