"""The generators: what they promise about the data, and their own text of the weight sequences."""

import numpy as np
import pytest
from scipy.stats import chi, norm

from benchmarks.problems import bh_weights, elementwise, grouped, mean_weights


def test_bh_weights_are_normal_quantiles():
    assert bh_weights(50, q=0.2)[6] == pytest.approx(norm.ppf(1 - 0.2 * 7 / 100), rel=1e-12)


def test_mean_weights_of_equal_sizes_are_chi_quantiles():
    groups = np.repeat(np.arange(8), 5)
    expected = chi.isf(0.1 * np.arange(1, 9) / 8, 5) / np.sqrt(5)
    np.testing.assert_allclose(mean_weights(groups), expected, rtol=1e-11)  # root finding stops at 1e-14


def test_mean_weights_solve_their_equation_for_unequal_sizes():
    groups = np.repeat(np.arange(4), [1, 3, 3, 10])
    weights, sizes = mean_weights(groups), np.array([1, 3, 3, 10])
    level = [np.mean(chi.sf(np.sqrt(sizes) * w, sizes)) for w in weights]
    np.testing.assert_allclose(level, 0.1 * np.arange(1, 5) / 4, rtol=1e-10)
    assert np.all(np.diff(weights) < 0)


@pytest.mark.parametrize("make", [elementwise, grouped])
def test_columns_are_standardised_and_a_seed_is_a_dataset(make):
    first, again, other = make("a", 60, 90, seed=1), make("a", 60, 90, seed=1), make("a", 60, 90, seed=2)
    np.testing.assert_array_equal(first.X, again.X)
    np.testing.assert_array_equal(first.y, again.y)
    assert not np.allclose(first.y, other.y)
    np.testing.assert_allclose(first.X.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(first.X.std(axis=0), 1, rtol=1e-13)
    assert first.X.flags.f_contiguous
    assert abs(first.y.mean()) < 1e-13


def test_rows_correlate_autoregressively():
    X = elementwise("a", 20_000, 4, seed=0, n_active=2).X
    expected = 0.6 ** np.abs(np.subtract.outer(range(4), range(4)))
    np.testing.assert_allclose(np.corrcoef(X.T), expected, atol=0.03)  # 4 standard errors


def test_groups_have_the_stated_sizes_and_correlate_only_within():
    problem = grouped("a", 5_000, 60, seed=3)
    sizes = np.bincount(problem.groups)
    assert sizes.sum() == 60
    assert np.all((sizes[:-1] >= 3) & (sizes[:-1] <= 20))
    same = problem.groups[:, None] == problem.groups
    correlation = np.corrcoef(problem.X.T) - np.eye(60)
    assert correlation[same & ~np.eye(60, dtype=bool)].mean() == pytest.approx(0.3, abs=0.02)
    assert abs(correlation[~same].mean()) < 0.01


def test_path_starts_at_the_null_model_and_a_short_answer_has_no_gap():
    problem = grouped("a", 40, 30, seed=5)
    k = problem.alphas.size
    null = problem.thinned(1)
    assert null.worst_gap(np.zeros((1, 30)), np.zeros(1)) < 1e-12
    assert problem.worst_gap(np.zeros((k, 30)), np.zeros(k)) > 1e-3
    assert problem.worst_gap(np.zeros((k - 1, 30)), np.zeros(k - 1)) == np.inf
