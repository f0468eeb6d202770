"""The readable solver against cvxpy, scikit-learn, and the equalities that any solver must keep."""

from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import pytest
from scipy import sparse
from scipy.special import xlogy
from sklearn.linear_model import Lasso, LinearRegression

from sparsestats.backend import proximal
from sparsestats.backend.losses import Binomial, Gaussian, Huber, Loss
from sparsestats.backend.penalties import L1, GroupSortedL1, Penalty, SortedL1
from sparsestats.backend.problem import Problem
from sparsestats.backend.standardize import moments, resolved
from sparsestats.exceptions import MissingMethodError


def small(seed=0, n=50, p=6, **changes):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.geomspace(0.2, 5, p) + 3
    y = X[:, 0] - 0.4 * X[:, 1] + 0.5 * rng.normal(size=n) + 2
    return resolved(Problem(**({"X": X, "y": y, "loss": Gaussian(), "penalty": SortedL1()} | changes)))


def test_reaches_the_optimum_of_an_independent_program(kind):
    problem = kind.problem
    beta, b0, certificate = kind.numpy
    program, best, _ = kind.independent
    assert certificate.kind == "gap" and certificate.converged and certificate.stop == "tol"
    # the interior point method is right to 1e-9 of an objective of order 1
    assert certificate.objective == pytest.approx(program.value, abs=1e-8 * certificate.scale)
    assert np.any(beta != 0) and np.isfinite(b0)
    if problem.shape[0] > problem.shape[1]:
        np.testing.assert_allclose(problem.X @ beta, problem.X @ best.value, atol=1e-3)


def test_gap_bounds_the_true_suboptimality_from_the_first_step(kind):
    problem, alpha = kind.problem, kind.alpha
    optimum = kind.numpy[2].objective
    for max_iter in (1, 25):
        certificate = proximal.solve(problem, alpha, tol=1e-13, max_iter=max_iter)[2]
        # the reference is itself 1e-11 of an objective of order 1 above the optimum
        assert certificate.value >= certificate.objective - optimum - 1e-14 >= -1e-11
        assert certificate.value == max(certificate.objective - certificate.bound, 0.0)
        assert certificate.stop == "max_iter"


def test_more_steps_never_return_a_worse_point():
    """The gap is not monotone; what is returned short of tol is the best point looked at."""
    rng = np.random.default_rng(1)
    X = np.asfortranarray(rng.normal(size=(40, 12)))
    y = X[:, :3].sum(axis=1) + rng.standard_t(2, 40)
    problem = resolved(Problem(X, y, Huber(1e-2), SortedL1()))
    alpha = 0.2 * proximal.alpha_max(problem)
    gaps = [proximal.solve(problem, alpha, tol=1e-15, max_iter=k)[2].value for k in range(10, 160, 10)]
    assert gaps[-1] < 0.5 * gaps[0] and (np.diff(gaps) <= 1e-15).all() and (np.diff(gaps) == 0).any()


def test_alpha_max_is_the_smallest_alpha_that_empties_the_model(kind):
    problem, top = kind.problem, kind.alpha_max
    penalised = problem.penalized
    assert not proximal.solve(problem, top * (1 + 1e-9))[0][penalised].any()
    assert proximal.solve(problem, top * (1 - 1e-4), tol=1e-12)[0][penalised].any()


