"""Random problems of every kind: the compiled path against its own gap recomputed, numpy and cvxpy."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

import sparsestats as ss
from sparsestats.backend.path import solve_path
from sparsestats.backend.problem import Problem

LOSSES = {"gaussian": ss.losses.Gaussian(), "binomial": ss.losses.Binomial()}


def random_problem(seed):
    """All at random: shape, scales, storage, loss, penalty, weights, offset, factors, standardisation."""
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(10, 50)), int(rng.integers(1, 30))
    X = rng.normal(size=(n, p)) * np.exp(rng.normal(size=p)) + 2 * rng.normal(size=p)
    if rng.random() < 0.3:
        X[:, rng.integers(p)] = 1.5
    if rng.random() < 0.3 and p > 2:
        X[:, 1] = X[:, 0]
    storage = rng.choice(["double", "single", "sparse"])
    if storage == "sparse":
        X = np.where(rng.random((n, p)) < 0.4, X, 0)
    if storage == "single":
        X = X.astype(np.float32).astype(float)
    family = str(rng.choice(["gaussian", "binomial"]))
    beta = np.r_[rng.normal(size=3), np.zeros(p)][:p]
    eta = 1.5 * (X - X.mean(0)) / (X.std(0) + 1e-9) @ beta
    y = eta + rng.normal(size=n) if family == "gaussian" else (eta + rng.logistic(size=n) > 0).astype(float)
    weight = rng.integers(0, 4, n).astype(float) if rng.random() < 0.5 else None
    on = y if weight is None else y[weight > 0]
    if len(on) < 2 or np.ptp(on) == 0:
        return None
    name = str(rng.choice(["l1", "slope", "gslope"]))
    standardize = bool(rng.random() < 0.7)
    groups = None
    if name == "gslope":
        labels = rng.integers(0, max(1, p // 3), p)
        first = {g: k for k, g in enumerate(dict.fromkeys(labels.tolist()))}
        groups = np.array([first[g] for g in labels.tolist()])
        if rng.random() < 0.4:
            standardize = "group"
    count = p if groups is None else groups.max() + 1
    factor = None
    if rng.random() < 0.4:
        factor = np.r_[0.0, np.ones(p - 1)]
        if standardize != "group":
            factor = rng.choice([0, 1, 0.5, 2], p)
        if not factor.any():
            return None
        if groups is None:
            count = np.count_nonzero(factor)
        else:
            count = len(np.unique(groups[factor > 0]))
    weights = np.ones(count) if name == "l1" else np.sort(rng.uniform(0.1, 2, count))[::-1]
    if name == "slope" and rng.random() < 0.3:
        weights = np.r_[1.0, np.zeros(count - 1)]  # the largest coefficient alone: the l-infinity norm
    penalty = {
        "l1": ss.penalties.L1(),
        "slope": ss.penalties.SortedL1(weights),
        "gslope": ss.penalties.GroupSortedL1(weights),
    }[name]
    single = np.asfortranarray(X, dtype=np.float32)
    problem = Problem(
        X={"double": np.asfortranarray(X), "single": single, "sparse": sparse.csc_array(X)}[storage],
        y=y,
        loss=LOSSES[family],
        penalty=penalty,
        sample_weight=None if weight is None else weight * n / weight.sum(),
        offset=0.5 * rng.normal(size=n) if rng.random() < 0.5 else None,
        fit_intercept=bool(rng.random() < 0.8),
        standardize=standardize,
        groups=groups,
        penalty_factor=factor,
    )
    return problem, weights


def certified(problem, weights, result, gap_of, tol):
    known = {
        name: getattr(problem, name)
        for name in ("groups", "sample_weight", "offset", "penalty_factor", "standardize", "fit_intercept")
    }
    for alpha, beta, b0 in zip(result.alphas, result.coefs, result.intercepts, strict=True):
        gap = gap_of(problem.X, problem.y, alpha, weights, beta, b0, family=problem.loss.name, **known)
        assert gap.relative <= tol, (alpha, gap)


def compare(seed, gap_of, solver, fractions, **options):
    made = random_problem(seed)
    if made is None:
        return
    problem, weights = made
    top = solve_path(problem, ss.relative(1, 1, 1)).alpha_max
    if top == 0:
        return
    alphas = top * np.array(fractions)
    ours = solve_path(problem, alphas, tol=1e-9)
    assert ours.converged.all()
    # three times the tolerance: the dual point of the oracle is built in another way
    certified(problem, weights, ours, gap_of, 3e-9)
    double = problem.X.astype(float) if problem.X.dtype == np.float32 else problem.X
    if solver is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a cone solver that stops at 1e-9 of its 1e-10
            theirs = solve_path(replace(problem, X=double), alphas, solver=solver, **options)
        for mine, other in zip(ours.certificates, theirs.certificates, strict=True):
            assert mine.objective <= other.objective * (1 + 1e-6) + 1e-9 * mine.scale
            assert other.objective <= mine.objective * (1 + 1e-6) + 1e-6 * mine.scale
        assert theirs.alpha_max == pytest.approx(ours.alpha_max, rel=1e-7)


@pytest.mark.parametrize("seed", range(25))
def test_compiled_paths_are_certified_by_numpy_alone(seed, gap_of):
    compare(seed, gap_of, None, [1.0, 0.6, 0.2, 0.05, 0.01])


@pytest.mark.parametrize("seed", range(100, 105))
def test_compiled_and_proximal_objectives_agree(seed, gap_of):
    compare(seed, gap_of, "proximal", [1.0, 0.4, 0.1], tol=1e-8, max_iter=20_000)


@pytest.mark.parametrize("seed", range(200, 204))
def test_compiled_and_cvxpy_objectives_agree(seed, gap_of):
    compare(seed, gap_of, "cvxpy", [0.5, 0.1], tol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1250))
def test_many_more_compiled_paths_are_certified_by_numpy_alone(seed, gap_of):
    compare(seed, gap_of, None, [1.0, 0.6, 0.2, 0.05, 0.01])


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["proximal", "cvxpy"])
@pytest.mark.parametrize("seed", range(2000, 2040))
def test_many_more_agreements(seed, solver, gap_of):
    compare(seed, gap_of, solver, [0.5, 0.1, 0.02], tol=1e-8)
