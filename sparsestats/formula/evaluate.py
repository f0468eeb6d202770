"""A checked factor + data -> numbers. The tree is walked here; nothing is handed to Python's ``eval``."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from ..exceptions import DataWarning, UnseenLevelError
from . import bases, coding
from . import vocabulary as words
from .frame import Column, Level, Table, row_list
from .grammar import Binary, Call, Compare, Flag, Name, Node, Number, Sum, Text, label, show
from .guard import constant, refuse

UNSEEN = ("raise", "nan", "zero")
"""What a level that the fit never met may do: refuse, blank the row, or have no effect of its own."""

_COMPARE: dict[str, Callable[..., Any]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


@dataclass(frozen=True, eq=False)
class Encoded:
    """One factor as columns.

    Attributes
    ----------
    values : float64 (n, k)
    labels : one label for each column, or None for a single column that goes by the factor's name
    kind : "numeric", "factor", "spline", "poly" or "cuts"
    levels : the level each column stands for, or None
    """

    values: np.ndarray
    labels: list[str] | None
    kind: str
    levels: list[Level | None] | None = None

    def names(self, node: Node) -> list[str]:
        name = label(node)
        return [name] if self.labels is None else [f"{name}[{text}]" for text in self.labels]


@dataclass
class Evaluator:
    """Evaluates factors on one table.

    Attributes
    ----------
    table : Table
        Complete in every variable that is read.
    states : dict
        What factors have learned, by their text; filled while ``learning``, read otherwise.
    env : mapping of names to functions the caller lends
    learning : bool
    rows : positions of the table's rows in the user's frame, for error texts
    unknown : mask of the rows that got no number although nothing is missing; only when not learning
    unseen : one of `UNSEEN`
    """

    table: Table
    states: dict[str, dict[str, Any]]
    env: Mapping[str, Callable[..., Any]]
    learning: bool
    rows: np.ndarray
    unseen: str = "raise"
    unknown: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.unknown = np.zeros(len(self.table), dtype=bool)

    def factor(self, node: Node, *, full: bool, free: bool) -> Encoded:
        """One factor of a term; ``full`` asks for a column a level, ``free`` for an unpenalised term."""
        match node:
            case Name(name=name):
                # What the column was at fit decides: levels "1", "2" may come back from a file as numbers.
                categorical = self.table[name].kind == "factor" if self.learning else show(node) in self.states
                if categorical:
                    return self._levels(node, self.table.factor(name), full=full)
                return Encoded(self.value(node)[:, None], None, "numeric")
            case Call(function=function) if function in words.FACTORS:
                return self._levels(node, self.categories(node), full=full)
            case Call(function=function) if function in words.BASES:
                return self._basis(node, free=free)
            case Call(function=function) if function in self.env:
                return self._lent(node)
            case _:
                return Encoded(self.value(node)[:, None], None, "numeric")

    def categories(self, node: Node) -> Column:
        """The levels and codes behind a factor: a column as it is, or numbers taken as levels."""
        inner = node.args[0] if isinstance(node, Call) else node
        if isinstance(inner, Name):
            return self.table.factor(inner.name)
        values = self.value(inner)
        found, codes = np.unique(values, return_inverse=True)
        return Column(show(inner), "factor", codes, tuple(map(coding.as_level, found)))

    def value(self, node: Node) -> np.ndarray:
        """An expression as one finite number a row."""
        return self._finite(node, self.number(node))

    def number(self, node: Node) -> np.ndarray:
        """An expression as one number a row, whether finite or not."""
        with np.errstate(all="ignore"):  # what is not finite is reported, with its rows, by _finite
            return np.broadcast_to(np.asarray(self._number(node), dtype=np.float64), (len(self.table),))

    def _number(self, node: Node) -> Any:
        match node:
            case Number(value=value):
                return value
            case Name(name=name):
                return self.table.numeric(name).values
            case Sum(parts=parts):
                return reduce(np.add, (sign * self._number(part) for sign, part in parts))
            case Binary(op="*", left=left, right=right):
                return self._number(left) * self._number(right)
            case Binary(op="/", left=left, right=right):
                return np.divide(self._number(left), self._number(right))
            case Binary(op="**", left=left, right=right):
                power = constant(right)
                assert power is not None
                return np.power(np.asarray(self._number(left), dtype=np.float64), power)
            case Compare(op=op, left=left, right=right):
                return self._comparison(node, op, left, right)
            case Call(function="I", args=(argument,)):
                return self._number(argument)
            case Call(function=function, args=args) if function in words.ELEMENTWISE:
                return words.ELEMENTWISE[function](*map(self._number, args))
            case Call(function=function, args=(argument,)) if function in words.LEARNED:
                return self._standardized(node, self.number(argument))
            case Call(function=function) if function in self.env:
                values = self._call(node)
                if values.ndim != 1:
                    refuse(node, "inside an expression a lent function must give one number a row")
                return values
            case _:
                refuse(node, "this is no expression of numbers")

    def _comparison(self, node: Compare, op: str, left: Node, right: Node) -> np.ndarray:
        text, other = (left, right) if isinstance(left, Text) else (right, left)
        if not isinstance(text, Text):
            return _COMPARE[op](self._number(left), self._number(right)).astype(np.float64)
        assert isinstance(other, Name)
        column = self.table.factor(other.name)
        named = [str(level) for level in column.levels or ()]
        if text.value not in named and self.learning:
            refuse(node, f"column {other.name!r} has no level {text.value!r}, only {named[:6]}")
        code = named.index(text.value) if text.value in named else -2
        return _COMPARE[op](column.values, code).astype(np.float64)

    def _standardized(self, node: Call, values: np.ndarray) -> np.ndarray:
        key = show(node)
        if self.learning:
            values = self._finite(node.args[0], values)
            state = {"center": float(values.mean()), "scale": 1.0}
            if node.function == "scale":
                state["scale"] = float(values.std(ddof=1)) if len(values) > 1 else 0.0
                if not state["scale"] > 0:
                    refuse(node, f"{show(node.args[0])} is constant and cannot be scaled")
            self.states[key] = state
        state = self.states[key]
        return (values - state["center"]) / state["scale"]

    def _basis(self, node: Call, *, free: bool) -> Encoded:
        x = self.value(node.args[0])
        # An unpenalised cr() or cc() is centred, so the two readings of one text learn different states.
        key = show(node) + (" unpenalized" if free and node.function in ("cr", "cc") else "")
        if self.learning:
            self.states[key] = bases.learn(node, x, free=free)
        values, labels = bases.evaluate(node, x, self.states[key])
        kind = "spline" if node.function in words.SPLINES else "poly" if node.function == "poly" else "cuts"
        return Encoded(values, labels, kind)

    def _levels(self, node: Node, column: Column, *, full: bool) -> Encoded:
        key = show(node)
        if self.learning:
            self.states[key] = {"levels": list(coding.learn_levels(node, column))}
        levels = self.states[key]["levels"]
        codes, strange = coding.recode(column, levels)
        matrix, labels, standing_for = coding.coding_matrix(node, levels, full=full)
        if strange.any():
            contrasts = matrix.shape[1] < len(levels)
            if self.unseen == "raise" or (self.unseen == "zero" and contrasts):
                found = sorted({(column.levels or ())[code] for code in column.values[strange]}, key=str)
                error = UnseenLevelError(column.name, list(map(str, found)), self.rows[strange].tolist(), contrasts)
                known = {str(level): type(level).__name__ for level in levels}
                alike = next((level for level in found if str(level) in known), None)
                if alike is not None:
                    error.add_note(
                        f"{str(alike)!r} was {known[str(alike)]} at fit and is {type(alike).__name__} here: "
                        f"give column {column.name!r} the type it had."
                    )
                raise error
            if self.unseen == "nan":
                self.unknown |= strange
        # A level without rows has a column of zeros, and a penalty leaves its coefficient at 0.
        values = np.where(codes[:, None] < 0, 0.0 if self.unseen == "zero" else np.nan, matrix[codes])
        return Encoded(values, labels, "factor", standing_for)

    def _lent(self, node: Call) -> Encoded:
        values = self._call(node)
        if values.ndim == 1:
            return Encoded(self._finite(node, values)[:, None], None, "numeric")
        for column in values.T:
            self._finite(node, column)
        return Encoded(np.array(values), [str(j + 1) for j in range(values.shape[1])], "numeric")

    def _call(self, node: Call) -> np.ndarray:
        # Copies: a lent function that works in place must not reach the user's data.
        args = [self.number(argument).copy() for argument in node.args]
        keywords = {key: _value(value) for key, value in node.keywords}
        values = np.asarray(self.env[node.function](*args, **keywords), dtype=np.float64)
        if values.ndim not in (1, 2) or len(values) != len(self.table):
            raise ValueError(
                f"env[{node.function!r}] must return {len(self.table)} numbers, or as many rows, "
                f"and returned an array of shape {values.shape}."
            )
        return values

    def _finite(self, node: Node, values: np.ndarray) -> np.ndarray:
        """The values, after complaint about those that are not finite although nothing is missing there."""
        if np.isfinite(values.sum()):
            return values
        bad = ~np.isfinite(values)
        if not bad.any():
            return values
        where = f"{show(node)} is not finite in {int(bad.sum())} of {len(bad)} rows ({row_list(self.rows[bad])})"
        if self.learning:
            raise ValueError(f"{where}; check the values it is computed from, for example log() of 0.")
        warnings.warn(f"{where}; the prediction there is NaN.", DataWarning, stacklevel=2)
        self.unknown |= bad
        # Any finite stand-in: the rows are blanked at the end, and a basis must be evaluated somewhere.
        return np.where(bad, values[~bad][0] if not bad.all() else 1.0, values)


def check_unseen(unseen: Any) -> None:
    """Refuse what is none of `UNSEEN`.

    Raises
    ------
    ValueError
    """
    if unseen not in UNSEEN:
        raise ValueError(f"unseen must be {', '.join(map(repr, UNSEEN[:-1]))} or {UNSEEN[-1]!r}, not {unseen!r}.")


def _value(node: Node) -> Any:
    return node.value if isinstance(node, (Flag, Text)) else constant(node)
