"""Reading an ordered response: which categories there are, in which order, and the rows of each."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array

from ..exceptions import DataWarning
from ..validation import check_real


@dataclass(frozen=True, eq=False)
class OrdinalRows:
    """Checked data: one row a class that occurs in it.

    Attributes
    ----------
    X, codes, sample_weight, offset
        ``codes`` count the categories in their order.
    source : int ndarray
        The row as given that each row comes from (rows of counts are repeated).
    """

    X: Any
    codes: np.ndarray
    sample_weight: np.ndarray | None
    offset: np.ndarray | None
    source: np.ndarray


def order_of(y: Any) -> np.ndarray | None:
    """The order that an ordered dtype gives the categories in use; None for any other y."""
    dtype: Any = getattr(y, "dtype", None)
    enum = nw.dependencies.is_polars_series(y) and nw.from_native(y, series_only=True).dtype == nw.Enum
    if enum or getattr(dtype, "ordered", False):
        used = set(np.unique(np.asarray(y)).tolist())
        return np.asarray([c for c in dtype.categories if c in used])
    return None


def code(y: np.ndarray, order: np.ndarray | None, need_all: bool) -> tuple[np.ndarray, np.ndarray]:
    """The categories in their order, and the place of each label in it.

    Parameters
    ----------
    y : ndarray (n,)
    order : ndarray or None
        None sorts the labels, with a warning where sorting says nothing.
    need_all : bool
        Whether a single label is an error.

    Raises
    ------
    ValueError
        For one label only, categories given twice, or a label that is none of them.
    """
    found = np.unique(y)
    if order is None:
        order = found
        if found.dtype.kind not in "iufb" and len(found) > 2:
            warnings.warn(
                "The order of the categories was not given; sorted, they are "
                f"{' < '.join(map(str, found[:8]))}{' < ...' if len(found) > 8 else ''}. Say it with "
                "categories=[...] or an ordered dtype.",
                DataWarning,
                stacklevel=5,
            )
    if len(found) < 2 and need_all:
        raise ValueError(f"y has one class, {found.tolist()[0]!r}; a classifier needs two")
    position = {c: i for i, c in enumerate(order.tolist())}
    if len(position) < len(order):
        raise ValueError(f"categories must differ from each other; got {order.tolist()}")
    unknown = [c for c in found.tolist() if c not in position]
    if unknown:
        raise ValueError(f"y holds {unknown[0]!r}, which is not among the categories {order.tolist()}")
    return order, np.array([position[c] for c in found.tolist()])[np.searchsorted(found, y)]


def check_counts(y: Any) -> np.ndarray:
    """A column of counts for each category, (n, K)."""
    check_real(y, "y")
    counts = check_array(y, dtype=np.float64)
    if (counts < 0).any() or (counts != np.round(counts)).any():
        raise ValueError("y with a column for each category must hold counts: whole numbers >= 0")
    if not (counts.sum(axis=1) > 0).any():
        raise ValueError("y counts nothing: every cell is 0")
    return counts


def counted_cells(counts: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The cells of a table of counts (n, K) that weigh something: row, column and weight of each."""
    held = counts if weight is None else counts * weight[:, None]
    source, codes = np.nonzero(held)
    return source, codes, held[source, codes]


def n_observations(y: Any, weight: Any) -> int:
    """Observations that a likelihood speaks of: rows with weight or, of counts (n, K), what these rows count."""
    y = np.asarray(y) if weight is None else np.asarray(y)[np.asarray(weight) > 0]
    return int(y.sum()) if y.ndim == 2 else len(y)


def repeat_rows(
    X: Any, counts: np.ndarray, weight: np.ndarray | None, offset: np.ndarray | None, categories: np.ndarray
) -> OrdinalRows:
    """One row for each cell of ``counts`` that is not empty, weighted by it."""
    if len(categories) != counts.shape[1]:
        raise ValueError(f"{counts.shape[1]} columns of counts need as many categories; got {len(categories)}")
    source, codes, weight = counted_cells(counts, weight)
    chosen = X[source]
    X = chosen if sparse.issparse(chosen) else np.asfortranarray(chosen)
    if (total := weight.sum()) > 0:
        weight = weight * (len(source) / total)
    return OrdinalRows(X, codes, weight, None if offset is None else offset[source], source)


def check_present(codes: np.ndarray, weight: np.ndarray | None, categories: np.ndarray, need_all: bool) -> None:
    """Two categories have rows with weight; with ``need_all`` every one has."""
    counts = np.bincount(codes if weight is None else codes[weight > 0], minlength=len(categories))
    if np.count_nonzero(counts) < 2:
        raise ValueError("y has one class only; a classifier needs two")
    if need_all and (counts == 0).any():
        absent = categories.tolist()[int(np.argmin(counts))]
        raise ValueError(f"category {absent!r} has no rows{'' if weight is None else ' with weight'}; leave it out")
