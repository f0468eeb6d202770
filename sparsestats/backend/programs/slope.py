"""Penalised regression as a cvxpy program, for any loss and penalty that know their expressions.

    minimise  f(offset + b0 + X beta) + alpha J(c),   c = penalty_factor * S beta

with the user's constraints on ``beta`` and ``b0``. The leaves of the program are the well-conditioned
coordinates of :class:`~sparsestats.backend.duality.Coordinates`; coefficients on the data's own scale are
affine expressions of them.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import numpy as np
from cvxpy.constraints.nonpos import Inequality
from scipy import sparse

from ..certificate import Certificate, Certificates
from ..duality import Coordinates
from ..penalties import has, require
from ..problem import PathResult, Problem
from ..proximal import accelerate
from ..variables import Variables
from .constraints import Constraints, asked_for

Solution = tuple[np.ndarray, Any, Certificate, list]

DOTSORT_LIMIT = 100
"""Above this many ranked terms ``dotsort``, a cone of their number squared, gives way to cutting planes."""
MAX_ROUNDS = 100
LAYERS = 50
"""Parts of the weights that get cutting planes of their own."""
SETTLING = 200
"""Proximal steps that may follow the interior point method."""
NEAR_ZERO = 1e-8
"""Coefficients on the penalty's scale below this share of the response's are where zeros of a program end."""
ROUNDING = 1e-10
"""What setting them to zero may cost in the objective and in any constraint, as shares of their sizes."""
CLARABEL = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}
STEPS = (0.99, 0.9, 0.7)
"""Shares of the way to the boundary of the cones that a step may go; Clarabel's own, then more careful ones."""


@dataclass(frozen=True, eq=False)
class Program:
    """A cvxpy program and the names of its parts.

    Attributes
    ----------
    problem : cvxpy.Problem
        Minimise ``loss + alpha * penalty`` subject to ``constraints``.
    variables : mapping of cvxpy expressions
        ``"beta"`` (p,) and ``"intercept"`` on the data's own scale, and one entry a named term; under a loss of K
        linear predictors (K, p), (K,), and all K rows of the term's columns.
    loss, penalty : cvxpy expressions
    constraints : list of cvxpy constraints
        The user's, in their order.
    alpha : float
    """

    problem: cp.Problem
    variables: Mapping[Any, cp.Expression]
    loss: cp.Expression
    penalty: cp.Expression
    constraints: list[cp.Constraint]
    alpha: float


def program(
    problem: Problem,
    alpha: float,
    *,
    constraints: Constraints | None = None,
    names: Mapping[str, Sequence[int]] | None = None,
) -> Program:
    """The whole objective as one cvxpy program.

    Parameters
    ----------
    problem : Problem
        With a resolved penalty.
    alpha : float >= 0
    constraints : callable, optional
        ``(variables) -> list of cvxpy constraints``, on the data's own scale.
    names : dict term -> column indices, optional
        Each becomes ``variables[term]``, the coefficients of those columns.

    Returns
    -------
    Program

    Raises
    ------
    MissingMethodError
        When the loss or the penalty has no ``expression``.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.backend import losses, penalties
    >>> from sparsestats.backend.problem import Problem
    >>> from sparsestats.backend.programs.slope import program
    >>> X = np.random.default_rng(0).normal(size=(30, 3))
    >>> lasso = program(Problem(X, X[:, 0], losses.Gaussian(), penalties.L1()), 0.1)
    >>> _ = lasso.problem.solve()
    >>> (lasso.variables["beta"].value > 1e-6).tolist()
    [True, False, False]
    """
    text = _Text(Coordinates(problem), alpha, constraints, names)
    penalty = problem.penalty.expression(text.flat)
    objective = text.loss + alpha * penalty
    return Program(
        cp.Problem(cp.Minimize(objective), text.constraints),
        text.variables,
        text.loss,
        penalty,
        text.constraints,
        alpha,
    )


