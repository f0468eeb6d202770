"""The search behind refine="bic": shaken orders, and what noise of one population adds to the BIC."""

import numpy as np
import pytest

import sparsestats as ss
from sparsestats.backend.dag import Knowledge, residual_variances
from sparsestats.backend.dag_evidence import evidence
from sparsestats.backend.dagfit import bic_price, search_gamma
from sparsestats.backend.native import dag as native


def moments(d, seed, edges=0.5):
    rng = np.random.default_rng(seed)
    W = np.triu(rng.random((d, d)) < edges, 1) * rng.choice([-1, 1], (d, d)) * rng.uniform(0.5, 2, (d, d))
    place = rng.permutation(d)
    W = W[np.ix_(place, place)]
    out = np.linalg.inv(np.eye(d) - W)
    return W != 0, np.ascontiguousarray(out.T @ np.diag(rng.uniform(0.5, 10, d)) @ out)


def logarithms(S, edges):
    """Of the noise variances, and of the determinants of the parents' covariances."""
    left = [
        S[j, j] - S[j, p] @ np.linalg.solve(S[np.ix_(p, p)], S[p, j])
        for j, p in enumerate(map(np.flatnonzero, edges.T))
    ]
    return np.log(left), [np.linalg.slogdet(S[np.ix_(p, p)])[1] for p in map(np.flatnonzero, edges.T)]


def hubs(d, seed, spread):
    """Rows of a graph where each variable has up to four of the first six as causes; log noise sd by spread."""
    rng = np.random.default_rng(seed)
    W = np.zeros((d, d))
    for j in range(1, d):
        causes = rng.choice(min(j, 6), min(j, 4), replace=False)
        W[causes, j] = rng.uniform(0.5, 2, len(causes)) * rng.choice([-1, 1], len(causes))
    place = rng.permutation(d)
    W = W[np.ix_(place, place)]
    return W, (rng.normal(size=(1000, d)) * np.exp(spread * rng.normal(size=d))) @ np.linalg.inv(np.eye(d) - W)


@pytest.mark.parametrize("seed", range(4))
def test_score_under_beliefs_is_the_marginal_likelihood_written_out(seed):
    S, n, price = moments(8, seed)[1], 300.0, bic_price(300, 8)
    centre, precision = np.linspace(-1, 2, 8), 1.5
    found = native.refine_bic(S, n, price, Knowledge(), starts=[np.arange(8)], shakes=2, beliefs=(centre, precision))
    levels, determinants = logarithms(S, found.parents)
    count = found.parents.sum(axis=0)
    assert count.sum() > 8
    by_hand = ((n - count) * levels + determinants + price * count + precision * (levels - centre) ** 2).sum()
    assert found.score == pytest.approx(by_hand, rel=1e-10)
    # Backward steps left no parent whose price is higher than what it brings.
    for i, j in np.argwhere(found.parents):
        less = found.parents.copy()
        less[i, j] = False
        after, smaller = logarithms(S, less)
        rise = (n - count[j] + 1) * after[j] - (n - count[j]) * levels[j] + smaller[j] - determinants[j]
        assert rise > price * (1 - 1e-9)


def test_evidence_of_two_graphs_differs_by_what_the_search_sees_and_the_spread():
    edges, S = moments(7, 1)
    n, price = 400.0, bic_price(400, 7)
    fewer = edges.copy()
    fewer[tuple(np.argwhere(edges)[0])] = False
    values = []
    for graph in (edges, fewer):
        levels, determinants = logarithms(S, graph)
        count = graph.sum(axis=0)
        seen = evidence(S, n, price, graph)
        values.append(seen.value)
        assert len(np.unique(seen.units)) == 1  # these weights are of one size in the units of S
        by_hand = ((n - count) * levels + determinants + price * count).sum() + 7 * np.log(levels.var())
        assert seen.value == pytest.approx(by_hand, rel=1e-12)
        centre, precision = seen.beliefs
        assert centre == pytest.approx(np.zeros(7), abs=1e-12) and precision == pytest.approx(1 / levels.var())
    assert values[0] < values[1]


