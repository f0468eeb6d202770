"""ss.presto: the formula door of ordinal models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import sparsestats as ss


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(11)
    n = 600
    frame = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n), "g": rng.choice(["a", "b", "c"], n)})
    eta = frame["x"] + 0.5 * (frame["g"] == "a") + rng.logistic(size=n)
    names = ["fine", "poor", "bad", "awful"]
    codes = np.digitize(eta, [0.5, 2.0, 3.5])
    frame["state"] = pd.Categorical(np.array(names)[codes], names, ordered=True)
    frame["label"] = np.array(names)[codes]
    frame["grade"] = codes + 1
    return frame


@pytest.fixture(scope="module")
def fitted(table):
    return ss.presto("state ~ x + z + g", table, alpha="cv", cv=4, alphas=ss.relative(1, 0.02, 10))


def test_it_is_the_estimator_on_the_design(table, fitted):
    X = np.column_stack([table["x"], table["z"], *[(table["g"] == level) * 1.0 for level in "abc"]])
    model = ss.PRESTO(alpha=fitted.alpha).fit(X, table["grade"])
    # the path arrives at this alpha from another start: both are certified to 1e-8
    np.testing.assert_allclose(fitted.coef().to_numpy()[:, 1:], model.coef_, atol=1e-5)
    np.testing.assert_allclose(fitted.predict(table).to_numpy(), model.predict_proba(X), atol=1e-6)


def test_summary_says_direction_rarity_order_and_certificate(fitted):
    text = str(fitted.summary())
    assert "fine < poor < bad < awful" in text
    assert 'a POSITIVE estimate moves towards "fine"' in text
    assert "awful (rarest:" in text
    assert "CONVERGED" in text and "alpha_po" in text
    assert "score test of proportional odds" in text and "prop. odds" in text
    assert "No p-values of coefficients" in text
    assert "<table>" in fitted.summary().to_html()


def test_predictions_keep_rows_and_names(table, fitted):
    new = table.head(5).copy()
    new.loc[new.index[2], "x"] = np.nan
    p = fitted.predict(new)
    assert list(p.columns) == ["fine", "poor", "bad", "awful"] and len(p) == 5
    assert p.iloc[2].isna().all() and p.drop(p.index[2]).notna().all().all()
    np.testing.assert_allclose(p.drop(p.index[2]).sum(axis=1), 1)
    cumulative = fitted.predict(new, "cumulative")
    assert list(cumulative.columns) == ["<=fine", "<=poor", "<=bad"]
    assert fitted.predict(new, "class").iloc[0] in ("fine", "poor", "bad", "awful")
    assert list(fitted.augment(table.head(3)).columns)[-1] == ".class"


def test_tidy_flips_direction(fitted):
    low, high = fitted.tidy(), fitted.tidy(direction="higher")
    np.testing.assert_array_equal(low["estimate"], -high["estimate"])
    assert set(low["boundary"]) == {"<=fine", "<=poor", "<=bad"}


def test_unordered_labels_are_refused_with_the_remedy(table):
    with pytest.raises(ValueError, match=r"C\(label, levels=\['awful', 'bad', 'fine', 'poor'\]\)"):
        ss.presto("label ~ x", table)
    with pytest.raises(ValueError, match=r"Give it: C\(label, levels=\["):  # what is written can be pasted
        ss.presto("factor(label) ~ x", table, alpha=0.01)
    fit = ss.presto("C(label, levels=['fine', 'poor', 'bad', 'awful']) ~ x", table, alpha=0.01)
    assert list(fit.levels) == ["fine", "poor", "bad", "awful"]


def test_numbers_are_categories_when_few(table):
    fit = ss.presto("grade ~ x", table, alpha=0.01)
    assert fit.levels == (1, 2, 3, 4)
    with pytest.raises(ValueError, match="needs categories"):
        ss.presto("z ~ x", table)


def test_parallel_terms_by_name_at_maximum_likelihood(table):
    fit = ss.presto("state ~ x + z + g", table, alpha=0, parallel=["x"], unpenalized=["g"])
    coef = fit.coef()
    assert np.ptp(coef["x"]) == 0 and np.ptp(coef["z"]) > 0
    wald = fit.infer("wald")
    assert set(wald[wald["column"] == "x"]["boundary"]) == {"all"}
    assert "std. error" in str(fit.summary())
    assert fit.infer("brant")["column"][0] == "(all)"


def test_at_alpha_0_factors_are_coded_against_their_first_level_and_have_errors(table):
    fit = ss.presto("state ~ x + g", table, alpha=0)
    assert [c for c in fit.coef().columns if c.startswith("g")] == ["g[T.b]", "g[T.c]"]
    tidy = fit.tidy()
    assert (tidy["std_error"] > 0).all()
    wald = fit.infer("wald").set_index(["boundary", "column"])
    for row in tidy.itertuples():
        assert row.estimate == pytest.approx(wald.loc[(row.boundary, row.column), "estimate"], abs=1e-6)
    turned = fit.tidy(direction="higher")
    np.testing.assert_allclose(turned["conf_low"], -tidy["conf_high"])
    assert "std_error" not in ss.presto("state ~ x + g", table, alpha=0.01).tidy()
    # statsmodels: opposite signs of the slopes, the same errors, one vector for all boundaries
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    shared = ss.presto("state ~ x + g", table, alpha=0, parallel=True).tidy().set_index("column")
    X = pd.DataFrame({"x": table["x"], "g[T.b]": table["g"] == "b", "g[T.c]": table["g"] == "c"}).astype(float)
    theirs = OrderedModel(table["state"], X, distr="logit").fit(method="bfgs", disp=False, gtol=1e-8, maxiter=500)
    for name in X:
        ours = shared.loc[name].iloc[0]
        assert ours["estimate"] == pytest.approx(-theirs.params[name], abs=1e-4)
        assert ours["std_error"] == pytest.approx(theirs.bse[name], rel=1e-3)


def test_errors_of_a_reversed_model_stand_at_their_boundaries(table):
    fit = ss.presto("state ~ x + g", table, alpha=0, reverse=True)
    coef = fit.coef()
    wald = fit.infer("wald")
    assert list(wald["boundary"][:3]) == [">fine", ">poor", ">bad"]
    for row in wald.itertuples():
        assert row.estimate == pytest.approx(coef.loc[row.boundary, row.column], abs=1e-6)
    # without penalty the reversed model is the same one: signs turned, errors kept
    other = ss.presto("state ~ x + g", table, alpha=0).infer("wald")
    np.testing.assert_allclose(wald["std_error"], other["std_error"], rtol=1e-5)
    np.testing.assert_allclose(wald["estimate"], -other["estimate"], atol=1e-5)


@pytest.mark.parametrize(("link", "reverse"), [("logit", False), ("probit", True)])
def test_errors_of_marginal_effects_are_the_delta_method_of_ordered_model(table, link, reverse):
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    fit = ss.presto("state ~ x + g", table, alpha=0, parallel=True, link=link, reverse=reverse)
    ours = fit.infer("margins")
    np.testing.assert_allclose(ours["estimate"], fit.margins().to_numpy().ravel(), atol=1e-8)
    assert list(ours["category"][:4]) == ["fine", "poor", "bad", "awful"]
    X = np.column_stack([table["x"], table["g"] == "b", table["g"] == "c"]).astype(float)
    theirs = OrderedModel(table["state"].cat.codes.to_numpy(), X, distr=link).fit(method="newton", disp=0)

    def effects(parameters):
        out = []
        for j, h in enumerate([1e-4, 0, 0]):
            low, high = X.copy(), X.copy()
            if j == 0:
                low[:, 0], high[:, 0] = X[:, 0] - h, X[:, 0] + h
            else:
                low[:, 1:], high[:, 1:], high[:, j] = 0, 0, 1
            change = theirs.model.predict(parameters, high) - theirs.model.predict(parameters, low)
            out.append(change.mean(axis=0) / (2 * h or 1))
        return np.concatenate(out)

    at, h = np.asarray(theirs.params), 1e-4
    jacobian = np.column_stack([(effects(at + e) - effects(at - e)) / (2 * h) for e in h * np.eye(len(at))])
    errors = np.sqrt(np.einsum("eq,qr,er->e", jacobian, np.asarray(theirs.cov_params()), jacobian))
    # their Hessian is numerical: about six digits
    np.testing.assert_allclose(ours["std_error"], errors, rtol=1e-4)
    with pytest.raises(ValueError, match="alpha=0"):
        ss.presto("state ~ x + g", table, alpha=0.01).infer("margins")


@pytest.mark.slow
def test_errors_of_marginal_effects_without_proportional_odds_are_those_of_a_bootstrap(table):
    fit = ss.presto("state ~ x", table, alpha=0)
    ours = fit.infer("margins")["std_error"]
    p, rng, draws = fit.predict(type="prob").to_numpy(), np.random.default_rng(0), []
    for _ in range(200):
        codes = np.minimum((rng.random((len(p), 1)) > np.cumsum(p, axis=1)).sum(axis=1), 3)
        drawn = table.assign(state=pd.Categorical.from_codes(codes, table["state"].dtype.categories, ordered=True))
        draws.append(ss.presto("state ~ x", drawn, alpha=0).margins().to_numpy().ravel())
    # a standard deviation of 200 draws has an error of 5 %
    np.testing.assert_allclose(np.std(draws, axis=0), ours, rtol=0.2)


def test_a_summary_says_what_its_boundaries_are(table):
    text = str(ss.presto("state ~ x", table, alpha=0.05, family="sratio", reverse=True))
    assert "P(Y = k + 1 | Y <= k + 1) = F(a_k + x'b_k)" in text and 'moves towards "awful"' in text
    # two classes have one boundary: no word about proportional odds, or an order
    text = str(ss.presto("two ~ x", table.assign(two=table["grade"] > 1), alpha=0.05))
    assert "parallel?" not in text and "alpha_po" not in text and "Order:" not in text


def test_crossing_rows_without_constraints_are_told(table):
    fit = ss.presto("state ~ x + z + g", table, alpha=0, monotone="none")
    text = " ".join(str(fit).split())
    crossing = int((np.diff(fit.predict(type="link"), axis=1) < 0).any(axis=1).sum())
    assert ("no row crosses" if crossing == 0 else f"{crossing} rows cross and are mended in predictions") in text


def test_a_summary_without_standard_errors_says_why(table):
    doubled = table.assign(w=2 * table["x"])
    text = str(ss.presto("state ~ x + w", doubled, alpha=0))
    assert "No standard errors: columns are collinear" in text and "std. error" not in text


def test_wald_tests_of_selected_coefficients_are_refused(fitted):
    with pytest.raises(ValueError, match="alpha=0"):
        fitted.infer("wald")


def test_margins_sum_to_zero_over_categories(fitted):
    margins = fitted.margins()
    np.testing.assert_allclose(margins.sum(axis=1), 0, atol=1e-12)
    assert margins.loc["x", "fine"] * fitted.coef()["x"].iloc[0] > 0


def test_margins_of_a_factor_compare_levels_with_the_first(table):
    fit = ss.presto("state ~ x + C(g)", table, alpha=0)
    margins = fit.margins()
    p = {g: fit.predict(table.assign(g=g)).mean() for g in "abc"}
    np.testing.assert_allclose(margins.loc["C(g)[T.b]"], p["b"] - p["a"], atol=1e-12)
    shrunk = ss.presto("state ~ x + C(g)", table, alpha=0.002)
    p = {g: shrunk.predict(table.assign(g=g)).mean() for g in "abc"}
    margins = shrunk.margins()
    np.testing.assert_allclose(margins.loc["C(g)[a]"], 0, atol=1e-15)
    np.testing.assert_allclose(margins.loc["C(g)[c]"], p["c"] - p["a"], atol=1e-12)
    slope = shrunk.predict(table.assign(x=table["x"] + 1e-5)) - shrunk.predict(table.assign(x=table["x"] - 1e-5))
    np.testing.assert_allclose(margins.loc["x"], slope.mean() / 2e-5, atol=1e-7)


def test_misspelt_arguments_of_other_packages_are_answered(table):
    with pytest.raises(TypeError, match=r"C\(y, levels"):
        ss.presto("label ~ x", table, categories=["fine", "poor", "bad", "awful"])


def test_constraints_name_terms(table):
    def falling(v):
        return [v["g"][:, 0] <= v["g"][:, 1], v["x"] <= -1.5]

    fit = ss.presto("state ~ x + g", table, alpha=0.01, constraints=falling)
    free = ss.presto("state ~ x + g", table, alpha=0.01)
    assert (free.coef()["x"] > -1.4).all() and (free.coef()["g[a]"] < free.coef()["g[b]"]).all()
    np.testing.assert_allclose(fit.coef()["x"], -1.5, atol=1e-5)  # the interior point's own scale
    with pytest.raises(KeyError, match="no variable 'h'; there are coef, intercept and the terms x, g"):
        ss.presto("state ~ x + g", table, alpha=0.01, constraints=lambda v: [v["h"] >= 0])


def test_a_penalty_without_such_a_name_is_refused(table):
    with pytest.raises(ValueError, match=r"'penalty' parameter of PRESTO must be .*group"):
        ss.presto("state ~ x", table, penalty="lasso")


def test_the_split_of_two_levels_is_said_to_be_open(table):
    frame = table.assign(half=np.where(table["g"] == "a", "yes", "no"))
    said = "only the difference of the two levels of half is unique"
    assert said in " ".join(str(ss.presto("state ~ x + half", frame, alpha=0.01).summary()).split())
    for params in ({"alpha": 0.0}, {"alpha": 0.01, "penalty": "group"}, {"alpha": 0.01, "l1_ratio": 0.5}):
        assert said not in " ".join(str(ss.presto("state ~ x + half", frame, **params).summary()).split())


def test_weights_are_told_from_counts(table):
    fit = ss.presto("state ~ x", table.assign(w=2.0), alpha=0, parallel=True, sample_weight="w")
    text = " ".join(str(fit.summary()).split())
    assert "of 1200 by weight" in text and "weights were rescaled to sum to the number of rows" in text
    assert "by weight" not in str(ss.presto("state ~ x", table, alpha=0).summary())


def test_rows_of_weight_0_are_as_if_they_were_not_there(table):
    """One of them is far outside: the model gives it impossible probabilities, which no table may meet."""
    frame = table.head(200).assign(w=1.0)
    frame.loc[::4, "w"] = 0.0
    frame.loc[frame.index[0], "x"] = 1e4
    held = frame[frame["w"] > 0]
    for alpha in (0.0, 0.01):
        all_rows, some = (ss.presto("state ~ x + z", f, alpha=alpha, sample_weight="w") for f in (frame, held))
        for what in ("score", "lr"):
            assert all_rows.infer(what) == some.infer(what) is not None
        pd.testing.assert_frame_equal(all_rows.infer("brant"), some.infer("brant"))
        pd.testing.assert_frame_equal(all_rows.tidy(), some.tidy())  # with standard errors at alpha = 0
        pd.testing.assert_frame_equal(all_rows.calibration(), some.calibration())
        pd.testing.assert_frame_equal(all_rows.margins(), some.margins())


def test_the_unit_of_the_weights_is_in_no_table(table):
    frame = table.head(200).assign(w=np.linspace(1, 2, 200))
    small = frame.assign(w=frame["w"] / frame["w"].sum())
    one, other = (ss.presto("state ~ x", f, alpha=0.01, sample_weight="w").calibration() for f in (frame, small))
    pd.testing.assert_frame_equal(one, other)
    assert one["n"].sum() == pytest.approx(200)


def test_counts_average_the_path_as_their_rows_do(table):
    """In both doors: what weighs an alpha is the likelihood of all that was observed."""
    rows = table.head(240).assign(x=table["x"].round())
    counts = pd.crosstab(rows["x"], rows["state"]).reset_index()
    folds = [(np.flatnonzero(np.arange(len(counts)) % 2 != k), np.flatnonzero(np.arange(len(counts)) % 2 == k))
             for k in (0, 1)]  # fmt: skip
    place = np.searchsorted(counts["x"], rows["x"])
    by_row = [tuple(np.flatnonzero(np.isin(place, part)) for part in fold) for fold in folds]
    asked = {"alphas": [0.05, 0.02, 0.01], "alpha": "cv", "selection": "average"}
    tallied = ss.presto("cbind(fine, poor, bad, awful) ~ x", counts, cv=folds, **asked)
    listed = ss.presto("state ~ x", rows, cv=by_row, **asked)
    np.testing.assert_allclose(tallied.shares, listed.shares, rtol=1e-6)
    assert np.ptp(listed.shares) > 1e-3
    model = ss.PRESTOCV([0.05, 0.02, 0.01], selection="average", cv=[
        tuple(np.flatnonzero(np.isin(np.nonzero(counts.to_numpy()[:, 1:])[0], part)) for part in fold) for fold in folds
    ])  # fmt: skip
    model.fit(counts[["x"]], counts[["fine", "poor", "bad", "awful"]].to_numpy())
    np.testing.assert_allclose(model.weights_, listed.shares, rtol=1e-6)


@pytest.mark.parametrize("penalty", ["group", "slope", "mcp"])
def test_without_a_penalty_its_kind_does_not_matter(table, penalty):
    fit = ss.presto("state ~ x + g", table, alpha=0, penalty=penalty)
    np.testing.assert_allclose(fit.coef(), ss.presto("state ~ x + g", table, alpha=0).coef(), atol=1e-8)


def test_an_offset_moves_as_a_coefficient_of_one_does(table):
    frame = table.assign(shift=0.7 * table["x"])
    fit = ss.presto("state ~ x", frame, alpha=0, parallel=True, offset="shift")
    free = ss.presto("state ~ x", frame, alpha=0, parallel=True)
    np.testing.assert_allclose(fit.coef()["x"], free.coef()["x"] - 0.7, atol=1e-9)


def test_calibration_covers_all_rows(table, fitted):
    bins = fitted.calibration()
    assert bins["n"].sum() == len(table)
    assert (bins["low"] <= bins["observed"]).all() and (bins["observed"] <= bins["high"]).all()
    assert bins["events"].sum() == (table["state"] == "awful").sum() and (bins["high"] > 0).all()
    share = (table["state"] == "awful").mean()
    assert np.average(bins["observed"], weights=bins["n"]) == pytest.approx(share)
    # intercepts are unpenalised, so the mean fitted probability of an end class is its share
    assert np.average(bins["predicted"], weights=bins["n"]) == pytest.approx(share, abs=2e-3)


def test_path_without_alpha_and_update(table, fitted):
    path = ss.presto("state ~ x + z", table, alphas=ss.relative(1, 0.1, 4))
    assert path.coef().shape == (12, 3)
    assert "none chosen" in str(path)
    again = fitted.update(". ~ . - z", alpha=0.01)
    assert "z" not in again.coef().columns
    assert again.glance()["converged"].item()


def test_average_is_the_estimators_and_is_told(table):
    alphas = ss.relative(1, 0.02, 8)
    fit = ss.presto("state ~ x + z", table, alpha="cv", cv=4, alphas=alphas, selection="average")
    model = ss.PRESTOCV(alphas, cv=4, selection="average").fit(table[["x", "z"]], table["state"])
    np.testing.assert_allclose(fit.coef().to_numpy()[:, 1:], model.coef_, atol=1e-9)
    np.testing.assert_allclose(fit.shares, model.weights_, atol=1e-9)
    text = str(fit)
    assert "mean of the coefficients at 8 alphas" in text and "CONVERGED" in text
    assert 0 < fit.glance()["deviance_ratio"].item() < 1
    chosen = fit.at("min")
    assert 'fit.at("average")' in str(chosen)
    np.testing.assert_array_equal(chosen.predict(at="average"), fit.predict())
    with pytest.raises(ValueError, match="log_loss"):
        ss.presto("state ~ x", table, alpha="cv", selection="average", scoring="brier")
    with pytest.raises(ValueError, match="held-out likelihood"):
        ss.presto("state ~ x", table, alpha=0.01).at("average")


def test_terms_are_groups_of_differences(table, tmp_path):
    fit = ss.presto("state ~ x + z + g", table, penalty="group", alphas=ss.relative(1, 0.02, 8))
    moved = (np.diff(fit.path.coefs, axis=1) != 0).any(axis=1)
    factor = [j for j, name in enumerate(fit.path.names) if str(name).startswith("g")]
    assert len(factor) == 3
    assert (moved[:, factor].all(axis=1) == moved[:, factor].any(axis=1)).all() and moved[-1, factor].all()
    assert "group penalty on differences" in str(fit.at(fit.path.alphas[4]))


def test_penalties_survive_saving(table, tmp_path):
    chosen = ss.penalties.SortedL1("oscar", q=0.2)
    fit = ss.presto("state ~ x + z", table, penalty=chosen, alpha=0.01)
    fit.save(tmp_path / "m.json")
    again = ss.load(tmp_path / "m.json")
    assert again.template.penalty == chosen
    assert again.summary().to_text() == fit.summary().to_text()
    assert "sorted L1 penalty on differences" in str(again)


def test_stationarity_is_named_as_such(table):
    text = str(ss.presto("state ~ x + z", table, penalty="mcp", alpha=0.01))
    assert "stationarity" in text and "CONVERGED" in text and "duality gap" not in text


def test_plots_are_returned(fitted):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    for kind in ("path", "cv", "profile", "calibration"):
        assert fitted.plot(kind).get_ylabel()
        assert len(fitted.plot_data(kind))
    pyplot.close("all")


@pytest.mark.parametrize(("reverse", "raised"), [(False, "raises P(Y <= k)"), (True, "raises P(Y > k)")])
def test_paths_and_their_plots_say_what_a_positive_coefficient_raises(table, reverse, raised):
    fit = ss.presto("state ~ x", table, alpha=0.01, reverse=reverse)
    assert repr(fit.path).endswith(f"a positive coefficient {raised}")
    lower = fit.predict(pd.DataFrame({"x": [0.0, 1.0]}), type="cumulative").iloc[:, 0]
    named = 1 - lower if reverse else lower
    assert (named[1] > named[0]) == (fit.coef()["x"].iloc[0] > 0)
    for kind in ("path", "profile"):
        ax = fit.plot(kind)
        assert ax.get_ylabel().endswith(f"above 0 {raised}")
        ax.figure.clear()


def test_a_profile_can_be_of_one_term(fitted):
    term = fitted.columns.terms[0]
    columns = [fitted.columns.names[j] for j in fitted.columns.by_term[0]]
    whole, part = fitted.plot_data("profile"), fitted.plot_data("profile", term)
    pd.testing.assert_frame_equal(part, whole[columns])
    with pytest.raises(ValueError, match="There is no term 'weather'"):
        fitted.plot("profile", "weather")
    with pytest.raises(ValueError, match='by must be "column"'):
        fitted.plot("path", by="group")


def test_a_profile_of_a_term_that_is_not_selected_says_so(table):
    fit = ss.presto("state ~ x + z", table, alpha=0.5 * ss.presto("state ~ x + z", table).path.alpha_max)
    assert fit.coef()["x"].any() and not fit.coef()["z"].any()
    said = {name: [text.get_text() for text in fit.plot("profile", name).texts] for name in "xz"}
    assert said == {"x": ["x"], "z": ["not selected"]}
    ax = fit.plot("profile", "z")
    assert [label.get_text() for label in ax.get_xticklabels()] == list(fit.coef().index)


def test_counts_speak_for_as_many_observations_as_they_count():
    counts = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "yes": [5, 9, 14, 30], "no": [20, 22, 12, 8]})
    rows = counts.loc[counts.index.repeat(counts["yes"] + counts["no"])].reset_index(drop=True)
    place = rows.groupby("x").cumcount()
    rows["y"] = (place < rows["yes"]).astype(int)
    wald = [ss.presto(f, d, alpha=0).infer("wald") for f, d in (("cbind(yes, no) ~ x", counts), ("y ~ x", rows))]
    np.testing.assert_allclose(wald[0]["estimate"], wald[1]["estimate"], rtol=1e-8)
    np.testing.assert_allclose(wald[0]["std_error"], wald[1]["std_error"], rtol=1e-8)


def test_one_column_is_counted_in_the_singular(table):
    assert "600 rows (0 dropped), 1 column " in str(ss.presto("state ~ x", table, alpha=0.05).summary())


def test_groups_without_a_penalty_of_groups_are_refused(table):
    with pytest.raises(ValueError, match=r"groups=\{'x': 'a'\} has no use here: .*penalty=.group"):
        ss.presto("state ~ x + z", table, alpha=0.05, groups={"x": "a"})


def test_constraints_by_term_count_boundaries_as_coef_does(table):
    fit = ss.presto("state ~ x", table, alpha=0.01, reverse=True, constraints=lambda v: [v["x"][0] >= 2.0])
    assert fit.coef()["x"].iloc[0] >= 2.0 - 1e-6 > fit.coef()["x"].iloc[-1]


def test_response_is_another_word_for_the_probabilities(table, fitted):
    pd.testing.assert_frame_equal(fitted.predict(table, type="response"), fitted.predict(table, type="prob"))
    with pytest.raises(TypeError, match=r"predict\(\) has no argument 'newx'. Here it is newdata"):
        fitted.predict(newx=table)
