"""Folds: sizes, classes, row groups, seeds, and the errors."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    StratifiedKFold,
    cross_val_score,
)

from sparsestats.exceptions import DataWarning
from sparsestats.selection.folds import check_cv, folds


def held_out(splits):
    return [test.tolist() for _, test in splits]


def test_none_is_ten_folds_as_none_is_the_default_elsewhere():
    assert held_out(check_cv(None, np.arange(30.0))) == held_out(check_cv(10, np.arange(30.0)))


@settings(deadline=None)
@given(st.integers(2, 8), st.integers(8, 60), st.integers(1, 3), st.integers(0, 5))
def test_every_row_is_held_out_once_a_repeat(n_splits, n, repeats, seed):
    splitter = folds(n_splits, repeats=repeats, random_state=seed)
    splits = list(splitter.split(np.zeros((n, 1))))
    assert len(splits) == splitter.get_n_splits() == n_splits * repeats
    assert (np.bincount(np.concatenate([test for _, test in splits]), minlength=n) == repeats).all()
    for train, test in splits:
        assert sorted([*train, *test]) == list(range(n))
        assert len(test) in (n // n_splits, -(-n // n_splits))


def test_one_repeat_is_the_shuffled_splitter_of_sklearn():
    X, y = np.zeros((30, 1)), np.tile(["a", "b", "b"], 10)
    assert held_out(folds(5, random_state=7).split(X)) == held_out(KFold(5, shuffle=True, random_state=7).split(X))
    assert held_out(folds(5).split(X, y)) == held_out(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))


def test_repeats_draw_other_folds_and_the_same_ones_again():
    splitter = folds(3, repeats=2)
    tests = held_out(splitter.split(np.zeros((30, 1))))
    assert tests[:3] != tests[3:]
    assert tests == held_out(splitter.split(np.zeros((30, 1))))


def test_random_state_none_draws_anew_and_not_from_the_global_generator():
    splitter = folds(3, random_state=None)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert held_out(splitter.split(np.zeros((50, 1)))) != held_out(splitter.split(np.zeros((50, 1))))
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_a_random_state_object_advances(kind):
    splitter = folds(3, random_state=kind(0))
    assert held_out(splitter.split(np.zeros((50, 1)))) != held_out(splitter.split(np.zeros((50, 1))))
    again = folds(3, random_state=kind(0))
    assert "random_state" not in check_cv(again, np.arange(50.0)).description


@pytest.mark.parametrize("stratify", [False, True])
def test_rows_of_a_group_stay_together(stratify):
    by = np.random.default_rng(3).integers(0, 15, 80)
    y = (by % 3 == 0).astype(int)
    for train, test in folds(4, by=by, stratify=stratify).split(np.zeros((80, 2)), y):
        assert not set(by[train]) & set(by[test])
        assert len(test) > 0


def test_stratified_folds_have_every_class_in_proportion():
    y = np.r_[np.zeros(80), np.ones(20)]
    for _, test in folds(10).split(np.zeros((100, 1)), y):
        assert y[test].sum() == 2


@pytest.mark.parametrize(
    ("y", "stratified"),
    [
        (np.tile([0.0, 1.0], 15), True),
        (np.tile(["a", "b", "c"], 10), True),
        (np.tile([True, False], 15), True),
        (pd.Categorical(np.tile(["lo", "mid", "hi"], 10), ordered=True), True),
        (
            np.arange(30) % 6,
            False,
        ),  # numbers with more than two values are counts until a classifier says not
        (np.linspace(0, 1, 30), False),
        (None, False),
    ],
)
def test_auto_stratifies_classes_only(y, stratified):
    X = np.zeros((30, 1))
    other = folds(3, stratify=stratified)
    assert held_out(folds(3).split(X, y)) == held_out(other.split(X, y))


def test_integer_cv_stratifies_for_classifiers_and_for_nothing_else():
    y = np.repeat([0, 1, 2], 10)
    splits = check_cv(5, y, classifier=True)
    assert all(np.bincount(y[test]).tolist() == [2, 2, 2] for _, test in splits)
    assert held_out(check_cv(5, y)) == held_out(KFold(5, shuffle=True, random_state=0).split(y))
    assert splits.description == "5 folds (shuffled, stratified, random_state 0)"


def test_integer_cv_keeps_row_groups_whole_and_says_so():
    by = np.repeat(list("abcdef"), 5)
    splits = check_cv(3, np.arange(30.0), row_groups=by, random_state=4)
    assert all(not set(by[train]) & set(by[test]) for train, test in splits)
    assert splits.description == "3 folds (shuffled, row groups kept whole, random_state 4)"
    given = check_cv(folds(3, by=by, random_state=4), np.arange(30.0))
    assert held_out(splits) == held_out(given)


@pytest.mark.parametrize("labels", [[1, "a", 2.5] * 4, [("x", 1), ("x", 2), None][:2] * 6])
def test_row_groups_may_be_any_hashable(labels):
    by = np.empty(12, dtype=object)
    by[:] = labels
    for train, test in check_cv(2, np.arange(12.0), row_groups=by):
        assert not set(by[train]) & set(by[test])


def test_splitters_and_pairs_are_taken_as_they_are():
    y = np.arange(12.0)
    by = np.repeat([0, 1, 2], 4)
    assert held_out(check_cv(KFold(3), y)) == held_out(KFold(3).split(y))
    assert held_out(check_cv(GroupKFold(3), y, row_groups=by)) == held_out(GroupKFold(3).split(y, y, by))
    assert held_out(check_cv(PredefinedSplit(by), y)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    mask = by == 1
    assert held_out(check_cv([(~mask, mask), ([0, 1], [2])], y)) == [[4, 5, 6, 7], [2]]
    # Rows counted from the end are those rows: their numbers are compared, and counted.
    assert [pair[0].tolist() for pair in check_cv([([-12, 1], [-1])], y)] == [[0, 1]]
    assert held_out(check_cv([([-12, 1], [-1])], y)) == [[11]]
    pairs = (pair for pair in KFold(3).split(y))
    assert check_cv(pairs, y).description == "3 given folds"


def test_sklearn_takes_folds_as_cv():
    X, y = load_diabetes(return_X_y=True)
    by = np.arange(len(y)) // 3
    scores = cross_val_score(Ridge(), X, y, cv=folds(5, by=by))
    assert scores.shape == (5,) and (scores > 0.2).all()
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=folds(4)).fit(X, y)
    assert search.n_splits_ == 4
    assert clone(folds(4), safe=False).n_splits == 4
    assert "n_splits=4" in repr(folds(4))


def test_labels_are_not_changed():
    by = np.repeat(["a", "b", "c", "d"], 3)
    before = by.copy()
    by.setflags(write=False)
    list(folds(2, by=by).split(np.zeros((12, 1))))
    assert (by == before).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_splits": 1}, "n_splits must be an integer >= 2, got 1"),
        ({"n_splits": 2.5}, "n_splits must be an integer >= 2, got 2.5"),
        ({"n_splits": True}, "n_splits must be an integer >= 2, got True"),
        ({"n_splits": 3, "repeats": 0}, "repeats must be an integer >= 1, got 0"),
        ({"n_splits": 3, "stratify": "yes"}, "stratify must be"),
    ],
)
def test_parameters_out_of_range_are_refused_at_once(arguments, message):
    with pytest.raises(ValueError, match=message):
        folds(**arguments)


@pytest.mark.parametrize(
    ("splitter", "y", "message"),
    [
        (folds(5), np.arange(3.0), r"5 folds need at least 5 rows, got n_samples=3"),
        (folds(5, by=np.repeat([0, 1], 10)), np.arange(20.0), "5 folds need at least 5 row groups, got 2"),
        (
            folds(2, by=[1, 2, 3]),
            np.arange(4.0),
            r"by needs one label for each of the 4 rows, got shape \(3,\)",
        ),
        (folds(2, by=[1.0, 2.0, np.nan, 4.0]), np.arange(4.0), "by has missing labels: 1 of 4 rows"),
        (folds(4), np.repeat(["a", "b"], 3), "at least 4 rows of some class; the largest of 2 classes has 3"),
    ],
)
def test_folds_that_cannot_be_made_say_why(splitter, y, message):
    with pytest.raises(ValueError, match=message):
        list(splitter.split(np.zeros((len(y), 1)), y))


def test_a_class_smaller_than_the_folds_warns_with_its_name():
    y = np.r_[np.repeat("common", 20), np.repeat("rare", 3)]
    with pytest.warns(DataWarning, match=r"5 folds in class 'rare' \(3 rows\)"):
        splits = check_cv(5, y, classifier=True)
    assert sum((y[test] == "rare").any() for _, test in splits) == 3


@pytest.mark.parametrize(
    ("cv", "message"),
    [
        ("5", "cv must be an integer, a splitter"),
        (True, "cv must be an integer, a splitter"),
        ([], "cv has no folds"),
        ([1, 2], r"Fold 0 of cv is not a \(train, test\) pair"),
        ([([0, 1], [])], "held-out rows of fold 0"),
        ([([0, 1], [2]), ([0], [9])], "held-out rows of fold 1 of cv go from 9 to 9, but there are 6 rows"),
        ([([0.5, 1], [2])], "training rows of fold 0 of cv must be row numbers"),
        ([(np.ones(5, bool), np.ones(6, bool))], "a mask of 6 rows"),
    ],
)
def test_cv_that_is_no_cv_is_refused(cv, message):
    with pytest.raises(ValueError, match=message):
        check_cv(cv, np.arange(6.0))


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
def test_a_cv_that_tears_row_groups_is_refused():
    by = np.tile(["p1", "p2"], 6)
    with pytest.raises(ValueError, match=r"Fold 0 of cv splits row group 'p[12]'"):
        check_cv(KFold(3), np.arange(12.0), row_groups=by)
    with pytest.raises(ValueError, match="row_groups needs one label for each of the 12 rows"):
        check_cv(GroupKFold(2), np.arange(12.0), row_groups=by[:5])


def test_row_groups_given_twice_are_refused():
    by = np.repeat([0, 1, 2], 4)
    with pytest.raises(ValueError, match="came twice"):
        check_cv(folds(3, by=by), np.arange(12.0), row_groups=by)
    with pytest.raises(ValueError, match="came twice"):
        next(folds(3, by=by).split(np.zeros((12, 1)), groups=by))


def test_rows_counted_from_the_end_may_be_of_a_type_too_small_for_their_number():
    last = np.array([-1, -2], dtype=np.int8)
    [(train, test)] = check_cv([(np.arange(198), last)], np.arange(200.0))
    assert test.tolist() == [199, 198] and len(train) == 198
    [(_, test)] = check_cv([(np.arange(198, dtype=np.uint8), last)], np.arange(200.0))
    assert test.tolist() == [199, 198]
