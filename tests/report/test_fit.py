"""Fit: every verb answers for the alpha the fit sits at."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

import sparsestats as ss
from sparsestats.exceptions import DataWarning, UnseenLevelError


def test_verbs_agree_with_the_other_door(chosen, penguins):
    """coef and predict are the estimator's own, on the design of the formula."""
    coef = chosen.coef()
    assert coef.index[0] == "(intercept)"
    np.testing.assert_array_equal(coef.to_numpy()[1:], chosen.estimator.coef_)
    X = chosen.spec.transform(penguins).X
    complete = ~np.isnan(X).any(axis=1)
    expected = chosen.estimator.predict(pd.DataFrame(X[complete], columns=chosen.spec.names))
    np.testing.assert_allclose(chosen.predict(penguins).to_numpy()[complete], expected, rtol=1e-13)


def test_at_moves_along_the_path_as_a_fit_at_that_alpha_would(chosen):
    moved = chosen.at("1se")
    assert (moved.rule, moved.alpha) == ("1se", chosen.cv.alpha_1se)
    assert moved.alpha > chosen.alpha
    again = chosen.update(alpha=moved.alpha)
    # Two certified solutions: fitted values within sqrt(2 gap) of the optimum's each, gap 1e-8 of 3.2e5.
    assert np.nanmax(np.abs(moved.predict() - again.predict())) < 2.0
    assert moved.coef()["bill_depth_mm"] == 0.0
    assert chosen.coef()["bill_depth_mm"] != 0.0
    assert chosen.rule == "min"


def test_between_two_alphas_coefficients_interpolate_and_nothing_is_certified(chosen):
    high, low = chosen.path.alphas[10:12]
    between = chosen.at((high + low) / 2)
    half = (chosen.at(high).coef() + chosen.at(low).coef()) / 2
    np.testing.assert_allclose(between.coef(), half, rtol=1e-12)
    assert between.certificate is None
    assert between.interpolated
    row = between.glance().iloc[0]
    assert np.isnan(row["gap"])
    assert pd.isna(row["converged"])
    assert "interpolated between" in between.summary().to_text()
    np.testing.assert_allclose(between.estimator.coef_, between.coef()[1:], rtol=1e-12)


@pytest.mark.parametrize(
    ("at", "message"),
    [("best", "'best'"), (1e9, "outside the fitted range"), (-1.0, "outside the fitted range")],
)
def test_at_names_what_is_wrong(chosen, at, message):
    with pytest.raises(ValueError, match=message):
        chosen.at(at)


def test_rules_need_cross_validation(whole_path):
    with pytest.raises(ValueError, match='fit with alpha="cv"'):
        whole_path.at("min")


@pytest.mark.parametrize("at", [None, True, [1.0]])
def test_at_that_is_neither_rule_nor_number_is_refused(at, chosen):
    with pytest.raises(ValueError, match='at must be "min", "1se" or a number, got'):
        chosen.at(at)


def test_a_path_chooses_nothing(whole_path, penguins):
    coefs = whole_path.coef()
    assert coefs.shape == (1 + 13, 12)
    assert (coefs.iloc[1:, 0] == 0).all()
    predictions = whole_path.predict(penguins)
    assert predictions.shape == (344, 12)
    np.testing.assert_allclose(predictions.iloc[0, 3], whole_path.at(whole_path.path.alphas[3]).predict(penguins)[0])
    assert whole_path.glance()["rule"].item() == "path"
    with pytest.raises(ValueError, match=r"no alpha was chosen: augment\(\) needs one. Move to it by fit.at"):
        whole_path.augment()
    assert set(whole_path.tidy()["alpha"]) == set(whole_path.path.alphas)


def test_tidy_is_long_by_term_and_level(chosen):
    tidy = chosen.tidy()
    assert list(tidy.columns) == ["term", "column", "level", "group", "alpha", "estimate", "estimate_std"]
    species = tidy[tidy["term"] == "species"]
    assert species["level"].tolist() == ["Adelie", "Chinstrap", "Gentoo"]
    assert tidy[tidy["term"] == "factor(year)"]["level"].tolist() == ["2007", "2008", "2009"]
    np.testing.assert_array_equal(tidy["estimate"], chosen.coef()[tidy["column"]])
    sd = chosen.training.frame.loc[chosen.training.kept, "bill_depth_mm"].std(ddof=0)
    depth = tidy[tidy["term"] == "bill_depth_mm"].iloc[0]
    assert depth["estimate_std"] == pytest.approx(depth["estimate"] * sd, rel=1e-12)
    sparse = chosen.at("1se")
    assert "bill_depth_mm" not in set(sparse.tidy()["term"])
    assert "bill_depth_mm" in set(sparse.tidy(zeros=True)["term"])
    assert len(sparse.tidy(path=True)) > len(sparse.tidy())


