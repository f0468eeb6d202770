"""Rows drawn again: bootstrap samples and random halves, with row groups kept whole and classes in their shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from ..validation import as_random_state

MOST_DRAWS = 1000
"""Draws after which a class that never turns up on both sides is reported, instead of drawing for ever."""


def spawned(random_state: Any, n: int) -> list[np.random.SeedSequence]:
    """A seed for each of n draws, so that they are the same whoever makes them.

    Parameters
    ----------
    random_state : int, SeedSequence, RandomState, Generator or None
        None draws anew.
    n : int

    Raises
    ------
    ValueError
        For anything else.
    """
    if isinstance(random_state, np.random.SeedSequence):
        return random_state.spawn(n)
    draws = as_random_state(random_state)
    given = random_state is None or isinstance(random_state, Integral)
    return np.random.SeedSequence(random_state if given else draws.randint(np.iinfo(np.int32).max)).spawn(n)


@dataclass(frozen=True, eq=False)
class Units:
    """What is drawn: rows, or whole row groups.

    Attributes
    ----------
    members : list of int ndarray, or None
        The rows of each unit; None where a unit is a row.
    strata : list of int ndarray
        Units drawn among themselves: the classes, where no unit holds rows of two.
    codes : int ndarray (n,), or None
        The class of each row; every draw has rows of each.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.selection.resample import Units
    >>> units = Units.of(6, row_groups=["a", "a", "b", "b", "c", "c"])
    >>> units.bootstrap(np.random.default_rng(1))
    array([2, 3, 2, 3, 4, 5])
    """

    members: list[np.ndarray] | None
    strata: list[np.ndarray]
    codes: np.ndarray | None

    @classmethod
    def of(cls, n: int, row_groups: Any = None, codes: np.ndarray | None = None) -> Units:
        """Units of n rows.

        Parameters
        ----------
        n : int
        row_groups : array-like (n,) or None
            Rows with one label are drawn together.
        codes : int array (n,) or None
            Classes of the rows: 0, 1, ...
        """
        members, of_unit = None, codes
        if row_groups is not None:
            labels, _ = pd.factorize(np.asarray(row_groups))
            order = np.argsort(labels, kind="stable")
            members = np.split(order, np.cumsum(np.bincount(labels))[:-1])
            if codes is not None:
                first = codes[[rows[0] for rows in members]]
                pure = bool((codes == first[labels]).all())
                of_unit = first if pure else None
        count = n if members is None else len(members)
        if of_unit is None:
            return cls(members, [np.arange(count)], codes)
        return cls(members, [np.flatnonzero(of_unit == k) for k in np.unique(of_unit)], codes)

    def __len__(self) -> int:
        return sum(map(len, self.strata))

    @property
    def stratified(self) -> bool:
        """Whether classes are drawn one by one, so that their shares stay."""
        return self.codes is not None and len(self.strata) > 1

    def bootstrap(self, rng: np.random.Generator) -> np.ndarray:
        """Rows of as many units as there are, drawn with replacement.

        Raises
        ------
        ValueError
            When no draw has all classes.
        """

        def draw() -> tuple[np.ndarray]:
            return (self._rows([stratum[rng.integers(0, len(stratum), len(stratum))] for stratum in self.strata]),)

        return self._complete(draw)[0]

    def halves(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Rows of a random half of the units, and the other rows; of an odd number the second half has one more.

        Raises
        ------
        ValueError
            For fewer than two units, or when no halves both have all classes.
        """
        if len(self) < 2:
            raise ValueError("two halves need at least two rows or row groups")

        def draw() -> tuple[np.ndarray, np.ndarray]:
            mixed = [rng.permutation(stratum) for stratum in self.strata]
            # The odd ones of several classes go to either half in turn.
            cuts = [(len(stratum) + k % 2) // 2 for k, stratum in enumerate(mixed)]
            first = self._rows([stratum[:cut] for stratum, cut in zip(mixed, cuts, strict=True)])
            return np.sort(first), np.sort(
                self._rows([stratum[cut:] for stratum, cut in zip(mixed, cuts, strict=True)])
            )

        return self._complete(draw)

    def _rows(self, units: Sequence[np.ndarray]) -> np.ndarray:
        drawn = np.concatenate(units)
        if self.members is None:
            return drawn
        return np.concatenate([self.members[unit] for unit in drawn]) if len(drawn) else drawn

    def _complete(self, draw: Any) -> Any:
        """The first draw whose parts all hold every class."""
        if self.codes is None:
            return draw()
        classes = len(np.unique(self.codes))
        for _ in range(MOST_DRAWS):
            parts = draw()
            if all(len(np.unique(self.codes[rows])) == classes for rows in parts):
                return parts
        raise ValueError(
            f"in {MOST_DRAWS} draws of rows a class was always missing: a class has too few rows (or row groups)"
        )
