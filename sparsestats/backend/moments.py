"""Rows that have given moments: the squared loss sees nothing else of the rows behind it."""

from __future__ import annotations

import numpy as np
from scipy import linalg

ROUNDING = 64 * np.finfo(float).eps
"""Variance, as a share of a column's mean square, that a sum of products may owe to rounding."""


def rows_with_moments(products: np.ndarray, mean: np.ndarray, n: float) -> np.ndarray:
    """p + 1 rows (p + 1, p) whose means, and mean squares and products, are those of n others.

    Parameters
    ----------
    products : ndarray (p, p)
        Sums of squares and products of the columns over the n rows, not centred.
    mean : ndarray (p,)
    n : float

    Raises
    ------
    ValueError
        When no rows have these moments.
    """
    square = np.diagonal(products) / n
    centred = products / n - np.outer(mean, mean)
    constant = np.diagonal(centred) <= ROUNDING * square
    if (np.diagonal(centred) < -1e-10 * square).any():
        j = int(np.argmax(np.diagonal(centred) < -1e-10 * square))
        raise ValueError(
            f"sums of products and means do not belong together: column {j} has mean square {square[j]:.6g} and "
            f"mean {mean[j]:.6g}, whose square is larger. Products are sums over the {n:g} rows, not centred"
        )
    centred[constant] = 0.0
    centred[:, constant] = 0.0
    scale = np.sqrt(np.where(constant, 1.0, np.diagonal(centred)))
    values, vectors = linalg.eigh(centred / np.outer(scale, scale))
    if values.min() < -1e-8 * len(mean):
        raise ValueError("sums of products must be positive semi-definite about the means; one direction is negative")
    factor = np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T * scale
    k = len(mean) + 1
    contrasts = linalg.helmert(k).T  # orthonormal, and each sums to 0: they leave the means alone
    return mean + np.sqrt(k) * (contrasts @ factor)
