"""A fitted graph of the R door, and every question one may put to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd

from ..backend.certificate import Certificate
from . import frames
from .call import Call
from .graphs import EdgeFrequencies
from .protocol import report_of
from .store import plain, reading, revive, saved_params
from .summary import Summary
from .tables import counted

GRAPH_FORMAT, GRAPH_LAYOUT = "sparsestats graph", 1
"""What a saved graph says it is, and the version of its layout."""


@dataclass(frozen=True, eq=False)
class GraphFit:
    """A graph fitted to the columns of a frame. Made by ``ss.colide`` and ``ss.load``; not by hand.

    Attributes
    ----------
    call : Call
        What was asked.
    estimator : fitted estimator of the other door
    columns : names of the variables
    nobs, n_dropped : rows used, rows left out because a value was missing
    frequencies : EdgeFrequencies or None
        Of ``infer("bootstrap")``.
    data : the rows as given, or None after ``ss.load``

    Examples
    --------
    >>> import sparsestats as ss
    >>> from sparsestats.datasets import load_penguins
    >>> sizes = ["bill_length_mm", "flipper_length_mm", "body_mass_g"]
    >>> fit = ss.colide(load_penguins(), sizes, refine="bic", noise="nv")
    >>> fit.glance()["nobs"].iloc[0]
    np.int64(342)
    """

    call: Call
    estimator: Any
    columns: tuple[str, ...]
    nobs: int
    n_dropped: int
    data: Any = None
    frequencies: EdgeFrequencies | None = None
    again: Callable[[Mapping[str, Any]], GraphFit] | None = None

    @property
    def certificate(self) -> Certificate:
        """The duality gap of the penalised weights on the order found."""
        return self.estimator.certificate_

    @property
    def groups(self) -> dict[str, list[str]]:
        """Variable -> its parents."""
        edges = self.estimator.adjacency_ != 0
        return {name: [self.columns[i] for i in np.flatnonzero(edges[:, j])] for j, name in enumerate(self.columns)}

    # ---- tables -------------------------------------------------------------------------------------------

    def coef(self) -> pd.DataFrame:
        """Weights, from (rows) to (columns); zeros kept."""
        return self._square(self.estimator.adjacency_)

    def tidy(self, zeros: bool = False) -> pd.DataFrame:
        """One row an edge, strongest first.

        Parameters
        ----------
        zeros : bool, default False
            Also the pairs without an edge.

        Returns
        -------
        DataFrame with from, to, estimate, estimate_std, penalised, total, and frequency after a bootstrap
            ``estimate_std`` is in standard deviations of both variables, ``penalised`` the weight before threshold and
            refit, ``total`` the effect over all directed paths.
        """
        W, total = self.estimator.adjacency_, self.estimator.total_effects()
        i, j = np.nonzero(~np.eye(len(W), dtype=bool) if zeros else W)
        sd = np.sqrt(np.diagonal(self.estimator.covariance_))
        with np.errstate(divide="ignore", invalid="ignore"):
            standard = np.where(sd[j] > 0, W[i, j] * sd[i] / sd[j], 0.0)
        names = np.asarray(self.columns, dtype=object)
        frame = pd.DataFrame(
            {
                "from": names[i],
                "to": names[j],
                "estimate": W[i, j],
                "estimate_std": standard,
                "penalised": self.estimator.penalized_[i, j],
                "total": total[i, j],
            }
        )
        if self.frequencies is not None:
            frame["frequency"] = self.frequencies.frequencies[i, j]
        return frame.iloc[np.argsort(-np.abs(frame["estimate"].to_numpy()), kind="stable")].reset_index(drop=True)

    def glance(self) -> pd.DataFrame:
        """The fit in one row.

        Returns
        -------
        DataFrame with family, nobs, n_dropped, n_columns, n_edges, alpha, alpha_data_scale, objective, log_likelihood,
        gap, tol, converged
            ``alpha`` is the argument, ``alpha_data_scale`` what it comes to with the ``penalty_scale``; ``objective``
            is that of the penalised weights, ``log_likelihood`` the mean Gaussian one of a row.
        """
        c, e = self.certificate, self.estimator
        return pd.DataFrame(
            {
                "family": [report_of(e).headline],
                "nobs": [self.nobs],
                "n_dropped": [self.n_dropped],
                "n_columns": [len(self.columns)],
                "n_edges": [int(np.count_nonzero(e.adjacency_))],
                "alpha": [e.alpha],
                "alpha_data_scale": [e.alpha_],
                "objective": [e.objective_],
                "log_likelihood": [e.log_likelihood_],
                "gap": [c.value],
                "tol": [c.tol],
                "converged": pd.array([c.converged], dtype="boolean"),
            }
        )

    def cpdag(self) -> pd.DataFrame:
        """Edges of the Markov class.

        Returns
        -------
        DataFrame with from, to, directed
            ``directed`` is False where graphs of the class have the edge either way, which data cannot tell.
        """
        mask = self.estimator.cpdag_
        both = mask & mask.T
        i, j = np.nonzero(mask & ~(both & np.tri(len(mask), dtype=bool)))
        names = np.asarray(self.columns, dtype=object)
        return pd.DataFrame({"from": names[i], "to": names[j], "directed": ~both[i, j]})

    def total_effects(self) -> pd.DataFrame:
        """Effects over all directed paths, from (rows) to (columns)."""
        return self._square(self.estimator.total_effects())

    def do(self, **interventions: float) -> pd.Series:
        """Means of the variables when some are set from outside: ``fit.do(sbp=120)``.

        Parameters
        ----------
        **interventions : float
            Variable and value; its parents no longer matter.

        Returns
        -------
        Series of the variables

        Raises
        ------
        ValueError
            For a variable that is not in the graph, or a value that is not finite.
        """
        return pd.Series(self.estimator.do(interventions), index=list(self.columns), name="mean")

    def _square(self, values: np.ndarray) -> pd.DataFrame:
        names = pd.Index(self.columns)
        return pd.DataFrame(values, index=names.rename("from"), columns=names.rename("to"))

    # ---- rows ---------------------------------------------------------------------------------------------

    def predict(self, newdata: Any = None) -> Any:
        """Every variable given its parents.

        Parameters
        ----------
        newdata : DataFrame or None
            With all variables; None is the fit's own data.

        Returns
        -------
        frame on the index of ``newdata``, a column a variable; NaN where a parent is missing
        """
        newdata = self._rows(newdata)
        values = self._predicted(newdata)
        return frames.frame_like(newdata, {name: values[:, j] for j, name in enumerate(self.columns)})

    def augment(self, newdata: Any = None) -> Any:
        """The rows with ``.fitted_<name>`` and ``.resid_<name>`` for every variable that has parents."""
        newdata = self._rows(newdata)
        values, seen = self._predicted(newdata), self._values(newdata)
        added = {}
        for j in np.flatnonzero(self.estimator.adjacency_.any(axis=0)):
            added[f".fitted_{self.columns[j]}"] = values[:, j]
            added[f".resid_{self.columns[j]}"] = seen[:, j] - values[:, j]
        return frames.with_columns(newdata, added)

    def _rows(self, newdata: Any) -> Any:
        if newdata is None and self.data is None:
            raise ValueError("a loaded fit holds no rows; give newdata")
        return self.data if newdata is None else newdata

    def _values(self, frame: Any) -> np.ndarray:
        return frames.numbers(frame, self.columns)

    def _predicted(self, frame: Any) -> np.ndarray:
        X, e = self._values(frame), self.estimator
        fitted = e.location_ + (np.nan_to_num(X, nan=0.0) - e.location_) @ e.adjacency_
        blind = (np.isnan(X).astype(float) @ (e.adjacency_ != 0)) > 0
        return np.where(blind, np.nan, fitted)

    # ---- inference, reading, changing ---------------------------------------------------------------------

    def infer(
        self,
        method: str = "bootstrap",
        *,
        n_boot: int = 200,
        random_state: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> GraphFit:
        """The same fit with the share of bootstrap replicates that find each edge.

        Parameters
        ----------
        method : {"bootstrap"}
        n_boot : int >= 1, default 200
        random_state, n_jobs, verbose : as in ``CoLiDE.bootstrap``

        Returns
        -------
        GraphFit
            A copy with ``frequencies``.

        Raises
        ------
        ValueError
            For another method, and for a loaded fit, which holds no rows.
        """
        if method != "bootstrap":
            raise ValueError(f'method must be "bootstrap"; got {method!r}')
        if self.data is None:
            raise ValueError("a loaded fit holds no rows to draw from")
        X = self._values(self.data)
        if self.estimator.missing == "raise":
            X = X[~np.isnan(X).any(axis=1)]
        frame = pd.DataFrame(X, columns=list(self.columns))
        found = self.estimator.bootstrap(frame, n_boot, random_state=random_state, n_jobs=n_jobs, verbose=verbose)
        return replace(self, frequencies=found)

    def summary(self) -> Summary:
        """The fit on one page."""
        report = report_of(self.estimator)
        tables = report.tables
        if self.frequencies is not None:
            at = {name: k for k, name in enumerate(self.columns)}
            head = f"bootstrap ({self.frequencies.n_boot})"
            share = self.frequencies.frequencies
            tables = [
                replace(
                    table,
                    columns=[*table.columns, head],
                    rows=[[*row, f"{share[at[row[0]], at[row[1]]]:.2f}" if row[0] in at else ""] for row in table.rows],
                    align=table.align + "r",
                )
                for table in tables
            ]
        size = f"{self.nobs} rows ({self.n_dropped} dropped), {counted(len(self.columns), 'variable')}"
        header = [(report.headline, str(self.call)), (size, report.settings)]
        told, verdict = str(self.certificate).rsplit(". ", 1)
        notes = [("", note) for note in report.notes]
        notes.insert(min(1, len(notes)), ("Certificate", f"on this order: {told}. {verdict}"))
        return Summary(header, tables, notes)

    def __str__(self) -> str:
        return str(self.summary())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.summary().to_html()

    def plot(self, kind: str = "dag", ax: Any = None) -> Any:
        """A drawing; it is returned, never shown.

        Parameters
        ----------
        kind : {"dag", "cpdag", "matrix", "bootstrap"}, default "dag"
            "cpdag" is the Markov class, "bootstrap" the graph with the shares of ``infer`` beside the edges.
        ax : matplotlib Axes or None

        Returns
        -------
        matplotlib Axes
        """
        _check_kind(kind)
        if kind == "bootstrap":
            return self.estimator.plot("dag", ax, frequencies=self._drawn())
        return self.estimator.plot(kind, ax)

    def plot_data(self, kind: str = "dag") -> pd.DataFrame:
        """The long frame behind a plot; ``kind`` as there."""
        _check_kind(kind)
        if kind == "cpdag":
            return self.cpdag()
        if kind == "bootstrap":
            return self._drawn().to_frame()
        return self.tidy(zeros=kind == "matrix")

    def _drawn(self) -> EdgeFrequencies:
        if self.frequencies is None:
            raise ValueError('kind="bootstrap" needs fit.infer("bootstrap") first')
        return self.frequencies

    def update(self, **changes: Any) -> GraphFit:
        """A new fit to the same data with some arguments of ``ss.colide`` changed.

        Raises
        ------
        ValueError
            For a loaded fit, which holds no rows.
        """
        if self.again is None:
            raise ValueError(
                "a saved graph cannot be updated, not with data= either; it holds no rows. Call "
                f"{self.call.function} with the data"
            )
        return self.again(changes)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the graph, its moments and how it was made as JSON; no rows of the data.

        Parameters that are code (``constraints``) are left out and named under ``not_saved``; what was fitted under
        them is kept, with their multipliers.
        """
        e = self.estimator
        params, lost = saved_params(e.get_params())
        told = {
            "format": GRAPH_FORMAT,
            "layout": GRAPH_LAYOUT,
            "model": type(e).__name__,
            "params": params,
            "not_saved": lost,
            "call": plain(
                {
                    "function": self.call.function,
                    "formula": self.call.formula,
                    "arguments": self.call.arguments,
                }
            ),
            "columns": list(self.columns),
            "nobs": self.nobs,
            "n_dropped": self.n_dropped,
            "state": plain(e.state()),
        }
        with open(path, "w", encoding="utf-8") as file:
            json.dump(told, file)


def graph_from_dict(saved: Mapping[str, Any], models: Mapping[str, type]) -> GraphFit:
    """The fit that ``GraphFit.save`` wrote; ``models`` are the estimators a file may name."""
    with reading(saved, GRAPH_FORMAT, GRAPH_LAYOUT):
        if saved["model"] not in models:
            raise ValueError(f"This version knows no graph model {saved['model']!r}; it knows {', '.join(models)}.")
        estimator = models[saved["model"]](**revive(saved["params"])).restore(revive(saved["state"]))
        return GraphFit(
            call=Call(**revive(saved["call"])),
            estimator=estimator,
            columns=tuple(saved["columns"]),
            nobs=int(saved["nobs"]),
            n_dropped=int(saved["n_dropped"]),
        )


def _check_kind(kind: str) -> None:
    if kind not in ("dag", "cpdag", "matrix", "bootstrap"):
        raise ValueError(f'kind must be "dag", "cpdag", "matrix" or "bootstrap"; got {kind!r}')
