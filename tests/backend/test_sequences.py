"""Sequences against the distribution functions that define them, through scipy.stats."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from sparsestats.backend.sequences import elementwise, groupwise, sparse_group

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
    np.testing.assert_allclose(w, (stats.chi.isf(tails[:, None], SIZES) / np.sqrt(SIZES)).max(axis=1), rtol=1e-12)


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


def shares(sizes, w, r):
    """The part of a column's penalty that its group lends, over l1_ratio r: sizes largest first."""
    return np.array([(1 - r) * int(r * size + 1e-9) * w[j] / 3 for j, size in enumerate(sorted(sizes)[::-1])])


@pytest.mark.parametrize("r", [0.05, 0.5, 0.7, 0.95, 1.0])
def test_vmean_solves_its_equation_to_1e_12(r):
    v, w = sparse_group("vmean", SIZES, q=(0.2, 0.05), l1_ratio=r)
    p = SIZES.sum()
    np.testing.assert_array_equal(w, groupwise("mean", SIZES, q=0.05))
    s = shares(SIZES, w, r)
    for i, x in enumerate(v, 1):
        tail = 0.2 * i / (2 * p)
        if x == 0:  # cut: the root is negative
            assert stats.norm.sf(s).mean() <= tail
        else:
            root = optimize.brentq(
                lambda x, tail=tail: np.log(stats.norm.sf(r * x + s).mean() / tail), x - 1, x + 1, xtol=1e-15
            )
            assert x == pytest.approx(root, abs=1e-12, rel=1e-12)


def test_vmean_of_many_columns_is_interpolated_to_1e_12():
    """2000 columns: read off a Chebyshev series instead of solved one by one."""
    sizes = np.random.default_rng(0).integers(3, 20, 180)
    for r in (0.3, 0.95):
        v, w = sparse_group("vmean", sizes, l1_ratio=r)
        i = np.array([1, 2, 10, 500, 1500, len(v) - 1])
        tail = stats.norm.sf(r * v[i - 1, None] + shares(sizes, w, r)).mean(axis=1)
        np.testing.assert_allclose(tail, 0.1 * i / (2 * len(v)), rtol=1e-12)


def test_vmean_never_goes_below_zero():
    """Large groups lend more than the column's own quantile: the root would be negative."""
    v, _ = sparse_group("vmean", [100, 100, 100], l1_ratio=0.5)
    assert v[0] == 0.0 and not v.any()


def test_vmax_takes_the_group_that_lends_least():
    r = 0.7
    v, w = sparse_group("vmax", SIZES, q=(0.2, 0.05), l1_ratio=r)
    p = SIZES.sum()
    bh = stats.norm.isf(0.2 * np.arange(1, p + 1) / (2 * p))
    s = shares(SIZES, w, r)
    np.testing.assert_allclose(v, np.maximum(np.max((bh[:, None] - s) / r, axis=1), 0), rtol=1e-13)


def test_original_is_bh_and_mean():
    v, w = sparse_group("original", SIZES, q=(0.2, 0.05))
    np.testing.assert_array_equal(v, elementwise("bh", SIZES.sum(), q=0.2))
    np.testing.assert_array_equal(w, groupwise("mean", SIZES, q=0.05))


def test_the_floor_of_a_size_is_guarded_against_rounding():
    """0.7 * 90 is 62.999... in floating point; the share is that of 63 columns."""
    assert int(0.7 * 90) == 62
    v, w = sparse_group("vmax", [90], l1_ratio=0.7)
    bh = stats.norm.isf(0.1 * np.arange(1, 91) / 180)
    np.testing.assert_allclose(v, np.maximum(bh - 0.3 * 63 * w[0] / 3, 0) / 0.7, atol=1e-13)


def test_sparse_group_shapes_by_hand():
    v, w = sparse_group("oscar", [1, 3])
    np.testing.assert_array_equal(v, [1.75, 1.5, 1.25, 1.0])
    np.testing.assert_array_equal(w, [1.5, 1.0])
    v, w = sparse_group("lasso", [1, 3])
    np.testing.assert_array_equal(v, np.ones(4))
    np.testing.assert_array_equal(w, np.ones(2))


def test_at_the_ends_of_l1_ratio_the_columns_share_nothing():
    for name in ("vmean", "vmax", "original"):
        for r in (0.0, 1.0):
            v, _ = sparse_group(name, SIZES, l1_ratio=r)
            np.testing.assert_allclose(v, elementwise("bh", SIZES.sum()), rtol=1e-13)


def test_a_pair_takes_names_and_arrays():
    v, w = sparse_group(([3.0, 2.0, 0.0], "max"), [1, 2], q=(0.3, 0.2))
    np.testing.assert_array_equal(v, [3.0, 2.0, 0.0])
    np.testing.assert_array_equal(w, groupwise("max", [1, 2], q=0.2))
    v, w = sparse_group(("gaussian", "corrected"), [1, 2], n=30)
    np.testing.assert_array_equal(v, elementwise("gaussian", 3, n=30))
    np.testing.assert_array_equal(w, groupwise("corrected", [1, 2], n=30))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(sequence="mean"), '"vmean", "vmax", "original", "lasso", "oscar", or a pair'),
        (dict(sequence=[3.0, 2.0, 1.0]), r"name or a pair \(v, w\)"),
        (dict(sequence=([1.0, 2.0, 3.0], "mean")), "non-increasing"),
        (dict(sequence=([3.0, 2.0, 1.0], [1.0])), "each of the 2 penalised groups"),
        (dict(sequence="vmean", q=(0.1, 1.5)), r"q must be in \(0, 1\)"),
        (dict(sequence="vmean", q=(0.1, 0.1, 0.1)), r"pair \(q_v, q_g\)"),
        (dict(sequence="vmean", l1_ratio=1.5), r"l1_ratio must be in \[0, 1\]; got 1.5"),
    ],
)
def test_bad_sparse_group_sequences_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        sparse_group(sizes=[1, 2], **arguments)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.floats(0.001, 0.999), st.floats(1e-6, 1))
@settings(max_examples=30, deadline=None)
def test_sparse_group_sequences_never_increase(sizes, q, r):
    for name in ("vmean", "vmax", "original", "oscar"):
        v, w = sparse_group(name, sizes, q=q, l1_ratio=r)
        assert v.shape == (sum(sizes),) and np.all(np.diff(v) <= 0) and v[-1] >= 0
        assert w.shape == (len(sizes),) and np.all(np.diff(w) <= 1e-13 * w[0])
