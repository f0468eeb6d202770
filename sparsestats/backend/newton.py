"""The loss alone, minimised over predictors that move in a linear space: no penalty, Newton's method.

    minimise over t   f(base + moves t) + tilt't

``moves`` has the shape of the predictor with the entries of t behind it: (n, r), or (n, K, r) for a loss of K
linear predictors, whose entries may each move any of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

EPS = np.finfo(float).eps


def copies(design: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Moves of every linear predictor of y by the columns of a design: t is a matrix with a row for each column."""
    responses = 1 if y.ndim == 1 else y.shape[1]
    return np.kron(design, np.eye(responses)).reshape(*y.shape, -1)


def minimise(
    loss: Any,
    y: np.ndarray,
    w: np.ndarray | None,
    base: np.ndarray,
    moves: np.ndarray,
    t: np.ndarray,
    tilt: np.ndarray | float = 0.0,
) -> tuple[np.ndarray, int]:
    """argmin_t f(base + moves t) + tilt't by damped Newton from t, down to the rounding of its gradient.

    Directions that move no predictor, or leave the loss as it is, are not gone: of the minimisers it is the one that
    differs least from the start. Where the loss has no minimiser (separated classes) the steps end when the gradient
    is of the order of rounding, with large but finite t.

    Returns
    -------
    t : ndarray (r,)
    n_iter : int
    """
    tilt = np.broadcast_to(tilt, t.shape)
    eta = base + moves @ t
    value = loss.value(eta, y, w) + tilt @ t
    floor = (4 * EPS) ** 2 * max(loss.value(eta, y, w), loss.value(np.zeros_like(base), y, w))
    # A loss that is linear far out (Huber's) may have no curvature here at all: a trace of its bound keeps the step
    # a descent direction.
    trace = 1e-8 * loss.curvature_bound if math.isfinite(loss.curvature_bound) else 0.0
    for iteration in range(100 if len(t) else 0):
        slope = gradient(loss, y, w, eta, moves) + tilt
        root = loss.rooted(eta, y, w, moves).reshape(-1, len(t))
        hessian = root.T @ root
        if hessian.diagonal().min() < trace:
            hessian += trace * np.eye(len(t))
        step = -np.linalg.lstsq(hessian, slope, rcond=None)[0]
        decrement = -0.5 * (slope @ step)
        if not decrement > floor:
            return t, iteration
        # Below the rounding of the value itself a decrease cannot be seen: the step is then a refinement.
        length, refines = 1.0, decrement <= 1e-10 * abs(value)
        while True:
            trial = base + moves @ (t + length * step)
            trial_value = loss.value(trial, y, w) + tilt @ (t + length * step)
            if refines or trial_value <= value - 0.5 * length * decrement:
                break
            length *= 0.5
            if length < 1e-10:
                return t, iteration
        t, eta, value = t + length * step, trial, trial_value
    return t, 100


def gradient(loss: Any, y: np.ndarray, w: np.ndarray | None, eta: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Of the loss in t, (r,)."""
    return loss.gradient(eta, y, w).ravel() @ moves.reshape(eta.size, -1)


def decrement(loss: Any, y: np.ndarray, w: np.ndarray | None, eta: np.ndarray, moves: np.ndarray) -> float:
    """Half the squared Newton decrement at eta: what the loss's quadratic model there would still gain.

    With A the moves scaled by the root of the curvature and s the gradient in t, it is s'(A'A)^+ s / 2, from the
    shortest x with A'x = s, so that A'A, which squares the condition number, is not formed.
    """
    root = loss.rooted(eta, y, w, moves).reshape(eta.size, -1)
    x, *_ = np.linalg.lstsq(root.T, gradient(loss, y, w, eta, moves), rcond=None)
    return 0.5 * float(x @ x)
