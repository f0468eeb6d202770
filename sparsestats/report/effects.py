"""What one term of a formula adds to the linear predictor, as a frame and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..formula.frame import Column, Table, complete_rows
from . import plots

if TYPE_CHECKING:
    from .fit import Fit

CLASS = ".class"
"""The frame's column of classes, named as in ``augment``."""

_MOST_LINES = 9
_MOST_TICKS = 400
_MOST_NAMED = 40
"""Levels that are all named along the axis; of more, every so many."""

_WIDEST_ROW = 70
"""Characters of level names that fit side by side; more are turned upright."""


def frame(fit: Fit, term: str, *, data: Any = None, points: int = 101) -> pd.DataFrame:
    """The term's part of the linear predictor over its variables' ranges, mean 0 over the rows given.

    A multinomial fit has one linear predictor a class, and the frame each value once a class.

    Parameters
    ----------
    fit : Fit
    term : str
        A term, or a variable that only one term uses.
    data : DataFrame or None
        Rows whose ranges and levels are used; None is the fit's own.
    points : int
        Grid points of a numeric variable.

    Returns
    -------
    DataFrame with a column for each variable, ``.class`` of a multinomial fit, and ``effect``
        Where levels are crossed with a number, each combination of levels keeps to the range seen with it.
    """
    name, beta = find_term(fit, term), fit.path.coef(fit._alpha(None, "a term plot"))
    index = fit.columns.terms.index(name)
    beta = beta[..., fit.columns.by_term[index]].T  # a column a class, of several
    given = fit._training("a term plot without data=").frame if data is None else data
    table = Table(given)
    variables = fit.spec.terms[index].variables
    complete, _ = complete_rows(table, variables)
    rows = np.flatnonzero(complete)
    if len(rows) == 0:
        raise ValueError(f"No row of the data has all the variables of {name!r}.")
    as_levels = fit.columns.read_as_levels(index)
    read = {v: table.factor(v) if v in as_levels else table.numeric(v) for v in variables}
    numbers = [v for v in variables if v not in as_levels]
    learned = fit.columns.learned_levels(index)
    grids = {v: learned.get(v) or _grid(column, rows, points if v in numbers[:1] else 0) for v, column in read.items()}
    cells = list(product(*grids.values()))
    out = pd.DataFrame({v: [cell[i] for cell in cells] for i, v in enumerate(grids)})
    if numbers and as_levels:
        out = out[_seen(out, read, rows, numbers[0], sorted(as_levels))].reset_index(drop=True)
    effect = fit.spec.term_columns(name, out) @ beta - np.nanmean(fit.spec.term_columns(name, given) @ beta, axis=0)
    if not fit.path.multinomial:
        return out.assign(effect=effect)
    levels = list(fit.levels or ())
    whole = pd.concat([out] * len(levels), ignore_index=True)
    whole[CLASS] = pd.Categorical(np.repeat(np.array(levels, dtype=object), len(out)), levels)
    return whole.assign(effect=effect.T.ravel())


def plot(fit: Fit, term: str, ax: Any = None, *, data: Any = None, points: int = 101) -> Any:
    """Lines for a numeric variable (one a level when a factor is crossed with it), points for levels.

    Of a multinomial fit each class has a line, or a point at every level, in its colour.
    """
    values = frame(fit, term, data=data, points=points)
    *variables, _ = values.columns
    name = find_term(fit, term)
    as_levels = fit.columns.read_as_levels(fit.columns.terms.index(name))
    others = [v for v in variables if v in as_levels or v == CLASS]
    numeric = [v for v in variables if v not in others]
    classes = [CLASS] if CLASS in variables else []
    if len(numeric) > 1 or len(others) > max(1, len(classes) + (not numeric)):
        raise ValueError(
            f"{term!r} has {len(variables) - len(classes)} variables{' for each class' if classes else ''}; "
            "fit.plot_data('term', ...) gives its frame."
        )
    ax = plots.new_axes(ax)
    plots.clean(ax)
    ax.axhline(0, color=plots.INK, linewidth=0.8)
    ax.set_ylabel(f"contribution of {plots.plain(name)}\nto the linear predictor{'s' if classes else ''} (mean 0)")
    if not values["effect"].any():
        ax.text(0.5, 0.55, "not selected", transform=ax.transAxes, ha="center", color=plots.INK)
    split = classes if classes or not numeric else others
    parts = [("", values)]
    if split:
        parts = [(str(level), part) for level, part in values.groupby(split[0], sort=False, observed=True)]
    parts = parts[:_MOST_LINES]
    ends = _draw_lines(fit, ax, numeric[0], parts) if numeric else _draw_levels(ax, others[0], parts)
    if split:
        plots.label_ends(ax, ends, [name for name, _ in parts], plots.COLOURS[: len(ends)])
    return ax


