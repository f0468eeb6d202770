"""Folds: which rows are held out together."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import (
    BaseCrossValidator,
    GroupKFold,
    KFold,
    PredefinedSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.model_selection._split import GroupsConsumerMixin
from sklearn.utils.multiclass import type_of_target

from ..exceptions import DataWarning
from ..validation import as_random_state, check_chance

Split = tuple[np.ndarray, np.ndarray]


def folds(
    n_splits: int,
    *,
    by: Any = None,
    stratify: str | bool = "auto",
    repeats: int = 1,
    random_state: Any = 0,
) -> Folds:
    """Shuffled folds for cross-validation, as a scikit-learn splitter.

    This is what an integer ``cv`` means in sparsestats; call it to ask for something else than the default.

    Parameters
    ----------
    n_splits : int >= 2
        Number of folds.
    by : array-like (n_rows,), name of a column, or None
        A label for every row, such as a patient or a site: rows with the same label are never split between
        training and held-out rows. A column's name is understood where the data are a table and a formula.
    stratify : "auto", True or False, default "auto"
        Give every fold about the same share of each class. "auto" does so when the response holds classes:
        where a sparsestats model is cross-validated, when the model is a classifier; elsewhere, when the
        response has two values or is not a number.
    repeats : int >= 1, default 1
        Draw the folds this many times, each time anew; gives ``n_splits * repeats`` splits.
    random_state : int, RandomState, Generator or None, default 0
        Seed of the shuffle; None draws other folds at every call.

    Returns
    -------
    Folds
        With the methods ``split(X, y, groups)`` and ``get_n_splits()``, for ``cv=`` here and in scikit-learn.

    Raises
    ------
    ValueError
        At once for parameters out of range; in ``split`` when there are fewer rows, row groups or rows of
        every class than folds, or when ``by`` misses labels or has another length than the data.

    Warns
    -----
    DataWarning
        In ``split``, when a class has fewer rows than there are folds.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats import folds
    >>> patient = np.repeat([0, 1, 2, 3], 2)
    >>> for train, test in folds(2, by=patient).split(np.zeros((8, 1))):
    ...     print(patient[test])
    [2 2 3 3]
    [0 0 1 1]
    """
    return Folds(n_splits, by=by, stratify=stratify, repeats=repeats, random_state=random_state)


class Folds(GroupsConsumerMixin, BaseCrossValidator):
    """The splitter that :func:`folds` makes; see there."""

    def __init__(
        self,
        n_splits: int,
        *,
        by: Any = None,
        stratify: str | bool = "auto",
        repeats: int = 1,
        random_state: Any = 0,
    ):
        _check_count("n_splits", n_splits, 2)
        _check_count("repeats", repeats, 1)
        if not (isinstance(stratify, bool) or stratify == "auto"):
            raise ValueError(f'stratify must be "auto", True or False, got {stratify!r}.')
        self.n_splits = n_splits
        self.by = by
        self.stratify = stratify
        self.repeats = repeats
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of splits: folds times repeats."""
        return self.n_splits * self.repeats

    def labelled(self, by: Any) -> Folds:
        """The same folds by other labels."""
        return Folds(self.n_splits, by=by, stratify=self.stratify, repeats=self.repeats, random_state=self.random_state)

    def kept_whole(self, row_groups: Any, name: str = "row_groups") -> Any:
        """The row groups of these folds, or those given beside them under ``name``; refused when both are there."""
        if self.by is not None and row_groups is not None:
            raise ValueError(f"Row groups came twice: as by= of the folds and as {name}. Give one of them.")
        return self.by if row_groups is None else row_groups

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[Split]:
        """Yield (train, test) row numbers.

        Parameters
        ----------
        X : array-like with n rows
        y : array-like (n,) or None
            Needed for stratified folds only.
        groups : array-like (n,) or None
            Row groups, as ``by``; give one of the two.
        """
        row_groups = self.kept_whole(groups, "groups")
        n_rows = len(y) if X is None else _n_rows(X)
        strata = None if self.stratify is False or (self.stratify == "auto" and not _holds_classes(y)) else y
        yield from self.draw(n_rows, strata, row_groups)

    def draw(self, n_rows: int, strata: Any, row_groups: Any) -> list[Split]:
        """All splits of ``n_rows`` rows: ``strata`` spread evenly, ``row_groups`` kept whole if given."""
        n_splits = self.n_splits
        if n_splits > n_rows:
            raise ValueError(f"{n_splits} folds need at least {n_splits} rows, got n_samples={n_rows}.")
        if row_groups is not None:
            row_groups, labels = _factorize(row_groups, n_rows, "by")
            if n_splits > len(labels):
                raise ValueError(f"{n_splits} folds need at least {n_splits} row groups, got {len(labels)}.")
        if strata is not None:
            strata, classes = _factorize(strata, n_rows, "y")
            self._check_classes(classes, np.bincount(strata))
        kind = {
            (False, False): KFold,
            (True, False): StratifiedKFold,
            (False, True): GroupKFold,
            (True, True): StratifiedGroupKFold,
        }[strata is not None, row_groups is not None]
        splitters = [kind(n_splits, shuffle=True, random_state=seed) for seed in self._seeds()]
        with warnings.catch_warnings() if strata is not None else nullcontext():
            if strata is not None:  # told already, by name, in _check_classes
                warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            return [pair for one in splitters for pair in one.split(np.empty((n_rows, 0)), strata, row_groups)]

    def describe(self, stratified: bool, whole: str) -> str:
        """The folds in words, for a printed summary."""
        words = ["shuffled"]
        words += ["stratified"] if stratified else []
        words += [f"{whole} kept whole"] if whole else []
        words += [f"{self.repeats} repeats"] if self.repeats > 1 else []
        words += [f"random_state {self.random_state}"] if isinstance(self.random_state, Integral) else []
        return f"{self.n_splits} folds ({', '.join(words)})"

    def _seeds(self) -> list[int]:
        """One seed a repeat; the first is the one given, so that one repeat is scikit-learn's splitter."""
        check_chance(self.random_state)
        given = isinstance(self.random_state, Integral)
        first = int(self.random_state if given else as_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        children = np.random.SeedSequence(first).spawn(self.repeats - 1)
        return [first] + [int(child.generate_state(1)[0]) for child in children]

    def _check_classes(self, classes: list, counts: np.ndarray) -> None:
        if counts.max() < self.n_splits:
            raise ValueError(
                f"{self.n_splits} stratified folds need at least {self.n_splits} rows of some class; the "
                f"largest of {len(classes)} classes has {counts.max()}. Use fewer, or stratify=False."
            )
        small = {c: k for c, k in zip(classes, counts.tolist(), strict=True) if k < self.n_splits}
        if small:
            which = ", ".join(f"{c!r} ({k} rows)" for c, k in small.items())
            warnings.warn(
                f"Fewer rows than the {self.n_splits} folds in class {which}: some folds hold out none of "
                "it. Ask for fewer folds.",
                DataWarning,
                stacklevel=4,
            )


@dataclass(frozen=True, eq=False)
class Splits(Sequence):
    """(train, test) row numbers of every fold, and the folds in words."""

    pairs: list[Split]
    description: str

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self.pairs[index]


def check_cv(
    cv: Any,
    y: Any,
    *,
    classifier: bool = False,
    row_groups: Any = None,
    random_state: Any = 0,
    X: Any = None,
    whole: str = "row groups",
) -> Splits:
    """Turn whatever ``cv`` may be into the row numbers of its folds.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        None is 10. An integer makes shuffled folds, stratified when ``classifier``, with ``row_groups`` kept whole:
        ``folds(cv, random_state=random_state)``; no more of them than the largest class has rows. A splitter
        has ``split(X, y, groups)``. An iterable yields (train, test) pairs, as row numbers or as masks.
    y : array-like (n,)
    classifier : bool
        Whether the response holds classes (or ordered categories).
    row_groups : array-like (n,) or None
        Rows with one label must not be split between training and held-out rows; every kind of ``cv`` is held
        to it.
    random_state : int, RandomState, Generator or None
        Used when ``cv`` is an integer.
    X : array-like (n, p) or None
        Handed to splitters that look at it.
    whole : str
        What the ``row_groups`` are, for the folds in words.

    Returns
    -------
    Splits

    Raises
    ------
    ValueError
        When ``cv`` is none of these, has no folds, an empty fold, row numbers out of range, or splits a row
        group.

    Warns
    -----
    DataWarning
        When an integer is lowered to the size of the largest class, or a class has fewer rows than folds.
    """
    n_rows = _n_rows(y)
    codes, labels = (None, []) if row_groups is None else _factorize(row_groups, n_rows, "row_groups")
    cv = 10 if cv is None else cv  # as in scikit-learn None is the default, which is ours here
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        count = int(cv)
        by_class = np.bincount(_factorize(y, n_rows, "y")[0]) if classifier and n_rows >= count else [count]
        most = int(max(by_class))
        if 2 <= most < count:
            told = f"The largest class has {most} rows: cv={count} is lowered to {most} folds."
            warnings.warn(told, DataWarning, stacklevel=3)
            count = most
        cv = Folds(count, random_state=random_state)
    if isinstance(cv, Folds):
        return _own_folds(cv, y, n_rows, classifier, codes, whole)
    if hasattr(cv, "split") and not isinstance(cv, str):
        _check_fits(cv, n_rows)
        try:
            pairs = list(cv.split(np.empty((n_rows, 0)) if X is None else X, y, row_groups))
        except ValueError as error:
            if row_groups is None and "groups" in str(error):
                raise ValueError(f"{type(cv).__name__} needs row_groups, one label a row ({error})") from error
            raise
        description = f"{len(pairs)} folds ({type(cv).__name__})"
    elif isinstance(cv, Iterable) and not isinstance(cv, str):
        pairs = list(cv)
        description = f"{len(pairs)} given folds"
    else:
        raise ValueError(f"cv must be an integer, a splitter with a method split, or (train, test) pairs, got {cv!r}.")
    if not pairs:
        raise ValueError("cv has no folds.")
    pairs = [_check_pair(pair, number, n_rows) for number, pair in enumerate(pairs)]
    if codes is not None:
        _check_kept_whole(pairs, codes, labels)
    return Splits(pairs, description)


def about_rows_used(cv: Any, origin: np.ndarray, n_rows: int) -> Any:
    """A ``cv`` that speaks of the rows of a table, as one that speaks of those a model uses.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        As for :func:`check_cv`. Labels (``folds(by=)``) and row numbers (``PredefinedSplit``, pairs) are of the
        table; other splitters choose among the rows that are used.
    origin : int ndarray
        The table's row that each used row comes from: rows may be left out, and rows of counts are repeated.
    n_rows : int
        Rows of the table.

    Returns
    -------
    int, splitter, list of pairs or None
    """
    if isinstance(cv, Folds) and cv.by is not None:
        return cv.labelled(_labels(cv.by, n_rows, "by")[origin])
    _check_fits(cv, n_rows)
    if isinstance(cv, PredefinedSplit):
        cv = list(cv.split())
    if isinstance(cv, str) or hasattr(cv, "split") or not isinstance(cv, Iterable):
        return cv
    pairs = [_check_pair(pair, number, n_rows) for number, pair in enumerate(cv)]
    return [tuple(np.flatnonzero(np.isin(origin, rows % n_rows)) for rows in pair) for pair in pairs]


def _check_fits(cv: Any, n_rows: int) -> None:
    """Refuse folds that were written down for other rows: scikit-learn leaves out those beyond them."""
    if isinstance(cv, PredefinedSplit) and len(cv.test_fold) != n_rows:
        raise ValueError(f"PredefinedSplit needs a fold for each of the {n_rows} rows, got {len(cv.test_fold)}.")


def _own_folds(cv: Folds, y: Any, n_rows: int, classifier: bool, row_groups: Any, whole: str) -> Splits:
    groups = cv.kept_whole(row_groups)
    stratified = classifier if cv.stratify == "auto" else bool(cv.stratify)
    pairs = cv.draw(n_rows, y if stratified else None, groups)
    return Splits(pairs, cv.describe(stratified, whole if groups is not None else ""))


def _check_pair(pair: Any, number: int, n_rows: int) -> Split:
    try:
        train, test = (np.asarray(rows) for rows in pair)
    except (TypeError, ValueError) as error:
        labels = " One label a row is cv=sklearn.model_selection.PredefinedSplit(labels)." if np.ndim(pair) == 0 else ""
        raise ValueError(f"Fold {number} of cv is not a (train, test) pair: {pair!r}.{labels}") from error
    rows = []
    for name, index in (("training", train), ("held-out", test)):
        if index.dtype == bool and index.shape == (n_rows,):
            index = np.flatnonzero(index)
        if index.ndim != 1 or index.dtype.kind not in "iu" or len(index) == 0:
            raise ValueError(
                f"The {name} rows of fold {number} of cv must be row numbers (at least one) or a mask of "
                f"{n_rows} rows, got {index.dtype} of shape {index.shape}."
            )
        if index.min() < -n_rows or index.max() >= n_rows:
            raise ValueError(
                f"The {name} rows of fold {number} of cv go from {index.min()} to {index.max()}, but there "
                f"are {n_rows} rows."
            )
        # Small integer types cannot hold the number of rows. Rows from the end are the same rows by their own numbers.
        index = index.astype(np.int64, copy=False)
        rows.append(index if index.min() >= 0 else index % n_rows)
    return rows[0], rows[1]


def _check_kept_whole(pairs: list[Split], codes: np.ndarray, labels: list) -> None:
    for number, (train, test) in enumerate(pairs):
        torn = np.intersect1d(codes[train], codes[test])
        if len(torn):
            raise ValueError(
                f"Fold {number} of cv splits row group {labels[torn[0]]!r} between training and held-out "
                "rows. Use an integer cv or a splitter that keeps groups whole, such as GroupKFold."
            )


def _check_count(name: str, value: Any, least: int) -> None:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {value!r}.")


def _n_rows(data: Any) -> int:
    return int(data.shape[0]) if hasattr(data, "shape") else len(data)


def _labels(values: Any, n_rows: int, name: str) -> np.ndarray:
    if isinstance(values, str):
        raise ValueError(
            f"{name}={values!r} names a column, but no table comes along here: give the labels themselves, one a row. "
            'Where there is one, as in ss.slope(formula, data, cv=ss.folds(5, by="site")), a name will do.'
        )
    labels = np.asarray(values)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (n_rows,):
        raise ValueError(f"{name} needs one label for each of the {n_rows} rows, got shape {labels.shape}.")
    return labels


def _factorize(values: Any, n_rows: int, name: str) -> tuple[np.ndarray, list]:
    """Hashable labels, one a row and none missing, as codes 0..m-1 and the m labels they stand for."""
    codes, levels = pd.factorize(_labels(values, n_rows, name))
    if (codes < 0).any():
        raise ValueError(f"{name} has missing labels: {int((codes < 0).sum())} of {n_rows} rows.")
    return codes, levels.tolist()


def _holds_classes(y: Any) -> bool:
    if y is None:
        return False
    values = np.asarray(y)
    return values.ndim == 1 and (values.dtype.kind not in "iufc" or type_of_target(values) == "binary")
