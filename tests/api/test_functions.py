"""The R door: what the functions promise about formulas, classes, weights, offsets, folds and names."""

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso
from sklearn.model_selection import PredefinedSplit

import sparsestats as ss
from sparsestats.api.arguments import Asked
from sparsestats.backend import losses
from sparsestats.datasets import load_penguins
from sparsestats.estimators._crossval import fold_tol
from sparsestats.exceptions import FormulaError


@pytest.fixture(scope="module")
def penguins():
    return load_penguins()


@pytest.fixture(scope="module")
def measured(penguins):
    return penguins.dropna().reset_index(drop=True)


FEW = ss.relative(1, 0.02, 12)


def test_slope_is_the_estimator_on_the_designs_columns(measured):
    fit = ss.slope("body_mass_g ~ bill_length_mm + flipper_length_mm + year", measured, alpha=30.0)
    X = measured[["bill_length_mm", "flipper_length_mm", "year"]].astype(float)
    model = ss.SLOPE(alpha=30.0).fit(X, measured["body_mass_g"])
    np.testing.assert_allclose(fit.coef().to_numpy(), [model.intercept_, *model.coef_], rtol=1e-10)


def test_gslope_is_the_estimator_with_terms_as_groups(measured):
    fit = ss.gslope("body_mass_g ~ species + bill_length_mm", measured, alpha=30.0)
    X = np.column_stack([pd.get_dummies(measured["species"]), measured["bill_length_mm"]]).astype(float)
    model = ss.GroupSLOPE(alpha=30.0, groups=[0, 0, 0, 1], standardize="group").fit(X, measured["body_mass_g"])
    np.testing.assert_allclose(fit.coef().to_numpy()[1:], model.coef_, rtol=1e-6)


def test_cross_validation_is_that_of_the_cv_twin(measured):
    fit = ss.slope("body_mass_g ~ bill_length_mm + bill_depth_mm", measured, alpha="cv", cv=5, alphas=FEW)
    X = measured[["bill_length_mm", "bill_depth_mm"]].to_numpy()
    twin = ss.SLOPECV(alphas=FEW, cv=5).fit(X, measured["body_mass_g"])
    np.testing.assert_allclose(fit.cv.mean, twin.cv_.mean, rtol=1e-9)
    assert fit.alpha == pytest.approx(twin.alpha_, rel=1e-12)


def test_alpha_zero_is_least_squares(measured):
    fit = ss.gslope("body_mass_g ~ species + bill_depth_mm", measured, alpha=0)
    A = np.column_stack([pd.get_dummies(measured["species"]), measured["bill_depth_mm"]]).astype(float)
    expected = A @ np.linalg.lstsq(A, measured["body_mass_g"], rcond=None)[0]
    # Grams; a Newton step ends it.
    np.testing.assert_allclose(fit.predict(), expected, rtol=1e-9)


def test_any_basis_of_a_polynomial_gives_one_answer(measured):
    """The default orthonormalises whole terms, so how a term is written does not matter."""
    short = ss.gslope("body_mass_g ~ poly(bill_length_mm, 2) + species", measured, alpha=30.0)
    raw = "grp(bill_length_mm + I(bill_length_mm**2), 'bill')"
    long = ss.gslope(f"body_mass_g ~ {raw} + species", measured, alpha=30.0)
    # Both are within sqrt(2 gap) = 0.1 g of the optimum.
    np.testing.assert_allclose(short.predict(), long.predict(), atol=0.2)
    own = ss.gslope(f"body_mass_g ~ {raw} + species", measured, alpha=30.0, standardize=True)
    assert np.abs(own.predict() - long.predict()).max() > 5.0
    assert own.template.standardize is True


def test_a_model_given_as_an_object_keeps_its_settings_and_is_not_changed(measured):
    model = ss.GroupSLOPE(q=0.05, alpha=25.0)
    fit = ss.fit("body_mass_g ~ species + year", measured, model=model)
    assert (fit.alpha, fit.template.q, fit.template.standardize) == (25.0, 0.05, True)
    assert model.groups is None
    assert "model=GroupSLOPE" in str(fit.call)
    assert fit.update(model=ss.SLOPE(alpha=25.0)).report.headline == "SLOPE, gaussian"


