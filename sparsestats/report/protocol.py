"""What an estimator tells the reports about itself, so that no report knows a family by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Table:
    """Cells already in words, to be laid out as text, HTML or LaTeX.

    Parameters
    ----------
    columns : sequence of str
        Heads of the columns.
    rows : sequence of sequences of str
        The cells, as many in a row as there are heads.
    align : str
        One letter a column: "l" or "r".
    notes : sequence of str
        Lines under the table.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    align: str
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Report:
    """The answer of an estimator's ``__report__()``.

    Parameters
    ----------
    headline : str
        The model in words: ``"Group SLOPE, gaussian"``.
    settings : str
        What shapes it apart from alpha: ``"sequence mean, q = 0.10; standardize = True"``.
    tables : sequence of Table
        The family's own tables; without any, the fit shows its coefficients by term.
    notes : sequence of str
        Lines a reader of this family needs (signs, assumptions, caps that bound).
    plots : mapping of str to callable
        The family's own plots: kind -> ``plot(fit, ax, **options) -> Axes``.
    frames : mapping of str to callable
        The frames behind those plots: kind -> ``frame(fit) -> DataFrame``.
    not_saveable : str
        Why a fit of this model cannot be written as JSON; empty where it can.
    """

    headline: str
    settings: str = ""
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    plots: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    frames: Mapping[str, Callable[[Any], pd.DataFrame]] = field(default_factory=dict)
    not_saveable: str = ""


def report_of(estimator: Any) -> Report:
    """The estimator's own report; its class name where it has none."""
    tell = getattr(estimator, "__report__", None)
    return Report(headline=type(estimator).__name__) if tell is None else tell()
