"""The data a formula reads: columns of a pandas or polars frame as numbers or as levels with codes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from functools import cached_property
from os import PathLike
from typing import Any, NoReturn

import narwhals as nw
import numpy as np
import pandas as pd

from ..validation import check_names_differ

Level = str | int | float | bool

_NUMBERS = (int, float, np.number, Decimal)  # databases hand out decimals
_COMPLEX = (complex, np.complexfloating)
_TIMES = (date, time, timedelta, pd.Period)


def as_level(value: Any) -> Level:
    """A level as JSON can hold it: strings, numbers and bools as they are, everything else by its text."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return int(value) if float(value).is_integer() else float(value)
    return str(value)


@dataclass(frozen=True, eq=False)
class Column:
    """One column, read once.

    Attributes
    ----------
    name : str
    kind : "numeric", "boolean" or "factor"
    values : float64 (n,), NaN where missing; for a factor the codes as integers, -1 where missing
    levels : the levels in order, for booleans (False, True), for numbers None
    ordered : True when the data declares an order
    """

    name: str
    kind: str
    values: np.ndarray
    levels: tuple[Level, ...] | None = None
    ordered: bool = False

    @property
    def missing(self) -> np.ndarray:
        return self.values < 0 if self.kind == "factor" else np.isnan(self.values)

    def take(self, rows: np.ndarray) -> Column:
        return Column(self.name, self.kind, self.values[rows], self.levels, self.ordered)


