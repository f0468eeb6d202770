"""The standardisation map against numpy on the repeated rows that integer weights stand for."""

import numpy as np
import pytest
from scipy import sparse

import sparsestats as ss
from sparsestats._core import ext
from sparsestats.backend.native.slope import columns, deviations
from sparsestats.backend.penalties import GroupSortedL1, SortedL1
from sparsestats.backend.problem import Problem
from sparsestats.backend.standardize import moments, resolved, standardization


def problem(X, **changes):
    return Problem(**({"X": X, "y": np.zeros(X.shape[0]), "loss": None, "penalty": SortedL1()} | changes))


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 6)) * rng.uniform(0.1, 10, 6) + rng.normal(size=6)


@pytest.mark.parametrize("form", [np.asarray, np.asfortranarray, sparse.csc_array, sparse.csc_matrix])
def test_integer_weights_are_repeated_rows(X, form):
    X[np.abs(X) < 0.3] = 0.0
    counts = np.random.default_rng(1).integers(0, 4, len(X))
    center, sd = moments(form(X), counts * len(X) / counts.sum())
    repeated = np.repeat(X, counts, axis=0)
    np.testing.assert_allclose(center, repeated.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(sd, repeated.std(axis=0), rtol=1e-12)


def test_a_large_mean_does_not_cancel():
    x = np.random.default_rng(2).normal(size=(200, 1))
    for form in (np.asarray, sparse.csc_array):
        # 1e8 leaves 8 digits of x in the data itself
        np.testing.assert_allclose(moments(form(x + 1e8))[1], x.std(axis=0), rtol=1e-7)


@pytest.mark.parametrize("form", [np.asarray, sparse.csc_array])
@pytest.mark.parametrize("power", [-1000, 900])
def test_moments_in_any_unit_are_those_of_the_column(X, form, power):
    """Squares of such columns are out of range; a power of two changes no digit."""
    weight = np.linspace(0, 2, len(X))
    for near, far in zip(moments(form(X), weight), moments(form(np.ldexp(X, power)), weight), strict=True):
        np.testing.assert_array_equal(np.ldexp(near, power), far)


def test_true_divides_by_sd_and_factor(X):
    factor = np.array([1.0, 2.0, 0.5, 0.0, 1.0, 1.0])
    std = standardization(problem(X, penalty_factor=factor))
    beta = np.arange(1.0, 7.0)
    expected = np.where(factor > 0, factor * X.std(axis=0), 1.0) * beta
    np.testing.assert_allclose(std.to_standard(beta), expected, rtol=1e-13)
    np.testing.assert_allclose(std.from_standard(std.to_standard(beta)), beta, rtol=1e-13)


def test_false_leaves_columns_alone(X):
    std = standardization(problem(X, standardize=False))
    np.testing.assert_array_equal(std.to_standard(np.arange(6.0)), np.arange(6.0))


@pytest.mark.parametrize("value", [0.1, 1e6, 0.0])
def test_constant_columns_get_coefficient_zero(X, value):
    X[:, 2] = value
    for form in (np.asarray, sparse.csc_array):
        std = standardization(problem(form(X)))
        assert std.from_standard(np.ones(6))[2] == 0.0 and np.all(std.from_standard(np.ones(6))[[0, 1, 3]] != 0)


@pytest.mark.parametrize("left_out", [0, 3])
def test_a_constant_column_stored_in_full_does_not_vary_under_weights(X, left_out):
    """n less the stored rows' weight is 1e-15 n, not 0; rows of weight 0 may be left out. A deviation of 1e-8 made of
    it let the core divide by 0 and not come back."""
    w = np.random.default_rng(2).uniform(0, 2, len(X))
    w[:left_out] = 0.0
    w *= len(X) / w.sum()
    X[:, 2] = np.where(np.arange(len(X)) < left_out, 0.0, 7.0)
    X[:, 3] = 1.0 + 1e-5 * X[:, 3]  # varies, a little
    for form in (sparse.csc_array, sparse.csr_array):
        S = sparse.csc_array(form(X))
        for found in (moments(S, w)[1], deviations(S, w)):
            assert found[2] <= 1e-15 * 7
            np.testing.assert_allclose(np.delete(found, 2), np.delete(moments(X, w)[1], 2), rtol=1e-9)
    model = ss.GroupSLOPE(alpha=1e-3, groups=[0, 0, 1, 1, 2, 2], family="poisson")
    y = np.random.default_rng(3).poisson(np.exp(X[:, 0] / 10))
    coef = model.fit(sparse.csc_array(X), y, sample_weight=w).coef_
    assert coef[2] == 0 and np.any(coef != 0)


def test_a_constant_column_of_a_million_rows_has_no_rank():
    """Rounding of a million terms leaves its mean 2e-14 off, more than a column's own variation is told by; once it has
    been moved to 0 nothing is left of it."""
    n = 1_000_000
    w = np.random.default_rng(1).uniform(0, 2, n)
    w *= n / w.sum()
    design = ext.Design(
        columns(sparse.csc_array(np.full((n, 1), 1.7))), w, True, "groups", np.zeros(1, int), np.empty(0), True, 1
    )
    assert list(design.ranks()) == [0]


def test_without_an_intercept_a_free_column_of_ones_is_a_column(X):
    X[:, 2] = 1.0
    factor = np.array([1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    assert standardization(problem(X, penalty_factor=factor)).T[2, 2] == 0.0
    assert standardization(problem(X, penalty_factor=factor, fit_intercept=False)).T[2, 2] == 1.0


LABELS = np.array([0, 1, 1, 1, 0, 2])


def test_group_norm_is_the_sd_of_the_fitted_part(X):
    w = np.random.default_rng(3).uniform(0.1, 2, len(X))
    w *= len(X) / w.sum()
    std = standardization(problem(X, standardize="group", groups=LABELS, sample_weight=w))
    beta = np.random.default_rng(4).normal(size=6)
    c = std.to_standard(beta)
    for g in range(3):
        part = X[:, g == LABELS] @ beta[g == LABELS]
        sd = np.sqrt(np.average((part - np.average(part, weights=w)) ** 2, weights=w))
        assert np.linalg.norm(c[g == LABELS]) == pytest.approx(sd, rel=1e-12)
    np.testing.assert_allclose(std.from_standard(c), beta, rtol=1e-10)


def test_group_map_does_not_depend_on_the_basis(X):
    """poly(x, 3) and its raw columns have different coefficients and one norm."""
    mix = np.eye(6)
    mix[np.ix_([1, 2, 3], [1, 2, 3])] = np.random.default_rng(5).normal(size=(3, 3))
    one = standardization(problem(X, standardize="group", groups=LABELS))
    two = standardization(problem(X @ mix, standardize="group", groups=LABELS))
    beta = np.random.default_rng(6).normal(size=6)
    norms = [
        np.sqrt(np.bincount(LABELS, s.to_standard(b) ** 2)) for s, b in ((one, beta), (two, np.linalg.solve(mix, beta)))
    ]
    np.testing.assert_allclose(*norms, rtol=1e-10)


def test_full_dummy_coding_has_rank_one_less_and_deviations_that_sum_to_zero():
    level = np.random.default_rng(7).integers(0, 4, 50)
    X = np.eye(4)[level]
    std = standardization(problem(X, standardize="group", groups=np.zeros(4, dtype=int)))
    assert std.sizes.tolist() == [3]
    beta = np.array([1.0, 5.0, -2.0, 0.5])
    back = std.from_standard(std.to_standard(beta))
    assert back.sum() == pytest.approx(0.0, abs=1e-13)
    np.testing.assert_allclose(back, beta - beta.mean(), atol=1e-13)
    uncentred = standardization(problem(X, standardize="group", groups=np.zeros(4, dtype=int), fit_intercept=False))
    assert uncentred.sizes.tolist() == [4]


def test_free_columns_leave_their_group_and_empty_groups_their_label(X):
    factor = np.array([0.0, 1.0, 1.0, 0.0, 0.0, 1.0])  # group 0 is free altogether, one column of group 1 too
    for standardize in (True, "group"):
        std = standardization(problem(X, standardize=standardize, groups=LABELS, penalty_factor=factor))
        assert std.groups.tolist() == [0, 0, 1] and std.sizes.tolist() == [2, 1]
        np.testing.assert_array_equal(std.to_standard(np.eye(6)[3]), np.eye(6)[3])


def test_labels_are_renumbered_by_first_appearance(X):
    std = standardization(problem(X, groups=np.array([5, 3, 3, 5, 9, 0])))
    assert std.groups.tolist() == [0, 1, 1, 0, 2, 3]


def test_resolved_fills_weights_from_ranks():
    X = np.eye(3)[np.random.default_rng(8).integers(0, 3, 40)]
    filled = resolved(problem(X, penalty=GroupSortedL1(), groups=np.zeros(3, dtype=int), standardize="group")).penalty
    assert filled.group_weights.tolist() == [np.sqrt(2)]
    assert resolved(problem(X, penalty_factor=np.array([1.0, 0.0, 1.0]))).penalty.weights.shape == (2,)


def test_group_needs_groups_and_one_factor_in_each(X):
    with pytest.raises(ValueError, match=r'standardize="group" needs groups'):
        standardization(problem(X, standardize="group"))
    with pytest.raises(ValueError, match=r"group of column 0 has \[1.0, 2.0\]"):
        standardization(
            problem(
                X,
                standardize="group",
                groups=np.zeros(6, dtype=int),
                penalty_factor=np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0]),
            )
        )


def test_inputs_are_not_changed(X):
    X.setflags(write=False)
    before = X.copy()
    standardization(problem(X, standardize="group", groups=LABELS))
    np.testing.assert_array_equal(X, before)
