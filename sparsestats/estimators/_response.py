"""Path estimators by what they predict: a mean, or classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.multiclass import check_classification_targets

from ..backend import losses
from ..validation import check_labels
from ._gram import FromMoments
from ._path import PathEstimator


class OffsetScore:
    """The mean accuracy of a classifier, the R2 of a regressor, as in scikit-learn but for the offset."""

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> float:
        """R2 of the predictions, or the share of rows whose class is met.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame (n, p)
        y : array-like (n,)
        sample_weight : array-like (n,) or None
        offset : array-like (n,) or None
            Needed when the model was fitted with one.

        Returns
        -------
        float
        """
        measure: Any = accuracy_score if is_classifier(self) else r2_score
        return float(measure(y, self.predict(X, offset=offset), sample_weight=sample_weight))  # type: ignore[attr-defined]


class PathRegressor(OffsetScore, FromMoments, RegressorMixin, PathEstimator):
    """A path estimator of a mean, under a squared, Poisson or Huber loss."""

    @property
    def _loss(self) -> Any:
        if self.family == "huber":
            return losses.Huber(self.huber_delta)
        return losses.Poisson() if self.family == "poisson" else losses.Gaussian()

    def _check_X_y(self, X: Any, y: Any, checked: bool) -> tuple[Any, np.ndarray]:
        X, y = super()._check_X_y(X, y, checked)
        self._loss.validate_response(y)
        return X, y

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:
        """Predicted means, on the scale of the response.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame (n, p)
        offset : array-like (n,) or None
            Needed when the model was fitted with one.

        Returns
        -------
        ndarray (n,)
        """
        return self._loss.mean(self._linear_predictor(X, offset))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self._loss.name == "poisson"
        return tags


class PathClassifier(OffsetScore, ClassifierMixin, PathEstimator):
    """A path estimator of the probabilities of classes: logistic for two, softmax for more."""

    @property
    def _responses(self) -> int:
        """Linear predictors of a row."""
        several = len(self.classes_) if hasattr(self, "classes_") else 2
        return several if several > 2 else 1

    @property
    def _loss(self) -> Any:
        return losses.Binomial() if self._responses == 1 else losses.Multinomial()

    def _target(self, y: np.ndarray) -> np.ndarray:
        return y if self._responses == 1 else np.asfortranarray(np.eye(self._responses)[y.astype(np.intp)])

    def _check_X_y(self, X: Any, y: Any, checked: bool) -> tuple[Any, np.ndarray]:
        check_labels(y)
        X, y = self._arrays(X, y, checked)
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class, {self.classes_.tolist()[0]!r}; a classifier needs two")
        return X, codes.astype(np.float64)

    def _check_weighted_response(self, y: np.ndarray, weights: np.ndarray | None) -> None:
        counted = y if weights is None else y[weights > 0]
        rows = "rows" if weights is None else "rows with sample_weight > 0"
        present = np.unique(counted).astype(np.intp)
        if len(present) == 1:
            raise ValueError(f"{rows} have one class, {self.classes_.tolist()[present[0]]!r}; a classifier needs two")
        if len(present) < len(self.classes_):
            absent = np.delete(self.classes_, present).tolist()
            raise ValueError(
                f"no {rows.replace('rows', 'row', 1)} has class {absent[0]!r}; leave out the rows of classes without "
                "weight"
            )

    def _set_model(self, beta: np.ndarray, intercept: Any, has_offset: bool) -> None:
        self.coef_, self.intercept_ = np.atleast_2d(beta), np.atleast_1d(intercept)
        self._has_offset = has_offset

    def decision_function(self, X: Any, offset: Any = None) -> np.ndarray:
        """Log odds of ``classes_[1]``; with K > 2 classes their linear predictors.

        Parameters
        ----------
        X, offset : as in ``predict``

        Returns
        -------
        ndarray (n,), or (n, K) with K > 2 classes
        """
        return self._linear_predictor(X, offset)

    def predict_proba(self, X: Any, offset: Any = None) -> np.ndarray:
        """Probabilities of the classes in the order of ``classes_``.

        Parameters
        ----------
        X, offset : as in ``predict``

        Returns
        -------
        ndarray (n, K)
            Rows sum to 1.
        """
        prob = self._loss.mean(self._linear_predictor(X, offset))
        return prob if prob.ndim == 2 else np.column_stack([1 - prob, prob])

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:
        """The most probable class.

        Parameters
        ----------
        X : array-like, sparse matrix or DataFrame (n, p)
        offset : array-like (n,), or (n, K) with K > 2 classes, or None
            Needed when the model was fitted with one.

        Returns
        -------
        ndarray (n,)
        """
        eta = self._linear_predictor(X, offset)
        return self.classes_[(eta > 0).astype(int) if eta.ndim == 1 else eta.argmax(axis=1)]