def test_glance_is_one_row_with_the_certificate(chosen):
    row = chosen.glance()
    assert row.shape[0] == 1
    row = row.iloc[0]
    assert row[["family", "nobs", "n_dropped", "n_columns", "n_groups"]].tolist() == [
        "gaussian",
        333,
        11,
        13,
        5,
    ]
    assert row["rule"] == "min"
    assert row["gap"] == chosen.certificate.value
    assert row["converged"]
    fitted = chosen.predict().dropna()
    y = chosen.training.frame.loc[fitted.index, "body_mass_g"]
    # 1 - loss / null loss is R squared for squares; 1e-9: sums of squares over 333 rows.
    assert row["deviance_ratio"] == pytest.approx(1 - ((y - fitted) ** 2).sum() / ((y - y.mean()) ** 2).sum(), rel=1e-9)


def test_predict_answers_every_row_on_its_own_index(chosen, penguins):
    new = penguins.iloc[:6].set_axis(["a", "b", "b", "c", "d", "e"])
    out = chosen.predict(new)
    assert out.index.tolist() == ["a", "b", "b", "c", "d", "e"]
    # The fourth penguin was never measured.
    assert out.isna().tolist() == [False, False, False, True, False, False]
    full = chosen.predict(penguins)
    # 1e-13: BLAS adds up a row in another order when there are more of them.
    np.testing.assert_allclose(out.to_numpy(), full.to_numpy()[:6], rtol=1e-13)


def test_an_unseen_level_is_named_or_nan(chosen, penguins):
    new = penguins.iloc[[0, 1]].assign(species=["Emperor", "Adelie"])
    with pytest.raises(UnseenLevelError, match="Emperor"):
        chosen.predict(new)
    assert chosen.predict(new, unseen="nan").isna().tolist() == [True, False]
    assert chosen.augment(new, unseen="nan")[".fitted"].isna().tolist() == [True, False]
    beta = chosen.coef()
    adelie = chosen.predict(new.assign(species="Adelie"))
    without = chosen.predict(new, unseen="zero")
    assert (adelie - without).tolist() == pytest.approx([beta["species[Adelie]"], 0.0])


def test_a_boolean_column_stays_one(penguins):
    fit = ss.gslope("body_mass_g ~ late", penguins.assign(late=penguins["year"] > 2008), alpha=2.0)
    answers = [fit.predict(pd.DataFrame({"late": values})) for values in ([True, False], [1, 0], [1.0, 0.0, np.nan])]
    for answer in answers:
        np.testing.assert_array_equal(answer[:2], answers[0])
    assert np.isnan(answers[2][2])
    with pytest.raises(ValueError, match=r"'late' was boolean at fit: .* holds -3, 0.5, 7 \(rows 0, 2, 3\)"):
        fit.predict(pd.DataFrame({"late": [7, 1, -3, 0.5]}))


def test_augment_adds_to_the_datas_own_frame_and_changes_nothing(chosen, penguins):
    before = penguins.copy()
    out = chosen.augment()
    pd.testing.assert_frame_equal(penguins, before)
    pd.testing.assert_frame_equal(out[penguins.columns], penguins)
    np.testing.assert_allclose(out[".fitted"] + out[".resid"], penguins["body_mass_g"].where(out[".fitted"].notna()))
    pd.testing.assert_frame_equal(chosen.augment(out), out)  # a second model's columns stand in place of the first's
    unknown = chosen.augment(penguins.drop(columns="body_mass_g").iloc[:3])
    assert ".resid" not in unknown
    assert unknown[".fitted"].notna().all()


def test_polars_in_polars_out_with_the_same_numbers(chosen, penguins):
    frame = pl.DataFrame(penguins.astype(object).where(penguins.notna(), None).to_dict("list"))
    fit = ss.gslope(chosen.formula, frame, alpha=chosen.alpha)
    out = fit.predict(frame)
    assert isinstance(out, pl.Series)
    pandas = ss.gslope(chosen.formula, penguins, alpha=chosen.alpha).predict(penguins)
    np.testing.assert_allclose(out.to_numpy(), pandas.to_numpy(), rtol=1e-12)
    assert fit.augment().columns[-2:] == [".fitted", ".resid"]