class Table:
    """Columns of a frame by name, read when they are asked for.

    Parameters
    ----------
    data : pandas or polars DataFrame, or any eager frame narwhals knows
    """

    def __init__(self, data: Any):
        if isinstance(data, pd.DataFrame):
            self.pandas_like = True
            names = data.columns.tolist()
        else:
            try:
                frame = nw.from_native(data, eager_only=True)
            except TypeError:
                hint = "; an array has no names for a formula: use the estimators' fit(X, y)"
                if nw.dependencies.is_polars_lazyframe(data):
                    hint = ", whose rows are not read yet: call its .collect()"
                elif isinstance(data, Mapping):
                    hint = ": pandas.DataFrame(data) makes one"
                elif isinstance(data, pd.Series) or nw.dependencies.is_polars_series(data):
                    hint = ": a row of a frame is data.iloc[[i]], a column data[[name]]"
                elif isinstance(data, str | PathLike):
                    hint = ": pandas.read_csv(path) reads a file"
                elif data is None:
                    hint = ""
                name = type(data).__name__
                raise TypeError(f"data must be a pandas or polars DataFrame, not {name}{hint}.") from None
            self.pandas_like = frame.implementation.is_pandas_like()
            names = list(frame.columns)
        self.native = data
        self._read: dict[str, Column] = {}
        self._block: tuple[Sequence[str], np.ndarray, bool] | None = None  # looked at for holes, then used as it is
        strange = [name for name in names if not isinstance(name, str)]
        if strange:
            check_names_differ(names)  # what is said below would not tell them apart
            layered = isinstance(strange[0], tuple)
            rename = '["_".join(map(str, name)) for name in data.columns]' if layered else "data.columns.astype(str)"
            raise ValueError(
                f"Column names must be strings: found {strange[0]!r} ({type(strange[0]).__name__}). "
                f"Rename them, in pandas by data.columns = {rename}."
            )
        self.names: list[str] = names
        if len(self.positions) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"The column {twice!r} stands twice in the data; a formula needs unique names.")

    @cached_property
    def positions(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.native)

    @property
    def index(self) -> pd.Index | None:
        """The row labels of a pandas frame; None for frames without any."""
        return self.native.index if self.pandas_like else None

    @cached_property
    def _types(self) -> tuple[list[Any], dict[Any, bool]]:
        """The type of each column, and which types are machine numbers."""
        if self.pandas_like:
            types = self.native.dtypes.tolist()
        else:
            types = list(nw.from_native(self.native, eager_only=True).schema.values())
        return types, {
            dtype: _numpy_number(dtype) or _wrapped(self.native[self.names[types.index(dtype)]]).dtype.is_numeric()
            for dtype in set(types)
        }

    @cached_property
    def _doubles(self) -> np.ndarray | None:
        """All of a pandas frame that holds nothing but doubles: one block in memory, stored by columns."""
        types, _ = self._types
        return self.native.to_numpy() if self.pandas_like and set(types) == {np.dtype(np.float64)} else None

    def is_number(self, name: str) -> bool:
        """Whether a column holds machine numbers, without reading it."""
        types, numbers = self._types
        return numbers[types[self.positions[name]]]

    def all_numbers(self, names: Sequence[str]) -> bool:
        """Whether every one of many columns holds machine numbers."""
        return all(self._types[1].values()) or all(map(self.is_number, names))

    def block(self, names: Sequence[str]) -> np.ndarray:
        """Numeric columns side by side: float64 (n, k), Fortran order, NaN where missing; it may be a view.

        Raises
        ------
        ValueError
            When a value is infinite.
        """
        return self._read_block(names)[0]

    def block_holes(self, names: Sequence[str]) -> np.ndarray | None:
        """Where the block of these columns misses values; None where it misses none."""
        values, whole = self._read_block(names)
        return None if whole else np.isnan(values)

    def _read_block(self, names: Sequence[str]) -> tuple[np.ndarray, bool]:
        """The block, and whether its sum is a number, so that nothing misses."""
        if self._block is None or self._block[0] is not names:
            values = np.asfortranarray(self._side_by_side(names))
            whole = bool(np.isfinite(values.sum()))
            if not whole and np.isinf(values).any():
                _refuse_infinite(names[int(np.flatnonzero(np.isinf(values).any(axis=0))[0])], values)
            self._block = (names, values, whole)
        return self._block[1:]

    def _side_by_side(self, names: Sequence[str]) -> np.ndarray:
        first = self.positions[names[0]] if len(names) else 0
        neighbours = self.names[first : first + len(names)] == names
        if self._doubles is not None and neighbours:  # a view
            return self._doubles[:, first : first + len(names)]
        where = np.array(list(map(self.positions.__getitem__, names)), dtype=np.intp)
        if self._doubles is not None:  # one copy of each column
            return self._doubles.T[where].T
        if len(names) >= 50 and self.all_numbers(names):
            if self.pandas_like:
                return self.native.iloc[:, where].to_numpy(dtype=np.float64, na_value=np.nan)
            some = nw.from_native(self.native, eager_only=True).select(list(names))
            return some.to_numpy().astype(np.float64, copy=False)
        values = np.empty((len(self), len(names)), order="F")
        for j, name in enumerate(names):
            values[:, j] = self.numeric(name).values
        return values

    def numeric(self, name: str) -> Column:
        """A column of numbers or bools.

        Raises
        ------
        ValueError
            When the column holds levels.
        """
        column = self[name]
        if column.kind == "factor":
            if not column.levels:
                return Column(name, "numeric", np.full(len(self), np.nan))
            shown = ", ".join(repr(level) for level in column.levels[:3])
            raise ValueError(f"Column {name!r} holds levels ({shown}, ...) where numbers are needed.")
        return column

    def factor(self, name: str) -> Column:
        """A column as levels and codes; numbers become levels in increasing order."""
        column = self[name]
        if column.kind == "factor":
            return column
        keep = ~column.missing
        found, codes = np.unique(column.values[keep], return_inverse=True)
        full = np.full(len(column.values), -1, dtype=np.intp)
        full[keep] = codes
        boolean = column.kind == "boolean"
        levels = tuple(bool(value) if boolean else as_level(value) for value in found)
        return Column(name, "factor", full, levels)

    def __getitem__(self, name: str) -> Column:
        if name not in self._read:
            self._read[name] = self._column(name)
        return self._read[name]

    def _column(self, name: str) -> Column:
        read = self.__dict__.get("_doubles")  # one column is no reason to read them all
        if read is not None:
            return self._numbers(name, read[:, self.positions[name]])
        native = self.native[name]
        if self.pandas_like and _numpy_number(native.dtype):
            return self._numbers(name, native.to_numpy(dtype=np.float64))
        series = _wrapped(native)
        dtype = series.dtype
        if dtype.is_temporal():
            _refuse_time(name)
        if dtype.is_numeric():
            return self._numbers(name, _floats(series))
        if dtype == nw.Boolean:
            return Column(name, "boolean", _floats(series), (False, True))
        if dtype == nw.Enum or isinstance(getattr(native, "dtype", None), pd.CategoricalDtype):
            return self._categories(name, series)
        # A polars Categorical is among these: its categories stand as they appeared, which means nothing; an Enum's
        # order is meant.
        return self._objects(name, series.to_list())

    def _numbers(self, name: str, values: np.ndarray) -> Column:
        if np.isinf(values).any():
            _refuse_infinite(name, values[:, None])
        return Column(name, "numeric", values)

    def _categories(self, name: str, series: Any) -> Column:
        native = series.to_native()
        if self.pandas_like:
            levels = tuple(map(as_level, native.cat.categories))
            return Column(name, "factor", np.asarray(native.cat.codes, dtype=np.intp), levels, bool(native.cat.ordered))
        levels = tuple(series.dtype.categories)
        position = {level: i for i, level in enumerate(levels)}
        codes = np.array([position.get(cell, -1) for cell in series.to_list()], dtype=np.intp)
        return Column(name, "factor", codes, levels, True)

    def _objects(self, name: str, cells: list[Any]) -> Column:
        unhashable = {type(value) for value in cells} & {list, dict, set, tuple, np.ndarray}
        if unhashable:
            raise ValueError(f"Column {name!r} holds {unhashable.pop().__name__} objects, neither numbers nor levels.")
        values = np.empty(len(cells), dtype=object)
        values[:] = cells
        codes, found = pd.factorize(values, use_na_sentinel=True)
        kinds = {type(value) for value in found}
        if kinds and kinds <= {bool, np.bool_}:
            values = np.array([np.nan, *(float(v) for v in found)])[codes + 1]
            return Column(name, "boolean", values, (False, True))
        if any(issubclass(kind, _TIMES) for kind in kinds):
            _refuse_time(name)
        if any(issubclass(kind, _COMPLEX) for kind in kinds):
            raise ValueError(f"Column {name!r} holds complex numbers; give real and imaginary parts as columns each.")
        if kinds and all(issubclass(kind, _NUMBERS) and kind is not bool for kind in kinds):
            values = np.array([np.nan, *(float(v) for v in found)])[codes + 1]
            if np.isinf(values).any():
                _refuse_infinite(name, values[:, None])
            return Column(name, "numeric", values)
        levels = [as_level(value) for value in found]
        order = sorted(set(levels), key=_sort_key)
        position = {level: i for i, level in enumerate(order)}
        recode = np.array([-1, *(position[level] for level in levels)], dtype=np.intp)
        return Column(name, "factor", recode[codes + 1], tuple(order))