def solve(
    problem: Problem,
    alpha: float,
    *,
    tol: float = 1e-8,
    constraints: Constraints | None = None,
    names: Mapping[str, Sequence[int]] | None = None,
) -> Solution:
    """Fit one alpha with an interior point method.

    Up to 100 ranked terms the sorted norm is one ``dotsort``. Beyond, it is an epigraph
    ``t >= sum_i v_i a_{s(i)}`` over the orders s met so far, to which the order of the last solution is added
    until it raises t no more.

    Parameters
    ----------
    problem, alpha, constraints, names
        As in :func:`program`.
    tol : float, default 1e-8
        Relative certificate asked for; it decides ``converged``. The interior point method itself always runs
        to the end of its precision.

    Returns
    -------
    beta : ndarray (p,), or (K, p) under a loss of K linear predictors
    b0 : float, or ndarray (K,)
    certificate : Certificate
        A duality gap computed from ``beta`` and ``b0`` as for every other solver. With constraints the bound
        is the minimum of the Lagrangian at the program's multipliers: exact for affine constraints, found by
        a second program for others.
    duals : list
        The multipliers of the user's constraints, in their order.

    Raises
    ------
    MissingMethodError
        When the loss or the penalty has no ``expression``.
    ValueError
        For constraints that contradict each other, that are not built from <=, >= and ==, or that bring
        variables of their own.
    """
    return next(_fits(problem, [alpha], tol, constraints, names))


def solve_path(
    problem: Problem,
    alphas: Sequence[float] | np.ndarray,
    *,
    tol: float = 1e-8,
    constraints: Constraints | None = None,
    names: Mapping[str, Sequence[int]] | None = None,
) -> PathResult:
    """Fit several alphas; parameters as in :func:`solve`."""
    began = time.perf_counter()
    coordinates = Coordinates(problem)
    found, seconds = [], []
    for solution in _fits(coordinates, alphas, tol, constraints, names):
        found.append(solution)
        seconds.append(time.perf_counter() - began)
    coefs = np.array([beta for beta, *_ in found])
    return PathResult(
        alphas=np.asarray(alphas, dtype=float),
        coefs=coefs,
        intercepts=np.array([b0 for _, b0, *_ in found]),
        certificates=Certificates.of(certificate for *_, certificate, _ in found),
        alpha_max=coordinates.alpha_max(),
        deviance_ratio=np.array([coordinates.deviance_ratio(beta, b0) for beta, b0, *_ in found]),
        seconds=time.perf_counter() - began,
        info={"active": np.array([np.count_nonzero(beta) for beta in coefs]), "seconds": np.diff(seconds, prepend=0.0)},
        duals=None if constraints is None else [duals for *_, duals in found],
    )


class _Text:
    """Leaves, loss and named expressions of a program."""

    def __init__(
        self,
        coordinates: Coordinates,
        alpha: float,
        constraints: Constraints | None,
        names: Mapping[str, Sequence[int]] | None,
    ):
        problem = coordinates.problem
        require(problem.loss, ("value", "expression"), 'solver="cvxpy"')
        require(problem.penalty, ("value", "expression"), 'solver="cvxpy"')
        if not (alpha >= 0 and np.isfinite(alpha)):
            raise ValueError(f"alpha must be a finite number >= 0; got {alpha}")
        self.coordinates = coordinates
        self.c, self.u = _leaf(coordinates.zeros(coordinates.Z)), _leaf(coordinates.zeros(coordinates.Q))
        # The penalty's vector: the rows of c one behind the other.
        self.flat = self.c if self.c.ndim == 1 else cp.vec(self.c, order="C")
        # Z stays sparse when X is: the projection that makes B dense is left to the solver.
        # Rows without weight are left out: their terms may overflow in the solver.
        weight = problem.sample_weight
        rows = np.arange(len(problem.y)) if weight is None else np.flatnonzero(weight)
        if weight is not None:
            weight = weight[rows] * (len(rows) / len(weight))
        eta = coordinates.offset[rows] + coordinates.Z[rows] @ self.c + coordinates.Q[rows] @ self.u
        self.loss = problem.loss.expression(eta, problem.y[rows], weight)
        beta, b0 = coordinates.to_model(self.u, self.c)
        self.variables = Variables({"beta": beta, "intercept": b0}, "beta", names)
        self.constraints = asked_for(constraints, self.variables, (self.c, self.u), "beta, intercept, terms")

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """(v, c) of the solution."""
        c, u = (np.asarray(getattr(leaf, "value", leaf)) for leaf in (self.c, self.u))
        return u + self.coordinates.G @ c, c

    def violations(self, v: np.ndarray, c: np.ndarray) -> np.ndarray:
        """By how much each constraint is broken at (v, c), relative to the size of its two sides."""
        for leaf, value in ((self.c, c), (self.u, v - self.coordinates.G @ c)):
            if isinstance(leaf, cp.Variable):
                leaf.value = value
        return np.array(
            [
                np.max(constraint.violation(), initial=0.0)
                / (1.0 + max(np.abs(side.value).max(initial=0.0) for side in constraint.args))
                for constraint in self.constraints
            ]
        )


