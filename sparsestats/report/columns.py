"""The columns of a design as the reports see them: names, and the term each belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from ..formula.frame import Level
from ..formula.grammar import Call, Name, Node, names_beside_texts, show
from ..formula.guard import variables
from ..formula.spec import Product, Spec
from ..formula.vocabulary import FACTORS


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
            # The term's name is not part of the column's: a group named by grp().
            return name
        # A label ends at a bracket that another factor or nothing follows; it may hold brackets itself.
        end = i + 1
        while end < len(name) and not (name[end] == "]" and (end + 1 == len(name) or name[end + 1] == ":")):
            end += 1
        labels.append(name[i + 1 : end])
        i = end + 1
    return ":".join(labels)


class Columns:
    """Names and terms of a design's columns; an object per column is only built when it is asked for.

    Parameters
    ----------
    spec : Spec
        What the design remembers of its data.

    Attributes
    ----------
    names : list of str, length p
    terms : list of str, length m
    term_of : ndarray of int (p,), position of each column's term in ``terms``
    free : ndarray of bool (p,), columns that no penalty covers
    """

    def __init__(self, spec: Spec):
        self.spec = spec

    def __len__(self) -> int:
        return len(self.spec.names)

    @property
    def names(self) -> list[str]:
        return self.spec.names

    @cached_property
    def terms(self) -> list[str]:
        return [term.name for term in self.spec.terms]

    @property
    def term_of(self) -> np.ndarray:
        return self.spec.groups

    @cached_property
    def n_terms(self) -> int:
        return int(self.term_of.max(initial=-1)) + 1

    @cached_property
    def free(self) -> np.ndarray:
        return self.spec.penalty_factor == 0

    @cached_property
    def array(self) -> np.ndarray:
        """The names as an object array, to be indexed by positions."""
        return np.asarray(self.names, dtype=object)

    @cached_property
    def by_term(self) -> list[np.ndarray]:
        """Positions of the columns of each term."""
        order = np.argsort(self.term_of, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.term_of, minlength=self.n_terms))[:-1])

    def level(self, column: int) -> str:
        """The level or basis label of one column, "" when the column is its term."""
        term = self.spec.terms[self.term_of[column]]
        if term.levels is not None:
            level = term.levels[term.columns.index(column)]
            if level is not None:
                return str(level)
        return level_of(self.names[column], term.name)

    def read_as_levels(self, term: int) -> set[str]:
        """The variables of a term that enter as levels, numbers under ``C()`` or beside a string among them."""
        found: set[str] = set()
        for factor in self._factors(term):
            called = isinstance(factor, Call) and factor.function in FACTORS
            if called or (isinstance(factor, Name) and self.spec.kinds.get(factor.name) == "factor"):
                found |= set(variables(factor))
            found |= set(names_beside_texts(factor))
        return found

    def learned_levels(self, term: int) -> dict[str, list[Level]]:
        """The levels that a term's factors have columns for, by variable; of expressions under ``C()`` there are none.

        A variable may declare more: levels without rows at fit.
        """
        found: dict[str, list[Level]] = {}
        for factor in self._factors(term):
            inner = factor.args[0] if isinstance(factor, Call) and factor.function in FACTORS else factor
            learned = self.spec.states.get(show(factor), {})
            if isinstance(inner, Name) and "levels" in learned:
                found[inner.name] = learned["levels"]
        return found

    def _factors(self, term: int) -> Iterator[Node]:
        name = self.spec.terms[term].name
        for block in self.spec.blocks:
            if isinstance(block, Product) and name == (block.group or block.name):
                yield from block.factors

    def is_factor(self, term: int) -> bool:
        """Whether a term's columns stand for levels."""
        return self.spec.terms[term].levels is not None
