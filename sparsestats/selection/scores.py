"""Scores of held-out rows, for every model of a path at once.

A path over k alphas gives an (n, k) matrix of linear predictors; the scores here take that matrix and return
k numbers. Everything scikit-learn can score is reached too, one alpha at a time, through ``SklearnScore``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax, xlogy
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.metrics import get_scorer

from ..backend.losses import Huber


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out rows and what k models predict for them.

    Attributes
    ----------
    X : callable
        Returns the rows, array-like (n, p), as the user gave them: few scores look at them.
    y : ndarray (n,)
        Their response as the user gave it.
    target : float64 (n,)
        The response as the loss sees it: y itself, or 0, 1, ... for the classes.
    eta : float64 (n, k), or (n, k, K) with K > 2 classes
        Linear predictors, offset included.
    weight : float64 (n,) or None
    classes : ndarray (K,) or None
    mean : callable
        Inverse link: from the linear predictor to the mean that scikit-learn's scorers look at.
    """

    X: Callable[[], Any]
    y: np.ndarray
    target: np.ndarray
    eta: np.ndarray
    weight: np.ndarray | None = None
    classes: np.ndarray | None = None
    mean: Callable[[np.ndarray], np.ndarray] = np.asarray


class Scoring(Protocol):
    """A way to score: a name, a direction, and k numbers for k models (NaN where the score is undefined)."""

    @property
    def name(self) -> str: ...

    @property
    def greater_is_better(self) -> bool: ...

    def __call__(self, held_out: HeldOut) -> np.ndarray: ...


@dataclass(frozen=True)
class Score:
    """A score computed for all models at once.

    ``function(y, eta, w)`` takes the coded response (n,), the linear predictors (n, k) or (n, k, K) and weights
    (n,) that sum to 1, and returns (k,).
    """

    name: str
    function: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    greater_is_better: bool = False

    def __call__(self, held_out: HeldOut) -> np.ndarray:
        n, k = held_out.eta.shape[:2]
        weight = np.ones(n) if held_out.weight is None else held_out.weight
        total = weight.sum()
        if not total > 0:
            return np.full(k, np.nan)
        return self.function(held_out.target, held_out.eta, weight / total)


@dataclass(frozen=True)
class SklearnScore:
    """A scikit-learn scorer or any ``scorer(estimator, X, y)``, called for every model. Greater is better."""

    name: str
    scorer: Callable[..., float]
    greater_is_better: bool = True

    def __call__(self, held_out: HeldOut) -> np.ndarray:
        weighted = {} if held_out.weight is None else {"sample_weight": held_out.weight}
        X = held_out.X()
        return np.array(
            [
                float(self.scorer(_stand_in(held_out, i), X, held_out.y, **weighted))
                for i in range(held_out.eta.shape[1])
            ]
        )


MEASURED = {"sklearn.metrics._regression": "numbers", "sklearn.metrics._classification": "classes"}
"""What the metrics of a file of scikit-learn compare. Some take the other kind without a word where it looks like
theirs: classes that are called 0 and 1, predicted numbers that are whole."""


class NamedScorer:
    """A scikit-learn scorer by its name; what it refuses is told in terms of the models it is to score.

    ``ordered`` tells that classes are categories of a scale, whose numbers, where they have some, measure distances.

    Raises
    ------
    ValueError
        For a name scikit-learn does not know, or, when called, a scorer of another kind of predictions.
    """

    def __init__(self, name: str, models: str, ours: Sequence[str], *, ordered: bool = False):
        self.name, self.models, self.ours, self.ordered = name, models, ours, ordered
        self.scorer = get_scorer(name)
        self.measures = MEASURED.get(getattr(getattr(self.scorer, "_score_func", None), "__module__", ""))

    def __call__(self, estimator: Any, X: Any, y: Any, **weighted: Any) -> float:
        predicted = "classes" if is_classifier(estimator) else "numbers"
        if self.measures not in (None, predicted) and not self.ordered:
            raise self._refusal(estimator, f"it is a measure of {self.measures}")
        try:
            return float(self.scorer(estimator, X, y, **weighted))
        except (ValueError, TypeError, AttributeError) as error:
            raise self._refusal(estimator, f"scikit-learn: {str(error).rstrip('.')}") from error

    def _refusal(self, estimator: Any, why: str) -> ValueError:
        predicted = f"{len(estimator.classes_)} classes" if is_classifier(estimator) else "numbers"
        return ValueError(
            f"scoring={self.name!r} does not score what {self.models} predicts, {predicted} ({why}). Use one of "
            f"{list(self.ours)}, another scikit-learn scorer, or a function of (estimator, X, y)."
        )