def _leaf(zeros: np.ndarray) -> Any:
    # cvxpy has no variables of length 0
    return cp.Variable(zeros.shape) if zeros.size else zeros


def _fits(
    problem: Problem | Coordinates,
    alphas: Sequence[float] | np.ndarray,
    tol: float,
    constraints: Constraints | None,
    names: Mapping[str, Sequence[int]] | None,
) -> Iterator[Solution]:
    coordinates = problem if isinstance(problem, Coordinates) else Coordinates(problem)
    for alpha in np.asarray(alphas, dtype=float).tolist():
        text = _Text(coordinates, alpha, constraints, names)
        if not text.constraints and (coordinates.constant or coordinates.n_penalized == 0):
            yield (
                *_certified(coordinates, alpha, coordinates.null_v, coordinates.zeros(coordinates.Z), tol, 0),
                [],
            )
            continue
        objective, cuts, n_iter = _minimise(text, alpha, tol)
        v, c = text.values()
        if not text.constraints:
            v, c = _settle(coordinates, alpha, v, c, tol)
            yield *_certified(coordinates, alpha, v, c, tol, n_iter), []
            continue
        duals = [np.asarray(constraint.dual_value) * _scale(coordinates) for constraint in text.constraints]
        c = _rounded(text, alpha, v, c)
        bound = _lagrangian_bound(text, alpha, v, c, duals, objective, cuts, tol)
        yield *_certified(coordinates, alpha, v, c, tol, n_iter, bound), duals


def _certified(
    coordinates: Coordinates,
    alpha: float,
    v: np.ndarray,
    c: np.ndarray,
    tol: float,
    n_iter: int,
    bound: float | None = None,
) -> tuple[np.ndarray, Any, Certificate]:
    beta, b0 = coordinates.model(v, c, centred=bound is None)
    return (
        beta,
        b0,
        coordinates.certify(alpha, beta, b0, tol=tol, n_iter=n_iter, stop="tol", constrained_bound=bound),
    )


def _scale(coordinates: Coordinates) -> float:
    """The unit in which the solver is given the objective, so that its absolute tolerances mean something."""
    return coordinates.null_objective if not coordinates.constant else 1.0


def _minimise(text: _Text, alpha: float, tol: float) -> tuple[cp.Expression, list[cp.Constraint], int]:
    """Solve; return the objective, the cutting planes under it, and the solver's iterations."""
    coordinates, penalty = text.coordinates, text.coordinates.problem.penalty
    cuts: list[cp.Constraint] = []
    if alpha == 0.0 or coordinates.n_penalized == 0:
        return text.loss, cuts, _run(text, text.loss, cuts)
    # A penalty may be a sum of sorted norms; each that is too long for a dotsort gets planes of its own.
    parts = getattr(penalty, "parts", (penalty,))
    long = [part for part in parts if _needs_planes(part)]
    objective = text.loss
    for part in parts:
        if not any(part is other for other in long):
            objective += alpha * part.expression(text.flat)
    epigraphs = [_Epigraph(part, text.flat) for part in long]
    for epigraph in epigraphs:
        objective += alpha * cp.sum(epigraph.t)
        cuts += epigraph.start
    if not epigraphs:
        return objective, cuts, _run(text, objective, cuts)
    # What the planes fall short of the norms is part of the gap; a tenth of tol leaves room for the rest.
    enough = max(0.1 * tol, 1e-11) * _scale(coordinates) / alpha / len(epigraphs)
    n_iter = 0
    for _ in range(MAX_ROUNDS):
        n_iter += _run(text, objective, cuts)
        c = text.values()[1].ravel()
        found = [cut for epigraph in epigraphs for cut in epigraph.violated(c, enough)]
        if not found:
            break
        cuts += found
    return objective, cuts, n_iter


