"""A fitted model of the R door: what was asked, what came out, and every question one may put to it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from ..backend.certificate import Certificate
from ..formula.frame import Subset, Table, complete_rows
from ..formula.response import Response, reread_response
from ..formula.spec import Spec
from . import describe, effects, frames, store, tables
from .call import Call
from .columns import Columns
from .cvresult import CVResult
from .fits_again import FitsAgain
from .inferred import Inferred
from .path import Path
from .protocol import Report, report_of
from .summary import Summary
from .verbs import answering

_TYPES = ("response", "link", "class", "prob")


@dataclass(frozen=True, eq=False)
class Training:
    """The rows a fit was computed from; a loaded fit has none.

    Attributes
    ----------
    frame : the data as given
    kept : bool ndarray, which of its rows were used
    offset_given : the argument ``offset=`` as given
    """

    frame: Any
    kept: np.ndarray
    offset_given: Any = None


@dataclass(frozen=True, eq=False)
class Fit(FitsAgain):
    """A model fitted by formula. Made by ``ss.slope``, ``gslope``, ``sgslope``, ``fit`` and ``load``; not by hand.

    A fit holds a path (of one alpha when a number was asked for) and sits at one of its alphas, or at none
    when the path was all that was asked for. ``at`` moves along the path without fitting again.

    Attributes
    ----------
    call : Call
        What was asked.
    spec : Spec
        What the formula's design remembers: terms, levels, knots.
    template : sklearn estimator
        The model that made the path, unfitted, with the design's groups and penalty factors.
    family : str
    levels : tuple or None
        The classes of the response; of two the event is the last.
    nobs, n_dropped : int
        Rows used, and left out for missing values.
    notes : sequence of str
        What else the summary tells.
    random_state
        Seed of the folds.
    training : Training or None
        The rows of the fit; None after ``ss.load``.
    path : Path
        The fitted path.
    cv : CVResult or None
        Scores by fold, when alpha was chosen by cross-validation.
    alpha : float or None
        Where the fit sits.
    rule : {"path", "given", "min", "1se", "relaxed"}
        How it got there.
    estimator : sklearn estimator
        The fitted model of the other door, at ``alpha`` (unfitted while ``alpha`` is None).
    certificate : Certificate or None
        The proof of the model at ``alpha``; None between two alphas of the grid, and while there is no alpha.
    groups : dict of str to list of str
        Term -> names of its columns.
    inferred : Inferred or None
        Of ``infer``, at this alpha.

    Examples
    --------
    >>> import sparsestats as ss
    >>> from sparsestats.datasets import load_penguins
    >>> fit = ss.gslope("body_mass_g ~ species + sex + flipper_length_mm", load_penguins(), alpha="cv")
    >>> bool(fit.glance()["converged"].iloc[0])
    True
    >>> tidy = fit.at("1se").tidy()
    """

    call: Call
    spec: Spec
    template: Any
    path: Path
    family: str
    levels: Sequence[Any] | None
    nobs: int
    n_dropped: int
    alpha: float | None = None
    rule: str = "path"
    cv: CVResult | None = None
    notes: Sequence[str] = ()
    random_state: Any = None
    training: Training | None = None
    again: Callable[[str | None, Mapping[str, Any]], Fit] | None = None
    relaxation: Callable[[Any, float, bool], Path] | None = None
    resampling: Callable[..., Inferred] | None = None
    inferred: Inferred | None = None

    # ---- where the fit sits ----

    def at(self, alpha: str | float) -> Fit:
        """The same fit at another alpha of its path; nothing is fitted again.

        Parameters
        ----------
        alpha : "min", "1se" or float
            A rule of the cross-validation, or an alpha inside the fitted range. Between two alphas of the
            grid coefficients are interpolated linearly, the summary says so and there is no certificate.

        Returns
        -------
        Fit

        Raises
        ------
        ValueError
            For a rule without cross-validation, or an alpha outside the fitted range.
        """
        value, rule = self._resolve(alpha)
        return dataclasses.replace(
            self, alpha=value, rule=rule, inferred=self.inferred if value == self.alpha else None
        )

    def _resolve(self, at: str | float) -> tuple[float, str]:
        if isinstance(at, str):
            if at not in ("min", "1se"):
                raise ValueError(f'at must be "min", "1se" or a number, got {at!r}.')
            if self.cv is None:
                raise ValueError(f'at={at!r} needs cross-validation: fit with alpha="cv".')
            return float(self.cv.alphas[self.cv.index(at)]), at
        if not isinstance(at, Real) or isinstance(at, bool):
            raise ValueError(f'at must be "min", "1se" or a number, got {at!r}.')
        i, j, _ = self.path.locate(at)
        return (float(self.path.alphas[i]) if i == j else float(at)), "given"

    def _alpha(self, at: str | float | None, verb: str) -> float:
        if at is not None:
            return self._resolve(at)[0]
        if self.alpha is None:
            raise ValueError(
                f"This fit holds a path and no alpha was chosen: {verb} needs one. Move to it by fit.at(alpha), "
                f"a number between {self.path.alphas[-1]:.4g} and {self.path.alphas[0]:.4g}."
            )
        return self.alpha

    @property
    def interpolated(self) -> bool:
        """Whether the fit sits between two alphas of its grid."""
        if self.alpha is None:
            return False
        i, j, _ = self.path.locate(self.alpha)
        return i != j

    @property
    def certificate(self) -> Certificate | None:
        if self.alpha is None or not self.path.certificates:
            return None
        i, j, _ = self.path.locate(self.alpha)
        return self.path.certificates[i] if i == j else None

    @cached_property
    def estimator(self) -> Any:
        if self.alpha is None:
            return self.template
        return self.template.at(self.path, self.alpha)

    @cached_property
    def report(self) -> Report:
        """What the estimator says about itself."""
        # What a classifier fits depends on the number of classes, which a fitted one knows.
        several = self.path.multinomial and len(self.path) > 0
        return report_of(self.template.at(self.path, self.path.alphas[0]) if several else self.template)

    @cached_property
    def columns(self) -> Columns:
        """Names of the columns, and their terms."""
        return Columns(self.spec)

    @cached_property
    def groups(self) -> dict[str, list[str]]:
        names = self.columns.array
        return {t: names[c].tolist() for t, c in zip(self.columns.terms, self.columns.by_term, strict=True)}

    @property
    def formula(self) -> str:
        """The formula as it was given."""
        return self.call.formula

    @property
    def response(self) -> Response:
        """The left side of the formula."""
        assert self.spec.response is not None
        return self.spec.response

    @property
    def fit_intercept(self) -> bool:
        return bool(getattr(self.template, "fit_intercept", True))

    # ---- coefficients ----

    @answering
    def coef(self, at: str | float | None = None) -> pd.Series | pd.DataFrame:
        """Coefficients by column name on the data's own scale, the intercept first, zeros kept.

        Parameters
        ----------
        at : "min", "1se", float or None
            None is the alpha the fit sits at.

        Returns
        -------
        Series; a DataFrame with one column an alpha when no alpha was chosen, or with one column a class for
        "multinomial" (which needs an alpha)
        """
        if self.path.multinomial:
            return tables.class_coef_frame(self.path, self.columns, self._alpha(at, "coef()"), self.fit_intercept)
        if at is None and self.alpha is None:
            return tables.coef_frame(self.path, self.columns, self.path.alphas, self.fit_intercept)
        alpha = self._alpha(at, "coef()")
        frame = tables.coef_frame(self.path, self.columns, [alpha], self.fit_intercept)
        return frame.iloc[:, 0].rename("coef")

    def tidy(self, path: bool = False, zeros: bool = False) -> pd.DataFrame:
        """Coefficients as a long frame.

        Parameters
        ----------
        path : bool
            All alphas of the path, not only the one the fit sits at (always so when it sits at none).
        zeros : bool
            Keep coefficients that are 0.

        Returns
        -------
        DataFrame with term, column, level, group, alpha, class ("multinomial" only), estimate, estimate_std
            ``estimate_std`` is the estimate times the standard deviation of its column. After ``infer``, and without
            ``path``, also std_error, conf_low, conf_high and frequency ("bootstrap"), p_value and frequency of the
            column's term ("split"), or frequency ("stability"), and method, its name.
        """
        if self.inferred is not None and not path:
            return self.inferred.tidy(zeros)
        alphas = self.path.alphas if path or self.alpha is None else [self.alpha]
        return tables.tidy_frame(self.path, self.columns, alphas, zeros=zeros, intercept=self.fit_intercept)

    def clusters(self, at: str | float | None = None) -> pd.DataFrame:
        """The columns that SLOPE gave one absolute coefficient on the penalised scale, largest first.

        Parameters
        ----------
        at : "min", "1se", float or None
            None is the alpha the fit sits at.

        Returns
        -------
        DataFrame with cluster, size, abs_std, members, signs
            See ``Path.clusters``.

        Raises
        ------
        ValueError
            When the penalty does not rank columns, or no alpha was chosen.
        """
        return self.path.clusters(self._alpha(at, "clusters()"))

    def glance(self) -> pd.DataFrame:
        """One row about the whole fit.

        Returns
        -------
        DataFrame with family, nobs, n_dropped, n_columns, n_groups, n_nonzero, n_groups_active, alpha, rule,
        deviance_ratio, gap, tol, converged, seconds
            ``deviance_ratio`` is the share of the deviance of intercept, offset and unpenalised terms that the
            penalised ones explain. For a path without a chosen alpha: counts and deviance ratio at its last alpha, and
            the worst certificate. Between two alphas of the grid the certificate's cells are missing.
        """
        return describe.glance(self)

    # ---- predictions ----

    @answering
    def predict(
        self,
        newdata: Any = None,
        type: str = "response",
        at: str | float | None = None,
        offset: Any = None,
        unseen: str = "raise",
    ) -> Any:
        """Predictions, one a row of ``newdata``, never fewer: a row with a missing input gets NaN.

        Parameters
        ----------
        newdata : DataFrame or None
            Any frame with the variables of the formula; None predicts the rows of the fit's own data.
        type : {"response", "link", "class", "prob"}
            The mean of the response (the probability of the event, for two classes), the linear predictor,
            the likelier class, or the probability of every class.
        at : "min", "1se", float or None
            None is the alpha the fit sits at.
        offset : array-like, name of a column, or None
            Needed when the model was fitted with an offset that is not part of the formula.
        unseen : {"raise", "nan", "zero"}
            What to do with levels that were not seen at fit: an error, NaN, or no effect of the level, for factors
            with a column for every level.

        Returns
        -------
        Series on the index of ``newdata``; a frame for "prob" (columns are the levels in order), and for a
        path without a chosen alpha (one column an alpha). For "multinomial" also "response" and "link" are
        frames with a column a class

        Raises
        ------
        ValueError
            For an unknown type, classes asked of a model without any, or a missing offset.
        UnseenLevelError
            For a new level, unless ``unseen`` says otherwise.
        """
        if type not in _TYPES:
            raise ValueError(f"type must be one of {', '.join(map(repr, _TYPES))}, got {type!r}.")
        if type in ("class", "prob") and self.levels is None:
            raise ValueError(f"type={type!r} needs a response with classes; this one is {self.family}.")
        frame, X, shift = self._inputs(newdata, offset, unseen)
        by_class = self.path.multinomial
        if at is None and self.alpha is None and type in ("response", "link") and not by_class:
            values = self.path.predict(X, None, shift, type=type)
            return frames.frame_like(frame, {f"{a:.6g}": values[:, i] for i, a in enumerate(self.path.alphas)})
        alpha = self._alpha(at, "predict()")
        if type == "link" and by_class:
            return frames.frame_like(frame, self._by_level(self.path.predict(X, alpha, shift, type="link"), "{}"))
        if type in ("response", "link") and not by_class:
            return frames.series_like(frame, self.path.predict(X, alpha, shift, type=type), type)
        assert self.levels is not None
        prob = _probabilities(self.path.predict(X, alpha, shift))
        if type == "class":
            return frames.series_like(frame, _classes(prob, self.levels), "class")
        return frames.frame_like(frame, self._by_level(prob, "{}"))

    def _by_level(self, values: np.ndarray, name: str) -> dict[str, np.ndarray]:
        """One column a level."""
        assert self.levels is not None
        return {name.format(level): values[:, k] for k, level in enumerate(self.levels)}

    def augment(self, newdata: Any = None, offset: Any = None, unseen: str = "raise") -> Any:
        """The data with what the model says about it, in the data's own kind of frame and on its index.

        Parameters
        ----------
        newdata : DataFrame or None
            None takes the fit's own data; rows that were dropped have missing values.
        offset, unseen : as in ``predict``

        Returns
        -------
        frame with .fitted and .resid (response minus fitted, where the response is there); for classes
        .fitted[level] for every level, and .class
        """
        frame, X, shift = self._inputs(newdata, offset, unseen)
        fitted = self.path.predict(X, self._alpha(None, "augment()"), shift)
        if self.levels is not None:
            prob = _probabilities(fitted)
            added = self._by_level(prob, ".fitted[{}]") | {".class": _classes(prob, self.levels)}
            return frames.with_columns(frame, added)
        added = {".fitted": fitted}
        response = self.response
        table = Table(frame)
        if set(response.variables) <= table.positions.keys():
            complete, _ = complete_rows(table, response.variables)
            rows = np.flatnonzero(complete)
            observed = np.full(len(table), np.nan)
            observed[rows] = reread_response(response, Subset(table, rows), rows, self.spec.env)
            added[".resid"] = observed - fitted
        return frames.with_columns(frame, added)

    def _inputs(self, newdata: Any, offset: Any, unseen: str) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """The frame asked about, its design (NaN in rows that miss an input), and its offset."""
        if newdata is None:
            newdata = self._training("predict() or augment() without newdata").frame
        if offset is None and self.training is not None and newdata is self.training.frame:
            offset = self.training.offset_given
        rows = self.spec.transform(newdata, unseen=unseen, offset=offset)
        return newdata, rows.X, rows.offset

    def _training(self, who: str) -> Training:
        if self.training is None:
            raise ValueError(f"{who} needs the rows of the fit, and a saved model holds none.")
        return self.training

    # ---- print and plot ----

    def summary(self) -> Summary:
        """What a reader wants on one page.

        Returns
        -------
        Summary
            Prints as text, shows as HTML in a notebook; ``to_text``, ``to_html`` and ``to_latex`` also write.
        """
        return describe.summarize(self)

    def __repr__(self) -> str:
        return self.summary().to_text()

    def _repr_html_(self) -> str:
        return self.summary().to_html()

    def plot(self, kind: str | None = None, term: str | None = None, *, ax: Any = None, **options: Any) -> Any:
        """A plot; it is returned, never shown.

        Parameters
        ----------
        kind : {"path", "cv", "term", "inference"}, one of the family's own kinds, or None
            None is "cv" after cross-validation and "path" otherwise; "inference" draws what ``infer`` found.
        term : str or None
            For "term": a term of the formula, or a variable that only one term uses.
        ax : matplotlib Axes or None
        **options
            Passed on: ``by``, ``top`` and ``name`` for "path", ``top`` for "inference".

        Returns
        -------
        matplotlib Axes
        """
        kind = self._kind(kind)
        if kind == "path":
            return self.path.plot(ax, **{"mark": self._marks(), **options})
        if kind == "cv":
            return self._cv().plot(ax, **options)
        if kind == "term":
            return effects.plot(self, self._term(term), ax, **options)
        if kind == "inference":
            return self._inferred().plot(ax, **options)
        return self.report.plots[kind](self, ax, **options)

    def plot_data(self, kind: str | None = None, term: str | None = None, **options: Any) -> pd.DataFrame:
        """The long frame behind ``plot``; the same arguments."""
        kind = self._kind(kind)
        if kind == "path":
            return self.path.plot_data(**options)
        if kind == "cv":
            return self._cv().plot_data()
        if kind == "term":
            return effects.frame(self, self._term(term), **options)
        if kind == "inference":
            return self._inferred().plot_data()
        return self.report.frames[kind](self, **options)

    def _kind(self, kind: str | None) -> str:
        if kind is None:
            return "path" if self.cv is None else "cv"
        known = ("path", "cv", "term", "inference", *self.report.plots)
        if kind not in known:
            raise ValueError(f"kind must be one of {', '.join(map(repr, known))}, got {kind!r}.")
        return kind

    def _cv(self) -> CVResult:
        if self.cv is None:
            raise ValueError('There was no cross-validation to plot: fit with alpha="cv".')
        return self.cv

    def _inferred(self) -> Inferred:
        if self.inferred is None:
            raise ValueError('kind="inference" needs fit.infer(...) first.')
        return self.inferred

    def _term(self, term: str | None) -> str:
        if term is None:
            raise ValueError(f"Which term? One of {', '.join(self.columns.terms[:20])}.")
        return term

    def _marks(self) -> dict[str, float]:
        marks = {} if self.cv is None else {"1 se": self.cv.alpha_1se, "min": self.cv.alpha_min}
        if self.alpha is not None and self.rule == "given" and len(self.path) > 1:
            marks["here"] = self.alpha
        return marks

    # ---- for later ----------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Everything ``ss.load`` needs, as plain JSON values: no rows of the data, no labels of rows."""
        return store.to_dict(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fit as JSON, to be read by ``ss.load``.

        The file holds the formula, levels, knots, coefficients, certificates, scores of the cross-validation,
        seed and versions; no rows of the data. Loading it runs no code, and checks the formula again.

        Parameters
        ----------
        path : str or path

        Raises
        ------
        TypeError
            For a model that holds code, as ``Penalized`` does in its loss and penalty. Nothing is written.
        """
        text = json.dumps(self.to_dict(), allow_nan=False)
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")


def _probabilities(fitted: np.ndarray) -> np.ndarray:
    """Probabilities of all classes, one a column."""
    return fitted if fitted.ndim == 2 else np.column_stack([1.0 - fitted, fitted])


def _classes(prob: np.ndarray, levels: Sequence[Any]) -> np.ndarray:
    """The likeliest class (the first at even odds, as of the estimators), NaN where the probability is."""
    missing = np.isnan(prob).any(axis=1)
    chosen = np.asarray(levels)[np.nan_to_num(prob).argmax(axis=1)]
    if missing.any():
        chosen = chosen.astype(object)
        chosen[missing] = np.nan
    return chosen
