"""Fits side by side."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold

import sparsestats as ss
from sparsestats.datasets import load_penguins

FEW = ss.relative(1, 0.02, 12)


@pytest.fixture(scope="module")
def birds():
    return load_penguins().dropna()


@pytest.fixture(scope="module")
def fits(birds):
    small = ss.gslope("body_mass_g ~ species", birds, alpha="cv", cv=5, alphas=FEW)
    return small, small.update(". ~ . + sex + flipper_length_mm")


def test_differences_are_those_of_the_folds(fits):
    small, large = fits
    table = ss.compare(large, small=small)
    assert table.index.tolist() == ["fit 1", "small"]
    assert table.loc["fit 1", ["difference", "se_difference"]].tolist() == [0.0, 0.0]
    by_fold = [fit.cv.table.query("alpha == @fit.alpha").set_index("fold") for fit in (small, large)]
    difference, n = by_fold[0]["score"] - by_fold[1]["score"], by_fold[0]["n"]
    mean = np.average(difference, weights=n)
    se = np.sqrt(np.average((difference - mean) ** 2, weights=n) / 4)
    assert table.loc["small", "difference"] == pytest.approx(mean, rel=1e-12) and mean > 1e4
    assert table.loc["small", "se_difference"] == pytest.approx(se, rel=1e-12)
    for name, fit in (("small", small), ("fit 1", large)):
        i = fit.cv.index_min
        assert table.loc[name, ["score", "se"]].tolist() == pytest.approx([fit.cv.mean[i], fit.cv.se[i]])
        assert table.loc[name, "alpha"] == fit.alpha and table.loc[name, "converged"]


def test_it_survives_saving_and_repeated_folds(fits, birds, tmp_path):
    repeated = [fit.update(cv=ss.folds(4, repeats=2)) for fit in fits]
    before = ss.compare(*repeated)
    loaded = []
    for i, fit in enumerate(repeated):
        fit.save(tmp_path / f"{i}.json")
        loaded.append(ss.load(tmp_path / f"{i}.json"))
    pd.testing.assert_frame_equal(ss.compare(*loaded), before)
    assert before["se"].tolist() == pytest.approx([fit.cv.se[fit.cv.index_min] for fit in repeated])


def test_scores_that_cannot_be_paired_have_no_difference(fits):
    small, large = fits
    for other in (
        large.update(cv=4),
        large.update(random_state=1),
        large.update(cv=KFold(5)),
        large.update(scoring="mae"),
        large.update(alpha=5.0),
        large.at(large.alpha * 1.01),
    ):
        table = ss.compare(small, other)
        assert table[["difference", "se_difference"]].isna().all(axis=None)
    assert not ss.compare(small, large.update(cv=4))["score"].isna().any()


def test_families_are_compared_by_their_common_score(birds):
    order = "C(island, levels=['Torgersen', 'Dream', 'Biscoe'])"
    asked = dict(alpha="cv", cv=5, alphas=FEW, scoring="log_loss")
    ordinal = ss.presto(f"{order} ~ body_mass_g + bill_depth_mm", birds, **asked)
    nominal = ss.slope(f"{order} ~ body_mass_g + bill_depth_mm", birds, family="multinomial", **asked)
    table = ss.compare(ordinal=ordinal, nominal=nominal)
    assert sorted(table["difference"])[0] == 0 < sorted(table["difference"])[1]


@pytest.mark.parametrize(
    ("pick", "error", "message"),
    [
        (lambda a, b, birds: (a,), ValueError, "two fits or more, got 1"),
        (lambda a, b, birds: (a, birds), TypeError, "fit 2 must be a fit, .* not DataFrame"),
        (lambda a, b, birds: (a, b.update(alpha=None)), ValueError, "fit 2 holds a path"),
        (lambda a, b, birds: (a, b.update(data=birds[:200])), ValueError, "different rows .333 and 200."),
        (lambda a, b, birds: (a, b.update(data=birds[::-1])), ValueError, "rows in another order"),
        (lambda a, b, birds: (a, b.update("flipper_length_mm ~ sex")), ValueError, "models body_mass_g, fit 2 models"),
    ],
)
def test_what_cannot_be_compared_is_refused(fits, birds, pick, error, message):
    chosen = pick(*fits, birds)
    with pytest.raises(error, match=message):
        ss.compare(*chosen)
