"""A design's memory as plain JSON values, and back through the guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from . import bases
from .algebra import expand
from .grammar import names_in, parse, parse_factor, show
from .guard import Guard, check_env
from .response import Response
from .spec import Bare, Product, Spec
from .vocabulary import CONTRASTS

VERSION = 1


def spec_to_dict(spec: Spec) -> dict[str, Any]:
    """A JSON-safe description; no data rows are in it.

    Raises
    ------
    ValueError
        When a factor column's name holds a backtick and cannot be written in a formula.
    """
    return {
        "version": VERSION,
        "formula": spec.formula,
        "n_rows": spec.n_rows,
        "fit_intercept": spec.fit_intercept,
        "kinds": dict(spec.kinds),
        "offsets": [show(node) for node in spec.offsets],
        "offset_column": spec.offset_column,
        "offset_array": spec.offset_array,
        "response": None if spec.response is None else spec.response.to_dict(),
        "env": sorted(spec.env),
        "states": {key: bases.store(state) for key, state in spec.states.items()},
        "blocks": [_block_to_dict(block) for block in spec.blocks],
    }


def spec_from_dict(saved: Mapping[str, Any], *, env: Mapping[str, Callable[..., Any]] | None = None) -> Spec:
    """Rebuild a spec from :func:`spec_to_dict`. Every text in it passes the guard again; no code is executed.

    Parameters
    ----------
    saved : mapping
        As :func:`spec_to_dict` wrote it, also after a trip through JSON.
    env : dict, optional
        The functions that were lent at fit; they are not stored.

    Raises
    ------
    ValueError
        When a key is missing, the version is newer, or a lent function is not given.
    FormulaError
        When a text in it would be refused in a formula.
    """
    needed = {"version", "formula", "n_rows", "blocks", "states", "kinds", "offsets", "fit_intercept"}
    if missing := needed - set(saved):
        raise ValueError(f"This is no saved design: it lacks {sorted(missing)}.")
    if saved["version"] != VERSION:
        raise ValueError(f"The design was saved in version {saved['version']}; this release reads {VERSION}.")
    lent = check_env(env)
    absent = [name for name in saved.get("env", ()) if name not in lent]
    if absent:
        raise ValueError(f"The formula calls functions that were lent at fit; pass env= with {absent}.")
    try:
        spec = Spec(
            formula=saved["formula"],
            blocks=[_block_from_dict(block) for block in saved["blocks"]],
            states=_restored_states(saved["states"]),
            kinds=dict(saved["kinds"]),
            fit_intercept=bool(saved["fit_intercept"]),
            n_rows=int(saved["n_rows"]),
            offsets=tuple(parse_factor(text) for text in saved["offsets"]),
            offset_column=saved.get("offset_column"),
            offset_array=bool(saved.get("offset_array")),
            response=None if saved.get("response") is None else Response.from_dict(saved["response"]),
            env=lent,
        )
        _check(spec)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"This saved design is damaged: {error!r}.") from error
    return spec


def _check(spec: Spec) -> None:
    """Run the guard over every text of a loaded spec, then see that states and names fit together."""
    formula = parse(spec.formula)
    guard = Guard({*spec.variables, *names_in(formula.right)} - set(CONTRASTS), spec.n_rows, spec.env)
    expand(formula.right, guard, lambda: spec.variables)
    for block in spec.blocks:
        for factor in block.factors if isinstance(block, Product) else ():
            guard.factor(factor)
    for node in spec.offsets:
        guard.arithmetic(node)
    if formula.left is not None:
        Guard(names_in(formula.left), spec.n_rows, spec.env).response(formula.left, ("Surv",))
    if spec.response is not None and (formula.left is None or spec.response.name != show(formula.left)):
        raise ValueError("This saved design is damaged: its response is not the left side of its formula.")
    # A basis has about as many knots and degrees as columns, and the file names each of those.
    for state in spec.states.values():
        if max(state.get("degree", 0), len(state.get("knots", ()))) > 2 * len(spec.names) + 2:
            raise ValueError("This saved design is damaged: a basis in it is larger than its columns.")
    if not spec.env:  # a lent function need not understand an empty column
        empty = pd.DataFrame({name: np.empty(0) for name in spec.variables})
        width = spec.transform(empty, need_offset=False).X.shape[1]
        if width != len(spec.names):
            raise ValueError(f"This saved design is damaged: it makes {width} columns and names {len(spec.names)}.")


def _block_to_dict(block: Bare | Product) -> dict[str, Any]:
    if isinstance(block, Bare):
        return {"bare": block.names, "free": block.free}
    for name in block.variables:
        if "`" in name:
            raise ValueError(f"The column name {name!r} holds a backtick and cannot be saved; rename the column.")
    return {
        "factors": [show(factor) for factor in block.factors],
        "full": list(block.full),
        "free": block.free,
        "group": block.group,
        "columns": list(block.columns),
        "kind": block.kind,
        "levels": None if block.levels is None else list(block.levels),
    }


def _block_from_dict(saved: Mapping[str, Any]) -> Bare | Product:
    if "bare" in saved:
        return Bare([str(name) for name in saved["bare"]], bool(saved["free"]))
    return Product(
        factors=tuple(parse_factor(text) for text in saved["factors"]),
        full=tuple(bool(flag) for flag in saved["full"]),
        free=bool(saved["free"]),
        group=saved["group"],
        columns=tuple(str(name) for name in saved["columns"]),
        kind=str(saved["kind"]),
        levels=None if saved["levels"] is None else tuple(saved["levels"]),
    )


def _restored_states(saved: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    states = {}
    for key, state in saved.items():
        function = key.split("(", 1)[0]
        states[key] = bases.restore(function, state)
    return states
