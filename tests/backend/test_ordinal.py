"""Ordinal paths against numpy likelihoods, cvxpy, statsmodels, scikit-learn and identities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from sparsestats.backend import ordinal, ordinal_path
from sparsestats.backend.native.ordinal import NativeOrdinal
from sparsestats.backend.ordinal import OrdinalProblem

MODELS = [
    *[("cumulative", link) for link in ordinal.LINKS],
    *[("sratio", link) for link in ordinal.LINKS],
    ("cratio", "logit"),
    ("cratio", "cloglog"),
    ("acat", "logit"),
]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    X = np.asfortranarray(rng.normal(size=(400, 4)) * [1, 10, 0.1, 1] + [0, 5, 3, -1])
    eta = (X - X.mean(0)) / X.std(0) @ [1.0, -0.5, 0.0, 0.3]
    y = np.digitize(eta + rng.logistic(size=400), [-1.0, 1.0, 3.0])
    return X, y


def make(X, y, weights=None, **settings):
    K = int(y.max()) + 1
    weights = np.ones((X.shape[1], K - 1)) if weights is None else weights
    return OrdinalProblem(X, y, K, weights, **{"monotone": "none", **settings})


def numpy_loss(psi, X, y, family, link, offset=0.0):
    """The loss of differences (intercepts first) on standardised columns."""
    m = y.max()
    psi = psi.reshape(-1, m)
    Z = (X - X.mean(0)) / X.std(0)
    eta = np.cumsum(psi[0]) + Z @ np.cumsum(psi[1:], axis=1) + np.reshape(offset, (-1, 1))
    return ordinal.loss(eta, y, np.ones(len(y)), family, link)


def differences(result, X, row=0):
    """Standardised differences (p + 1, m), intercepts of centred columns first."""
    beta, a = result.coefs[row], result.intercepts[row]
    psi = np.diff(np.vstack([np.zeros(X.shape[1]), beta]), axis=0) * X.std(0)
    centred = np.diff(np.concatenate([[0.0], a + beta @ X.mean(0)]))
    return np.column_stack([centred, psi]).T


@pytest.mark.parametrize(("family", "link"), MODELS)
def test_solutions_satisfy_kkt_of_an_independent_likelihood(data, family, link):
    X, y = data
    native = NativeOrdinal(make(X, y, family=family, link=link))
    alpha = 0.1 * native.alpha_max()
    result = native.solve_path([alpha], tol=1e-10)
    psi = differences(result, X)
    flat = psi.ravel()
    h = 1e-6
    gradient = np.array(
        [
            (numpy_loss(flat + h * e, X, y, family, link) - numpy_loss(flat - h * e, X, y, family, link)) / (2 * h)
            for e in np.eye(len(flat))
        ]
    ).reshape(psi.shape)
    # central differences of a loss near 1 resolve slopes to about 1e-16 / 1e-6; alpha is near 1e-2
    np.testing.assert_allclose(gradient[0], 0, atol=2e-9)
    inside, active = psi[1:] == 0, psi[1:] != 0
    np.testing.assert_allclose(gradient[1:][active], -alpha * np.sign(psi[1:][active]), atol=2e-9)
    assert np.abs(gradient[1:][inside]).max() <= alpha + 2e-9
    assert active.sum() >= 3
    assert result.certificates[0].converged
    assert result.losses[0] == pytest.approx(numpy_loss(flat, X, y, family, link), abs=1e-13)


@pytest.mark.parametrize(("family", "link"), MODELS)
def test_gap_bounds_suboptimality(data, family, link):
    """A model stopped early is never better than its own bound says."""
    X, y = data
    native = NativeOrdinal(make(X, y, family=family, link=link))
    alpha = 0.05 * native.alpha_max()
    best = native.solve_path([alpha], tol=1e-11).certificates[0].objective
    for max_iter in (1, 2, 3):
        early = native.solve_path([alpha], tol=1e-15, max_iter=max_iter).certificates[0]
        assert early.bound <= best + 1e-12
        assert early.objective >= best - 1e-12


@pytest.mark.parametrize(("family", "link"), MODELS)
def test_nothing_enters_at_alpha_max_whatever_the_link(data, family, link):
    X, y = data
    offset = np.random.default_rng(8).normal(size=len(y)) / 2  # no start is the null model then
    native = NativeOrdinal(make(X, y, family=family, link=link, offset=offset))
    result = native.solve_path(native.alpha_max() * np.array([1 + 1e-9, 0.999]), tol=1e-10)
    assert not result.coefs[0].any() and result.coefs[1].any()


def test_alpha_max_is_where_the_first_difference_enters(data):
    X, y = data
    native = NativeOrdinal(make(X, y))
    top = native.alpha_max()
    result = native.solve_path([top * (1 + 1e-9), top * 0.999])
    assert not result.coefs[0].any()
    assert np.count_nonzero(differences(result, X, 1)[1:]) == 1


@pytest.mark.parametrize("first", [0.0, 0.3, 1.0])
def test_alpha_po_is_where_odds_stop_being_proportional(data, first):
    X, y = data
    weights = np.ones((4, 3))
    weights[:, 0] = first
    native = NativeOrdinal(make(X, y, weights))
    at = native.alpha_po()
    assert 0 < at <= native.alpha_max()
    above, below = native.solve_path([at * (1 + 1e-7), at * 0.995], tol=1e-12).coefs
    assert np.ptp(above, axis=0).max() <= 1e-14
    assert np.ptp(below, axis=0).max() > 1e-6


def test_proportional_odds_limit_is_ordered_model(data):
    OrderedModel = pytest.importorskip("statsmodels.miscmodels.ordinal_model").OrderedModel
    X, y = data
    held = np.ones((4, 3))
    held[:, 1:] = np.inf
    for link, distr in (("logit", "logit"), ("probit", "probit")):
        ours = NativeOrdinal(make(X, y, held, link=link)).solve_path([0.0])
        theirs = OrderedModel(y, X, distr=distr).fit(method="bfgs", disp=0, gtol=1e-6, skip_hessian=True)
        assert ours.losses[0] == pytest.approx(-theirs.llf / len(y), abs=1e-9)
        # their sign is the opposite; their optimiser stops at a gradient of 1e-6
        np.testing.assert_allclose(ours.coefs[0], np.tile(-theirs.params[:4], (3, 1)), rtol=1e-4, atol=1e-5)


def test_two_classes_are_the_logistic_lasso(data):
    from sklearn.linear_model import LogisticRegression

    X, y = data
    y = (y > 1).astype(int)
    alpha = 0.02
    ours = NativeOrdinal(make(X, y, standardize=False)).solve_path([alpha], tol=1e-12)
    theirs = LogisticRegression(l1_ratio=1, C=1 / (alpha * len(y)), solver="saga", tol=1e-10, max_iter=100_000)
    Z = X - X.mean(0)  # centring changes the intercept alone, and saga needs it
    theirs.fit(Z, y)
    np.testing.assert_allclose(ours.coefs[0, 0], -theirs.coef_[0], atol=1e-5)


def test_reversed_labels_flip_signs_when_the_chain_has_no_anchor(data):
    """With first_penalty 0 the penalty is symmetric, so reversing changes no probability."""
    X, y = data
    weights = np.ones((4, 3))
    weights[:, 0] = 0
    one = NativeOrdinal(make(X, y, weights)).solve_path([0.003], tol=1e-12)
    two = NativeOrdinal(make(X, 3 - y, weights)).solve_path([0.003], tol=1e-12)
    np.testing.assert_allclose(one.coefs[0], -two.coefs[0, ::-1], atol=1e-8)
    np.testing.assert_allclose(one.intercepts[0], -two.intercepts[0, ::-1], atol=1e-7)


def test_shifts_and_scales_of_columns_change_nothing(data):
    """The fault of the published code: its intercepts beyond the first are wrong when means are not 0."""
    X, y = data
    moved = np.asfortranarray(X * [2.0, 0.1, 30.0, 5.0] + [100.0, -3.0, 0.0, 7.0])
    one = NativeOrdinal(make(X, y)).solve_path([0.005], tol=1e-12)
    two = NativeOrdinal(make(moved, y)).solve_path([0.005], tol=1e-12)
    eta = X @ one.coefs[0].T + one.intercepts[0]
    np.testing.assert_allclose(moved @ two.coefs[0].T + two.intercepts[0], eta, atol=1e-8)


def test_weights_are_repeated_rows(data):
    X, y = data
    times = np.random.default_rng(0).integers(0, 4, len(y))
    weighted = NativeOrdinal(make(X, y, sample_weight=times * (len(y) / times.sum()))).solve_path([0.01], tol=1e-12)
    rows = np.repeat(np.arange(len(y)), times)
    repeated = NativeOrdinal(make(np.asfortranarray(X[rows]), y[rows])).solve_path([0.01], tol=1e-12)
    np.testing.assert_allclose(weighted.coefs, repeated.coefs, atol=1e-9)


def test_offset_is_part_of_the_predictor(data):
    """An offset that is a column's multiple shifts that column's unpenalised coefficient by the multiple."""
    X, y = data
    weights = np.ones((4, 3))
    weights[1] = 0
    plain = NativeOrdinal(make(X, y, weights)).solve_path([0.01], tol=1e-12)
    shifted = NativeOrdinal(make(X, y, weights, offset=0.05 * X[:, 1])).solve_path([0.01], tol=1e-12)
    np.testing.assert_allclose(plain.coefs[0, :, 1], shifted.coefs[0, :, 1] + 0.05, atol=1e-8)
    assert shifted.certificates[0].converged


def test_sparse_columns_give_the_dense_answer(data):
    X, y = data
    thin = np.where(np.abs(X - X.mean(0)) > X.std(0), X, 0.0)
    dense = NativeOrdinal(make(np.asfortranarray(thin), y)).solve_path([0.02, 0.004], tol=1e-11)
    sparse_ = NativeOrdinal(make(sparse.csc_array(thin), y)).solve_path([0.02, 0.004], tol=1e-11)
    np.testing.assert_allclose(sparse_.coefs, dense.coefs, atol=1e-8)


def test_ridge_gap_closes_without_scaling(data):
    X, y = data
    native = NativeOrdinal(make(X, y, l1_ratio=0.0))
    result = native.solve_path([1.0, 0.1, 0.01], tol=1e-11)
    assert all(c.converged for c in result.certificates)
    assert np.count_nonzero(differences(result, X, 2)) == 15


def test_absent_class_gives_the_likelihood_of_the_others(data):
    X, y = data
    kept = y != 1
    gap = OrdinalProblem(np.asfortranarray(X[kept]), y[kept], 4, np.ones((4, 3)), monotone="none")
    without = make(np.asfortranarray(X[kept]), np.where(y[kept] > 1, y[kept] - 1, 0))
    one, two = (NativeOrdinal(p).solve_path([0.01]) for p in (gap, without))
    assert one.losses[0] == pytest.approx(two.losses[0], abs=1e-12)
    np.testing.assert_array_equal(one.coefs[0, 0], one.coefs[0, 1])  # the boundaries beside it stay together


@pytest.fixture(scope="module")
def crossing():
    """Few rows and strong departures: the free fit crosses early on its path."""
    rng = np.random.default_rng(1)
    X = np.asfortranarray(rng.uniform(-1, 1, (250, 4)))
    B = np.cumsum(np.column_stack([[0.5, 0.5, 0, 0], [0.5, -0.5, 0.5, 0], [0.5, 0.5, -0.5, 0.5]]), axis=1)
    y = (rng.random((250, 1)) > 1 / (1 + np.exp(-(X @ B + [0, 2.0, 3.5])))).sum(axis=1)
    assert len(np.unique(y)) == 4
    return X, y


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")  # cvxpy's, of its own solver: hence abs=3e-7
def test_order_constrained_optimum_is_reached_not_frozen(crossing):
    cp = pytest.importorskip("cvxpy")
    X, y = crossing
    native = NativeOrdinal(make(X, y, monotone="auto"))
    alphas = native.alpha_max() * np.geomspace(1, 0.003, 12)
    result = native.solve_path(alphas)
    assert result.constrained[-1] and not result.constrained[0]
    assert np.flatnonzero(result.crossing).tolist() == [np.argmax(result.constrained)]  # below it no free fit is made
    objectives = [c.objective for c in result.certificates]
    assert np.all(np.diff(objectives) < 0)
    for row in np.flatnonzero(result.constrained)[[0, -1]]:
        eta = X @ result.coefs[row].T + result.intercepts[row]
        assert np.diff(eta, axis=1).min() > 0
        psi, a = cp.Variable((4, 3)), cp.Variable(3)
        Z = (X - X.mean(0)) / X.std(0)
        e = [Z @ cp.sum(psi[:, : k + 1], axis=1) + a[k] for k in range(3)]
        terms = [cp.sum(cp.logistic(-e[c][y == c])) for c in range(3)]
        terms += [cp.sum(cp.logistic(e[c - 1][y == c])) for c in range(1, 4)]
        terms += [-cp.sum(cp.log(1 - cp.exp(e[c - 1][y == c] - e[c][y == c]))) for c in (1, 2)]
        objective = sum(terms) / len(y) + alphas[row] * cp.sum(cp.abs(psi))
        program = cp.Problem(cp.Minimize(objective), [e[k + 1] >= e[k] for k in range(2)])
        program.solve(solver="CLARABEL")
        # interior point accuracy of cvxpy on exponential cones is about 1e-7
        assert result.certificates[row].objective == pytest.approx(program.value, abs=3e-7)
        assert result.certificates[row].converged


def test_free_columns_that_cross_are_put_in_order(crossing):
    """The unpenalised model crosses before any penalised difference enters: the order starts from the intercepts."""
    X, y = crossing
    problem = make(X, y, weights=np.zeros((X.shape[1], int(y.max()))), monotone="auto")
    result = NativeOrdinal(problem).solve_path([1e-3])
    limit = NativeOrdinal(make(X, y, monotone="auto")).solve_path([1e-7])
    assert result.constrained[0] and result.certificates[0].converged
    assert np.diff(X @ result.coefs[0].T + result.intercepts[0], axis=1).min() > 0
    # without penalties the two are one problem; 1e-7 times the sum of differences is left
    assert result.losses[0] == pytest.approx(limit.losses[0], abs=2e-6)


def test_repaired_probabilities_are_probabilities():
    eta = np.array([[0.0, -1.0, 2.0], [-1.0, 0.0, 1.0], [800.0, -800.0, 3.0]])
    for repair in ("rearrange", "isotonic", "clip"):
        out = ordinal.probabilities(eta, "cumulative", "logit", repair)
        assert out.repaired == 2
        assert out.probabilities.min() >= 0
        np.testing.assert_allclose(out.probabilities.sum(axis=1), 1, atol=1e-15)
    rearranged = ordinal.probabilities(eta[:1], "cumulative", "logit").probabilities
    assert np.isfinite(np.log(rearranged)).all() and rearranged.min() > 0.1  # no class is left without a share
    ordered = ordinal.probabilities(eta[1:2], "cumulative", "logit")
    np.testing.assert_array_equal(out.probabilities[1], ordered.probabilities[0])
    with pytest.raises(ValueError, match="2 of 3 rows"):
        ordinal.probabilities(eta, "cumulative", "logit", "raise")


@pytest.mark.parametrize(("family", "link"), MODELS)
def test_probabilities_are_the_likelihood(family, link):
    eta = np.sort(np.random.default_rng(2).normal(size=(50, 3)), axis=1) * 2
    p = ordinal.probabilities(eta, family, link).probabilities
    for c in range(4):
        want = ordinal.log_likelihoods(eta, np.full(50, c), family, link)
        np.testing.assert_allclose(np.log(p[:, c]), want, rtol=1e-9, atol=1e-9)


def test_more_columns_than_rows_give_the_same_optimum_dense_along_a_path_and_sparse_at_once(data):
    """Columns laid out only while in use, a Hessian kept over alphas: every fit is still the optimum."""
    _, y = data
    rng = np.random.default_rng(8)
    wide = rng.normal(size=(len(y), 1200))
    wide[:, 0] = 0.7 * y + rng.normal(size=len(y))
    wide[:, 1] = wide[:, 0]  # a twin
    wide[:, 2] = 3.0  # a constant
    X = np.asfortranarray(wide)
    native = NativeOrdinal(make(X, y))
    path = native.solve_path(native.alpha_max() * np.geomspace(1, 0.12, 8), tol=1e-9)
    assert all(c.converged for c in path.certificates)
    thin = NativeOrdinal(make(sparse.csc_array(X), y)).solve_path(path.alphas[-1:], tol=1e-9)
    # both are within 1e-9 of the optimum of the same null objective, near 1
    assert thin.certificates[0].objective == pytest.approx(path.certificates[-1].objective, abs=2e-9)
    assert not path.coefs[:, :, 2].any()
    assert np.count_nonzero(path.coefs[-1].any(axis=0)) > 20


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("first", [0.0, 1.0])
@pytest.mark.parametrize("K", [2, 3, 10])
def test_small_and_uneven_problems_are_certified(K, first, l1_ratio):
    """A class of one row, twin and constant columns, weights and an offset, for few and many classes."""
    rng = np.random.default_rng(K)
    n = 120
    X = rng.normal(size=(n, 5))
    X[:, 3], X[:, 4] = X[:, 0], 2.0
    y = np.clip(np.floor((X[:, 1] + rng.logistic(size=n) + 4) * K / 8), 0, max(K - 2, 1)).astype(int)
    y[:K] = np.arange(K)
    if K > 2:
        y[y == K - 1] = K - 2
        y[K - 1] = K - 1
    penalty = np.ones((5, K - 1))
    penalty[:, 0] = first
    weights = rng.uniform(0.2, 2, n)
    problem = make(
        np.asfortranarray(X),
        y,
        penalty,
        l1_ratio=l1_ratio,
        sample_weight=weights * (n / weights.sum()),
        offset=0.2 * X[:, 2],
    )
    native = NativeOrdinal(problem)
    result = native.solve_path(native.alpha_max() * np.geomspace(1, 0.05, 6), tol=1e-9)
    assert all(c.converged for c in result.certificates)
    assert np.all(np.diff([c.objective for c in result.certificates]) <= 1e-9)
    assert np.isfinite(result.coefs).all()


def test_columns_that_explain_each_other_reach_the_gap_with_many_in_the_support():
    rng = np.random.default_rng(4)
    n, levels = 400, 30
    factor, other = rng.integers(0, levels, n), rng.integers(0, levels, n)
    dummies = np.column_stack([factor[:, None] == np.arange(levels), other[:, None] == np.arange(levels)])
    noise = rng.normal(size=(n, 60))
    X = np.asfortranarray(np.column_stack([dummies, noise, noise[:, :5], -noise[:, 5:10]]).astype(float))
    latent = 0.1 * factor - 0.05 * other + noise[:, :20] @ rng.normal(size=20) * 0.4 + rng.logistic(size=n)
    y = np.digitize(latent, np.quantile(latent, [0.3, 0.6, 0.85]))
    native = NativeOrdinal(make(X, y))
    result = native.solve_path(native.alpha_max() * np.geomspace(1, 0.03, 12))
    assert all(c.converged for c in result.certificates)
    assert result.info["active"][-1] > 100
    # one copy more of a column moves no fitted value: the penalty pays the same for the sum
    single = NativeOrdinal(make(np.asfortranarray(X[:, :-10]), y)).solve_path(result.alphas)
    np.testing.assert_allclose(
        [c.objective for c in single.certificates], [c.objective for c in result.certificates], atol=3e-8
    )


def test_many_columns_are_put_in_order_at_the_optimum():
    """Working sets that grow while rows already bind; more columns than rows."""
    rng = np.random.default_rng(3)
    X = np.asfortranarray(rng.normal(size=(80, 100)))
    latent = X[:, :3].sum(axis=1) * np.exp(0.8 * X[:, 0]) + rng.logistic(size=80)
    y = np.digitize(latent, np.quantile(latent, [0.4, 0.7, 0.9]))
    problem = make(X, y, monotone="train")
    native = NativeOrdinal(problem)
    path = native.solve_path(native.alpha_max() * np.geomspace(1, 0.05, 10), tol=1e-9)
    assert path.constrained[-1] and path.info["bound_rows"][-1] >= 2
    assert all(c.converged for c in path.certificates)
    eta = np.einsum("ij,lkj->lik", X, path.coefs) + path.intercepts[:, None]
    assert np.diff(eta, axis=2)[path.constrained].min() > 0
    last = ordinal_path.solve_path(problem, path.alphas[-1:], solver="cvxpy").certificates[0]
    free = NativeOrdinal(make(X, y, monotone="none")).solve_path(path.alphas[-1:], tol=1e-9).certificates[0]
    # cvxpy's interior point is good to about 1e-7; the constraints cost more than that
    assert path.certificates[-1].objective == pytest.approx(last.objective, abs=3e-7)
    assert path.certificates[-1].objective > free.objective + 1e-5


@pytest.mark.parametrize("link", ["probit", "cloglog", "loglog"])
def test_scaled_conjugates_are_bounds_of_second_order(link):
    """l*(s r) >= s r'eta' - l(eta') for every eta'; near s = 1 the best eta' is a Newton step off."""
    rng = np.random.default_rng(5)
    y = rng.integers(0, 3, 60)
    data = NativeOrdinal(make(rng.normal(size=(60, 2)), y, link=link)).data
    first, a, b, last = (slice(at, at + end - begin) for _, begin, end, at in data.slots())
    eta = np.empty(data.slots()[-1][3] + data.slots()[-1][2] - data.slots()[-1][1])
    eta[first], eta[a], eta[last] = (rng.normal(size=eta[part].size) for part in (first, a, last))
    eta[b] = eta[a] + rng.uniform(0.01, 2, eta[b].size)
    value, slope, weight = data.evaluate(eta)
    h = {
        name: weight[at : at + end - begin]
        for name, (_, _, _, begin, end, at) in zip("fscul", data.pieces(), strict=True)
    }
    step = np.empty_like(eta)
    step[first], step[last] = slope[first] / h["f"], slope[last] / h["l"]
    both, det = slope[a] + slope[b], h["s"] * h["u"] - h["c"] ** 2
    step[a] = (both * h["u"] - slope[b] * h["c"]) / det
    step[b] = step[a] + (slope[b] * h["s"] - both * h["c"]) / det
    for left in (1e-5, 1e-6, 1e-8):
        s = 1 - left
        near = eta - left * step
        lower = s * slope @ near - data.evaluate(near)[0]
        found, chord = data.conjugate(eta, s), s * (slope @ eta - value)
        assert lower - 1e-15 <= found <= chord
        # twice the square term of the conjugate, against left x loss of the chord
        assert found - lower <= left**2 * (slope @ step) + 1e-15
        assert chord - lower > 0.5 * left


@pytest.mark.parametrize("link", ["probit", "cloglog", "loglog"])
def test_order_at_small_penalties_is_certified_to_1e_9(link):
    """Narrow classes leave rounding of 1e-12 in gradients whose limit is 2e-4: no first-order loss for that."""
    rng = np.random.default_rng(157)
    X = np.asfortranarray(rng.normal(size=(60, 4)))
    latent = 2 * X[:, :2].sum(axis=1) * np.exp(X[:, 0]) + rng.logistic(size=60)
    y = np.digitize(latent, np.quantile(latent, [0.4, 0.7, 0.95]))
    native = NativeOrdinal(make(X, y, monotone="train", link=link))
    path = native.solve_path(native.alpha_max() * np.geomspace(0.5, 0.0005, 5), tol=1e-9)
    assert path.info["bound_rows"][-1] >= 5
    assert all(c.converged for c in path.certificates)
