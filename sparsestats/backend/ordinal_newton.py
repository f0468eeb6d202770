"""Ordinal likelihoods under any penalty of the backend: proximal Newton in the differences of coefficients.

One step minimises the quadratic model of the loss plus the penalty. That is penalised least squares in as many
rows as there are differences, and goes to whatever solver the backend has for the penalty: the compiled one, or
the proximal one, which needs no more than ``value`` and ``prox``. The order of the boundaries at the rows is kept by a
logarithmic barrier on the gaps between them, whose multipliers enter the dual bound.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import linalg

from . import losses, proximal
from .certificate import Certificate
from .native import slope as native_slope
from .native.ordinal import NativeOrdinal
from .ordinal import OrdinalProblem, OrdinalResult
from .ordinal_likelihood import OrdinalLikelihood
from .penalties import entry_alpha, has, require
from .problem import Problem

INNER_TOL = 1e-11
"""Certificate asked of the quadratic problems, as a share of their null objective."""

IDLE = 6
"""Newton steps that promise less than the rounding of the objective and end at no better certificate: what they
change is then the rounding of the gaps, by which the barrier's multipliers are divided."""

_RIDGE = 1e-13
"""Share of each diagonal entry added to a Hessian, a hundred times as much where that is not enough. It pulls towards
the current point: it slows the last steps and moves no solution; without it collinear columns would have no factor."""


@dataclass(eq=False)
class State:
    """A point and all that the likelihood says there.

    The gradient has the barrier in it; ``gaps`` are the slacks of the order where it is kept.
    """

    psi: np.ndarray
    eta: np.ndarray
    loss: float
    gradient: np.ndarray
    weight: np.ndarray
    slope: np.ndarray
    gaps: np.ndarray | None = None