class Subset(Table):
    """Some rows of a table."""

    def __init__(self, table: Table, rows: np.ndarray):
        self.table, self.rows = table, rows
        self.names, self.pandas_like = table.names, table.pandas_like
        self.native = table.native
        self._read, self._block = {}, None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def index(self) -> pd.Index | None:
        whole = self.table.index
        return None if whole is None else whole[self.rows]

    def block(self, names: Sequence[str]) -> np.ndarray:
        """As `Table.block`, on these rows."""
        return np.asfortranarray(self.table.block(names)[self.rows])

    def _column(self, name: str) -> Column:
        return self.table[name].take(self.rows)


def complete_rows(
    table: Table, names: Iterable[str], block: Sequence[str] = (), extra: Iterable[np.ndarray] = ()
) -> tuple[np.ndarray, dict[str, int]]:
    """Mask of the rows without a missing value, and how many rows each variable misses.

    Parameters
    ----------
    table : Table
    names : variables looked at one by one
    block : numeric variables looked at together, however many there are
    extra : further masks of missing rows, for arrays that are no columns
    """
    mask = np.ones(len(table), dtype=bool)
    missing: dict[str, int] = {}
    if block:
        holes = table.block_holes(block)
        if holes is not None:
            for j in np.flatnonzero(holes.any(axis=0)):
                missing[block[int(j)]] = int(holes[:, j].sum())
            mask &= ~holes.any(axis=1)
    for name in names:
        holes = table[name].missing
        if holes.any():
            missing[name] = int(holes.sum())
            mask &= ~holes
    for holes in extra:
        mask &= ~holes
    return mask, missing


def row_list(rows: np.ndarray, limit: int = 5) -> str:
    """The first positions, for an error: ``row 3``, ``rows 3, 5, ...``."""
    shown = ", ".join(str(int(row)) for row in rows[:limit]) + (", ..." if len(rows) > limit else "")
    return f"row{'s' * (len(rows) != 1)} {shown}"


def _wrapped(native: Any) -> Any:
    # Of one series, not of the frame: narwhals checks every name of a frame when it wraps one, 5 ms for 5 000 of them.
    return nw.from_native(native, series_only=True)


def _numpy_number(dtype: Any) -> bool:
    """Whether a type is one of numpy's numbers: known at once, where asking narwhals takes a quarter of a ms."""
    return isinstance(dtype, np.dtype) and dtype.kind in "iuf"


def _floats(series: Any) -> np.ndarray:
    native = series.to_native()
    if hasattr(native, "to_numpy") and isinstance(native, pd.Series):
        return native.to_numpy(dtype=np.float64, na_value=np.nan)
    return series.cast(nw.Float64).to_numpy().astype(np.float64, copy=False)


def _sort_key(level: Level) -> tuple[int, Any]:
    return (1, level) if isinstance(level, str) else (0, float(level))


def _refuse_time(name: str) -> NoReturn:
    raise ValueError(f"Column {name!r} holds dates or times; turn it into numbers or leave it out.")


def _refuse_infinite(name: str, values: np.ndarray) -> None:
    rows = np.flatnonzero(np.isinf(values).any(axis=1))
    raise ValueError(f"Column {name!r} has infinite values ({row_list(rows)}); replace them or drop the rows.")
