"""Groups, SLOPE, MCP and penalties of one's own on the differences of ordinal coefficients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from sparsestats.backend import ordinal_concave, ordinal_newton, ordinal_path
from sparsestats.backend.ordinal import OrdinalProblem, loss
from sparsestats.backend.ordinal_newton import Differences
from sparsestats.backend.penalties import MCP, GroupSortedL1, Penalty, SortedL1, SparseGroupSortedL1
from sparsestats.backend.programs.ordinal import solve_path as solve_by_cvxpy

FAMILIES = [
    ("cumulative", "logit"),
    ("cumulative", "probit"),
    ("sratio", "cloglog"),
    ("cratio", "logit"),
    ("acat", "logit"),
]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    X = np.asfortranarray(rng.normal(size=(400, 5)) * [1, 5, 0.2, 1, 1] + [0, 3, 1, 0, -1])
    Z = (X - X.mean(0)) / X.std(0)
    y = np.digitize(Z @ [1.0, -0.6, 0.0, 0.3, 0.0] + rng.logistic(size=400), [-1.0, 1.0, 3.0])
    return X, y


def make(data, penalty=None, K=4, **settings):
    X, y = data
    return OrdinalProblem(
        X, np.minimum(y, K - 1), K, np.ones((X.shape[1], K - 1)), penalty=penalty, **{"monotone": "none", **settings}
    )


def grid(problem):
    return ordinal_path.alpha_max(problem) * np.array([1.0, 0.5, 0.2, 0.05])


def same_models(one, other, atol=2e-5):
    # both gaps are below 1e-10 of the null objective; the loss has curvature near 0.05 in the flattest direction
    assert all(c.converged for c in [*one.certificates, *other.certificates])
    np.testing.assert_allclose(one.losses, other.losses, atol=1e-6)
    np.testing.assert_allclose(one.intercepts, other.intercepts, atol=5 * atol)
    sd = 1.0
    np.testing.assert_allclose(one.coefs * sd, other.coefs * sd, atol=atol)
    assert np.count_nonzero(one.coefs[-1])


@pytest.mark.parametrize(("family", "link"), FAMILIES)
def test_slope_of_equal_weights_is_the_l1(data, family, link):
    plain = make(data, family=family, link=link)
    alphas = grid(plain)
    slope = replace(plain, penalty=SortedL1(np.ones(15)))
    assert ordinal_path.alpha_max(slope) == pytest.approx(alphas[0], rel=1e-9)
    same_models(
        ordinal_path.solve_path(slope, alphas, tol=1e-10), ordinal_path.solve_path(plain, alphas, tol=1e-10), 1e-4
    )


def test_groups_of_one_difference_are_the_l1(data):
    plain = make(data, K=3)
    alphas = grid(plain)
    grouped = replace(plain, penalty=GroupSortedL1("lasso"))
    same_models(
        ordinal_path.solve_path(grouped, alphas, tol=1e-10), ordinal_path.solve_path(plain, alphas, tol=1e-10), 1e-4
    )


def test_mcp_without_concavity_is_the_l1(data):
    plain = make(data)
    alphas = grid(plain)
    mcp = replace(plain, penalty=MCP(np.inf))
    same_models(
        ordinal_path.solve_path(mcp, alphas, tol=1e-10), ordinal_path.solve_path(plain, alphas, tol=1e-10), 1e-4
    )


@pytest.mark.parametrize(
    "penalty",
    [GroupSortedL1("lasso"), GroupSortedL1("mean"), SortedL1("bh"), SparseGroupSortedL1("vmean", l1_ratio=0.5)],
    ids=["group", "group slope", "slope", "sparse-group"],
)
def test_newton_and_cvxpy_agree(data, penalty):
    rng = np.random.default_rng(2)
    problem = make(
        data, penalty, sample_weight=rng.uniform(0.5, 1.5, 400), offset=rng.normal(size=400) / 5,
        groups=np.array([0, 0, 1, 2, 2]),
    )  # fmt: skip
    weights = problem.penalty_weights.copy()
    weights[:, 0], weights[3], weights[4, 1:] = 0.3, 0.0, np.inf  # one column free, one proportional
    problem = replace(
        problem, penalty_weights=weights, sample_weight=problem.sample_weight * 400 / problem.sample_weight.sum()
    )
    alpha = 0.2 * ordinal_path.alpha_max(problem)
    ours, theirs = ordinal_path.solve_path(problem, [alpha]), solve_by_cvxpy(problem, [alpha])
    assert ours.certificates[0].converged and ours.certificates[0].kind == "gap"
    # Clarabel ends near 1e-9; coefficients are on scales of 0.2 to 5
    assert ours.certificates[0].objective == pytest.approx(theirs.certificates[0].objective, abs=1e-7)
    assert ours.certificates[0].bound <= theirs.certificates[0].objective
    np.testing.assert_allclose(ours.intercepts, theirs.intercepts, atol=1e-3)
    assert np.ptp(ours.coefs[0][:, 4]) == 0 and np.ptp(ours.coefs[0][:, 3]) > 0


def test_a_group_of_differences_leaves_proportional_odds_together(data):
    problem = make(data, GroupSortedL1("lasso"))
    result = ordinal_path.solve_path(problem, grid(problem))
    moved = np.diff(result.coefs, axis=1) != 0  # (alphas, differences, columns)
    assert (moved.all(axis=1) == moved.any(axis=1)).all()
    assert 0 < moved.any(axis=1).sum() < moved.any(axis=1).size


@pytest.mark.parametrize("penalty", [GroupSortedL1("lasso"), SortedL1("bh"), MCP(3.0)], ids=["group", "slope", "mcp"])
def test_alpha_max_is_where_the_first_difference_enters(data, penalty):
    problem = make(data, penalty)
    top = ordinal_path.alpha_max(problem)
    result = ordinal_path.solve_path(problem, [top * (1 + 1e-9), 0.999 * top], tol=1e-10)
    assert not result.coefs[0].any() and result.coefs[1].any()


def psi_of(problem, result, row):
    beta = result.coefs[row]
    return np.diff(np.vstack([np.zeros(beta.shape[1]), beta]), axis=0).T * problem.X.std(0)[:, None]


def test_mcp_is_a_local_minimum_in_every_difference(data):
    X, y = data
    problem = make(data, MCP(2.0))
    result = ordinal_path.solve_path(problem, grid(problem)[2:], tol=1e-10)
    penalty = problem.penalty.adapted(Differences(problem).curvature(Differences(problem).null))
    Z = (X - X.mean(0)) / X.std(0)

    def objective(psi, level, alpha):
        eta = Z @ np.cumsum(psi, axis=1) + level
        return loss(eta, y, np.ones(400), "cumulative", "logit") + alpha * penalty.at(alpha).value(psi.ravel())

    for row, alpha in enumerate(result.alphas):
        certificate = result.certificates[row]
        assert certificate.kind == "stationarity" and certificate.converged
        psi, level = psi_of(problem, result, row), result.intercepts[row] + result.coefs[row] @ X.mean(0)
        here = objective(psi, level, alpha)
        assert here == pytest.approx(certificate.objective, abs=1e-12)
        for j, k in np.ndindex(psi.shape):
            for h in (-1e-3, 1e-3):
                moved = psi.copy()
                moved[j, k] += h
                # what stationarity to 1e-10 leaves is far below the curvature term 1e-3^2 * 0.01
                assert objective(moved, level, alpha) > here - 1e-9
    # a concave penalty keeps large coefficients from shrinking: those of the lasso are smaller
    lasso = ordinal_path.solve_path(make(data), result.alphas)
    assert np.abs(result.coefs[0, 0, 0]) > 1.1 * np.abs(lasso.coefs[0, 0, 0])


def test_tangents_and_proximal_newton_find_the_same_mcp(data):
    problem = make(data, MCP(3.0))
    space = Differences(problem)
    adapted = replace(problem, penalty=MCP(3.0).adapted(space.curvature(space.null)))
    alphas = grid(problem)
    by_tangents = ordinal_concave.solve_path(problem, alphas, tol=1e-10)
    by_newton = ordinal_newton.solve_path(adapted, alphas, tol=1e-8)
    np.testing.assert_allclose(
        [c.objective for c in by_tangents.certificates], [c.objective for c in by_newton.certificates], atol=1e-7
    )
    assert all(c.converged for c in by_tangents.certificates)


@pytest.fixture
def crossing():
    """Rows whose free fits cross at small alphas."""
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (250, 4))
    B = np.cumsum(np.column_stack([[0.5, 0.5, 0, 0], [0.5, -0.5, 0.5, 0], [0.5, 0.5, -0.5, 0.5]]), axis=1)
    return X, (rng.random((250, 1)) > 1 / (1 + np.exp(-(X @ B + [0, 2.0, 3.5])))).sum(axis=1)


def test_mcp_keeps_the_order_where_the_l1_does(crossing):
    X, y = np.asfortranarray(crossing[0]), crossing[1]
    problem = OrdinalProblem(X, y, 4, np.ones((4, 3)), penalty=MCP(3.0), monotone="auto")
    result = ordinal_path.solve_path(problem, [1e-3], tol=1e-7)
    assert result.constrained[0] and result.certificates[0].converged
    eta = X @ result.coefs[0].T + result.intercepts[0]
    assert np.diff(eta, axis=1).min() > 0


@pytest.mark.parametrize("penalty", [GroupSortedL1("lasso"), SortedL1("bh", q=0.1)], ids=["group", "slope"])
def test_order_under_convex_penalties_is_that_of_cvxpy(crossing, penalty):
    X, y = np.asfortranarray(crossing[0]), crossing[1]
    problem = OrdinalProblem(X, y, 4, np.ones((4, 3)), penalty=penalty, monotone="auto")
    alphas = ordinal_path.alpha_max(problem) * np.array([0.5, 0.02, 0.018])
    kept = ordinal_path.solve_path(problem, alphas)
    assert all(c.converged and c.kind == "gap" for c in kept.certificates)
    assert kept.constrained.tolist() == [False, True, True]
    assert (kept.crossing > 0).tolist() == [False, True, False]  # the third has no fit without the order
    assert np.diff(X @ kept.coefs[1].T + kept.intercepts[1], axis=1).min() > 0
    free = ordinal_path.solve_path(replace(problem, monotone="none"), alphas)
    assert not free.constrained.any() and free.certificates[1].objective < kept.certificates[1].objective
    program = ordinal_path.solve_path(replace(problem, monotone="train"), alphas[1:2], solver="cvxpy")
    # both certificates: gaps below 1e-8
    assert kept.certificates[1].objective == pytest.approx(program.certificates[0].objective, abs=2e-8)
    thin = ordinal_path.solve_path(replace(problem, X=sparse.csc_array(X)), alphas[:2])
    np.testing.assert_allclose(thin.coefs, kept.coefs[:2], atol=1e-6)


def test_order_that_holds_at_many_rows_is_certified():
    rng = np.random.default_rng(7)
    X = np.asfortranarray(rng.standard_normal((60, 3)))
    y = np.digitize(X[:, 0] * (1 + X[:, 1]) + rng.logistic(size=60), [-1.0, 0.5, 2.0])
    problem = OrdinalProblem(X, y, 4, np.ones((3, 3)), penalty=SortedL1("bh"), monotone="auto")
    fitted = ordinal_path.solve_path(problem, np.geomspace(0.5, 0.005, 8) * ordinal_path.alpha_max(problem), tol=1e-8)
    assert fitted.constrained[-1]
    assert all(c.converged for c in fitted.certificates)
    # Past what the barrier's numbers can give, the best round is returned, and no factor fails.
    tight = ordinal_path.solve_path(problem, fitted.alphas[-1:], tol=1e-11)
    assert tight.certificates[0].relative < 1e-7


def test_order_with_free_columns_under_a_penalty_of_ones_own(crossing):
    class Plain(GroupSortedL1):
        native = None
        dual_norm = None

    X, y = crossing
    weights = np.ones((4, 3))
    weights[1] = 0  # a free column crosses at the null model already
    problem = OrdinalProblem(np.asfortranarray(X), y, 4, weights, penalty=Plain("lasso"), monotone="train")
    kept = ordinal_path.solve_path(problem, [0.005], tol=1e-6)
    assert all(c.converged and c.kind == "stationarity" for c in kept.certificates)
    assert np.diff(X @ kept.coefs[0].T + kept.intercepts[0], axis=1).min() > 0
    same = ordinal_path.solve_path(replace(problem, penalty=GroupSortedL1("lasso")), [0.005])
    # stationarity 1e-6 of a smooth loss: objectives agree to as much
    assert kept.certificates[0].objective == pytest.approx(same.certificates[0].objective, abs=2e-6)


def test_sparse_columns_give_the_dense_answer(data):
    X, y = data
    X = X * (np.random.default_rng(0).random(X.shape) < 0.5)
    dense = make((np.asfortranarray(X), y), GroupSortedL1("lasso"))
    thin = replace(dense, X=sparse.csc_array(X))
    alphas = grid(dense)
    one, other = ordinal_path.solve_path(dense, alphas), ordinal_path.solve_path(thin, alphas)
    np.testing.assert_allclose(other.coefs, one.coefs, atol=1e-9)
    np.testing.assert_allclose(other.intercepts, one.intercepts, atol=1e-9)


def test_weights_are_repeated_rows(data):
    X, y = data
    times = np.random.default_rng(3).integers(0, 3, 400)
    rows = np.repeat(np.arange(400), times)
    weighted = make(data, GroupSortedL1("lasso"), sample_weight=times * 400 / times.sum())
    repeated = make((np.asfortranarray(X[rows]), y[rows]), GroupSortedL1("lasso"))
    alphas = grid(repeated)
    one, other = (ordinal_path.solve_path(p, alphas, tol=1e-10) for p in (weighted, repeated))
    np.testing.assert_allclose(one.coefs, other.coefs, atol=1e-5)


class Nonnegative(Penalty):
    """Differences that may not be negative: no dual norm, no curvature, only what the protocol demands."""

    name = "nonnegative"

    def value(self, c):
        return float(c.sum()) if c.min(initial=0.0) >= 0 else np.inf

    def prox(self, u, step):
        return np.maximum(u - step, 0.0)


def test_a_penalty_of_ones_own_needs_value_and_prox(data):
    problem = make(data, Nonnegative())
    result = ordinal_path.solve_path(problem, grid(problem)[1:], tol=1e-6)
    assert all(c.kind == "stationarity" and c.converged for c in result.certificates)
    assert np.diff(result.coefs, axis=1, prepend=0.0).min() >= 0 and result.coefs.any()


def test_without_penalty_every_penalty_is_maximum_likelihood(data):
    plain = ordinal_path.solve_path(make(data), [0.0])
    for penalty in (SortedL1("bh"), MCP(3.0)):
        problem = make(data, penalty)
        result = ordinal_path.solve_path(problem, [0.1 * ordinal_path.alpha_max(problem), 0.0])
        assert result.certificates[1].kind == "newton"
        np.testing.assert_allclose(result.coefs[1], plain.coefs[0], atol=1e-6)


def test_concave_penalties_have_no_program(data):
    with pytest.raises(ValueError, match="MCP penalty is not convex"):
        ordinal_path.solve_path(make(data, MCP(3.0)), [0.1], solver="cvxpy")


def test_steps_in_order_end_where_only_rounding_of_the_gaps_moves_them():
    """Categories without an order: boundaries meet at many rows, and near the end gaps of 1e-9 are right to 1e-7 of
    themselves, so that the certificate walks about. The best point is kept, not the hundredth."""
    rng = np.random.default_rng(2)
    X = np.asfortranarray(rng.normal(size=(120, 6)))
    eta = np.stack([X[:, :3] @ rng.normal(size=3) for _ in range(3)]) * 1.5
    y = np.argmax(eta + rng.gumbel(size=eta.shape), axis=0)
    problem = make((X, y), GroupSortedL1(), K=3, monotone="auto")
    alpha = 0.1 * ordinal_newton.alpha_max(problem)
    fit = ordinal_newton.solve_path(problem, [alpha], tol=1e-12)
    (certificate,) = fit.certificates
    assert fit.constrained.all() and certificate.stop == "precision" and certificate.n_iter < 100
    assert certificate.relative < 1e-6
