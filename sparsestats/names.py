"""Which columns belong to one term, read from the columns' names alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

_CLOSES = {"(": ")", "'": "'", '"': '"', "`": "`"}


def term_of(name: str) -> str:
    """The term that a design column named ``name`` belongs to.

    A bracket outside parentheses and quotes labels one column of a term: ``bs(age, df=4)[2]`` belongs to
    ``bs(age, df=4)`` and ``C(g)[a]:x`` to ``C(g):x``. A label may itself hold brackets, as interval levels
    do: ``C(band)[(0, 10]]`` belongs to ``C(band)``.

    Parameters
    ----------
    name : str
        A column name.

    Returns
    -------
    str
        The name of the term; ``name`` itself when it carries no label.

    Examples
    --------
    >>> from sparsestats.names import term_of
    >>> term_of("cuts(age, [45, 60])[>=45]")
    'cuts(age, [45, 60])'
    """
    kept: list[str] = []
    i = 0
    while i < len(name):
        character = name[i]
        if character == "[" and kept:
            end = _label_end(name, i)
            if end < 0:
                return name
            i = end + 1
            continue
        end = _matching(name, i) if character in _CLOSES else i
        kept.append(name[i : end + 1])
        i = end + 1
    return "".join(kept)


def _label_end(name: str, start: int) -> int:
    """Position of the bracket that ends the label opened at ``start``; -1 when the label never ends."""
    for i in range(start + 1, len(name)):
        if name[i] == "]" and (i + 1 == len(name) or name[i + 1] == ":"):
            return i
    return -1


def _matching(name: str, start: int) -> int:
    """Position where the parenthesis or quote opened at ``start`` closes; ``start`` when it never does."""
    opened, closes = name[start], _CLOSES[name[start]]
    if opened != "(":
        end = name.find(closes, start + 1)
        return start if end < 0 else end
    i, depth = start, 0
    while i < len(name):
        character = name[i]
        if character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if depth == 0:
                return i
        elif character in _CLOSES:
            i = _matching(name, i)
        i += 1
    return start


def groups_from_names(names: Iterable[str]) -> np.ndarray:
    """Integer group labels for design columns, one group for each term.

    Parameters
    ----------
    names : iterable of str, length p
        Column names as `ModelMatrix` writes them, ``term[label]``; a plain name is a group of its own.

    Returns
    -------
    ndarray of int, shape (p,)
        Labels 0, 1, ... in order of first appearance.

    Examples
    --------
    >>> from sparsestats.names import groups_from_names
    >>> groups_from_names(["age", "C(site)[a]", "C(site)[b]"]).tolist()
    [0, 1, 1]
    """
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(term_of(str(name)), len(seen)) for name in names], dtype=np.intp)
