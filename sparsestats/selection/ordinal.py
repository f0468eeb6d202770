"""Cross-validation of ordinal paths: probabilities of all categories, scored on the rows held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
from sklearn.base import ClassifierMixin

from ..report.cvresult import CVResult
from .crossval import _collect, _FoldScores
from .folds import Split
from .parallel import Control, run
from .rows import take
from .scores import LookedUp, NamedScorer, check_scorer

_FLOOR = 1e-15
"""Least probability that a log-loss sees: a class that a fold never met has probability 0 there."""


@dataclass(frozen=True)
class OrdinalScore:
    """A score of class probabilities.

    ``function(P, codes, w, rare)`` takes probabilities (n, K), observed classes, weights that sum to 1 and
    the code of the rare class.
    """

    name: str
    function: Callable[..., float]
    greater_is_better: bool = False


def _brier(P: np.ndarray, codes: np.ndarray, w: np.ndarray, rare: int) -> float:
    """Sum over the classes of squared errors, mean over rows."""
    squares = (P**2).sum(axis=1) - 2 * P[np.arange(len(codes)), codes] + 1
    return float(w @ squares)


def _log_loss(P: np.ndarray, codes: np.ndarray, w: np.ndarray, rare: int) -> float:
    return float(-(w @ np.log(np.maximum(P[np.arange(len(codes)), codes], _FLOOR))))


def _rare_log_loss(P: np.ndarray, codes: np.ndarray, w: np.ndarray, rare: int) -> float:
    """Log-loss of the rare class against all others."""
    p = np.where(codes == rare, P[:, rare], 1 - P[:, rare])
    return float(-(w @ np.log(np.maximum(p, _FLOOR))))


def _rare_brier(P: np.ndarray, codes: np.ndarray, w: np.ndarray, rare: int) -> float:
    return float(w @ (P[:, rare] - (codes == rare)) ** 2)


def _misclassification(P: np.ndarray, codes: np.ndarray, w: np.ndarray, rare: int) -> float:
    return float(w @ (P.argmax(axis=1) != codes))


SCORES = {
    score.name: score
    for score in (
        OrdinalScore("brier", _brier),
        OrdinalScore("log_loss", _log_loss),
        OrdinalScore("rare_log_loss", _rare_log_loss),
        OrdinalScore("rare_brier", _rare_brier),
        OrdinalScore("misclassification", _misclassification),
    )
}
"""The scores by name; "brier" is the default."""


class _Known(ClassifierMixin, LookedUp):
    """What a scikit-learn scorer sees of one model: predictions are only looked up."""

    def __init__(self, P: np.ndarray, categories: np.ndarray):
        self.P, self.categories = P, categories
        self.order = np.argsort(categories, kind="stable")

    @property
    def classes_(self) -> np.ndarray:
        return self.categories[self.order]

    def predict_proba(self, X: Any) -> np.ndarray:
        return self.P[:, self.order]

    def predict(self, X: Any) -> np.ndarray:
        return self.categories[self.P.argmax(axis=1)]


def score_of(scoring: str | Callable | None) -> OrdinalScore:
    """The score asked for: a name of ``SCORES``, a scikit-learn scorer or its name, or None.

    Raises
    ------
    ValueError
        For a name nobody knows.
    """
    if scoring is None:
        return SCORES["brier"]
    if isinstance(scoring, str) and scoring in SCORES:
        return SCORES[scoring]
    if callable(scoring):
        check_scorer(scoring)
        return OrdinalScore(getattr(scoring, "__name__", str(scoring)), scoring, greater_is_better=True)
    try:
        scorer = NamedScorer(scoring, "an ordinal model", sorted(SCORES), ordered=True)
        return OrdinalScore(scoring, scorer, greater_is_better=True)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"Unknown scoring {scoring!r}: use one of {sorted(SCORES)}, the name of a scikit-learn scorer, "
            "or a function of (estimator, X, y)."
        ) from error


def cross_validate_ordinal(
    estimator: Any,
    X: Any,
    y: np.ndarray,
    *,
    categories: np.ndarray,
    alphas: np.ndarray,
    splits: Sequence[Split],
    scoring: str | Callable | None = None,
    sample_weight: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    control: Control | None = None,
) -> CVResult:
    """Score a path of ordinal models on rows they have not seen.

    Every fold keeps all categories, fits its own path with its own standardisation, and scores the
    probabilities of whole models: coefficients cumulated over the boundaries, on the data's own scale.

    Parameters
    ----------
    estimator : PRESTO
        Not fitted, not changed.
    X : ndarray (n, p), sparse, or callable that maps training rows to the matrix of all rows
    y : ndarray (n,)
        Labels among ``categories``.
    categories : ndarray (K,)
        In their order.
    alphas : ndarray (k,), strictly decreasing
    splits : sequence of (train, test)
    scoring : str, callable or None
        "brier" (None), "log_loss", "rare_log_loss", "rare_brier", "misclassification", or any scikit-learn
        scorer. The rare class is the one with the least weight in all rows.
    sample_weight, offset : ndarray (n,) or None
    n_jobs, verbose, control : as in :func:`~sparsestats.selection.crossval.cross_validate_path`

    Returns
    -------
    CVResult
    """
    score = score_of(scoring)
    position = {c: i for i, c in enumerate(categories.tolist())}
    codes = np.array([position[c] for c in y.tolist()])
    counts = np.bincount(codes, weights=sample_weight, minlength=len(categories))
    fold = partial(
        _fold,
        estimator,
        X,
        y,
        codes,
        categories,
        alphas,
        score,
        int(np.argmin(counts)),
        sample_weight,
        offset,
    )
    tasks = [(number, train, test) for number, (train, test) in enumerate(splits)]
    answers = run(fold, tasks, n_jobs=n_jobs, verbose=verbose, control=control, label="folds")
    return _collect(answers, alphas, cast(Any, score), splits)


def _fold(
    estimator: Any,
    X: Any,
    y: np.ndarray,
    codes: np.ndarray,
    categories: np.ndarray,
    alphas: np.ndarray,
    score: OrdinalScore,
    rare: int,
    sample_weight: np.ndarray | None,
    offset: np.ndarray | None,
    number: int,
    train: np.ndarray,
    test: np.ndarray,
    control: Control | None = None,
) -> _FoldScores:
    """Fit one fold's path and score it; runs in a worker."""
    from sklearn.base import clone

    X = X(train) if callable(X) else X
    weight = take(sample_weight, train)
    keywords = {} if control is None else {"control": control}
    worker = clone(estimator).set_params(categories=categories)
    try:
        path = worker._fold_path(
            take(X, train),
            y[train],
            alphas=alphas,
            sample_weight=weight,
            offset=take(offset, train),
            **keywords,
        )
    except ValueError as error:
        error.add_note(f"This was the fit to the {len(train)} training rows of fold {number}.")
        raise
    if len(path) == 0:
        raise ValueError(f"The path of fold {number} stopped before its first model: {path.stopped}.")
    X_test, shift = take(X, test), take(offset, test)
    w = np.ones(len(test)) if sample_weight is None else sample_weight[test]
    share = np.bincount(codes[train], weights=weight, minlength=len(categories))
    null = np.tile(share / share.sum(), (len(test), 1))
    values = [
        _one(score, path.predict(X_test, alpha, shift), X_test, y[test], codes[test], w, rare, categories)
        for alpha in path.alphas
    ]
    values += [values[-1]] * (len(alphas) - len(values))
    carried = np.minimum(np.arange(len(alphas)), len(path) - 1)
    return _FoldScores(
        scores=np.array(values),
        null=_one(score, null, X_test, y[test], codes[test], w, rare, categories),
        n=len(test),
        weight=float(w.sum()),
        converged=path.converged[carried],
        n_fitted=len(path),
    )


def _one(
    score: OrdinalScore,
    P: np.ndarray,
    X: Any,
    y: np.ndarray,
    codes: np.ndarray,
    w: np.ndarray,
    rare: int,
    categories: np.ndarray,
) -> float:
    if score.name in SCORES:
        return score.function(P, codes, w / w.sum(), rare)
    weighted = {} if np.all(w == w[0]) else {"sample_weight": w}
    return float(score.function(_Known(P, categories), X, y, **weighted))
