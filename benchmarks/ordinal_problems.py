"""Data for the ordinal benchmarks: the designs of the PRESTO paper, and more columns than rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

PROBLEMS = {
    "A": ("n=2500 p=10", (2500, 10, 4, 1 / 3, (0, 3, 5), 11)),
    "B": ("n=2500 p=50", (2500, 50, 4, 0.02, (0, 3, 5), 12)),
    "C": ("n=10000 p=10", (10_000, 10, 4, 1 / 3, (0, 3, 5), 13)),
    "E": ("n=100000 p=20", (100_000, 20, 4, 0.05, (0, 3, 5), 15)),
    "F": ("n=2000 p=500", (2000, 500, 4, 0.004, (0, 3, 5), 16)),
}
"""Shape and arguments of ``sample``; four classes."""


def sample(n: int, p: int, K: int, share: float, level: tuple[float, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """X uniform on (-1, 1), differences of 0.5 in a share of places, true probabilities all positive."""
    rng = np.random.default_rng(seed)
    while True:
        X = np.asfortranarray(rng.uniform(-1, 1, (n, p)))
        psi = 0.5 * (rng.random((p, K - 1)) < share)
        psi[:, 1:] *= rng.choice([-1, 1], (p, K - 2))
        below = 1 / (1 + np.exp(-(X @ np.cumsum(psi, axis=1) + level)))
        if (np.diff(below, axis=1) < 0).any():
            continue
        y = (rng.random((n, 1)) > below).sum(axis=1)
        if len(np.unique(y)) == K:
            return X, y


def wide(p: int) -> list[tuple[str, Any, np.ndarray]]:
    """500 rows of p columns, dense and with one entry in twenty."""
    rng = np.random.default_rng(p)
    out = []
    for label, share in (("dense", 1.0), ("sparse", 0.05)):
        X, y = fifteen(500, p, share, rng)
        out.append((f"n=500 p={p} {label}", X if share == 1 else sparse.csc_array(X), y))
    return out


def fifteen(n: int, p: int, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Four classes, the last of 8 %, by fifteen normal columns of p, a share of whose entries is not zero."""
    X = rng.normal(size=(n, p)) * (rng.random((n, p)) < share)
    latent = X[:, :15] @ rng.choice([-0.7, 0.7], 15) / np.sqrt(share) + rng.logistic(size=n)
    return np.asfortranarray(X), np.digitize(latent, np.quantile(latent, [0.5, 0.75, 0.92]))
