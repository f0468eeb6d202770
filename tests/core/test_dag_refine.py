"""The BIC search's last two steps: shaken orders, and the member of the Markov class that is shown."""

import itertools

import numpy as np
import pytest

from sparsestats.backend.dag import Knowledge, residual_variances
from sparsestats.backend.dagfit import bic_price, search_gamma
from sparsestats.backend.graphs import cpdag, topological_order
from sparsestats.backend.native import dag as native


def moments(d, seed, edges=0.5):
    rng = np.random.default_rng(seed)
    W = np.triu(rng.random((d, d)) < edges, 1) * rng.choice([-1, 1], (d, d)) * rng.uniform(0.5, 2, (d, d))
    place = rng.permutation(d)
    W = W[np.ix_(place, place)]
    out = np.linalg.inv(np.eye(d) - W)
    return W != 0, np.ascontiguousarray(out.T @ np.diag(rng.uniform(0.5, 10, d)) @ out)


def scales(S, edges):
    return np.sqrt(native.refit_support(S, edges)[1]).sum()


def markov_class(edges):
    """Every DAG of the class, by trying all directions of all edges."""
    pairs = np.argwhere(np.triu(edges | edges.T))
    goal = cpdag(edges)
    for turned in itertools.product([False, True], repeat=len(pairs)):
        other = np.zeros_like(edges)
        for (i, j), turn in zip(pairs, turned, strict=True):
            other[(j, i) if turn else (i, j)] = True
        if topological_order(other) is not None and (cpdag(other) == goal).all():
            yield other


@pytest.mark.parametrize("seed", range(6))
def test_oriented_graph_is_of_the_class_and_its_scales_are_the_least_of_it(seed):
    edges, S = moments(5, seed)
    order, found = native.orient(S, topological_order(edges), edges, Knowledge())
    np.testing.assert_array_equal(cpdag(found), cpdag(edges))
    place = np.argsort(order)
    assert all(place[i] < place[j] for i, j in np.argwhere(found))
    least = min(scales(S, other) for other in markov_class(edges))
    assert scales(S, found) == pytest.approx(least, rel=1e-9)


def test_orientation_turns_something_and_keeps_the_likelihood():
    turned = 0
    for seed in range(60):
        edges, S = moments(6, seed, edges=0.8)
        found = native.orient(S, topological_order(edges), edges, Knowledge())[1]
        turned += (found != edges).any()
        before, after = (native.refit_support(S, g)[1] for g in (edges, found))
        assert np.log(after).sum() == pytest.approx(np.log(before).sum(), rel=1e-9)
    assert turned >= 5


@pytest.mark.parametrize("kind", ["forbidden", "required", "must"])
def test_orientation_heeds_what_is_known(kind):
    met = 0
    for seed in range(60):
        edges, S = moments(5, seed, edges=0.8)
        order = topological_order(edges)
        free = native.orient(S, order, edges, Knowledge())[1]
        for i, j in np.argwhere(edges & free.T):  # turned, were it not known
            known = np.zeros_like(edges)
            known[(j, i) if kind == "forbidden" else (i, j)] = True
            order_known, held = native.orient(S, order, edges, Knowledge(**{kind: known}))
            place = np.argsort(order_known)
            assert held[i, j] and place[i] < place[j]
            met += 1
    assert met >= 5


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