def _needs_planes(penalty: Any) -> bool:
    if not has(penalty, "ranked", "ranked_expression"):
        return False
    weights = penalty.weights
    return len(weights) > DOTSORT_LIMIT and weights[0] != weights[-1]


class _Epigraph:
    """A long sorted norm from below: ``sum(t)``, with planes for the orders met so far.

    Each layer of the weights has a plane of its own: where many magnitudes are close the layers learn their
    orders apart, in a fifth of the rounds that planes under the whole norm take.
    """

    def __init__(self, penalty: Any, c: cp.Variable):
        self.penalty = penalty
        self.layers = _layers(penalty.weights)
        self.t, self.a = cp.Variable(len(self.layers)), cp.Variable(len(penalty.weights))
        # The mean over all orders is a plane as well: at first every coefficient has the same price.
        self.start = [
            penalty.ranked_expression(c) <= self.a,
            self.t >= self.layers.mean(axis=1) * cp.sum(self.a),
        ]

    def violated(self, c: np.ndarray, enough: float) -> list[cp.Constraint]:
        """The plane of the order of c for each layer that falls short; none when the sum is close."""
        magnitudes = self.penalty.ranked(c)
        order = np.argsort(-magnitudes, kind="stable")
        short = self.layers @ magnitudes[order] - self.t.value
        if short.sum() <= enough:
            return []
        rows = np.flatnonzero(short > enough / len(self.layers))
        planes = np.empty((len(rows), len(order)))
        planes[:, order] = self.layers[rows]
        return [self.t[rows] >= planes @ self.a]


def _layers(weights: np.ndarray) -> np.ndarray:
    """Non-increasing sequences, one a row, that sum to the weights: what lies between two of their values."""
    ranks = np.linspace(0, len(weights) - 1, LAYERS).astype(int)
    levels = np.unique(np.append(weights[ranks], 0.0))
    return np.clip(weights - levels[:-1, None], 0.0, np.diff(levels)[:, None])


def _run(text: _Text, objective: cp.Expression, more: list[cp.Constraint]) -> int:
    program = cp.Problem(cp.Minimize(objective / _scale(text.coordinates)), text.constraints + more)
    _solved(program)
    if program.status in (cp.INFEASIBLE, cp.INFEASIBLE_INACCURATE):
        raise ValueError("the constraints contradict each other: the program is infeasible")
    if program.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        raise ValueError(f"the program has no solution to return: cvxpy reports it {program.status}")
    return int(program.solver_stats.num_iters or 0)


def _solved(program: cp.Problem) -> None:
    """Solve in place. Exponential cones lose one program in ten to numerical trouble that shorter steps avoid."""
    with warnings.catch_warnings():
        # cvxpy says that the last digits may be inaccurate; the certificate says how inaccurate.
        warnings.filterwarnings("ignore", message="Solution may be inaccurate", category=UserWarning)
        for share in STEPS:
            try:
                program.solve(solver=cp.CLARABEL, max_step_fraction=share, **CLARABEL)
                return
            except cp.SolverError as error:
                trouble = error
    raise ValueError(f"the interior point method of cvxpy found no solution ({trouble})") from trouble


def _settle(
    coordinates: Coordinates, alpha: float, v: np.ndarray, c: np.ndarray, tol: float
) -> tuple[np.ndarray, np.ndarray]:
    """Proximal steps from the interior point solution until its gap is within tol.

    An interior point method ends near zeros and ties, never at them, and its residual, on which the dual
    bound is built, is right to the square root of its precision. A few steps make both exact; nothing is
    thresholded. If they find more to gain than the precision of the program, the program was not solved, and
    its own answer is returned for the certificate to say so.
    """
    if alpha == 0.0 or coordinates.weightless or not has(coordinates.problem.penalty, "prox"):
        return v, c

    def objective(v: np.ndarray, c: np.ndarray) -> float:
        eta = coordinates.offset + coordinates.forward(c) + coordinates.Q @ v
        return coordinates.loss(eta) + alpha * coordinates.penalty(c)

    # The first step is taken whatever the gap, for the zeros and ties it makes.
    eta = coordinates.offset + coordinates.forward(c) + coordinates.Q @ v
    L = coordinates.step_bound(eta)
    step = coordinates.prox(c - coordinates.adjoint(coordinates.gradient(eta)) / L, alpha / L)
    settled_v, settled_c, *_ = accelerate(coordinates, alpha, v, step, 0.1 * tol, SETTLING)
    gain = objective(v, c) - objective(settled_v, settled_c)
    if -1e-12 * coordinates.null_objective <= gain <= 1e-6 * coordinates.null_objective:
        return settled_v, settled_c
    return v, c


