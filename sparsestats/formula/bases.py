"""Spline, polynomial and threshold bases of one column. The only module that imports formulaic.

A basis is learned once (knots, bounds, recurrence coefficients, thresholds: its ``state``) and then evaluated
from its state alone. ``bs``, ``cr``, ``cc`` and ``poly`` are formulaic's; ``ns`` is R's.

Outside the range a spline was learned on
  ``bs`` and ``cr`` continue, as R's do: ``bs`` by its last cubic piece, ``cr`` by a straight line;
  ``ns`` continues by a straight line; ``cc`` repeats its cycle.
Folds of a cross-validation always meet values slightly outside, so this is no error; ``bs`` warns when a
value lies further out than a tenth of the range, where a cubic is no longer to be trusted.
``extrapolation="raise"`` and ``"clip"`` choose otherwise.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.interpolate import BSpline

from ..exceptions import DataWarning
from .frame import row_list
from .grammar import Call, Flag, Listing, Text, show
from .guard import constant, options, refuse
from .vocabulary import BASES, MAX_CELLS, SPLINES

FAR = 0.1  # of the range, beyond which continuing a cubic is worth a warning

State = dict[str, Any]


def arguments(node: Call) -> dict[str, Any]:
    """The options of a checked basis call as Python values."""
    values: dict[str, Any] = {}
    for argument, given in options(node, BASES[node.function]):
        match given:
            case Flag() | Text():
                values[argument.name] = given.value
            case Listing(items=items):
                values[argument.name] = [constant(item) for item in items]
            case _:
                number = constant(given)
                assert number is not None
                values[argument.name] = int(number) if argument.kind == "count" else number
    return values


def learn(node: Call, x: np.ndarray, *, free: bool) -> State:
    """Knots, bounds or coefficients of a basis.

    Parameters
    ----------
    node : Call
        The basis as written.
    x : ndarray (n,)
        Finite values.
    free : bool
        True for an unpenalised term: a ``cr`` or ``cc`` basis, which contains the constant, is then centred
        so that it can stand beside an intercept.
    """
    given = arguments(node)
    distinct = len(np.unique(x))
    wanted = given.get("df", given.get("degree", 1) if node.function == "poly" else 1)
    if wanted * len(x) > MAX_CELLS:
        refuse(node, f"{wanted} columns of {len(x)} rows do not fit into memory")
    if node.function in (*SPLINES, "poly") and distinct <= (wanted if node.function == "poly" else 1):
        refuse(node, f"{show(node.args[0])} has only {distinct} different values")
    if node.function in SPLINES and wanted > distinct:
        refuse(node, f"df = {wanted} is more than the {distinct} different values of {show(node.args[0])}")
    match node.function:
        case "ns":
            return _learn_natural(node, x, given)
        case "cuts":
            return {"thresholds": sorted({float(t) for t in given["thresholds"]})}
        case "quantile_cuts":
            return _learn_quantiles(node, x, given)
        case "poly":
            degree, raw = given.get("degree", 1), given.get("raw", False)
            if degree > 30:
                refuse(node, "a polynomial of a degree above 30 cannot be computed; use bs(x, df=6)")
            state: State = {"degree": degree, "raw": raw}
            if not raw:
                _formulaic("poly", x, node, state, degree=degree)
            return state
        case _:
            return _learn_formulaic(node, x, given, free=free)


def evaluate(node: Call, x: np.ndarray, state: Mapping[str, Any]) -> tuple[np.ndarray, list[str]]:
    """The columns (n, k) of a learned basis and their labels."""
    match node.function:
        case "cuts" | "quantile_cuts":
            cuts = np.asarray(state["thresholds"], dtype=np.float64)
            short = [f"{cut:g}" for cut in cuts]
            texts = short if len(set(short)) == len(short) else [repr(float(cut)) for cut in cuts]
            return (x[:, None] >= cuts).astype(np.float64), [f">={text}" for text in texts]
        case "poly":
            if state["raw"]:
                values = x[:, None] ** np.arange(1, state["degree"] + 1)
            else:
                values = _formulaic("poly", x, node, dict(state), degree=state["degree"])
        case "ns":
            values = _natural(_inside(node, x, state), state)
        case "cc":
            values = _formulaic("cc", x, node, dict(state))
        case "bs":
            shape = {"degree": state["degree"], "include_intercept": state["include_intercept"]}
            inside = _inside(node, x, state)
            values = _formulaic("bs", inside, node, dict(state), extrapolation="extend", **shape)
        case _:
            values = _formulaic("cr", _inside(node, x, state), node, dict(state), extrapolation="extend")
    start = 0 if node.function == "bs" and state["include_intercept"] else 1
    return values, [str(j) for j in range(start, start + values.shape[1])]


def restore(function: str, state: Mapping[str, Any]) -> State:
    """A state read from JSON, with the integer keys that JSON turns into text."""
    restored = dict(state)
    for key in ("alpha", "norms2"):
        if key in restored:
            restored[key] = {int(k): float(v) for k, v in restored[key].items()}
    if function in ("cr", "cc") and restored.get("constraints") is not None:
        restored["constraints"] = np.asarray(restored["constraints"], dtype=np.float64)
    for key in ("knots", "thresholds"):
        if key in restored:
            restored[key] = [float(value) for value in restored[key]]
    return restored


def store(state: Mapping[str, Any]) -> State:
    """A state as JSON can hold it."""
    return {key: _plain(value) for key, value in state.items()}


def _plain(value: Any) -> Any:
    match value:
        case np.ndarray() | np.generic():
            return value.tolist()
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case _:
            return value


def _formulaic(function: str, x: np.ndarray, node: Call, state: State, **options: Any) -> np.ndarray:
    from formulaic.transforms import TRANSFORMS  # late: it takes longer to import than most fits to run

    try:
        columns = TRANSFORMS[function](x, _state=state, **options)
    except ValueError as error:
        refuse(node, str(error).rstrip("."))
    values = list(columns.values()) if isinstance(columns, Mapping) else np.asarray(columns).T
    return np.column_stack([np.broadcast_to(np.asarray(column), x.shape) for column in values])


def _learn_formulaic(node: Call, x: np.ndarray, given: dict[str, Any], *, free: bool) -> State:
    given = {key: value for key, value in given.items() if key != "extrapolation"}
    state: State = {}
    if node.function == "bs":
        if "df" in given and "knots" in given:
            refuse(node, "df and knots cannot both be given")
        state = {"degree": given.get("degree", 3), "include_intercept": given.get("include_intercept", False)}
        if state["degree"] > 20:
            refuse(node, "a spline of a degree above 20 cannot be computed")
        least = state["degree"] + state["include_intercept"]
        if given.get("df", least) < least:
            refuse(node, f"a spline of degree {state['degree']} needs df >= {least}; degree=1 is piecewise linear")
    else:
        if "df" not in given and "knots" not in given:
            refuse(node, f"{node.function}() needs df or knots, as in {node.function}(x, df=5)")
        if free:
            given.setdefault("constraints", "center")
    _check_bounds(node, x, given)
    # A bound inside the data is where the basis ends; the values beyond it count as outside.
    _formulaic(node.function, x, node, state, extrapolation="extend", **given)
    return state


def _check_bounds(node: Call, x: np.ndarray, given: Mapping[str, Any]) -> None:
    low, high = given.get("lower_bound", x.min()), given.get("upper_bound", x.max())
    if low >= high:
        refuse(node, f"lower_bound {low:g} is not below upper_bound {high:g}")
    outside = [knot for knot in given.get("knots", ()) if not low < knot < high]
    if outside:
        refuse(node, f"the knots {outside} are not inside ({low:g}, {high:g})")


def _inside(node: Call, x: np.ndarray, state: Mapping[str, Any]) -> np.ndarray:
    """Deal with values outside the range a spline was learned on."""
    low, high = state["lower_bound"], state["upper_bound"]
    beyond = np.maximum(low - x, x - high)
    far = np.flatnonzero(beyond > 0)
    if not len(far):
        return x
    mode = arguments(node).get("extrapolation", "extend")
    name = show(node.args[0])
    values = "1 value" if len(far) == 1 else f"{len(far)} values"
    where = f"{name} has {values} outside [{low:g}, {high:g}], the range of {show(node)} ({row_list(far)})"
    if mode == "raise":
        raise ValueError(f"{where}. Use ns({name}, df=4), which continues linearly.")
    if mode == "clip":
        return np.clip(x, low, high)
    very_far = np.flatnonzero(beyond > FAR * (high - low))
    if node.function == "bs" and len(very_far):
        warnings.warn(
            f"{where}, some by more than {FAR:.0%} of it. A bs() basis continues "
            f'by its last polynomial there; ns({name}, df=4) continues linearly, extrapolation="clip" stops.',
            DataWarning,
            stacklevel=2,
        )
    return x


def _learn_natural(node: Call, x: np.ndarray, given: dict[str, Any]) -> State:
    """Knots of R's ``ns``: ``df - 1`` interior quantiles of the values inside the bounds."""
    if "df" in given and "knots" in given:
        refuse(node, "df and knots cannot both be given")
    _check_bounds(node, x, given)
    low, high = float(given.get("lower_bound", x.min())), float(given.get("upper_bound", x.max()))
    inner = [float(knot) for knot in given.get("knots", ())]
    df = given.get("df", len(inner) + 1)
    if "knots" not in given and df > 1:
        within = x[(x >= low) & (x <= high)]
        inner = np.quantile(within, np.linspace(0, 1, df + 1)[1:-1]).tolist()
    inner = sorted(inner)
    # Two equal knots would leave a kink where a natural spline is smooth; one on the bound, an empty piece.
    if len({low, high, *inner}) < len(inner) + 2:
        refuse(
            node,
            f"{df - 1} inner quantiles of {show(node.args[0])} coincide; use a smaller df or knots=",
        )
    return {"knots": inner, "lower_bound": low, "upper_bound": high}


