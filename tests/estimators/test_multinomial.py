"""SLOPE for three classes and more: the symmetric softmax, its penalties and its certificate."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import log_softmax, softmax, xlogy
from sklearn.linear_model import LogisticRegression

import sparsestats as ss


def classes(n=120, p=8, k=3, seed=0):
    """Rows of k classes, three columns that tell them apart, and one column of another scale."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    X[:, 1] = 30 * X[:, 1] + 5
    eta = (X / X.std(axis=0))[:, :3] @ rng.normal(size=(3, k)) * 1.5
    y = np.array([rng.choice(k, p=row) for row in softmax(eta, axis=1)])
    return np.asfortranarray(X), y


def loss(X, y, coef, intercept, weight=None, offset=0.0):
    own = log_softmax(X @ coef.T + intercept + offset, axis=1)[np.arange(len(y)), y]
    return -np.average(own, weights=weight)


def sorted_norm(c, v):
    return np.sort(np.abs(c), axis=None)[::-1] @ v


def gap(model, X, y, v, weight=None, offset=0.0):
    """Objective minus dual value, from the coefficients alone, for the elementwise sorted norm with weights v."""
    n, w = len(y), np.ones(len(y)) if weight is None else weight / weight.mean()
    mean = w @ X / n
    sd = np.sqrt(w @ (X - mean) ** 2 / n)
    eta = X @ model.coef_.T + model.intercept_ + offset
    residual = np.eye(len(model.classes_))[y] - softmax(eta, axis=1)
    theta = w[:, None] * residual / n
    np.testing.assert_allclose(theta.sum(axis=0), 0, atol=1e-13)  # intercepts are free
    z = np.sort(np.abs(((X - mean) / sd).T @ theta), axis=None)[::-1]
    size = np.max(np.cumsum(z) / np.cumsum(v))
    shrink = min(1.0, model.alpha_ / size)
    p = np.eye(len(model.classes_))[y] - shrink * residual
    dual = -np.sum(w[:, None] * (xlogy(p, p) + shrink * residual * offset)) / n
    primal = loss(X, y, model.coef_, model.intercept_, weight, offset)
    return primal + model.alpha_ * sorted_norm(model.coef_ * sd, v) - dual


def test_lasso_for_three_classes_is_sklearns():
    X, y = classes()
    X[:, 1] /= 30
    model = ss.SLOPEClassifier(0.02, sequence="lasso", standardize=False, tol=1e-12).fit(X, y)
    peer = LogisticRegression(C=1 / (len(y) * 0.02), l1_ratio=1, solver="saga", tol=1e-10, max_iter=10_000)
    peer.fit(X, y)

    def objective(coef, intercept):
        return loss(X, y, coef, intercept) + 0.02 * np.abs(coef).sum()

    assert model.certificate_.objective == pytest.approx(objective(model.coef_, model.intercept_), rel=1e-13)
    # saga stops at a change of 1e-10 in its coefficients
    assert model.certificate_.objective == pytest.approx(objective(peer.coef_, peer.intercept_), rel=1e-10)
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), atol=1e-7)
    assert 0 < np.count_nonzero(model.coef_) < model.coef_.size
    assert np.array_equal(model.coef_ != 0, peer.coef_ != 0)


@pytest.mark.parametrize("weighted", [False, True])
def test_gap_recomputed_from_the_coefficients(weighted):
    X, y = classes(k=4)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, len(y)).astype(float) if weighted else None
    offset = rng.normal(size=(len(y), 4)) if weighted else None
    model = ss.SLOPEClassifier(sequence=np.linspace(2, 1, 32)).fit(X, y, weight, offset)
    found = gap(model, X, y, np.linspace(2, 1, 32), weight, 0.0 if offset is None else offset)
    # to the rounding of objective and bound
    assert model.certificate_.value == pytest.approx(found, abs=1e-13)
    assert found <= 1e-8 * model.certificate_.scale
    assert np.count_nonzero(model.coef_) > 5


def test_forms_of_the_data_do_not_matter():
    X, y = classes()
    X[np.abs(X) < 0.5] = 0
    dense = ss.SLOPEClassifier(0.01, tol=1e-11).fit(X, y)
    for form, close in [(sparse.csc_array(X), 1e-8), (X.astype(np.float32), 1e-5)]:
        other = ss.SLOPEClassifier(0.01, tol=1e-11).fit(form, y)
        np.testing.assert_allclose(other.predict_proba(form), dense.predict_proba(X), atol=close)
        assert other.coef_.shape == (3, 8) and other.intercept_.shape == (3,)