def test_evidence_takes_the_noise_for_unit_where_columns_were_rescaled():
    edges, S = moments(12, 3)
    n, price = 400.0, bic_price(400, 12)
    units = np.exp(np.random.default_rng(0).normal(0, 3, 12))
    seen = evidence(S * np.outer(units, units), n, price, edges)
    levels = np.log(native.refit_support(S, edges)[1]) + 2 * np.log(units)
    np.testing.assert_allclose(seen.units, np.exp(levels / 2), rtol=1e-9)
    one, other = (evidence(S * k, n, price, edges) for k in (1.0, 9.0))
    np.testing.assert_allclose(other.units, 3 * one.units)
    assert other.value - one.value == pytest.approx(n * 12 * np.log(9), rel=1e-9)


def test_equal_noise_is_seen_without_being_told():
    # By the BIC alone 8 edges or more were wrong.
    wrong = []
    for seed in range(4):
        W, X = hubs(15, seed, 0.0)
        wrong.append(ss.metrics.shd(W, ss.CoLiDE("nv").fit(X).adjacency_))
    assert np.mean(wrong) <= 1


def test_noise_of_one_population_tells_graphs_apart_that_the_bic_confuses():
    wrong = []
    for seed in range(8):
        W, X = hubs(15, seed, 0.4)
        wrong.append(ss.metrics.shd(W, ss.CoLiDE("nv").fit(X).adjacency_))
    assert np.mean(wrong) <= 9  # 13.6 by the BIC alone, 5.9 here


def test_shaken_orders_leave_optima_that_insertions_do_not():
    gains = []
    for seed in range(4):
        _, S = moments(30, seed, edges=0.25)
        sd = np.sqrt(np.diagonal(S))
        S = S / np.outer(sd, sd)
        starts = [np.random.default_rng(seed).permutation(30)]
        price = bic_price(1000, 30)
        plain, shaken = (native.refine_bic(S, 1000, price, Knowledge(), starts=starts, shakes=k) for k in (0, 4))
        gains.append(plain.score - shaken.score)
        left = residual_variances(S, native.refit_support(S, shaken.parents)[0])
        assert shaken.score == pytest.approx(1000 * np.log(left).sum() + price * shaken.parents.sum(), rel=1e-9)
    assert min(gains) >= 0 and max(gains) > 2 * price


def test_price_of_an_edge_grows_from_a_hundred_rows_to_a_thousand():
    assert [search_gamma(n) for n in (30, 100, 1000, 10**6)] == pytest.approx([0.5, 0.5, 1.0, 1.0])
    assert 0.5 < search_gamma(300) < 1
    assert bic_price(1000, 100, 1.0) == pytest.approx(np.log(1000) + 2 * np.log(100))


def test_parents_on_an_order_are_found_though_no_one_of_them_shows_alone():
    # Each cause alone tells .7 % of the last variable, less than the price of an edge; all three 99 %. Neither
    # likely nor worth a forward step, they are found by the regression on all earlier ones.
    causes = np.full((3, 3), -0.49) + 1.49 * np.eye(3)
    S = np.zeros((5, 5))
    S[:3, :3] = causes
    S[:3, 4] = S[4, :3] = causes.sum(axis=0)
    S[4, 4] = causes.sum() + 0.01
    S[3, 3] = 1.0
    n, price = 500.0, bic_price(500, 5)
    alone = S[:4, 4] ** 2 / np.diagonal(S)[:4] / S[4, 4]
    assert (-n * np.log1p(-alone) < price).all()
    order, none = np.arange(5), np.zeros((5, 5), dtype=bool)

    def parents(rows=n, forbidden=None, **how):
        found = native.select_parents(S, rows, price, order, none, Knowledge(forbidden), **how)
        return np.flatnonzero(found[:, 4])

    np.testing.assert_array_equal(parents(), [0, 1, 2])
    assert len(parents(max_parents=2)) <= 2
    forbidden = none.copy()
    forbidden[1, 4] = True
    assert 1 not in parents(forbidden=forbidden)
    assert len(parents(rows=11.0)) == 0  # fewer than three rows for each of the four: no regression on all is asked
