"""Cross-validation of whole paths: one path a fold, all alphas scored on the rows held out."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils import assert_all_finite, check_consistent_length

from ..exceptions import ConvergenceWarning
from ..report.cvresult import CVResult
from . import rules, scores
from .folds import Split
from .parallel import Control, run
from .rows import Predicted, take
from .scores import Family, HeldOut, Scoring

FoldPath = Callable[..., Predicted]
"""How a fold's path is fitted: see ``fold_path`` of :func:`cross_validate_path`."""


def cross_validate_path(
    estimator: Any,
    X: Any,
    y: np.ndarray,
    *,
    alphas: np.ndarray,
    splits: Sequence[Split],
    scoring: str | Callable | None = None,
    sample_weight: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    family: str | Family | None = None,
    control: Control | None = None,
    fold_path: FoldPath | None = None,
    beside: Callable[[], Any] | None = None,
) -> CVResult:
    """Score a path of models on rows they have not seen.

    For each fold a clone of the estimator fits its path to the training rows, standardisation included, and
    every model of the path is scored on the held-out rows. Folds count by the sum of their rows' weights:
    where the score is a mean over rows, the mean over folds is the mean over all held-out rows.

    Parameters
    ----------
    estimator : estimator with ``path(X, y, alphas=, sample_weight=, offset=)``
        Not fitted, not changed.
    X : ndarray (n, p), scipy sparse array, or callable with a ``shape``
        Read, never written. A callable is given a fold's training rows and returns the matrix of all rows:
        for columns that are themselves learned, such as splines with knots at quantiles.
    y : ndarray (n,)
        Numbers, or labels of classes when the estimator is a classifier.
    alphas : ndarray (k,)
        Absolute penalty strengths, strictly decreasing; the same ones in every fold.
    splits : sequence of (train, test)
        Row numbers, from ``folds.check_cv``.
    scoring : str, callable or None
        Gaussian: "mse" (default), "mae", "r2", "deviance" (= mse). Poisson: "deviance" (default), "mse", "mae".
        Huber: "mae" (default), "mse", "r2". Binomial: "log_loss" (default),
        "deviance" (twice that), "brier", "misclassification", "accuracy", "roc_auc". Multinomial: the same but
        "roc_auc", brier summed over the classes. Or the name of a scikit-learn scorer, of numbers for a regressor
        and of classes for a classifier, or ``scorer(estimator, X, y)`` (with ``sample_weight=`` when there are
        weights): slower, because called for every alpha; greater is better; it sees predictions for the held-out
        rows, not coefficients.
    sample_weight, offset : ndarray (n,) or None
        The rows' weights (in the fit and in the score) and known parts of their linear predictor.
    n_jobs : int or None
        Workers over folds; see ``parallel.run``. The answer does not depend on it.
    verbose : int, default 0
        1 or more shows a progress bar.
    family : str, Family or None
        Key of ``scores.FAMILIES``, or ``scores.of_loss(loss)``; None is "binomial" or "multinomial" for classifiers,
        by the number of classes, and "gaussian" for all else.
    control : object with ``stop()`` or None
        Stop token handed on as ``path(..., control=control)``; left out when None.
    fold_path : callable or None
        Fits a fold's path in the estimator's stead: ``fold_path(X, target, train, test, alphas=, sample_weight=,
        offset=)``, all rows, the response as the loss sees it (classes as 0, 1, ...), returns :class:`Predicted`.
        For data that were validated as a whole: no fold has to look at them again.
    beside : callable or None
        Called once beside the folds, in this process, such as the fit to all rows.

    Returns
    -------
    CVResult
        ``table`` has one row for each fold and alpha: alpha, fold, score, n (held-out rows), weight (the sum
        of their weights), converged, fitted (False where the fold's path stopped early and its last model
        stands in).
        ``null`` is the mean score of the model without columns.

    Raises
    ------
    ValueError
        For alphas that do not decrease, an unknown score, one of other predictions or undefined everywhere, or
        what a fold's fit raises, with the fold's number in a note.

    Warns
    -----
    ConvergenceWarning
        Once, with the number of folds whose path holds models above their tolerance.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats import SLOPE
    >>> from sparsestats.selection.crossval import cross_validate_path
    >>> from sparsestats.selection.folds import check_cv
    >>> X = np.random.default_rng(0).standard_normal((60, 5))
    >>> y = X[:, 0] + np.random.default_rng(1).standard_normal(60)
    >>> alphas = np.geomspace(1, 0.01, 20)
    >>> cv = cross_validate_path(SLOPE(), X, y, alphas=alphas, splits=check_cv(5, y))
    >>> cv.alpha_min <= cv.alpha_1se
    True
    """
    alphas = _check_alphas(alphas)
    check_consistent_length(X, y, sample_weight, offset)
    classes, target = _code(y) if is_classifier(estimator) else (None, np.asarray(y, dtype=float))
    if family is None:
        family = "gaussian" if classes is None else "binomial" if len(classes) == 2 else "multinomial"
    chosen = family if isinstance(family, Family) else scores.FAMILIES[family]
    scoring = scores.resolve(scoring, chosen, weighted=sample_weight is not None)

    data = _Data(X, np.asarray(y), target, sample_weight, offset, classes)
    fold = partial(_fold, estimator, data, alphas, scoring, chosen, fold_path)
    tasks = [(number, train, test) for number, (train, test) in enumerate(splits)]
    answers = run(fold, tasks, n_jobs=n_jobs, verbose=verbose, control=control, label="folds", beside=beside)
    return _collect(answers, alphas, scoring, splits)