@dataclass(frozen=True)
class Family:
    """The scores that a family of responses has, and its null model.

    ``null_intercept(y, weight, offset)`` is the intercept of the model without columns (one a class with K > 2),
    ``mean`` the inverse link.
    """

    name: str
    default: str
    scores: Mapping[str, Score]
    null_intercept: Callable[[np.ndarray, np.ndarray | None, np.ndarray | None], Any]
    mean: Callable[[np.ndarray], np.ndarray] = np.asarray


def of_loss(loss: Any) -> Family:
    """The scores for models of this loss: those of its family, or for a loss of the user's own the loss itself."""
    if loss.native is not None and loss.name in FAMILIES:
        known = FAMILIES[loss.name]
        # The null model of a loss with a parameter is fitted by that loss, as the path's models are.
        return replace(known, null_intercept=partial(_loss_null, loss)) if fields(loss) else known
    on_means = {"mse": _squared_error, "mae": _absolute_error}
    return Family(
        loss.name,
        "loss",
        _table(
            Score("loss", partial(_loss_value, loss)),
            *(Score(name, partial(_of_means, score, loss.mean)) for name, score in on_means.items()),
        ),
        partial(_loss_null, loss),
        loss.mean,
    )


ELSEWHERE = {
    "auc": "roc_auc",
    "class": "misclassification",
    "logloss": "log_loss",
    "brier_score": "brier",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
}
"""What glmnet's ``type.measure`` and scikit-learn's losses are called -> what the score is called here."""


def resolve(scoring: str | Callable | None, family: Family, *, weighted: bool = False) -> Scoring:
    """The score a user asked for.

    Parameters
    ----------
    scoring : str, callable or None
        A name from ``family.scores``, the name of any scikit-learn scorer, a ``scorer(estimator, X, y)``, or
        None for the family's default.
    family : Family
    weighted : bool
        Whether rows have weights, which a callable must then take as ``sample_weight``.

    Raises
    ------
    ValueError
        For a name nobody knows, or a callable that cannot take the weights.

    Examples
    --------
    >>> from sparsestats.selection.scores import FAMILIES, resolve
    >>> resolve(None, FAMILIES["gaussian"]).name
    'mse'
    >>> resolve("neg_root_mean_squared_error", FAMILIES["gaussian"]).greater_is_better
    True
    """
    if scoring is None:
        scoring = family.default
    if callable(scoring):
        name = getattr(scoring, "__name__", None) or str(scoring)
        check_scorer(scoring)
        if weighted and not _takes_weights(scoring):
            raise ValueError(
                f"The rows have weights, but the scoring function {name} takes no sample_weight. "
                "Give it that keyword, or choose a score by name."
            )
        return SklearnScore(name, scoring)
    if isinstance(scoring, str) and scoring in family.scores:
        return family.scores[scoring]
    try:
        return SklearnScore(scoring, NamedScorer(scoring, f"the {family.name} family", sorted(family.scores)))
    except (ValueError, TypeError) as error:
        ours = ELSEWHERE.get(scoring) if isinstance(scoring, str) else None
        hint = f"here it is {ours!r}; " if ours in family.scores else ""
        raise ValueError(
            f"Unknown scoring {scoring!r} for the {family.name} family: {hint}use one of {sorted(family.scores)}, "
            "the name of a scikit-learn scorer, or a function of (estimator, X, y)."
        ) from error


def check_scorer(scoring: Callable) -> None:
    """Refuse a function that cannot be called with an estimator, X and y, as a metric of two vectors.

    Raises
    ------
    ValueError
    """
    try:
        inspect.signature(scoring).bind(None, None, None)
    except TypeError as error:
        name = getattr(scoring, "__name__", None) or str(scoring)
        raise ValueError(
            f"scoring must be a function of (estimator, X, y), and {name} is none ({error}); "
            "sklearn.metrics.make_scorer makes one of a metric."
        ) from error
    except ValueError:  # it does not tell what it takes
        pass


def _takes_weights(scorer: Callable) -> bool:
    parameters = inspect.signature(scorer).parameters
    return "sample_weight" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


# What a scikit-learn scorer needs to see of one model: the rows are known, so predictions are only looked up.


