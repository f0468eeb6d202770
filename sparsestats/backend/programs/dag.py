"""The concomitant lasso on an order of the variables, as a cvxpy program.

    ev:  minimise  sqrt(d) ||L'(I - W)||_F  +  alpha sum |W|
    nv:  minimise  sum_j ||L'(e_j - w_j)||_2  +  alpha sum |W|           with  L L' = S

over the weights W of the edges that the order and the knowledge allow: the profiled forms, in which the
scales have been minimised out, while no scale is at its floor. Required edges carry no penalty.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import cvxpy as cp
import numpy as np
from scipy import sparse

from ..dag import Knowledge
from .slope import CLARABEL, Program

Constraints = Callable[[Mapping[Any, Any]], Sequence[Any]]


class Weights(Mapping):
    """The weights of a program: ``"W"``, the whole matrix, and every edge as ``"from", "to"``."""

    def __init__(self, W: Any, edges: Mapping[tuple[int, int], Any], names: Sequence[str]):
        self._W, self._edges, self._names = W, edges, [str(name) for name in names]
        self._position = {name: j for j, name in enumerate(self._names)}

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str) and key == "W":
            return self._W
        pair = tuple(key.split(" -> ")) if isinstance(key, str) else key
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(name in self._position for name in pair)):
            raise KeyError(f'{key!r} is no edge; "W" or ("from", "to") of {self._names[:10]} are known')
        i, j = (self._position[name] for name in pair)
        return self._edges.get((i, j), cp.Constant(0.0))

    def __iter__(self) -> Iterator[Any]:
        yield "W"
        if self._names:
            yield from ((self._names[i], self._names[j]) for i, j in self._edges)

    def __len__(self) -> int:
        return 1 + (len(self._edges) if self._names else 0)


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
        With names, ``variables["from", "to"]`` is the weight of one edge, and 0 for a pair that the order or
        the knowledge rules out; ``variables["from -> to"]`` is the same.
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
    loss = np.sqrt(d) * cp.norm(residual, "fro") if equal else cp.sum([cp.norm(residual[:, j], 2) for j in range(d)])
    if leaf is None:
        paid: cp.Expression = cp.Constant(0.0)
    else:
        price = np.ones(m) if known.required is None else (~known.required[source, target]).astype(float)
        paid = cp.norm1(cp.multiply(price, leaf))
    at = (
        {} if leaf is None else {(int(i), int(j)): leaf[k] for k, (i, j) in enumerate(zip(source, target, strict=True))}
    )
    variables = Weights(W, at, names or [])
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
