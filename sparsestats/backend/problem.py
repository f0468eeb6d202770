"""What a solver is told and what it answers: one problem, one result, whatever the solver."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .certificate import Certificates


@dataclass(frozen=True, eq=False)
class Problem:
    """min over (b0, beta) of  loss(offset + b0 + X beta) + alpha J(pf * S beta), on the data's own scale.

    The loss is the weighted mean (1/n) sum w_i l(y_i, eta_i). S maps coefficients to the standardised scale:
    the identity, the columns' standard deviations, or (``"group"``) the triangular factor of each group.
    Columns with ``penalty_factor`` 0 are left out of J and are never rescaled.

    A loss of several linear predictors (multinomial) has a y of K columns, and K intercepts and coefficient vectors.
    J is then over all p K coefficients; a group holds those of its columns for every predictor.

    Attributes
    ----------
    X : ndarray (n, p), Fortran order, float32 or float64; or scipy CSC of the same types
    y : float64 (n,), or (n, K) for a loss of K linear predictors
    sample_weight : float64 (n,) summing to n, or None for ones
    offset : float64 of y's shape, or None
    loss, penalty : objects of backend.losses and backend.penalties; the penalty covers the penalised columns
    fit_intercept : bool
    standardize : True, False or "group"
    groups : int (p,) with labels 0..m-1 in order of first appearance, or None for elementwise penalties
    penalty_factor : float64 (p,) or None for ones; 0 is free
    """

    X: Any
    y: np.ndarray
    loss: Any
    penalty: Any
    sample_weight: np.ndarray | None = None
    offset: np.ndarray | None = None
    fit_intercept: bool = True
    standardize: bool | str = True
    groups: np.ndarray | None = None
    penalty_factor: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return self.X.shape

    @property
    def observations(self) -> int:
        """Rows that count: those with weight. Sequences that depend on n see no others."""
        return self.shape[0] if self.sample_weight is None else int(np.count_nonzero(self.sample_weight))

    @property
    def responses(self) -> int:
        """Linear predictors of a row."""
        return 1 if self.y.ndim == 1 else self.y.shape[1]

    @property
    def penalized(self) -> np.ndarray:
        """Mask of the columns the penalty covers."""
        if self.penalty_factor is None:
            return np.ones(self.X.shape[1], dtype=bool)
        return self.penalty_factor > 0

    def overflow(self) -> ValueError:
        """What to raise when squares or products of the data leave the range of doubles."""
        x, y = abs(self.X).max(), np.abs(self.y).max()
        large = f"X reaches {x:.3g} and y {y:.3g}; rescale them"
        shift = 0.0 if self.offset is None else np.abs(self.offset).max()
        if shift > max(x, y):
            large = (
                f"the offset reaches {shift:.3g} (X {x:.3g}, y {y:.3g}); it is a part of the linear predictor, for "
                "counts the logarithm of the exposure"
            )
        return ValueError(f"the objective is not finite: {large}")


@dataclass(frozen=True, eq=False)
class PathResult:
    """Fits along decreasing alphas; arrays have the alphas first.

    With K linear predictors (K > 1) coefs are (k, K, p) and intercepts (k, K).

    Attributes
    ----------
    alphas (k,), coefs (k, p), intercepts (k,), certificates (k)
    alpha_max : float, the smallest alpha at which every penalised coefficient is 0
    deviance_ratio (k,) : 1 - loss / null loss
    stopped : "" when every alpha was fitted, else why the path is shorter
    info : per-alpha diagnostics, e.g. "screened", "active", "repaired", "seconds"
    duals : multipliers of the user's constraints, one list per alpha (cvxpy only)
    """

    alphas: np.ndarray
    coefs: np.ndarray
    intercepts: np.ndarray
    certificates: Certificates
    alpha_max: float
    deviance_ratio: np.ndarray
    stopped: str = ""
    seconds: float = 0.0
    info: dict[str, np.ndarray] = field(default_factory=dict)
    duals: list | None = None

    @property
    def converged(self) -> np.ndarray:
        """What the certificates say, (k,)."""
        return self.certificates.converged