class LookedUp(BaseEstimator):
    """A model as a scorer sees it: what is asked for beyond its predictions is told not to be there."""

    def __getattr__(self, name: str) -> Any:
        seen = [method for method in ("predict", "predict_proba", "decision_function") if hasattr(type(self), method)]
        raise AttributeError(
            f"{name!r} is not there for a scoring function: it sees what a model predicts for the held-out rows of a "
            f"fold ({', '.join(seen)}), not its coefficients"
        )


class _Regressor(RegressorMixin, LookedUp):
    def __init__(self, eta: np.ndarray):
        self.eta = eta

    def predict(self, X: Any) -> np.ndarray:
        return self.eta


class _Classifier(ClassifierMixin, LookedUp):
    def __init__(self, eta: np.ndarray, classes: np.ndarray):
        self.eta = eta
        self.classes = classes

    @property
    def classes_(self) -> np.ndarray:
        return self.classes

    def decision_function(self, X: Any) -> np.ndarray:
        return self.eta

    def predict_proba(self, X: Any) -> np.ndarray:
        if self.eta.ndim == 2:
            return softmax(self.eta, axis=1)
        return np.column_stack([expit(-self.eta), expit(self.eta)])

    def predict(self, X: Any) -> np.ndarray:
        return self.classes[self.eta.argmax(axis=1) if self.eta.ndim == 2 else (self.eta > 0).astype(int)]


def _stand_in(held_out: HeldOut, model: int) -> BaseEstimator:
    eta = held_out.eta[:, model]
    return _Regressor(held_out.mean(eta)) if held_out.classes is None else _Classifier(eta, held_out.classes)


