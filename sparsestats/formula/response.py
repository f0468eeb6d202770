"""The left side of a formula."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import coding
from .evaluate import Evaluator
from .frame import Level, Table
from .grammar import Call, Compare, Name, Node, names_in, parse_factor, show
from .vocabulary import CONTRASTS, FACTORS


@dataclass(frozen=True)
class Response:
    """What the left side is; its values are `Design.y`.

    Attributes
    ----------
    name : str
        As written.
    kind : str
        "numeric"; "boolean" (0/1 with the levels False, True); "factor" (codes of ``levels``);
        "counts" (the columns of ``cbind()``); "survival" (columns time, event or start, time, event).
    levels : tuple or None
        For booleans and factors, in the order the data or ``C(y, levels=[...])`` declares, else sorted; for
        counts the columns, as written.
        Levels that do not occur are left out, and listed in ``unused``.
    ordered : bool
        True when the order is declared.
    unused : tuple
    """

    name: str
    kind: str
    levels: tuple[Level, ...] | None = None
    ordered: bool = False
    unused: tuple[Level, ...] = ()

    @property
    def node(self) -> Node:
        return parse_factor(self.name)

    @property
    def variables(self) -> tuple[str, ...]:
        return response_variables(self.node)

    @property
    def coded(self) -> str:
        """A factor without the ``C()`` or ``factor()`` round it; any other response as written."""
        node = self.node
        return show(node.args[0]) if self.kind == "factor" and isinstance(node, Call) else self.name

    def to_dict(self) -> dict[str, Any]:
        levels = None if self.levels is None else list(self.levels)
        return {
            "name": self.name,
            "kind": self.kind,
            "levels": levels,
            "ordered": self.ordered,
            "unused": list(self.unused),
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Response:
        levels = None if saved["levels"] is None else tuple(saved["levels"])
        return cls(saved["name"], saved["kind"], levels, bool(saved["ordered"]), tuple(saved["unused"]))


def response_variables(node: Node) -> tuple[str, ...]:
    """Columns the left side reads."""
    return tuple(name for name in names_in(node) if name not in CONTRASTS)


def read_response(
    node: Node, table: Table, rows: np.ndarray, env: Mapping[str, Callable[..., Any]]
) -> tuple[np.ndarray, Response]:
    """The response on complete rows.

    Parameters
    ----------
    node : Node
        The checked left side.
    table : Table
        Rows without missing values.
    rows : ndarray of int
        Their positions in the user's frame, for error texts.

    Returns
    -------
    y : float64 (n,), or (n, K) for counts of K classes and (n, 2) or (n, 3) for survival
    response : Response
    """
    evaluator = Evaluator(table, {}, env, learning=True, rows=rows)
    name = show(node)
    match node:
        case Call(function="cbind", args=args):
            y = np.column_stack([evaluator.value(argument) for argument in args])
            if (y < 0).any() or (y != np.round(y)).any():
                raise ValueError(f"{name} must hold counts: whole numbers of at least 0.")
            return y, Response(name, "counts", tuple(map(show, args)))
        case Call(function="Surv", args=(time, event), keywords=keywords):
            start = [evaluator.value(value) for _, value in keywords]
            y = np.column_stack([*start, evaluator.value(time), evaluator.value(event)])
            if not np.isin(y[:, -1], (0, 1)).all():
                raise ValueError(f"{name}: the event must be 0 or 1 (False or True).")
            if (y[:, -2] < (y[:, 0] if start else 0)).any():
                raise ValueError(f"{name}: times must not be negative, nor before the start.")
            return y, Response(name, "survival")
        case Name(name=column) if table[column].kind == "boolean":
            return table[column].values, Response(name, "boolean", (False, True))
        case Name(name=column) if table[column].kind == "factor":
            return _classes(node, name, evaluator)
        case Call(function=function) if function in FACTORS:
            return _classes(node, name, evaluator)
        case Call(function="I", args=(Compare(),)):
            return evaluator.value(node), Response(name, "boolean", (False, True))
        case _:
            return evaluator.value(node), Response(name, "numeric")


def _classes(node: Node, name: str, evaluator: Evaluator) -> tuple[np.ndarray, Response]:
    column = evaluator.categories(node)
    levels = coding.learn_levels(node, column)
    codes, _ = coding.recode(column, levels)
    declared = isinstance(node, Call) and "levels" in dict(node.keywords)
    unused = tuple(level for level in column.levels or () if level not in levels)
    return codes.astype(np.float64), Response(name, "factor", levels, column.ordered or declared, unused)


def reread_response(
    response: Response, table: Table, rows: np.ndarray, env: Mapping[str, Callable[..., Any]]
) -> np.ndarray:
    """The response of new complete rows, in the levels of the fit; NaN for other levels."""
    if response.kind != "factor":
        return read_response(response.node, table, rows, env)[0]
    column = Evaluator(table, {}, env, learning=True, rows=rows).categories(response.node)
    codes, unseen = coding.recode(column, response.levels or ())
    return np.where(unseen, np.nan, codes.astype(np.float64))