def test_a_penalty_of_ones_own_is_cross_validated_as_any_model(measured):
    formula = "body_mass_g ~ bill_depth_mm + flipper_length_mm"
    own = ss.fit(formula, measured, model=ss.Penalized(penalty=ss.penalties.L1()), alpha="cv", alphas=FEW)
    lasso = ss.slope(formula, measured, sequence="lasso", alpha="cv", alphas=FEW)
    assert own.alpha == pytest.approx(lasso.alpha, rel=1e-12)
    np.testing.assert_allclose(own.cv.mean, lasso.cv.mean, rtol=1e-9)  # one solver, one problem


@pytest.mark.parametrize("model", [ss.SLOPECV(), ss.SLOPE, "slope", Lasso(), ss.PRESTO()])
def test_fit_wants_an_estimator_with_a_path(measured, model):
    with pytest.raises(TypeError, match="model must be an estimator with a path"):
        ss.fit("body_mass_g ~ year", measured, model=model)


def test_unpenalized_terms_are_free_and_treatment_coded(measured):
    huge = 1e9
    by_name = ss.gslope("body_mass_g ~ species + year", measured, alpha=huge, unpenalized="species")
    in_formula = ss.gslope("body_mass_g ~ keep(species) + year", measured, alpha=huge)
    by_factor = ss.gslope("body_mass_g ~ species + year", measured, alpha=huge, penalty_factor={"species": 0})
    for fit in (by_name, in_formula, by_factor):
        assert len(fit.groups["species"]) == 2
        assert fit.coef()["year"] == 0.0
        # Free factors alone fit the group means.
        means = measured.groupby("species")["body_mass_g"].transform("mean")
        np.testing.assert_allclose(fit.predict(), means, rtol=1e-9)


def test_penalty_factors_by_term_scale_the_penalty(measured):
    formula = "body_mass_g ~ bill_length_mm + flipper_length_mm"
    plain = ss.slope(formula, measured, alpha=30.0, sequence="lasso")
    heavy = ss.slope(formula, measured, alpha=30.0, sequence="lasso", penalty_factor={"bill_length_mm": 1e6})
    assert plain.coef()["bill_length_mm"] != 0.0
    assert heavy.coef()["bill_length_mm"] == 0.0
    assert heavy.coef()["flipper_length_mm"] != 0.0
    with pytest.raises(ValueError, match="did you mean 'bill_length_mm'"):
        ss.slope(formula, measured, alpha=30.0, penalty_factor={"bill_lenght_mm": 2})


def test_groups_join_terms_by_name(measured):
    fit = ss.gslope(
        "body_mass_g ~ bill_length_mm + bill_depth_mm + year",
        measured,
        groups={"bill_length_mm": "bill", "bill_depth_mm": "bill"},
        alphas=FEW,
    )
    together = fit.path.coefs[:, :2] != 0
    assert (together[:, 0] == together[:, 1]).all()
    assert together.any()
    assert list(fit.path.labels) == ["bill", "year"]
    assert set(fit.tidy(path=True)["group"]) == {"", "bill", "year"}
    summary = fit.at(fit.path.alphas[-1]).summary()
    norms = {term: norm for term, _, norm, *_ in summary.tables[0].rows}
    assert norms["bill_length_mm"] == norms["bill_depth_mm"]  # on the penalty's scale their columns are mixed
    assert "group bill, with one norm and one share: bill_length_mm, bill_depth_mm" in str(summary)
    with pytest.raises(TypeError, match="dict of term to name"):
        ss.gslope("body_mass_g ~ year", measured, groups=[0])


def test_weights_are_repeated_rows(measured):
    counts = np.arange(len(measured)) % 3
    repeated = measured.loc[np.repeat(measured.index, counts)]
    formula = "body_mass_g ~ species + bs(bill_length_mm, knots=[40, 46])"
    weighted = ss.gslope(formula, measured.assign(w=counts), alpha=20.0, sample_weight="w")
    twice = ss.gslope(formula, repeated, alpha=20.0)
    # The same objective, but knots of the boundary come from rows: none of weight 0 is at an end here.
    np.testing.assert_allclose(weighted.predict(measured), twice.predict(measured), rtol=1e-4)
    by_array = ss.gslope(formula, measured, alpha=20.0, sample_weight=counts)
    np.testing.assert_array_equal(by_array.predict(measured), weighted.predict(measured))


def test_counts_are_expanded_rows(measured):
    table = (
        measured.assign(n=1)
        .groupby(["species", "year"], as_index=False)
        .agg(males=("sex", lambda s: (s == "male").sum()), females=("sex", lambda s: (s == "female").sum()))
    )
    counted = ss.gslope("cbind(males, females) ~ species + year", table, alpha=0.001, family="binomial")
    single = ss.gslope("sex ~ species + year", measured, alpha=0.001, family="binomial")
    # The same objective from other rows, each solved to 1e-8 of the null's.
    np.testing.assert_allclose(counted.coef(), single.coef(), rtol=1e-3, atol=1e-4)
    assert counted.levels == ("females", "males")
    assert counted.nobs == len(table)
    validated = counted.update(alpha="cv", cv=4, alphas=FEW)
    assert validated.cv.table["fold"].nunique() == 4


