"""Graphs in the R door: no formula, the columns of a frame are the variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from ..estimators._misnamed import OF_GRAPHS
from ..estimators.dag import CoLiDE
from ..report import frames
from ..report.call import Call
from ..report.graphfit import GraphFit
from ..validation import check_columns_are_measurements, check_names_differ
from .arguments import check_names

GRAPHS = {"CoLiDE": CoLiDE}
"""The graph estimators that a saved fit may name."""


def colide(
    data: Any,
    columns: Sequence[str] | str | None = None,
    *,
    alpha: float = 0.05,
    missing: str = "drop",
    **params: Any,
) -> GraphFit:
    """Linear DAG with concomitant noise scales over the columns of a frame.

    Minimises, over DAGs W and noise scales s, ``tr((I-W)'S(I-W)) / (2 s) + d s / 2 + a sum |W|`` (``noise="ev"``; with
    ``"nv"`` a scale for every variable, and by default a search by BIC from there), S the covariance, divisor n, and a
    alpha times the smallest standard deviation. Edges that remain are fitted again by least squares; see
    :class:`sparsestats.CoLiDE`.

    Parameters
    ----------
    data : pandas or polars DataFrame
        Never changed. Columns of text, categories and dates, and columns that number the rows, are refused by
        name: leave them out by ``columns``.
    columns : sequence of str, str or None, default None
        The variables; None is all columns.
    alpha : float >= 0, default 0.05
        Penalty on the weights, in units of the smallest standard deviation.
    missing : {"drop", "raise", "em"}, default "drop"
        Rows with a missing value: left out (and counted), refused, or used through an EM covariance.
    **params
        Of :class:`sparsestats.CoLiDE`, with their ranges and defaults: noise, solver, refine, threshold, refit, prune,
        penalty_scale, required, forbidden, tiers (by name), max_parents, polish, n_restarts, tol, constraints,
        path_options, random_state.

    Returns
    -------
    GraphFit

    Raises
    ------
    TypeError
        For an argument that does not exist.
    ValueError
        For data or parameters that cannot be used.

    References
    ----------
    Saboksayr, Mateos and Tepper (2024), CoLiDE: Concomitant Linear DAG Estimation, ICLR.

    Examples
    --------
    >>> import sparsestats as ss
    >>> from sparsestats.datasets import load_penguins
    >>> fit = ss.colide(load_penguins(), ["bill_length_mm", "flipper_length_mm", "body_mass_g"])
    >>> sorted(fit.tidy()["from"])
    ['bill_length_mm', 'flipper_length_mm']
    """
    known = set(CoLiDE().get_params()) - {"alpha", "missing"}
    check_names("colide", params, known, ("columns", "alpha", "missing"), OF_GRAPHS)
    if missing not in ("drop", "raise", "em"):
        raise ValueError(f'missing must be "drop", "raise" or "em", got {missing!r}.')
    return _fitted(data, columns, {"alpha": alpha, "missing": missing, **params})


def _fitted(data: Any, columns: Any, arguments: Mapping[str, Any]) -> GraphFit:
    if isinstance(data, pd.DataFrame):
        check_names_differ(data.columns)
    try:
        table = nw.from_native(data, eager_only=True)
    except TypeError as error:
        raise TypeError(f"data must be a pandas or polars DataFrame, got {type(data).__name__}.") from error
    alone = isinstance(columns, str) or not isinstance(columns, Iterable)
    given = table.columns if columns is None else [columns] if alone else columns
    names = [str(name) for name in given]
    if not names:
        raise ValueError("there is no column to fit a graph to")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"columns names {twice!r} twice; each variable of a graph stands for itself")
    held = [str(name) for name in table.columns]
    check_columns_are_measurements(table[:, [held.index(name) for name in names if name in held]].to_native())
    X = frames.numbers(data, names)
    arguments = dict(arguments)
    missing = arguments.pop("missing")
    whole = ~np.isnan(X).any(axis=1)
    if missing == "drop":
        X = X[whole]
    if len(X) < 2:
        raise ValueError(f"{len(X)} complete rows are left of {len(whole)}; a graph needs two or more.")
    model = CoLiDE(**arguments, missing="em" if missing == "em" else "raise")
    model.fit(pd.DataFrame(X, columns=names))
    defaults = {**CoLiDE().get_params(), "missing": "drop"}
    told = {**arguments, "missing": missing}
    changed = {name: value for name, value in told.items() if value is not defaults[name] and value != defaults[name]}
    if columns is not None:
        changed = {"columns": names, **changed}
    return GraphFit(
        call=Call.of("ss.colide", "", changed),
        estimator=model,
        columns=tuple(names),
        nobs=len(X),
        n_dropped=len(whole) - len(X),
        data=data,
        again=partial(_again, data, columns, {**arguments, "missing": missing}),
    )


def _again(data: Any, columns: Any, arguments: Mapping[str, Any], changes: Mapping[str, Any]) -> GraphFit:
    """The same call with changed arguments; ``GraphFit.update`` ends here."""
    changes = dict(changes)
    return colide(changes.pop("data", data), changes.pop("columns", columns), **{**arguments, **changes})
