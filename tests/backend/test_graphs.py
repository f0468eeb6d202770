"""Graphs, distances between them, moments with holes: against brute force on small cases."""

from itertools import combinations, product

import numpy as np
import pytest

from sparsestats import metrics
from sparsestats.backend.graphs import cpdag, descendants, levels, topological_order
from sparsestats.backend.missing import em_moments


def dags(d):
    pairs = list(combinations(range(d), 2))
    for way in product((0, 1, 2), repeat=len(pairs)):
        A = np.zeros((d, d), dtype=bool)
        for (i, j), k in zip(pairs, way, strict=True):
            if k:
                A[(i, j) if k == 1 else (j, i)] = True
        if topological_order(A) is not None:
            yield A


def signature(A):
    """Skeleton and colliders: what a Markov class is."""
    skeleton = A | A.T
    colliders = {
        (i, k, j) for k in range(len(A)) for i, j in combinations(np.flatnonzero(A[:, k]), 2) if not skeleton[i, j]
    }
    return skeleton.tobytes(), frozenset(colliders)


@pytest.mark.parametrize("d", [3, 4])
def test_cpdag_is_what_all_dags_of_a_class_share(d):
    classes = {}
    for A in dags(d):
        classes.setdefault(signature(A), []).append(A)
    for members in classes.values():
        union = np.any(members, axis=0)
        for A in members:
            np.testing.assert_array_equal(cpdag(A), union)


def test_topological_order_descendants_and_levels():
    A = np.zeros((4, 4))
    A[3, 1] = A[1, 0] = A[3, 2] = 1.0
    order = topological_order(A).tolist()
    assert order.index(3) < order.index(1) < order.index(0)
    assert descendants(A)[3].tolist() == [True, True, True, False]
    assert levels(A).tolist() == [2, 1, 1, 0]
    A[0, 3] = 1
    assert topological_order(A) is None


def test_shd_counts_a_reversal_once_and_forgives_within_a_class():
    chain = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    reverse = chain.T
    assert metrics.shd(chain, reverse) == 2
    assert metrics.shd_cpdag(chain, reverse) == 0
    assert metrics.shd(chain, np.zeros((3, 3))) == 2
    collider = np.array([[0, 1, 0], [0, 0, 0], [0, 1, 0]])
    assert metrics.shd(chain, collider) == 1 and metrics.shd_cpdag(chain, collider) == 2


def effects(W, i, adjusted):
    """Regression effects of i adjusting for a set, from the covariance of unit noise."""
    T = np.linalg.inv(np.eye(len(W)) - W)
    S = T.T @ T
    use = [i, *adjusted]
    return np.linalg.solve(S[np.ix_(use, use)], S[use])[0], T[i]


def test_sid_counts_the_effects_that_adjustment_gets_wrong():
    # Generic weights: a set adjusts rightly exactly when the linear effect it gives is the true one.
    rng = np.random.default_rng(0)
    graphs = list(dags(4))
    for _ in range(150):
        true, other = (graphs[k] for k in rng.integers(0, len(graphs), 2))
        W = true * rng.uniform(0.5, 1.5, true.shape)
        wrong = 0
        for i in range(4):
            parents = np.flatnonzero(other[:, i])
            found, right = effects(W, i, parents.tolist())
            for j in range(4):
                if j == i:
                    continue
                estimate = 0.0 if j in parents else found[j]
                wrong += abs(estimate - right[j]) > 1e-9
        assert metrics.sid(true, other) == wrong
    assert metrics.sid(graphs[5], graphs[5]) == 0


@pytest.mark.parametrize("function", [metrics.shd, metrics.shd_cpdag, metrics.sid])
def test_graphs_that_cannot_be_compared_are_refused(function):
    with pytest.raises(ValueError, match="differ in size"):
        function(np.zeros((2, 2)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="square"):
        function(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="to itself"):
        function(np.eye(2), np.zeros((2, 2)))


def test_distances_of_dags_refuse_cycles():
    with pytest.raises(ValueError, match="true has a cycle"):
        metrics.sid([[0, 1], [1, 0]], np.zeros((2, 2)))


def test_em_without_holes_is_the_sample_covariance():
    X = np.random.default_rng(0).normal(size=(40, 3)) @ [[1, 2, 0], [0, 1, 1], [0, 0, 1]]
    mean, S, n_iter = em_moments(X)
    np.testing.assert_allclose(mean, X.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(S, np.cov(X.T, ddof=0), atol=1e-12)
    assert n_iter <= 2


def test_em_is_stationary_for_the_observed_likelihood():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 3)) @ [[1, 2, 0], [0, 1, 1], [0, 0, 1]]
    X[rng.random(X.shape) < 0.2] = np.nan
    X = X[~np.isnan(X).all(axis=1)]
    mean, S, _ = em_moments(X, tol=1e-10, max_iter=5000)

    patterns = np.unique(~np.isnan(X), axis=0)

    def observed(mean, S):
        """The log-likelihood of what is seen, but for a constant; rows with the same entries at once."""
        total = 0.0
        for seen in patterns:
            rows = X[(np.isnan(X) != seen).all(axis=1)][:, seen] - mean[seen]
            part = S[np.ix_(seen, seen)]
            total -= len(rows) * np.linalg.slogdet(part)[1] + np.sum(rows * np.linalg.solve(part, rows.T).T)
        return total / 2

    top = observed(mean, S)
    for _ in range(20):
        E = rng.normal(size=(3, 3)) * 1e-2
        # A maximum: any small move costs likelihood.
        assert observed(mean + 1e-2 * rng.normal(size=3), S + E @ E.T) < top
        assert observed(mean, S * (1 + 1e-2 * rng.choice([-1, 1]))) < top


def test_em_names_a_column_without_values():
    with pytest.raises(ValueError, match="column 1 has fewer than two"):
        em_moments(np.array([[1.0, np.nan], [2.0, 3.0], [0.0, np.nan]]))
