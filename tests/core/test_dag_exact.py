"""The best of all orders by dynamic programming, against plain enumeration."""

from itertools import permutations

import numpy as np
import pytest

from sparsestats.backend.dag import Knowledge
from sparsestats.backend.native import dag as native


def covariance(d, seed, n=80):
    rng = np.random.default_rng(seed)
    W = np.triu(rng.uniform(0.5, 1.5, (d, d)) * rng.choice([-1, 1, 0], (d, d)), 1)
    X = rng.normal(size=(n, d)) @ np.linalg.inv(np.eye(d) - W)
    return np.ascontiguousarray(np.cov(X[:, rng.permutation(d)].T, ddof=0))


def every_order(score):
    d, must = len(score.S), score.known.must
    values = {}
    for order in permutations(range(d)):
        place = np.argsort(order)
        if must is None or not (must & (place[:, None] > place[None, :])).any():
            values[order] = native.fit_on_order(score, np.array(order)).objective
    return values


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("alpha", [0.02, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_dynamic_programme_is_the_best_of_all_orders(equal, alpha, seed):
    score = native.Score(covariance(5, seed), equal, alpha, 1e-3)
    best = min(every_order(score).values())
    found = native.best_order(score)
    # The search over the common scale stops at 1e-7; scores themselves are exact to rounding.
    assert found.objective == pytest.approx(best, rel=2e-7)
    assert found.bound <= best * (1 + 1e-9) and found.bound >= best * (1 - 2e-7)
    assert native.fit_on_order(score, found.order).objective == pytest.approx(found.objective, rel=1e-10)


def test_knowledge_binds_the_dynamic_programme():
    forbidden, required, must = (np.zeros((5, 5), dtype=bool) for _ in range(3))
    forbidden[0, 1] = forbidden[3, 2] = True
    required[4, 0] = must[4, 0] = True
    for equal in (True, False):
        score = native.Score(covariance(5, 7), equal, 0.1, 1e-3, Knowledge(forbidden, required, must))
        found = native.best_order(score)
        assert found.objective == pytest.approx(min(every_order(score).values()), rel=2e-7)
        assert list(found.order).index(4) < list(found.order).index(0)


@pytest.mark.parametrize("equal", [True, False])
def test_order_search_with_polish_reaches_the_global_optimum(equal):
    reached = 0
    for seed in range(8):
        score = native.Score(covariance(6, seed, n=300), equal, 0.05, 1e-3)
        best = native.best_order(score).objective
        start = native.search_order(score.S, equal, Knowledge())
        ours = native.polish_order(score, start.order).objective
        assert ours >= best * (1 - 2e-7)
        reached += ours <= best * (1 + 1e-6)
    assert reached >= 6  # a local search: not always, but nearly


def test_more_than_twenty_variables_are_refused():
    with pytest.raises(ValueError, match="at most 20"):
        native.best_order(native.Score(np.eye(21), True, 0.1, 1e-3))
