"""Ordinal likelihoods under penalties that are concave in each difference, such as the MCP.

J lies below its tangents: alpha sum_j t_j |c_j|, t the slopes of J at the current point, plus a constant, touches it
there. Minimising loss plus tangent is the lasso problem of the compiled core with other weights, order constraints
and all, and never increases the objective (local linear approximation; Zou & Li 2008). The certificate asks what one
more such step could gain: loss plus tangent at the model, less the core's dual bound for that convex problem. It is 0
exactly at points that satisfy the first-order conditions.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .certificate import Certificate
from .native.ordinal import NativeOrdinal
from .ordinal import OrdinalProblem, OrdinalResult
from .ordinal_newton import Differences

_INNER = 0.1
"""Share of ``tol`` that the convex problems are solved to: their gap is part of the certificate."""


def solve_path(
    problem: OrdinalProblem,
    alphas: Sequence[float] | np.ndarray,
    *,
    tol: float = 1e-8,
    max_iter: int = 100,
    control: Any = None,
) -> OrdinalResult:
    """Fit decreasing alphas, each from the one before: the path is one of local minima that starts at 0.

    Parameters
    ----------
    problem : OrdinalProblem
        Its penalty has ``tangent``; its concavity is taken in units of the loss's curvature at the null model.
    alphas : sequence of float, non-increasing, >= 0
    tol : float
        Certificate asked for, as a share of the null objective.
    max_iter : int
        Convex problems at each alpha.
    control : Control or None
    """
    began = time.perf_counter()
    space = Differences(problem)
    native = NativeOrdinal(replace(problem, penalty=None))
    penalty = space.penalty.adapted(space.curvature(space.null)) if len(space.w) else space.penalty
    ordered = problem.monotone in ("auto", "train") and problem.family == "cumulative"
    c, loss, psi = np.zeros(len(space.w)), space.null.loss, space.null.psi.ravel()
    crossing, constrained = 0, False
    rows: list[tuple[Any, ...]] = []
    certificates: list[Certificate] = []
    for alpha in map(float, alphas):
        here = penalty.at(alpha) if alpha else penalty
        certificate = None
        for iteration in range(max_iter):
            tangent = here.tangent(c) if alpha else np.zeros_like(c)
            weights = native._weights.copy()
            weights[space.penalised[:-1]] *= tangent
            out = native._run([alpha], _INNER * tol, 100, ordered, control, weights)
            if not len(out["alphas"]):
                break
            value = loss + alpha * float(tangent @ np.abs(c)) - float(out["bounds"][0])
            if alpha:
                objective = loss + alpha * here.value(c)
                certificate = Certificate(
                    "stationarity", max(value, 0.0), space.null_objective, tol, objective, -np.inf, iteration, "tol"
                )
                if certificate.converged:
                    break
            psi, loss = out["psi"][0], float(out["losses"][0])
            c = space.c(psi.reshape(space.free.shape))
            crossing, constrained = int(out["crossing"][0]), bool(out["constrained"][0])
            if not alpha:
                gap, objective, bound = (float(out[name][0]) for name in ("gaps", "objectives", "bounds"))
                certificate = Certificate(
                    "newton", gap, space.null_objective, tol, objective, bound, int(out["iterations"][0]), "tol"
                )
                break
        if certificate is None:
            break
        certificates.append(certificate if certificate.converged else replace(certificate, stop="max_iter"))
        rows.append((psi, loss, crossing, constrained))
    k = len(rows)
    shape = (k, space.free.size)
    coefs, intercepts = native._to_data_scale(np.array([row[0] for row in rows]).reshape(shape))
    return OrdinalResult(
        alphas=np.asarray(alphas, dtype=float)[:k],
        coefs=coefs,
        intercepts=intercepts,
        certificates=certificates,
        alpha_max=space.alpha_max(),
        null_objective=space.null_objective,
        losses=np.array([row[1] for row in rows]),
        crossing=np.array([row[2] for row in rows], dtype=int),
        constrained=np.array([row[3] for row in rows], dtype=bool),
        stopped="" if k == len(alphas) else "interrupted",
        seconds=time.perf_counter() - began,
        info={
            "iterations": np.array([certificate.n_iter for certificate in certificates]),
            "active": np.array([np.count_nonzero(row[0]) for row in rows]),
        },
    )