class Differences:
    """An ordinal problem in the coordinates its penalty sees.

    Parameters
    ----------
    problem : OrdinalProblem
        With a penalty, not resolved.

    Attributes
    ----------
    penalised, free : bool ndarray (p + 1, m)
        Differences under the penalty, and those (intercepts among them) it leaves alone; the others are 0.
    null_objective : float
    mu : float
        Weight of the barrier; 0 leaves the order free.
    """

    mu = 0.0

    def __init__(self, problem: OrdinalProblem):
        self.problem = problem
        self.native = NativeOrdinal(problem)
        self.likelihood = OrdinalLikelihood(self.native)
        p, m = self.likelihood.p, self.likelihood.m
        weights = np.vstack([self.native._weights, np.zeros(m)])
        weights[:-1][self.native.data.scales() <= 0] = np.inf
        self.free = weights == 0
        self.penalised = np.isfinite(weights) & ~self.free
        self.w = weights[self.penalised]
        self.penalty, self.labels = resolved_penalty(problem, self.penalised[:p])
        self.null = self._fit_free(self.evaluate(self.likelihood.start))
        self.null_objective = self.null.loss

    # ---- the likelihood ----

    def evaluate(self, psi: np.ndarray, eta: np.ndarray | None = None) -> State:
        eta = self.likelihood.eta(psi) if eta is None else eta
        loss, slope, weight = self.native.data.evaluate(eta + self.likelihood.offset)
        gradient, gaps = self.likelihood.gradient(slope), None
        if self.mu > 0:
            gaps = self.likelihood.gaps(psi)
            gradient -= self.likelihood.gaps_gradient(self.mu / gaps)
        return State(psi, eta, float(loss), gradient, weight, slope, gaps)

    def hessian(self, state: State) -> np.ndarray:
        H = self.likelihood.hessian(state.weight)
        if state.gaps is not None:
            self.likelihood.add_gaps_hessian(H, self.mu / state.gaps**2)
        return H

    def barrier(self, psi: np.ndarray) -> float:
        """mu times the sum of -log(gap), infinite out of order."""
        if self.mu == 0:
            return 0.0
        gaps = self.likelihood.gaps(psi)
        return -self.mu * float(np.log(gaps).sum()) if gaps.min() > 0 else math.inf

    def value(self, eta: np.ndarray) -> float:
        return float(self.native.data.evaluate(eta + self.likelihood.offset)[0])

    def c(self, psi: np.ndarray) -> np.ndarray:
        return psi[self.penalised] * self.w

    def z(self, state: State) -> np.ndarray:
        """-gradient in c."""
        return -state.gradient[self.penalised] / self.w

    def _fit_free(self, state: State) -> State:
        """Newton on the differences that are not penalised."""
        for _ in range(100):
            g = state.gradient[self.free]
            H = self.hessian(state)[self.free][:, self.free]
            step = np.zeros_like(state.psi)
            step[self.free] = -linalg.cho_solve((_root(H), True), g)
            decrement = -float(g @ step[self.free])
            if decrement <= 1e-30 * max(1.0, state.loss):
                break
            state, moved = self.move(state, step, -decrement, lambda _: 0.0)
            if not moved:
                break
        return state

    def move(self, state: State, step: np.ndarray, slope: float, penalty: Any) -> tuple[State, bool]:
        """The longest of the steps 1, 1/2, ... that stays inside the domain and decreases enough.

        ``slope`` < 0 is the decrease that the model promises, ``penalty`` maps psi to its share of the objective.
        """
        eta_step = self.likelihood.eta(step)
        t = min(1.0, 0.99 * self.native.data.reach(state.eta + self.likelihood.offset, eta_step))
        if state.gaps is not None:
            closing = -self.likelihood.gaps(step)
            with np.errstate(divide="ignore", invalid="ignore"):
                t = min(t, 0.95 * float(np.where(closing > 0, state.gaps / closing, math.inf).min()))
        before = state.loss + self.barrier(state.psi) + penalty(state.psi)
        # Below the rounding of the objective a decrease cannot be seen; such a step is a refinement.
        noise = 1e-13 * max(1.0, abs(before))
        while t > 1e-12:
            psi, eta = state.psi + t * step, state.eta + t * eta_step
            if self.value(eta) + self.barrier(psi) + penalty(psi) <= before + 1e-4 * t * slope + noise:
                return self.evaluate(psi), True
            t *= 0.5
        return state, False

    # ---- certificates ----

    def alpha_max(self) -> float:
        """The smallest alpha at which every penalised difference is 0."""
        return entry_alpha(self.penalty, self.z(self.null)) if len(self.w) else 0.0

    def bound(self, state: State, alpha: float, penalty: Any) -> float:
        """Dual value at the residuals of ``state``, shrunk until they are feasible."""
        z = self.z(state)
        tight = has(penalty, "dual_bound")
        size = penalty.dual_bound(z, self.c(state.psi), alpha) if tight else penalty.dual_norm(z)
        s = alpha / size if size > alpha else 1.0
        offset = self.likelihood.offset
        conjugate = self.native.data.conjugate(state.eta + offset, s)
        return float(s * (state.slope @ offset) - conjugate)

    def left(self, state: State) -> float:
        """What the equations of the free differences still lack, in units of the objective."""
        return float(np.abs(state.gradient[self.free]) @ np.abs(state.psi[self.free]))

    def certify(self, state: State, alpha: float, penalty: Any, tol: float, n_iter: int, stop: str) -> Certificate:
        """The certificate of a point: a duality gap, or its prox-gradient residual where J has no dual norm."""
        objective = state.loss + alpha * penalty.value(self.c(state.psi))
        if has(penalty, "dual_norm"):
            # What the free equations still lack would make the bound too good by as much.
            bound = self.bound(state, alpha, penalty) - self.left(state)
            kind, value = "gap", max(objective - bound, 0.0)
        else:
            c, z = self.c(state.psi), self.z(state)
            step = 1.0 / max(float(np.linalg.norm(self.schur(state)[0], 2)) ** 2, 1e-300)
            moved = penalty.prox(c + step * z, step * alpha)
            size = max(np.linalg.norm(c), np.linalg.norm(moved))
            kind, bound = "stationarity", -math.inf
            value = float(np.linalg.norm(moved - c) / step * size) + self.left(state)
            if state.gaps is not None:  # what the barrier keeps from each multiplier times its slack
                value += self.mu * state.gaps.size
        return Certificate(kind, value, self.null_objective, tol, objective, bound, n_iter, stop)

    def schur(self, state: State) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The quadratic model in c with the free differences at their best.

        Its Hessian is R R', its slope at the current c0 is -pull; the free differences answer by f0 + K (c - c0) + k.
        All come from one factor of the whole Hessian: near the order's boundary the barrier's curvature is 1e10 times
        the likelihood's, and a Schur complement taken by subtraction would have nothing left of the latter.
        """
        H = self.hessian(state)
        H_cf = H[self.penalised][:, self.free] / self.w[:, None]
        H_cc = H[self.penalised][:, self.penalised] / np.outer(self.w, self.w)
        L = _root(np.block([[H[self.free][:, self.free], H_cf.T], [H_cf, H_cc]]))
        f = int(self.free.sum())
        L_ff, L_cf, R = L[:f, :f], L[f:, :f], L[f:, f:]
        t = linalg.solve_triangular(L_ff, state.gradient[self.free], lower=True)
        K, k = (-linalg.solve_triangular(L_ff, right, lower=True, trans="T") for right in (L_cf.T, t))
        return R, self.z(state) + L_cf @ t, K, k

    def curvature(self, state: State) -> np.ndarray:
        """The diagonal of that model's Hessian."""
        return np.sum(self.schur(state)[0] ** 2, axis=1)

    def step(self, state: State, alpha: float, penalty: Any) -> np.ndarray:
        """The proximal Newton step in psi."""
        root, pull, K, k = self.schur(state)
        c0, d = self.c(state.psi), len(pull)
        model = Problem(
            X=np.asfortranarray(math.sqrt(d) * root.T),
            y=math.sqrt(d) * (root.T @ c0 + linalg.solve_triangular(root, pull, lower=True)),
            loss=losses.Gaussian(),
            penalty=penalty.fixed(),
            fit_intercept=False,
            standardize=False,
            groups=self.labels if penalty.grouped else None,
        )
        if native_slope.supports(model):
            c = native_slope.NativeProblem(model).solve_path([alpha], tol=INNER_TOL).coefs[0]
        else:
            c = proximal.solve(replace(model, penalty=penalty), alpha, tol=INNER_TOL, start=(c0, 0.0))[0]
        step = np.zeros_like(state.psi)
        step[self.penalised] = (c - c0) / self.w
        step[self.free] = K @ (c - c0) + k
        return step


