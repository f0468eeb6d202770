"""What a design remembers of its data, enough to build the same columns for new rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ..validation import check_real
from .evaluate import Encoded, Evaluator, check_unseen
from .frame import Column, Level, Subset, Table, complete_rows, row_list
from .grammar import Node, label, show
from .guard import refuse, variables
from .response import Response
from .vocabulary import MAX_CELLS


class Term(NamedTuple):
    """A term of the model and its columns.

    Attributes
    ----------
    name : str
        As written, or the name given by ``grp()``.
    columns : tuple of int
        Positions in the design matrix.
    variables : tuple of str
        Columns of the data it reads.
    kind : str
        "numeric", "factor", "spline", "poly", "cuts", "interaction" or "group".
    levels : tuple or None
        For a factor the level each column stands for (None where a coding mixes levels).
    penalized : bool
    """

    name: str
    columns: tuple[int, ...]
    variables: tuple[str, ...]
    kind: str
    levels: tuple[Level | None, ...] | None
    penalized: bool


@dataclass(frozen=True)
class Bare:
    """A run of numeric columns that enter as they are, each a term of its own."""

    names: list[str]
    free: bool


@dataclass(frozen=True)
class Product:
    """One term that is computed: factors, how each is coded, and the columns they make."""

    factors: tuple[Node, ...]
    full: tuple[bool, ...]
    free: bool
    group: str | None
    columns: tuple[str, ...]
    kind: str
    levels: tuple[Level | None, ...] | None

    @property
    def name(self) -> str:
        return ":".join(map(label, self.factors))

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(v for factor in self.factors for v in variables(factor)))


@dataclass(frozen=True, eq=False)
class NewRows:
    """New data as a design sees it.

    Attributes
    ----------
    X : float64 (n, p), Fortran order, a row for each row of the new data; NaN where it is not ``complete``
    offset : float64 (n,) or None
    complete : bool (n,), False where an input is missing, a level unseen or a factor not finite
    index : pandas index or None
    """

    X: np.ndarray
    offset: np.ndarray | None
    complete: np.ndarray
    index: pd.Index | None


@dataclass(frozen=True, eq=False, repr=False)
class Spec:
    """The remembered design: terms, codings, and what each factor learned.

    Attributes
    ----------
    formula : str
    blocks : list of Bare and Product, in the order of the columns
    states : dict, what factors learned, by their text
    kinds : dict, the variables that are not numeric: "factor" or "boolean"
    offsets : expressions of ``offset()`` terms
    offset_column, offset_array : where the argument ``offset=`` came from, a column's name or an array
    response : Response or None, without the values
    fit_intercept : bool
    n_rows : rows of the data at fit, the bound of counts in the formula
    env : functions lent by the caller
    """

    formula: str
    blocks: list[Bare | Product]
    states: dict[str, dict[str, Any]]
    kinds: dict[str, str]
    fit_intercept: bool
    n_rows: int
    offsets: tuple[Node, ...] = ()
    offset_column: str | None = None
    offset_array: bool = False
    response: Response | None = None
    env: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Spec({self.formula!r}, {len(self.names)} columns in {len(self.terms)} terms)"

    @cached_property
    def names(self) -> list[str]:
        """Names of the columns."""
        found: list[str] = []
        for block in self.blocks:
            found += block.names if isinstance(block, Bare) else block.columns
        return found

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The terms in order of their first column; a ``grp()`` is one term."""
        found: list[Term] = []
        groups: dict[str, int] = {}
        start = 0
        for block in self.blocks:
            if isinstance(block, Bare):
                found += [
                    Term(name, (start + j,), (name,), "numeric", None, not block.free)
                    for j, name in enumerate(block.names)
                ]
                start += len(block.names)
                continue
            columns = tuple(range(start, start + len(block.columns)))
            start += len(columns)
            if block.group is None:
                found.append(Term(block.name, columns, block.variables, block.kind, block.levels, not block.free))
            elif block.group not in groups:
                groups[block.group] = len(found)
                found.append(Term(block.group, columns, block.variables, "group", None, not block.free))
            else:
                old = found[groups[block.group]]
                both = tuple(dict.fromkeys((*old.variables, *block.variables)))
                found[groups[block.group]] = old._replace(columns=old.columns + columns, variables=both)
        return tuple(found)

    @cached_property
    def groups(self) -> np.ndarray:
        """An integer label for each column: the position of its term."""
        if all(isinstance(block, Bare) for block in self.blocks):
            return np.arange(len(self.names), dtype=np.intp)
        labels = np.empty(len(self.names), dtype=np.intp)
        for i, term in enumerate(self.terms):
            labels[list(term.columns)] = i
        return labels

    @cached_property
    def penalty_factor(self) -> np.ndarray:
        """1 for penalised columns, 0 for those of ``keep()`` and ``unpenalized``."""
        parts = [np.full(len(_names(block)), 0.0 if block.free else 1.0) for block in self.blocks]
        return np.concatenate(parts) if parts else np.zeros(0)

    @cached_property
    def variables(self) -> tuple[str, ...]:
        """Columns that new data must have, those of the offset included."""
        found: dict[str, None] = {}
        for block in self.blocks:
            found.update(dict.fromkeys(block.names if isinstance(block, Bare) else block.variables))
        return tuple(dict.fromkeys((*found, *self.offset_variables)))

    @property
    def offset_variables(self) -> tuple[str, ...]:
        """Columns that the offset reads."""
        read = [name for node in self.offsets for name in variables(node)]
        return tuple(dict.fromkeys([*read, *([self.offset_column] if self.offset_column else [])]))

    @property
    def has_offset(self) -> bool:
        return bool(self.offsets) or self.offset_column is not None or self.offset_array

    def transform(self, data: Any, *, unseen: str = "raise", need_offset: bool = True, offset: Any = None) -> NewRows:
        """The design of new data, a row for each of its rows.

        Parameters
        ----------
        data : DataFrame
            With the columns of `variables`; more are ignored.
        unseen : "raise", "nan" or "zero"
            What a factor level that the fit never met does: an error, a row of NaN, or zeros in the factor's columns,
            as for a level declared and without rows. "zero" needs a column for every level of the factor.
        need_offset : bool, default True
            False leaves the offset out and does not ask for its columns.
        offset : array (n,) or name of a column, optional
            In place of the argument ``offset=`` given at fit; ``offset()`` terms are evaluated from ``data``.

        Returns
        -------
        NewRows

        Raises
        ------
        ValueError
            When a column is missing or of another kind than at fit, or an offset is needed and not there.
        UnseenLevelError
            With ``unseen="raise"``, or "zero" for a factor coded by contrasts, naming variable, levels and rows.
        """
        check_unseen(unseen)
        table = Table(data)
        if not need_offset and offset is not None:
            raise ValueError("offset= was given together with need_offset=False.")
        total, holes = self._offset(table, offset) if need_offset else (None, None)
        X, complete = self._columns(table, self.blocks, unseen, () if holes is None else (holes,))
        if total is not None:
            total = np.where(complete, total, np.nan)
        return NewRows(X, total, complete, table.index)

    def term_columns(self, name: str, data: Any, *, unseen: str = "raise") -> np.ndarray:
        """The columns (n, k) of one term, for data that may lack all other variables; for plots of a term."""
        blocks: list[Bare | Product] = [
            Bare([name], block.free) if isinstance(block, Bare) else block
            for block in self.blocks
            if (name in block.names if isinstance(block, Bare) else name == (block.group or block.name))
        ]
        if not blocks:
            raise ValueError(f"There is no term {name!r}; the terms are {[term.name for term in self.terms][:10]}.")
        return self._columns(Table(data), blocks, unseen, ())[0]

    def _columns(
        self, table: Table, blocks: Sequence[Bare | Product], unseen: str, holes: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        bare = [name for block in blocks if isinstance(block, Bare) for name in block.names]
        computed = dict.fromkeys(v for block in blocks if isinstance(block, Product) for v in block.variables)
        self._require(table, [*bare, *computed], computed)
        complete, _ = complete_rows(table, computed, bare, holes)
        rows = np.flatnonzero(complete)
        whole = len(rows) == len(table)
        part = table if whole else Subset(table, rows)
        evaluator = Evaluator(part, self.states, self.env, learning=False, rows=rows, unseen=unseen)
        X, _ = assemble(evaluator, blocks, bare)
        if whole and not evaluator.unknown.any():
            return X, complete
        X[evaluator.unknown] = np.nan
        complete[rows[evaluator.unknown]] = False
        if whole:
            return X, complete
        full = np.full((len(table), X.shape[1]), np.nan, order="F")
        full[rows] = X
        return full, complete

    def _require(self, table: Table, needed: Sequence[str], computed: Mapping[str, None]) -> None:
        absent = [name for name in needed if name not in table.positions]
        if absent:
            more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
            raise ValueError(f"The new data lacks the column(s) {', '.join(map(repr, absent[:5]))}{more}.")
        for name in computed:
            column, was = table[name], self.kinds.get(name, "numeric")
            empty = column.kind == "factor" and not column.levels
            # Numbers may stand for levels and bools for numbers; text cannot stand for a number.
            if column.kind == "factor" and was != "factor" and not empty and name in self._numbers:
                shown = ", ".join(repr(level) for level in (column.levels or ())[:3])
                raise ValueError(f"Column {name!r} was {was} at fit and holds levels ({shown}) in the new data.")
            if column.kind == "numeric" and was == "boolean" and name in self._numbers:
                _check_flags(column)

    @cached_property
    def _numbers(self) -> set[str]:
        """Variables that some factor reads as numbers."""
        factors = [factor for block in self.blocks if isinstance(block, Product) for factor in block.factors]
        return {
            v
            for factor in factors
            if show(factor) not in self.states or "levels" not in self.states[show(factor)]
            for v in variables(factor)
        }

    def _offset(self, table: Table, given: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The offset of new rows and the mask of rows where it is missing."""
        if not self.has_offset:
            if given is not None:
                raise ValueError("The model was fitted without an offset; it has no use for offset=.")
            return None, None
        total = np.zeros(len(table))
        if self.offset_array and given is None:
            raise ValueError(
                "The model was fitted with an array as offset; pass offset= with one value for each new row, or the "
                "name of their column."
            )
        source = given if given is not None else self.offset_column
        absent = [name for node in self.offsets for name in variables(node) if name not in table.positions]
        if isinstance(source, str) and source not in table.positions:
            absent.append(source)
        if absent:
            raise ValueError(
                f"The model was fitted with an offset, and the new data lacks its column {absent[0]!r}."
                + (
                    " Pass offset= with one value for each new row, or the name of another column."
                    if absent[0] == self.offset_column
                    else ""
                )
            )
        if source is not None:
            total = total + row_values(table, source, "offset")
        for node in self.offsets:
            total = total + _offset_values(node, table, self.states, self.env)
        return total, np.isnan(total)


def _check_flags(column: Column) -> None:
    """Refuse numbers that stand for neither False nor True, where the fit knew these two alone."""
    strange = np.flatnonzero(~(np.isin(column.values, (0.0, 1.0)) | column.missing))
    if len(strange):
        found = ", ".join(f"{value:g}" for value in np.unique(column.values[strange])[:3])
        raise ValueError(
            f"Column {column.name!r} was boolean at fit: False, True, 0, 1 or missing are expected in the new data, "
            f"which holds {found} ({row_list(strange)})."
        )


def assemble(
    evaluator: Evaluator, blocks: Sequence[Bare | Product], bare: Sequence[str]
) -> tuple[np.ndarray, list[list[Encoded]]]:
    """The design matrix of some blocks, and for each Product its encoded factors."""
    encoded: list[list[Encoded]] = []
    pieces: list[np.ndarray] = []
    values = evaluator.table.block(bare) if bare else np.empty((len(evaluator.table), 0))
    if len(blocks) == 1 and isinstance(blocks[0], Bare):
        return values, encoded
    start, width = 0, 0
    for block in blocks:
        if isinstance(block, Bare):
            pieces.append(values[:, start : start + len(block.names)])
            start += len(block.names)
        else:
            factors = [
                evaluator.factor(node, full=full, free=block.free)
                for node, full in zip(block.factors, block.full, strict=True)
            ]
            encoded.append(factors)
            pieces.append(_product(block, factors))
            if evaluator.learning and len(factors) > 1 and not np.isfinite(pieces[-1]).all():
                raise ValueError(f"The products of {block.name!r} leave the range of doubles; rescale its columns.")
        width += pieces[-1].shape[1]
        _fits(block, len(evaluator.table), width)
    X = np.empty((len(evaluator.table), width), order="F")
    start = 0
    for piece in pieces:
        X[:, start : start + piece.shape[1]] = piece
        start += piece.shape[1]
    return X, encoded


def _product(block: Product, factors: Sequence[Encoded]) -> np.ndarray:
    """All products of the factors' columns, the first factor running fastest."""
    values = factors[0].values
    for factor in factors[1:]:
        _fits(block, len(values), values.shape[1] * factor.values.shape[1])
        width = values.shape[1] * factor.values.shape[1]
        with np.errstate(over="ignore"):  # refused by the caller, in words
            values = (factor.values[:, :, None] * values[:, None, :]).reshape(len(values), width)
    return values


def _fits(block: Bare | Product, n: int, width: int) -> None:
    if n * width > MAX_CELLS and isinstance(block, Product):
        refuse(
            block.factors[0],
            f"the term {block.name!r} asks for {width} columns of {n} rows, more than memory holds",
        )


def product_names(factors: Sequence[Node], encoded: Sequence[Encoded]) -> tuple[str, ...]:
    """Names of a product's columns, in the order of `assemble`."""
    names = encoded[0].names(factors[0])
    for node, factor in zip(factors[1:], encoded[1:], strict=True):
        names = [f"{left}:{right}" for right in factor.names(node) for left in names]
    return tuple(names)


def check_labels(table: Table, given: Any, what: str) -> None:
    """Refuse a Series whose labels are not the data's: in another order its values would go to the wrong rows.

    One that only counts its values from 0 has no labels to speak of.
    """
    if not isinstance(given, pd.Series) or table.index is None or given.index.equals(table.index):
        return
    if len(given) == len(table) and not given.index.equals(pd.RangeIndex(len(table))):
        raise ValueError(
            f"The labels of {what} are not those of the data's rows, in their order: give {what} reindexed to "
            "data.index, or as an array when its values already stand in the order of the rows."
        )


def row_values(table: Table, given: Any, what: str) -> np.ndarray:
    """An argument that is a column's name or an array of one number a row.

    Raises
    ------
    ValueError
        When the column does not exist, the length is wrong, or a Series has other labels than the data.
    """
    if isinstance(given, str):
        if given not in table.positions:
            raise ValueError(f"{what}={given!r} is not a column of the data.")
        return table.numeric(given).values
    check_labels(table, given, what)
    check_real(given, what)
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must be numbers, one a row, or the name of a column; {error}.") from error
    if values.shape != (len(table),):
        raise ValueError(
            f"{what} must have one value for each of the {len(table)} rows; it has the shape {values.shape}."
        )
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise ValueError(f"{what} is infinite in {row_list(infinite)}.")
    return values


def _offset_values(
    node: Node, table: Table, states: dict[str, dict[str, Any]], env: Mapping[str, Callable[..., Any]]
) -> np.ndarray:
    """An ``offset()`` expression for every row of a table, NaN where a variable is missing."""
    complete, _ = complete_rows(table, variables(node))
    rows = np.flatnonzero(complete)
    evaluator = Evaluator(Subset(table, rows), states, env, learning=False, rows=rows)
    values = np.full(len(table), np.nan)
    found = evaluator.value(node)
    values[rows] = np.where(evaluator.unknown, np.nan, found)
    return values


def _names(block: Bare | Product) -> Sequence[str]:
    return block.names if isinstance(block, Bare) else block.columns
