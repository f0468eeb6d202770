"""The readable solver: accelerated proximal gradient over any loss and any penalty.

It is the oracle of the compiled solvers and the road for losses and penalties written in Python. It asks the
loss for ``value``, ``gradient`` and ``curvature`` and the penalty for ``value`` and ``prox``; what else they
know makes the certificate stronger.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .certificate import Certificate, Certificates
from .duality import EPS, Coordinates
from .penalties import require
from .problem import PathResult, Problem

CHECK_EVERY = 10
Solution = tuple[np.ndarray, Any, Certificate]


def solve(
    problem: Problem,
    alpha: float,
    *,
    tol: float = 1e-8,
    max_iter: int = 10_000,
    start: tuple[np.ndarray, Any] | None = None,
) -> Solution:
    """Fit one alpha.

    Parameters
    ----------
    problem : Problem
        With a resolved penalty.
    alpha : float >= 0
        Penalty strength. At 0 the penalty is dropped and all columns are fitted by Newton steps.
    tol : float, default 1e-8
        Certificate asked for, as a share of the null objective.
    max_iter : int, default 10000
        Proximal gradient steps.
    start : (beta, b0), optional
        Where to start; default all penalised coefficients 0.

    Returns
    -------
    beta : ndarray (p,), on the data's own scale; (K, p) under a loss of K linear predictors
    b0 : float, or ndarray (K,)
    certificate : Certificate
        A duality gap where the loss has ``conjugate`` and the penalty ``dual_norm``, else stationarity.

    Raises
    ------
    MissingMethodError
        Naming what the loss or the penalty lacks.

    Notes
    -----
    With f~(c) = min_v f(offset + Q v + B c), the loss with its unpenalised part fitted exactly, one step is

        c+ = prox_{alpha J / L}(y - grad f~(y) / L),    y = c + ((t_prev - 1) / t) (c - c_prev),

    with L from power iteration, doubled until f~(c+) is below its quadratic model, and t reset to 1 whenever
    the step and the momentum disagree.

    References
    ----------
    Beck & Teboulle (2009), A fast iterative shrinkage-thresholding algorithm; O'Donoghue & Candes (2015),
    Adaptive restart for accelerated gradient schemes.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.backend import losses, penalties, proximal
    >>> from sparsestats.backend.problem import Problem
    >>> X = np.asfortranarray(np.random.default_rng(0).normal(size=(30, 3)))
    >>> problem = Problem(X, X[:, 0], losses.Gaussian(), penalties.L1())
    >>> beta, b0, certificate = proximal.solve(problem, 0.1)
    >>> certificate.converged
    True
    """
    return next(fits(problem, [alpha], tol=tol, max_iter=max_iter, start=start))


def solve_path(
    problem: Problem, alphas: Sequence[float] | np.ndarray, *, tol: float = 1e-8, max_iter: int = 10_000
) -> PathResult:
    """Fit decreasing alphas, each from the one before; parameters as in :func:`solve`."""
    began = time.perf_counter()
    coordinates = _coordinates(problem)
    found, seconds = [], []
    for solution in _fits(coordinates, alphas, tol, max_iter, None):
        found.append(solution)
        seconds.append(time.perf_counter() - began)
    coefs = np.array([beta for beta, _, _ in found])
    intercepts = np.array([b0 for _, b0, _ in found])
    return PathResult(
        alphas=np.asarray(alphas, dtype=float),
        coefs=coefs,
        intercepts=intercepts,
        certificates=Certificates.of(certificate for _, _, certificate in found),
        alpha_max=coordinates.alpha_max(),
        deviance_ratio=np.array([coordinates.deviance_ratio(beta, b0) for beta, b0, _ in found]),
        seconds=time.perf_counter() - began,
        info={"active": np.array([np.count_nonzero(beta) for beta in coefs]), "seconds": np.diff(seconds, prepend=0.0)},
    )


def fits(
    problem: Problem,
    alphas: Sequence[float] | np.ndarray,
    *,
    tol: float = 1e-8,
    max_iter: int = 10_000,
    start: tuple[np.ndarray, Any] | None = None,
) -> Iterator[Solution]:
    """Yield ``(beta, b0, certificate)`` for each alpha, each started from the one before.

    Nothing is computed before it is asked for, so a caller may stop a path by rules of its own.
    """
    yield from _fits(_coordinates(problem), alphas, tol, max_iter, start)


def alpha_max(problem: Problem) -> float:
    """The smallest alpha at which every penalised coefficient is 0.

    From the penalty's ``dual_norm``, or by bisection on its ``prox``; ``inf`` when no alpha does it.
    """
    return _coordinates(problem).alpha_max()


def _coordinates(problem: Problem) -> Coordinates:
    require(problem.penalty, ("value", "prox"), "the proximal solver")
    return Coordinates(problem)


def _fits(
    coordinates: Coordinates,
    alphas: Sequence[float] | np.ndarray,
    tol: float,
    max_iter: int,
    start: tuple[np.ndarray, Any] | None,
) -> Iterator[Solution]:
    if start is None:
        v, c = coordinates.null_v, coordinates.zeros(coordinates.Z)
    else:
        v, c = coordinates.from_model(*start)
    for alpha in np.asarray(alphas, dtype=float).tolist():
        if math.isinf(alpha):
            raise ValueError(
                "no alpha makes every coefficient 0 under this penalty, so there is no default: give alpha "
                "(or alphas) as numbers"
            )
        if not alpha >= 0:
            raise ValueError(f"alpha must be a finite number >= 0; got {alpha}")
        here = coordinates.at(alpha)
        if coordinates.constant:
            v, c, n_iter, stop = coordinates.null_v, np.zeros_like(c), 0, "tol"
        elif alpha == 0.0 or coordinates.weightless:
            yield _unpenalized(coordinates, tol)
            continue
        else:
            v, c, n_iter, stop = accelerate(here, alpha, v, c, tol, max_iter)
        beta, b0 = coordinates.model(v, c)
        yield beta, b0, here.certify(alpha, beta, b0, tol=tol, n_iter=n_iter, stop=stop)


def _unpenalized(coordinates: Coordinates, tol: float) -> Solution:
    """alpha = 0: every column is free, so the whole model is the unpenalised part of another problem."""
    # Only constant columns, whose coefficient is 0 at every alpha, stay out.
    dropped = (coordinates.std.scale == 0).astype(float)
    free = Coordinates(replace(coordinates.problem, penalty_factor=dropped, standardize=False))
    beta, b0 = free.model(free.null_v, free.zeros(free.Z))
    return beta, b0, coordinates.certify(0.0, beta, b0, tol=tol, n_iter=1, stop="tol")


def accelerate(
    coordinates: Coordinates,
    alpha: float,
    v: np.ndarray,
    c: np.ndarray,
    tol: float,
    max_iter: int,
    tilt: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, int, str]:
    """The iteration of :func:`solve`, from (v, c) and in the same coordinates.

    ``tilt`` = (a_v, a_c) adds <a_v, v> + <a_c, c> to the objective: what the multipliers of affine constraints make
    of them. Returns v, c, the number of steps, and why they ended; short of ``tol``, the point with the least
    certificate of those looked at, which the last one need not be.
    """
    offset = coordinates.offset
    target = tol * coordinates.null_objective
    a_v, a_c = (np.zeros_like(v), np.zeros_like(c)) if tilt is None else tilt

    def profile(c: np.ndarray, Bc: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """v, eta and f~ at a point c whose image B c is known."""
        v = coordinates.fit_unpenalized(offset + Bc, v, tilt=a_v)
        eta = offset + Bc + coordinates.Q @ v
        return v, eta, coordinates.loss(eta) + float(np.vdot(a_v, v) + np.vdot(a_c, c))

    def certificate(c: np.ndarray, v: np.ndarray, eta: np.ndarray, value: float) -> float:
        if not coordinates.certifies:
            return coordinates.residual(v, c, eta, alpha)
        theta = -coordinates.gradient(eta)
        bound = coordinates.bound(theta, coordinates.adjoint(theta) - a_c, alpha, v, c, float(np.vdot(a_v, v)))
        return value + alpha * coordinates.penalty(c) - bound

    Bc = coordinates.forward(c)
    v, eta, value = profile(c, Bc, v)
    best, best_v, best_c, stalled = certificate(c, v, eta, value), v, c, 0
    if best <= target:
        return v, c, 0, "tol"
    L, t = coordinates.step_bound(eta), 1.0
    y, By, v_y, eta_y, value_y = c, Bc, v, eta, value
    for iteration in range(1, max_iter + 1):
        slope = coordinates.gradient(eta_y)
        gradient = coordinates.adjoint(slope) + a_c
        # what rounding of eta does to the value; a step that fails by less has not failed
        noise = 16 * EPS * (abs(value_y) + np.vdot(np.abs(slope), np.abs(eta_y)))
        while True:
            c_new = coordinates.prox(y - gradient / L, alpha / L)
            Bc_new, move = coordinates.forward(c_new), c_new - y
            v_new, eta, value = profile(c_new, Bc_new, v_y)
            model = value_y + np.vdot(gradient, move) + 0.5 * L * np.vdot(move, move)
            if value <= model + noise or not math.isfinite(2.0 * L):
                break
            L *= 2.0

        if iteration % CHECK_EVERY == 0 or iteration == max_iter:
            now = certificate(c_new, v_new, eta, value)
            if now <= target:
                return v_new, c_new, iteration, "tol"
            # Arithmetic ends near 1e-15 of the null objective: no progress for 300 steps near it is its end.
            stalled = 0 if now < 0.9 * best else stalled + 1
            if now < best:
                best, best_v, best_c = now, v_new, c_new
            if stalled > 30 and best <= 1e-11 * coordinates.null_objective:
                return best_v, best_c, iteration, "precision"

        if np.vdot(y - c_new, c_new - c) > 0.0:
            t = 1.0
        t_new = 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * t * t))
        momentum = (t - 1.0) / t_new
        y, By = c_new + momentum * (c_new - c), Bc_new + momentum * (Bc_new - Bc)
        c, Bc, v, t = c_new, Bc_new, v_new, t_new
        if momentum == 0.0:
            v_y, eta_y, value_y = v, eta, value
        else:
            v_y, eta_y, value_y = profile(y, By, v)
    return best_v, best_c, max_iter, "max_iter"
