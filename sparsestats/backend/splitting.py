"""The prox and the dual norm of a sum of two norms whose own proxes are known.

With J = f + g the prox at p splits p = x + s + u, s in the dual ball of f and u in that of g. Neither part is
known from f or g alone, and prox_g(prox_f(p)) is not the prox of J unless f survives what g does to a vector.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Prox = Callable[[np.ndarray], np.ndarray]

MEMORY = 8
"""Differences that the acceleration looks back on."""
MAX_SWEEPS = 500
FEW, MANY = 30, 100
"""Sweeps below which a proximal point step may be longer, and above which it must be shorter."""


def prox_of_sum(
    point: np.ndarray, prox_f: Prox, prox_g: Prox, u: np.ndarray | None = None, max_sweeps: int = MAX_SWEEPS
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """argmin_x ||x - point||^2 / 2 + f(x) + g(x), by block descent on the dual.

    Parameters
    ----------
    point : ndarray (p,)
    prox_f, prox_g : callables (p,) -> (p,)
    u : ndarray (p,), optional
        Where the part of g starts; default 0.
    max_sweeps : int

    Returns
    -------
    x, b : ndarray (p,)
        The minimiser as f's prox and as g's prox return it. They agree to rounding, each with the zeros of
        its own norm.
    u : ndarray (p,)
        g's part of ``point - b``, in the dual ball of g whatever the number of sweeps.
    sweeps : int

    Notes
    -----
    One sweep is x = prox_f(point - u), b = prox_g(u + x), u <- u + x - b: alternating projections between the
    two dual balls, which converge linearly. Anderson's mixing of the last sweeps takes about a third of them;
    where it goes uphill its memory is dropped.
    """
    enough = 8 * np.finfo(float).eps * np.abs(point).max(initial=0.0)
    y = u = np.zeros_like(point) if u is None else u
    images: list[np.ndarray] = []
    residuals: list[np.ndarray] = []
    best = np.inf
    sweeps = 0
    while sweeps < max_sweeps:
        sweeps += 1
        x = prox_f(point - y)
        shifted = y + x
        b = prox_g(shifted)
        u = shifted - b
        residual = u - y
        if np.abs(residual).max(initial=0.0) <= enough:
            break
        size = float(np.linalg.norm(residual))
        if images and size > best:  # refused: back to the last sweep that was accepted, and a plain one
            y, images, residuals = images[-1], [], []
            continue
        best = size
        images, residuals = [*images[-MEMORY:], u], [*residuals[-MEMORY:], residual]
        y = u
        if len(images) > 1:
            mixed = np.linalg.lstsq(np.diff(residuals, axis=0).T, residual, rcond=1e-12)[0]
            y = u - mixed @ np.diff(images, axis=0)
    return x, b, u, sweeps


def dual_norm_of_sum(
    z: np.ndarray,
    value: Callable[[np.ndarray], float],
    split: Callable[[np.ndarray, float, np.ndarray], tuple[np.ndarray, np.ndarray, int]],
    norm_of_split: Callable[[np.ndarray], float],
    start: np.ndarray,
) -> float:
    """sup {z'x : f(x) + g(x) <= 1}, an upper bound of it that is exact to 1e-12.

    Parameters
    ----------
    z : ndarray (p,)
    value : x -> f(x) + g(x)
    split : (point, t, u) -> (x, u, sweeps), the prox of t (f + g) at a point and g's part, from a start
    norm_of_split : u -> max(dual norm of f at z - u, dual norm of g at u)
    start : ndarray (p,)
        A first part of g.

    Notes
    -----
    The smallest t with prox_{t J}(z) = 0. Every x gives the lower bound z'x / J(x) and every split of z an
    upper one. Bisection with the prox at z itself stalls, since at the answer the two dual balls touch and
    alternating projections crawl. The proximal point iteration x <- prox_{t J}(x + z) at t = the lower bound
    stays away from that contact: it has the maximising direction as its fixed point, so x only turns, and is
    brought back to a length that is short (few turns) as long as the sweeps stay few.
    """
    size = np.linalg.norm(z)
    if size == 0.0:
        return 0.0
    u, x, length = start, np.zeros_like(z), 0.1 * size
    low = float(z @ z) / value(z)
    high = norm_of_split(u)
    t = low
    for _ in range(200):
        x, u, sweeps = split(x + z, t, u)
        high = min(high, norm_of_split(u))
        norm = value(x)
        if norm <= 1e-12 * size:  # t is above the norm
            x, ahead = np.zeros_like(z), 0.5 * (low + high)
        else:
            low = ahead = max(low, float(z @ x) / norm)
            if sweeps < FEW:
                length *= 0.4
            elif sweeps > MANY:
                length *= 2.0
            length = min(max(length, 1e-6 * size), 0.1 * size)
            x = x * (length / np.linalg.norm(x))
        t, u = ahead, u * (ahead / t)
        if high - low <= 1e-12 * high:
            break
    return high
