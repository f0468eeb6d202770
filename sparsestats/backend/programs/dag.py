"""The concomitant lasso on an order of the variables, as a cvxpy program.

    ev:  minimise  sqrt(d) ||L'(I - W)||_F  +  alpha sum |W|
    nv:  minimise  sum_j ||L'(e_j - w_j)||_2  +  alpha sum |W|           with  L L' = S

over the weights W of the edges that the order and the knowledge allow: the profiled forms, in which the
scales have been minimised out, while no scale is at its floor. Required edges carry no penalty.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np
from cvxpy.constraints.nonpos import Inequality
from scipy import sparse

from ..certificate import Certificate
from ..dag import Knowledge, penalty, smooth_scores
from ..native.dag import Score
from .constraints import Constraints, asked_for
from .slope import CLARABEL, Program

NEAR_ZERO = 1e-7
"""Standardised weights below this are where zeros of a program end: cvxpy's norms leave 1e-7 of the objective."""


class Weights(Mapping):
    """The weights of a program: ``"W"``, the whole matrix, and every edge as ``"from", "to"``.

    ``leaf`` is the program's variable (None without edges), an entry for each of the edges ``source -> target``.
    """

    def __init__(self, W: Any, leaf: Any, source: np.ndarray, target: np.ndarray, names: Sequence[str]):
        self._W, self._names = W, [str(name) for name in names]
        self._position = {name: j for j, name in enumerate(self._names)}
        self.leaf, self.source, self.target = leaf, source, target
        self._edges = {(int(i), int(j)): leaf[k] for k, (i, j) in enumerate(zip(source, target, strict=True))}

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


@dataclass(frozen=True, eq=False)
class GraphProgram(Program):
    """A program over the weights of edges."""

    variables: Weights


def program(
    S: np.ndarray,
    order: np.ndarray,
    alpha: float,
    *,
    equal: bool,
    known: Knowledge | None = None,
    names: Sequence[str] | None = None,
    constraints: Constraints | None = None,
) -> GraphProgram:
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
    GraphProgram
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
    variables = Weights(W, leaf, source, target, names or [])
    asked = asked_for(constraints, variables, [leaf], 'edges by name, "W"')
    problem = cp.Problem(cp.Minimize(loss + alpha * paid), asked)
    return GraphProgram(problem, variables, loss, paid, asked, alpha)


def solve(program: GraphProgram) -> np.ndarray:
    """Weights at the optimum, (d, d)."""
    with warnings.catch_warnings():
        # At these tolerances "inaccurate" is as close as floating point comes; the caller compares
        # objectives.
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")
        program.problem.solve(solver=cp.CLARABEL, **CLARABEL)
    if program.problem.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
        raise ValueError(
            "no weights on the order found meet the constraints. They contradict each other, or need an edge that this "
            "order rules out: say required=[(from, to)] or tiers= as well"
        )
    if program.problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        raise ValueError(f"the program has no solution: cvxpy reports it {program.problem.status}")
    return np.asarray(program.variables["W"].value)


class ConstrainedFit:
    """The weights on an order under a user's constraints, and what else has to heed them.

    Parameters
    ----------
    score : Score
    order : (d,) causes first
    names : names of the variables
    constraints : callable
    tol : float

    Attributes
    ----------
    weights : (d, d) optimum of the penalised program
    scale : (d,) its noise scales
    duals : multipliers of the constraints, in their order
    certificate : gap to the minimum of the Lagrangian at these multipliers
    held : (d, d) bool
        Edges that no selection may drop: a constraint couples them with others, or 0 would break it.
    """

    def __init__(self, score: Score, order: np.ndarray, names: Sequence[str], constraints: Constraints, tol: float):
        self._score, self._order, self._names, self._constraints = score, order, names, constraints
        text = self._program(score.alpha, score.known)
        self.weights, self.duals = _optimum(text, score)
        allowed = score.known.allowed(order)
        tilt, constant, self.held = _lagrangian(text, self.duals, allowed)
        steps = int(text.problem.solver_stats.num_iters or 0)
        self.scale, self.certificate = _certified(score, self.weights, allowed, tilt, constant, tol, steps)

    def refit(self, support: np.ndarray) -> np.ndarray:
        """Least squares on a support, under the constraints."""
        return _optimum(self._program(0.0, Knowledge(~support, self._score.known.required)), self._score)[0]

    def _program(self, alpha: float, known: Knowledge) -> GraphProgram:
        return program(
            self._score.S,
            self._order,
            alpha,
            equal=self._score.equal,
            known=known,
            names=self._names,
            constraints=self._constraints,
        )


