"""SLOPE for three classes and more: the symmetric softmax, its penalties and its certificate."""

from itertools import product

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


@pytest.mark.parametrize("seed", [4, 14, 27, 38])
def test_what_all_classes_share_is_led_to_where_the_penalty_holds_it(seed):
    """Coefficients of a column moved alike change no probability: steps of second order used to leave them be, and
    those of first order ended at max_iter."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((120, 60)) + 0.5 * rng.standard_normal((120, 1))
    eta = np.c_[X[:, :3] @ [1, -1, 0.5], X[:, 3:6] @ [1, 1, -0.5], np.zeros((120, 2))]
    y = np.argmax(1.5 * eta + rng.gumbel(size=(120, 4)), axis=1)
    path = ss.SLOPEClassifier(q=0.2).path(X, y, ss.relative(1, 0.003, 5))
    assert path.converged.all() and max(c.n_iter for c in path.certificates) < 5000


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
    y[::5] = (y[::5] + 1) % 3  # some rows against their predictors: no probability is near 0 or 1
    full = ss.SLOPEClassifier(0.0).fit(X, y)
    np.testing.assert_allclose(X.T @ full.predict_proba(X), X.T @ np.eye(3)[y], rtol=1e-6)
    np.testing.assert_allclose(full.coef_.sum(axis=0), 0, atol=1e-12)


def two_predictors(penalty, X, y, **settings):
    """Two classes with a linear predictor each, where a classifier would fit their difference."""
    model = ss.Penalized(ss.losses.Multinomial(), penalty, tol=1e-12, **settings)
    return model.fit(X, np.eye(2)[y])


def test_two_classes_of_the_softmax_are_slope_for_their_difference():
    """The loss sees d = b_2 - b_1 alone. Of all (b_1, b_2) with this d the even split, -d/2 and d/2, is majorised by
    every other, so each sorted norm is smallest there: sum_j (v_{2j-1} + v_{2j}) |d|_(j) / 2, v over 2p coefficients.
    For equal weights every split into opposite signs costs the same |d|."""
    X, y = classes(k=2)
    v = np.linspace(2, 0.5, 16) ** 2
    binary = ss.SLOPEClassifier(0.02, sequence=v.reshape(8, 2).mean(axis=1), tol=1e-12).fit(X, y)
    both = two_predictors(ss.penalties.SortedL1(v), X, y, alpha=0.02)
    np.testing.assert_allclose(both.coef_[1], binary.coef_[0] / 2, atol=1e-6)
    np.testing.assert_allclose(both.coef_[0], -both.coef_[1], atol=1e-6)
    assert both.certificate_.objective == pytest.approx(binary.certificate_.objective, rel=1e-11)
    assert both.alpha_max_ == pytest.approx(binary.alpha_max_, rel=1e-12)
    assert both.certificate_.scale == pytest.approx(binary.certificate_.scale, rel=1e-12)
    lasso = two_predictors(ss.penalties.SortedL1("lasso"), X, y, alpha=0.02)
    plain = ss.SLOPEClassifier(0.02, sequence="lasso", tol=1e-12).fit(X, y)
    np.testing.assert_allclose(lasso.coef_[1] - lasso.coef_[0], plain.coef_[0], atol=1e-6)
    assert 0 < np.count_nonzero(plain.coef_) < 8


@pytest.mark.parametrize("l1_ratio", [0.0, 0.4])
def test_two_classes_in_row_groups_are_group_slope_for_their_difference(l1_ratio):
    """A group holds 2 p_g coefficients: sqrt(2 p_g) ||(-d/2, d/2)|| = sqrt(p_g) ||d||, the norm that binomial has, with
    the same weights w; v is averaged in pairs as for the elementwise norm. alpha stays."""
    X, y = classes(k=2)
    groups = np.arange(8) // 2
    v, w = np.linspace(2, 1, 16), np.array([2.0, 1.5, 1.2, 1.0])
    penalty = ss.penalties.SparseGroupSortedL1((v, w), l1_ratio=l1_ratio)
    both = two_predictors(penalty, X, y, alpha=0.03, groups=groups)
    binary = ss.SparseGroupSLOPEClassifier(
        0.03, groups=groups, l1_ratio=l1_ratio, sequence=(v.reshape(8, 2).mean(axis=1), w), tol=1e-12
    ).fit(X, y)
    np.testing.assert_allclose(2 * both.coef_[1], binary.coef_[0], atol=1e-6)
    assert both.certificate_.objective == pytest.approx(binary.certificate_.objective, rel=1e-11)
    assert 0 < np.count_nonzero(binary.coef_) < 8


@pytest.mark.parametrize("kind", [ss.SLOPEClassifier, ss.GroupSLOPEClassifier, ss.SparseGroupSLOPEClassifier])
def test_order_of_the_classes_permutes_the_answer(kind):
    X, y = classes()
    order = np.array([2, 0, 1])  # class k is renamed order[k]
    first, second = kind(0.02, tol=1e-12).fit(X, y), kind(0.02, tol=1e-12).fit(X, order[y])
    assert second.alpha_max_ == pytest.approx(first.alpha_max_, rel=1e-12)
    np.testing.assert_allclose(second.coef_[order], first.coef_, atol=1e-6)
    np.testing.assert_allclose(second.predict_proba(X)[:, order], first.predict_proba(X), atol=1e-6)


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
        # In a fold with classes of one size the null model ties, and rounding says which of them it predicts.
        ties = 0.05 if scoring == "misclassification" else 0
        assert model.cv_.null == pytest.approx(model.cv_.mean[0], rel=1e-12, abs=ties)
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


def case(kind, variant):
    """An estimator, its data, and an offset or None."""
    X, y = classes(n=60, p=6, k=4 if kind == "rows" else 3)
    X[:, 1] /= 30
    rng = np.random.default_rng(3)
    settings = {} if kind == "elements" else {"groups": [0, 0, 1, 1, 2, 2]}
    model = {
        "elements": ss.SLOPEClassifier,
        "rows": ss.GroupSLOPEClassifier,
        "both": ss.SparseGroupSLOPEClassifier,
    }[kind]
    if kind == "both":
        settings |= {"l1_ratio": 0.5, "sequence": "lasso"}
    weight = offset = None
    if variant == "weights and offset":
        weight, offset = rng.integers(0, 4, len(y)).astype(float), rng.normal(size=(len(y), y.max() + 1))
    elif variant == "free columns":
        settings["penalty_factor"] = [1, 1, 0, 0, 2, 2]
    elif variant == "raw":
        settings |= {"standardize": False, "fit_intercept": False}
    elif variant == "sparse":
        X = sparse.csc_array(np.where(np.abs(X) > 0.5, X, 0))
        settings["standardize"] = True if kind == "elements" else "group"
    top = model(**settings).alpha_max(X, y, weight, offset)
    return model(0.2 * top, **settings), X, y, weight, offset


def combinations():
    """Every kind, variant and solver; a third of them quick."""
    variants = ["weights and offset", "free columns", "raw", "sparse"]
    solvers = ["proximal", "cvxpy"]
    for i, (kind, variant, solver) in enumerate(product(["elements", "rows", "both"], variants, solvers)):
        yield pytest.param(kind, variant, solver, marks=[] if i % 3 == 0 else pytest.mark.slow)


@pytest.mark.parametrize(("kind", "variant", "solver"), list(combinations()))
def test_three_solvers_fit_one_model(kind, variant, solver):
    model, X, y, weight, offset = case(kind, variant)
    core = model.fit(X, y, weight, offset)
    other = type(model)(**model.get_params()).set_params(solver=solver).fit(X, y, weight, offset)
    ours, theirs = core.certificate_, other.certificate_
    assert ours.converged and theirs.converged and theirs.kind == "gap"
    # each is within 1e-8 of the optimum, as a share of the null objective
    assert theirs.objective == pytest.approx(ours.objective, abs=1e-8 * ours.scale)
    assert theirs.scale == pytest.approx(ours.scale, rel=1e-12)
    assert other.alpha_max_ == pytest.approx(core.alpha_max_, rel=1e-10)
    # an error of sqrt(2 gap) in the linear predictor, stretched by what little curvature probabilities near 0 have
    np.testing.assert_allclose(other.predict_proba(X, offset), core.predict_proba(X, offset), atol=1e-3)
    assert other.intercept_.sum() == pytest.approx(0, abs=1e-9)
    assert other.coef_.shape == core.coef_.shape and core.coef_.any()


def test_no_penalty_is_one_model_in_every_solver():
    X, y = classes(n=60, p=4)
    core, numpy_, program = (ss.SLOPEClassifier(0.0, solver=name).fit(X, y) for name in ("auto", "proximal", "cvxpy"))
    np.testing.assert_allclose(numpy_.coef_, core.coef_, rtol=1e-6)
    np.testing.assert_allclose(program.predict_proba(X), core.predict_proba(X), atol=1e-5)
    assert numpy_.certificate_.converged and numpy_.certificate_.objective > 0


def test_constraints_bind_the_matrix_of_coefficients():
    """Signs of one class, equality of two, an intercept held: all of beta (K, p) is there, and the duals are priced."""
    X, y = classes(n=80, p=4)
    X[:, 1] /= 30

    def hold(v):
        beta = v["beta"]
        return [beta[1] >= 0, beta[1, 2:] == beta[2, 2:], v["intercept"][0] == 0.1]

    free = ss.SLOPEClassifier(0.01).fit(X, y)
    held = ss.SLOPEClassifier(0.01, constraints=hold).fit(X, y)
    assert held.certificate_.kind == "gap" and held.certificate_.converged
    assert held.coef_.shape == (3, 4) and held.coef_[1].min() >= -1e-9 > free.coef_[1].min()
    np.testing.assert_allclose(held.coef_[1, 2:], held.coef_[2, 2:], atol=1e-8)
    assert held.intercept_[0] == pytest.approx(0.1, abs=1e-8)
    assert [np.shape(dual) for dual in held.duals_] == [(4,), (2,), ()] and held.duals_[0].max() > 1e-4
    assert held.certificate_.objective > free.certificate_.objective


def test_the_program_is_open_for_three_classes():
    import cvxpy as cp

    X, y = classes(n=50, p=3)
    model = ss.GroupSLOPEClassifier(0.05)
    text = model.program(X, y)
    text.problem.solve(solver=cp.CLARABEL)
    assert text.variables["beta"].shape == (3, 3) and text.variables["intercept"].shape == (3,)
    # Clarabel's own tolerance is 1e-8
    assert text.problem.value == pytest.approx(model.fit(X, y).certificate_.objective, rel=1e-6)


def test_probabilities_may_be_the_response():
    """Rows of class probabilities: an average of indicators has the average of their losses."""
    X, y = classes()
    soft = 0.8 * np.eye(3)[y] + 0.2 * np.eye(3)[(y + 1) % 3]
    mixed = ss.Penalized(ss.losses.Multinomial(), ss.penalties.SortedL1(), 0.02).fit(X, soft)
    twice, weight = np.vstack([X, X]), np.repeat([0.8, 0.2], len(y))
    copies = ss.SLOPEClassifier(0.02).fit(twice, np.append(y, (y + 1) % 3), weight)
    np.testing.assert_allclose(mixed.predict(X), copies.predict_proba(X), atol=1e-3)

    class Own(ss.losses.Multinomial):
        """Solved by its own text, since the core knows no subclass."""

    own = ss.Penalized(Own(), ss.penalties.SortedL1(), 0.02).fit(X, soft)
    assert own.certificate_.objective == pytest.approx(mixed.certificate_.objective, rel=1e-7)
    with pytest.raises(ValueError, match=r"\(n, K\); y has shape \(120,\)"):
        mixed.fit(X, y)
    with pytest.raises(ValueError, match="SLOPEClassifierCV and its kin"):
        ss.PenalizedCV(ss.losses.Multinomial()).fit(X, soft)