def test_intercepts_sum_to_zero_and_fit_the_shares():
    X, y = classes()
    weight = np.linspace(0.5, 2, len(y))
    model = ss.SLOPEClassifier(0.02).fit(X, y, weight)
    assert model.intercept_.sum() == pytest.approx(0, abs=1e-12)
    share = np.average(np.eye(3)[y], axis=0, weights=weight)
    np.testing.assert_allclose(np.average(model.predict_proba(X), axis=0, weights=weight), share, rtol=1e-12)


def test_path_starts_where_the_first_coefficient_enters():
    X, y = classes()
    for model in (
        ss.SLOPEClassifier(),
        ss.GroupSLOPEClassifier(),
        ss.SparseGroupSLOPEClassifier(groups=[0, 0, 1, 1, 2, 2, 3, 3]),
    ):
        top = model.alpha_max(X, y)
        assert not model.set_params(alpha=top * (1 + 1e-9)).fit(X, y).coef_.any()
        assert model.set_params(alpha=top * (1 - 1e-4)).fit(X, y).coef_.any()


@pytest.mark.parametrize("standardize", [True, False, "group"])
def test_a_variable_enters_for_all_classes_at_once(standardize):
    X, y = classes()
    X[:, 1] /= 30
    groups = None if standardize is not True else [0, 0, 1, 1, 2, 2, 3, 3]
    model = ss.GroupSLOPEClassifier(groups=groups, standardize=standardize, tol=1e-11)
    path = model.path(X, y, ss.relative(1, 0.05, 8))
    active = path.coefs != 0
    assert np.array_equal(active.any(axis=1), active.all(axis=1))
    assert 0 < path.n_nonzero[2] < 8
    # a group's norm is smallest where its coefficients sum to 0 over the classes
    np.testing.assert_allclose(path.coefs.sum(axis=1), 0, atol=1e-6)
    assert path.converged.all()


@pytest.mark.parametrize("kind", [ss.SLOPEClassifier, ss.GroupSLOPEClassifier])
def test_screening_changes_nothing(kind):
    X, y = classes(n=60, p=40)
    on, off = (kind(screening=flag, tol=1e-11).path(X, y, ss.relative(1, 0.05, 15)) for flag in (True, False))
    np.testing.assert_allclose(on.predict(X), off.predict(X), atol=1e-7)
    assert on.info["screened"][2] < off.info["screened"][2]
    assert on.converged.all()


def test_units_of_the_columns_do_not_matter():
    X, y = classes()
    scaled = X * np.geomspace(1e-3, 1e3, 8) + np.arange(8)
    first, second = (ss.SLOPEClassifier(tol=1e-12).path(data, y, ss.relative(1, 0.1, 5)) for data in (X, scaled))
    assert second.alpha_max == pytest.approx(first.alpha_max, rel=1e-10)
    np.testing.assert_allclose(second.predict(scaled), first.predict(X), atol=1e-8)


def test_free_columns_and_no_penalty_fit_the_moments():
    X, y = classes()
    shares = X.T @ np.eye(3)[y]
    free = ss.SLOPEClassifier(0.05, penalty_factor=[1, 0, 1, 1, 1, 1, 1, 1]).fit(X, y)
    np.testing.assert_allclose((X.T @ free.predict_proba(X))[1], shares[1], rtol=1e-10)
    assert free.coef_[:, 1].sum() == pytest.approx(0, abs=1e-12)
    full = ss.SLOPEClassifier(0.0).fit(X, y)
    np.testing.assert_allclose(X.T @ full.predict_proba(X), shares, rtol=1e-6)
    np.testing.assert_allclose(full.coef_.sum(axis=0), 0, atol=1e-12)


def test_two_classes_of_the_softmax_are_the_logistic_model():
    """An l1 norm prices a difference d of two predictors at |d|, split between them at will."""
    X, y = classes(k=2)
    binary = ss.SLOPEClassifier(0.02, sequence="lasso", tol=1e-12).fit(X, y)
    # a third class that no row is likely to belong to leaves two
    offset = np.column_stack([np.zeros((len(y) + 1, 2)), np.full(len(y) + 1, -60.0)])
    weight = np.append(np.ones(len(y)), 1e-13)
    model = ss.SLOPEClassifier(0.02, sequence="lasso", tol=1e-12)
    model.fit(np.vstack([X, X[:1]]), np.append(y, 2), weight, offset)
    np.testing.assert_allclose(model.coef_[1] - model.coef_[0], binary.coef_[0], atol=1e-6)


