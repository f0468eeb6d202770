"""Orders: scores of insertions against brute force, the factors after many of them, the searches built
on them.
"""

from itertools import permutations

import numpy as np
import pytest

from sparsestats._core import ext
from sparsestats.backend.dag import Knowledge
from sparsestats.backend.dagfit import bic_price
from sparsestats.backend.native import dag as native


def covariance(d, seed, n=60):
    rng = np.random.default_rng(seed)
    W = np.triu(rng.uniform(0.5, 1.5, (d, d)) * rng.choice([-1, 1, 0], (d, d)), 1)
    X = rng.normal(size=(n, d)) @ np.linalg.inv(np.eye(d) - W)
    return np.ascontiguousarray(np.cov(X[:, rng.permutation(d)].T, ddof=0))


def brute_score(S, order, equal):
    pivots = np.diagonal(np.linalg.cholesky(S[np.ix_(order, order)]))
    return (pivots**2).sum() if equal else pivots.sum()


@pytest.mark.parametrize("equal", [True, False])
def test_every_insertion_scores_as_a_fresh_factorisation(equal):
    d = 8
    S, order = covariance(d, 1), [3, 0, 7, 1, 5, 2, 6, 4]
    scores = ext.dag.testing.order_move_scores(S, equal, order)
    base = brute_score(S, order, equal)
    for a in range(d):
        for b in range(d):
            moved = list(order)
            moved.insert(b, moved.pop(a))
            # Two stable routes to one number: rounding alone tells them apart.
            assert scores[a, b] == pytest.approx(brute_score(S, moved, equal) - base, rel=1e-9, abs=1e-10 * base)


def test_factors_hold_after_many_moves():
    d = 12
    S, rng = covariance(d, 2), np.random.default_rng(0)
    moves = [tuple(map(int, rng.integers(0, d, 2))) for _ in range(10_000)]
    columns, T, order = ext.dag.testing.order_after_moves(S, list(range(d)), moves)
    R = columns.T
    permuted = S[np.ix_(order, order)]
    # 1e4 moves of a dozen rotations each: rounding of 1e5 operations on a covariance of condition about 1e3.
    np.testing.assert_allclose(R.T @ R, permuted, atol=1e-10 * permuted.max())
    np.testing.assert_allclose(T @ R, np.eye(d), atol=1e-9)
    assert not np.tril(R, -1).any() and not np.tril(T, -1).any()


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_search_with_restarts_finds_the_best_of_all_orders(equal, seed):
    S = covariance(5, seed)
    best = min(brute_score(S, list(order), equal) for order in permutations(range(5)))
    found = native.search_order(S, equal, Knowledge(), restarts=20)
    assert found.score == pytest.approx(best, rel=1e-10)
    assert brute_score(S, found.order, equal) == pytest.approx(found.score, rel=1e-10)


def test_two_variables_put_the_smaller_variance_first():
    # f = v1 + v2 - c^2 / v_first: analytic.
    S = np.array([[1.0, 0.8], [0.8, 2.0]])
    found = native.search_order(S, True, Knowledge())
    assert found.order.tolist() == [0, 1]
    assert found.score == pytest.approx(3.0 - 0.64)


def test_known_precedences_hold_from_every_start():
    S = covariance(6, 3)
    must = np.zeros((6, 6), dtype=bool)
    must[5, :5] = True
    must[:5, 0] |= np.arange(5) != 0
    found = native.search_order(S, True, Knowledge(must=must), restarts=5)
    assert found.order[0] == 5 and found.order[-1] == 0


def test_singular_covariance_is_told():
    S = np.ones((3, 3))
    assert native.search_order(S, True, Knowledge()) is None


def test_an_order_that_is_no_permutation_is_refused():
    with pytest.raises(ValueError, match="permutation"):
        native.search_order(np.eye(3), True, Knowledge(), starts=[np.array([0, 0, 1])])


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_polish_never_raises_the_objective_and_ends_where_no_insertion_lowers_it(equal, seed):
    d, alpha, floor = 6, 0.1, 1e-3
    score = native.Score(covariance(d, seed), equal, alpha, floor)
    start = np.random.default_rng(seed).permutation(d)
    before, after = native.fit_on_order(score, start), native.polish_order(score, start)
    assert after.objective <= before.objective
    assert after.converged
    for a in range(d):
        for b in range(d):
            moved = list(after.order)
            moved.insert(b, moved.pop(a))
            # The polish itself asks for a relative gain of 1e-9.
            assert native.fit_on_order(score, np.array(moved)).objective >= after.objective * (1 - 1e-8)


