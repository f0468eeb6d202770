"""Checks of what a user hands in, with errors that say what was expected and what came."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd

from .names import groups_from_names

_NAMES = "column names: a DataFrame whose names are text (X.columns.astype(str))"

LEAST_SPREAD = 1e-145
"""Of a response: its square leaves the 17 digits that certificates need above the smallest normal number."""


FACTOR_SPAN = 1e12
"""Between the largest penalty factor and the least above 0: beyond it columns on the penalty's scale differ by more
than certificates, whose rounding is that of the largest, can tell."""


def check_weights(sample_weight: Any, n: int) -> np.ndarray | None:
    """Weights rescaled to sum to n; None stays None.

    Raises
    ------
    ValueError
        When they are not n finite numbers >= 0, or are all 0.
    """
    if sample_weight is None:
        return None
    weights = check_vector(sample_weight, n, "sample_weight")
    if weights.min() < 0:
        raise ValueError(f"sample_weight must be >= 0; row {int(np.argmin(weights))} has {weights.min():g}")
    largest = weights.max(initial=0.0)
    if not largest > 0:
        raise ValueError("sample_weight must not be all zero")
    weights = np.ldexp(weights, -np.frexp(largest)[1])  # exact, and no sum of them leaves the range of doubles
    return weights * (n / weights.sum())


def as_random_state(chance: Any) -> np.random.RandomState:
    """Where draws come from: an integer starts them, a RandomState or Generator continues, None draws anew.

    None never means numpy's global generator.

    Raises
    ------
    ValueError
        For anything else.
    """
    check_chance(chance)
    if isinstance(chance, np.random.RandomState):
        return chance
    return np.random.RandomState(chance.bit_generator if isinstance(chance, np.random.Generator) else chance)


def check_chance(chance: Any) -> None:
    """Refuse what `as_random_state` does, without the fifth of a millisecond that a new generator takes.

    Raises
    ------
    ValueError
    """
    seed = isinstance(chance, int | np.integer) and 0 <= chance < 2**32
    if not (seed or chance is None or isinstance(chance, np.random.Generator | np.random.RandomState)):
        raise ValueError(
            f"random_state must be a whole number from 0 to {2**32 - 1}, a numpy Generator or RandomState, or None "
            f"to draw anew; got {chance!r}"
        )


def check_jobs(n_jobs: Any) -> None:
    """Refuse a number of workers that is none.

    Raises
    ------
    ValueError
    """
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0):
        raise ValueError(f"n_jobs must be a number of workers, -1 for all cores, or None; got {n_jobs!r}")


def check_real(values: Any, name: str) -> None:
    """Refuse complex numbers, whose imaginary parts numpy would drop.

    Raises
    ------
    ValueError
    """
    dtype = getattr(values, "dtype", None)
    if not isinstance(dtype, np.dtype):
        try:
            dtype = np.asarray(values).dtype
        except (TypeError, ValueError):  # no array at all: for the caller to tell
            return
    if dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} holds complex numbers, and real ones are needed")


def argument_hint(name: str, known: Sequence[str], ours: Mapping[str, str]) -> str:
    """What to write in place of an argument that does not exist.

    Parameters
    ----------
    name : str
        What came.
    known : sequence of str
        The arguments there are.
    ours : mapping
        Names used elsewhere, in lower case -> what they are here; passed over where that is an argument of others.
    """
    meant = ours.get(name.lower())
    if meant is not None and (not meant.isidentifier() or meant in known):
        return f"Here it is {meant}."
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."


def check_column_names(X: Any) -> None:
    """Refuse a frame with names that a model could not tell apart: one twice, 1 beside "1", or text beside numbers.

    Raises
    ------
    ValueError
    """
    columns = getattr(X, "columns", None)
    if not isinstance(columns, pd.Index) or (columns.is_unique and columns.inferred_type == "string"):
        return
    texts = [isinstance(name, str) for name in columns]
    if not any(texts):  # columns without names, to scikit-learn
        return
    check_names_differ(columns)
    if not all(texts):
        text, other = columns[texts.index(True)], columns[texts.index(False)]
        raise ValueError(
            f"names of columns must be all text or all not; found {text!r} beside {other!r} ({type(other).__name__}). "
            "X.columns = X.columns.astype(str) makes them text"
        )


def check_numbers_in_columns(X: Any) -> None:
    """Refuse a frame with a column of text, categories or dates, naming it.

    Raises
    ------
    ValueError
    """
    names = getattr(X, "columns", None)
    if not (isinstance(names, pd.Index) or (isinstance(names, list) and all(isinstance(name, str) for name in names))):
        return  # no frame whose columns are found by name
    for name in names:
        values = np.asarray(X[name])
        if values.ndim != 1 or values.dtype.kind in "biuf":
            continue
        dates = values.dtype.kind in "mM"
        texts = (cell for cell in values.tolist() if isinstance(cell, str) and not _is_number(cell))
        shown = "dates or times" if dates else repr(text) if (text := next(texts, None)) is not None else ""
        if shown:
            raise ValueError(
                f"column {name!r} of X holds {shown} where numbers are needed: ss.ModelMatrix(formula) makes "
                "columns of factors in a Pipeline, and ss.slope(formula, data) and its like do it by themselves"
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def check_names_differ(names: Iterable[Any]) -> None:
    """Refuse names of columns that are one as text, naming both.

    Raises
    ------
    ValueError
    """
    seen: dict[str, Any] = {}
    for name in names:
        if str(name) not in seen:
            seen[str(name)] = name
            continue
        first = seen[str(name)]
        if type(first) is type(name):
            raise ValueError(f"column {name!r} stands twice in the data; names of columns must differ")
        raise ValueError(
            f"columns {first!r} ({type(first).__name__}) and {name!r} ({type(name).__name__}) have one name as text; "
            "rename one of them"
        )


def check_vector(values: Any, n: int, name: str) -> np.ndarray:
    """A finite float vector of length n."""
    check_real(values, name)
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers, one a row; {error}") from error
    if array.ndim == 0:
        array = np.full(n, float(array))
    if array.shape != (n,):
        raise ValueError(f"{name} must have one value for each of the {n} rows; got shape {array.shape}")
    if not np.isfinite(array).all():
        row = int(np.argmin(np.isfinite(array)))
        raise ValueError(f"{name} must be finite; row {row} has {array[row]}")
    return array


def check_offset(values: Any, n: int, responses: int = 1) -> np.ndarray | None:
    """An offset for each linear predictor: (n,), or (n, K) when a row has K of them; None stays None."""
    if values is None:
        return None
    if responses == 1:
        return check_squares(check_vector(values, n, "offset"), "offset")
    check_real(values, "offset")
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (n, responses):
        raise ValueError(
            f"offset needs a column for each of the {responses} classes, in the order of classes_, shape "
            f"({n}, {responses}); got shape {array.shape}. One number a row would change no probability"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"offset must be finite; row {int(np.argmin(np.isfinite(array).all(axis=1)))} is not")
    check_squares(np.ravel(array), "offset")
    return array


def check_squares(values: np.ndarray, name: str) -> np.ndarray:
    """The same vector, refused when the sum of its squares is beyond the largest double."""
    with np.errstate(over="ignore"):
        total = values @ values
    if not np.isfinite(total):
        raise ValueError(f"{name} reaches {np.abs(values).max():.3g}, whose square is not finite; rescale it")
    return values


def check_numbers(y: Any) -> None:
    """Refuse a response of labels, dates or times where a loss wants numbers."""
    values = np.asarray(y)
    if values.dtype.kind in "mM":
        raise ValueError("y holds dates or times where numbers are needed; count days or years from a first one")
    for value in values.ravel().tolist() if values.ndim and values.dtype.kind in "OU" else ():
        if value is None:  # which becomes NaN, but not before others have looked for NaN
            raise ValueError("y holds None where numbers are needed; leave out rows without a response")
        if isinstance(value, str) and not _is_number(value):
            raise ValueError(
                f"y holds {value!r} where numbers are needed; for classes there is a Classifier of the same name"
            )


def check_labels(y: Any) -> None:
    """Refuse classes with missing labels, however they are written: None, NaN, NaT or pandas' NA.

    They cannot be sorted, and as text or dates they would pass for a class of their own.

    Raises
    ------
    ValueError
    """
    # In a list beside text NaN would become the text "nan".
    values = np.asarray(y, dtype=object if isinstance(y, list | tuple) else None)
    missing = np.count_nonzero(pd.isna(values)) if values.ndim and values.size == len(values) else 0
    if missing:
        raise ValueError(f"y has missing labels in {missing} of {len(values)} rows; leave out rows without a class")


def check_response_squares(y: np.ndarray) -> None:
    """Refuse a response whose squares, or those of what it varies by, leave the range of doubles."""
    check_squares(y, "y")
    spread = np.ptp(y)
    if 0 < spread < LEAST_SPREAD:
        raise ValueError(f"y varies by {spread:.3g}, whose square is too small for a double; rescale it")


def by_name(values: Any) -> Any:
    """A Series whose index holds text as a dict: what it says of a name is not for the column at the same place.

    Raises
    ------
    ValueError
        For a name that stands twice.
    """
    if not isinstance(values, pd.Series) or values.index.inferred_type != "string":
        return values
    if not values.index.is_unique:
        raise ValueError(f"the Series names {values.index[values.index.duplicated()][0]!r} twice")
    return values.to_dict()


def check_penalty_factor(factor: Any, p: int, names: np.ndarray | None) -> np.ndarray | None:
    """Penalty factors, one a column; a mapping names the columns that differ from 1."""
    factor = by_name(factor)
    if factor is None:
        return None
    if isinstance(factor, Mapping):
        if names is None:
            raise ValueError(f"penalty_factor as a mapping needs X with {_NAMES}")
        position = {str(name): j for j, name in enumerate(names)}
        values: Any = [1.0] * p
        for name, value in factor.items():
            if name not in position:
                raise ValueError(
                    f"penalty_factor names {name!r}, which is not a column; columns are {list(position)[:10]}"
                )
            values[position[name]] = value
        factor = values
    check_real(factor, "penalty_factor")
    try:
        values = np.asarray(factor, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"penalty_factor must be numbers, one a column; {error}") from error
    if values.shape != (p,):
        raise ValueError(f"penalty_factor must have one value for each of the {p} columns; got shape {values.shape}")
    if not np.isfinite(values).all() or values.min() < 0:
        raise ValueError("penalty_factor must be finite and >= 0 (0 leaves a column unpenalised)")
    least, largest = values.min(where=values > 0, initial=np.inf), values.max(initial=0.0)
    if least < largest / FACTOR_SPAN:
        raise ValueError(
            f"penalty_factor may span at most {FACTOR_SPAN:.0e}; got {least:.3g} beside {largest:.3g}. 0 leaves a "
            "column free of the penalty"
        )
    return None if np.all(values == 1) else values


def check_groups(groups: Any, p: int, names: np.ndarray | None) -> tuple[np.ndarray, list]:
    """Group labels 0..m-1 in order of first appearance, and the labels as they were given.

    Parameters
    ----------
    groups : None, "auto", array of p hashable labels, or mapping or Series column name -> label
        None: every column alone. "auto": read the ``term[...]`` names of the columns. A mapping leaves the
        columns it does not name alone.
    """
    groups = by_name(groups)
    if groups is None:
        return np.arange(p), list(range(p)) if names is None else [str(n) for n in names]
    if isinstance(groups, str):
        if groups != "auto":
            raise ValueError(f'groups must be None, "auto", one label a column or a mapping; got {groups!r}')
        if names is None:
            raise ValueError(
                'groups="auto" reads column names, but X has none: pass a DataFrame or set_output(transform="pandas")'
            )
        labels = groups_from_names(names)
        from .names import term_of

        shown: dict[int, str] = {}
        for label, name in zip(labels, names, strict=True):
            shown.setdefault(int(label), term_of(str(name)))
        return np.asarray(labels, dtype=np.int64), list(shown.values())
    if isinstance(groups, Mapping):
        if names is None:
            raise ValueError(f"groups as a mapping needs X with {_NAMES}")
        known = set(map(str, names))
        unknown = [name for name in groups if name not in known]
        if unknown:
            raise ValueError(f"groups names {unknown[0]!r}, which is not a column; columns are {list(names)[:10]}")
        groups = [groups.get(str(name), ("", str(name))) for name in names]
        given = {label: (label[1] if isinstance(label, tuple) and label[0] == "" else label) for label in groups}
    else:
        given = {}
    values = groups
    if not isinstance(groups, np.ndarray):
        listed = list(groups)
        values = np.empty(len(listed), dtype=object)
        values[:] = listed
    if values.shape != (p,):
        came = str(len(values)) if values.ndim == 1 else f"shape {values.shape}"
        if values.ndim == 1 and len(values) and isinstance(values[0], list | np.ndarray):
            came += " lists; give each column the label of its list"
        raise ValueError(f"groups must have one label for each of the {p} columns of X; got {came}")
    try:
        labels, found = pd.factorize(values)
    except TypeError as error:
        raise ValueError(f"groups must be hashable labels, one a column; {error}") from error
    if (labels < 0).any():
        column = int(np.argmax(labels < 0))
        raise ValueError(f"groups must not have missing labels; column {column} has {values[column]}")
    return labels, [given.get(label, label) for label in found]


def check_columns_are_measurements(X: Any) -> None:
    """Refuse, by name, columns of a frame that are labels or number the rows.

    Raises
    ------
    ValueError
        For columns of text, categories, dates or booleans, and for integer columns that count the rows.
    """
    if not hasattr(X, "columns"):
        return
    import narwhals.stable.v1 as nw

    frame = nw.from_native(X, eager_only=True)
    labels = [column.name for column in frame.iter_columns() if not column.dtype.is_numeric()]
    if labels:
        shown = ", ".join(repr(name) for name in labels[:5])
        raise ValueError(
            f"columns must be numeric measurements; {shown} {'is' if len(labels) == 1 else 'are'} not. "
            "Drop them, or code them as numbers if that means something"
        )
    n = len(frame)
    for column in frame.iter_columns():
        if n >= 10 and column.dtype.is_integer() and column.n_unique() == n:
            values = column.to_numpy()
            if values.max() - values.min() == n - 1:
                raise ValueError(f"column {column.name!r} numbers the rows (an identifier); drop it")
