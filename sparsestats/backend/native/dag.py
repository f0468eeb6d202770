"""Directed acyclic graphs in the compiled core: searches over orders, weights on an order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..._core import ext
from ..dag import Knowledge


@dataclass(frozen=True, eq=False)
class Score:
    """The penalised concomitant score of a covariance.

    Attributes
    ----------
    S : (d, d) covariance, C-contiguous float64
    equal : one noise scale for all variables, or one each
    alpha : penalty on the weights, on the scale of the data
    floor : lower limit of the scales
    """

    S: np.ndarray
    equal: bool
    alpha: float
    floor: float
    known: Knowledge = field(default_factory=Knowledge)

    @cached_property
    def problem(self) -> Any:
        """The same in the compiled core."""
        return _problem(self.S, self.known, self.equal, self.alpha, self.floor)


@dataclass(frozen=True, eq=False)
class Search:
    """An order found, its unpenalised score, the score every start ended at (nan: singular covariance)."""

    order: np.ndarray
    score: float
    starts: np.ndarray
    moves: int
    converged: bool


@dataclass(frozen=True, eq=False)
class Weights:
    """Penalised weights ``[from, to]`` on an order, with their scales and objective."""

    order: np.ndarray
    weights: np.ndarray
    scale: np.ndarray
    objective: float
    moves: int
    converged: bool


def search_order(
    S: np.ndarray,
    equal: bool,
    known: Knowledge,
    *,
    starts: Sequence[np.ndarray] = (),
    greedy: bool = True,
    restarts: int = 0,
    seed: int = 0,
    control: Any = None,
) -> Search | None:
    """The best order for the unpenalised score; None when S is singular to working precision.

    Edges that are forbidden or required do not enter this score; what they imply for the order does.
    """
    out = ext.dag.search_order(
        _problem(S, known, equal), orders(starts), greedy, restarts, seed, control or ext.Control()
    )
    if len(out["order"]) == 0:
        return None
    return Search(out["order"], out["score"], out["starts"], out["moves"], out["converged"])


def fit_on_order(score: Score, order: np.ndarray, *, control: Any = None) -> Weights:
    """The concomitant lasso of every variable on those before it."""
    return _weights(ext.dag.fit_on_order(score.problem, list(map(int, order)), control or ext.Control()))


def polish_order(
    score: Score, order: np.ndarray, *, patience: int | None = None, sweeps: int = 20, control: Any = None
) -> Weights:
    """Insertions on the penalised objective until none lowers it.

    ``patience`` ends the scan of a variable after that many positions that need a regression anew; None
    is no limit.
    """
    most = len(score.S) ** 2 if patience is None else patience
    return _weights(ext.dag.polish_order(score.problem, list(map(int, order)), most, sweeps, control or ext.Control()))


def fit_unordered(score: Score, *, control: Any = None) -> Weights:
    """Every variable on all others: not a DAG, but its dual value bounds the objective of every DAG from
    below.
    """
    return _weights(ext.dag.fit_unordered(score.problem, control or ext.Control()))


@dataclass(frozen=True, eq=False)
class BicSearch:
    """An order, its parents ``[from, to]`` and their score: the BIC (``n log rss`` summed, plus the price of the
    edges), or what beliefs make of it.
    """

    order: np.ndarray
    parents: np.ndarray
    score: float
    starts: np.ndarray
    moves: int
    converged: bool


def refine_bic(
    S: np.ndarray,
    n: float,
    price: float,
    known: Knowledge,
    *,
    starts: Sequence[np.ndarray],
    restarts: int = 0,
    seed: int = 0,
    max_parents: int | None = None,
    sweeps: int = 100,
    shakes: int = 0,
    beliefs: tuple[np.ndarray, float] | None = None,
    control: Any = None,
) -> BicSearch:
    """Insertion search on the Gaussian BIC, parents by forward and backward selection.

    At its end a fifth of the variables of the best order are put anywhere and the search goes on from there, until
    that finds nothing better ``shakes`` times in a row.

    ``beliefs``, where the logarithms of the noise variances are expected and 1 / their variance around that, turn the
    score to the marginal likelihood of :mod:`sparsestats.backend.dag_evidence`, ``price`` to its price of an edge.
    """
    centre, precision = ((), 0.0) if beliefs is None else beliefs
    out = ext.dag.refine_bic(
        _problem(S, known),
        n,
        price,
        len(S) if max_parents is None else max_parents,
        orders(starts),
        restarts,
        seed,
        sweeps,
        shakes,
        list(map(float, centre)),
        precision,
        control or ext.Control(),
    )
    return BicSearch(
        out["order"], out["parents"].astype(bool), out["score"], out["starts"], out["moves"], out["converged"]
    )


def select_parents(
    S: np.ndarray,
    n: float,
    price: float,
    order: np.ndarray,
    likely: np.ndarray,
    known: Knowledge,
    *,
    max_parents: int | None = None,
) -> np.ndarray:
    """Parents forward and backward by BIC: among the likely ``[from, to]``, then from these among all earlier ones.

    Where the regression on all earlier ones would lose BIC without a variable that this left out, it is done again
    from those that this regression needs, and stays where it is better by an edge's worth.
    """
    most = len(S) if max_parents is None else max_parents
    return ext.dag.select_parents(_problem(S, known), n, price, most, list(map(int, order)), mask(likely)).astype(bool)


def refit_support(
    S: np.ndarray,
    support: np.ndarray,
    required: np.ndarray | None = None,
    *,
    threshold: float = 0.0,
    max_parents: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares on a support: weights and residual variances.

    Coefficients at or below ``threshold`` leave after a first pass, and beyond ``max_parents`` the ones that
    explain least; what is left is fitted again.
    """
    problem = _problem(S, Knowledge(required=required))
    return ext.dag.refit_support(problem, mask(support), threshold, len(S) if max_parents is None else max_parents)