def test_alpha_max_by_bisection_is_the_dual_norm(problem_of, without):
    problem = problem_of("binomial", "group")
    found = proximal.alpha_max(without(problem, "dual_norm"))
    assert found == pytest.approx(proximal.alpha_max(problem), rel=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_equal_weights_on_the_raw_scale_are_sklearns_lasso(weighted):
    w = np.random.default_rng(1).uniform(0.1, 2, 50) if weighted else None
    sample_weight = None if w is None else w * 50 / w.sum()
    problem = small(penalty=SortedL1("lasso"), standardize=False, sample_weight=sample_weight)
    beta, b0, _ = proximal.solve(problem, 0.2, tol=1e-14)
    theirs = Lasso(alpha=0.2, tol=1e-14, max_iter=100_000).fit(problem.X, problem.y, sample_weight=w)
    # a gap of 1e-14 leaves the linear predictor sqrt(2e-14) = 1.4e-7 of freedom
    np.testing.assert_allclose(beta, theirs.coef_, atol=1e-6)
    assert b0 == pytest.approx(theirs.intercept_, abs=1e-5)
    np.testing.assert_array_equal(beta == 0, theirs.coef_ == 0)


def test_alpha_zero_is_ordinary_least_squares():
    problem = small()
    beta, b0, certificate = proximal.solve(problem, 0.0)
    theirs = LinearRegression().fit(problem.X, problem.y)
    np.testing.assert_allclose(np.append(beta, b0), np.append(theirs.coef_, theirs.intercept_), rtol=1e-10)
    assert certificate.kind == "newton" and certificate.converged and certificate.relative < 1e-20


def test_alpha_zero_is_the_maximum_of_the_likelihood():
    problem = small(loss=Binomial(), y=(np.random.default_rng(2).uniform(size=50) < 0.4) * 1.0)
    beta, b0, certificate = proximal.solve(problem, 0.0)
    residual = problem.y - problem.loss.mean(b0 + problem.X @ beta)
    np.testing.assert_allclose(problem.X.T @ residual, 0, atol=1e-10)
    assert certificate.kind == "newton" and certificate.relative < 1e-20


def test_the_newton_certificate_is_the_suboptimality_of_least_squares():
    problem = small()
    best = proximal.solve(problem, 0.0)
    coordinates = proximal.Coordinates(problem)
    worse = coordinates.certify(0.0, best[0] + 0.1, best[1], tol=1e-8, n_iter=0, stop="tol")
    assert worse.value == pytest.approx(worse.objective - best[2].objective, rel=1e-9)
    assert worse.stop == "precision" and not worse.converged


def test_alpha_zero_interpolates_when_columns_outnumber_rows():
    problem = small(n=5, p=9)
    beta, b0, certificate = proximal.solve(problem, 0.0)
    np.testing.assert_allclose(b0 + problem.X @ beta, problem.y, atol=1e-9)
    assert certificate.converged


def test_weights_that_are_all_zero_are_ordinary_least_squares():
    problem = small(penalty=SortedL1(np.zeros(6)))
    np.testing.assert_allclose(proximal.solve(problem, 1.0)[0], proximal.solve(problem, 0.0)[0])


def test_orthonormal_columns_have_the_prox_in_closed_form():
    rng = np.random.default_rng(3)
    X = np.linalg.qr(rng.normal(size=(30, 8)))[0] * np.sqrt(30)
    y = X[:, :4] @ [3.0, -2.0, 2.0, 0.5] + rng.normal(size=30)
    problem = small(X=X, y=y, fit_intercept=False, standardize=False)
    beta = proximal.solve(problem, 0.3, tol=1e-14)[0]
    np.testing.assert_allclose(beta, problem.penalty.prox(X.T @ y / 30, 0.3), atol=1e-7)


@pytest.mark.parametrize("penalty", [SortedL1(), GroupSortedL1()])
def test_units_of_the_columns_and_origin_of_y_do_not_matter(penalty):
    groups = np.array([0, 0, 1, 1, 1, 2])
    problem = small(penalty=penalty, groups=groups)
    rng = np.random.default_rng(4)
    scale, shift = rng.uniform(0.01, 100, 6), 10 * rng.normal(size=6)
    moved = replace(problem, X=problem.X * scale + shift, y=problem.y + 100)
    top = proximal.alpha_max(problem)
    assert proximal.alpha_max(moved) == pytest.approx(top, rel=1e-10)
    beta, _, _ = proximal.solve(problem, 0.2 * top, tol=1e-12)
    other, _, _ = proximal.solve(moved, 0.2 * top, tol=1e-12)
    np.testing.assert_allclose(other * scale, beta, atol=1e-5)
    np.testing.assert_array_equal(other == 0, beta == 0)


def test_a_sparse_column_a_million_deviations_from_zero_loses_no_digits():
    rng = np.random.default_rng(6)
    X = np.round(rng.normal(size=(80, 4)), 6)
    y = (X[:, 0] - X[:, 1] + rng.logistic(size=80) > 0).astype(float)
    X[rng.random(80) < 0.5, 3] = 0  # stays as it is
    far = sparse.csc_array(X + [2.0**20, 2.0**20, 0, 0])
    kept = far.copy()
    near, moved = (small(X=Z, y=y, loss=Binomial()) for Z in (sparse.csc_array(X), far))
    alpha = 0.1 * proximal.alpha_max(near)
    (beta, b0, _), (other, other_b0, certificate) = (proximal.solve(q, alpha, tol=1e-10) for q in (near, moved))
    assert certificate.converged and np.abs(beta[:2]).min() > 0.1
    np.testing.assert_allclose(other, beta, atol=1e-5)  # sqrt(2 gap)
    assert other_b0 + 2.0**20 * other[:2].sum() == pytest.approx(b0, abs=1e-5)
    np.testing.assert_array_equal(far.data, kept.data)


@pytest.mark.parametrize("loss", ["gaussian", "binomial"])
def test_sparse_and_dense_give_one_answer(loss, problem_of):
    for penalty in ("sorted", "group"):
        dense, csc = (problem_of(loss, penalty, storage=s) for s in ("dense", "sparse"))
        alpha = 0.1 * proximal.alpha_max(dense)
        # the same steps in other arithmetic, wherever they end
        one, two = (proximal.solve(q, alpha, tol=1e-6) for q in (dense, csc))
        assert proximal.alpha_max(csc) == pytest.approx(proximal.alpha_max(dense), rel=1e-12)
        np.testing.assert_allclose(one[0], two[0], atol=1e-10)
        assert one[1] == pytest.approx(two[1], abs=1e-10)


def test_float32_columns_are_solved_in_double():
    problem = small()
    single = replace(problem, X=problem.X.astype(np.float32))
    double = replace(problem, X=single.X.astype(np.float64))
    np.testing.assert_allclose(proximal.solve(single, 0.1)[0], proximal.solve(double, 0.1)[0], atol=1e-12)


@pytest.mark.parametrize("loss", [Gaussian(), Binomial()])
def test_integer_weights_are_repeated_rows(loss):
    rng = np.random.default_rng(5)
    counts = rng.integers(0, 4, 50)
    problem = small(loss=loss, y=(rng.uniform(size=50) < 0.5) * 1.0, offset=rng.normal(size=50))
    weighted = replace(problem, sample_weight=counts * 50 / counts.sum())
    repeated = replace(
        problem,
        X=np.repeat(problem.X, counts, axis=0),
        y=np.repeat(problem.y, counts),
        offset=np.repeat(problem.offset, counts),
    )
    alpha = 0.2 * proximal.alpha_max(weighted)
    assert proximal.alpha_max(repeated) == pytest.approx(5 * alpha, rel=1e-10)
    one, two = (proximal.solve(q, alpha, tol=1e-13) for q in (weighted, repeated))
    np.testing.assert_allclose(one[0], two[0], atol=1e-6)
    assert one[2].scale == pytest.approx(two[2].scale, rel=1e-12)


def test_a_gaussian_offset_is_taken_off_the_response():
    offset = np.random.default_rng(6).normal(size=50)
    problem = small()
    one = proximal.solve(replace(problem, y=problem.y + offset, offset=offset), 0.1, tol=1e-12)
    np.testing.assert_allclose(one[0], proximal.solve(problem, 0.1, tol=1e-12)[0], atol=1e-10)


def test_free_columns_are_fitted_exactly(problem_of):
    for loss in ("gaussian", "binomial"):
        problem = problem_of(loss, "sorted")
        beta, b0, _ = proximal.solve(problem, 0.1 * proximal.alpha_max(problem))
        gradient = problem.loss.gradient(problem.offset + b0 + problem.X @ beta, problem.y, problem.sample_weight)
        scale = moments(problem.X)[1][~problem.penalized]
        # the certificate is only valid if these equations hold to rounding, whatever tol
        assert abs(gradient.sum()) < 1e-13
        np.testing.assert_allclose(gradient @ problem.X[:, ~problem.penalized] / scale, 0, atol=1e-12)


def test_all_columns_free_is_the_unpenalised_fit():
    problem = small(penalty_factor=np.zeros(6))
    beta, _, certificate = proximal.solve(problem, 1.0)
    np.testing.assert_allclose(beta, LinearRegression().fit(problem.X, problem.y).coef_, rtol=1e-10)
    assert certificate.converged and proximal.alpha_max(problem) == 0.0


def test_columns_may_be_permuted_and_reflected(problem_of):
    problem = problem_of("binomial", "group", free=False)
    order = np.random.default_rng(7).permutation(9)
    signs = np.where(np.arange(9) % 2, -1.0, 1.0)
    moved = resolved(replace(problem, X=(problem.X * signs)[:, order], groups=problem.groups[order]))
    alpha = 0.1 * proximal.alpha_max(problem)
    one, two = (proximal.solve(q, alpha, tol=1e-13)[0] for q in (problem, moved))
    np.testing.assert_allclose(two, (one * signs)[order], atol=1e-6)


def test_constant_response_gives_the_null_model():
    for y in (np.full(50, 0.1), np.zeros(50)):
        for alpha in (0.0, 0.1):
            beta, b0, certificate = proximal.solve(small(y=y), alpha)
            assert not beta.any() and b0 == pytest.approx(y[0], abs=1e-15)
            assert certificate.relative == 0.0 and certificate.converged
    assert proximal.alpha_max(small(y=y)) == 0.0


def test_constant_columns_get_exactly_zero_at_every_alpha():
    problem = small()
    X = problem.X.copy()
    X[:, 4] = 0.1
    for alpha in (0.0, 0.01):
        beta = proximal.solve(replace(problem, X=X), alpha)[0]
        np.testing.assert_array_equal(beta == 0, np.arange(6) == 4)


def test_duplicated_columns_share_under_strictly_decreasing_weights():
    problem = small()
    X = problem.X.copy()
    X[:, 1] = X[:, 0]
    beta = proximal.solve(replace(problem, X=X), 0.01, tol=1e-13)[0]
    assert beta[0] == pytest.approx(beta[1], rel=1e-9) and beta[0] > 0.1


def test_separable_classes_keep_finite_certified_fits():
    x = np.linspace(-1, 1, 20)[:, None]
    problem = small(X=np.column_stack([x, x**2]), y=(x[:, 0] > 0) * 1.0, loss=Binomial(), penalty=L1())
    top = proximal.alpha_max(problem)
    path = proximal.solve_path(problem, top * np.geomspace(1, 1e-3, 7))
    assert np.isfinite(path.coefs).all() and all(c.converged for c in path.certificates)
    assert np.all(np.diff(path.deviance_ratio) > 0) and path.deviance_ratio[-1] > 0.97


def test_a_path_is_its_single_fits():
    problem = small()
    alphas = proximal.alpha_max(problem) * np.geomspace(1, 0.01, 8)
    path = proximal.solve_path(problem, alphas, tol=1e-12)
    for i, alpha in enumerate(alphas):
        alone = proximal.solve(problem, alpha, tol=1e-12)
        assert path.certificates[i].objective == pytest.approx(alone[2].objective, rel=1e-12)
        np.testing.assert_allclose(path.coefs[i], alone[0], atol=1e-5)
    assert path.alpha_max == pytest.approx(alphas[0]) and path.info["active"].tolist()[0] == 0
    rss = np.sum((problem.y - path.intercepts[-1] - problem.X @ path.coefs[-1]) ** 2)
    assert path.deviance_ratio[-1] == pytest.approx(1 - rss / np.sum((problem.y - problem.y.mean()) ** 2))


def test_a_path_is_fitted_no_further_than_it_is_asked():
    problem = small()
    steps = proximal.fits(problem, [0.5, 0.1, -1.0])
    assert len(list(islice(steps, 2))) == 2
    with pytest.raises(ValueError, match=r"alpha must be a finite number >= 0; got -1"):
        next(steps)


def test_a_start_at_the_answer_needs_no_step():
    problem = small()
    beta, b0, _ = proximal.solve(problem, 0.1, tol=1e-12)
    again = proximal.solve(problem, 0.1, tol=1e-10, start=(beta, b0))
    assert again[2].n_iter == 0
    np.testing.assert_allclose(again[0], beta, atol=1e-12)


def test_a_tolerance_below_rounding_ends_by_itself():
    certificate = proximal.solve(small(), 0.1, tol=1e-22, max_iter=100_000)[2]
    # either no progress is seen ("precision"), or the two objectives round to one number
    assert certificate.stop in ("precision", "tol") and certificate.n_iter < 10_000
    assert certificate.relative < 1e-13


def test_one_column_and_one_row():
    x = np.array([[1.0], [2.0], [4.0]])
    problem = small(X=x, y=np.array([0.0, 1.0, 5.0]), penalty=L1())
    sd, slope = x.std(), np.polyfit(x[:, 0], problem.y, 1)[0]
    assert proximal.solve(problem, 0.5, tol=1e-14)[0][0] == pytest.approx(slope - 0.5 / sd, rel=1e-6)
    beta, b0, certificate = proximal.solve(small(X=np.ones((1, 2)), y=np.array([3.0]), penalty=L1()), 0.1)
    assert not beta.any() and b0 == pytest.approx(3.0, rel=1e-14) and certificate.converged


# ---- losses and penalties that know less -------------------------------------------------------------------


def test_without_a_dual_norm_the_certificate_is_stationarity(problem_of, without):
    problem = problem_of("gaussian", "sorted")
    alpha = 0.1 * proximal.alpha_max(problem)
    full, bare = (
        proximal.solve(problem, alpha, tol=1e-10),
        proximal.solve(without(problem, "dual_norm"), alpha),
    )
    assert bare[2].kind == "stationarity" and bare[2].converged and bare[2].bound == -np.inf
    np.testing.assert_allclose(bare[0], full[0], atol=1e-5)
    assert not proximal.solve(without(problem, "dual_norm"), alpha, max_iter=2)[2].converged


@dataclass(frozen=True, eq=False)
class Poisson(Loss):
    """Half the mean deviance; no bound on its curvature, so steps are searched for, and no conjugate."""

    def value(self, eta, y, w=None):
        return np.average(np.exp(eta) - y - y * eta + xlogy(y, y), weights=w)

    def gradient(self, eta, y, w=None):
        return (np.exp(eta) - y) * (1.0 if w is None else w) / len(y)

    def curvature(self, eta, y, w=None):
        return np.exp(eta) * (1.0 if w is None else w) / len(y)


def test_a_loss_without_curvature_bound_satisfies_its_optimality_conditions():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(80, 5))
    problem = small(X=X, y=rng.poisson(np.exp(0.5 + X[:, 0])) * 1.0, loss=Poisson(), penalty=L1(), standardize=False)
    beta, b0, certificate = proximal.solve(problem, 0.05, tol=1e-10)
    z = X.T @ (problem.y - np.exp(b0 + X @ beta)) / 80
    assert certificate.converged and beta[0] > 0.5
    # the lasso's conditions: |z| <= alpha, equality with the sign of beta where it is not 0
    np.testing.assert_allclose(z[beta != 0], 0.05 * np.sign(beta[beta != 0]), atol=1e-6)
    assert np.all(np.abs(z) <= 0.05 + 1e-6)
    assert abs(np.sum(problem.y - np.exp(b0 + X @ beta))) < 1e-9


