"""How often the edges of a fitted DAG are found again when its rows are drawn again."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from .._core import ext
from ..backend.dag import Knowledge, varying
from ..backend.dagfit import Settings, estimate_on
from ..report.graphs import EdgeFrequencies
from ..selection.parallel import run
from ..selection.resample import spawned

if TYPE_CHECKING:
    from .dag import CoLiDE


def edge_frequencies(
    model: CoLiDE, X: Any, n_boot: int, *, random_state: Any, n_jobs: int | None, verbose: int
) -> EdgeFrequencies:
    """The replicates of ``CoLiDE.bootstrap``, summed up."""
    check_is_fitted(model)
    if not (isinstance(n_boot, Integral) and n_boot >= 1):
        raise ValueError(f"n_boot must be a whole number >= 1; got {n_boot!r}")
    X = model._check_X(X, reset=False, n_min=2)
    seeds = spawned(random_state, n_boot)
    known, settings = model._knowledge(X.shape[1]), model._settings()
    centred = X - np.nanmean(X, axis=0)
    tasks = [(centred, known, settings, model.location_, seed) for seed in seeds]
    found = run(_replicate, tasks, n_jobs=n_jobs, verbose=verbose, control=ext.Control(), label="bootstrap")
    return EdgeFrequencies.of(model.names(), model.adjacency_, found)


def _replicate(
    centred: np.ndarray,
    known: Knowledge,
    settings: Settings,
    location: np.ndarray,
    seed: Any,
    control: Any = None,
) -> sparse.csr_array:
    """Weights of the graph of rows drawn with replacement, as a row."""
    n = len(centred)
    rows = np.random.default_rng(seed).integers(0, n, n)
    if np.isnan(centred).any():
        from ..backend.missing import em_moments

        mean, S, _ = em_moments(centred[rows])
    else:
        # Counts instead of copies of rows: two products of the same matrix.
        counts = np.bincount(rows, minlength=n)
        used = np.flatnonzero(counts)
        weighted = centred[used] * np.sqrt(counts[used])[:, None]
        mean = counts @ centred / n
        S = weighted.T @ weighted / n - np.outer(mean, mean)
    found = estimate_on(S, float(n), known, settings, varying(S, location), control).adjacency
    return sparse.csr_array(found.reshape(1, -1))