def _draw_lines(fit: Fit, ax: Any, variable: str, parts: Sequence[tuple[str, pd.DataFrame]]) -> list[float]:
    """A line a part, and where the variable was observed; the heights at the right ends."""
    for (_, part), colour in zip(parts, plots.COLOURS, strict=False):
        ax.plot(part[variable], part["effect"], color=colour, linewidth=1.8)
    ax.margins(x=0)
    ax.set_xlabel(plots.plain(variable))
    if fit.training is not None:
        observed = Table(fit.training.frame)[variable].values
        observed = observed[np.isfinite(observed)]
        shown = observed[:: max(1, len(observed) // _MOST_TICKS)]
        across = ax.get_xaxis_transform()
        ax.plot(shown, np.full(len(shown), 0.01), "|", transform=across, color=plots.FAINT, markersize=7, zorder=1)
    return [float(part["effect"].iloc[-1]) for _, part in parts]


def _draw_levels(ax: Any, variable: str, parts: Sequence[tuple[str, pd.DataFrame]]) -> list[float]:
    """A point a level and part, the lowest first of many levels without an order; the heights at the last level."""
    levels, effects = list(parts[0][1][variable]), np.column_stack([part["effect"] for _, part in parts])
    every = -(-len(levels) // _MOST_NAMED)
    told = ""
    if every > 1:
        told = f" ({len(levels)} levels, one of {every} named)"
        if all(isinstance(level, str) for level in levels):
            order = np.argsort(effects[:, 0], kind="stable")
            levels, effects = [levels[i] for i in order], effects[order]
    names = [plots.plain(str(level)) for level in levels]
    at = np.arange(len(names))
    apart = min(0.12, 0.8 / len(parts)) * (np.arange(len(parts)) - (len(parts) - 1) / 2) * (every == 1)
    for effect, aside, colour in zip(effects.T, apart, plots.COLOURS, strict=False):
        ax.plot(at + aside, effect, "o", color=colour, markersize=7 if every == 1 else 3)
        ax.vlines(at + aside, 0, effect, color=colour, linewidth=1.5 if every == 1 else 0.7)
    upright = sum(len(name) + 2 for name in names[::every]) > _WIDEST_ROW
    ax.set_xticks(at[::every], names[::every], rotation=90 if upright else 0, fontsize=None if every == 1 else 7)
    ax.margins(x=0.15 if len(names) < 10 else 0.03)
    ax.set_xlabel(plots.plain(variable) + told)
    return effects[-1].tolist()


def find_term(fit: Fit, term: str) -> str:
    """The term meant by its own name or by a variable that no other term uses."""
    if term in fit.columns.terms:
        return term
    having = [t.name for t in fit.spec.terms if term in t.variables]
    if len(having) == 1:
        return having[0]
    shown = ", ".join((having or fit.columns.terms)[:20])
    what = f"{term!r} is used by several terms" if having else f"There is no term {term!r}"
    raise ValueError(f"{what}; choose one of {shown}.")


def _seen(out: pd.DataFrame, read: dict[str, Column], rows: np.ndarray, number: str, levels: list[str]) -> pd.Series:
    """Which rows of a grid lie in the range that the number has together with their levels."""
    observed = pd.DataFrame({v: np.asarray(read[v].levels, dtype=object)[read[v].values[rows]] for v in levels})
    observed["number"] = read[number].values[rows]
    ranges = observed.groupby(levels)["number"].agg(["min", "max"])
    key = [tuple(cell) if len(levels) > 1 else cell[0] for cell in out[levels].itertuples(index=False)]
    found = ranges.reindex(key)
    return pd.Series(out[number].between(found["min"].to_numpy(), found["max"].to_numpy()))


def _grid(column: Column, rows: np.ndarray, points: int) -> list[Any]:
    """Values to draw at: the levels that occur, ``points`` over the range, or three quantiles (0 points)."""
    values = column.values[rows]
    if column.levels is not None and column.kind == "factor":
        return [column.levels[code] for code in np.unique(values)]
    distinct = np.unique(values)
    if len(distinct) <= 2:
        return distinct.tolist()
    if points == 0:
        return np.quantile(values, [0.1, 0.5, 0.9]).tolist()
    return np.linspace(distinct[0], distinct[-1], points).tolist()