def test_labels_probabilities_and_decisions_agree():
    X, y = classes()
    names = np.array(["Gentoo", "Adelie", "Chinstrap"])[y]
    model = ss.SLOPEClassifier(0.01).fit(X, names)
    assert model.classes_.tolist() == ["Adelie", "Chinstrap", "Gentoo"]
    prob = model.predict_proba(X)
    np.testing.assert_allclose(prob.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(softmax(model.decision_function(X), axis=1), prob, rtol=1e-12)
    assert np.array_equal(model.predict(X), model.classes_[prob.argmax(axis=1)])
    assert model.score(X, names) > 0.6


def test_a_path_of_classes_is_read_by_class():
    X, y = classes()
    names = np.array(["a", "b", "c"])[y]
    model = ss.SLOPEClassifier()
    path = model.path(X, names, ss.relative(1, 0.05, 6))
    assert path.coefs.shape == (6, 3, 8) and path.intercepts.shape == (6, 3)
    tidy = path.tidy()
    k, j = np.argwhere(path.coefs[3])[0]
    row = tidy[(tidy["alpha"] == path.alphas[3]) & (tidy["class"] == "abc"[k]) & (tidy["column"] == f"x{j}")]
    assert row["estimate"].item() == path.coefs[3, k, j]
    assert len(path.tidy(zeros=True)) == 6 * 24
    assert path.predict(X).shape == (len(y), 6, 3)
    fitted = model.at(path, path.alphas[4])
    np.testing.assert_allclose(fitted.predict_proba(X), path.predict(X, path.alphas[4]), rtol=1e-12)
    assert f"x{j} [{'abc'[k]}]" in set(path.plot_data()["label"])
    assert path.n_nonzero[0] == 0 < path.n_nonzero[-1] <= 8


@pytest.mark.parametrize("scoring", ["log_loss", "deviance", "brier", "misclassification", "accuracy", "roc_auc_ovr"])
def test_cross_validation_scores_classes(scoring):
    X, y = classes()
    model = ss.SLOPEClassifierCV(alphas=ss.relative(2, 0.02, 8), cv=4, scoring=scoring).fit(X, y)
    best = model.cv_.mean[model.cv_.index_min]
    if scoring in ("accuracy", "roc_auc_ovr"):
        assert best > model.cv_.mean[0] + 0.1
    else:
        assert best < 0.85 * model.cv_.mean[0]
        assert model.cv_.null == pytest.approx(model.cv_.mean[0], rel=1e-12)
    assert model.coef_.shape == (3, 8)


def test_cross_validated_groups_take_offsets():
    X, y = classes()
    offset = np.random.default_rng(2).normal(size=(len(y), 3))
    model = ss.GroupSLOPEClassifierCV(alphas=ss.relative(2, 0.05, 5), cv=3).fit(X, y, offset=offset)
    # the null model is the path's first, offset and all
    assert model.cv_.null == pytest.approx(model.cv_.mean[0], rel=1e-9)
    with pytest.raises(ValueError, match="needs offset="):
        model.predict(X)


@pytest.mark.parametrize("rows", [False, True])
def test_objective_is_that_of_an_interior_point_method(rows):
    import cvxpy as cp

    X, y = classes(n=60, p=4)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    beta, b0 = cp.Variable((3, 4)), cp.Variable(3)
    if rows:
        model = ss.GroupSLOPEClassifier(0.06, sequence=[2, 1.5, 1, 0.5])
        norm = np.sqrt(3) * cp.dotsort(cp.norm(beta, axis=0), np.array([2, 1.5, 1, 0.5]))
    else:
        model = ss.SLOPEClassifier(0.06, sequence=np.linspace(2, 0.5, 12))
        norm = cp.dotsort(cp.abs(cp.vec(beta, order="F")), np.linspace(2, 0.5, 12))
    eta = X @ beta.T + np.ones((60, 1)) @ cp.reshape(b0, (1, 3), order="F")
    fit = cp.sum(cp.log_sum_exp(eta, axis=1)) - cp.sum(cp.multiply(np.eye(3)[y], eta))
    problem = cp.Problem(cp.Minimize(fit / 60 + 0.06 * norm))
    problem.solve(solver=cp.CLARABEL)
    certificate = model.fit(X, y).certificate_
    # Clarabel's own tolerance is 1e-8
    assert certificate.objective == pytest.approx(problem.value, rel=1e-7)
    assert np.count_nonzero(model.coef_) > 2