@dataclass(frozen=True, eq=False)
class _Data:
    X: Any
    y: np.ndarray
    target: np.ndarray
    sample_weight: np.ndarray | None
    offset: np.ndarray | None
    classes: np.ndarray | None


@dataclass(frozen=True, eq=False)
class _FoldScores:
    scores: np.ndarray
    null: float
    n: int
    weight: float
    converged: np.ndarray
    n_fitted: int


def _fold(
    estimator: Any,
    data: _Data,
    alphas: np.ndarray,
    scoring: Scoring,
    family: Family,
    fold_path: FoldPath | None,
    number: int,
    train: np.ndarray,
    test: np.ndarray,
    control: Control | None = None,
) -> _FoldScores:
    """Fit one fold's path and score it; runs in a worker."""
    X = data.X
    if callable(X):
        X = X(train)
        assert_all_finite(X)
    fit = partial(_path_of, estimator, data.y) if fold_path is None else fold_path
    keywords = {} if control is None else {"control": control}
    try:
        _check_classes(data, train)
        predicted = fit(
            X, data.target, train, test, alphas=alphas, sample_weight=data.sample_weight, offset=data.offset, **keywords
        )
    except ValueError as error:
        error.add_note(f"This was the fit to the {len(train)} training rows of fold {number}.")
        raise
    n_fitted = predicted.eta.shape[1]
    if n_fitted == 0:
        raise ValueError(f"The path of fold {number} stopped before its first model: {predicted.stopped}.")

    null: Any = 0.0
    if getattr(estimator, "fit_intercept", True):
        null = family.null_intercept(data.target[train], take(data.sample_weight, train), take(data.offset, train))
    eta = np.empty((len(test), len(alphas) + 1, *predicted.eta.shape[2:]))
    eta[:, :n_fitted] = predicted.eta
    eta[:, n_fitted:-1] = eta[:, [n_fitted - 1]]
    eta[:, -1] = null
    if data.offset is not None:
        eta += data.offset[test][:, None]
    weight_test = take(data.sample_weight, test)
    values = scoring(
        HeldOut(partial(take, X, test), data.y[test], data.target[test], eta, weight_test, data.classes, family.mean)
    )
    carried = np.minimum(np.arange(len(alphas)), n_fitted - 1)
    return _FoldScores(
        scores=values[:-1],
        null=float(values[-1]),
        n=len(test),
        weight=float(len(test) if weight_test is None else weight_test.sum()),
        converged=predicted.converged[carried],
        n_fitted=n_fitted,
    )


