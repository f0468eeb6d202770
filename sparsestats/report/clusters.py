"""Clusters: the columns to which a sorted-L1 penalty gives one absolute coefficient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

TIE = 1e-10
"""Relative distance below which two sizes are one.

The solver ties exactly: what its prox pooled moves as one unknown from there on. The way to the data's scale
and back costs a rounding (measured: below 1e-15), and sizes that were not pooled stay some 1e-6 apart or more.
"""


def cluster_labels(c: np.ndarray) -> np.ndarray:
    """The cluster of each coefficient: 1 for the largest in size, 2 for the next, 0 for zeros.

    Parameters
    ----------
    c : ndarray of any shape
        Coefficients on the penalty's scale.

    Returns
    -------
    int ndarray of that shape

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.report.clusters import cluster_labels
    >>> cluster_labels(np.array([0.5, 0.0, -2.0, -0.5]))
    array([2, 0, 1, 2])
    """
    size = np.abs(c).ravel()
    order = np.argsort(-size, kind="stable")
    ordered = size[order]
    starts = np.ones(len(size), dtype=int)
    starts[1:] = ordered[:-1] - ordered[1:] > TIE * ordered[:-1]
    labels = np.empty(len(size), dtype=int)
    labels[order] = np.cumsum(starts)
    labels[size == 0] = 0
    return labels.reshape(np.shape(c))


def cluster_frame(c: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """One row a cluster: cluster, size, abs_std, members, signs."""
    told = np.asarray(names, dtype=object)
    members = [np.flatnonzero(labels == k) for k in range(1, int(labels.max(initial=0)) + 1)]
    return pd.DataFrame(
        {
            "cluster": np.arange(1, len(members) + 1),
            "size": [len(m) for m in members],
            "abs_std": np.array([np.abs(c[m]).mean() for m in members], dtype=float),
            "members": [told[m].tolist() for m in members],
            "signs": [np.sign(c[m]).astype(int).tolist() for m in members],
        }
    )
