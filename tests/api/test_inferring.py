"""fit.infer: bootstrap against a plain loop, p-values of splits by hand, and what may not be asked."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.stats import binom, chi2

import sparsestats as ss
from sparsestats.selection.resample import Units, spawned


def simulated(n=120, seed=0, effect=1.0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    table["site"] = rng.choice(["north", "south", "west"], n)
    table["age"] = rng.uniform(20, 80, n)
    eta = effect * (table["a"] + np.sin(table["age"] / 15) + 0.8 * (table["site"] == "west"))
    table["y"] = eta + rng.normal(size=n)
    table["ill"] = np.where(eta + rng.logistic(size=n) > 0.5, "yes", "no")
    table["events"] = rng.poisson(np.exp(0.5 * eta))
    return table


FORMULA = "y ~ a + site + ns(age, df=3) + b + c"


def test_bootstrap_is_a_plain_loop_of_refits():
    table = simulated()
    fit = ss.slope("y ~ a + b + c + site", table, alpha=0.08)
    found = fit.infer("bootstrap", n_boot=25, level=0.8, random_state=3).inferred.frame
    units, loop = Units.of(len(table)), []
    for seed in spawned(3, 25):
        rows = table.iloc[units.bootstrap(np.random.default_rng(seed))]
        loop.append(ss.slope("y ~ a + b + c + site", rows, alpha=0.08).coef().to_numpy())
    loop = np.array(loop)
    # Both are certified at 1e-8 of the objective: estimates agree to its root at the worst.
    np.testing.assert_allclose(found["std_error"], loop.std(axis=0, ddof=1), atol=1e-4)
    np.testing.assert_allclose(found["conf_low"], np.quantile(loop, 0.1, axis=0), atol=1e-4)
    np.testing.assert_allclose(found["conf_high"], np.quantile(loop, 0.9, axis=0), atol=1e-4)
    np.testing.assert_array_equal(found["frequency"][1:], (loop != 0).mean(axis=0)[1:])
    assert np.isnan(found["frequency"][0])  # nothing selects an intercept
    assert 0 < found["frequency"].min() < 1


def test_terms_and_columns_line_up_with_factor_and_spline():
    """A term is found when one of its columns is; every row has the numbers of its own column."""
    table = simulated()
    fit = ss.sgslope(FORMULA, table, alpha=0.06)
    by_term = fit.infer(n_boot=30, random_state=0).inferred
    order = ss.sgslope("y ~ c + ns(age, df=3) + b + site + a", table, alpha=0.06)
    again = order.infer(n_boot=30, random_state=0).inferred
    one, other = by_term.frame.set_index("column"), again.frame.set_index("column")
    assert list(one.index) == ["(intercept)", *fit.columns.names]
    numbers = ["estimate", "std_error", "conf_low", "conf_high", "frequency"]
    # Refits in another order of columns end elsewhere within their certificates.
    np.testing.assert_allclose(one[numbers], other.loc[one.index, numbers], atol=1e-3)
    terms = by_term.terms.set_index("term")
    assert terms["n_columns"].to_dict() == {"a": 1, "site": 3, "ns(age, df=3)": 3, "b": 1, "c": 1}
    assert terms.loc["a", "frequency"] == one.loc["a", "frequency"] == 1.0
    for term, names in fit.groups.items():
        most = one.loc[names, "frequency"].max()
        assert most <= terms.loc[term, "frequency"] <= one.loc[names, "frequency"].sum()


def halves_of(fit, seed, codes=None):
    return Units.of(fit.nobs, codes=codes).halves(np.random.default_rng(spawned(seed, 1)[0]))


def test_one_split_is_selection_and_f_tests_by_hand():
    table = simulated()
    fit = ss.gslope("y ~ a + site + ns(age, df=3) + b + c + keep(d)", table, alpha=0.12)
    found = fit.infer("split", n_splits=1, random_state=1).inferred.terms.set_index("term")
    first, second = halves_of(fit, 1)
    X = fit.spec.transform(table).X
    model = fit.template.set_params(alpha=fit.alpha).fit(X[first], table["y"].to_numpy()[first])
    groups = {t: [fit.columns.names.index(c) for c in names] for t, names in fit.groups.items()}
    chosen = [t for t, own in groups.items() if t != "d" and model.coef_[own].any()]
    assert set(chosen) > {"a", "ns(age, df=3)"} and len(chosen) < 5
    assert "d" not in found.index and found.index.tolist() == ["a", "site", "ns(age, df=3)", "b", "c"]

    def fitted(terms):
        columns = [j for t in terms for j in groups[t][t == "site" :]]  # one level less spans the same
        return sm.OLS(table["y"].to_numpy()[second], sm.add_constant(X[second][:, columns])).fit()

    full = fitted([*chosen, "d"])
    for term in found.index:
        expected = 1.0
        if term in chosen:  # a factor has all its levels: degrees of freedom by ranks
            smaller = fitted([t for t in [*chosen, "d"] if t != term])
            expected = min(1.0, len(chosen) * full.compare_f_test(smaller)[1])
        assert found.loc[term, "p_value"] == pytest.approx(expected, rel=1e-6)
        assert found.loc[term, "frequency"] == float(term in chosen)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_likelihood_ratio_tests_with_weights_and_an_offset_by_hand(family):
    table = simulated(n=200)
    rng = np.random.default_rng(9)
    table["w"], table["shift"] = rng.integers(0, 4, 200), 0.2 * rng.normal(size=200)
    response = {"binomial": "ill", "poisson": "events"}[family]
    options = {"family": family, "alpha": 0.03, "sample_weight": "w", "offset": "shift"}
    fit = ss.slope(f"{response} ~ a + b + c + d", table, **options)
    found = fit.infer("split", n_splits=1, random_state=1).inferred.terms.set_index("term")
    held = table[table["w"] > 0]  # rows without weight are no rows
    y = (held["ill"] == "yes").to_numpy().astype(float) if family == "binomial" else held["events"].to_numpy()
    codes = y.astype(int) if family == "binomial" else None
    _, second = Units.of(len(held), codes=codes).halves(np.random.default_rng(spawned(1, 1)[0]))
    chosen = [t for t in "abcd" if found.loc[t, "frequency"]]
    assert "a" in chosen
    w = held["w"].to_numpy()[second] / held["w"].to_numpy()[second].mean()  # weights count no observations
    kind = {"binomial": sm.families.Binomial, "poisson": sm.families.Poisson}[family]

    def fitted(terms):
        design = sm.add_constant(held[terms].to_numpy()[second]) if terms else np.ones((len(second), 1))
        shift = held["shift"].to_numpy()[second]
        return sm.GLM(y[second], design, family=kind(), freq_weights=w, offset=shift).fit(tol=1e-12)

    for term in chosen:
        rise = fitted(chosen).llf - fitted([t for t in chosen if t != term]).llf
        p = min(1.0, len(chosen) * float(chi2.sf(2 * rise, 1)))
        assert found.loc[term, "p_value"] == pytest.approx(p, rel=1e-5)
    heavier = ss.slope(f"{response} ~ a + b + c + d", table.assign(w=10 * table["w"]), **options)
    again = heavier.infer("split", n_splits=1, random_state=1).inferred.terms.set_index("term")
    np.testing.assert_allclose(again["p_value"], found["p_value"], rtol=1e-5)


def test_counted_outcomes_count_as_observations():
    """cbind(yes, no) with one outcome a row is the table of the outcomes; with more, each of them counts."""
    table = simulated(n=200)
    event = (table["ill"] == "yes").astype(int)
    rows = ss.slope("ill ~ a + b + c", table, family="binomial", alpha=0.03)
    counts = ss.slope("cbind(k, m) ~ a + b + c", table.assign(k=event, m=1 - event), family="binomial", alpha=0.03)
    more = ss.slope(
        "cbind(k, m) ~ a + b + c", table.assign(k=3 * event, m=3 - 3 * event), family="binomial", alpha=0.03
    )
    of = [fit.infer("split", n_splits=5, random_state=0).inferred.terms["p_value"] for fit in (rows, counts, more)]
    assert of[0][0] == pytest.approx(of[1][0], rel=1e-5)
    assert of[2][0] < of[0][0] ** 2


def test_a_term_with_a_free_column_is_in_every_model():
    fit = ss.slope("y ~ a + b + site", simulated(), alpha=0.1, penalty_factor=[1, 1, 0, 1, 1])
    for method in ("split", "stability"):
        assert fit.infer(method, n_splits=3, random_state=0).inferred.terms["term"].tolist() == ["a", "b"]
    free = fit.infer(n_boot=3, random_state=0).inferred.terms.set_index("term")["free"]
    assert free.to_dict() == {"a": False, "b": False, "site": True}


def test_a_model_that_selects_nothing_says_so():
    fit = ss.gslope(FORMULA, simulated(), alpha=10.0)
    tested = fit.infer("split", n_splits=5, random_state=0)
    assert (tested.inferred.terms["p_value"] == 1.0).all() and (tested.inferred.terms["frequency"] == 0.0).all()
    assert "No split selected a term at this alpha" in str(tested.summary())
    assert (fit.infer(n_boot=5, random_state=0).inferred.terms["frequency"] == 0.0).all()


def test_splits_that_cannot_be_tested_are_counted_and_count_as_no_evidence():
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(40, 40)), columns=[f"x{j}" for j in range(40)])
    wide["y"] = 3 * wide["x0"] + rng.normal(size=40)
    with pytest.raises(ValueError, match=r"no split could be tested: 8 of 8 selected as many columns.* larger alpha"):
        ss.slope("y ~ .", wide, alpha=1e-4).infer("split", n_splits=8, random_state=0)
    some = ss.slope("y ~ .", wide, alpha=0.02).infer("split", n_splits=8, random_state=0)
    told = " ".join(str(some.summary()).split())
    count = int(told.split(" of 8 selected as many columns")[0].split()[-1])
    assert 0 < count < 8 and "count as p = 1" in told
    assert np.isfinite(some.inferred.terms["p_value"]).all()

    apart = simulated(n=60)
    apart["ill"] = np.where(apart["a"] > 0.8, "yes", "no")
    apart.loc[apart["a"].idxmin(), "ill"] = "yes"  # the only row in the way: one half is without it
    fit = ss.slope("ill ~ a + b", apart, family="binomial", alpha=0.02)
    told = str(fit.infer("split", n_splits=10, random_state=0).summary())
    assert "the selected columns separate responses of the other half" in " ".join(told.split())


def test_few_events_for_many_columns_are_told():
    fit = ss.slope("ill ~ a + b + c + d + site", simulated(), family="binomial", alpha=0.001)
    assert "likelihood-ratio tests are liberal there" in " ".join(
        str(fit.infer("split", n_splits=3, random_state=0).summary()).split()
    )


def test_stability_is_a_plain_loop_over_both_halves():
    table = simulated()
    formula = "y ~ a + site + b + c + keep(d)"
    fit = ss.sgslope(formula, table, alpha=0.15)
    found = fit.infer("stability", n_splits=6, threshold=0.7, random_state=2).inferred
    loop = []
    for seed in spawned(2, 6):
        for half in Units.of(120).halves(np.random.default_rng(seed)):
            loop.append(ss.sgslope(formula, table.iloc[half], alpha=0.15).coef() != 0)
    loop = pd.DataFrame(loop)
    by_column = found.frame.set_index("column")["frequency"].iloc[1:]
    np.testing.assert_array_equal(by_column, loop[by_column.index].mean())
    terms = found.terms.set_index("term")
    assert terms.index.tolist() == ["a", "site", "b", "c"]  # d is free
    of_terms = pd.DataFrame({t: loop[fit.groups[t]].any(axis=1) for t in terms.index})
    np.testing.assert_array_equal(terms["frequency"], of_terms.mean())
    np.testing.assert_array_equal(terms["stable"], of_terms.mean() >= 0.7)
    assert terms["stable"].any() and not terms["stable"].all()
    q = of_terms.to_numpy().sum(axis=1).mean()
    told = " ".join(str(found).split())
    assert f"A half selects {q:.4g} of the 4 penalised terms" in told
    assert f"at most {q**2 / (0.4 * 4):.4g} are expected among the stable ones" in told


def test_a_bound_on_the_stable_terms_that_says_nothing_is_not_given():
    found = ss.gslope("y ~ a + site + b + c", simulated(), alpha=1e-6).infer("stability", n_splits=2, random_state=0)
    told = " ".join(str(found.inferred).split())
    assert "A half selects 4 of the 4 penalised terms on average; that is too many for a" in told
    assert "are expected among" not in told


def test_the_last_answer_is_the_one_that_is_held():
    fit = ss.gslope(FORMULA, simulated(), alpha=0.1)
    once = fit.infer("split", n_splits=2, random_state=0)
    twice = fit.infer(n_boot=3).infer("split", n_splits=2, random_state=0)
    pd.testing.assert_frame_equal(twice.tidy(), once.tidy())


def test_row_groups_and_classes_stay_in_the_bootstrap():
    table = simulated()
    table["patient"] = np.repeat(np.arange(20), 6)
    fit = ss.slope("y ~ a + b", table, alpha=0.05, row_groups="patient")
    found = fit.infer(n_boot=20, random_state=0)
    assert "20 whole row groups drawn with replacement" in found.inferred.settings
    units, loop = Units.of(120, table["patient"]), []
    for seed in spawned(0, 20):
        rows = table.iloc[units.bootstrap(np.random.default_rng(seed))]
        loop.append(ss.slope("y ~ a + b", rows, alpha=0.05).coef()["a"])
    assert found.tidy().set_index("column").loc["a", "std_error"] == pytest.approx(np.std(loop, ddof=1), abs=1e-4)
    classes = ss.slope("site ~ a + age", table, alpha=1e-3, family="multinomial").infer(n_boot=10, random_state=0)
    assert "within classes" in classes.inferred.settings
    tidy = classes.tidy(zeros=True)
    assert tidy["class"].tolist() == ["north"] * 3 + ["south"] * 3 + ["west"] * 3 and (tidy["std_error"] > 0).all()


def test_one_answer_for_a_seed_and_any_number_of_workers():
    fit = ss.gslope(FORMULA, simulated(), alpha=0.1)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    for method, options in (("bootstrap", {"n_boot": 8}), ("split", {"n_splits": 8}), ("stability", {"n_splits": 8})):
        of = [fit.infer(method, random_state=7, n_jobs=jobs, **options).inferred for jobs in (1, 2)]
        pd.testing.assert_frame_equal(of[0].frame, of[1].frame)
        pd.testing.assert_frame_equal(of[0].terms, of[1].terms)
        assert not fit.infer(method, random_state=8, **options).inferred.frame.equals(of[0].frame)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_what_cannot_be_answered_is_refused(tmp_path):
    table = simulated()
    fit = ss.slope("y ~ a + b", table, alpha=0.05)
    for call, message in (
        (lambda: fit.infer("wald"), "method must be one of 'bootstrap', 'split', 'stability'; got 'wald'"),
        (lambda: fit.infer("split", n_boot=5), r'infer\("split"\) has no n_boot; it has n_splits'),
        (lambda: fit.infer("bootstrap", n_splits=5), r'infer\("bootstrap"\) has no n_splits; it has n_boot and level'),
        (lambda: fit.infer(n_boot=1), "n_boot must be a whole number >= 2; got 1"),
        (lambda: fit.infer("split", n_splits=0), "n_splits must be a whole number >= 1; got 0"),
        (lambda: fit.infer(level=95), "level must be a number between 0 and 1"),
        (lambda: fit.infer("stability", threshold=0.5), "threshold must be above 0.5"),
        (lambda: fit.infer("split", threshold=0.9), "has no threshold; it has n_splits"),
        (lambda: fit.infer(n_boot=2, random_state="x"), "random_state must be"),
        (lambda: fit.infer(n_boot=2, n_jobs=0), "n_jobs must be"),
        (lambda: fit.refit().infer(), "before refit"),
        (lambda: ss.slope("y ~ a + b", table).infer(), "no alpha was chosen"),
        (lambda: fit.plot("inference"), "needs fit.infer"),
        (
            lambda: ss.slope("y ~ a", table, alpha=0.1, family="huber").infer("split"),
            "tests gaussian, binomial and poisson models; this one is huber",
        ),
        (
            lambda: ss.slope("site ~ a", table, alpha=0.1, family="multinomial").infer("split"),
            "this one is multinomial",
        ),
        (
            lambda: ss.slope("y ~ a", table, alpha=0.1, row_groups="site").infer("split"),
            "row_groups say that they are not",
        ),
        (lambda: ss.slope("y ~ keep(a)", table, alpha=0.1).infer("split"), "no term is penalised"),
        (lambda: ss.slope("y ~ keep(a)", table, alpha=0.1).infer("stability"), "no term is penalised"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    fit.infer(n_boot=2).save(tmp_path / "fit.json")
    loaded = ss.load(tmp_path / "fit.json")
    assert loaded.inferred is None
    with pytest.raises(ValueError, match=r"infer\(\) needs the rows of the fit, and a saved model holds none"):
        loaded.infer()


def test_an_own_penalty_can_be_asked_too():
    model = ss.Penalized(ss.losses.Binomial(), ss.penalties.L1(), alpha=0.05)
    table = simulated()
    table["event"] = (table["ill"] == "yes").astype(float)
    fit = ss.fit("event ~ a + b", table, model)
    found = fit.infer("split", n_splits=3, random_state=0)
    assert "stratified by class" in found.inferred.settings
    assert found.inferred.terms["p_value"].iloc[0] < 0.05


def family_wise_errors(runs, n_splits, family, **options):
    """Data sets without effects in which some term has p <= 0.05."""
    errors = 0
    for run in range(runs):
        rng = np.random.default_rng(run)
        table = pd.DataFrame(rng.normal(size=(80, 10)), columns=[f"x{j}" for j in range(10)])
        table["y"] = rng.normal(size=80) if family == "gaussian" else rng.choice([0, 1], 80)
        fit = ss.slope("y ~ .", table, family=family, **options)
        found = fit.infer("split", n_splits=n_splits, random_state=run).inferred.terms
        assert found["frequency"].sum() > 0 or n_splits == 1
        errors += found["p_value"].min() <= 0.05
    return errors


def test_one_split_keeps_the_family_wise_error():
    """One split is the sharpest: more of them are conservative. Its errors are binomial with at most 5 %."""
    errors = family_wise_errors(100, 1, "gaussian", alpha=0.1)
    assert errors <= binom.ppf(0.999, 100, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "alpha"), [("gaussian", 0.1), ("binomial", 0.06)])
def test_many_splits_keep_the_family_wise_error(family, alpha):
    assert family_wise_errors(150, 15, family, alpha=alpha) <= binom.ppf(0.99, 150, 0.05)


def test_effects_are_found():
    found = ss.gslope(FORMULA, simulated(n=300), alpha=0.1).infer("split", n_splits=20, random_state=0)
    p = found.inferred.terms.set_index("term")["p_value"]
    assert (p[["a", "site", "ns(age, df=3)"]] < 1e-3).all() and (p[["b", "c"]] > 0.05).all()
