"""The cvxpy programs against the proximal solver, an independent text, and their own multipliers."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest

from sparsestats.backend import proximal
from sparsestats.backend.penalties import L1, SortedL1
from sparsestats.backend.programs import slope
from sparsestats.backend.programs.slope import program, solve, solve_path
from sparsestats.estimators.slope import SLOPE
from sparsestats.exceptions import MissingMethodError


@pytest.fixture(params=[100, 2], ids=["dotsort", "cutting planes"])
def limit(request, monkeypatch):
    monkeypatch.setattr(slope, "DOTSORT_LIMIT", request.param)


def test_program_and_proximal_solver_agree(kind, limit):
    """Two solvers, one objective, to 1e-6 relative and far better."""
    beta, b0, certificate, duals = solve(kind.problem, kind.alpha)
    other, _, reference = kind.numpy
    assert certificate.converged and certificate.kind == "gap" and duals == []
    assert certificate.objective == pytest.approx(reference.objective, rel=1e-9)
    assert certificate.value >= certificate.objective - reference.objective - 1e-14
    np.testing.assert_array_equal(beta == 0, other == 0)
    assert np.isfinite(b0)


def test_the_program_alone_has_the_independent_optimum(kind):
    """Before any proximal step: what cvxpy itself returns for the text a user reads."""
    problem, alpha = kind.problem, kind.alpha
    text = program(problem, alpha)
    text.problem.solve(solver=cp.CLARABEL)
    reference, beta, _ = kind.independent
    # both are interior point solutions, right to about 1e-8 of an objective of order 1
    assert text.problem.value == pytest.approx(reference.value, abs=1e-6)
    assert text.loss.value + alpha * text.penalty.value == pytest.approx(text.problem.value, rel=1e-9)
    if problem.shape[0] > problem.shape[1]:
        np.testing.assert_allclose(problem.X @ text.variables["beta"].value, problem.X @ beta.value, atol=2e-2)


def test_cutting_planes_reach_the_optimum_of_many_ranked_columns(problem_of):
    problem = problem_of("gaussian", "sorted", n=60, p=110, free=False)
    alpha = 0.3 * proximal.alpha_max(problem)
    certificate = solve(problem, alpha)[2]
    reference = proximal.solve(problem, alpha, tol=1e-10)[2]
    assert certificate.converged
    assert certificate.objective == pytest.approx(reference.objective, rel=1e-8)


def constraints(v):
    return [
        v["beta"][0] <= v["beta"][1],
        v["beta"][5:] >= 0,
        cp.sum(v["beta"][:3]) == 0.5,
        v["intercept"] <= 0.1,
    ]


def test_constrained_fits_are_optimal_feasible_and_certified(kind, independent):
    problem, alpha = kind.problem, kind.alpha
    beta, b0, certificate, duals = solve(problem, alpha, tol=1e-7, constraints=constraints)
    reference, _, _ = independent(problem, alpha, constraints)
    free = kind.numpy[2]
    scale = certificate.scale
    assert certificate.converged and certificate.kind == "gap"
    assert certificate.objective == pytest.approx(reference.value, abs=1e-6 * scale)
    # the bound is under the optimum, and above the optimum without constraints
    assert free.objective - 1e-7 * scale <= certificate.bound <= reference.value + 1e-7 * scale
    violations = [np.max(c.violation()) for c in constraints({"beta": cp.Constant(beta), "intercept": cp.Constant(b0)})]
    assert max(violations) < 1e-7
    assert len(duals) == 4 and all(np.all(np.isfinite(d)) for d in duals)


def test_duals_are_the_multipliers_in_units_of_the_objective(problem_of, independent):
    problem = problem_of("gaussian", "sorted")
    alpha = 0.1 * proximal.alpha_max(problem)
    at = {}
    for level in (0.5, 0.5 + 1e-4):
        _, _, certificate, duals = solve(problem, alpha, constraints=lambda v, b=level: [v["beta"][0] == b])
        at[level] = certificate.objective, float(duals[0])
    (low, dual), (high, _) = at.values()
    # the envelope theorem: d optimum / d level = -multiplier of beta - level = 0
    assert (high - low) / 1e-4 == pytest.approx(-dual, rel=1e-2)
    assert abs(dual) > 1e-3


def test_constraints_that_do_not_bind_change_nothing(problem_of):
    problem = problem_of("binomial", "group")
    alpha = 0.1 * proximal.alpha_max(problem)
    _, _, certificate, duals = solve(problem, alpha, constraints=lambda v: [cp.abs(v["beta"]) <= 1000])
    assert certificate.objective == pytest.approx(solve(problem, alpha)[2].objective, rel=1e-8)
    np.testing.assert_allclose(duals[0], 0, atol=1e-8)


@pytest.mark.parametrize("share", [0.5, 2.0], ids=["some selected", "none selected"])
def test_coefficients_that_end_beside_zero_are_zero_under_constraints(share, limit, problem_of):
    problem = problem_of()
    alpha = share * proximal.alpha_max(problem)
    free = solve(problem, alpha, tol=1e-7)[0]
    beta, _, certificate, _ = solve(problem, alpha, tol=1e-7, constraints=lambda v: [cp.abs(v["beta"]) <= 1000])
    np.testing.assert_array_equal(beta == 0, free == 0)  # proximal steps find the zeros of the free fit
    assert np.sum(beta == 0) >= 2 and certificate.converged


def test_a_zero_that_a_constraint_excludes_is_kept(problem_of):
    problem = problem_of()
    alpha = 2 * proximal.alpha_max(problem)
    beta = solve(problem, alpha, constraints=lambda v: [v["beta"][0] >= 1e-3, v["beta"][1] == 0])[0]
    assert beta[0] == pytest.approx(1e-3, rel=1e-6) and np.all(beta[problem.penalized][1:] == 0)


def test_curved_constraints_are_certified_by_a_second_program(problem_of, independent):
    problem = problem_of("gaussian", "group")
    alpha = 0.05 * proximal.alpha_max(problem)

    def ball(v):
        return [cp.norm1(v["beta"]) <= 1.0, cp.norm2(v["beta"][:2]) <= 0.3]

    beta, _, certificate, duals = solve(problem, alpha, tol=1e-7, constraints=ball)
    assert certificate.converged
    assert certificate.objective == pytest.approx(independent(problem, alpha, ball)[0].value, rel=1e-6)
    assert np.abs(beta).sum() == pytest.approx(1.0, abs=1e-7) and duals[0] > 0


def test_terms_are_named_on_the_data_s_own_scale(problem_of):
    problem = problem_of("gaussian", "group")
    names = {"dose": [1, 2, 5], "site": [0]}
    text = program(problem, 0.1, names=names, constraints=lambda v: [v["dose"][0] == 2 * v["dose"][2]])
    text.problem.solve(solver=cp.CLARABEL)
    np.testing.assert_array_equal(text.variables["dose"].value, text.variables["beta"].value[[1, 2, 5]])
    beta = solve(problem, 0.1, names=names, constraints=lambda v: [v["dose"][0] == 2 * v["dose"][2]])[0]
    assert beta[1] == pytest.approx(2 * beta[5], abs=1e-8)
    np.testing.assert_allclose(beta, text.variables["beta"].value, atol=1e-3)


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        (lambda v: [v["beta"][0] >= 1, v["beta"][0] <= 0], "contradict each other"),
        (lambda v: [v["beta"][0] <= cp.Variable()], "brings its own"),
        (lambda v: [cp.SOC(cp.Constant(1.0), v["beta"])], "written with <=, >= or ==; got SOC"),
    ],
)
def test_constraints_that_cannot_be_kept_are_refused(constraints, message, problem_of):
    with pytest.raises(ValueError, match=message):
        solve(problem_of(), 0.1, constraints=constraints)


def test_paths_keep_their_duals(problem_of):
    problem = problem_of("gaussian", "l1")
    alphas = proximal.alpha_max(problem) * np.array([1.1, 0.3, 0.1])
    path = solve_path(problem, alphas, constraints=lambda v: [v["beta"] >= 0])
    assert path.coefs.min() > -1e-8 and len(path.duals) == 3 and path.duals[0][0].shape == (9,)
    plain = solve_path(problem, alphas)
    assert plain.duals is None and plain.info["active"][0] == np.sum(~problem.penalized)
    np.testing.assert_allclose(
        plain.deviance_ratio, proximal.solve_path(problem, alphas, tol=1e-11).deviance_ratio, atol=1e-6
    )


def test_alpha_zero_is_the_unpenalised_fit(problem_of):
    for loss in ("gaussian", "binomial"):
        problem = problem_of(loss, "sorted")
        certificate = solve(problem, 0.0)[2]
        assert certificate.kind == "newton" and certificate.converged
        assert certificate.objective == pytest.approx(proximal.solve(problem, 0.0)[2].objective, rel=1e-9)


def test_constant_response_and_free_columns_need_no_program(problem_of):
    constant = replace(problem_of(offset=False), y=np.full(40, 0.1))
    beta, b0, certificate, _ = solve(constant, 0.1)
    np.testing.assert_allclose(beta, 0, atol=1e-15)
    assert certificate.relative == 0.0 and b0 == pytest.approx(0.1)
    free = replace(problem_of(penalty=L1()), penalty_factor=np.zeros(9))
    assert solve(free, 0.1)[2].objective == pytest.approx(proximal.solve(free, 0.1)[2].objective, rel=1e-12)
    held = solve(free, 0.1, constraints=lambda v: [v["beta"][0] == 0])
    assert held[0][0] == pytest.approx(0.0, abs=1e-9) and held[2].converged


def test_weights_that_are_all_zero_penalise_nothing(problem_of):
    problem = problem_of(penalty=SortedL1(np.zeros(9)), free=False)
    certificate = solve(problem, 0.5)[2]
    assert certificate.converged
    assert certificate.objective == pytest.approx(proximal.solve(problem, 0.0)[2].objective, rel=1e-9)


def test_a_penalty_without_expression_is_named(problem_of, without):
    with pytest.raises(MissingMethodError, match=r'solver="cvxpy" needs value, expression .* lacks: expression'):
        solve(without(problem_of(), "expression"), 0.1)


@pytest.mark.parametrize("alpha", [-1.0, np.inf, np.nan])
def test_alpha_must_be_a_finite_number_from_zero(alpha, problem_of):
    with pytest.raises(ValueError, match="alpha must be a finite number >= 0"):
        program(problem_of(), alpha)


@pytest.mark.parametrize("weights", [np.linspace(3, 0, 200), np.ones(200), np.r_[5.0, np.full(150, 2.0), np.zeros(49)]])
def test_layers_are_sequences_that_sum_to_the_weights(weights):
    """So that planes under each layer's norm add up to planes under the whole."""
    layers = slope._layers(weights)
    np.testing.assert_allclose(layers.sum(axis=0), weights, atol=1e-14)
    assert np.all(layers >= 0) and np.all(np.diff(layers, axis=1) <= 0) and len(layers) <= slope.LAYERS


def test_numerical_trouble_of_the_interior_point_method_is_met_by_shorter_steps(monkeypatch):
    rng = np.random.default_rng(49)
    X = rng.normal(size=(40, 60))
    y = rng.poisson(np.exp(np.clip(X[:, 0] + X[:, 1], -3, 2)))
    model = SLOPE(family="poisson", solver="cvxpy")
    model.set_params(alpha=0.7 * model.alpha_max(X, y))
    assert model.fit(X, y).certificate_.converged
    # Full steps alone fail here, in any version that makes the retry worth having.
    monkeypatch.setattr(slope, "STEPS", (0.99,))
    with pytest.raises(ValueError, match="the interior point method of cvxpy found no solution"):
        model.fit(X, y)
