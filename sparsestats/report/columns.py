"""The columns of a design as the reports see them: names, and the term each belongs to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


def level_of(name: str, term: str) -> str:
    """What a column's name adds to its term's: ``C(site)[a]`` of ``C(site)`` is ``a``, "" when nothing.

    Labels of several factors of one term are joined by a colon.

    Examples
    --------
    >>> level_of("C(site)[a]:C(sex)[F]", "C(site):C(sex)")
    'a:F'
    """
    if name == term:
        return ""
    labels: list[str] = []
    i = j = 0
    while i < len(name):
        if j < len(term) and name[i] == term[j]:
            i, j = i + 1, j + 1
            continue
        if name[i] != "[":
            return name
        # A label ends at a bracket that another factor or nothing follows; it may hold brackets itself.
        end = i + 1
        while end < len(name) and not (name[end] == "]" and (end + 1 == len(name) or name[end + 1] == ":")):
            end += 1
        labels.append(name[i + 1 : end].removeprefix("T."))
        i = end + 1
    return ":".join(labels)


@dataclass(frozen=True, eq=False)
class Columns:
    """Names of the columns, and of the terms they belong to; objects per column are built when asked for.

    Parameters
    ----------
    names : sequence of str, length p
    terms : sequence of str, length m
    term_of : ndarray of int (p,)
        Position of each column's term in ``terms``.
    free : ndarray of bool (p,)
        Columns that no penalty covers.
    """

    names: Sequence[str]
    terms: Sequence[str]
    term_of: np.ndarray
    free: np.ndarray

    @classmethod
    def from_terms(
        cls, names: Sequence[str], terms: Mapping[str, Sequence[int]], free: np.ndarray
    ) -> Columns:
        """From a mapping of terms to the positions of their columns."""
        term_of = np.zeros(len(names), dtype=np.intp)
        for index, columns in enumerate(terms.values()):
            term_of[columns] = index
        return cls(names, list(terms), term_of, free)

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def array(self) -> np.ndarray:
        """The names as an object array, to be indexed by positions."""
        return np.asarray(self.names, dtype=object)

    @cached_property
    def by_term(self) -> list[np.ndarray]:
        """Positions of the columns of each term."""
        order = np.argsort(self.term_of, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.term_of, minlength=len(self.terms)))[:-1])

    def positions(self, term: str) -> np.ndarray:
        """Positions of one term's columns.

        Raises
        ------
        KeyError
            When there is no such term.
        """
        return self.by_term[self.terms.index(term)] if term in self.terms else _no_term(term, self.terms)

    def level(self, column: int) -> str:
        """The level or basis label of one column."""
        return level_of(str(self.names[column]), str(self.terms[self.term_of[column]]))


def _no_term(term: str, terms: Sequence[str]) -> np.ndarray:
    raise KeyError(f"There is no term {term!r}; the terms are {', '.join(map(str, terms[:20]))}.")
