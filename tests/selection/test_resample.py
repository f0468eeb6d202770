"""Rows drawn again: whole row groups, classes in their shares, halves that share nothing."""

import numpy as np
import pytest

from sparsestats.selection.resample import Units, spawned


def test_a_bootstrap_keeps_the_shares_of_the_classes():
    codes = np.repeat([0, 1, 2], [30, 15, 5])
    units = Units.of(50, codes=codes)
    draws = [units.bootstrap(np.random.default_rng(k)) for k in range(20)]
    assert units.stratified and all((np.bincount(codes[rows]) == [30, 15, 5]).all() for rows in draws)
    assert {len(np.unique(rows)) for rows in draws} != {50}  # with replacement
    assert set(np.concatenate(draws)) == set(range(50))


def test_row_groups_are_drawn_whole():
    labels = np.array(list("abcabcabcdd"))
    members = {label: np.flatnonzero(labels == label) for label in "abcd"}
    units = Units.of(len(labels), row_groups=labels)
    for seed in range(20):
        rows = units.bootstrap(np.random.default_rng(seed))
        times = np.bincount(rows, minlength=len(labels))
        assert all(len(set(times[own])) == 1 for own in members.values())
        assert sum(times[own[0]] for own in members.values()) == 4
        first, second = units.halves(np.random.default_rng(seed))
        assert len(set(labels[first])) == len(set(labels[second])) == 2
        assert not set(labels[first]) & set(labels[second])


@pytest.mark.parametrize("n", [10, 11])
def test_halves_are_all_rows_and_share_none(n):
    first, second = Units.of(n).halves(np.random.default_rng(0))
    assert len(first) == n // 2
    np.testing.assert_array_equal(np.sort(np.concatenate([first, second])), np.arange(n))


def test_halves_have_the_classes_in_their_shares():
    codes = np.repeat([0, 1], [41, 9])  # both odd: the halves are equal all the same
    first, second = Units.of(50, codes=codes).halves(np.random.default_rng(0))
    assert sorted(np.bincount(codes[first])) == [5, 20] and sorted(np.bincount(codes[second])) == [4, 21]


def test_row_groups_of_one_class_each_are_drawn_within_classes():
    labels, codes = np.repeat(np.arange(10), 3), np.repeat([0, 1], [21, 9])
    units = Units.of(30, labels, codes)
    assert units.stratified
    assert (np.bincount(codes[units.bootstrap(np.random.default_rng(0))]) == [21, 9]).all()


def test_every_draw_has_every_class_where_row_groups_mix_them():
    labels = np.repeat(np.arange(8), 2)
    codes = np.zeros(16, dtype=int)
    codes[[0, 2, 4]] = 1  # three of eight groups: 2.4 % of draws would miss them
    units = Units.of(16, labels, codes)
    assert not units.stratified
    for seed in range(200):
        rng = np.random.default_rng(seed)
        assert codes[units.bootstrap(rng)].any()
        assert all(codes[half].any() for half in units.halves(rng))


def test_a_class_that_cannot_be_in_both_halves_is_told():
    with pytest.raises(ValueError, match="a class was always missing"):
        Units.of(20, codes=np.repeat([0, 1], [19, 1])).halves(np.random.default_rng(0))
    with pytest.raises(ValueError, match="at least two rows"):
        Units.of(1).halves(np.random.default_rng(0))


def test_seeds_are_those_of_the_random_state():
    draw = [
        [np.random.default_rng(seed).integers(1000) for seed in spawned(state, 3)]
        for state in (5, 5, np.random.SeedSequence(5), np.random.default_rng(5), np.random.default_rng(5), None)
    ]
    assert draw[0] == draw[1] == draw[2] and draw[3] == draw[4] != draw[0] != draw[5]
    assert len(set(draw[0])) == 3