def test_classes_predict_by_level(classes, penguins):
    prob = classes.predict(penguins, type="prob")
    assert list(prob.columns) == ["female", "male"]
    np.testing.assert_allclose(prob.dropna().sum(axis=1), 1.0, rtol=1e-15)
    np.testing.assert_array_equal(prob["male"], classes.predict(penguins))
    link = classes.predict(penguins, type="link")
    np.testing.assert_allclose(prob["male"], 1 / (1 + np.exp(-link)), rtol=1e-12)
    label = classes.predict(penguins, type="class")
    assert label.isna().sum() == 2
    known = label.notna() & penguins["sex"].notna()
    # Far above the 50 % of guessing; a swapped event would be far below.
    assert (label[known] == penguins["sex"][known]).mean() > 0.85
    augmented = classes.augment()
    np.testing.assert_array_equal(augmented[".fitted[male]"], prob["male"])
    assert "models P(sex = 'male')" in classes.summary().to_text()


@pytest.mark.parametrize("kind", ["class", "prob"])
def test_classes_are_refused_where_there_are_none(chosen, kind):
    with pytest.raises(ValueError, match="this one is gaussian"):
        chosen.predict(type=kind)


def test_a_wrong_type_lists_the_right_ones(chosen):
    with pytest.raises(ValueError, match="'response', 'link', 'class', 'prob', got 'odds'"):
        chosen.predict(type="odds")


def test_groups_name_the_columns_of_each_term(chosen):
    assert chosen.groups["sex"] == ["sex[female]", "sex[male]"]
    assert sum(map(len, chosen.groups.values())) == 13


def test_update_keeps_what_was_not_changed(chosen):
    smaller = chosen.update(". ~ . - factor(year)", alpha=20.0)
    assert "year" not in str(smaller.formula)
    assert (smaller.alpha, smaller.rule) == (20.0, "given")
    assert smaller.template.standardize == "group"
    assert len(chosen.groups) == 5
    with pytest.raises(TypeError, match="Did you mean sequence"):
        chosen.update(sequense="mean")


def test_update_stays_at_the_rule_one_has_moved_to(chosen):
    elsewhere = "1se" if chosen.rule == "min" else "min"
    moved = chosen.at(elsewhere).update(". ~ . - factor(year)")
    assert moved.rule == elsewhere
    assert moved.alpha == moved.cv.alphas[moved.cv.index(elsewhere)] != moved.cv.alphas[moved.cv.index(chosen.rule)]
    assert chosen.at(elsewhere).update(". ~ . - factor(year)", selection=chosen.rule).rule == chosen.rule


def test_update_says_when_other_rows_are_used(chosen):
    with pytest.warns(DataWarning, match="from 333 to 342"):
        more = chosen.update(". ~ . - sex", alpha=20.0)
    assert "from 333 to 342" in more.summary().to_text()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chosen.update(". ~ . - species", alpha=20.0)


def test_plots_return_axes_with_what_their_frames_hold(chosen):
    path = chosen.plot("path")
    assert {"min", "1 se"} <= {text.get_text() for text in path.texts}
    cv = chosen.plot()
    np.testing.assert_array_equal(cv.containers[0].lines[0].get_ydata(), chosen.plot_data("cv")["mean"])
    counts = [tick.get_text() for tick in cv.child_axes[0].get_xticklabels()]
    assert cv.child_axes[0].get_xlabel() == "groups selected"
    assert (counts[0], counts[-1]) == ("0", "5")


def test_a_spline_plots_its_contribution_with_mean_zero(chosen):
    data = chosen.plot_data("term", "flipper_length_mm")
    ax = chosen.plot("term", "flipper_length_mm")
    drawn = [line for line in ax.lines if len(line.get_xdata()) == len(data)]
    np.testing.assert_array_equal(drawn[0].get_ydata(), data["effect"])
    at = data.iloc[[0, 50, 100]]
    frame = chosen.training.frame.iloc[[0] * 3].assign(flipper_length_mm=at["flipper_length_mm"].to_numpy())
    # Differences of predictions that differ in this variable alone are differences of its contribution.
    np.testing.assert_allclose(np.diff(chosen.predict(frame)), np.diff(at["effect"]), rtol=1e-9)
    own = np.interp(chosen.training.frame["flipper_length_mm"].dropna(), data["flipper_length_mm"], data["effect"])
    # Linear interpolation on 101 points of a curve that spans about a thousand grams.
    assert abs(own.mean()) < 0.5


