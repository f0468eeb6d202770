"""The search for a solver's setting, with a solver whose gap is a known function of its tolerance."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import peers
from benchmarks.problems import elementwise, grouped, several_classes
from benchmarks.race import Race, Result, Side, search


@dataclass
class Pretend:
    """A worker whose gap is ``factor * tol``, at least ``floor``; cut off (None) below ``too_slow``."""

    factor: float
    floor: float = 0.0
    too_slow: float = 0.0
    tried: list = field(default_factory=list)

    def fit(self, tol):
        self.tried.append(tol)
        if tol < self.too_slow:
            return None
        return SimpleNamespace(seconds=0.01, worst_gap=max(self.factor * tol, self.floor))


@pytest.mark.parametrize("factor", [0.1, 2.0, 50.0])
def test_search_reaches_the_target_without_overshooting(factor):
    side = Side("x", 1e-6)
    search(side, Pretend(factor), tol=1e-5, cap=10.0)
    assert side.outcome == "reached"
    assert side.worst_gap <= 1e-6
    assert side.tol == pytest.approx(min(1e-5, 0.9e-6 / factor), rel=0.5)


def test_search_says_when_the_target_is_never_reached_or_too_slow():
    missed, slow = Side("x", 1e-8), Side("x", 1e-8)
    search(missed, Pretend(1.0, floor=3e-7), tol=1e-7, cap=10.0)
    search(slow, Pretend(20.0, too_slow=1e-8), tol=1e-7, cap=10.0)
    assert (missed.outcome, missed.worst_gap) == ("missed", 3e-7)
    assert slow.outcome == "capped"


def test_ratio_of_a_capped_peer_is_a_lower_bound():
    ours, theirs = Side("us", 1e-6, seconds=[0.5, 0.4, 0.6]), Side("them", 1e-6)
    ours.outcome, theirs.outcome = "reached", "capped"
    result = Result(Race("slope p=1000", 1e-6, "them", goal_ratio=10.0), "", ours, theirs, cap=15.0)
    assert result.ratios == [30.0]
    assert result.met is True


@pytest.mark.parametrize(
    ("solver", "options"),
    [
        ("scikit-learn", {"model": "lasso"}),
        ("scikit-learn liblinear", {"model": "lasso", "family": "binomial"}),
        ("celer", {"model": "lasso"}),
        ("celer", {"model": "lasso", "family": "binomial"}),
        ("sortedl1 hybrid", {}),
        ("Newton-ALM", {}),
        ("sortedl1 hybrid", {"family": "binomial", "fit_intercept": True}),
        ("adelie", {"model": "lasso"}),
        ("adelie", {"model": "lasso", "family": "binomial"}),
        pytest.param("glmnet", {"model": "lasso"}, marks=pytest.mark.slow),
        pytest.param("glmnet", {"model": "lasso", "family": "binomial"}, marks=pytest.mark.slow),
    ],
)
def test_adapters_solve_the_stated_problem(solver, options):
    """A wrong scaling of loss, penalty or intercept leaves a gap of order 1, whatever the tolerance."""
    answer_of(solver, elementwise("small", 50, 30, seed=0, n_active=5, alphas=(0.1, 5), **options))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["lasso", "group_lasso"])
def test_glmnet_solves_the_stated_problem_of_several_classes(model):
    answer_of("glmnet", several_classes("small", 60, 20, seed=0, model=model, n_active=5, alphas=(0.1, 5)))


@pytest.mark.slow
def test_sgs_solves_the_stated_problem():
    """Its own tolerance leaves gaps of 1e-4."""
    answer_of("sgs", grouped("small", 50, 30, seed=0, alphas=(0.1, 5)), gap=1e-3)


def answer_of(solver, problem, gap=1e-6):
    if not peers.SOLVERS[solver].installed:
        pytest.skip(f"{solver} is not installed")
    answer = peers.solve(solver, problem, {"adelie": 1e-14, "glmnet": 1e-14, "sgs": 1e-10}.get(solver, 1e-8))
    assert problem.worst_gap(answer.coefs, answer.intercepts, answer.duals) < gap
    assert np.any(answer.coefs[-1] != 0)


def test_celer_adapter_weighs_groups_by_root_size():
    pytest.importorskip("celer")
    problem = grouped("small", 50, 30, seed=0, model="group_lasso", alphas=(0.1, 5))
    answer = peers.solve("celer", problem, 1e-8)
    assert problem.worst_gap(answer.coefs, answer.intercepts, answer.duals) < 1e-6
