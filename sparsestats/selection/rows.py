"""What a fold reads and what it says: some rows of vectors and matrices, and predictions for others."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ..report.path import linear_predictors


def take(values: Any, index: np.ndarray) -> Any:
    """Some rows of a vector, matrix or nothing.

    A matrix in Fortran order keeps it: solvers read that in place, and C order would cost them one more copy. The rows
    were checked with the folds; to look at each again, as numpy's default mode does, takes as long as the copy.
    """
    if values is None:
        return None
    return np.take(values.T, index, axis=-1, mode="wrap").T if _by_column(values) else values[index]


class Workspace(threading.local):
    """A thread's memory for the training rows of its folds: fresh pages for each take longer than the copy."""

    buffer = np.empty(0)

    def __reduce__(self) -> tuple:
        return type(self), ()  # another process has threads of its own

    def take(self, X: Any, index: np.ndarray) -> Any:
        """``take(X, index)``, to be read before this thread's next call."""
        if not _by_column(X):
            return take(X, index)
        shape = (X.shape[1], len(index))
        if self.buffer.size < shape[0] * shape[1] or self.buffer.dtype != X.dtype:
            self.buffer = np.empty(shape[0] * shape[1], dtype=X.dtype)
        out = self.buffer[: shape[0] * shape[1]].reshape(shape)
        return np.take(X.T, index, axis=-1, mode="wrap", out=out).T


def _by_column(values: Any) -> bool:
    return not sparse.issparse(values) and values.flags.f_contiguous


@dataclass(frozen=True, eq=False)
class Predicted:
    """What the models of a fold's path say of the rows held out.

    Attributes
    ----------
    eta : float64 (m, k), or (m, k, K) with K linear predictors
        Of m rows by the k models that were fitted, without their offset.
    converged : bool (k,)
    stopped : str
        Why the path ended early, or "".
    """

    eta: np.ndarray
    converged: np.ndarray
    stopped: str

    @classmethod
    def of(cls, path: Any, X: Any) -> Predicted:
        """By the models of a path for the rows X."""
        eta = linear_predictors(X, path.coefs, path.intercepts)
        return cls(eta, np.asarray(path.converged, dtype=bool), path.stopped)
