"""Relaxed fits: the selected model without the penalty's shrinkage."""

import numpy as np
import pytest
import statsmodels.api as sm

import sparsestats as ss
from sparsestats.datasets import load_penguins


def data(n=120, p=20, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.exp(rng.normal(size=p)) + rng.normal(size=p)
    eta = X[:, :4] @ (np.array([1.0, -1.0, 0.7, 0.7]) / X[:, :4].std(0)) + 0.5
    return X, eta - eta.mean(), rng.uniform(0.5, 2.0, n), 0.3 * rng.normal(size=n), rng


@pytest.mark.parametrize("family", ["gaussian", "poisson", "binomial", "huber"])
def test_unpenalised_refit_is_the_textbook_fit_of_the_selected_columns(family):
    X, eta, w, offset, rng = data()
    y = {
        "gaussian": eta + rng.normal(size=120),
        "poisson": rng.poisson(np.exp(eta)),
        "binomial": (eta + rng.logistic(size=120) > 0).astype(int),
        "huber": eta + rng.standard_t(3, size=120),
    }[family]
    if family == "huber":  # statsmodels has no weights there, and a scale of its own
        w, offset = np.ones(120), np.zeros(120)
    penalised = (ss.SLOPEClassifier() if family == "binomial" else ss.SLOPE(family=family)).fit(X, y, w, offset)
    relaxed = penalised.relax(X, y, w, offset)
    chosen = np.ravel(penalised.coef_) != 0
    assert 2 <= chosen.sum() < 20
    np.testing.assert_array_equal(np.ravel(relaxed.coef_) != 0, chosen)
    columns = sm.add_constant(X[:, chosen])
    if family == "huber":
        theirs = np.concatenate([relaxed.intercept_[None] if np.ndim(relaxed.intercept_) else [relaxed.intercept_],
                                 relaxed.coef_[chosen]])  # fmt: skip
        residual = np.clip(y - columns @ theirs, -1.345, 1.345)
        np.testing.assert_allclose(columns.T @ residual / 120, 0, atol=1e-8)  # the estimating equations
    else:
        kind = {"gaussian": sm.families.Gaussian, "poisson": sm.families.Poisson, "binomial": sm.families.Binomial}
        peer = sm.GLM(y, columns, family=kind[family](), freq_weights=w, offset=offset).fit(tol=1e-14)
        ours = np.concatenate([np.ravel(relaxed.intercept_), np.ravel(relaxed.coef_)[chosen]])
        np.testing.assert_allclose(ours, peer.params, rtol=1e-6)  # Newton's last step squares 1e-8
    assert relaxed.certificate_.kind == "newton" and relaxed.certificate_.converged
    assert np.abs(relaxed.coef_).sum() > np.abs(penalised.coef_).sum()


def test_gamma_mixes_the_two_fits():
    X, eta, *_, rng = data()
    y = eta + rng.normal(size=120)
    model = ss.SLOPE().fit(X, y)
    at = {gamma: model.relax(X, y, gamma=gamma) for gamma in (0.0, 0.25, 1.0)}
    np.testing.assert_array_equal(at[1.0].coef_, model.coef_)
    np.testing.assert_allclose(at[0.25].coef_, 0.25 * at[1.0].coef_ + 0.75 * at[0.0].coef_, rtol=1e-14)
    assert at[0.25].intercept_ == pytest.approx(0.25 * model.intercept_ + 0.75 * at[0.0].intercept_)
    assert at[0.25].gamma_ == 0.25 and not hasattr(model, "gamma_")
    with pytest.raises(ValueError, match=r"gamma must be between .* got 1\.5"):
        model.relax(X, y, gamma=1.5)


def test_clusters_stay_together_with_their_signs():
    X, eta, *_, rng = data()
    y = eta + rng.normal(size=120)
    model = ss.SLOPE(sequence="oscar").fit(X, y)
    labels = model.clusters_
    assert 1 < labels.max() < np.count_nonzero(labels)
    relaxed = model.relax(X, y, clusters=True)
    sums = np.column_stack([(np.sign(model.coef_) * (X - X.mean(0)) / X.std(0))[:, labels == k].sum(1)
                            for k in range(1, labels.max() + 1)])  # fmt: skip
    sizes = np.linalg.lstsq(sums, y - y.mean(), rcond=None)[0]
    expected = np.zeros(20)
    used = labels > 0
    expected[used] = sizes[labels[used] - 1] * np.sign(model.coef_[used]) / X.std(0)[used]
    np.testing.assert_allclose(relaxed.coef_, expected, rtol=1e-9, atol=1e-12)
    assert relaxed.clusters_.max() == labels.max()
    with pytest.raises(ValueError, match="clusters=True needs SLOPE; GroupSLOPE"):
        ss.GroupSLOPE(groups=np.arange(20) // 2).fit(X, y).relax(X, y, clusters=True)


def test_free_columns_are_refitted_and_twins_relax_too():
    X, eta, *_, rng = data()
    y = eta + rng.normal(size=120)
    factor = np.r_[np.ones(19), 0.0]
    model = ss.SparseGroupSLOPECV(groups=np.arange(20) // 4, penalty_factor=factor, cv=3).fit(X, y)
    relaxed = model.relax(X, y)
    chosen = model.coef_ != 0
    assert chosen[19] and not chosen.all()
    theirs = np.linalg.lstsq(sm.add_constant(X[:, chosen]), y, rcond=None)[0]
    np.testing.assert_allclose(relaxed.coef_[chosen], theirs[1:], rtol=1e-9)
    np.testing.assert_allclose(relaxed.predict(X), sm.add_constant(X[:, chosen]) @ theirs, rtol=1e-8)


def test_other_columns_and_three_classes_are_refused():
    X, eta, *_ = data()
    with pytest.raises(ValueError, match=r"each of the 19 columns .* has 20"):
        ss.SLOPE().fit(X, eta).relax(X[:, :19], eta)
    thirds = np.digitize(eta, np.quantile(eta, [1 / 3, 2 / 3]))
    with pytest.raises(ValueError, match="at most two classes"):
        ss.SLOPEClassifier().fit(X, thirds).relax(X, thirds)


def test_a_model_that_selects_nothing_stays():
    X, eta, *_ = data()
    model = ss.SLOPE(alpha=1e3).fit(X, eta)
    assert not model.coef_.any() and model.relax(X, eta).intercept_ == model.intercept_


def test_separated_classes_and_counts_are_named():
    X, *_ = data()
    split = X[:, 0] > np.median(X[:, 0])
    model = ss.SLOPEClassifier(alpha=0.01).fit(X, split)
    with pytest.raises(ValueError, match=r"binomial loss has no minimum.*separates"):
        model.relax(X, split)
    group = (np.arange(120) < 40).astype(float)
    counts = np.where(group > 0, 0.0, 1.0 + np.arange(120) % 3)  # one level never counts anything
    model = ss.SLOPE(alpha=0.1, family="poisson").fit(group[:, None], counts)
    with pytest.raises(ValueError, match="poisson loss has no minimum"):
        model.relax(group[:, None], counts)


def test_strong_but_finite_effects_are_no_separation():
    x = np.r_[np.linspace(-3, -0.1, 60), np.linspace(0.1, 3, 60)]
    y = (x > 0).astype(int)
    y[[55, 65]] = y[[65, 55]]  # two rows on the wrong side
    model = ss.SLOPEClassifier(alpha=0.01).fit(x[:, None], y)
    assert model.relax(x[:, None], y).coef_[0, 0] > 3


def test_more_columns_than_rows_are_refused():
    X, eta, *_, rng = data(n=15)
    y = eta + rng.normal(size=15)
    model = ss.SLOPE(alpha=1e-4).fit(X, y)
    assert np.count_nonzero(model.coef_) >= 14
    with pytest.raises(ValueError, match=r"15 rows .* interpolates them\. Take a larger alpha"):
        model.relax(X, y)


def test_the_refit_of_a_formula_keeps_deviations_and_says_what_it_is(tmp_path):
    penguins = load_penguins()
    fit = ss.gslope("body_mass_g ~ species + sex + bill_length_mm", penguins, alpha=20.0)
    relaxed = fit.refit()
    complete = penguins.dropna()
    theirs = sm.OLS.from_formula("body_mass_g ~ species + sex + bill_length_mm", complete).fit()
    np.testing.assert_allclose(relaxed.predict(complete), theirs.predict(complete), rtol=1e-9)
    coef = relaxed.coef()
    # Fully coded: the deviations of a factor sum to 0, up to the rounding of the thousands they are made of.
    assert coef[coef.index.str.startswith("species")].sum() == pytest.approx(0, abs=1e-8)
    text = relaxed.summary().to_text()
    assert "relaxed" in text and "not valid" in text and "std_error" not in relaxed.tidy().columns
    assert relaxed.glance()["deviance_ratio"].item() == pytest.approx(theirs.rsquared, rel=1e-9)
    relaxed.save(tmp_path / "relaxed.json")
    loaded = ss.load(tmp_path / "relaxed.json")
    np.testing.assert_array_equal(loaded.coef(), coef)
    with pytest.raises(ValueError, match="needs the rows of the fit"):
        loaded.refit()
    half = fit.refit(0.5)
    np.testing.assert_allclose(half.coef(), 0.5 * (fit.coef() + coef), rtol=1e-9)
    assert half.certificate is None and "The refit's certificate" in half.summary().to_text()


def test_a_path_without_a_chosen_alpha_has_no_refit():
    fit = ss.slope("body_mass_g ~ species + bill_length_mm", load_penguins())
    with pytest.raises(ValueError, match="no alpha was chosen"):
        fit.refit()
    alpha = (fit.path.alphas[5] + fit.path.alphas[6]) / 2  # between two alphas: interpolated, then refitted
    assert fit.at(alpha).refit(clusters=True).certificate.converged
