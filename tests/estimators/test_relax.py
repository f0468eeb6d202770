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
    # Where residuals are clipped there is no curvature, so that a Newton decrement would prove nothing.
    assert relaxed.certificate_.kind == ("gap" if family == "huber" else "newton") and relaxed.certificate_.converged
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


def thirds(n=150, p=6, seed=1):
    X, eta, w, _, rng = data(n=n, p=p, seed=seed)
    scores = np.column_stack([eta, -eta, X[:, 1] / X[:, 1].std()]) + rng.gumbel(size=(n, 3))
    return X, scores.argmax(axis=1), w, 0.3 * rng.normal(size=(n, 3))


def test_refit_of_three_classes_is_the_textbook_fit_of_the_selected_columns():
    X, y, *_ = thirds()
    model = ss.GroupSLOPEClassifier().fit(X, y)
    relaxed = model.relax(X, y)
    chosen = model.coef_[0] != 0
    assert 1 < chosen.sum() < 6 and np.array_equal(relaxed.coef_ != 0, model.coef_ != 0)
    peer = sm.MNLogit(y, sm.add_constant(X[:, chosen])).fit(disp=0, tol=1e-12, maxiter=100, method="newton")
    ours = np.column_stack([relaxed.intercept_, relaxed.coef_[:, chosen]])
    np.testing.assert_allclose((ours[1:] - ours[0]).T, peer.params, rtol=1e-6)  # its first class is the reference
    np.testing.assert_allclose(ours.sum(axis=0), 0, atol=1e-10)
    assert relaxed.certificate_.kind == "newton" and relaxed.certificate_.converged
    half = model.relax(X, y, gamma=0.5)
    np.testing.assert_allclose(half.coef_, (model.coef_ + relaxed.coef_) / 2, atol=1e-12)


@pytest.mark.parametrize("clusters", [False, True])
def test_refit_of_three_classes_keeps_the_zeros_of_each_class(clusters):
    """Estimating equations: the residuals are orthogonal to what the refit may move, and to nothing else."""
    X, y, w, offset = thirds()
    factor = np.r_[np.ones(5), 0.0]
    model = ss.SLOPEClassifier(0.01, sequence="oscar", penalty_factor=factor).fit(X, y, w, offset)
    relaxed = model.relax(X, y, w, offset, clusters=clusters)
    zero = model.coef_ == 0
    assert 0 < zero[:, :5].sum() < 15 and not zero[:, 5].any() and not zero.any(axis=0).all()
    np.testing.assert_array_equal(relaxed.coef_ == 0, zero)
    residual = (w / w.mean())[:, None] * (np.eye(3)[y] - relaxed.predict_proba(X, offset))
    slope = residual.T @ X / len(y)
    np.testing.assert_allclose(residual.sum(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(slope[:, 5], 0, atol=1e-9)
    if clusters:
        sd = np.sqrt(np.average((X - np.average(X, axis=0, weights=w)) ** 2, axis=0, weights=w))
        for label in range(1, model.clusters_.max() + 1):
            inside = model.clusters_ == label
            sizes = np.abs(relaxed.coef_ * sd)[inside]
            np.testing.assert_allclose(sizes, sizes[0], rtol=1e-9)
            assert abs(np.sum((np.sign(model.coef_) * slope / sd)[inside])) < 1e-9
        assert model.clusters_.max() < np.count_nonzero(model.clusters_)
    else:
        np.testing.assert_allclose(slope[~zero], 0, atol=1e-9)
    assert np.abs(slope[zero]).max() > 1e-3
    assert relaxed.certificate_.converged


def test_refit_of_three_classes_by_formula_and_where_they_separate():
    penguins = load_penguins()
    fit = ss.slope("species ~ body_mass_g + sex", penguins, alpha=0.02, family="multinomial")
    relaxed = fit.refit()
    assert relaxed.glance()["deviance_ratio"].iloc[0] > fit.glance()["deviance_ratio"].iloc[0]
    assert "relaxed" in relaxed.summary().to_text()
    split = ss.slope("species ~ bill_length_mm + bill_depth_mm + flipper_length_mm + island + sex", penguins,
                     alpha=0.005, family="multinomial")  # fmt: skip
    with pytest.raises(ValueError, match="multinomial loss has no minimum"):
        split.refit()


def test_other_columns_and_classes_are_refused():
    X, eta, *_ = data()
    with pytest.raises(ValueError, match=r"each of the 19 columns .* has 20"):
        ss.SLOPE().fit(X, eta).relax(X[:, :19], eta)
    X, y, *_ = thirds()
    with pytest.raises(ValueError, match=r"6 columns of X and each class; this model has 6"):
        ss.SLOPEClassifier().fit(X, y > 0).relax(X, y)


@pytest.mark.parametrize("delta", [1.0, 0.01])
def test_huber_refits_and_plain_fits_are_proved_far_inside_the_residuals(delta):
    """With delta far below the residuals nearly every row is in the linear part, where the loss has no curvature."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(100, 20))
    y = 2 * X[:, 0] + 3 * rng.standard_t(2, size=100)
    plain = {s: ss.SLOPE(0.0, family="huber", huber_delta=delta, solver=s).fit(X, y) for s in ("auto", "proximal")}
    for model in plain.values():
        assert model.certificate_.kind == "gap" and model.certificate_.converged
        residual = np.clip(y - model.predict(X), -delta, delta)
        np.testing.assert_allclose(X.T @ residual / 100, 0, atol=1e-6 * delta)
    relaxed = ss.SLOPE(family="huber", huber_delta=delta, alpha=0.03 * delta).fit(X, y).relax(X, y)
    assert relaxed.certificate_.kind == "gap" and relaxed.certificate_.converged
    assert 0 < np.count_nonzero(relaxed.coef_) < 20


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