def _path_of(
    estimator: Any,
    y: np.ndarray,
    X: Any,
    target: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    *,
    sample_weight: Any,
    offset: Any,
    **keywords: Any,
) -> Predicted:
    """The path of a copy of the estimator, which might keep what it is given."""
    path = clone(estimator).path(
        take(X, train), y[train], sample_weight=take(sample_weight, train), offset=take(offset, train), **keywords
    )
    return Predicted.of(path, take(X, test))


def _collect(folds: list[_FoldScores], alphas: np.ndarray, scoring: Scoring, splits: Sequence[Split]) -> CVResult:
    by_fold = np.stack([np.append(fold.scores, fold.null) for fold in folds])
    weights = np.array([fold.weight for fold in folds])
    missed = sum(not fold.converged.all() for fold in folds)
    if missed:
        warnings.warn(
            f"The path did not converge in {missed} of {len(folds)} folds; the scores of those models are "
            "less certain. Raise max_iter, or tol.",
            ConvergenceWarning,
            stacklevel=3,
        )
    rounds = _rounds(splits)
    means, spread = rules.summarize(by_fold, weights, rounds)
    mean, se, null = means[:-1], spread[:-1], float(means[-1])
    return CVResult(
        partial(_long, folds, alphas),
        alphas=alphas,
        mean=mean,
        se=se,
        index_min=rules.best(mean, scoring.greater_is_better),
        index_1se=rules.one_standard_error(mean, se, scoring.greater_is_better),
        scoring=scoring.name,
        greater_is_better=scoring.greater_is_better,
        null=null,
        folds=getattr(splits, "description", "") or f"{len(folds)} folds",
        rounds=rounds,
        held_out=_digest(splits),
    )


def _long(folds: list[_FoldScores], alphas: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of ``CVResult.table``."""
    k = len(alphas)
    return {
        "alpha": np.tile(alphas, len(folds)),
        "fold": np.repeat(np.arange(len(folds)), k),
        "score": np.concatenate([fold.scores for fold in folds]),
        "n": np.repeat([fold.n for fold in folds], k),
        "weight": np.repeat([fold.weight for fold in folds], k),
        "converged": np.concatenate([fold.converged for fold in folds]),
        "fitted": np.concatenate([np.arange(k) < fold.n_fitted for fold in folds]),
    }


def _check_classes(data: _Data, train: np.ndarray) -> None:
    if data.classes is None or len(data.classes) == 2:
        return
    absent = np.setdiff1d(np.arange(len(data.classes)), data.target[train].astype(np.intp))
    if len(absent):
        raise ValueError(
            f"y has no row of class {data.classes.tolist()[absent[0]]!r} left to fit; a class needs rows in two folds"
        )


def _digest(splits: Sequence[Split]) -> str:
    rows = [part for _, test in splits for part in ([len(test)], test)]
    return sha256(np.concatenate(rows).astype(np.int64).tobytes()).hexdigest()


def _rounds(splits: Sequence[Split]) -> float:
    """How often a row that is held out at all is held out, on average."""
    times = np.bincount(np.concatenate([test for _, test in splits]))
    return float(times.sum() / np.count_nonzero(times))


def _check_alphas(alphas: Any) -> np.ndarray:
    alphas = np.asarray(alphas, dtype=float)
    if alphas.ndim != 1 or len(alphas) == 0 or not np.isfinite(alphas).all() or alphas.min() < 0:
        raise ValueError(f"alphas must be finite numbers >= 0, at least one of them; got {alphas!r}.")
    if (np.diff(alphas) >= 0).any():
        raise ValueError("alphas must be strictly decreasing.")
    return alphas


def _code(y: Any) -> tuple[np.ndarray, np.ndarray]:
    classes, codes = np.unique(np.asarray(y), return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"Path cross-validation of a classifier needs two classes, got {len(classes)}.")
    return classes, codes.astype(float)