def _rounded(text: _Text, alpha: float, v: np.ndarray, c: np.ndarray) -> np.ndarray:
    """c with its zeros exact, where neither the objective nor a constraint notices.

    Proximal steps, which find the zeros of a fit without constraints, would leave the constraints. An interior point
    method ends beside a zero, at a distance of its precision; the certificate is that of the rounded coefficients.
    """
    coordinates = text.coordinates
    size = max(np.abs(c).max(initial=0.0), np.sqrt(2 * _scale(coordinates)))
    rounded = np.where(np.abs(c) <= NEAR_ZERO * size, 0.0, c)
    fit = coordinates.offset + coordinates.Q @ v

    def objective(c: np.ndarray) -> float:
        return coordinates.loss(fit + coordinates.forward(c)) + alpha * coordinates.penalty(c)

    dearer = objective(rounded) - objective(c) > ROUNDING * _scale(coordinates)
    broken = text.violations(v, rounded) > text.violations(v, c) + NEAR_ZERO
    return c if dearer or broken.any() else rounded


def _lagrangian_bound(
    text: _Text,
    alpha: float,
    v: np.ndarray,
    c: np.ndarray,
    duals: list[np.ndarray],
    objective: cp.Expression,
    cuts: list[cp.Constraint],
    tol: float,
) -> float:
    """min over (v, c) of the objective plus the multipliers times the constraints: below every feasible
    objective whatever the multipliers, as long as those of inequalities are not negative."""
    coordinates = text.coordinates
    duals = [
        np.maximum(dual, 0.0) if isinstance(constraint, Inequality) else dual
        for constraint, dual in zip(text.constraints, duals, strict=True)
    ]
    affine = all(constraint.expr.is_affine() for constraint in text.constraints)
    certifies = coordinates.certifies and has(coordinates.problem.penalty, "prox")
    if not (affine and certifies) or alpha == 0.0 or coordinates.weightless:
        priced = [
            cp.sum(cp.multiply(dual, constraint.expr)) for constraint, dual in zip(text.constraints, duals, strict=True)
        ]
        lagrangian = cp.Problem(cp.Minimize((objective + sum(priced)) / _scale(coordinates)), cuts)
        _solved(lagrangian)
        return float(lagrangian.value) * _scale(coordinates)

    # Affine constraints tilt the objective by a_u'u + a_c'c + constant, and u = v - G c.
    a_u, a_c, constant = np.zeros_like(v), np.zeros_like(c), 0.0
    for constraint, dual in zip(text.constraints, duals, strict=True):
        price = np.ravel(dual, order="F")
        constant += float(price @ np.ravel(constraint.expr.value, order="F"))
        for leaf, jacobian in constraint.expr.grad.items():
            # cvxpy hands a leaf's derivative over as a number where leaf and constraint have one entry
            column = jacobian @ price if sparse.issparse(jacobian) else np.atleast_1d(jacobian) * price
            if leaf.id == getattr(text.c, "id", None):
                a_c += column.reshape(c.shape, order="F")
            else:
                a_u += column.reshape(v.shape, order="F")
    constant -= np.vdot(a_u, v - coordinates.G @ c) + np.vdot(a_c, c)
    a_c = a_c - coordinates.G.T @ a_u
    # The minimum over the tilted objective is a fit of its own; the program's solution starts it.
    v, c, *_ = accelerate(coordinates, alpha, v, c, 0.1 * tol, SETTLING, (a_u, a_c))
    base = coordinates.offset + coordinates.forward(c)
    v = coordinates.fit_unpenalized(base, v, tilt=a_u)
    theta = -coordinates.gradient(base + coordinates.Q @ v)
    return coordinates.bound(theta, coordinates.adjoint(theta) - a_c, alpha, v, c, constant + float(np.vdot(a_u, v)))
