"""Random problems of every kind, and their optimum by a text that shares nothing with the package's."""

import warnings
from dataclasses import replace
from functools import cached_property

import cvxpy as cp
import numpy as np
import pytest
from scipy import sparse

from sparsestats.backend import proximal
from sparsestats.backend.losses import Binomial, Gaussian
from sparsestats.backend.penalties import L1, GroupSortedL1, SortedL1
from sparsestats.backend.problem import Problem
from sparsestats.backend.standardize import resolved

PENALTIES = {"l1": L1(), "sorted": SortedL1(q=0.3), "group": GroupSortedL1(q=0.3)}
TIGHT = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}


def make_problem(
    loss="gaussian",
    penalty="sorted",
    *,
    n=40,
    p=9,
    seed=0,
    weights=True,
    offset=True,
    free=True,
    intercept=True,
    standardize=True,
    storage="dense",
):
    """Correlated columns of very different scales and means, groups of unequal sizes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.5 * rng.normal(size=(n, 1))
    X[rng.uniform(size=X.shape) < 0.2] = 0.0
    eta = 0.3 + X[:, :3] @ [1.0, -0.7, 0.5]
    y = eta + rng.normal(size=n) if loss == "gaussian" else (rng.uniform(size=n) < 1 / (1 + np.exp(-eta))) * 1.0
    X = X * np.geomspace(0.1, 20, p)
    w = rng.uniform(0.2, 2, n)
    factor = np.where(np.arange(p) % 5 == 3, 0.0, 1.0 if standardize == "group" else rng.uniform(0.5, 2, p))
    problem = Problem(
        X=np.asfortranarray(X) if storage == "dense" else sparse.csc_array(X),
        y=y,
        loss={"gaussian": Gaussian(), "binomial": Binomial()}[loss],
        penalty=PENALTIES[penalty] if isinstance(penalty, str) else penalty,
        sample_weight=w * n / w.sum() if weights else None,
        offset=0.5 * rng.normal(size=n) if offset else None,
        fit_intercept=intercept,
        standardize=standardize,
        groups=np.array([0, 1, 1, 2, 2, 2, 0, 3, 3, 3, 3, 2] * p)[:p],
        penalty_factor=factor if free else None,
    )
    return resolved(problem)


def independent_program(problem, alpha, constraints=None):
    """The objective of design.md on the data's own scale, norms by sums of largest entries."""
    n, p = problem.shape
    X = problem.X.toarray() if sparse.issparse(problem.X) else np.asarray(problem.X, dtype=float)
    w = np.ones(n) if problem.sample_weight is None else problem.sample_weight
    factor = np.ones(p) if problem.penalty_factor is None else problem.penalty_factor
    beta, b0 = cp.Variable(p), cp.Variable()
    eta = X @ beta + (0.0 if problem.offset is None else problem.offset) + (b0 if problem.fit_intercept else 0.0)
    if problem.loss.name == "gaussian":
        loss = cp.sum(cp.multiply(w, cp.square(problem.y - eta))) / (2 * n)
    else:
        loss = cp.sum(cp.multiply(w, cp.logistic(eta) - cp.multiply(problem.y, eta))) / n
    mean = np.average(X, axis=0, weights=w)
    centred = (X - mean) * np.sqrt(w / n)[:, None]
    sd = np.linalg.norm(centred, axis=0) if problem.standardize is True else np.ones(p)
    penalised = np.flatnonzero(factor)
    if problem.penalty.name == "group sorted L1":
        terms, labels = [], problem.groups[penalised]
        for g in dict.fromkeys(labels.tolist()):
            columns = penalised[labels == g]
            if problem.standardize == "group":
                block = centred if problem.fit_intercept else X * np.sqrt(w / n)[:, None]
                c = factor[columns[0]] * (block[:, columns] @ beta[columns])
            else:
                c = cp.multiply(factor[columns] * sd[columns], beta[columns])
            terms.append(np.sqrt(len(columns)) * cp.norm2(c))
        terms = cp.hstack(terms)
    else:
        terms = cp.abs(cp.multiply(factor[penalised] * sd[penalised], beta[penalised]))
    v = np.ones(terms.size) if problem.penalty.name == "L1" else problem.penalty.weights
    steps = np.append(-np.diff(v), v[-1])
    penalty = sum(d * cp.sum_largest(terms, k + 1) for k, d in enumerate(steps) if d > 0)
    listed = [] if constraints is None else constraints({"beta": beta, "intercept": b0})
    program = cp.Problem(cp.Minimize(loss + alpha * penalty), listed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Solution may be inaccurate")  # asked for 1e-11, got 1e-9
        program.solve(solver=cp.CLARABEL, **TIGHT)
    return program, beta, b0


@pytest.fixture
def problem_of():
    return make_problem


@pytest.fixture
def independent():
    """(problem, alpha, constraints) -> (cvxpy program, beta, intercept), solved."""
    return independent_program


@pytest.fixture
def without():
    """A copy of a problem whose penalty has lost some of its methods, as a user's may never have had them."""

    def strip(problem, *methods):
        kept = type(problem.penalty)
        stripped = type("Stripped", (kept,), dict.fromkeys(methods))
        penalty = object.__new__(stripped)
        penalty.__dict__.update(vars(problem.penalty))
        return replace(problem, penalty=penalty)

    return strip


class Kind:
    """One way to state a problem, at a tenth of its alpha_max; what several tests compare with is solved once."""

    def __init__(self, **options):
        self.name = "-".join(map(str, options.values()))
        self.options = options

    @cached_property
    def problem(self):
        return make_problem(**self.options)

    @cached_property
    def alpha_max(self):
        return proximal.alpha_max(self.problem)

    @property
    def alpha(self):
        return 0.1 * self.alpha_max

    @cached_property
    def numpy(self):
        """(beta, b0, certificate) of the readable solver."""
        return proximal.solve(self.problem, self.alpha, tol=1e-11)

    @cached_property
    def independent(self):
        """(cvxpy program, beta, intercept) of :func:`independent_program`."""
        return independent_program(self.problem, self.alpha)


KINDS = [
    # loss, penalty, and a covering choice of everything else
    Kind(loss="gaussian", penalty="l1"),
    Kind(loss="gaussian", penalty="sorted", storage="sparse"),
    Kind(loss="gaussian", penalty="group"),
    Kind(loss="gaussian", penalty="group", standardize="group", storage="sparse"),
    Kind(loss="gaussian", penalty="sorted", standardize=False, free=False),
    Kind(loss="gaussian", penalty="group", intercept=False, weights=False),
    Kind(loss="gaussian", penalty="group", intercept=False, standardize="group", offset=False),
    Kind(loss="gaussian", penalty="sorted", n=12, p=20, free=False),
    Kind(loss="binomial", penalty="l1", storage="sparse"),
    Kind(loss="binomial", penalty="sorted"),
    Kind(loss="binomial", penalty="group", weights=False),
    Kind(loss="binomial", penalty="group", standardize="group"),
    Kind(loss="binomial", penalty="sorted", standardize=False, offset=False, free=False, storage="sparse"),
    Kind(loss="binomial", penalty="group", intercept=False),
]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request):
    return request.param