def resolved_penalty(problem: OrdinalProblem, penalised: np.ndarray) -> tuple[Any, np.ndarray]:
    """The problem's penalty with its arrays filled in for the penalised differences (p, m), and their groups."""
    labels = difference_groups(problem.groups, penalised)
    n = int(np.count_nonzero(problem.weights))
    if problem.penalty.grouped:
        return problem.penalty.resolve(n, labels, np.bincount(labels)), labels
    return problem.penalty.resolve(n, None, np.ones(len(labels))), labels


def difference_groups(groups: np.ndarray | None, penalised: np.ndarray) -> np.ndarray:
    """Group of each penalised difference: those of one group of columns after the first boundary enter together,
    and so do its coefficients at the first. Labels 0.. in order of first appearance."""
    p, m = penalised.shape
    columns = np.arange(p) if groups is None else groups
    label = 2 * np.asarray(columns)[:, None] + (np.arange(m) > 0)
    _, first, inverse = np.unique(label[penalised], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def _root(A: np.ndarray) -> np.ndarray:
    """The lower Cholesky factor of A, of unit diagonal while it is computed, with the least ridge that it needs."""
    scale = np.sqrt(np.maximum(A.diagonal(), 1e-300))
    unit, ridge = A / np.outer(scale, scale), _RIDGE
    while True:
        try:
            return scale[:, None] * linalg.cholesky(unit + ridge * np.eye(len(A)), lower=True)
        except linalg.LinAlgError:
            ridge *= 100.0


def alpha_max(problem: OrdinalProblem) -> float:
    """The smallest alpha at which every penalised difference is 0."""
    return Differences(problem).alpha_max()


def solve_path(
    problem: OrdinalProblem, alphas: Sequence[float] | np.ndarray, *, tol: float = 1e-8, max_iter: int = 100
) -> OrdinalResult:
    """Fit decreasing alphas under ``problem.penalty``, each from the one before.

    Unless ``problem.monotone`` is "none" the order of the boundaries at the rows is kept from the first alpha whose
    free fit crosses.

    Parameters
    ----------
    problem : OrdinalProblem
    alphas : sequence of float, non-increasing, >= 0
        At 0 the penalty is dropped.
    tol : float
        Certificate asked for, as a share of the null objective.
    max_iter : int
        Newton steps at each alpha.

    Raises
    ------
    MissingMethodError
        Naming what the penalty lacks.
    """
    began = time.perf_counter()
    require(problem.penalty, ("value", "prox"), "the proximal Newton solver")
    space = Differences(problem)
    keep = problem.monotone != "none" and problem.family == "cumulative" and space.likelihood.m > 1
    state, within = space.null, None  # `within` is a point well inside the order, once the order is kept
    found: list[State] = []
    crossing: list[int] = []
    certificates: list[Certificate] = []
    last = None
    for alpha in map(float, alphas):
        if alpha == 0:
            plain = replace(problem, penalty=None, l1_ratio=1.0, monotone=problem.monotone if keep else "none")
            last = NativeOrdinal(plain).solve_path([0.0], tol=tol, max_iter=max_iter)
            break
        crossed = 0
        if within is None:
            before = state
            state, certificate = _fit(space, state, alpha, tol, max_iter)
            crossed = int((space.likelihood.gaps(state.psi) < 0).any(axis=1).sum()) if keep else 0
            if crossed:
                within = _inside(space, before)
        if within is not None:
            state, certificate, within = _fit_ordered(space, within, alpha, tol, max_iter)
        found.append(state)
        crossing.append(crossed)
        certificates.append(certificate)
    return _joined(space, found, crossing, certificates, alphas, last, began)


def _inside(space: Differences, state: State) -> State:
    """A fit that is in order, or the intercepts alone."""
    if space.likelihood.gaps(state.psi).min() > 0:
        return state
    return space.evaluate(space.likelihood.start)


def _fit_ordered(
    space: Differences, state: State, alpha: float, tol: float, max_iter: int
) -> tuple[State, Certificate, State]:
    """The fit in order, from a point strictly inside: the barrier weakens until its share of the gap is small.

    Also the fit under the strong barrier of the first round: the next alpha starts there, and not where a strong
    barrier is as steep as numbers go.
    """
    count = space.problem.shape[0] * (space.likelihood.m - 1)
    last = 0.5 * tol * space.null_objective / count
    space.mu = 1e-2 * space.null_objective / count
    n_iter, rounds = 0, []
    while True:
        space.mu = max(space.mu, last)
        # A round serves the next one once its own gap is small beside what the barrier leaves.
        asked = tol if space.mu == last else 2 * space.mu * count / space.null_objective
        rounds.append(_fit(space, space.evaluate(state.psi), alpha, asked, max_iter))
        state, certificate = rounds[-1]
        n_iter += certificate.n_iter
        if space.mu == last or certificate.value > rounds[max(len(rounds) - 2, 0)][1].value:
            break
        space.mu *= 0.05
    space.mu = 0.0
    # The last round is the best unless numbers were too short for its barrier.
    state, best = min(rounds, key=lambda found: found[1].value)
    stop = "tol" if best.value <= tol * best.scale else certificate.stop
    return state, replace(best, tol=tol, n_iter=n_iter, stop=stop), rounds[0][0]


def _fit(space: Differences, state: State, alpha: float, tol: float, max_iter: int) -> tuple[State, Certificate]:
    penalty = space.penalty.at(alpha) if has(space.penalty, "at") else space.penalty

    def share(psi: np.ndarray) -> float:
        return alpha * penalty.value(space.c(psi))

    certificate = space.certify(state, alpha, penalty, tol, 0, "tol")
    best, least, idle = state, certificate, 0
    for iteration in range(1, max_iter + 1):
        if certificate.converged or len(space.w) == 0:
            break
        step = space.step(state, alpha, penalty)
        promised = float(np.sum(state.gradient * step)) + share(state.psi + step) - share(state.psi)
        idle += promised >= -1e-15 * max(1.0, abs(certificate.objective))
        state, moved = space.move(state, step, min(promised, 0.0), share)
        if not moved or idle > IDLE:
            return best, replace(least, n_iter=iteration, stop="precision")
        certificate = space.certify(state, alpha, penalty, tol, iteration, "tol")
        if certificate.value < least.value:
            best, least, idle = state, certificate, 0
    if certificate.converged or len(space.w) == 0:
        return state, certificate
    return best, replace(least, n_iter=max_iter, stop="max_iter")


def _joined(
    space: Differences,
    found: list[State],
    crossing: list[int],
    certificates: list[Certificate],
    alphas: Sequence[float] | np.ndarray,
    last: OrdinalResult | None,
    began: float,
) -> OrdinalResult:
    native, m = space.native, space.likelihood.m
    psi = np.array([state.psi.ravel() for state in found]).reshape(len(found), (space.likelihood.p + 1) * m)
    coefs, intercepts = native._to_data_scale(psi)
    losses_ = np.array([state.loss for state in found])
    kept = np.array([state.gaps is not None for state in found], dtype=bool)
    crossed = np.where(
        kept, crossing, [crossing_rows(space.problem, b, a) for b, a in zip(coefs, intercepts, strict=True)]
    )
    if last is not None:
        coefs, intercepts = np.concatenate([coefs, last.coefs]), np.concatenate([intercepts, last.intercepts])
        losses_, certificates = np.append(losses_, last.losses), [*certificates, *last.certificates]
        crossed, kept = np.append(crossed, last.crossing), np.append(kept, last.constrained)
    k = len(certificates)
    return OrdinalResult(
        alphas=np.asarray(alphas, dtype=float)[:k],
        coefs=coefs,
        intercepts=intercepts,
        certificates=certificates,
        alpha_max=space.alpha_max(),
        null_objective=space.null_objective,
        losses=losses_,
        crossing=crossed.astype(int),
        constrained=kept,
        seconds=time.perf_counter() - began,
        info={
            "iterations": np.array([certificate.n_iter for certificate in certificates]),
            "active": np.count_nonzero(np.diff(coefs, axis=1, prepend=0.0), axis=(1, 2)),
        },
    )


def crossing_rows(problem: OrdinalProblem, coef: np.ndarray, intercept: np.ndarray) -> int:
    """Rows at which boundaries of a cumulative model are out of order."""
    if problem.family != "cumulative":
        return 0
    with np.errstate(invalid="ignore"):  # boundaries of absent classes are infinite
        return int((np.diff(problem.X @ coef.T + intercept, axis=1) < 0).any(axis=1).sum())