@pytest.mark.parametrize(("function", "sequence"), [(ss.slope, "gaussian"), (ss.gslope, "corrected")])
def test_every_outcome_counted_is_one_of_the_n_of_a_sequence(function, sequence):
    """A table of counts is its outcomes written out; its 16 cells are too few observations for 6 columns."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(8, 6)), columns=list("abcdef"))
    chance = 1 / (1 + np.exp(-2 * table["a"]))
    table["yes"] = rng.binomial(12, chance)
    table["no"] = 12 - table["yes"]
    rows = table.loc[np.repeat(table.index, 12)].assign(
        y=np.concatenate([[1] * k + [0] * (12 - k) for k in table["yes"]])
    )
    asked = dict(family="binomial", alpha=0.02, sequence=sequence, q=0.3, tol=1e-12)
    counted = function("cbind(yes, no) ~ a + b + c + d + e + f", table, **asked)
    written = function("y ~ a + b + c + d + e + f", rows, **asked)
    np.testing.assert_allclose(counted.coef(), written.coef(), atol=1e-5)  # gaps of 1e-12 of one objective
    cells = pd.concat([table.assign(y=1, w=table["yes"]), table.assign(y=0, w=table["no"])])
    weighted = function("y ~ a + b + c + d + e + f", cells, sample_weight="w", **asked)
    assert np.abs(weighted.coef() - counted.coef()).max() > 0.01
    assert counted.nobs == 8


@pytest.mark.parametrize("function", [ss.presto, ss.slope])
def test_a_row_that_counts_nothing_takes_no_part(function):
    table = pd.DataFrame({"yes": [3, 0, 1, 2, 0], "no": [1, 0, 4, 2, 0], "x": [0.5, 9.0, -1.0, 0.0, -7.0]})
    family = {} if function is ss.presto else {"family": "binomial"}
    whole, part = (function("cbind(yes, no) ~ x", t, alpha=0.01, **family) for t in (table, table.iloc[[0, 2, 3]]))
    np.testing.assert_array_equal(whole.coef(), part.coef())
    assert "2 of 5 rows count none" in " ".join(str(whole.summary()).split())
    assert "count none" not in str(part.summary())


@pytest.mark.parametrize("function", [ss.presto, ss.slope, ss.gslope])
def test_counts_of_three_classes_are_expanded_rows_in_the_order_written(measured, function):
    order = ["Adelie", "Gentoo", "Chinstrap"]
    table = measured.groupby(["sex", "year"])["species"].value_counts().unstack(fill_value=0).reset_index()
    family = {} if function is ss.presto else {"family": "multinomial"}
    counted = function("cbind(Adelie, Gentoo, Chinstrap) ~ sex + year", table, alpha=0.005, tol=1e-12, **family)
    single = function(f"C(species, levels={order}) ~ sex + year", measured, alpha=0.005, tol=1e-12, **family)
    assert counted.levels == tuple(order)
    found, wanted = (fit.predict(table, type="prob") for fit in (counted, single))
    assert np.ptp(wanted.to_numpy(), axis=0).min() > 1e-3
    np.testing.assert_allclose(found, wanted, atol=1e-6)  # gaps of 1e-12 of the same objective


@pytest.mark.parametrize(
    ("counts", "family", "message"),
    [
        ("male, female, other", "binomial", "needs two classes; cbind\\(male, female, other\\) counts 3"),
        ("male, female, other", "multinomial", "never counts 'other'"),
        ("male, female, other", "gaussian", 'use family="multinomial"'),
        ("male, female", "multinomial", "three classes or more; cbind\\(male, female\\) has 2"),
    ],
)
def test_counts_that_do_not_fit_the_family_are_refused(counts, family, message):
    table = pd.DataFrame({"male": [3, 4], "female": [5, 1], "other": [0, 0], "x": [0.0, 1.0]})
    with pytest.raises(ValueError, match=message):
        ss.slope(f"cbind({counts}) ~ x", table, family=family)


@pytest.mark.parametrize(
    ("response", "levels"),
    [
        ("sex", ("female", "male")),
        ("C(sex, levels=['male', 'female'])", ("male", "female")),
        ("I(bill_length_mm > 44)", (False, True)),
        ("long_bill", (0, 1)),
    ],
)
def test_the_event_is_the_last_level(measured, response, levels):
    measured = measured.assign(long_bill=(measured["bill_length_mm"] > 44).astype(int))
    fit = ss.gslope(f"{response} ~ body_mass_g + bill_depth_mm", measured, alpha=0.01, family="binomial")
    assert fit.levels == levels
    event = measured.eval("bill_length_mm > 44") if "bill" in response else measured["sex"] == levels[1]
    prob = fit.predict(measured, type="prob")
    assert list(prob.columns) == [str(level) for level in levels]
    assert prob.loc[event, str(levels[1])].mean() > prob.loc[~event, str(levels[1])].mean()


def test_a_declared_order_of_levels_is_kept(measured):
    ordered = measured.assign(sex=pd.Categorical(measured["sex"], ["male", "female"]))
    fit = ss.gslope("sex ~ body_mass_g", ordered, alpha=0.01, family="binomial")
    assert fit.levels == ("male", "female")
    assert fit.coef()["body_mass_g"] < 0


@pytest.mark.parametrize(
    ("response", "family", "message"),
    [
        ("sex", "gaussian", r'holds classes \(.*\), and this family wants numbers: use family="binomial"'),
        ("species", "binomial", r"needs two classes; species has 3: 'Adelie', 'Chinstrap', 'Gentoo'"),
        ("year", "binomial", r"a number with the values 2007, 2008, 2009. Write C\(year\)"),
        ("I(year > 3000)", "binomial", "one class only in the rows used: False"),
    ],
)
def test_a_response_that_does_not_suit_the_family(measured, response, family, message):
    with pytest.raises(ValueError, match=message):
        ss.gslope(f"{response} ~ body_mass_g", measured, family=family)


def test_an_offset_fitted_with_is_needed_at_predict(measured):
    formula = "body_mass_g ~ bill_depth_mm"
    by_term = ss.slope(f"{formula} + offset(10 * flipper_length_mm)", measured, alpha=5.0)
    by_array = ss.slope(formula, measured, alpha=5.0, offset=10 * measured["flipper_length_mm"].to_numpy())
    np.testing.assert_allclose(by_term.predict(), by_array.predict(), rtol=1e-9)
    shifted = measured.assign(flipper_length_mm=measured["flipper_length_mm"] + 1)
    np.testing.assert_allclose(by_term.predict(shifted) - by_term.predict(measured), 10.0, rtol=1e-9)
    with pytest.raises(ValueError, match="lacks its column 'flipper_length_mm'"):
        by_term.predict(measured.drop(columns="flipper_length_mm"))
    with pytest.raises(ValueError, match="pass offset="):
        by_array.predict(measured.head())
    shift = by_array.predict(measured.head(2), offset=[1.0, 2.0]) - by_array.predict(
        measured.head(2), offset=[0.0, 0.0]
    )
    np.testing.assert_allclose(shift, [1.0, 2.0], rtol=1e-9)


@pytest.mark.parametrize("function", [ss.gslope, ss.presto])
def test_labels_and_row_numbers_of_the_folds_are_those_of_the_data(measured, function):
    holed = measured.reset_index(drop=True).assign(site=np.arange(len(measured)) % 7)
    holed.loc[::10, ["year", "site"]] = np.nan
    whole = holed.dropna().reset_index(drop=True)
    left = "C(species, levels=['Adelie', 'Chinstrap', 'Gentoo'])" if function is ss.presto else "body_mass_g"

    def scores(table, cv):
        fit = function(f"{left} ~ year + bill_depth_mm", table, alpha="cv", cv=cv, alphas=ss.relative(1, 0.1, 4))
        return fit.cv.table["score"].to_numpy()

    expected = scores(whole, PredefinedSplit(whole["site"]))
    np.testing.assert_array_equal(scores(holed, PredefinedSplit(holed["site"].fillna(0))), expected)
    pairs = [(np.flatnonzero(holed["site"] != k), holed["site"] == k) for k in range(7)]
    np.testing.assert_array_equal(scores(holed, pairs), expected)
    np.testing.assert_array_equal(
        scores(holed, ss.folds(4, by=holed["site"])), scores(whole, ss.folds(4, by=whole["site"]))
    )
    with pytest.raises(ValueError, match=f"by needs one label for each of the {len(holed)} rows"):
        scores(holed, ss.folds(4, by=whole["site"]))


def test_folds_of_counts_may_have_labels():
    table = pd.DataFrame({"yes": [3, 1, 2, 2, 0, 4], "no": [1, 4, 2, 0, 3, 1], "x": np.arange(6.0) ** 2})
    fit = ss.slope("cbind(yes, no) ~ x", table, family="binomial", alpha="cv", cv=ss.folds(3, by=[0, 0, 1, 1, 2, 2]))
    assert sorted(fit.cv.table.drop_duplicates("fold")["n"]) == [3, 3, 4]


def test_row_groups_are_told_where_they_were_given():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"yes": rng.integers(1, 5, 40), "no": rng.integers(1, 5, 40), "x": rng.normal(size=40)})
    fit = ss.slope("cbind(yes, no) ~ x", table, family="binomial", alpha="cv", cv=4, alphas=FEW)
    assert "the counts of a row kept whole" in fit.cv.folds and "row groups" not in fit.cv.folds
    pairs = fit.update(row_groups=np.arange(40) // 2)
    assert "row groups kept whole" in pairs.cv.folds


def test_row_groups_stay_together(measured):
    patient = np.arange(len(measured)) // 3
    fit = ss.slope("body_mass_g ~ year", measured.assign(p=patient), alpha="cv", cv=5, row_groups="p", alphas=FEW)
    assert "row groups kept whole" in fit.cv.folds
    by_hand = ss.slope("body_mass_g ~ year", measured, alpha="cv", cv=ss.folds(5, by=patient), alphas=FEW)
    np.testing.assert_allclose(fit.cv.mean, by_hand.cv.mean, rtol=1e-12)


def test_folds_may_name_a_column_which_is_no_term_then(measured):
    table = measured[["body_mass_g", "year", "bill_length_mm"]].assign(p=np.arange(len(measured)) // 3)
    table.loc[4, "p"] = np.nan  # without a label a row has no fold: it is dropped as with row_groups
    fit = ss.slope("body_mass_g ~ .", table, alpha="cv", cv=ss.folds(5, by="p"), alphas=FEW)
    same = ss.slope("body_mass_g ~ .", table, alpha="cv", cv=5, row_groups="p", alphas=FEW)
    assert "row groups kept whole" in fit.cv.folds and fit.n_dropped == 1
    np.testing.assert_array_equal(fit.cv.mean, same.cv.mean)
    assert fit.path.feature_names == ["year", "bill_length_mm"]
    assert fit.update(cv=4).cv.folds == "4 folds (shuffled, random_state 0)"
    with pytest.raises(ValueError, match="Row groups came twice"):
        fit.update(row_groups="year")
    with pytest.raises(ValueError, match="'q' is not a column of the data"):
        fit.update(cv=ss.folds(5, by="q"))
    with pytest.raises(ValueError, match="by='p' names a column, but no table comes along here"):
        ss.SLOPECV(cv=ss.folds(5, by="p")).fit(table[["year"]], table["body_mass_g"])


def test_what_shapes_a_cross_validation_says_so_where_there_is_none(measured):
    fit = ss.slope("body_mass_g ~ year", measured, cv=5, selection="1se", alphas=FEW)
    assert 'No effect of cv and selection: only alpha="cv" cross-validates.' in str(fit.summary())
    assert "No effect" not in str(fit.update(alpha="cv").summary())
    assert "No effect of alphas: alpha is a number." in fit.update(alpha=20.0).notes
    ordered = ss.presto("C(species, levels=['Adelie', 'Chinstrap', 'Gentoo']) ~ body_mass_g", measured, alpha=0.1, cv=5)
    assert 'No effect of cv: only alpha="cv" cross-validates.' in ordered.notes


def test_one_answer_for_any_number_of_workers(measured):
    one, two = (
        ss.gslope("body_mass_g ~ species + year", measured, alpha="cv", cv=4, alphas=FEW, n_jobs=n) for n in (1, 2)
    )
    pd.testing.assert_frame_equal(one.cv.table, two.cv.table)


def test_terms_can_be_learned_inside_the_folds(measured):
    formula = "body_mass_g ~ species + ns(bill_length_mm, df=4)"
    settings = {"alpha": "cv", "cv": ss.folds(4), "alphas": FEW}
    once = ss.gslope(formula, measured, **settings)
    inside = ss.gslope(formula, measured, terms_in_folds=True, **settings)
    assert "learned inside each fold" in inside.summary().to_text()
    assert "learned on all rows" in once.summary().to_text()
    assert "learned" not in once.refit().summary().to_text()  # it has no folds
    # Fold 0 by hand: knots from its training rows alone, levels from all; at the tolerance that folds have.
    train, test = next(ss.folds(4).split(measured))
    tol = fold_tol(losses.Gaussian(), len(train), 1e-8)
    fold = ss.gslope(formula, measured.iloc[train], alphas=inside.path.alphas, tol=tol)
    errors = (fold.predict(measured.iloc[test]).sub(measured["body_mass_g"].iloc[test], axis=0) ** 2).mean()
    held_out = inside.cv.table.query("fold == 0")["score"].to_numpy()
    np.testing.assert_allclose(held_out, errors, rtol=1e-5)
    assert not np.allclose(once.cv.table.query("fold == 0")["score"], errors, rtol=1e-5)


def test_a_fold_without_a_level_still_has_its_column(measured):
    rare = measured.assign(species=np.where(measured.index < 2, "Emperor", measured["species"]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = ss.gslope(
            "body_mass_g ~ species + ns(bill_length_mm, df=3)",
            rare,
            alpha="cv",
            cv=4,
            alphas=FEW,
            row_groups=np.maximum(rare.index, 1),
            terms_in_folds=True,
        )
    assert np.isfinite(fit.cv.mean).all()


def test_constraints_name_terms(measured):
    def no_more_than_gentoo(v):
        return [v["species"][0] <= v["species"][1], v["year"] >= 5.0]

    fit = ss.gslope("body_mass_g ~ species + year", measured, alpha=10.0, constraints=no_more_than_gentoo)
    free = ss.gslope("body_mass_g ~ species + year", measured, alpha=10.0)
    assert free.coef()["year"] < 4.9
    # The solver behind the constraints works to 1e-8 of its own scale.
    assert fit.coef()["year"] == pytest.approx(5.0, abs=1e-3)
    assert fit.certificate.converged
    assert fit.estimator.duals_
    with pytest.raises(KeyError, match="no variable 'speces'; there are beta, intercept and the terms species"):
        ss.gslope("body_mass_g ~ species", measured, alpha=10.0, constraints=lambda v: [v["speces"] >= 0])


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("weights", "Here it is sample_weight"),
        ("lambda_", "Here it is alpha"),
        ("penalty", "sequence"),
        ("nfolds", "Here it is cv"),
        ("bounds", r"Here it is constraints=lambda v: \[v"),
        ("seed", "Here it is random_state"),
        ("sequense", "Did you mean sequence"),
        ("ofset", "Did you mean offset"),
        ("l1_ratio", "Here it is an argument of ss.sgslope"),
        ("asparse", "Here it is l1_ratio, of ss.sgslope"),
        ("xyz", "There are alpha, alphas"),
    ],
)
def test_a_wrong_argument_is_answered_with_ours(measured, name, meant):
    with pytest.raises(TypeError, match=f"has no argument '{name}'.*{meant}"):
        ss.gslope("body_mass_g ~ year", measured, **{name: 1})


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("body_mas_g ~ year", "did you mean 'body_mass_g'"),
        ("body_mass_g ~ speces", "did you mean 'species'"),
        ("~ species", "has no response"),
        ("body_mass_g ~ 1", "nothing to select"),
    ],
)
def test_formulas_that_cannot_be_fitted(measured, formula, message):
    with pytest.raises(FormulaError, match=message):
        ss.gslope(formula, measured)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": "cross"}, "alpha must be None"),
        ({"alpha": True}, "alpha must be None"),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": "cv", "selection": "best"}, 'selection must be "min" or "1se"'),
        ({"family": "poison"}, "family must be one of 'gaussian', 'poisson', 'huber', 'binomial'"),
        ({"family": ["gaussian"]}, "family must be one of 'gaussian'"),
        ({"terms_in_folds": "yes"}, "terms_in_folds must be True or False, got 'yes'"),
        ({"constraints": 3}, "'constraints' parameter of GroupSLOPE must be a callable or None. Got 3"),
        ({"groups": {"year": ["u"]}}, r"groups must give each term the name of its group, .* got \['u'\]"),
        ({"penalty_factor": {"year": "free"}}, "penalty_factor must be finite numbers >= 0 .* 'year' has 'free'"),
        ({"penalty_factor": {"year": -1}}, "penalty_factor must be finite numbers >= 0 .* 'year' has -1"),
        ({"penalty_factor": "year"}, "penalty_factor must be a dict of term to number or an array; got 'year'"),
        ({"sample_weight": {"year": 1}}, "sample_weight must be numbers, one a row, or the name of a column"),
        ({"sample_weight": np.ones(333) * 1j}, "Complex data not supported: sample_weight holds complex"),
        ({"offset": np.ones(333) * 1j}, "Complex data not supported: offset holds complex"),
        ({"missing": "keep"}, 'missing must be "drop" or "raise"'),
        ({"sample_weight": "w8"}, "sample_weight='w8' is not a column"),
        ({"alpha": "cv", "scoring": "msee"}, "msee"),
        ({"random_state": "one"}, "random_state must be a whole number from 0"),
        ({"random_state": -1}, "random_state must be a whole number from 0"),
        ({"random_state": np.random}, "random_state must be a whole number from 0"),  # the global generator
        ({"n_jobs": "all"}, "n_jobs must be a number of workers, -1 for all cores, or None; got 'all'"),
        ({"n_jobs": 0}, "n_jobs must be a number of workers"),
    ],
)
def test_wrong_values_are_named(measured, arguments, message):
    with pytest.raises(ValueError, match=message):
        ss.gslope("body_mass_g ~ year", measured, **arguments)


@pytest.mark.parametrize("given", [3, True, {"year": 0}, ["year", 3]])
def test_unpenalized_that_names_no_terms_is_refused(measured, given):
    with pytest.raises(TypeError, match=r"unpenalized must .* name.* got"):
        ss.gslope("body_mass_g ~ year", measured, unpenalized=given)
    with pytest.raises(TypeError, match=r"unpenalized must .* name.* got"):
        ss.gslope("body_mass_g ~ year", measured, unpenalized=given, penalty_factor={"year": 2.0})


def test_text_for_numbers_shows_what_came(measured):
    with pytest.raises(
        ValueError, match=r"holds classes \('2700', '2850', '2900', ...\), and this family wants numbers"
    ):
        ss.gslope("mass ~ year", measured.assign(mass=measured["body_mass_g"].astype(int).astype(str)))


def test_missing_values_can_be_refused(penguins):
    with pytest.raises(ValueError, match=r"11 of 344 rows .*sex \(11\)"):
        ss.gslope("body_mass_g ~ sex", penguins, missing="raise")


def test_env_lends_functions(measured):
    fit = ss.slope("body_mass_g ~ half(flipper_length_mm)", measured, alpha=5.0, env={"half": lambda x: x / 2})
    plain = ss.slope("body_mass_g ~ flipper_length_mm", measured, alpha=5.0)
    np.testing.assert_allclose(fit.predict(measured), plain.predict(measured), rtol=1e-9)


def test_inputs_are_not_changed(measured):
    before = measured.copy()
    weight = np.ones(len(measured))
    ss.gslope("body_mass_g ~ species + year", measured, alpha="cv", cv=3, sample_weight=weight, alphas=FEW)
    pd.testing.assert_frame_equal(measured, before)
    assert (weight == 1).all()


@pytest.mark.parametrize("function", [ss.slope, ss.gslope, ss.fit])
def test_every_function_takes_the_shared_arguments_with_the_shared_defaults(function):
    given = inspect.signature(function).parameters
    for name in Asked.names():
        assert given[name].default == inspect.signature(Asked).parameters[name].default


@pytest.mark.parametrize("alpha", [None, 0.1, "cv"])
@pytest.mark.parametrize(
    ("y", "x"), [([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]), ([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])], ids=["y", "x"]
)
def test_constants_give_the_null_model(y, x, alpha):
    fit = ss.slope("y ~ x", pd.DataFrame({"y": y, "x": x}), alpha=alpha, cv=3)
    coef = np.ravel(fit.coef())
    assert coef[0] == pytest.approx(np.mean(y))
    assert coef[1] == 0.0
    assert fit.glance()["converged"].item()
    assert "CONVERGED" in repr(fit)


def test_unused_levels_of_the_response_are_told(measured):
    table = measured.assign(sex=pd.Categorical(measured["sex"], ["female", "male", "unknown"]))
    fit = ss.gslope("sex ~ body_mass_g", table, alpha=0.01, family="binomial")
    assert fit.levels == ("female", "male")
    assert "do not occur in the rows used: unknown" in repr(fit)


def test_three_species_by_formula(tmp_path):
    data = load_penguins()
    fit = ss.slope(
        "species ~ bill_length_mm + body_mass_g + sex + island",
        data,
        family="multinomial",
        alpha="cv",
        cv=4,
        alphas=ss.relative(1, 0.02, 8),
    )
    assert fit.family == "multinomial" and fit.levels == ("Adelie", "Chinstrap", "Gentoo")
    prob = fit.predict(data, type="prob")
    assert list(prob) == list(fit.levels) and len(prob) == len(data)
    complete = prob.notna().all(axis=1)
    np.testing.assert_allclose(prob[complete].sum(axis=1), 1, rtol=1e-12)
    named = fit.predict(data, type="class")[complete]
    assert np.array_equal(named, prob[complete].idxmax(axis=1))
    assert np.mean(named == data["species"][complete]) > 0.95
    assert fit.cv.mean[fit.cv.index_min] < 0.2 * fit.cv.null

    coef, tidy = fit.coef(), fit.tidy()
    assert coef.shape == (8, 3) and coef.loc["(intercept)"].sum() == pytest.approx(0, abs=1e-9)
    cell = tidy[(tidy["class"] == "Gentoo") & (tidy["column"] == "body_mass_g")]
    assert cell["estimate"].item() == coef.loc["body_mass_g", "Gentoo"] > 0
    assert "of 3 classes by a symmetric softmax" in str(fit) and "SLOPE, multinomial" in str(fit)

    fit.save(tmp_path / "species.json")
    again = ss.load(tmp_path / "species.json")
    pd.testing.assert_frame_equal(again.predict(data), fit.predict(data))
    assert str(again) == str(fit)
    other = fit.at(fit.path.alphas[2])
    assert other.glance()["n_nonzero"].item() < fit.glance()["n_nonzero"].item()
    assert fit.update(alpha=0.05).family == "multinomial"


def test_a_term_enters_for_all_species_at_once():
    fit = ss.gslope("species ~ bill_length_mm + sex + island", load_penguins(), family="multinomial", alpha=0.06)
    selected = fit.coef().drop("(intercept)").ne(0)
    by_term = selected.groupby(lambda name: name.split("[")[0])
    assert (by_term.all() == by_term.any()).all(axis=None)
    assert selected.any(axis=None) and not selected.all(axis=None)


@pytest.mark.parametrize(
    ("response", "message"),
    [("sex", "three classes or more; sex has 2"), ("year", r"year is a number. Write C\(year\)")],
)
def test_a_response_that_has_no_three_classes(response, message):
    with pytest.raises(ValueError, match=message):
        ss.slope(f"{response} ~ body_mass_g", load_penguins(), family="multinomial")


def test_a_term_that_the_model_frees_is_coded_as_one_that_the_call_frees(measured):
    formula = "body_mass_g ~ species + sex"
    by_model = ss.fit(formula, measured, model=ss.GroupSLOPE(penalty_factor={"sex": 0}), alpha=5.0)
    by_call = ss.fit(formula, measured, model=ss.GroupSLOPE(), penalty_factor={"sex": 0}, alpha=5.0)
    assert list(by_model.coef().index) == list(by_call.coef().index) and "sex[T.male]" in by_model.coef()
    np.testing.assert_array_equal(by_model.refit().coef(), by_call.refit().coef())
    changed = by_model.update(penalty_factor={"species": 0})
    assert "sex[female]" in changed.coef() and "species[T.Gentoo]" in changed.coef()


def test_folds_written_for_other_rows_are_refused(measured):
    with pytest.raises(ValueError, match="PredefinedSplit needs a fold for each of the 333 rows, got 6"):
        ss.slope("body_mass_g ~ year", measured, alpha="cv", cv=PredefinedSplit([0, 1] * 3))


def test_constraints_know_the_columns_of_a_term_too(measured):
    def lifted(v):
        return [v["species[Gentoo]"] == 200.0, v["sex"] <= 50.0]

    coef = ss.gslope("body_mass_g ~ species + sex", measured, alpha=5.0, constraints=lifted).coef()
    assert coef["species[Gentoo]"] == pytest.approx(200.0, abs=1e-4) and coef["sex[male]"] <= 50 + 1e-4


@pytest.mark.parametrize("name", ["bounds", "lower_limits", "positive"])
def test_bounds_are_answered_with_constraints_that_hold(measured, name):
    with pytest.raises(TypeError, match="Here it is constraints=") as refused:
        ss.gslope("body_mass_g ~ year + bill_depth_mm", measured, alpha=1.0, **{name: (-20, 30)})
    told = str(refused.value).split("constraints=")[1].rstrip(".").replace("term", "bill_depth_mm")
    fit = ss.gslope(
        "body_mass_g ~ year + bill_depth_mm", measured, alpha=1.0, constraints=eval(told, {"low": -20, "high": 30})
    )
    assert fit.coef()["bill_depth_mm"] == pytest.approx(-20, abs=1e-4)  # free it is far below
