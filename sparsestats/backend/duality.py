"""Coordinates in which a problem is well posed, its null model, and the bound under its objective.

Shared by the solvers written in Python: whatever found a model, the same text certifies it.
"""

from __future__ import annotations

import math
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from . import newton
from .certificate import Certificate
from .newton import EPS
from .penalties import entry_alpha, has, require
from .problem import Problem
from .standardize import Standardization, dense_columns, is_sparse, standardization


class Coordinates:
    """A problem written as  min over (v, c) of  f(offset + Q v + B c) + alpha J(c).

    ``Q`` is a basis of the unpenalised columns (the intercept's ones among them), orthonormal in the
    weighted mean; ``B`` are the penalised columns on the penalty's scale with their projection on ``Q``
    removed (for an intercept alone: centred). Since ``v`` is not penalised this changes ``v`` and nothing
    else, and it makes the two blocks orthogonal. A dense X is copied once; a sparse one is used as it is.

    With K linear predictors ``v``, ``c`` and ``eta`` are matrices of K columns, in which Q and B serve every predictor.
    The penalty sees the rows of ``c`` one behind the other.

    Parameters
    ----------
    problem : Problem
        With a resolved penalty.

    Attributes
    ----------
    std : Standardization
    Q : ndarray (n, k)
    Z : ndarray or CSC (n, m)
        The penalised columns on the penalty's scale; those without zeros are centred when there is an intercept.
    G : ndarray (k, m)
        B = Z - Q G.
    null_v : ndarray (k,), or (k, K)
        The unpenalised part fitted with c = 0.
    null_objective : float
        Its loss: the scale of every certificate.
    constant : bool
        The unpenalised part fits y but for rounding; there is nothing left to explain.
    """

    def __init__(self, problem: Problem):
        require(problem.loss, ("value", "gradient", "curvature"), "a solver in Python")
        self.problem = problem
        self.std: Standardization = standardization(problem)
        n = problem.shape[0]
        self.w = np.ones(n) if problem.sample_weight is None else problem.sample_weight
        self.offset = np.zeros(problem.y.shape) if problem.offset is None else problem.offset
        self._pen = np.flatnonzero(self.std.penalized)
        T = self.std.T[self._pen][:, self._pen]
        self._basis()
        self._moves = newton.copies(self.Q, problem.y)
        self._onto = (self.w[:, None] * self.Q / n).T
        X = problem.X
        if is_sparse(X):
            # Columns without zeros are centred as dense ones are: products centred afterwards lose digits, all of them
            # where a mean is far larger than its deviation.
            Z = X[:, self._pen].astype(np.float64, copy=False)  # the selection is a copy
            stored = np.diff(Z.indptr)
            shift = np.where(stored == n, self.std.center[self._pen], 0.0) * problem.fit_intercept
            Z.data -= np.repeat(shift, stored)
            self.Z = Z @ T
            self.G = (self.Z.T @ self._onto.T).T
            self._B = None
        else:
            shift = self.std.center[self._pen] * problem.fit_intercept
            self.Z = (np.asarray(X[:, self._pen], dtype=float) - shift) @ T
            self.G = self._onto @ self.Z
            self._B = self.Z - self.Q @ self.G
        self._beta_c = sparse.eye_array(X.shape[1]).tocsc()[:, self._pen] @ T
        self._b0_c = -(shift @ T)

        self.null_v = self.fit_unpenalized(self.offset, self.zeros(self.Q))
        self.null_objective = self.loss(self.offset + self.Q @ self.null_v)
        if self.null_objective < 0:
            raise ValueError(
                f"the loss {type(problem.loss).__name__} is {self.null_objective:.3g} at the null model; a "
                "loss must not be negative: subtract its value at a perfect fit"
            )
        self.constant = problem.loss.explained(self.null_objective, problem.y, problem.sample_weight)

    def _basis(self) -> None:
        """Q and the maps from its coordinates to the intercept and the free coefficients."""
        problem, std = self.problem, self.std
        n, p = problem.shape
        free = np.flatnonzero(~std.penalized & (std.scale > 0))
        block = dense_columns(problem.X, free)
        if problem.fit_intercept:
            block = np.column_stack([np.ones(n), block - std.center[free]])
        root = np.sqrt(self.w / n)[:, None]
        size = np.linalg.norm(root * block, axis=0)
        size[size == 0.0] = 1.0
        _, d, Vt = np.linalg.svd(root * block / size, full_matrices=False)
        rank = int(np.sum(d > 1e-10 * d.max(initial=0.0)))
        K = Vt[:rank].T / d[:rank] / size[:, None]
        self.Q = block @ K
        slopes = K[1:] if problem.fit_intercept else K
        self._beta_u = np.zeros((p, rank))
        self._beta_u[free] = slopes
        self._b0_u = K[0] - std.center[free] @ slopes if problem.fit_intercept else np.zeros(rank)

    @property
    def n_penalized(self) -> int:
        return len(self._pen)

    def zeros(self, columns: Any) -> np.ndarray:
        """Coefficients 0 of these columns."""
        return np.zeros((columns.shape[1], *self.problem.y.shape[1:]))

    def forward(self, c: np.ndarray) -> np.ndarray:
        """B c."""
        return self._B @ c if self._B is not None else self.Z @ c - self.Q @ (self.G @ c)

    def adjoint(self, r: np.ndarray) -> np.ndarray:
        """B'r."""
        return self._B.T @ r if self._B is not None else self.Z.T @ r - self.G.T @ (self.Q.T @ r)

    def to_model(self, u: Any, c: Any) -> tuple[Any, Any]:
        """Coefficients and intercept on the data's own scale, of eta = offset + Q u + Z c (so u = v - G c).

        The map is linear and takes cvxpy expressions as well as arrays. K coefficient vectors are (K, p).
        """
        return (self._beta_u @ u + self._beta_c @ c).T, self._b0_u @ u + self._b0_c @ c

    def model(self, v: np.ndarray, c: np.ndarray, *, centred: bool = True) -> tuple[np.ndarray, Any]:
        """Coefficients and intercept of a solution.

        One number added to all K predictors changes no probability: ``centred`` takes it from the intercepts and from
        the coefficients of each free column, which then sum to 0.
        """
        beta, b0 = self.to_model(v - self.G @ c, c)
        if centred and beta.ndim == 2:
            free = ~self.std.penalized
            beta[:, free] -= beta[:, free].mean(axis=0)
            b0 = b0 - b0.mean()
        return beta, b0

    def from_model(self, beta: np.ndarray, b0: Any) -> tuple[np.ndarray, np.ndarray]:
        """(v, c) of coefficients and an intercept."""
        return self._onto @ (b0 + self.problem.X @ beta.T), self.std.to_standard(beta.T)[self._pen]

    def predictor(self, beta: np.ndarray, b0: Any) -> np.ndarray:
        """eta of coefficients and an intercept."""
        return self.offset + b0 + self.problem.X @ beta.T

    def loss(self, eta: np.ndarray) -> float:
        return self.problem.loss.value(eta, self.problem.y, self.problem.sample_weight)

    def gradient(self, eta: np.ndarray) -> np.ndarray:
        return self.problem.loss.gradient(eta, self.problem.y, self.problem.sample_weight)

    def curvature(self, eta: np.ndarray) -> np.ndarray:
        return self.problem.loss.curvature(eta, self.problem.y, self.problem.sample_weight)

    def penalty(self, c: np.ndarray) -> float:
        """J(c)."""
        return self.problem.penalty.value(c.ravel())

    def prox(self, u: np.ndarray, step: float) -> np.ndarray:
        """argmin_c ||c - u||^2 / 2 + step J(c)."""
        return self.problem.penalty.prox(u.ravel(), step).reshape(u.shape)

    def fit_unpenalized(self, base: np.ndarray, v: np.ndarray, tilt: np.ndarray | float = 0.0) -> np.ndarray:
        """argmin_v f(base + Q v) + <tilt, v>, from v; see :func:`sparsestats.backend.newton.minimise`."""
        if v.size == 0:
            return v
        problem, tilt = self.problem, np.ravel(np.broadcast_to(tilt, v.shape))
        found = newton.minimise(problem.loss, problem.y, problem.sample_weight, base, self._moves, v.ravel(), tilt)
        return found[0].reshape(v.shape)

    @cached_property
    def lipschitz(self) -> float:
        """Largest eigenvalue of B'WB/n, by power iteration, 2 % above the last quotient."""
        if self.n_penalized == 0:
            return 1.0
        x = self.adjoint(self.w * self.forward(np.cos(np.arange(self.n_penalized))))
        value = 0.0
        for _ in range(100):
            norm = np.linalg.norm(x)
            if norm == 0.0:
                return 1.0
            x /= norm
            product = self.adjoint(self.w * self.forward(x)) / len(self.w)
            previous, value = value, float(x @ product)
            x = product
            if value - previous <= 1e-3 * value:
                break
        return max(1.02 * value, EPS)

    def step_bound(self, eta: np.ndarray) -> float:
        """A guess of the Lipschitz constant of the gradient in c: exact up to the power iteration where the
        loss bounds its curvature, else taken from the curvature at eta."""
        bound = self.problem.loss.curvature_bound
        if not math.isfinite(bound):
            h = self.curvature(eta) * len(eta)
            held = self.w > 0
            bound = float(np.max(h[held].T / self.w[held], initial=0.0))
        return max(bound * self.lipschitz, EPS)

    @property
    def certifies(self) -> bool:
        """Whether loss and penalty know their duals, so that a gap can be computed."""
        return has(self.problem.loss, "conjugate") and has(self.problem.penalty, "dual_norm")

    @cached_property
    def weightless(self) -> bool:
        """Whether the penalty is 0 everywhere (a sequence of zeros)."""
        penalty = self.problem.penalty
        return has(penalty, "dual_norm") and math.isinf(penalty.dual_norm(np.ones(self.zeros(self.Z).size)))

    def bound(
        self,
        theta: np.ndarray,
        z: np.ndarray,
        alpha: float,
        v: np.ndarray,
        c: np.ndarray,
        constant: float = 0.0,
    ) -> float:
        """Dual value at theta, shrunk until its correlations z are in alpha times the dual ball.

        (v, c) is the point whose residual theta is. z = B'theta, less the prices of constraints on c where
        there are any; ``constant`` is the part of the Lagrangian that depends on no coefficient, and shrinks
        with the prices. Since Q'theta = 0, Q v may stand in the offset without changing the value; it takes
        with it what rounding leaves of Q'theta, which a response far from 0 would multiply.
        """
        problem = self.problem
        penalty = problem.penalty
        tight = has(penalty, "dual_bound")
        size = penalty.dual_bound(z.ravel(), c.ravel(), alpha) if tight else penalty.dual_norm(z.ravel())
        shrink = alpha / size if size > alpha else 1.0
        offset = self.offset + self.Q @ v
        return shrink * constant + problem.loss.dual_value(shrink * theta, problem.y, problem.sample_weight, offset)

    def residual(self, v: np.ndarray, c: np.ndarray, eta: np.ndarray, alpha: float) -> float:
        """Stationarity in units of the objective: the prox-gradient residual times the size of (v, c)."""
        require(self.problem.penalty, ("prox",), "a certificate of stationarity")
        gradient = self.gradient(eta)
        step = 1.0 / self.step_bound(eta)
        moved = self.prox(c - step * self.adjoint(gradient), step * alpha)
        size = max(np.linalg.norm(c), np.linalg.norm(moved))
        return float(np.linalg.norm(moved - c) / step * size + np.linalg.norm(self.Q.T @ gradient) * np.linalg.norm(v))

    def alpha_max(self) -> float:
        """The smallest alpha at which every penalised coefficient is 0 (inf when there is none)."""
        if self.constant or self.n_penalized == 0:
            return 0.0
        z = -self.adjoint(self.gradient(self.offset + self.Q @ self.null_v))
        return entry_alpha(self.problem.penalty, z.ravel())

    def at(self, alpha: float) -> Coordinates:
        """These coordinates with the penalty as it is at ``alpha``."""
        if alpha == 0.0 or not has(self.problem.penalty, "at"):
            return self
        moved = copy(self)
        moved.problem = replace(self.problem, penalty=self.problem.penalty.at(alpha))
        return moved

    def deviance_ratio(self, beta: np.ndarray, b0: Any) -> float:
        """1 - loss / null loss (0 where the null model fits)."""
        if self.constant:
            return 0.0
        return 1.0 - self.loss(self.predictor(beta, b0)) / self.null_objective

    def certify(
        self,
        alpha: float,
        beta: np.ndarray,
        b0: Any,
        *,
        tol: float,
        n_iter: int,
        stop: str,
        constrained_bound: float | None = None,
    ) -> Certificate:
        """The certificate of a model, from its coefficients on the data's own scale and nothing else.

        ``constrained_bound`` replaces the dual bound for a model under constraints of the user's.
        """
        eta = self.predictor(beta, b0)
        if constrained_bound is not None:
            objective = self.loss(eta) + (alpha * self.penalty(self.from_model(beta, b0)[1]) if alpha else 0.0)
            kind, bound = "gap", constrained_bound
            value = max(objective - bound, 0.0)
        elif alpha == 0.0 or self.weightless:
            objective = self.loss(eta)
            kind, value = self._suboptimality(eta)
            bound = objective - value
        else:
            v, c = self.from_model(beta, b0)
            objective = self.loss(eta) + alpha * self.penalty(c)
            if self.certifies:
                theta = -self.gradient(eta)
                bound = self.bound(theta, self.adjoint(theta), alpha, v, c)
                kind, value = "gap", max(objective - bound, 0.0)
            else:
                kind, value = "stationarity", self.residual(v, c, eta, alpha)
                bound = -math.inf
        if self.constant and constrained_bound is None:
            value, bound = 0.0, objective
        certificate = Certificate(kind, value, self.null_objective, tol, objective, bound, n_iter, stop)
        if stop == "tol" and not certificate.converged:
            # the solver's own bookkeeping met tol; recomputed from the rounded coefficients it does not
            certificate = replace(certificate, stop="precision")
        return certificate

    def _suboptimality(self, eta: np.ndarray) -> tuple[str, float]:
        """The certificate where there is no penalty: over all columns."""
        problem = self.problem
        B = self.forward(np.eye(self.n_penalized))
        # Of a column that depends on the unpenalised ones rounding is left, which is no direction to gain in.
        left, fitted = np.sqrt(self.w @ B**2 / len(B)), np.linalg.norm(self.G, axis=0)
        moves = newton.copies(np.column_stack([self.Q, B[:, left > 1e-10 * fitted]]), problem.y)
        return newton.suboptimality(problem.loss, problem.y, problem.sample_weight, self.offset, eta, moves)
