"""A fitted ordinal model of the R door: coefficients by boundary, probabilities by category."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..backend.certificate import Certificate
from . import describe, effects, frames, ordinal_plots, ordinal_store, tables
from .fit import Fit
from .ordinal import OrdinalPath
from .ordinal_summary import STEP, summarize
from .summary import Summary
from .verbs import answering

_TYPES = ("prob", "response", "cumulative", "class", "link")


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
        Observed categories and weights of those rows; the weights sum to the number of observations.
    rows : the matrix of those rows
    tests : sequence of str
        Tests of proportional odds, in words.
    inference : mapping of str to callable
        What :meth:`infer` can be asked for.
    average : OrdinalPath of one row, or None
        The mean of the path's models, where a cross-validation by log-loss made one.
    shares : ndarray (k,) or None
        Weights of the path's alphas in it.
    kept_scores : mapping or None
        In-sample scores of a loaded fit, which has no rows to compute them from.

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
    inference: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    average: OrdinalPath | None = None
    shares: np.ndarray | None = None
    kept_scores: Mapping[str, Any] | None = None

    # ---- where the fit sits ----

    @property
    def model(self) -> OrdinalPath:
        """The path that answers: the fitted one, or the mean of its models."""
        return self.average if self.rule == "average" and self.average is not None else self.path

    def _resolve(self, at: str | float) -> tuple[float, str]:
        if at != "average":
            return super()._resolve(at)
        if self.average is None:
            raise ValueError(
                'at="average" weighs alphas by held-out likelihood: fit with alpha="cv" and scoring="log_loss".'
            )
        return float(self.average.alphas[0]), "average"

    @property
    def certificate(self) -> Certificate | None:
        return self.model.certificates[0] if self.rule == "average" else super().certificate

    @cached_property
    def estimator(self) -> Any:
        """The fitted model of the other door (unfitted while no alpha is chosen)."""
        if self.alpha is None:
            return self.template
        return self.template.at(self.model, self.alpha)

    def at(self, alpha: str | float) -> OrdinalFit:
        """The same fit elsewhere; nothing is fitted again.

        Parameters
        ----------
        alpha : "min", "1se", "average" or float
            As in :meth:`Fit.at`; "average" is the mean of the path's models, weighted by held-out likelihood,
            after a cross-validation by log-loss.
        """
        value, rule = self._resolve(alpha)
        return replace(self, alpha=value, rule=rule)

    # ---- coefficients ----

    @answering
    def coef(self, at: str | float | None = None) -> pd.DataFrame:  # type: ignore[override]
        """Coefficients on the data's own scale: boundaries x columns, the intercepts first, zeros kept.

        Parameters
        ----------
        at : "min", "1se", "average", float or None

        Returns
        -------
        DataFrame; for a path without a chosen alpha one with (alpha, boundary) rows
        """
        if at is not None:
            return self.at(at).coef()
        if self.alpha is None:
            return pd.concat({a: self.path.profile(a) for a in self.path.alphas}, names=["alpha"])
        return self.model.profile(self.alpha)

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
            At alpha = 0 (cumulative family) also std_error, conf_low, conf_high and p_value, where the likelihood
            has them.
        """
        if direction not in ("lower", "higher"):
            raise ValueError(f'direction must be "lower" or "higher", got {direction!r}.')
        sign = 1.0 if (direction == "lower") != self.path.reverse else -1.0
        whole = path or self.alpha is None
        model, alphas = (self.path, self.path.alphas) if whole else (self.model, np.array([self.alpha]))
        names, columns = self.path.boundaries, self.columns
        parts = []
        for alpha in alphas:
            beta, a = model.coef(alpha), model.intercept(alpha)
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
        frame = pd.concat(parts, ignore_index=True)
        table = None if whole or self.alpha != 0 else self.wald()[0]
        return frame if table is None else _with_errors(frame, table, sign)

    def wald(self) -> tuple[pd.DataFrame | None, str]:
        """The Wald table of a fit at alpha = 0; None and the reason where there is none."""
        if self.alpha != 0:
            return None, "Wald tests are for maximum likelihood: fit with alpha=0 (selection voids them)."
        if "wald" not in self.inference:
            return None, "standard errors are for the cumulative family"
        try:
            return self.inference["wald"](), ""
        except ValueError as error:
            return None, str(error)

    def glance(self) -> pd.DataFrame:
        """One row about the fit, as in :meth:`Fit.glance`, with ``n_steps`` and ``alpha_po``."""
        last = self.alpha is None
        beta = self.path.coefs[-1] if self.alpha is None else self.model.coef(self.alpha)
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
                "n_steps": [int((np.abs(np.diff(beta, axis=0)) > STEP).sum())],
                "alpha": [np.nan if last else self.alpha],
                "alpha_po": [self.alpha_po],
                "rule": [self.rule],
                "deviance_ratio": [
                    float(self.model.deviance_ratio[0]) if self.rule == "average" else describe.deviance_ratio(self)
                ],
                "gap": [np.nan if certificate is None else certificate.value],
                "tol": [np.nan if certificate is None else certificate.tol],
                "converged": pd.array([pd.NA if certificate is None else certificate.converged], dtype="boolean"),
                "seconds": [self.path.seconds],
            }
        )

    # ---- predictions ----

    @answering
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
        type : {"prob", "response", "cumulative", "class", "link"}
            Probabilities of the categories in their order (under both names), P(Y <= k), the likeliest
            category, or the linear predictors of the boundaries.
        at, offset, unseen : as in :meth:`Fit.predict`

        Returns
        -------
        frame on the index of ``newdata``, a column a category or boundary; a Series for "class"
        """
        if type not in _TYPES:
            raise ValueError(f"type must be one of {', '.join(map(repr, _TYPES))}, got {type!r}.")
        if type == "response":  # as of "multinomial", the means of the response are the probabilities
            type = "prob"
        if at is not None:
            return self.at(at).predict(newdata, type, offset=offset, unseen=unseen)
        frame, X, shift = self._inputs(newdata, offset, unseen)
        alpha = self._alpha(None, "predict()")
        whole = np.isfinite(X).all(axis=1)
        if shift is not None:
            whole &= np.isfinite(shift)
        known = self.model.predict(X[whole], alpha, None if shift is None else shift[whole], type=type)
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

    def augment(self, newdata: Any = None, offset: Any = None, unseen: str = "raise") -> Any:
        """The data with ``.fitted[category]`` for every category, and ``.class``; arguments as in ``predict``."""
        frame, _, _ = self._inputs(newdata, offset, unseen)
        p = self.predict(newdata, "prob", offset=offset, unseen=unseen)
        added = {f".fitted[{c}]": np.asarray(p[str(c)]) for c in self.levels}
        added[".class"] = np.asarray(self.predict(newdata, "class", offset=offset, unseen=unseen))
        return frames.with_columns(frame, added)

    def margins(self, step: float = 1e-4) -> pd.DataFrame:
        """Average marginal effects over the fit's own rows, on the probability of each category.

        Of a number: the mean derivative, by central differences of width ``step`` standard deviations. Of a level
        of a factor: the mean change if every row had that level instead of the factor's first. Of a lone 0/1
        column: the mean change from 0 to 1. A column of the design moves alone: of a variable in several columns
        (splines, polynomials, interactions) that is not the variable's effect; predict on changed data gives it.

        Returns
        -------
        DataFrame columns x categories; rows sum to 0. Standard errors: ``infer("margins")``.
        """
        self._own_rows("margins()")
        alpha = self._alpha(None, "margins()")
        w = self.weights / self.weights.sum()
        rows = []
        for low, high, width in self._contrasts(step):
            change = self.model.predict(high, alpha, self.row_offset) - self.model.predict(low, alpha, self.row_offset)
            rows.append(w @ change / width)
        return pd.DataFrame(
            rows, index=pd.Index(self.columns.array, name="column"), columns=[str(c) for c in self.levels]
        )

    def _contrasts(self, step: float = 1e-4) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
        """For each column the rows of the fit with less and with more of it, and how much that is."""
        X = self._own_rows("margins()")
        X = X.toarray() if hasattr(X, "toarray") else X
        for j in range(X.shape[1]):
            low, high = X.copy(), X.copy()
            if np.isin(X[:, j], (0.0, 1.0)).all():
                width, levels = 1.0, self._levels_beside(X, j)
                low[:, levels], high[:, levels] = 0.0, 0.0
                high[:, j] = 1.0
                if (X[:, levels].sum(axis=1) == 1).all():  # a column for every level, the first among them
                    low[:, levels[0]] = 1.0
            else:
                h = step * max(float(X[:, j].std()), 1e-300)
                low[:, j] -= h
                high[:, j] += h
                width = 2 * h
            yield low, high, width

    def _levels_beside(self, X: np.ndarray, j: int) -> np.ndarray:
        """Columns of the factor that column j is a level of; j alone where its term is no factor."""
        beside = np.flatnonzero(self.columns.term_of == self.columns.term_of[j])
        block = X[:, beside]
        factor = np.isin(block, (0.0, 1.0)).all() and (block.sum(axis=1) <= 1).all()
        return beside if factor and len(beside) > 1 else np.array([j])

    def calibration(self, category: Any = None, bins: int = 10) -> pd.DataFrame:
        """Predicted and observed frequency of one category in bins of equal weight, in sample.

        The limits are Wilson's 95 % interval of the observed share, the weight of a bin taken for its number of rows.

        Parameters
        ----------
        category : a category or None
            None is the rarest.
        bins : int

        Returns
        -------
        DataFrame with bin, n, events, predicted, observed, low, high
        """
        X = self._own_rows("calibration()")
        k = int(np.argmin(self.counts)) if category is None else list(self.levels).index(category)
        p = self.model.predict(X, self._alpha(None, "calibration()"), self.row_offset)[:, k]
        order = np.argsort(p, kind="stable")
        share = np.cumsum(self.weights[order]) / self.weights.sum()
        at = np.minimum((share * bins - 1e-12).astype(int), bins - 1)
        hit = (self.codes == k)[order]
        w = self.weights[order]
        rows = []
        for b in range(bins):
            n = float(w[at == b].sum())
            if n == 0:
                continue
            predicted, observed = (float(np.average(v[at == b], weights=w[at == b])) for v in (p[order], hit))
            low, high = _wilson(observed, n)
            rows.append(
                {"bin": b, "n": n, "events": n * observed, "predicted": predicted, "observed": observed,
                 "low": low, "high": high}
            )  # fmt: skip
        return pd.DataFrame(rows)

    def infer(self, what: str) -> Any:  # type: ignore[override]  # other questions than of a selected model
        """Likelihood theory of the unpenalised model on the fit's rows.

        Parameters
        ----------
        what : {"wald", "margins", "score", "lr", "brant"}
            Standard errors and Wald tests of the coefficients or, by the delta method, of the marginal effects (only
            of a fit at alpha = 0); or tests of proportional odds: score test, likelihood ratio (None where the larger
            model crosses or has no maximum), Brant's test. A ``sample_weight`` counts no observations (it is rescaled
            to sum to the number of rows with weight); rows that stand for several belong in ``cbind()``.

        Returns
        -------
        DataFrame, or a ChiSquared

        Raises
        ------
        ValueError
            For an unknown name, Wald tests of selected coefficients, a loaded fit, or a likelihood without a maximum.
        """
        if what not in self.inference:
            known = ", ".join(map(repr, self.inference)) or "nothing"
            lost = "" if self.rows is not None else " (a saved model holds no rows to test)"
            raise ValueError(f"infer() knows {known} here{lost}; got {what!r}.")
        if what == "wald":
            table, reason = self.wald()
            if table is None:
                raise ValueError(reason)
            return table
        if what == "margins":
            if self.alpha != 0:
                raise ValueError(
                    "standard errors of marginal effects are for maximum likelihood: fit with alpha=0 (selection voids "
                    "them)."
                )
            return self.inference["margins"](self._contrasts())
        return self.inference[what]()

    def _own_rows(self, who: str) -> np.ndarray:
        if self.rows is None:
            raise ValueError(f"{who} needs the rows of the fit, and a saved model holds none.")
        return self.rows

    # ---- print and plot ----

    def summary(self) -> Summary:
        """What a reader wants on one page; see :meth:`Fit.summary`."""
        return summarize(self)

    def plot(self, kind: str | None = None, term: str | None = None, *, ax: Any = None, **options: Any) -> Any:
        """A plot; it is returned, never shown.

        Parameters
        ----------
        kind : {"path", "cv", "profile", "calibration"} or None
            "profile" draws coefficients over the boundaries, "calibration" the rarest category's (or
            ``category=``) observed against predicted frequency. None is "cv" after cross-validation, else
            "path".
        term : str or None
            For "profile": the columns of one term of the formula, or of a variable that only one term uses.
        ax : matplotlib Axes or None
        **options
            ``top`` for "path" and "profile", ``name`` for "path", ``category`` and ``bins`` for "calibration".

        Returns
        -------
        matplotlib Axes
        """
        kind = kind or ("path" if self.cv is None else "cv")
        if kind == "path":
            return self.path.plot(ax, **{"mark": self._marks(), **options})
        if kind == "cv":
            return self._cv().plot(ax, **options)
        if kind == "profile":
            return ordinal_plots.profile(self, ax, self._columns_of(term), **options)
        if kind == "calibration":
            return ordinal_plots.calibration(self, ax, **options)
        raise ValueError(f"kind must be 'path', 'cv', 'profile' or 'calibration', got {kind!r}.")

    def plot_data(self, kind: str | None = None, term: str | None = None, **options: Any) -> pd.DataFrame:
        """The frame behind ``plot``; the same arguments."""
        kind = kind or ("path" if self.cv is None else "cv")
        if kind == "path":
            return self.path.plot_data()
        if kind == "cv":
            return self._cv().plot_data()
        if kind == "profile":
            table = self.model.profile(self._alpha(None, "a profile plot"))
            return table if term is None else table[self.columns.array[self._columns_of(term)]]
        if kind == "calibration":
            return self.calibration(**options)
        raise ValueError(f"kind must be 'path', 'cv', 'profile' or 'calibration', got {kind!r}.")

    def _columns_of(self, term: str | None) -> np.ndarray:
        """Positions of a term's columns; of all columns without a term."""
        if term is None:
            return np.arange(len(self.columns))
        return self.columns.by_term[self.columns.terms.index(effects.find_term(self, term))]

    # ---- for later ----

    def in_sample(self, model: OrdinalPath, alpha: float) -> list[float]:
        """Mean log-loss, log-loss of the rarest class against the others, and Brier score at the fit's rows."""
        return self._scores_of(model.predict(self._own_rows("in_sample()"), alpha, self.row_offset))

    def reference_scores(self) -> dict[str, list[float]]:
        """The same of the reference models."""
        return {name: self._scores_of(p) for name, p in self.references.items()}

    def _scores_of(self, p: np.ndarray) -> list[float]:
        k, w = int(np.argmin(self.counts)), self.weights / self.weights.sum()
        observed = p[np.arange(len(p)), self.codes]
        rare = np.where(self.codes == k, p[:, k], 1 - p[:, k])
        brier = (p**2).sum(axis=1) - 2 * observed + 1
        return [
            float(-w @ np.log(np.maximum(observed, 1e-300))),
            float(-w @ np.log(np.maximum(rare, 1e-300))),
            float(w @ brier),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Everything ``ss.load`` needs, as plain JSON values: no rows of the data, no labels of rows."""
        return ordinal_store.to_dict(self)


def _wilson(share: float, n: float, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval of a share; it holds where events are few, and never leaves [0, 1]."""
    centre, half = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    scale = 1 + z * z / n
    return max(0.0, float((centre - half) / scale)), min(1.0, float((centre + half) / scale))


def _with_errors(frame: pd.DataFrame, table: pd.DataFrame, sign: float) -> pd.DataFrame:
    """The tidy frame with the Wald table's columns; a coefficient that boundaries share stands at each."""
    known = {(row.boundary, row.column): row for row in table.itertuples()}
    shared = {row.column: row for row in table.itertuples() if row.boundary == "all"}
    rows = [known.get((b, c), shared.get(c)) for b, c in zip(frame["boundary"], frame["column"], strict=True)]
    low, high = ("conf_low", "conf_high") if sign > 0 else ("conf_high", "conf_low")

    def column(name: str, factor: float = 1.0) -> list[float]:
        return [np.nan if row is None else factor * getattr(row, name) for row in rows]

    return frame.assign(
        std_error=column("std_error"),
        conf_low=column(low, sign),
        conf_high=column(high, sign),
        p_value=column("p_value"),
    )
