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

_LONGEST_UPRIGHT = 10
"""Characters of a name that may stand upright: with longer ones the levels go down the page, each on a line."""


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
    split = classes if classes or not numeric else others
    parts = [("", values)]
    if split:
        parts = [(str(level), part) for level, part in values.groupby(split[0], sort=False, observed=True)]
    parts = parts[:_MOST_LINES]
    told = f"contribution of {plots.plain(name)}"
    unit = f"to the linear predictor{'s' if classes else ''} (mean 0)"
    if not numeric and _down_the_page(parts[0][1][others[0]]):
        ax = _draw_down(ax, others[0], parts)
        ax.set_xlabel(f"{told} {unit}")
    else:
        ax = plots.new_axes(ax)
        plots.clean(ax)
        ax.axhline(0, color=plots.INK, linewidth=0.8)
        ax.set_ylabel(f"{told}\n{unit}")
        ends = _draw_lines(fit, ax, numeric[0], parts) if numeric else _draw_levels(ax, others[0], parts)
        if split:
            plots.label_ends(ax, ends, [name for name, _ in parts], plots.COLOURS[: len(ends)])
    if not values["effect"].any():
        ax.text(0.5, 0.55, "not selected", transform=ax.transAxes, ha="center", color=plots.INK)
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
    """A point a level and part, the levels side by side; the heights at the last level."""
    names, effects, every, told = _in_order(variable, parts)
    at, aside = np.arange(len(names)), _apart(parts, every)
    for effect, shift, colour in zip(effects.T, aside, plots.COLOURS, strict=False):
        ax.plot(at + shift, effect, "o", color=colour, markersize=7 if every == 1 else 3)
        ax.vlines(at + shift, 0, effect, color=colour, linewidth=1.5 if every == 1 else 0.7)
    upright = _too_wide(names[::every])
    ax.set_xticks(at[::every], names[::every], rotation=90 if upright else 0, fontsize=None if every == 1 else 7)
    ax.margins(x=0.15 if len(names) < 10 else 0.03)
    ax.set_xlabel(told)
    return effects[-1].tolist()


def _draw_down(ax: Any, variable: str, parts: Sequence[tuple[str, pd.DataFrame]]) -> Any:
    """A point a level and part, the levels from top to bottom, and a key to the parts; the axes."""
    names, effects, every, told = _in_order(variable, parts)
    at, aside = np.arange(len(names)), _apart(parts, every)
    ax = plots.new_axes(ax, height=max(4.5, 1.0 + 0.2 * len(names[::every])))
    plots.clean(ax)
    ax.grid(axis="y", visible=False)
    ax.grid(axis="x", color=plots.GRID, linewidth=0.8)
    ax.axvline(0, color=plots.INK, linewidth=0.8)
    for (part, _), effect, shift, colour in zip(parts, effects.T, aside, plots.COLOURS, strict=False):
        ax.plot(effect, at + shift, "o", color=colour, markersize=6 if every == 1 else 3, label=plots.plain(part))
        ax.hlines(at + shift, 0, effect, color=colour, linewidth=1.5 if every == 1 else 0.7)
    ax.set_yticks(at[::every], names[::every], fontsize=8 if every == 1 else 7)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_ylabel(told)
    if len(parts) > 1:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8, labelcolor="linecolor")
    return ax


def _in_order(variable: str, parts: Sequence[tuple[str, pd.DataFrame]]) -> tuple[list[str], np.ndarray, int, str]:
    """Names of the levels, their effects (levels, parts), of how many one is named, and the label of their axis.

    Of many levels without an order the lowest comes first.
    """
    levels, effects = list(parts[0][1][variable]), np.column_stack([part["effect"] for _, part in parts])
    every, told = _every(levels), plots.plain(variable)
    if every > 1:
        told += f" ({len(levels)} levels, one of {every} named)"
        if all(isinstance(level, str) for level in levels):
            order = np.argsort(effects[:, 0], kind="stable")
            levels, effects = [levels[i] for i in order], effects[order]
    return [plots.plain(str(level)) for level in levels], effects, every, told


def _apart(parts: Sequence[Any], every: int) -> np.ndarray:
    """How far the points of each part stand from the middle of their level."""
    return min(0.12, 0.8 / len(parts)) * (np.arange(len(parts)) - (len(parts) - 1) / 2) * (every == 1)


def _every(levels: Sequence[Any]) -> int:
    """Of how many levels one is named."""
    return -(-len(levels) // _MOST_NAMED)


def _too_wide(names: Sequence[str]) -> bool:
    return sum(len(name) + 2 for name in names) > _WIDEST_ROW


def _down_the_page(levels: pd.Series) -> bool:
    """Whether names of levels are too many to stand side by side, and one too long to stand upright."""
    names = [plots.shortened(str(level)) for level in levels]
    return _too_wide(names[:: _every(names)]) and max(map(len, names)) > _LONGEST_UPRIGHT


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
