"""What ``Fit.infer`` found: estimates over bootstrap replicates, p-values and frequencies of terms over halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from .plots import COLOURS, FAINT, GRID, INK, clean, new_axes, plain
from .protocol import Table
from .summary import Summary
from .tables import INTERCEPT, number

if TYPE_CHECKING:
    from .fit import Fit

_MOST_TERMS = 30
_MOST_NAMES = 12
_MOST_DRAWN = 40
_LEVEL = 0.05
"""Where the plot of p-values has its line."""


@dataclass(frozen=True, eq=False)
class Inferred:
    """The answer of ``Fit.infer``, at the alpha and on the rows of the fit.

    Attributes
    ----------
    method : {"bootstrap", "split", "stability"}
    settings : str
        What was drawn and how often, and the alpha.
    frame : DataFrame
        By column, as ``Fit.tidy(zeros=True)``, with what the method adds and its name.
    terms : DataFrame
        By term: term, n_columns, free, selected (by the fit), frequency, and p_value of "split", stable of
        "stability".
    notes : sequence of str
        What a reader must know.
    level : float or None
        Of the intervals.
    threshold : float or None
        Frequency from which a term is stable.
    sd : ndarray or None
        Standard deviations of the rows of ``frame``, for the plot; NaN of the intercept.
    """

    method: str
    settings: str
    frame: pd.DataFrame
    terms: pd.DataFrame
    notes: Sequence[str] = ()
    level: float | None = None
    threshold: float | None = None
    sd: np.ndarray | None = None

    def tidy(self, zeros: bool = True) -> pd.DataFrame:
        """The long frame by column; see ``Fit.tidy``.

        Parameters
        ----------
        zeros : bool, default True
            Keep columns that the fit itself left out.
        """
        if zeros:
            return self.frame.copy()
        kept = (self.frame["estimate"] != 0) | (self.frame["column"] == INTERCEPT)
        return self.frame[kept].reset_index(drop=True)

    def summary(self) -> Summary:
        """The answer on one page; prints as text, as the summary of a fit does."""
        return Summary([(self.heading, "")], [self.table()], [("", note) for note in self.notes])

    @property
    def heading(self) -> str:
        """The method, and what it drew."""
        return f"{self.method}: {self.settings}"

    def __repr__(self) -> str:
        return self.summary().to_text()

    def _repr_html_(self) -> str:
        return self.summary().to_html()

    def table(self) -> Table:
        """What a summary shows of it."""
        return self._intervals() if self.method == "bootstrap" else self._verdicts()

    def _ordered(self) -> pd.DataFrame:
        """Terms as a reader looks for them: smallest p-values first, then the most frequent; free ones last."""
        keys = [key for key in ("free", "p_value", "frequency") if key in self.terms]
        return self.terms.sort_values(keys, ascending=[key != "frequency" for key in keys], kind="stable")

    def _shown(self) -> tuple[pd.DataFrame, list[str]]:
        """The terms of a printed table, and lines on the others."""
        terms = self._ordered()
        found = (terms["frequency"] > 0) | terms["selected"]
        left, never = int(found.sum()) - _MOST_TERMS, terms["term"][~found].tolist()
        notes = [f"... and {left} more terms: fit.tidy(zeros=True)"] if left > 0 else []
        if never:
            more = f", ... ({len(never)} in all)" if len(never) > _MOST_NAMES else ""
            notes.append(f"never selected: {', '.join(never[:_MOST_NAMES])}{more}")
        return terms[found].head(_MOST_TERMS), notes

    def _verdicts(self) -> Table:
        terms, notes = self._shown()
        if self.method == "split":
            head, told = f"p-value ({self.method})", [p_value(value) for value in terms["p_value"]]
        else:
            head, told = f"stable ({self.method})", ["yes" if value else "no" for value in terms["stable"]]
        rows = [
            (row.term, str(row.n_columns), "yes" if row.selected else "no", f"{row.frequency:.2f}", last)
            for row, last in zip(terms.itertuples(), told, strict=True)
        ]
        return Table(("term", "cols", "in the fit", "frequency", head), rows, "lrrrr", notes)

    def _intervals(self) -> Table:
        """A term of several columns has a line of its own above them, with its frequency."""
        assert self.level is not None
        terms, notes = self._shown()
        columns = self.frame[self.frame["column"] != INTERCEPT]
        by_term = dict(list(columns.groupby("term", sort=False)))
        rows: list[tuple[str, ...]] = []
        for term in terms.itertuples():
            own = by_term[term.term]
            several = len(own) > 1
            if several:
                rows.append((term.term, "", "", "", "", f"{term.frequency:.2f}"))
            for row in own.itertuples():
                name = row.column if "class" not in own else f"{row.column}, {own.at[row.Index, 'class']}"
                cells = (row.estimate, row.std_error, row.conf_low, row.conf_high)
                rows.append(("  " * several + name, *map(number, cells), f"{row.frequency:.2f}"))
        tail = 100 * (1 - self.level) / 2
        heads = ("bootstrap", "estimate", "std error", f"{tail:g} %", f"{100 - tail:g} %", "frequency")
        return Table(heads, rows, "lrrrrr", notes)

    # ---- plots ----

    def plot_data(self) -> pd.DataFrame:
        """The frame behind the plot: by column for intervals, else by term."""
        if self.method != "bootstrap":
            return self._ordered().reset_index(drop=True)
        frame = self.frame.assign(sd=self.sd)[self.frame["column"] != INTERCEPT]
        return frame.sort_values("frequency", ascending=False, kind="stable").reset_index(drop=True)

    def plot(self, ax: Any = None, top: int = _MOST_DRAWN) -> Any:
        """Intervals of the columns, or p-values or frequencies of the terms, with frequencies on the right.

        Parameters
        ----------
        ax : matplotlib Axes or None
        top : int, default 40
            Draw so many at most, the most frequent (for p-values the smallest).

        Returns
        -------
        matplotlib Axes
        """
        data = self.plot_data()
        shown = data.head(top)
        ax = new_axes(ax, height=max(2.0, 0.9 + 0.24 * len(shown)))
        places = np.arange(len(shown))[::-1]
        clean(ax)
        ax.grid(axis="y", visible=False)
        ax.grid(axis="x", color=GRID, linewidth=0.8)
        draw = {"bootstrap": self._draw_intervals, "split": self._draw_tests, "stability": self._draw_shares}
        ax.set_yticks(places, draw[self.method](ax, shown, places), fontsize=8)
        ax.set_ylim(-0.7, len(shown) - 0.3)
        for place, share in zip(places, shown["frequency"], strict=True):
            ax.text(1.01, place, f"{share:.2f}", transform=ax.get_yaxis_transform(), va="center", fontsize=8, color=INK)
        ax.text(1.01, 1.01, "frequency", transform=ax.transAxes, fontsize=8, color=INK, va="bottom")
        left = f"{len(data) - len(shown)} more are not drawn" if len(shown) < len(data) else ""
        ax.set_title(left, fontsize=8, loc="left", color=INK)
        return ax

    def _draw_intervals(self, ax: Any, shown: pd.DataFrame, places: np.ndarray) -> list[str]:
        assert self.level is not None
        colours = np.where(shown["estimate"] != 0, COLOURS[0], FAINT)
        low, high, middle = (shown[name] * shown["sd"] for name in ("conf_low", "conf_high", "estimate"))
        ax.axvline(0.0, color=INK, linewidth=0.9)
        ax.hlines(places, low, high, colors=colours, linewidth=2.0)
        ax.scatter(middle, places, c=colours, s=18, zorder=3)
        ax.set_xlabel(f"estimate x sd of its column; {100 * self.level:g} % bootstrap percentile intervals")
        own = shown["column"]
        if "class" in shown:
            own = own + ", " + shown["class"].astype(str)
        return [plain(str(name)) for name in own]

    def _draw_tests(self, ax: Any, shown: pd.DataFrame, places: np.ndarray) -> list[str]:
        least = np.finfo(float).tiny
        values = np.maximum(shown["p_value"].to_numpy(), least)
        colours = np.where(values <= _LEVEL, COLOURS[0], FAINT)
        ax.set_xscale("log")
        ax.axvline(_LEVEL, color=INK, linewidth=0.9, linestyle="--")
        ax.hlines(places, values, 1.0, colors=colours, linewidth=1.0)
        ax.scatter(values, places, c=colours, s=22, zorder=3)
        ax.set_xlim(1.3 * max(1.0, values.max()), min(values.min(), _LEVEL) / 2)
        ax.set_xlabel(f"p-value ({self.method}; family-wise), line at {_LEVEL:g}")
        return [plain(str(name)) for name in shown["term"]]

    def _draw_shares(self, ax: Any, shown: pd.DataFrame, places: np.ndarray) -> list[str]:
        assert self.threshold is not None
        colours = np.where(shown["stable"], COLOURS[0], FAINT)
        ax.axvline(self.threshold, color=INK, linewidth=0.9, linestyle="--")
        ax.hlines(places, 0.0, shown["frequency"], colors=colours, linewidth=1.0)
        ax.scatter(shown["frequency"], places, c=colours, s=22, zorder=3)
        ax.set_xlim(0.0, 1.02)
        ax.set_xlabel(f"share of the halves that select the term (stability), line at {self.threshold:g}")
        return [plain(str(name)) for name in shown["term"]]


def p_value(value: float) -> str:
    """Three digits, and none below what a double tells apart from 0."""
    if value < np.finfo(float).tiny:
        return "< 1e-307"
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}"


def bootstrapped(
    fit: Fit, coefs: np.ndarray, intercepts: np.ndarray, level: float, settings: str, notes: Sequence[str]
) -> Inferred:
    """Estimates, standard errors, percentile intervals and frequencies.

    Parameters
    ----------
    fit : Fit
        At the alpha of the replicates.
    coefs : ndarray (n_boot, p), or (n_boot, K, p) of K classes
    intercepts : ndarray (n_boot,) or (n_boot, K)
    level : float
    settings, notes : as of ``Inferred``
    """
    values = coefs
    share: np.ndarray = (coefs != 0).mean(axis=0)
    sd = np.full(coefs.shape[-1], np.nan) if fit.path.sd is None else fit.path.sd
    sd = np.broadcast_to(sd, share.shape)
    if fit.fit_intercept:  # first in the table of each class; it is not selected
        values = np.concatenate([intercepts[..., None], coefs], axis=-1)
        nothing = np.full((*share.shape[:-1], 1), np.nan)
        share, sd = np.concatenate([nothing, share], axis=-1), np.concatenate([nothing, sd], axis=-1)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    frame = fit.tidy(zeros=True).assign(
        std_error=values.std(axis=0, ddof=1).ravel(),
        conf_low=low.ravel(),
        conf_high=high.ravel(),
        frequency=share.ravel(),
        method="bootstrap",
    )
    terms = _terms(fit).assign(frequency=found_terms(coefs != 0, fit.columns.by_term).mean(axis=0))
    return Inferred("bootstrap", settings, frame, terms, notes, level=level, sd=sd.ravel())


def split_tested(
    fit: Fit, tested: np.ndarray, frequency: np.ndarray, p_values: np.ndarray, settings: str, notes: Sequence[str]
) -> Inferred:
    """p-values and frequencies of the terms in ``tested``.

    Parameters
    ----------
    fit : Fit
        At the alpha of the splits.
    tested : int ndarray (m,)
        Positions of the terms; the others are in every model, and have no p-value.
    frequency, p_values : ndarray (m,)
    settings, notes : as of ``Inferred``
    """
    terms = _terms(fit).iloc[tested].assign(frequency=frequency, p_value=p_values).reset_index(drop=True)
    by_name = terms.set_index("term")
    frame = fit.tidy(zeros=True)
    for name in ("p_value", "frequency"):
        frame[name] = frame["term"].map(by_name[name])
    return Inferred("split", settings, frame.assign(method="split"), terms, notes)


def stable_over(
    fit: Fit, selected: np.ndarray, tested: np.ndarray, threshold: float, settings: str, notes: Sequence[str]
) -> Inferred:
    """Frequencies of columns and terms over halves, and which terms are stable.

    Parameters
    ----------
    fit : Fit
        At the alpha of the halves.
    selected : bool ndarray (halves, p), or (halves, K, p) of K classes
    tested : int ndarray (m,)
        Positions of the terms that are penalised.
    threshold : float
    settings, notes : as of ``Inferred``
    """
    share: np.ndarray = selected.mean(axis=0)
    if fit.fit_intercept:
        share = np.concatenate([np.full((*share.shape[:-1], 1), np.nan), share], axis=-1)
    frame = fit.tidy(zeros=True).assign(frequency=share.ravel(), method="stability")
    frequency = found_terms(selected, [fit.columns.by_term[t] for t in tested]).mean(axis=0)
    terms = _terms(fit).iloc[tested].assign(frequency=frequency, stable=frequency >= threshold).reset_index(drop=True)
    return Inferred("stability", settings, frame, terms, notes, threshold=threshold)


def found_terms(selected: np.ndarray, columns: Sequence[np.ndarray]) -> np.ndarray:
    """Whether some column of a term is selected, in some class: bool (replicates, terms)."""
    by_column: np.ndarray = selected.reshape(len(selected), -1, selected.shape[-1]).max(axis=1)
    return np.column_stack([by_column[:, own].any(axis=1) for own in columns])


def free_terms(fit: Fit) -> np.ndarray:
    """Terms with a column that no penalty covers, by the formula or by ``penalty_factor``: bool (terms,)."""
    factor = fit.path.penalty_factor
    free = fit.columns.free if factor is None else factor == 0
    return np.array([bool(free[own].any()) for own in fit.columns.by_term])


def _terms(fit: Fit) -> pd.DataFrame:
    columns = fit.columns
    assert fit.alpha is not None
    active = fit.path.selected(fit.path.coef(fit.alpha))
    return pd.DataFrame(
        {
            "term": columns.terms,
            "n_columns": [len(own) for own in columns.by_term],
            "free": free_terms(fit),
            "selected": [bool(active[own].any()) for own in columns.by_term],
        }
    )
