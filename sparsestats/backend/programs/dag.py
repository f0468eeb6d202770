"""The concomitant lasso on an order of the variables, as a cvxpy program.

    ev:  minimise  sqrt(d) ||L'(I - W)||_F  +  alpha sum |W|
    nv:  minimise  sum_j ||L'(e_j - w_j)||_2  +  alpha sum |W|           with  L L' = S

over the weights W of the edges that the order and the knowledge allow: the profiled forms, in which the
scales have been minimised out, while no scale is at its floor. Required edges carry no penalty.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cvxpy as cp
import numpy as np
from scipy import sparse

from ..dag import Knowledge
from .slope import CLARABEL, Program

Constraints = Callable[[Mapping[str, Any]], Sequence[Any]]


def program(
    S: np.ndarray,
    order: np.ndarray,
    alpha: float,
    *,
    equal: bool,
    known: Knowledge | None = None,
    names: Sequence[str] | None = None,
    constraints: Constraints | None = None,
) -> Program:
    """The program of an order.

    Parameters
    ----------
    S : (d, d) covariance
    order : (d,) variables, causes first
    alpha : float
    equal : bool
        One noise scale for all variables.
    known : Knowledge or None
    names : sequence of str or None
        With names, ``variables["from -> to"]`` is the weight of one edge.
    constraints : callable or None
        Takes the variables and returns cvxpy constraints.

    Returns
    -------
    Program
        ``variables["W"]`` is the (d, d) matrix of weights ``[from, to]``, an affine expression of the
        free ones.
    """
    known = known or Knowledge()
    d = len(S)
    values, vectors = np.linalg.eigh(S)
    half = (vectors * np.sqrt(np.maximum(values, 0.0))).T  # half' half = S
    allowed = known.allowed(np.asarray(order))
    source, target = np.nonzero(allowed)
    m = len(source)
    if m:
        leaf = cp.Variable(m, name="weights")
        # vec() is by columns: the entry [from, to] is at to * d + from.
        place = sparse.csc_array((np.ones(m), (target * d + source, np.arange(m))), shape=(d * d, m))
        W = cp.reshape(place @ leaf, (d, d), order="F")
    else:
        leaf, W = None, cp.Constant(np.zeros((d, d)))  # type: ignore[assignment]
    residual = half @ (np.eye(d) - W)
    loss = (
        np.sqrt(d) * cp.norm(residual, "fro")
        if equal
        else cp.sum([cp.norm(residual[:, j], 2) for j in range(d)])
    )
    if leaf is None:
        paid: cp.Expression = cp.Constant(0.0)
    else:
        price = np.ones(m) if known.required is None else (~known.required[source, target]).astype(float)
        paid = cp.norm1(cp.multiply(price, leaf))
    variables: dict[str, Any] = {"W": W}
    if names is not None and leaf is not None:
        variables |= {
            f"{names[int(i)]} -> {names[int(j)]}": leaf[k] for k, (i, j) in enumerate(zip(source, target, strict=True))
        }
    asked = list(constraints(variables)) if constraints is not None else []
    problem = cp.Problem(cp.Minimize(loss + alpha * paid), asked)
    return Program(problem, variables, loss, paid, asked, alpha)


def solve(program: Program) -> np.ndarray:
    """Weights at the optimum, (d, d)."""
    with warnings.catch_warnings():
        # At these tolerances "inaccurate" is as close as floating point comes; the caller compares
        # objectives.
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")
        program.problem.solve(solver=cp.CLARABEL, **CLARABEL)
    if program.problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        raise ValueError(f"the program has no solution: {program.problem.status}; check the constraints")
    return np.asarray(program.variables["W"].value)
