"""An ordinal likelihood as a smooth function of the differences of adjacent coefficients.

For solvers written in Python; rows, families and conjugates are the compiled core's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from .native.ordinal import NativeOrdinal


class OrdinalLikelihood:
    """Mean loss, gradient and Hessian in psi (p + 1, m): differences by column, the column of ones last.

    The columns are centred and scaled as the problem says; psi is what ``NativeOrdinal`` takes back to the
    data's own scale. Linear predictors are kept as the core lays them out: slot after slot, a slot being one
    boundary on the rows that touch it.

    Parameters
    ----------
    native : NativeOrdinal
    """

    def __init__(self, native: NativeOrdinal):
        self.data = native.data
        self.slots, self.pieces = native.data.slots(), native.data.pieces()
        self.m = len(native.present) - 1
        mean, scale = native.data.means(), native.data.scales()
        with np.errstate(divide="ignore"):
            self._unit = np.where(scale > 0, 1.0 / scale, 0.0)
        self._mean = mean
        X: Any = native.rows
        self._sparse = sparse.issparse(X)
        # A sparse X stays sparse, its centring implicit; a dense one is copied once, in class order.
        self._Z = (
            sparse.csr_array(X[native.order])
            if self._sparse
            else (np.asarray(X, dtype=float)[native.order] - mean) * self._unit
        )
        self.n, self.p = self._Z.shape
        offset = np.zeros(self.n) if native.offset is None else native.offset
        self.offset = np.concatenate([offset[b:e] for _, b, e, _ in self.slots])
        start = np.asarray(native.data.start())
        self.start = np.zeros((self.p + 1, self.m))
        self.start[-1] = np.diff(start, prepend=0.0)

    def eta(self, psi: np.ndarray) -> np.ndarray:
        """Linear predictors without the offset, slot after slot."""
        beta = np.cumsum(psi, axis=1)
        slopes = beta[:-1] * self._unit[:, None] if self._sparse else beta[:-1]
        level = beta[-1] - self._mean @ slopes if self._sparse else beta[-1]
        return np.concatenate([self._Z[b:e] @ slopes[:, k] + level[k] for k, b, e, _ in self.slots])

    def gradient(self, slope: np.ndarray) -> np.ndarray:
        """Gradient in psi (p + 1, m) from the slopes by slot."""
        by_boundary = np.zeros((self.p + 1, self.m))
        for k, b, e, at in self.slots:
            r = slope[at : at + e - b]
            total = r.sum()
            raw = self._Z[b:e].T @ r
            by_boundary[:-1, k] += (raw - self._mean * total) * self._unit if self._sparse else raw
            by_boundary[-1, k] += total
        # psi_k moves the boundaries k, k + 1, ...
        return np.cumsum(by_boundary[:, ::-1], axis=1)[:, ::-1]

    def gaps(self, psi: np.ndarray) -> np.ndarray:
        """eta_k - eta_{k-1} at every row, (n, m - 1): order asks them to be >= 0."""
        slopes, level = psi[:-1, 1:], psi[-1, 1:]
        if self._sparse:
            slopes = slopes * self._unit[:, None]
            level = level - self._mean @ slopes
        return self._Z @ slopes + level

    def gaps_gradient(self, multipliers: np.ndarray) -> np.ndarray:
        """Gradient in psi (p + 1, m) of the sum of the gaps times ``multipliers`` (n, m - 1)."""
        total, raw = multipliers.sum(axis=0), self._Z.T @ multipliers
        out = np.zeros((self.p + 1, self.m))
        out[:-1, 1:] = (raw - np.outer(self._mean, total)) * self._unit[:, None] if self._sparse else raw
        out[-1, 1:] = total
        return out

    def add_gaps_hessian(self, H: np.ndarray, h: np.ndarray) -> None:
        """Adds the sum of h_ik times the square of the gap's gradient to a Hessian in psi."""
        for k in range(1, self.m):
            H[:, k, :, k] += self._gram(0, self.n, h[:, k - 1])

    def hessian(self, weight: np.ndarray) -> np.ndarray:
        """Hessian in psi, (p + 1, m, p + 1, m), from the weights by piece."""
        q, m = self.p + 1, self.m
        H = np.zeros((m, m, q, q))
        for block, t, u, b, e, at in self.pieces:
            G = self._gram(b, e, weight[at : at + e - b])
            if block == "up to":
                H[: t + 1, : t + 1] += G
            elif block == "corner":
                H[t, t] += G
            else:
                pairs = [(u, t)] if block == "pair" else [(k, t) for k in range(t)]
                for low, high in pairs:
                    H[low, high] += G
                    if low != high:
                        H[high, low] += G
        return H.transpose(2, 0, 3, 1)

    def _gram(self, b: int, e: int, h: np.ndarray) -> np.ndarray:
        """Z'HZ of rows b..e with the ones last."""
        G = np.empty((self.p + 1, self.p + 1))
        Z = self._Z[b:e]
        cross, total = Z.T @ h, h.sum()
        if self._sparse:
            raw = (Z.T @ (sparse.diags_array(h) @ Z)).toarray()
            mean, unit = self._mean, self._unit
            centred = raw - np.outer(cross, mean) - np.outer(mean, cross) + total * np.outer(mean, mean)
            G[:-1, :-1] = centred * np.outer(unit, unit)
            cross = (cross - total * mean) * unit
        else:
            G[:-1, :-1] = (Z * h[:, None]).T @ Z
        G[:-1, -1] = G[-1, :-1] = cross
        G[-1, -1] = total
        return G
