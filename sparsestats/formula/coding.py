"""Factors as columns: which levels there are, and the matrix that codes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .frame import Column, Level, as_level
from .grammar import Call, Flag, Listing, Name, Node, Text
from .guard import constant, refuse


def scalar(node: Node) -> Level:
    """A level written in a formula."""
    if isinstance(node, (Text, Flag)):
        return node.value
    value = constant(node)
    assert value is not None, "the guard lets no other node through"
    return as_level(value)


def contrast_of(node: Node) -> tuple[str, Level | None] | None:
    """The coding a factor asks for, as (name, base level); None when it asks for none."""
    if not isinstance(node, Call):
        return None
    coding = node.args[1] if len(node.args) > 1 else dict(node.keywords).get("contrasts")
    match coding:
        case None:
            return None
        case Name(name=name):
            return name, None
        case Call(function=name, args=args, keywords=keywords):
            base = [*args, *(value for _, value in keywords)]
            return name, scalar(base[0]) if base else None
        case _:
            refuse(node, "the coding is one of contr.treatment, contr.sum, contr.helmert, contr.poly")


def learn_levels(node: Node, column: Column) -> tuple[Level, ...]:
    """The levels that occur, in the order declared by the formula, else by the data, else sorted."""
    assert column.levels is not None
    used = set(np.unique(column.values[~column.missing]).tolist())
    occurring = [level for i, level in enumerate(column.levels) if i in used]
    given = dict(node.keywords).get("levels") if isinstance(node, Call) else None
    if not isinstance(given, Listing):
        return tuple(occurring)
    listed = [scalar(item) for item in given.items]
    if len(set(listed)) != len(listed):
        refuse(node, "levels= names one level twice")
    absent = [level for level in occurring if level not in listed]
    if absent:
        refuse(node, f"levels= leaves out {absent} of column {column.name!r}")
    return tuple(level for level in listed if level in occurring)


def recode(column: Column, levels: Sequence[Level]) -> tuple[np.ndarray, np.ndarray]:
    """Codes of a column in given levels, and the mask of rows whose level is not among them.

    Unseen and missing rows have the code -1; only unseen ones are marked.
    """
    assert column.levels is not None
    position = {_distinct(level): i for i, level in enumerate(levels)}
    table = np.array([*(position.get(_distinct(level), -1) for level in column.levels), -1], dtype=np.intp)
    codes = table[column.values]
    return codes, (codes < 0) & ~column.missing


def _distinct(level: Level) -> tuple[str, Level]:
    """Python takes True for 1; as levels they are different, while 1 and 1.0 are the same."""
    return ("text" if isinstance(level, str) else "flag" if isinstance(level, bool) else "number"), level


def coding_matrix(
    node: Node, levels: Sequence[Level], *, full: bool
) -> tuple[np.ndarray, list[str], list[Level | None]]:
    """The rows that code each level, the label of each column, and the level a column stands for if any.

    Parameters
    ----------
    node : Node
        The factor as written; an explicit coding in it wins over ``full``.
    levels : sequence, length k
    full : bool
        One 0/1 column for every level; otherwise treatment coding against the first (k - 1 columns).

    Returns
    -------
    matrix : ndarray (k, columns)
    labels : list of str
    standing_for : list
        The level whose indicator a column is, or None for columns that mix levels.
    """
    k = len(levels)
    contrast = contrast_of(node)
    if contrast is None and full:
        return np.eye(k), [str(level) for level in levels], list(levels)
    name, base = contrast or ("contr.treatment", None)
    if k < 2:
        refuse(node, f"{name} needs two levels that occur, and only {list(levels)} does")
    match name:
        case "contr.treatment":
            if base is not None and base not in levels:
                refuse(node, f"the base {base!r} is not among the levels {list(levels)}")
            others = [i for i in range(k) if i != (0 if base is None else list(levels).index(base))]
            return np.eye(k)[:, others], [f"T.{levels[i]}" for i in others], [levels[i] for i in others]
        case "contr.sum":
            matrix = np.vstack([np.eye(k - 1), -np.ones(k - 1)])
            return matrix, [f"S.{level}" for level in levels[:-1]], [None] * (k - 1)
        case "contr.helmert":
            matrix = np.triu(-np.ones((k, k - 1))) + np.vstack([np.zeros(k - 1), np.diag(np.arange(1.0, k))])
            return matrix, [f"H.{level}" for level in levels[1:]], [None] * (k - 1)
        case _:
            return _polynomial(k), [_degree(j) for j in range(1, k)], [None] * (k - 1)


def _polynomial(k: int) -> np.ndarray:
    """Orthonormal polynomials on 1, ..., k without the constant, as R's contr.poly."""
    scores = np.arange(1.0, k + 1) - (k + 1) / 2
    q, r = np.linalg.qr(np.vander(scores, k, increasing=True))
    return (q * np.sign(np.diag(r)))[:, 1:]


def _degree(j: int) -> str:
    return {1: ".L", 2: ".Q", 3: ".C"}.get(j, f"^{j}")
