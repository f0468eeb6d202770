"""Some rows of vectors and matrices, as a fold takes them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from scipy import sparse


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
