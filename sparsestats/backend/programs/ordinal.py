"""Penalised ordinal regression as a cvxpy program.

For the logit links the likelihood is a sum of convex atoms: with a and b the predictors of the boundaries
beside a row's class and d = b - a,

    -log(F(b) - F(a)) = log(1 + e^-b) + log(1 + e^a) - log(1 - e^-d).
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np

from ..certificate import Certificate
from ..native.ordinal import NativeOrdinal
from ..ordinal import OrdinalProblem, OrdinalResult, loss
from ..ordinal_newton import alpha_max, resolved_penalty
from ..penalties import require
from ..standardize import moments
from ..variables import Variables
from .constraints import Constraints, asked_for

CLARABEL = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
NEAR_ZERO = 1e-9
"""Differences below this share of the largest are zeros of the program; scaled as the penalty sees them."""


@dataclass(frozen=True, eq=False)
class OrdinalProgram:
    """A cvxpy program and the names of its parts.

    Attributes
    ----------
    problem : cvxpy.Problem
        Minimise ``loss + alpha * penalty`` subject to the order of the boundaries and the user's constraints.
    variables : dict
        ``"coef"`` (K-1, p) and ``"intercept"`` (K-1,), expressions on the data's own scale.
    loss, penalty : cvxpy expressions
    order : list of cvxpy constraints
        What keeps the boundaries in order; empty for ``monotone="none"``.
    constraints : list of cvxpy constraints
        The user's.
    differences : cvxpy.Variable (p, K-1)
        The first boundary's standardised coefficients and the steps from each boundary to the next: a leaf.
    """

    problem: cp.Problem
    variables: dict[str, Any]
    loss: cp.Expression
    penalty: cp.Expression
    order: list[cp.Constraint]
    constraints: list[cp.Constraint]
    differences: cp.Variable


def program(
    problem: OrdinalProblem,
    alpha: float,
    *,
    constraints: Constraints | None = None,
    ordered: bool | None = None,
) -> OrdinalProgram:
    """The whole objective as one cvxpy program.

    Parameters
    ----------
    problem : OrdinalProblem
        With a logit link; X dense or sparse.
    alpha : float >= 0
    constraints : callable or None
        ``(variables) -> list of cvxpy constraints`` on the data's own scale.
    ordered : bool or None
        Impose the order that ``problem.monotone`` speaks of; None does so unless it is "none".

    Returns
    -------
    OrdinalProgram

    Raises
    ------
    ValueError
        For links other than logit, whose likelihood is convex but has no disciplined form here.
    """
    if problem.link != "logit":
        raise ValueError(
            f'the cvxpy program (constraints, monotone="box") knows link="logit" only; got {problem.link!r}. '
            'solver="auto" fits the others, in order at the rows with monotone="train"'
        )
    X: Any = problem.X
    y, m = problem.codes, problem.n_boundaries
    n, p = X.shape
    w = problem.weights
    moved = moments(X, problem.sample_weight)
    mean, sd = np.asarray(moved[0]), np.asarray(moved[1])
    used = sd > 1e-12 * np.maximum(np.abs(mean) + sd, 1e-300)
    scale = np.where(used, sd if problem.standardize else 1.0, 1.0)
    Z = X.toarray() if hasattr(X, "toarray") else np.asarray(X, dtype=float)
    Z = np.where(used, (Z - mean) / scale, 0.0)
    weights = np.where(used[:, None], problem.penalty_weights, np.inf)
    level, psi = cp.Variable(m, name="level"), cp.Variable((p, m), name="psi")
    lower = np.triu(np.ones((m, m)))  # boundary k sums the differences up to k
    beta = psi @ lower
    offset = np.zeros(n) if problem.offset is None else problem.offset
    eta = Z @ beta + np.ones((n, 1)) @ cp.reshape(level, (1, m), order="F") + offset[:, None] @ np.ones((1, m))
    f = _loss(eta, y, w, m, problem.family) / n
    held = [psi[np.isinf(weights)] == 0] if np.isinf(weights).any() else []
    finite = np.where(np.isinf(weights), 0.0, weights)
    J = _penalty(problem, finite, psi)
    order = []
    if problem.family == "cumulative" and (problem.monotone != "none" if ordered is None else ordered):
        order = _order(problem, Z, psi, level, eta, m)
    coef = cp.multiply(beta.T, np.tile(np.where(used, 1 / scale, 0.0), (m, 1)))
    variables = Variables({"coef": coef, "intercept": level - coef @ mean}, "coef")
    own = asked_for(constraints, variables, (psi, level), "coef, intercept, terms")
    return OrdinalProgram(
        cp.Problem(cp.Minimize(f + alpha * J), [*held, *order, *own]), variables, f, J, order, own, psi
    )


def _penalty(problem: OrdinalProblem, weights: np.ndarray, psi: cp.Variable) -> cp.Expression:
    if problem.penalty is None:
        r = problem.l1_ratio
        return r * cp.sum(cp.multiply(weights, cp.abs(psi))) + (1 - r) / 2 * cp.sum(
            cp.multiply(weights, cp.square(psi))
        )
    require(problem.penalty, ("expression",), 'solver="cvxpy"')
    penalised = weights > 0
    if not penalised.any():
        return cp.Constant(0.0)
    at = np.flatnonzero(penalised)
    c = cp.multiply(weights[penalised], cp.vec(psi, order="C")[at])
    return resolved_penalty(problem, penalised)[0].expression(c)


def _loss(eta: cp.Expression, y: np.ndarray, w: np.ndarray, m: int, family: str) -> cp.Expression:
    parts = []
    if family == "acat":
        scores = cp.hstack([eta @ np.tril(np.ones((m, m))), np.zeros((eta.shape[0], 1))])
        observed = cp.sum(cp.multiply(scores, np.eye(m + 1)[y]), axis=1)
        return cp.sum(cp.multiply(w, cp.log_sum_exp(scores, axis=1) - observed))
    for k in range(m):
        if family == "cumulative":
            upper, lower = y == k, y == k + 1
        elif family == "sratio":
            upper, lower = y == k, y > k
        else:
            upper, lower = y <= k, y == k + 1
        parts.append(cp.sum(cp.multiply(w[upper], cp.logistic(-eta[upper, k]))))
        parts.append(cp.sum(cp.multiply(w[lower], cp.logistic(eta[lower, k]))))
        if family == "cumulative" and k > 0:
            gap = eta[upper, k] - eta[upper, k - 1]
            parts.append(-cp.sum(cp.multiply(w[upper], cp.log(1 - cp.exp(-gap)))))
    return cp.sum(cp.hstack(parts))


def _order(
    problem: OrdinalProblem, Z: np.ndarray, psi: cp.Variable, level: cp.Variable, eta: cp.Expression, m: int
) -> list[cp.Constraint]:
    if problem.monotone != "box":
        return [eta[:, k] >= eta[:, k - 1] for k in range(1, m)]
    low, high = Z.min(axis=0), Z.max(axis=0)
    centre, reach = (low + high) / 2, (high - low) / 2
    return [reach @ cp.abs(psi[:, k]) <= level[k] - level[k - 1] + centre @ psi[:, k] for k in range(1, m)]


def solve_path(
    problem: OrdinalProblem,
    alphas: Sequence[float] | np.ndarray,
    *,
    tol: float = 1e-8,
    constraints: Constraints | None = None,
) -> OrdinalResult:
    """Fit several alphas with an interior point method.

    The certificate compares the objective of the returned coefficients, computed anew, with the dual
    objective of the interior point method.

    Parameters
    ----------
    problem, alphas, tol, constraints : as in :func:`program`

    Raises
    ------
    ValueError
        When the constraints contradict each other.
    """
    began = time.perf_counter()
    native = NativeOrdinal(problem)
    null = native.solve_path([native.alpha_max() * (1 + 1e-9)])
    scale = null.null_objective
    coefs, intercepts, certificates, losses, crossing, duals = [], [], [], [], [], []
    for alpha in map(float, alphas):
        text = program(problem, alpha, constraints=constraints)
        bound, iterations = _solve(text.problem, alpha)
        if text.problem.status not in ("optimal", "optimal_inaccurate"):
            raise ValueError(
                f"the program at alpha={alpha:.4g} is {text.problem.status}: do the constraints contradict?"
            )
        # An interior point method ends beside zeros, at a distance of its precision.
        psi = np.asarray(text.differences.value)
        text.differences.value = np.where(np.abs(psi) < NEAR_ZERO * max(1.0, np.abs(psi).max(initial=0.0)), 0.0, psi)
        coef, intercept = (np.asarray(text.variables[name].value) for name in ("coef", "intercept"))
        eta = problem.X @ coef.T + intercept + (0 if problem.offset is None else problem.offset[:, None])
        own = loss(eta, problem.codes, problem.weights, problem.family, problem.link)
        objective = own + alpha * float(np.asarray(text.penalty.value))
        gap = max(0.0, objective - bound)
        certificates.append(
            Certificate("gap", gap, scale, tol, objective, bound, iterations,
                        "tol" if gap <= tol * scale else "precision")
        )  # fmt: skip
        coefs.append(coef)
        intercepts.append(intercept)
        losses.append(own)
        crossing.append(int((np.diff(eta, axis=1) < -1e-9).any(axis=1).sum()))
        duals.append([c.dual_value for c in text.constraints])
    return OrdinalResult(
        alphas=np.asarray(alphas, dtype=float),
        coefs=np.array(coefs),
        intercepts=np.array(intercepts),
        certificates=certificates,
        alpha_max=null.alpha_max if problem.penalty is None else alpha_max(problem),
        null_objective=scale,
        losses=np.array(losses),
        crossing=np.array(crossing),
        constrained=np.array([bool(problem.monotone != "none" and problem.family == "cumulative")] * len(coefs)),
        seconds=time.perf_counter() - began,
        info={"active": np.array([np.count_nonzero(c) for c in coefs])},
        duals=None if constraints is None else duals,
    )


def _solve(problem: cp.Problem, alpha: float) -> tuple[float, int]:
    """Solve in place; the dual objective on the scale of ``problem.value``, and the number of iterations."""
    data, chain, inverse = problem.get_problem_data(cp.CLARABEL, solver_opts=dict(CLARABEL))
    try:
        raw = chain.solve_via_data(problem, data, solver_opts=dict(CLARABEL))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Solution may be inaccurate")  # the certificate says how accurate
            problem.unpack_results(raw, chain, inverse)
    except cp.SolverError as error:
        raise ValueError(
            f"the program at alpha={alpha:.4g} has no solution ({error}): do the constraints contradict?"
        ) from error
    if problem.value is None or not np.isfinite(problem.value):
        return -np.inf, int(raw.iterations)
    constant = problem.value - float(raw.obj_val)  # the part of the objective that the solver never sees
    return constant + float(raw.obj_val_dual), int(raw.iterations)
