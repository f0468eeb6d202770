"""A fitted ordinal model of the R door: coefficients by boundary, probabilities by category."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from . import describe, frames, plots, tables
from .fit import Fit
from .ordinal import OrdinalPath
from .protocol import Table
from .summary import Summary
from .tables import number

_TYPES = ("prob", "cumulative", "class", "link")
_MOST_ROWS = 40
_STEP = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class OrdinalFit(Fit):
    """A :class:`~sparsestats.report.fit.Fit` of an ordered response.

    Attributes
    ----------
    counts : sequence of float
        Weight of each category in the rows used.
    alpha_po : float
        The smallest alpha at which the fit is proportional odds.
    references : mapping of str to ndarray (n, K)
        Probabilities of the reference models ("prop. odds", "null") at the rows of the fit.
    codes, weights : ndarray (n,)
        Observed categories and weights of those rows.
    rows : the matrix of those rows
    tests : sequence of str
        Tests of proportional odds, in words.
    inference : mapping of str to callable
        What :meth:`infer` can be asked for.

    Examples
    --------
    >>> import sparsestats as ss
    >>> from sparsestats.datasets import load_penguins
    >>> birds = load_penguins().dropna()
    >>> order = "C(island, levels=['Torgersen', 'Dream', 'Biscoe'])"
    >>> fit = ss.presto(order + " ~ body_mass_g + sex", birds, alpha=0.01)
    >>> fit.coef().shape
    (2, 4)
    """

    path: OrdinalPath
    levels: Sequence[Any]
    counts: Sequence[float] = ()
    alpha_po: float = float("nan")
    references: Mapping[str, np.ndarray] = field(default_factory=dict)
    codes: Any = None
    weights: Any = None
    rows: Any = None
    row_offset: np.ndarray | None = None
    tests: Sequence[str] = ()
    inference: Mapping[str, Callable[[], Any]] = field(default_factory=dict)

    # ---- coefficients ----

    def coef(self, at: str | float | None = None) -> pd.DataFrame:  # type: ignore[override]
        """Coefficients on the data's own scale: boundaries x columns, the intercepts first, zeros kept.

        Parameters
        ----------
        at : "min", "1se", float or None

        Returns
        -------
        DataFrame; for a path without a chosen alpha one with (alpha, boundary) rows
        """
        if at is None and self.alpha is None:
            return pd.concat({a: self.path.profile(a) for a in self.path.alphas}, names=["alpha"])
        return self.path.profile(self._alpha(at, "coef()"))

    def tidy(self, path: bool = False, zeros: bool = False, direction: str = "lower") -> pd.DataFrame:
        """Coefficients as a long frame.

        Parameters
        ----------
        path : bool
            All alphas of the path (always so when the fit sits at none).
        zeros : bool
            Keep coefficients that are 0.
        direction : {"lower", "higher"}
            The categories that a positive estimate moves towards; MASS::polr prints "higher".

        Returns
        -------
        DataFrame with term, column, level, boundary, alpha, estimate, estimate_std
        """
        if direction not in ("lower", "higher"):
            raise ValueError(f'direction must be "lower" or "higher", got {direction!r}.')
        sign = 1.0 if (direction == "lower") != self.path.reverse else -1.0
        alphas = self.path.alphas if path or self.alpha is None else [self.alpha]
        names, columns = self.path.boundaries, self.columns
        parts = []
        for alpha in alphas:
            beta, a = self.path.coef(alpha), self.path.intercept(alpha)
            boundary, column = np.nonzero(np.ones_like(beta) if zeros else beta)
            parts.append(
                pd.DataFrame(
                    {
                        "term": tables.INTERCEPT, "column": tables.INTERCEPT, "level": "", "boundary": names,
                        "alpha": alpha, "estimate": sign * a, "estimate_std": np.nan,
                    }
                )
            )  # fmt: skip
            estimate = sign * beta[boundary, column]
            scale = np.full(len(columns), np.nan) if self.path.sd is None else self.path.sd
            parts.append(
                pd.DataFrame(
                    {
                        "term": np.asarray(columns.terms, dtype=object)[columns.term_of[column]],
                        "column": columns.array[column],
                        "level": [columns.level(int(j)) for j in column],
                        "boundary": np.asarray(names, dtype=object)[boundary],
                        "alpha": alpha,
                        "estimate": estimate,
                        "estimate_std": estimate * scale[column],
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """One row about the fit, as in :meth:`Fit.glance`, with ``n_steps`` and ``alpha_po``."""
        last = self.alpha is None
        beta = self.path.coefs[-1] if self.alpha is None else self.path.coef(self.alpha)
        shown = (beta != 0).any(axis=0)
        certificate = max(self.path.certificates, key=lambda c: c.relative) if last else self.certificate
        return pd.DataFrame(
            {
                "family": [self.family],
                "nobs": [self.nobs],
                "n_dropped": [self.n_dropped],
                "n_columns": [len(self.columns)],
                "n_groups": [self.columns.n_terms],
                "n_nonzero": [int(shown.sum())],
                "n_groups_active": [len(np.unique(self.columns.term_of[shown]))],
                "n_steps": [int((np.abs(np.diff(beta, axis=0)) > _STEP).sum())],
                "alpha": [np.nan if last else self.alpha],
                "alpha_po": [self.alpha_po],
                "rule": [self.rule],
                "deviance_ratio": [describe.deviance_ratio(self)],
                "gap": [np.nan if certificate is None else certificate.value],
                "tol": [np.nan if certificate is None else certificate.tol],
                "converged": pd.array([pd.NA if certificate is None else certificate.converged], dtype="boolean"),
                "seconds": [self.path.seconds],
            }
        )

    # ---- predictions ----

    def predict(  # type: ignore[override]
        self,
        newdata: Any = None,
        type: str = "prob",
        at: Any = None,
        offset: Any = None,
        unseen: str = "raise",
    ) -> Any:
        """Predictions, one a row of ``newdata``, never fewer: a row with a missing input gets NaN.

        Parameters
        ----------
        newdata : DataFrame or None
        type : {"prob", "cumulative", "class", "link"}
            Probabilities of the categories in their order, P(Y <= k), the likeliest category, or the linear
            predictors of the boundaries.
        at, offset, unseen : as in :meth:`Fit.predict`

        Returns
        -------
        frame on the index of ``newdata``, a column a category or boundary; a Series for "class"
        """
        if type not in _TYPES:
            raise ValueError(f"type must be one of {', '.join(map(repr, _TYPES))}, got {type!r}.")
        frame, X, shift = self._inputs(newdata, offset, unseen)
        alpha = self._alpha(at, "predict()")
        whole = np.isfinite(X).all(axis=1)
        if shift is not None:
            whole &= np.isfinite(shift)
        known = self.path.predict(X[whole], alpha, None if shift is None else shift[whole], type=type)
        if type == "class":
            labels = np.full(len(X), np.nan, dtype=object)
            labels[whole] = known
            return frames.series_like(frame, labels, "class")
        values = np.full((len(X), known.shape[1]), np.nan)
        values[whole] = known
        if type == "prob":
            names = [str(c) for c in self.levels]
        elif type == "cumulative":
            names = [f"<={c}" for c in self.levels[:-1]]
        else:
            names = self.path.boundaries
        return frames.frame_like(frame, {name: values[:, k] for k, name in enumerate(names)})

    def augment(self, newdata: Any = None, offset: Any = None) -> Any:
        """The data with ``.fitted[category]`` for every category, and ``.class``."""
        frame, _, _ = self._inputs(newdata, offset, "raise")
        p = self.predict(newdata, "prob", offset=offset)
        added = {f".fitted[{c}]": np.asarray(p[str(c)]) for c in self.levels}
        added[".class"] = np.asarray(self.predict(newdata, "class", offset=offset))
        return frames.with_columns(frame, added)

    def margins(self, step: float = 1e-4) -> pd.DataFrame:
        """Average marginal effects: mean change of each category's probability a unit of a column.

        Columns of the design count one by one (a 0/1 column is moved from 0 to 1), over the fit's own rows.
        Derivatives are central differences of width ``step`` standard deviations.

        Returns
        -------
        DataFrame columns x categories
        """
        X = self._own_rows("margins()")
        alpha = self._alpha(None, "margins()")
        rows = []
        w = self.weights / self.weights.sum()
        for j in range(X.shape[1]):
            low, high = X.copy(), X.copy()
            if np.isin(X[:, j], (0.0, 1.0)).all():
                low[:, j], high[:, j], width = 0.0, 1.0, 1.0
            else:
                h = step * max(float(X[:, j].std()), 1e-300)
                low[:, j] -= h
                high[:, j] += h
                width = 2 * h
            change = self.path.predict(high, alpha, self.row_offset) - self.path.predict(
                low, alpha, self.row_offset
            )
            rows.append(w @ change / width)
        return pd.DataFrame(
            rows, index=pd.Index(self.columns.array, name="column"), columns=[str(c) for c in self.levels]
        )

    def calibration(self, category: Any = None, bins: int = 10) -> pd.DataFrame:
        """Predicted and observed frequency of one category in bins of equal weight, in sample.

        Parameters
        ----------
        category : a category or None
            None is the rarest.
        bins : int

        Returns
        -------
        DataFrame with bin, n, predicted, observed
        """
        X = self._own_rows("calibration()")
        k = int(np.argmin(self.counts)) if category is None else list(self.levels).index(category)
        p = self.path.predict(X, self._alpha(None, "calibration()"), self.row_offset)[:, k]
        order = np.argsort(p, kind="stable")
        share = np.cumsum(self.weights[order]) / self.weights.sum()
        at = np.minimum((share * bins - 1e-12).astype(int), bins - 1)
        hit = (self.codes == k)[order]
        w = self.weights[order]
        return pd.DataFrame(
            [
                {
                    "bin": b,
                    "n": float(w[at == b].sum()),
                    "predicted": float(np.average(p[order][at == b], weights=w[at == b])),
                    "observed": float(np.average(hit[at == b], weights=w[at == b])),
                }
                for b in range(bins)
                if (at == b).any()
            ]
        )

    def infer(self, what: str) -> Any:
        """Likelihood theory of the unpenalised model on the fit's rows.

        Parameters
        ----------
        what : {"wald", "score", "lr", "brant"}
            Standard errors and Wald tests (only of a fit at alpha = 0), or tests of proportional odds: score
            test, likelihood ratio (None where the larger model crosses or has no maximum), Brant's test.

        Returns
        -------
        DataFrame, or a ChiSquared

        Raises
        ------
        ValueError
            For an unknown name, Wald tests of selected coefficients, or a loaded fit.
        """
        if what not in self.inference:
            known = ", ".join(map(repr, self.inference)) or "nothing: the fit has lost its rows"
            raise ValueError(f"infer() knows {known}; got {what!r}.")
        if what == "wald" and self.alpha != 0:
            raise ValueError(
                "Wald tests are for maximum likelihood: fit with alpha=0 (selection voids them)."
            )
        return self.inference[what]()

    def _own_rows(self, who: str) -> np.ndarray:
        if self.rows is None:
            raise ValueError(f"{who} needs the rows of the fit.")
        return self.rows

    # ---- print and plot ----

    def summary(self) -> Summary:
        """What a reader wants on one page; see :meth:`Fit.summary`."""
        return _summarize(self)

    def plot(
        self, kind: str | None = None, term: str | None = None, *, ax: Any = None, **options: Any
    ) -> Any:
        """A plot; it is returned, never shown.

        Parameters
        ----------
        kind : {"path", "cv", "profile", "calibration"} or None
            "profile" draws coefficients over the boundaries, "calibration" the rarest category's (or
            ``category=``) observed against predicted frequency. None is "cv" after cross-validation, else
            "path".
        """
        kind = kind or ("path" if self.cv is None else "cv")
        if kind == "path":
            return self.path.plot(ax, **{"mark": self._marks(), **options})
        if kind == "cv":
            return self._cv().plot(ax, **options)
        if kind == "profile":
            return _plot_profile(self, ax, **options)
        if kind == "calibration":
            return _plot_calibration(self, ax, **options)
        raise ValueError(f"kind must be 'path', 'cv', 'profile' or 'calibration', got {kind!r}.")

    def plot_data(self, kind: str | None = None, term: str | None = None, **options: Any) -> pd.DataFrame:
        """The frame behind ``plot``; the same arguments."""
        kind = kind or ("path" if self.cv is None else "cv")
        if kind == "path":
            return self.path.plot_data()
        if kind == "cv":
            return self._cv().plot_data()
        if kind == "profile":
            return self.path.profile(self._alpha(None, "a profile plot"))
        if kind == "calibration":
            return self.calibration(**options)
        raise ValueError(f"kind must be 'path', 'cv', 'profile' or 'calibration', got {kind!r}.")

    def to_dict(self) -> dict[str, Any]:
        """Ordinal fits are not saved as JSON; pickle ``fit.estimator`` instead."""
        raise TypeError("fits of ordered responses have no JSON form; keep fit.estimator by pickle or joblib")


def _rare(fit: OrdinalFit) -> str:
    k = int(np.argmin(fit.counts))
    total = float(np.sum(fit.counts))
    return f"{fit.levels[k]} (rarest: {fit.counts[k]:g} of {total:g}, {100 * fit.counts[k] / total:.1f} %)"


def _direction(fit: OrdinalFit) -> str:
    link = {"logit": "F logistic", "probit": "F normal"}.get(fit.path.link, f"F {fit.path.link}")
    if fit.path.reverse:
        return f'P(Y > k) = F(a_k + x\'b_k), {link}: a POSITIVE estimate moves towards "{fit.levels[-1]}"'
    what = {
        "cumulative": "P(Y <= k)", "sratio": "P(Y = k | Y >= k)", "cratio": "P(Y <= k | Y <= k + 1)",
        "acat": "P(Y = k | Y in {k, k + 1})",
    }[fit.path.family]  # fmt: skip
    note = " (MASS::polr prints the opposite sign)" if fit.path.family == "cumulative" else ""
    return f'{what} = F(a_k + x\'b_k), {link}: a POSITIVE estimate moves towards "{fit.levels[0]}"{note}'


def _coefficients(fit: OrdinalFit, alpha: float) -> Table:
    beta, a = fit.path.coef(alpha), fit.path.intercept(alpha)
    names = np.asarray(fit.path.boundaries, dtype=object)
    rows = [("(intercept)", *(number(v) for v in a), "")]
    shown = np.flatnonzero((beta != 0).any(axis=0))
    for j in shown[:_MOST_ROWS]:
        steps = np.flatnonzero(np.abs(np.diff(beta[:, j])) > _STEP)
        if len(steps) == 0:
            words = "yes"
        elif len(steps) == 1:
            words = f'1 step (after "{fit.levels[steps[0]]}")'
        else:
            words = f"{len(steps)} steps"
        rows.append((str(fit.columns.array[j]), *(number(v) for v in beta[:, j]), words))
    notes = []
    if len(shown) > _MOST_ROWS:
        notes.append(f"... and {len(shown) - _MOST_ROWS} more columns: fit.coef()")
    left = [str(fit.columns.array[j]) for j in np.flatnonzero(~(beta != 0).any(axis=0))]
    if left:
        notes.append(
            f"not selected: {', '.join(left[:12])}"
            + (f", ... ({len(left)} in all)" if len(left) > 12 else "")
        )
    return Table(("term", *map(str, names), "parallel?"), rows, "l" + "r" * len(names) + "l", notes)


def _along(fit: OrdinalFit) -> Table:
    path = fit.path
    at = np.unique(np.linspace(0, len(path) - 1, min(10, len(path))).round().astype(int))
    rows = [
        (
            number(path.alphas[i]), str(path.n_nonzero[i]), str(path.n_steps[i]),
            f"{path.deviance_ratio[i]:.4f}", f"{path.certificates[i].relative:.1e}",
        )
        for i in at
    ]  # fmt: skip
    return Table(("alpha", "columns", "steps", "deviance ratio", "relative gap"), rows, "rrrrr")


def _wald(fit: OrdinalFit) -> Table:
    table = fit.inference["wald"]()
    names = [*fit.path.boundaries, "all"]
    rows = [
        (
            names[int(r.boundary)],
            str(r.column),
            number(r.estimate),
            number(r.std_error),
            f"{r.z:.2f}",
            f"{r.p_value:.2g}",
        )
        for r in table.itertuples()
    ]
    notes = ["maximum likelihood; standard errors from the observed information"]
    if fit.path.reverse:
        notes.append("of the reversed categories, boundaries from the last to the first")
    return Table(("boundary", "term", "estimate", "std. error", "z", "p"), rows, "llrrrr", notes)


def _scores(fit: OrdinalFit, alpha: float) -> Table | None:
    if fit.rows is None:
        return None
    k = int(np.argmin(fit.counts))
    w = fit.weights / fit.weights.sum()
    fits = {"this": fit.path.predict(fit.rows, alpha, fit.row_offset), **fit.references}
    rows = []
    for name, p in fits.items():
        own = np.maximum(p[np.arange(len(p)), fit.codes], 1e-300)
        rare = np.maximum(np.where(fit.codes == k, p[:, k], 1 - p[:, k]), 1e-300)
        brier = (p**2).sum(axis=1) - 2 * p[np.arange(len(p)), fit.codes] + 1
        rows.append((name, f"{-w @ np.log(own):.5g}", f"{-w @ np.log(rare):.5g}", f"{w @ brier:.5g}"))
    return Table(
        ("fit", "mean log-loss", "rare-class log-loss", "Brier"),
        rows,
        "lrrr",
        ["in sample; fit.cv for honest ones"],
    )


def _summarize(fit: OrdinalFit) -> Summary:
    words = {
        "cumulative": "cumulative",
        "sratio": "stopping ratio",
        "cratio": "continuation ratio",
        "acat": "adjacent categories",
    }
    template = fit.template
    order = " < ".join(str(c) for c in fit.levels[:8]) + (" < ..." if len(fit.levels) > 8 else "")
    shape = f"first_penalty {template.first_penalty:g}; penalty on adjacent differences"
    if template.l1_ratio < 1:
        shape += f", l1_ratio {template.l1_ratio:g}"
    header = [
        (
            f"PRESTO, {words[fit.path.family]} {fit.path.link}, {len(fit.levels)} ordered levels",
            describe._formula(fit),
        ),
        (f"{fit.nobs} rows ({fit.n_dropped} dropped), {len(fit.columns)} columns", shape),
        (order, _rare(fit)),
        (_direction(fit), ""),
    ]
    place = describe._place(fit)
    if np.isfinite(fit.alpha_po):
        place += f" (alpha_po {number(fit.alpha_po)}: from there on, proportional odds)"
    header.append((place, ""))
    own = []
    if fit.alpha is None:
        own.append(_along(fit))
    else:
        own.append(_coefficients(fit, fit.alpha))
        scores = _scores(fit, fit.alpha)
        own += [] if scores is None else [scores]
        if fit.alpha == 0 and "wald" in fit.inference and fit.path.family == "cumulative":
            own.append(_wald(fit))
    notes: list[tuple[str, str]] = [("Proportional odds", test) for test in fit.tests]
    if fit.cv is not None:
        for rule in ("min", "1se"):
            where = "" if rule == fit.rule else f' -> fit.at("{rule}")'
            alpha = number(fit.cv.alphas[fit.cv.index(rule)])
            notes.append(("Cross-validated", f"{rule} at alpha {alpha}, {fit.cv.describe(rule)}{where}"))
        if fit.cv.null is not None:
            notes.append(("", f"null {fit.cv.scoring} {number(fit.cv.null)}"))
    notes.append(("Certificate", describe._certificate(fit)))
    if fit.alpha is not None and not fit.interpolated and fit.path.family == "cumulative":
        i, _, _ = fit.path.locate(fit.alpha)
        bound, crossing = bool(fit.path.info["constrained"][i]), int(fit.path.info["crossing"][i])
        held = (
            "constraints hold the boundaries in order at the rows of the fit"
            if bound
            else f"{crossing} rows cross; monotone = {template.monotone!r} did not bind"
        )
        notes.append(("Order", held))
    notes += [("", note) for note in fit.notes]
    if fit.alpha != 0:
        notes.append(("", "No p-values of coefficients: selection was data-driven."))
    return Summary(header, own, notes)


def _plot_profile(fit: OrdinalFit, ax: Any, top: int = 9) -> Any:
    """Coefficients over the boundaries: a flat line is proportional odds."""
    beta = fit.path.coef(fit._alpha(None, "a profile plot"))
    scaled = beta if fit.path.sd is None else beta * fit.path.sd
    order = [j for j in np.argsort(-np.abs(scaled).max(axis=0)) if scaled[:, j].any()]
    ax = plots.new_axes(ax)
    plots.clean(ax)
    names = fit.path.boundaries
    shown = order[: min(top, len(plots.COLOURS))]
    for j in order[len(shown) :]:
        ax.plot(names, scaled[:, j], color=plots.FAINT, linewidth=0.7)
    for j, colour in zip(shown, plots.COLOURS, strict=False):
        ax.plot(names, scaled[:, j], "o-", color=colour, linewidth=1.6, markersize=4)
    ax.axhline(0, color=plots.INK, linewidth=0.8)
    ax.set_xlabel("boundary")
    ax.set_ylabel("coefficient" + (" x sd of the column" if fit.path.sd is not None else ""))
    plots.label_ends(
        ax,
        [float(scaled[-1, j]) for j in shown],
        [str(fit.columns.array[j]) for j in shown],
        plots.COLOURS[: len(shown)],
    )
    return ax


def _plot_calibration(fit: OrdinalFit, ax: Any, category: Any = None, bins: int = 10) -> Any:
    """Observed against predicted frequency of one category, in sample."""
    table = fit.calibration(category, bins)
    ax = plots.new_axes(ax)
    plots.clean(ax)
    top = 1.05 * float(table[["predicted", "observed"]].to_numpy().max())
    ax.plot([0, top], [0, top], color=plots.FAINT, linewidth=1)
    ax.plot(table["predicted"], table["observed"], "o-", color=plots.COLOURS[0], markersize=4)
    name = fit.levels[int(np.argmin(fit.counts))] if category is None else category
    ax.set_xlabel(f"predicted P({fit.response.name} = {name})")
    ax.set_ylabel("observed share (in sample)")
    return ax