def _squared_error(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    return w @ (y[:, None] - eta) ** 2


def _absolute_error(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    return w @ np.abs(y[:, None] - eta)


def _r2(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    """1 - residual / total sum of squares about the held-out mean; scikit-learn's conventions at 0 / 0."""
    if len(y) < 2:
        return np.full(eta.shape[1], np.nan)
    residual = _squared_error(y, eta, w)
    total = w @ (y - w @ y) ** 2
    if total == 0.0:
        return np.where(residual == 0.0, 1.0, 0.0)
    return 1.0 - residual / total


def _log_loss(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    # From the linear predictor, so that a confident and wrong model is not clipped.
    return w @ (np.logaddexp(0.0, eta) - y[:, None] * eta)


def _binomial_deviance(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    return 2.0 * _log_loss(y, eta, w)


def _brier(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    return w @ (y[:, None] - expit(eta)) ** 2


def _misclassification(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    return w @ ((eta > 0) != (y[:, None] > 0))


def _accuracy(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    return w @ ((eta > 0) == (y[:, None] > 0))


def _roc_auc(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    """P(eta of an event > eta of a non-event) + P(equal) / 2; NaN unless both classes are there."""
    events, others = w * (y > 0), w * (y <= 0)
    pairs = events.sum() * others.sum()
    if not pairs > 0:
        return np.full(eta.shape[1], np.nan)
    auc = np.empty(eta.shape[1])
    for i, column in enumerate(eta.T):
        order = np.argsort(column, kind="stable")
        ranked = column[order]
        ties = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        event, other = np.add.reduceat(events[order], ties), np.add.reduceat(others[order], ties)
        auc[i] = event @ (np.cumsum(other) - other / 2.0) / pairs
    return auc


def _gaussian_null(y: np.ndarray, weight: np.ndarray | None, offset: np.ndarray | None) -> float:
    known = y if offset is None else y - offset
    return float(known.mean() if weight is None else weight @ known / weight.sum())


def _binomial_null(y: np.ndarray, weight: np.ndarray | None, offset: np.ndarray | None) -> float:
    rate = float(np.average(y, weights=weight))
    start = float(logit(rate))  # +-inf when one class is missing
    if offset is None or not np.isfinite(start):
        return start

    def excess(intercept: float) -> float:
        return float(np.average(expit(offset + intercept), weights=weight)) - rate

    # The excess increases with the intercept; a margin covers a constant offset and rounding at the ends.
    return float(brentq(excess, start - offset.max() - 1.0, start - offset.min() + 1.0, xtol=1e-12))


def _softmax_log_loss(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    own = np.take_along_axis(log_softmax(eta, axis=2), y.astype(np.intp)[:, None, None], axis=2)[:, :, 0]
    return -(w @ own)


def _softmax_deviance(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    return 2.0 * _softmax_log_loss(y, eta, w)


def _softmax_brier(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Squared error summed over the classes, between 0 and 2."""
    indicator = np.eye(eta.shape[2])[y.astype(np.intp)]
    return w @ np.sum((indicator[:, None, :] - softmax(eta, axis=2)) ** 2, axis=2)


def _softmax_misclassification(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    return w @ (eta.argmax(axis=2) != y[:, None])


def _softmax_accuracy(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    return w @ (eta.argmax(axis=2) == y[:, None])


def _softmax_null(y: np.ndarray, weight: np.ndarray | None, offset: np.ndarray | None) -> np.ndarray:
    """Intercepts whose mean probabilities are the classes' shares; with an offset by proportional fitting."""
    share = np.average(np.eye(int(y.max()) + 1)[y.astype(np.intp)], axis=0, weights=weight)
    with np.errstate(divide="ignore"):
        intercepts = np.log(share)
    if offset is None:
        return intercepts
    for _ in range(500):
        reached = np.average(softmax(offset + intercepts, axis=1), axis=0, weights=weight)
        move = np.log(share / reached)
        intercepts = intercepts + move
        if np.abs(move).max() < 1e-12:
            break
    return intercepts


def _poisson_deviance(y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    """2 mean [y log(y / mu) - y + mu], from the linear predictor."""
    return 2.0 * (w @ (np.exp(eta) - y[:, None] * eta) + w @ (xlogy(y, y) - y))


def _poisson_null(y: np.ndarray, weight: np.ndarray | None, offset: np.ndarray | None) -> float:
    exposure = 1.0 if offset is None else float(np.average(np.exp(offset), weights=weight))
    with np.errstate(divide="ignore"):
        return float(np.log(np.average(y, weights=weight)) - np.log(exposure))


def _of_means(
    score: Callable[..., np.ndarray], mean: Callable, y: np.ndarray, eta: np.ndarray, w: np.ndarray
) -> np.ndarray:
    return score(y, np.column_stack([mean(column) for column in eta.T]), w)


def _loss_value(loss: Any, y: np.ndarray, eta: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.array([loss.value(column, y, len(y) * w) for column in eta.T])


def _loss_null(loss: Any, y: np.ndarray, weight: np.ndarray | None, offset: np.ndarray | None) -> float:
    known = np.zeros(len(y)) if offset is None else offset
    weight = None if weight is None else weight * (len(y) / weight.sum())
    return float(minimize_scalar(lambda intercept: loss.value(known + intercept, y, weight)).x)


def _table(*scores: Score) -> dict[str, Score]:
    return {score.name: score for score in scores}


FAMILIES: dict[str, Family] = {
    "gaussian": Family(
        "gaussian",
        "mse",
        _table(
            Score("mse", _squared_error),
            Score("mae", _absolute_error),
            Score("r2", _r2, greater_is_better=True),
            Score("deviance", _squared_error),
        ),
        _gaussian_null,
    ),
    "binomial": Family(
        "binomial",
        "log_loss",
        _table(
            Score("log_loss", _log_loss),
            Score("deviance", _binomial_deviance),
            Score("brier", _brier),
            Score("misclassification", _misclassification),
            Score("accuracy", _accuracy, greater_is_better=True),
            Score("roc_auc", _roc_auc, greater_is_better=True),
        ),
        _binomial_null,
        expit,
    ),
    "multinomial": Family(
        "multinomial",
        "log_loss",
        _table(
            Score("log_loss", _softmax_log_loss),
            Score("deviance", _softmax_deviance),
            Score("brier", _softmax_brier),
            Score("misclassification", _softmax_misclassification),
            Score("accuracy", _softmax_accuracy, greater_is_better=True),
        ),
        _softmax_null,
        partial(softmax, axis=-1),
    ),
    "poisson": Family(
        "poisson",
        "deviance",
        _table(
            Score("deviance", _poisson_deviance),
            Score("mse", partial(_of_means, _squared_error, np.exp)),
            Score("mae", partial(_of_means, _absolute_error, np.exp)),
        ),
        _poisson_null,
        np.exp,
    ),
    "huber": Family(
        "huber",
        "mae",
        _table(
            Score("mae", _absolute_error),
            Score("mse", _squared_error),
            Score("r2", _r2, greater_is_better=True),
        ),
        partial(_loss_null, Huber()),
    ),
}
"""Scores by family. A new family adds an entry."""
