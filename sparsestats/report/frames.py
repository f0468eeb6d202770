"""Answers in the kind of frame the question came in, on its index where it has one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd


def series_like(frame: Any, values: np.ndarray, name: str) -> Any:
    """``values`` as a series of the same library as ``frame``, with its index."""
    if isinstance(frame, pd.DataFrame):
        return pd.Series(values, index=frame.index, name=name)
    return nw.new_series(name, _plain(values), backend=nw.get_native_namespace(frame)).to_native()


def frame_like(frame: Any, columns: Mapping[str, np.ndarray]) -> Any:
    """Columns as a frame of the same library as ``frame``, with its index."""
    if isinstance(frame, pd.DataFrame):
        return pd.DataFrame(dict(columns), index=frame.index)
    plain = {name: _plain(values) for name, values in columns.items()}
    return nw.from_dict(plain, backend=nw.get_native_namespace(frame)).to_native()


def numbers(frame: Any, names: Sequence[Any]) -> np.ndarray:
    """Columns as floats (n, len(names)), missing as NaN. Names are compared as text: a frame may number its columns.

    Raises
    ------
    ValueError
        For a name that is not a column.
    """
    held = {str(column.name): column for column in nw.from_native(frame, eager_only=True).iter_columns()}
    absent = [name for name in names if str(name) not in held]
    if absent:
        raise ValueError(f"the data have no column {absent[0]!r}; they have {list(held)[:10]}.")
    return np.column_stack([held[str(name)].cast(nw.Float64).to_numpy().astype(float) for name in names])


def with_columns(frame: Any, columns: Mapping[str, np.ndarray]) -> Any:
    """A copy of ``frame`` with more columns on its right, or in place of those of the same names."""
    if isinstance(frame, pd.DataFrame):
        return frame.assign(**columns)
    table = nw.from_native(frame, eager_only=True)
    added = [
        nw.new_series(name, _plain(values), backend=nw.get_native_namespace(frame)) for name, values in columns.items()
    ]
    return table.with_columns(*added).to_native()


def _plain(values: np.ndarray) -> Any:
    """Objects as a list with None for missing, which libraries other than pandas take for null."""
    if values.dtype != object:
        return values
    return [None if isinstance(value, float) and np.isnan(value) else value for value in values]
