"""The minimum, the one-standard-error rule, and what a mean over folds is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sparsestats.selection.rules import best, one_standard_error, summarize

finite = st.floats(-1e6, 1e6)
curves = st.integers(1, 12).flatmap(
    lambda k: st.tuples(arrays(float, k, elements=finite), arrays(float, k, elements=st.floats(0, 1e6)))
)


@settings(max_examples=40, deadline=None)
@given(curves, st.booleans())
def test_one_standard_error_is_the_first_row_within_the_margin(curve, greater):
    mean, se = curve
    i, b = one_standard_error(mean, se, greater), best(mean, greater)
    loss = -mean if greater else mean
    bound = loss[b] + se[b]
    assert i <= b
    assert loss[i] <= bound
    assert all(loss[:i] > bound)  # every larger alpha is worse than the margin allows
    assert loss[b] == loss.min() and all(loss[:b] > loss[b])


@settings(max_examples=40, deadline=None)
@given(curves)
def test_the_direction_only_changes_the_sign(curve):
    mean, se = curve
    assert one_standard_error(mean, se, True) == one_standard_error(-mean, se, False)
    assert best(mean, True) == best(-mean, False)


def test_ties_go_to_the_largest_alpha():
    assert best(np.array([3.0, 1.0, 1.0]), greater_is_better=False) == 1
    assert best(np.array([0.5, 0.5]), greater_is_better=True) == 0


def test_margin_is_the_standard_error_at_the_minimum_not_elsewhere():
    mean, se = np.array([2.5, 2.0]), np.array([10.0, 0.1])
    assert one_standard_error(mean, se, greater_is_better=False) == 1


def test_undefined_rows_are_never_chosen():
    mean, se = np.array([np.nan, 2.0, 1.0]), np.array([np.nan, 0.1, np.nan])
    assert best(mean, greater_is_better=False) == 2
    assert one_standard_error(mean, se, greater_is_better=False) == 2  # one fold: no margin
    with pytest.raises(ValueError, match="undefined"):
        best(np.full(3, np.nan), greater_is_better=False)


def test_equal_folds_give_the_textbook_standard_error():
    scores = np.random.default_rng(0).standard_normal((10, 4))
    mean, se = summarize(scores, np.full(10, 7.0))
    # Two orders of one sum: rounding only.
    np.testing.assert_allclose(mean, scores.mean(axis=0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(se, scores.std(axis=0, ddof=1) / np.sqrt(10), rtol=1e-12)


def test_mean_over_folds_is_mean_over_rows():
    losses = [np.array([1.0, 2.0, 3.0]), np.array([10.0])]
    mean, _ = summarize(np.array([[fold.mean()] for fold in losses]), np.array([3.0, 1.0]))
    assert mean[0] == pytest.approx(np.concatenate(losses).mean(), rel=1e-14)


def test_a_fold_without_a_score_is_left_out():
    scores = np.array([[1.0, 1.0], [np.nan, 5.0], [2.0, 3.0]])
    mean, se = summarize(scores, np.array([1.0, 2.0, 1.0]))
    expected = summarize(scores[[0, 2], :1], np.ones(2))
    assert (mean[0], se[0]) == (expected[0][0], expected[1][0])
    assert mean[1] == pytest.approx(14 / 4)


def test_repeating_the_same_folds_is_no_new_evidence():
    scores = np.random.default_rng(1).standard_normal((8, 3))
    once = summarize(scores, np.ones(8))
    many = summarize(np.tile(scores, (50, 1)), np.ones(400), rounds=50.0)
    np.testing.assert_allclose(many[0], once[0], rtol=1e-12)
    # The spread is estimated with 399 instead of 7 degrees of freedom: a factor sqrt(7 / 8 x 400 / 399).
    np.testing.assert_allclose(many[1], once[1] * np.sqrt(7 / 8 * 400 / 399), rtol=1e-12)


@pytest.mark.parametrize("scale", [2.0**1020, 2.0**520, 2.0**-540, 2.0**-990])
def test_scores_of_any_size_have_their_standard_error(scale):
    scores = np.random.default_rng(2).uniform(size=(10, 4))
    weights = np.arange(90.0, 100.0)
    mean, se = summarize(scores, weights)
    for found, expected in zip(summarize(scale * scores, weights), (mean, se), strict=True):
        np.testing.assert_array_equal(found / scale, expected)  # powers of two do not round


def test_a_margin_without_bound_is_no_margin_of_0_and_infinite_scores_choose_nothing():
    assert one_standard_error(np.array([3.0, 2.0]), np.array([1.0, np.inf]), greater_is_better=False) == 0
    assert best(np.array([np.inf, 2.0, np.nan]), greater_is_better=False) == 1
    for worst, greater in ((np.inf, False), (-np.inf, True)):
        with pytest.raises(ValueError, match="infinite or undefined at every alpha"):
            best(np.array([worst, np.nan]), greater)
