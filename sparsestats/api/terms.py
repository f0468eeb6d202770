"""What is said by term in a formula, as the estimators take it: by column."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from ..backend.variables import Variables
from ..formula import Spec
from ..validation import by_name


def group_labels(given: Any, spec: Spec) -> np.ndarray:
    """An integer group for each column: its term's, or the one that a dict of term to name puts the term in.

    Raises
    ------
    TypeError
        When ``given`` is no dict.
    ValueError
        When it names a term that is not in the formula.
    """
    if given is None:
        return spec.groups
    if not isinstance(given, Mapping):
        raise TypeError(
            f"groups must be a dict of term to name, got {type(given).__name__}: in a formula the terms are "
            "the groups; labels of columns belong to GroupSLOPE(groups=...)."
        )
    terms = _checked_terms("groups", given, spec)
    for term, name in given.items():
        if not isinstance(name, Hashable):
            raise ValueError(
                f"groups must give each term the name of its group, such as {{{term!r}: 'u'}}; got {name!r}."
            )
    seen: dict[Any, int] = {}
    codes = [seen.setdefault(("named", given[t]) if t in given else ("term", t), len(seen)) for t in terms]
    return np.asarray(codes, dtype=np.intp)[spec.groups]


def group_names(spec: Spec, groups: np.ndarray, given: Any) -> list[str]:
    """A group's name: the one given to its terms, else its term's."""
    named = given if isinstance(given, Mapping) else {}
    together: list[list[str]] = [[] for _ in range(int(groups.max()) + 1)]
    for term in spec.terms:
        together[groups[term.columns[0]]].append(str(named.get(term.name, term.name)))
    return [names[0] for names in together]


def penalty_factors(given: Any, spec: Spec) -> np.ndarray | None:
    """Penalty factors by column: those given by column or by term, 0 where the formula frees a term.

    Raises
    ------
    ValueError
        For a wrong length, or a term that is not in the formula.
    """
    free, given = spec.penalty_factor, by_name(given)
    if given is None:
        return None if free.all() else free
    if not isinstance(given, Mapping):
        try:
            factors = np.asarray(given, dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"penalty_factor must be a dict of term to number or an array; got {given!r}.") from error
        if factors.shape != free.shape:
            raise ValueError(
                f"penalty_factor needs one number for each of the {len(free)} columns, got shape "
                f"{factors.shape}; a dict of term to number is easier to keep right."
            )
        return free * factors
    terms = _checked_terms("penalty_factor", given, spec)
    for term, factor in given.items():
        if not isinstance(factor, Real) or not 0 <= float(factor) < np.inf:
            raise ValueError(
                f"penalty_factor must be finite numbers >= 0 (0 leaves a term free); {term!r} has {factor!r}."
            )
    return free * np.array([float(given.get(t, 1.0)) for t in terms])[spec.groups]


def _checked_terms(what: str, given: Mapping[str, Any], spec: Spec) -> list[str]:
    """The names of the terms, after complaint about a key that is none of them."""
    terms = [term.name for term in spec.terms]
    for name in given:
        if name not in terms:
            near = difflib.get_close_matches(str(name), terms, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the terms are {', '.join(terms[:20])}."
            raise ValueError(f"{what} names {name!r}, which is no term of the formula; {hint}")
    return terms


@dataclass(frozen=True, eq=False)
class ByTerm:
    """A user's constraints, handed the coefficients by term besides the program's own variables.

    Attributes
    ----------
    function : callable
        The user's: variables -> list of cvxpy constraints.
    columns : mapping of str to list of int
        The columns of each term, and of each column alone.
    coefficients : str
        The program's name for all coefficients, a column of the design at each place of the last axis.
    """

    function: Callable[[Mapping[str, Any]], list]
    columns: Mapping[str, list[int]]
    coefficients: str

    @classmethod
    def of(cls, function: Callable[[Mapping[str, Any]], list], spec: Spec, coefficients: str) -> ByTerm:
        terms = {term.name: list(term.columns) for term in spec.terms}
        columns = {name: [j] for j, name in enumerate(spec.names)}
        return cls(function, terms | columns | terms, coefficients)  # a term's name is its own

    def __call__(self, variables: Mapping[str, Any]) -> list:
        return self.function(Variables(variables, self.coefficients, self.columns))
