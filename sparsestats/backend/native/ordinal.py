"""Penalised ordinal regression in the compiled core."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from ..._core import ext
from ..certificate import Certificate
from ..ordinal import OrdinalProblem, OrdinalResult
from .slope import columns

_INFO = ("iterations", "hessians", "active", "working", "bound_rows", "intercept_residual", "seconds")


class NativeOrdinal:
    """A problem laid out for the core: rows in class order, columns centred and scaled.

    A class without rows has no boundary of its own in the likelihood: the boundaries beside it are held
    together, so that its probability is 0.

    Parameters
    ----------
    problem : OrdinalProblem
    """

    def __init__(self, problem: OrdinalProblem):
        self.problem = problem
        n = problem.shape[0]
        weights = problem.weights
        kept = np.flatnonzero(weights > 0)
        order = kept[np.argsort(problem.codes[kept], kind="stable")]
        counts = np.bincount(problem.codes[kept], minlength=problem.n_classes)
        self.present = np.flatnonzero(counts)
        if len(self.present) < 2:
            raise ValueError("an ordinal model needs rows of at least two classes")
        X: Any = problem.X
        if len(kept) < n:  # rows of weight 0 take no part
            rows = X[kept]
            X = rows if sparse.issparse(rows) else np.asfortranarray(rows)
            order = np.argsort(problem.codes[kept], kind="stable")
            weights = weights[kept] * (len(kept) / weights[kept].sum())
            offset = None if problem.offset is None else problem.offset[kept]
        else:
            offset = problem.offset
        self.rows, self.order = X, order  # rows with weight, and the order that sorts them by class
        self.offset = None if offset is None else np.ascontiguousarray(offset[order], dtype=np.float64)
        # The core reads columns in place and keeps a view: no other order may reach it.
        self._columns = columns(X if sparse.issparse(X) else np.asfortranarray(X))
        self.data = ext.Ordinal(
            self._columns,
            order.astype(np.int64),
            np.concatenate([[0], np.cumsum(counts[self.present])]).tolist(),
            np.ascontiguousarray(weights, dtype=np.float64),
            np.ascontiguousarray(weights[order], dtype=np.float64),
            self.offset,
            problem.family,
            problem.link,
            bool(problem.standardize),
            not sparse.issparse(X),
        )

    @property
    def _weights(self) -> np.ndarray:
        """Penalty weights of the boundaries between classes that are present."""
        return np.ascontiguousarray(self.problem.penalty_weights[:, : len(self.present) - 1], dtype=np.float64)

    def _run(
        self,
        alphas: Sequence[float] | np.ndarray,
        tol: float,
        max_iter: int,
        ordered: bool,
        control: Any,
        weights: Any = None,
    ) -> dict[str, Any]:
        weights = self._weights if weights is None else weights
        return ext.ordinal_path(
            self.data,
            weights.ravel(),
            list(map(float, alphas)),
            float(self.problem.l1_ratio),
            tol,
            max_iter,
            ordered,
            ext.Control() if control is None else control,
        )

    def alpha_max(self) -> float:
        """The smallest alpha at which every penalised difference is 0."""
        return float(self._run([], 1e-8, 100, False, None)["alpha_max"])

    def alpha_po(self) -> float:
        """The smallest alpha at which all boundaries share their coefficients; inf for a pure ridge."""
        return float(
            ext.ordinal_alpha_po(self.data, self._weights.ravel(), float(self.problem.l1_ratio), ext.Control())
        )

    def solve_path(
        self,
        alphas: Sequence[float] | np.ndarray,
        *,
        tol: float = 1e-8,
        max_iter: int = 100,
        control: Any = None,
    ) -> OrdinalResult:
        """Fit decreasing alphas; each carries the duality gap of the full problem.

        Parameters
        ----------
        alphas : sequence of float, non-increasing, >= 0
        tol : float
            Certificate asked for, as a share of the null objective.
        max_iter : int
            Newton steps at each alpha.
        control : Control or None
        """
        began = time.perf_counter()
        problem = self.problem
        ordered = problem.monotone in ("auto", "train") and problem.family == "cumulative"
        out = self._run(alphas, tol, max_iter, ordered, control)
        coefs, intercepts = self._to_data_scale(out["psi"])
        scale = out["null_objective"]
        rows = zip(
            out["gaps"],
            out["objectives"],
            out["bounds"],
            out["iterations"],
            out["stops"],
            out["alphas"],
            strict=True,
        )
        return OrdinalResult(
            alphas=out["alphas"],
            coefs=coefs,
            intercepts=intercepts,
            certificates=[
                Certificate("gap" if a > 0 else "newton", float(g), scale, tol, float(f), float(b), int(i), s)
                for g, f, b, i, s, a in rows
            ],
            alpha_max=float(out["alpha_max"]),
            null_objective=float(scale),
            losses=out["losses"],
            crossing=out["crossing"],
            constrained=out["constrained"].astype(bool),
            stopped="" if len(out["alphas"]) == len(alphas) else "interrupted",
            seconds=time.perf_counter() - began,
            info={name: out[name] for name in _INFO},
        )

    def _to_data_scale(self, psi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients by boundary (k, m, p) and intercepts (k, m) of the data as given."""
        k = len(psi)
        p, present = self.problem.shape[1], len(self.present) - 1
        beta = np.cumsum(psi.reshape(k, p + 1, present), axis=2)  # by boundary; the last row is the ones
        mean, scale = self.data.means(), self.data.scales()
        with np.errstate(divide="ignore", invalid="ignore"):
            slopes = np.where(scale[:, None] > 0, beta[:, :p] / scale[:, None], 0.0)
        level = beta[:, p] - np.einsum("j,kjm->km", mean, slopes)
        slopes = slopes.transpose(0, 2, 1)
        if present == self.problem.n_boundaries:
            return slopes, level
        return self._with_absent(slopes, level)

    def _with_absent(self, slopes: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Boundaries of classes without rows: +-inf beyond the ends, together in the middle."""
        K, m = self.problem.n_classes, self.problem.n_boundaries
        at = np.searchsorted(self.present, np.arange(m), side="right") - 1  # classes present at or below boundary
        inside = np.clip(at, 0, level.shape[1] - 1)
        slopes, level = slopes[:, inside], level[:, inside].copy()
        level[:, at < 0] = -np.inf
        level[:, at >= len(self.present) - 1] = np.inf
        slopes[:, (at < 0) | (at >= len(self.present) - 1)] = 0.0
        assert level.shape[1] == K - 1
        return slopes, level
