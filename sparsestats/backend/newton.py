"""The loss alone, minimised over predictors that move in a linear space: no penalty, Newton's method.

    minimise over t   f(base + moves t) + tilt't

``moves`` has the shape of the predictor with the entries of t behind it: (n, r), or (n, K, r) for a loss of K
linear predictors, whose entries may each move any of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

EPS = np.finfo(float).eps
MAX_STEPS = 500
"""Newton's method needs ten; where the curvature jumps (Huber's with a small delta) up to two hundred."""


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

    Where a fifth of the Newton step still goes too far, the step of the loss's majorant is taken instead. Directions
    that move no predictor, or leave the loss as it is, stay as they are at the start. Where the loss has no minimiser
    (separated classes) the steps end when the gradient is of the order of rounding, with large but finite t.

    Returns
    -------
    t : ndarray (r,)
    n_iter : int
    """
    tilt = np.broadcast_to(tilt, t.shape)
    eta = base + moves @ t
    value = loss.value(eta, y, w)
    floor = (4 * EPS) ** 2 * max(value, loss.value(np.zeros_like(base), y, w))
    value += tilt @ t
    for iteration in range(MAX_STEPS if len(t) else 0):
        slope = gradient(loss, y, w, eta, moves) + tilt
        for safe in (False, True):
            root = _majorised(loss, eta, y, w, moves) if safe else loss.rooted(eta, y, w, moves)
            root = root.reshape(-1, len(t))
            step = -np.linalg.lstsq(root.T @ root, slope, rcond=None)[0]
            decrement = -0.5 * (slope @ step)
            if not decrement > floor:
                return t, iteration
            # Below the rounding of the value itself a decrease cannot be seen: the step is then a refinement.
            length, refines = 1.0, decrement <= 1e-10 * abs(value)
            while length > (1e-10 if safe else 0.2):
                trial = base + moves @ (t + length * step)
                trial_value = loss.value(trial, y, w) + tilt @ (t + length * step)
                if refines or trial_value <= value - 0.5 * length * decrement:
                    break
                length *= 0.5
            else:
                continue
            break
        else:
            return t, iteration
        t, eta, value = t + length * step, trial, trial_value
    return t, MAX_STEPS


def _majorised(loss: Any, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None, moves: np.ndarray) -> np.ndarray:
    return np.sqrt(loss.majorant(eta, y, w))[..., None] * moves


def gradient(loss: Any, y: np.ndarray, w: np.ndarray | None, eta: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """Of the loss in t, (r,)."""
    return loss.gradient(eta, y, w).ravel() @ moves.reshape(eta.size, -1)


def suboptimality(
    loss: Any, y: np.ndarray, w: np.ndarray | None, base: np.ndarray, eta: np.ndarray, moves: np.ndarray
) -> tuple[str, float]:
    """What certifies eta = base + moves t, and its value.

    Half the squared Newton decrement, what the loss's quadratic model at eta would still gain; under a loss that is
    linear far out, where such a model knows nothing, a duality gap.
    """
    if loss.flat:
        return "gap", _gap(loss, y, w, base, eta, moves)
    # With A the moves scaled by the root of the curvature and s the gradient in t, it is s'(A'A)^+ s / 2, from the
    # shortest x with A'x = s: A'A, which squares the condition number, is not formed.
    root = loss.rooted(eta, y, w, moves).reshape(eta.size, -1)
    x, *_ = np.linalg.lstsq(root.T, gradient(loss, y, w, eta, moves), rcond=None)
    return "newton", 0.5 * float(x @ x)


def _gap(loss: Any, y: np.ndarray, w: np.ndarray | None, base: np.ndarray, eta: np.ndarray, moves: np.ndarray) -> float:
    """The loss less its dual value at the residual's part that is orthogonal to the moves."""
    root = np.sqrt(loss.majorant(eta, y, w)).ravel()
    theta, A = -loss.gradient(eta, y, w).ravel(), root[:, None] * moves.reshape(eta.size, -1)
    scaled = np.divide(theta, root, out=np.zeros_like(root), where=root > 0)
    left = (root * (scaled - A @ np.linalg.lstsq(A, scaled, rcond=None)[0])).reshape(eta.shape)
    # The orthogonal part may stand a little outside the conjugate's domain, a smaller copy of it inside.
    bound = max(loss.dual_value(share * left, y, w, base) for share in (1.0, 1 - 1e-11, 1 - 1e-8, 1 - 1e-5, 0.99, 0.0))
    return max(loss.value(eta, y, w) - bound, 0.0)