def _optimum(text: GraphProgram, score: Score) -> tuple[np.ndarray, list[np.ndarray]]:
    """Weights and multipliers of a program, to the precision of the arithmetic where its constraints are affine."""
    W = _rounded(text, solve(text), score.S)
    duals = [
        # Clarabel's multipliers of inequalities are not negative but for rounding
        np.maximum(constraint.dual_value, 0.0 if isinstance(constraint, Inequality) else -np.inf)
        if constraint.variables()
        else np.zeros(constraint.shape)
        for constraint in text.constraints
    ]
    if text.variables.leaf is None or not all(constraint.expr.is_affine() for constraint in text.constraints):
        return W, duals
    return _polished(text, score, W, duals)


def _polished(
    text: GraphProgram, score: Score, W: np.ndarray, duals: list[np.ndarray]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The optimum with the zeros, signs and binding constraints of W, if there is one and it keeps them.

    cvxpy's norms leave the weights right to 1e-5. At given scales the optimum solves linear equations; the scales
    follow.
    """
    v, S, alpha = text.variables, score.S, text.alpha
    kept = np.flatnonzero(W[v.source, v.target])
    source, target = v.source[kept], v.target[kept]
    paid = np.ones(len(kept)) if score.known.required is None else ~score.known.required[source, target]
    sign = alpha * paid * np.sign(W[source, target])
    _broken(text, W)
    jacobians, at_zero, prices = [np.zeros((len(kept), 0))], [np.zeros(0)], [np.zeros(0)]
    binding = [np.zeros(0, dtype=bool)]
    for constraint, dual in zip(text.constraints, duals, strict=True):
        jacobian = _jacobian(constraint, v.leaf)
        if jacobian is None:
            continue
        value = np.ravel(constraint.expr.value, order="F")
        jacobians.append(jacobian.toarray()[kept])
        at_zero.append(value - jacobian.T @ v.leaf.value)
        prices.append(np.ravel(dual, order="F"))
        tight = prices[-1] > NEAR_ZERO
        binding.append(tight if isinstance(constraint, Inequality) else np.ones(len(value), dtype=bool))
    A, b, tight = np.hstack(jacobians), np.concatenate(at_zero), np.concatenate(binding)
    tight &= (A != 0).any(axis=0)  # what binds zeros alone has the interior point's multiplier
    m, count = len(kept), int(tight.sum())
    system = np.zeros((m + count, m + count))
    system[:m, m:] = A[:, tight]
    system[m:, :m] = A[:, tight].T
    curvature = S[np.ix_(source, source)] * (target[:, None] == target[None, :])
    D = np.eye(len(S)) - W
    exact = W
    scale = _scales(score, D)
    for _ in range(60):
        system[:m, :m] = curvature / scale[target]
        goal = np.concatenate([S[source, target] / scale[target] - sign, -b[tight]])
        answer = np.linalg.lstsq(system, goal, rcond=None)[0]
        exact = np.zeros_like(W)
        exact[source, target] = answer[:m]
        before, scale = scale, _scales(score, np.eye(len(S)) - exact)
        if np.abs(scale - before).max() <= 1e-14 * scale.max():
            break
    price = np.concatenate(prices)
    price[tight] = answer[m:]
    if np.any(answer[:m] * sign < 0) or np.any(_broken(text, exact) > NEAR_ZERO):
        _broken(text, W)
        return W, duals
    parts = iter(np.split(price, np.cumsum([len(part) for part in at_zero[1:]])[:-1]))
    return exact, [
        next(parts).reshape(constraint.shape, order="F") if _jacobian(constraint, v.leaf) is not None else dual
        for constraint, dual in zip(text.constraints, duals, strict=True)
    ]


def _scales(score: Score, D: np.ndarray) -> np.ndarray:
    """Noise scales of the residuals' matrix I - W, one a variable."""
    variances = np.maximum(np.einsum("ij,ij->j", D, score.S @ D), 0.0)
    return np.maximum(np.sqrt(np.full(len(D), variances.mean()) if score.equal else variances), score.floor)


def _jacobian(constraint: Any, leaf: Any) -> sparse.csc_array | None:
    """Derivatives of a constraint's sides' difference, (edges, its size); None where there are none to tell."""
    jacobian = constraint.expr.grad.get(leaf) if constraint.variables() else None
    if jacobian is None:
        return None
    # cvxpy hands over a number where leaf and constraint have one entry
    return sparse.csc_array(np.atleast_2d(jacobian) if np.isscalar(jacobian) else jacobian)


def _rounded(text: GraphProgram, W: np.ndarray, S: np.ndarray) -> np.ndarray:
    """The weights with zeros where the interior point method means them, unless a constraint minds."""
    sd = np.sqrt(np.diagonal(S))
    exact = np.where(np.abs(W) * sd[:, None] > NEAR_ZERO * sd, W, 0.0)
    before = _broken(text, W)
    if np.all(_broken(text, exact) <= before + NEAR_ZERO):
        return exact
    _broken(text, W)
    return W


def _broken(text: GraphProgram, W: np.ndarray) -> np.ndarray:
    """By how much W, which the program's variable then holds, breaks each constraint."""
    v = text.variables
    if v.leaf is not None:
        v.leaf.value = W[v.source, v.target]
    return np.array([np.max(constraint.violation(), initial=0.0) for constraint in text.constraints])


def _lagrangian(
    text: GraphProgram, duals: Sequence[np.ndarray], allowed: np.ndarray
) -> tuple[np.ndarray, float, np.ndarray]:
    """What the constraints at these multipliers add to the objective, ``sum tilt * W + constant`` (or more where they
    are not affine), and the edges they hold.
    """
    v = text.variables
    tilt, constant, held = np.zeros(allowed.shape), 0.0, np.zeros(allowed.shape, dtype=bool)
    edges = v.source, v.target
    for constraint, dual in zip(text.constraints, duals, strict=True):
        jacobian = _jacobian(constraint, v.leaf)
        if jacobian is None:
            continue
        price = np.ravel(dual, order="F")
        at_zero = np.ravel(constraint.expr.value, order="F") - jacobian.T @ v.leaf.value
        tilt[edges] += jacobian @ price
        constant += float(price @ at_zero)
        if not constraint.expr.is_affine():
            held |= allowed
            continue
        outside = at_zero if isinstance(constraint, Inequality) else np.abs(at_zero)
        rows = (np.diff(jacobian.indptr) > 1) | (outside > NEAR_ZERO)
        held[edges] |= (jacobian != 0) @ rows.astype(float) > 0
    return tilt, constant, held


def _certified(
    score: Score, W: np.ndarray, allowed: np.ndarray, tilt: np.ndarray, constant: float, tol: float, n_iter: int
) -> tuple[np.ndarray, Certificate]:
    """Scales of W, and how far its objective is above the least of the Lagrangian over the edges allowed.

    The dual point is the scaled residual, moved until it meets the equations of edges without a penalty, and then
    shrunk, multipliers and all, until it meets the limits of the others.
    """
    S, equal, floor, d = score.S, score.equal, score.floor, len(score.S)
    required = np.zeros_like(allowed) if score.known.required is None else score.known.required
    free = allowed if score.alpha == 0 else allowed & required
    D = np.eye(d) - W
    variances = np.maximum(np.einsum("ij,ij->j", D, S @ D), 0.0)
    scale = _scales(score, D)
    E = D / scale
    for j in np.flatnonzero(free.any(axis=0)):
        rows = np.flatnonzero(free[:, j])
        E[rows, j] -= np.linalg.lstsq(S[np.ix_(rows, rows)], (S @ E[:, j] - tilt[:, j])[rows], rcond=None)[0]
    SE = S @ E
    size = np.einsum("ij,ij->j", E, SE)
    steepest = np.abs(SE - tilt)[allowed & ~free].max(initial=0.0)
    largest = np.sqrt(size.mean() if equal else size.max())
    shrink = min(1.0, score.alpha / steepest if steepest > 0 else 1.0, 1 / largest if largest > 0 else 1.0)
    bound = shrink * (np.trace(SE) + constant) + floor / 2 * (d - shrink**2 * size.sum())
    objective = smooth_scores(variances, floor, equal).sum() + penalty(W, score.alpha, score.known.required).sum()
    null = smooth_scores(np.diagonal(S), floor, equal).sum()
    gap = float(max(objective - bound, 0.0))
    return scale, Certificate("gap", gap, float(null), tol, float(objective), float(bound), n_iter, "precision")