def test_missing_methods_are_named(problem_of, without):
    problem = problem_of("gaussian", "sorted")
    with pytest.raises(MissingMethodError, match=r"proximal solver needs value, prox of Stripped, which lacks: prox"):
        proximal.solve(without(problem, "prox"), 0.1)

    class Silent(Loss):
        def value(self, eta, y, w=None):
            return 0.0

    with pytest.raises(MissingMethodError, match=r"of Silent, which lacks: gradient, curvature"):
        proximal.solve(replace(problem, loss=Silent()), 0.1)


def test_a_loss_below_zero_is_refused(problem_of):
    class Shifted(Gaussian):
        def value(self, eta, y, w=None):
            return super().value(eta, y, w) - 100.0

    with pytest.raises(ValueError, match=r"loss Shifted is -\d.* subtract its value at a perfect fit"):
        proximal.solve(replace(problem_of(), loss=Shifted()), 0.1)


def test_a_penalty_that_never_empties_the_model_has_no_alpha_max():
    class Ridge(Penalty):
        def value(self, c):
            return 0.5 * float(c @ c)

        def prox(self, u, step):
            return u / (1 + step)

    problem = small(penalty=Ridge())
    assert proximal.alpha_max(problem) == np.inf
    with pytest.raises(ValueError, match="no alpha makes every coefficient 0"):
        proximal.solve(problem, np.inf)
    beta, _, certificate = proximal.solve(problem, 0.3, tol=1e-12)
    Z = (problem.X - problem.X.mean(axis=0)) / problem.X.std(axis=0)
    expected = np.linalg.solve(Z.T @ Z / 50 + 0.3 * np.eye(6), Z.T @ (problem.y - problem.y.mean()) / 50)
    assert certificate.converged
    np.testing.assert_allclose(beta * problem.X.std(axis=0), expected, atol=1e-9)


def test_inputs_are_not_changed(problem_of):
    problem = problem_of("binomial", "group", storage="sparse")
    arrays = [problem.X.data, problem.y, problem.sample_weight, problem.offset, problem.penalty_factor]
    before = [a.copy() for a in arrays]
    for a in arrays:
        a.setflags(write=False)
    proximal.solve_path(problem, [0.1, 0.01])
    for a, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert sparse.issparse(problem.X)