def _problem(S: np.ndarray, known: Knowledge, equal: bool = False, alpha: float = 0.0, floor: float = 0.0) -> Any:
    return ext.dag.Problem(S, equal, alpha, floor, mask(known.forbidden), mask(known.required), mask(known.must))


def mask(values: np.ndarray | None) -> np.ndarray | None:
    return None if values is None else np.ascontiguousarray(values, dtype=np.uint8)


def orders(given: Sequence[np.ndarray]) -> list[list[int]]:
    return [[int(j) for j in order] for order in given]


def _weights(out: dict[str, Any]) -> Weights:
    return Weights(out["order"], out["weights"], out["scale"], out["objective"], out["moves"], out["converged"])


@dataclass(frozen=True)
class PathOptions:
    """Schedule of the published path; the defaults are the authors' demo settings.

    Parameters
    ----------
    mu, t : sequences of float
        Weight of the score and argument of the log determinant, one a stage.
    steps : sequence of int
        Most Adam steps at each stage.
    learning_rate, beta1, beta2, epsilon : float
        Of Adam.
    tol : float
        A stage ends when its objective moves by less than this share over ``checkpoint`` steps.
    checkpoint : int
    """

    mu: Sequence[float] = (1.0, 0.1, 0.01, 0.001)
    t: Sequence[float] = (1.0, 0.9, 0.8, 0.7)
    steps: Sequence[int] = (20_000, 20_000, 20_000, 70_000)
    learning_rate: float = 3e-4
    beta1: float = 0.99
    beta2: float = 0.999
    epsilon: float = 1e-8
    tol: float = 1e-6
    checkpoint: int = 1000

    def __post_init__(self) -> None:
        if not len(self.mu) == len(self.t) == len(self.steps) >= 1:
            raise ValueError(
                "path options mu, t and steps need one value a stage; got "
                f"{len(self.mu)}, {len(self.t)} and {len(self.steps)}"
            )
        if (
            min(self.mu) <= 0
            or min(self.t) <= 0
            or min(self.steps) < 1
            or self.learning_rate <= 0
            or self.checkpoint < 1
        ):
            raise ValueError("path options mu, t, steps, learning_rate and checkpoint must be positive")


@dataclass(frozen=True, eq=False)
class PathWeights:
    """End of the published path: dense weights, almost acyclic, with what each stage took."""

    weights: np.ndarray
    steps: np.ndarray
    t: np.ndarray
    acyclicity: float
    finished: bool


def follow_path(score: Score, options: PathOptions | None = None, *, control: Any = None) -> PathWeights:
    """Adam on ``mu (score + alpha |W|) + h(W; t)`` along the stages of ``options``."""
    schedule = asdict(options or PathOptions())
    out = ext.dag.follow_path(score.problem, **schedule, control=control or ext.Control())
    return PathWeights(out["weights"], out["steps"], out["t"], out["acyclicity"], out["finished"])


def acyclicity(W: np.ndarray, t: float = 1.0) -> tuple[float, np.ndarray]:
    """h(W; t) = d log t - log det(t I - W o W), 0 on DAGs alone, and its gradient 2 W o (t I - W o W)^{-T}.

    Outside its domain (spectral radius of W o W below t) h is infinite and the gradient nan.
    """
    return ext.dag.acyclicity(np.ascontiguousarray(W, dtype=np.float64), float(t))


@dataclass(frozen=True, eq=False)
class BestOrder:
    """The best order of all, its objective, and the bound that proves it."""

    order: np.ndarray
    objective: float
    bound: float
    tables: int
    complete: bool


def best_order(score: Score, *, tol: float = 1e-7, control: Any = None) -> BestOrder:
    """Least penalised score over all DAGs by dynamic programming over subsets; at most 20 variables."""
    out = ext.dag.best_order(score.problem, tol, control or ext.Control())
    return BestOrder(out["order"], out["objective"], out["bound"], out["tables"], out["complete"])
