"""The response of a formula as a family's loss wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..estimators.categories import counted_cells
from ..formula import Design


@dataclass(frozen=True, eq=False)
class Rows:
    """What the estimator sees: the rows of a design, one for each class where a row counts classes.

    Attributes
    ----------
    X, y, sample_weight, offset, row_groups
    source : ndarray of int or None
        The design's row that each row comes from, when they are not the same.
    levels : tuple or None
        What y = 0, y = 1, ... stand for.
    """

    X: np.ndarray
    y: np.ndarray
    sample_weight: np.ndarray | None
    offset: np.ndarray | None
    row_groups: np.ndarray | None
    source: np.ndarray | None = None
    levels: tuple[Any, ...] | None = None


def numeric(built: Design) -> Rows:
    """Rows for a loss over numbers.

    Raises
    ------
    ValueError
        When the response holds classes.
    """
    assert built.response is not None and built.y is not None
    if built.response.kind != "numeric":
        levels = built.response.levels or ()
        family = "multinomial" if len(levels) > 2 else "binomial"
        shown = ", ".join(map(repr, levels[:3])) + (", ..." if len(levels) > 3 else "")
        raise ValueError(
            f"The response {built.response.name} holds classes ({shown}), and this family wants numbers: "
            f'use family="{family}", or turn it into a number.'
        )
    return Rows(built.X, built.y, built.sample_weight, built.offset, built.row_groups)


def two_classes(built: Design, *, each: bool = False) -> Rows:
    """Rows for a loss over two classes, y = 1 for the event, which is the last level; ``each`` as in :func:`counted`.

    Raises
    ------
    ValueError
        When the response does not have two classes, or only one occurs.
    """
    response, y = built.response, built.y
    assert response is not None and y is not None
    if response.kind == "counts":
        if len(response.levels or ()) > 2:
            raise ValueError(f"A binomial response needs two classes; {response.name} counts {y.shape[1]}.")
        return counted(built, each=each)
    levels = (0, 1) if response.kind == "numeric" else response.levels or ()
    if response.kind == "numeric" and not np.isin(y, (0.0, 1.0)).all():
        found = np.unique(y)
        shown = ", ".join(f"{v:g}" for v in found[:5]) + (", ..." if len(found) > 5 else "")
        raise ValueError(
            f"A binomial response needs two classes; {response.name} is a number with the values {shown}. "
            f"Write C({response.name}) for classes, I({response.name} > {found[(len(found) - 1) // 2]:g}) for an event "
            "above a limit, or cbind(yes, no) for counts."
        )
    if len(levels) != 2:
        shown = ", ".join(map(repr, levels[:6])) + (", ..." if len(levels) > 6 else "")
        raise ValueError(
            f"A binomial response needs two classes; {response.name} has {len(levels)}: {shown}."
            + (f" Write I({response.name} == 'level') for one against the rest." if len(levels) > 2 else "")
        )
    present = np.unique(y)
    if len(present) < 2:
        raise ValueError(
            f"The response {response.name} has one class only in the rows used: {levels[int(present[0])]!r}."
        )
    codes = y.astype(np.int64)
    return Rows(built.X, codes, built.sample_weight, built.offset, built.row_groups, levels=levels)


def several_classes(built: Design, *, each: bool = False) -> Rows:
    """Rows for a loss over three classes and more, coded in the order of the levels that occur; ``each`` as in
    :func:`counted`.

    Raises
    ------
    ValueError
        When the response is a number, or fewer than three classes occur.
    """
    response, y = built.response, built.y
    assert response is not None and y is not None
    if response.levels is None:
        raise ValueError(
            f"A multinomial response needs classes; {response.name} is a number. Write C({response.name}) for classes."
        )
    if response.kind == "counts":
        rows = counted(built, each=each)
    else:
        present, codes = np.unique(y, return_inverse=True)
        found = tuple(response.levels[int(k)] for k in present)
        rows = Rows(built.X, codes, built.sample_weight, built.offset, built.row_groups, levels=found)
    levels = rows.levels or ()
    if len(levels) < 3:
        raise ValueError(
            f"A multinomial response needs three classes or more; {response.name} has {len(levels)} in the rows "
            f'used: {", ".join(map(repr, levels))}. Two are family="binomial".'
        )
    return rows


def counted(built: Design, *, each: bool = False) -> Rows:
    """Every row of ``cbind(...)`` as one for each class, the counts as weights; the folds never part them.

    With ``each`` there is a row for each outcome, for what depends on their number: weights have no scale.

    ``cbind(yes, no)`` names the event first, as glm() does in R; three columns and more are in the order of the levels.

    Raises
    ------
    ValueError
        When a class is counted in no row.
    """
    response = built.response
    assert response is not None and built.y is not None and response.levels is not None
    levels, counts = response.levels, built.y
    if len(levels) == 2:
        levels, counts = levels[::-1], counts[:, ::-1]
    source, y, weight = counted_cells(counts, built.sample_weight)
    absent = np.setdiff1d(np.arange(len(levels)), y)
    if len(absent):
        raise ValueError(f"{response.name} never counts {levels[absent[0]]!r}: it is 0 in every row used.")
    if each:
        times = counts[source, y].astype(np.intp)
        source, y, weight = (np.repeat(values, times) for values in (source, y, weight / times))
    groups = np.arange(len(counts)) if built.row_groups is None else built.row_groups
    return Rows(
        X=np.asfortranarray(built.X[source]),
        y=y,
        sample_weight=weight,
        offset=None if built.offset is None else built.offset[source],
        row_groups=groups[source],
        source=source,
        levels=levels,
    )
