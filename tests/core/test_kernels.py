"""Compiled kernels against numpy oracles and brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from sparsestats._core import ext
from sparsestats.backend.penalties import GroupSortedL1, SortedL1
from sparsestats.backend.sorted_norms import weighted_sorted_prox

kernels = ext.testing
reals = st.floats(-10, 10).map(lambda x: round(x, 2))
positive = st.floats(0, 3).map(lambda x: round(x, 2))


@st.composite
def vector_and_weights(draw, least=1, most=40):
    k = draw(st.integers(least, most))
    vector = np.array(draw(st.lists(reals, min_size=k, max_size=k)))
    weights = np.sort(np.array(draw(st.lists(positive, min_size=k, max_size=k))))[::-1].copy()
    return vector, weights


def sorted_prox_by_pooling(r, w, step):
    """Bogdan et al. (2015), algorithm 3, on magnitudes; pooled blocks written as max-min of means."""
    order = np.argsort(-r, kind="stable")
    d = r[order] - step * w
    k = len(d)
    means = np.full((k, k), np.nan)
    for i, j in itertools.combinations_with_replacement(range(k), 2):
        means[i, j] = d[i : j + 1].mean()
    # decreasing isotonic regression: max over later ends of the min over earlier starts
    fitted = np.array([max(min(means[i, j] for i in range(t + 1)) for j in range(t, k)) for t in range(k)])
    out = np.empty(k)
    out[order] = np.maximum(fitted, 0)
    return out


@given(vector_and_weights(most=12), st.floats(0.01, 2))
@settings(max_examples=40, deadline=None)
def test_sorted_prox_is_isotonic_regression(case, step):
    r, w = np.abs(case[0]), case[1]
    np.testing.assert_allclose(kernels.prox_sorted(r, w, step), sorted_prox_by_pooling(r, w, step), atol=1e-12)


@given(vector_and_weights(), st.floats(0.01, 2))
@settings(max_examples=30, deadline=None)
def test_sorted_prox_is_the_python_prox(case, step):
    r, w = np.abs(case[0]), case[1]
    expected = SortedL1(w).resolve(5, sizes=np.ones(len(r))).prox(r, step)
    np.testing.assert_allclose(kernels.prox_sorted(r, w, step), expected, atol=1e-12)


def weighted_objective(x, rho, k, weights):
    return 0.5 * np.sum((x - rho) ** 2) + weights @ np.sort(k * x)[::-1]


@given(vector_and_weights(), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_weighted_prox_is_the_python_prox(case, seed):
    rho, weights = np.abs(case[0]), case[1]
    sizes = np.random.default_rng(seed).integers(1, 9, len(rho))
    groups = np.repeat(np.arange(len(rho)), sizes)
    first = np.append(0, np.cumsum(sizes)[:-1])
    u = np.zeros(len(groups))
    u[first] = rho
    expected = GroupSortedL1(weights).resolve(5, groups=groups).prox(u, 1.0)[first]
    found = kernels.prox_weighted_sorted(rho, np.sqrt(sizes), weights)
    np.testing.assert_allclose(found, expected, atol=1e-11)


@pytest.mark.parametrize("seed", range(6))
def test_weighted_prox_is_the_minimiser_brute_force_finds(seed):
    """All orders of the weighted entries, a small convex program each; the order of k * rho misses it."""
    rng = np.random.default_rng(seed)
    m = 4
    rho, k = rng.uniform(0, 3, m), np.sqrt(rng.integers(1, 15, m))
    weights = np.sort(rng.uniform(0, 1.5, m))[::-1].copy()
    best = np.inf
    for order in itertools.permutations(range(m)):
        order = np.array(order)
        chain = [
            {"type": "ineq", "fun": lambda x, a=a, b=b: k[a] * x[a] - k[b] * x[b]} for a, b in itertools.pairwise(order)
        ]
        aligned = np.empty(m)
        aligned[order] = weights
        quadratic = minimize(
            lambda x, aligned=aligned: 0.5 * np.sum((x - rho) ** 2) + aligned @ (k * x),
            np.zeros(m), method="SLSQP", bounds=[(0, None)] * m, constraints=chain, options={"ftol": 1e-14},
        )  # fmt: skip
        best = min(best, quadratic.fun)
    found = kernels.prox_weighted_sorted(rho, k, weights)
    assert found.min() >= 0
    # SLSQP's answers are feasible to 1e-8 or so: its least is not below ours by more, nor ours above by more
    assert weighted_objective(found, rho, k, weights) == pytest.approx(best, abs=1e-7)


@pytest.mark.parametrize("prox", ["python", "core", "core, warm"])
def test_weighted_prox_lets_nothing_grow_even_by_rounding(prox):
    """From a norm of 0 a growth of 1e-18 is a factor without bound: such units once became not-a-numbers."""
    rng = np.random.default_rng(0)
    for _ in range(200):
        m = rng.integers(2, 12)
        rho, k = rng.uniform(0, 1, m) * (rng.random(m) < 0.6), np.sqrt(rng.integers(1, 20, m))
        rho[rng.random(m) < 0.3] = rng.uniform(1e-19, 1e-16)
        weights = np.sort(rng.uniform(0, 0.1, m))[::-1] * (np.arange(m) < rng.integers(1, m + 1))
        if prox == "python":
            found = weighted_sorted_prox(rho, k, weights)
        else:
            found = kernels.prox_weighted_sorted(rho, k, weights, rho[::-1].copy() if prox == "core, warm" else None)
        assert (found >= 0).all() and (found <= rho).all()


@given(vector_and_weights())
@settings(max_examples=30, deadline=None)
def test_dual_norm_is_the_largest_ratio_of_cumulative_sums(case):
    z, w = case
    w = w + 0.1
    ratios = np.cumsum(np.sort(np.abs(z))[::-1]) / np.cumsum(w)
    assert kernels.sorted_dual_norm(list(np.abs(z)), w) == pytest.approx(ratios.max(), rel=1e-13, abs=1e-300)


def printed_selector(excess):
    """Larsson, Bogdan & Wallin (2020), algorithm 1."""
    i, k, s = 1, 0, 0.0
    while i + k <= len(excess):
        s += excess[i + k - 1]
        if s >= 0:
            k, i, s = k + i, 1, 0.0
        else:
            i += 1
    return k


@given(st.lists(st.integers(-20, 20).map(float), max_size=30))
@settings(max_examples=100, deadline=None)
def test_selector_is_the_printed_one(excess):
    assert kernels.cumsum_select(excess) == printed_selector(excess)  # whole numbers: no rounding to allow for


@pytest.mark.parametrize("n", [0, 1, 3, 7, 8, 9, 31, 64, 1000])
def test_dot_of_every_length_is_exact_to_rounding(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(size=n)
    bound = 1e-15 * (1 + np.abs(x) @ np.abs(y))
    assert kernels.dot(x, y) == pytest.approx(x @ y, abs=bound)
    single = x.astype(np.float32)
    # summed in double: no float32 rounding beyond that of x itself
    assert kernels.dot32(single, y) == pytest.approx(single.astype(float) @ y, abs=bound)


@pytest.mark.parametrize(("m", "k"), [(1, 1), (2, 3), (5, 8), (9, 33), (17, 100), (97, 5), (109, 400)])
def test_gram_of_rows(m, k):
    A = np.random.default_rng(m).normal(size=(m, k))
    C = kernels.gram_rows(A)
    lower = np.tril_indices(m)
    np.testing.assert_allclose(C[lower], (A @ A.T)[lower], rtol=1e-12, atol=1e-13 * k)


@pytest.mark.parametrize("m", [1, 3, 4, 5, 8, 23, 60])
def test_a_symmetric_matrix_is_known_by_its_lower_triangle(m):
    rng = np.random.default_rng(m)
    S, x = rng.normal(size=(m, m)), rng.normal(size=m)
    whole = np.tril(S) + np.tril(S, -1).T
    np.testing.assert_allclose(kernels.symmetric_times(S, x), whole @ x, rtol=1e-12, atol=1e-13 * m)


@pytest.mark.parametrize("k", [1, 2, 5, 20, 70])
def test_cholesky_solves(k):
    M = np.random.default_rng(k).normal(size=(k, 2 * k + 1))
    A, b = M @ M.T, np.arange(1.0, k + 1)
    x, pinned = kernels.cholesky_solve(A, b)
    assert pinned == 0
    np.testing.assert_allclose(x, np.linalg.solve(A, b), rtol=1e-8, atol=1e-9)


def test_cholesky_of_a_singular_matrix_pins_the_redundant_rows():
    """A column that repeats another keeps coefficient 0, and what is left solves the consistent system."""
    M = np.random.default_rng(0).normal(size=(6, 20))
    M[3] = M[1]
    M[5] = M[0] + M[2]
    A = M @ M.T
    b = A @ np.arange(1.0, 7.0)
    x, pinned = kernels.cholesky_solve(A, b)
    assert pinned == 2 and x[3] == 0 and x[5] == 0
    np.testing.assert_allclose(A @ x, b, rtol=1e-9)


def test_cholesky_of_zeros_is_all_pinned():
    x, pinned = kernels.cholesky_solve(np.zeros((3, 3)), np.zeros(3))
    assert pinned == 3 and not x.any()
