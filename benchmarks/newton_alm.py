"""Gaussian SLOPE by a semismooth Newton augmented Lagrangian method: the textbook rival at weak penalties.

The method of Luo, Sun, Toh and Xiu (arXiv 1803.10740), in numpy. With A = X / sqrt(n), b = y / sqrt(n) the dual is

    min over u of  |u|^2 / 2 - b'u   subject to   A'u in alpha C,   C the unit ball of the dual norm,

whose multipliers are the coefficients x. Every outer step minimises the augmented Lagrangian
|u|^2 / 2 - b'u + |prox(x + sigma A'u)|^2 / (2 sigma) by Newton steps: the prox has the generalised Jacobian that
averages over its blocks of ties, so that the matrix I + sigma W W' has one column of W for each block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import isotonic_regression


@dataclass(frozen=True, eq=False)
class NewtonALM:
    """``tol`` is the relative residual |x - prox(x + A'(b - Ax))| / (1 + |x|) at which an alpha is left."""

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    tol: float
    outer_steps: int = 60
    newton_steps: int = 40

    def path(self, alphas: np.ndarray) -> np.ndarray:
        """Coefficients (k, p), every alpha started from the one before."""
        n, p = self.X.shape
        A, b = self.X / np.sqrt(n), self.y / np.sqrt(n)
        x, u, coefs = np.zeros(p), b.copy(), []
        for alpha in alphas:
            x, u = self.solve(A, b, alpha * self.weights, x, u)
            coefs.append(x)
        return np.array(coefs)

    def solve(self, A, b, weights, x, u):
        sigma = 1.0
        for _ in range(self.outer_steps):
            residual = b - A @ x
            size = 1 + np.linalg.norm(x)
            if np.linalg.norm(x - sorted_prox(x + residual @ A, weights)[0]) <= self.tol * size:
                break
            x, u, steps = self.newton(A, b, weights, x, u, sigma)
            sigma *= 2.0 if steps <= 6 else 0.5 if steps > 20 else 1.0  # large steps pay only near the solution
        return x, u

    def newton(self, A, b, weights, x, u, sigma):
        """Minimise the augmented Lagrangian in u: the multiplier that belongs to it, u, and the steps taken."""

        def lagrangian(u, Au):
            point, blocks = sorted_prox(x + sigma * Au, sigma * weights)
            return u @ u / 2 - b @ u + point @ point / (2 * sigma), point, blocks

        Au = u @ A
        value, point, blocks = lagrangian(u, Au)
        steps = 0
        while steps < self.newton_steps:
            gradient = u - b + A @ point
            if np.linalg.norm(gradient) <= 0.1 * self.tol * (1 + np.linalg.norm(b)):
                break
            steps += 1
            step = -gradient + self.explained(A, point, blocks, sigma, gradient)
            Astep, t, slope = step @ A, 1.0, gradient @ step
            for _ in range(40):
                trial = lagrangian(u + t * step, Au + t * Astep)
                if trial[0] <= value + 1e-4 * t * slope + 1e-15 * abs(value):
                    break
                t /= 2
            u, Au = u + t * step, Au + t * Astep
            value, point, blocks = trial
        return point, u, steps

    @staticmethod
    def explained(A, point, blocks, sigma, gradient):
        """gradient - (I + sigma W W')^{-1} gradient, in the smaller of the two dimensions."""
        if len(blocks) == 0:
            return np.zeros_like(gradient)
        members = np.concatenate(blocks)
        starts = np.cumsum([0] + [len(block) for block in blocks[:-1]])
        W = np.add.reduceat(A[:, members] * np.sign(point[members]), starts, axis=1)
        W /= np.sqrt([len(block) for block in blocks])
        n, blocks_count = W.shape
        if blocks_count <= n:
            inner = cho_factor(np.eye(blocks_count) / sigma + W.T @ W)
            return W @ cho_solve(inner, W.T @ gradient)
        return gradient - cho_solve(cho_factor(np.eye(n) + sigma * (W @ W.T)), gradient)


def sorted_prox(v: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """prox of sum_i weights_i |.|_(i) at v, and the positions of each of its blocks of tied nonzero sizes."""
    sizes = np.abs(v)
    order = np.argsort(-sizes)
    pooled = isotonic_regression(sizes[order] - weights, increasing=False)
    point = np.zeros_like(v)
    point[order] = np.maximum(pooled.x, 0.0)
    last = np.searchsorted(-pooled.x, 0.0)
    edges = pooled.blocks[(pooled.blocks > 0) & (pooled.blocks < last)]
    return np.copysign(point, v) * (point > 0), np.split(order[:last], edges) if last else []