def test_a_factor_plots_its_levels(chosen):
    data = chosen.plot_data("term", "factor(year)")
    assert data["year"].tolist() == [2007, 2008, 2009]
    ax = chosen.plot("term", "species")
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["Adelie", "Chinstrap", "Gentoo"]


def test_a_level_declared_without_rows_has_no_place_in_a_term_plot(penguins):
    declared = pd.Categorical(penguins["island"], ["Torgersen", "Atlantis", "Dream", "Biscoe"])
    fit = ss.gslope("body_mass_g ~ island", penguins.assign(island=declared), alpha=2.0)
    data = fit.plot_data("term", "island")
    assert data["island"].tolist() == ["Torgersen", "Dream", "Biscoe"]
    np.testing.assert_allclose(np.diff(data["effect"]), np.diff(fit.coef().iloc[1:]), atol=1e-9)
    assert [t.get_text() for t in fit.plot("term", "island").get_xticklabels()] == data["island"].tolist()


@pytest.mark.parametrize("term", ["I(sex == 'male')", "I(sex == 'male'):year", "I((sex == 'male') * (year > 2007))"])
def test_a_comparison_with_a_level_is_plotted_over_the_levels(penguins, term):
    fit = ss.gslope(f"body_mass_g ~ {term}", penguins, alpha=2.0)
    data = fit.plot_data("term", term)
    assert set(data["sex"]) == {"female", "male"}
    assert (data.groupby("sex")["effect"].nunique()["female"]) == 1 < data["effect"].nunique()
    assert fit.plot("term", term).get_ylabel()


def test_a_crossed_spline_keeps_to_the_range_seen_with_each_level(penguins):
    fit = ss.gslope("body_mass_g ~ species:bs(flipper_length_mm, df=4) + sex", penguins, alpha=10.0)
    name = "species:bs(flipper_length_mm, df=4)"
    data = fit.plot_data("term", name)
    seen = penguins.dropna(subset=["flipper_length_mm"]).groupby("species")["flipper_length_mm"].agg(["min", "max"])
    drawn = data.groupby("species")["flipper_length_mm"].agg(["min", "max"])
    assert (drawn["min"] >= seen["min"]).all()
    assert (drawn["max"] <= seen["max"]).all()
    assert drawn.loc["Gentoo", "min"] > 200
    labels = {text.get_text() for text in fit.plot("term", name).texts}
    assert labels == {"Adelie", "Chinstrap", "Gentoo"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tree",), "'tree'"),
        (("term",), "Which term"),
        (("term", "flipper"), "There is no term 'flipper'"),
    ],
)
def test_wrong_plots_are_named(chosen, arguments, message):
    with pytest.raises(ValueError, match=message):
        chosen.plot(*arguments)


def test_the_call_is_printed_as_it_was_written(chosen):
    assert str(chosen.call).startswith("ss.gslope('body_mass_g ~ species")
    assert "alpha='cv', alphas=Relative(high=1, low=0.01, n=30), cv=5" in str(chosen.call)


def test_pickle_answers_the_same(chosen, penguins):
    again = pickle.loads(pickle.dumps(chosen))
    pd.testing.assert_series_equal(again.predict(penguins), chosen.predict(penguins))
    assert again.update(alpha=20.0).alpha == 20.0


def test_wide_numeric_frames_make_no_object_per_column():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.standard_normal((40, 300)), columns=[f"g{j}" for j in range(300)])
    frame["y"] = frame["g7"] + 0.1 * rng.standard_normal(40)
    fit = ss.gslope("y ~ .", frame, alphas=ss.relative(1, 0.5, 3))
    assert "terms" not in vars(fit.spec)
    assert fit.at(fit.path.alphas[-1]).coef()["g7"] > 0


@pytest.mark.parametrize(
    ("verb", "name", "meant"),
    [
        ("predict", "newx", "Here it is newdata"),
        ("predict", "s", "Here it is at"),
        ("predict", "newoffset", "Here it is offset"),
        ("predict", "tpye", "Did you mean type"),
        ("coef", "s", "Here it is at"),
        ("coef", "exact", "There are at"),
    ],
)
def test_arguments_of_verbs_elsewhere_are_answered_with_ours(chosen, verb, name, meant):
    with pytest.raises(TypeError, match=rf"{verb}\(\) has no argument '{name}'. {meant}"):
        getattr(chosen, verb)(**{name: 1})
