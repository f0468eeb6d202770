"""Sequences against the distribution functions that define them, through scipy.stats."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from sparsestats.backend.sequences import elementwise, groupwise

SIZES = np.array([1, 3, 3, 20, 7, 1, 4])


def test_bh_solves_its_tail_equation():
    v = elementwise("bh", 50, q=0.05)
    # sf is exact to rounding; the quantile's relative error is magnified by v * hazard < 20
    np.testing.assert_allclose(stats.norm.sf(v), 0.05 * np.arange(1, 51) / 100, rtol=1e-13)


def test_bh_stays_accurate_in_the_far_tail():
    """q i / 2p = 5e-14: 1 - that loses 3 digits of the tail, the tail itself none."""
    assert stats.norm.sf(elementwise("bh", 100_000, q=1e-8)[0]) == pytest.approx(5e-14, rel=1e-12)


def test_gaussian_follows_its_recursion_then_is_flat():
    n, p = 300, 80
    v, bh = elementwise("gaussian", p, q=0.1, n=n), elementwise("bh", p, q=0.1)
    assert v[0] == bh[0]
    flat = int(np.argmax(np.diff(v) == 0))
    assert 1 < flat < p - 2
    for i in range(1, flat + 1):  # i + 1 is the rank of the specification
        assert v[i] == pytest.approx(bh[i] * np.sqrt(1 + np.sum(v[:i] ** 2) / (n - i - 1)), rel=1e-13)
    assert np.all(v[flat:] == v[flat])
    assert bh[flat + 1] * np.sqrt(1 + np.sum(v[: flat + 1] ** 2) / (n - flat - 2)) > v[flat]


def test_gaussian_tends_to_bh_for_many_observations():
    np.testing.assert_allclose(elementwise("gaussian", 30, n=10**9), elementwise("bh", 30), rtol=1e-6)


def test_oscar_is_linear_and_lasso_flat():
    np.testing.assert_array_equal(elementwise("oscar", 4), [2.5, 2.0, 1.5, 1.0])
    np.testing.assert_array_equal(elementwise("oscar", 3, theta=(0.0, 2.0)), [4.0, 2.0, 0.0])
    np.testing.assert_array_equal(elementwise("lasso", 3), np.ones(3))
    np.testing.assert_array_equal(groupwise("oscar", [1, 1]), [1.5, 1.0])
    np.testing.assert_array_equal(groupwise("lasso", [2, 1]), np.ones(2))


def test_max_is_the_largest_quantile_over_groups():
    w, m = groupwise("max", SIZES, q=0.2), len(SIZES)
    tails = 0.2 * np.arange(1, m + 1) / m
    np.testing.assert_allclose(
        w, (stats.chi.isf(tails[:, None], SIZES) / np.sqrt(SIZES)).max(axis=1), rtol=1e-12
    )


def test_mean_solves_its_equation_to_1e_12():
    for q in (1e-6, 0.1, 0.9):
        w, m = groupwise("mean", SIZES, q=q), len(SIZES)
        tail = stats.chi.sf(w[:, None] * np.sqrt(SIZES), SIZES).mean(axis=1)
        np.testing.assert_allclose(tail, q * np.arange(1, m + 1) / m, rtol=1e-12)


def test_mean_handles_very_unequal_sizes():
    """The mixture of 1 and 5 000 columns has two scales; Newton alone would leave the bracket."""
    sizes = np.array([1] * 20 + [5000] * 20)
    w = groupwise("mean", sizes, q=0.5)
    tail = stats.chi2.sf(w[:, None] ** 2 * sizes, sizes).mean(axis=1)
    np.testing.assert_allclose(tail, 0.5 * np.arange(1, 41) / 40, rtol=1e-10)


def test_equal_sizes_make_mean_and_max_one():
    np.testing.assert_allclose(groupwise("mean", [4] * 9), groupwise("max", [4] * 9), rtol=1e-14)


def test_groups_of_one_column_are_elementwise_bh():
    np.testing.assert_allclose(groupwise("mean", [1] * 12, q=0.3), elementwise("bh", 12, q=0.3), rtol=1e-13)


def test_corrected_follows_its_recursion_then_is_flat():
    sizes, n, q = np.array([2, 3, 3, 2, 5, 4] * 5), 600, 0.1
    w, m = groupwise("corrected", sizes, q=q, n=n), len(sizes)
    assert w[0] == pytest.approx(groupwise("mean", sizes, q=q)[0], rel=1e-14)
    flat = int(np.argmax(np.diff(w) == 0))
    assert flat > 2

    def solved(i):
        used = sizes * i
        s = np.sqrt((n - used) / n + sizes * np.sum(w[:i] ** 2) / (n - used - 1))
        return optimize.brentq(
            lambda x: stats.chi.sf(np.sqrt(sizes) * x / s, sizes).mean() - q * (i + 1) / m,
            0.1,
            10.0,
            xtol=1e-14,
            rtol=1e-14,
        )

    for i in range(1, flat + 1):
        assert w[i] == pytest.approx(solved(i), rel=1e-12)
    assert solved(flat + 1) > w[flat] and np.all(w[flat:] == w[flat])


def test_corrected_is_held_where_no_degrees_of_freedom_are_left():
    w = groupwise("corrected", [6] * 10, n=7)
    np.testing.assert_array_equal(w, np.full(10, w[0]))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.floats(0.001, 0.999))
@settings(max_examples=30, deadline=None)
def test_group_sequences_never_increase(sizes, q):
    for name in ("mean", "max", "corrected", "oscar"):
        w = groupwise(name, sizes, q=q, n=200)
        assert w.shape == (len(sizes),) and np.all(np.diff(w) <= 1e-13 * w[0]) and w[-1] > 0


@given(st.integers(1, 60), st.floats(0.001, 0.999), st.integers(1, 80))
@settings(max_examples=30, deadline=None)
def test_column_sequences_never_increase(p, q, n):
    for name in ("bh", "gaussian", "oscar"):
        v = elementwise(name, p, q=q, n=n)
        assert v.shape == (p,) and np.all(np.diff(v) <= 0) and v[-1] > 0


def test_no_penalised_column_needs_no_weight():
    assert elementwise("bh", 0).shape == groupwise("mean", []).shape == groupwise("max", []).shape == (0,)


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        ([3.0, 1.0, 2.0], r"non-increasing.*entry 2 \(2\) is larger than entry 1 \(1\)"),
        ([2.0, 1.0, -1.0], "must be >= 0; entry 2 is -1"),
        ([2.0, 1.0], r"each of the 3 penalised columns, shape \(3,\); got shape \(2,\)"),
        ([[2.0, 1.0, 0.0]], r"got shape \(1, 3\)"),
        ([2.0, np.nan, 0.0], "must be finite; entry 1 is not"),
        (["a", "b", "c"], "a name or an array of numbers"),
        (None, r"got shape \(\)"),
        ("BH", '"bh", "gaussian", "oscar", "lasso", or an array.*got \'BH\''),
        ("gaussian", "depends on the number of observations"),
    ],
)
def test_bad_sequences_are_refused_with_what_is_wrong(sequence, message):
    with pytest.raises(ValueError, match=message):
        elementwise(sequence, 3)


@pytest.mark.parametrize("q", [0.0, 1.0, -0.1, 2.0, np.nan])
def test_q_outside_the_unit_interval_is_refused(q):
    with pytest.raises(ValueError, match=r"q must be in \(0, 1\)"):
        elementwise("bh", 3, q=q)
    with pytest.raises(ValueError, match=r"q must be in \(0, 1\)"):
        groupwise("max", [1, 2], q=q)


def test_group_sizes_below_one_are_refused():
    with pytest.raises(ValueError, match="group sizes must be at least 1"):
        groupwise("mean", [2, 0])


def test_a_custom_sequence_is_copied():
    mine = np.array([2.0, 1.0, 0.0])
    v = elementwise(mine, 3)
    v[0] = 9.0
    np.testing.assert_array_equal(mine, [2.0, 1.0, 0.0])