def _natural(x: np.ndarray, state: Mapping[str, Any]) -> np.ndarray:
    """R's ``splines::ns``: cubic B-splines without the first, turned so that curvature vanishes at the ends.

    Outside the bounds value and slope at the bound continue linearly.
    """
    low, high = state["lower_bound"], state["upper_bound"]
    knots = np.r_[[low] * 4, state["knots"], [high] * 4]
    spline = BSpline(knots, np.eye(len(knots) - 4)[:, 1:], 3)
    ends = np.array([low, high])
    curvature = spline.derivative(2)(ends)
    rotation = np.linalg.qr(curvature.T, mode="complete")[0][:, 2:]
    nearest = np.clip(x, low, high)
    values = spline(nearest)
    outside = x != nearest
    if outside.any():
        slopes = spline.derivative(1)(nearest[outside])
        values[outside] += slopes * (x - nearest)[outside, None]
    return values @ rotation


def _learn_quantiles(node: Call, x: np.ndarray, given: Mapping[str, Any]) -> State:
    bins = given.get("bins", 4)
    if bins < 2:
        refuse(node, "quantile_cuts() needs at least 2 bins")
    cuts = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)[1:-1]))
    # A threshold at the minimum would be a column of ones.
    return {"thresholds": cuts[cuts > x.min()].tolist()}