def bic_by_hand(S, n, price, order):
    """Best subset of the predecessors of every node, by enumeration."""
    total = 0.0
    for k, j in enumerate(order):
        best = np.inf
        for bits in range(2**k):
            pa = [order[i] for i in range(k) if bits >> i & 1]
            rss = S[j, j] - (S[j, pa] @ np.linalg.solve(S[np.ix_(pa, pa)], S[pa, j]) if pa else 0.0)
            best = min(best, n * np.log(rss) + price * len(pa))
        total += best
    return total


@pytest.mark.parametrize("seed", range(4))
def test_bic_search_with_restarts_finds_the_best_of_all_orders(seed):
    d, n = 5, 400
    S = covariance(d, seed, n=n)
    price = bic_price(n, d)
    best = min(bic_by_hand(S, n, price, order) for order in permutations(range(d)))
    found = native.refine_bic(S, n, price, Knowledge(), starts=[np.arange(d)], restarts=10)
    # Forward-backward selection need not find the best subset, but it never beats it.
    assert found.score >= best - 1e-8 * abs(best)
    assert found.score <= best + 0.02 * abs(best)
    rss = [
        S[j, j] - S[j, pa] @ np.linalg.solve(S[np.ix_(pa, pa)], S[pa, j])
        if len(pa := np.flatnonzero(found.parents[:, j]))
        else S[j, j]
        for j in range(d)
    ]
    assert found.score == pytest.approx(n * np.log(rss).sum() + price * found.parents.sum(), rel=1e-10)


def test_objective_of_the_core_is_the_one_written_out():
    S = covariance(7, 5)
    for equal in (True, False):
        fit = native.fit_on_order(native.Score(S, equal, 0.1, 1e-3), np.arange(7))
        D = np.eye(len(S)) - fit.weights
        v = np.diagonal(D.T @ S @ D)  # no scale is near its floor
        smooth = np.sqrt(len(S) * v.sum()) if equal else np.sqrt(v).sum()
        assert fit.objective == pytest.approx(smooth + 0.1 * np.abs(fit.weights).sum(), rel=1e-12)
        assert fit.weights.any() and not np.tril(fit.weights).any()


@pytest.mark.parametrize("equal", [True, False])
def test_weights_on_an_order_are_optimal_where_predecessors_are_nearly_collinear(equal):
    # Variances that grow along the order give active sets that change by dozens before they settle.
    rng = np.random.default_rng(3)
    d, n = 90, 400
    W = np.triu((rng.random((d, d)) < 8 / d) * rng.uniform(0.5, 2, (d, d)) * rng.choice([-1, 1], (d, d)), 1)
    S = np.ascontiguousarray(np.cov((rng.normal(size=(n, d)) @ np.linalg.inv(np.eye(d) - W)).T, ddof=0))
    required = np.zeros((d, d), dtype=bool)
    required[2, 40] = True
    score = native.Score(S, equal, 0.05, 1e-3, Knowledge(None, required, None))
    fit = native.fit_on_order(score, np.arange(d))
    gradient = S @ (np.eye(d) - fit.weights)
    ahead, size = np.triu(np.ones((d, d), dtype=bool), 1), 0.05 * fit.scale[None, :]
    # Rounding of a product of two standard deviations, the largest of which is of order 100.
    slack = 1e-11 * np.sqrt(np.outer(S.diagonal(), S.diagonal()))
    assert (np.abs(gradient)[ahead & ~required] <= (size * (1 + 1e-9) + slack)[ahead & ~required]).all()
    active = (fit.weights != 0) & ~required
    assert active.sum() > 3 * d
    assert (np.abs(gradient - size * np.sign(fit.weights))[active] <= (1e-9 * size + slack)[active]).all()
    assert abs(gradient[2, 40]) <= slack[2, 40] and fit.weights[2, 40] != 0
