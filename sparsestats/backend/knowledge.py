"""Knowledge of a graph as users give it: edges by name or position, and tiers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .dag import Knowledge
from .graphs import descendants


def read_knowledge(
    required: Iterable[tuple] | None,
    forbidden: Iterable[tuple] | None,
    tiers: Sequence[Sequence] | Mapping[Any, int] | None,
    d: int,
    names: Sequence[str] | None,
) -> Knowledge:
    """Masks from (from, to) pairs and tiers.

    Parameters
    ----------
    required, forbidden : iterable of (from, to) or None
        Names of columns, or positions.
    tiers : sequence of sequences, mapping variable -> number, or None
        Earliest first. No edge leads from a later tier to an earlier one; variables that are not named
        are free.
    d : int
    names : sequence of str, or None
        Of the columns.

    Raises
    ------
    ValueError
        For a variable that is not a column, an edge from a variable to itself, an edge both required and
        forbidden or against the tiers, required edges that form a cycle.
    """
    if not (required or forbidden or tiers):
        return Knowledge()
    position = {} if names is None else {str(name): j for j, name in enumerate(names)}

    def at(variable: Any, where: str) -> int:
        if str(variable) in position:
            return position[str(variable)]
        if isinstance(variable, int | np.integer) and 0 <= variable < d:
            return int(variable)
        known = f"columns are {list(position)[:10]}" if position else f"positions are 0 to {d - 1}"
        raise ValueError(f"{where} names {variable!r}, which is not a column; {known}")

    def edges(pairs: Iterable[tuple] | None, where: str) -> np.ndarray:
        mask = np.zeros((d, d), dtype=bool)
        for pair in pairs or ():
            if isinstance(pair, str) or len(pair) != 2:
                raise ValueError(f"{where} takes (from, to) pairs; got {pair!r}")
            i, j = (at(variable, where) for variable in pair)
            if i == j:
                raise ValueError(f"{where} has an edge from {pair[0]!r} to itself")
            mask[i, j] = True
        return mask

    need, ban = edges(required, "required"), edges(forbidden, "forbidden")
    tier = np.full(d, -1)
    for variable, number in _tier_items(tiers):
        j = at(variable, "tiers")
        if tier[j] >= 0:
            raise ValueError(f"tiers names {variable!r} twice")
        tier[j] = number
    placed = tier >= 0
    earlier = placed[:, None] & placed[None, :] & (tier[:, None] < tier[None, :])

    def name(j: int) -> Any:
        return j if names is None else str(names[j])

    for clash, why in (
        (need & ban, "is both required and forbidden"),
        (need & earlier.T, "goes against the tiers"),
    ):
        if clash.any():
            i, j = np.argwhere(clash)[0]
            raise ValueError(f"the edge {name(i)!r} -> {name(j)!r} {why}")
    ban |= earlier.T
    # Tiers order all pairs across them, so an order is all a search has to respect.
    must = descendants(need | earlier)
    if np.diagonal(must).any():
        loop = [name(int(j)) for j in np.flatnonzero(np.diagonal(must))]
        raise ValueError(f"required edges and tiers form a cycle through {loop[:5]}")
    return Knowledge(ban if ban.any() else None, need if need.any() else None, must if must.any() else None)


def _tier_items(tiers: Any) -> list[tuple[Any, int]]:
    if tiers is None:
        return []
    if isinstance(tiers, Mapping):
        rank = {value: k for k, value in enumerate(sorted(set(tiers.values())))}
        return [(variable, rank[value]) for variable, value in tiers.items()]
    return [(variable, k) for k, tier in enumerate(tiers) for variable in ([tier] if isinstance(tier, str) else tier)]
