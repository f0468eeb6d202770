"""Grids of alphas, and the choice of a solver."""

import numpy as np
import pytest

import sparsestats as ss
from sparsestats.backend.path import Relative, alpha_max, check_alphas, grid, solve_path
from sparsestats.backend.problem import Problem


def problem(penalty=None, y=None):
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.normal(size=(40, 5)))
    y = X[:, 0] + rng.normal(size=40) if y is None else y
    return Problem(X, y, ss.losses.Gaussian(), penalty or ss.penalties.SortedL1())


def test_relative_grids_are_geometric_with_exact_ends():
    values = ss.relative(1, 0.01, 50).grid(3.7)
    assert values[0] == 3.7 and values[-1] == pytest.approx(0.037, rel=1e-14) and len(values) == 50
    np.testing.assert_allclose(values[1:] / values[:-1], 0.01 ** (1 / 49), rtol=1e-12)
    assert Relative().n == 100 and Relative(0.1, 0.1, 1).grid(2.0).tolist() == [0.2]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0.1, 1), "high >= low > 0; got high=0.1, low=1"),
        ((1, 0), "high >= low > 0"),
        ((np.inf, 1), "high >= low > 0"),
        ((1, 0.1, 0), "whole number n >= 1 of alphas; got 0"),
        ((1, 0.1, 2.5), "whole number n >= 1"),
    ],
)
def test_relative_grids_out_of_range_are_refused(arguments, text):
    with pytest.raises(ValueError, match=text):
        ss.relative(*arguments)


def test_a_constant_response_has_one_alpha():
    assert grid(None, 0.0)[0].tolist() == [0.0]
    result = solve_path(problem(y=np.ones(40)), None)
    assert result.alphas.tolist() == [0.0] and not result.coefs.any() and result.converged.all()


def test_given_alphas_are_sorted_without_repeats_and_are_never_cut_short():
    assert check_alphas([0.1, 2, 0.1, 0]).tolist() == [2, 0.1, 0]
    assert grid([1.0], 5.0)[1] is False and grid(None, 5.0)[1] is True
    result = solve_path(problem(), [1e-6, 0.5])
    assert result.alphas.tolist() == [0.5, 1e-6] and result.stopped == ""


class Ridge(ss.penalties.Penalty):
    """The toy of the proximal road: squares, whose prox is a division."""

    def value(self, c):
        return 0.5 * float(c @ c)

    def prox(self, u, step):
        return u / (1 + step)


def test_auto_is_the_compiled_solver_where_it_can_be_and_the_proximal_one_elsewhere():
    assert "newton_steps" in solve_path(problem(), [0.1]).info
    own = solve_path(problem(Ridge()), [0.5], tol=1e-10)
    X, y = problem().X, problem().y
    Z = (X - X.mean(0)) / X.std(0)
    expected = np.linalg.solve(Z.T @ Z / 40 + 0.5 * np.eye(5), Z.T @ (y - y.mean()) / 40) / X.std(0)
    np.testing.assert_allclose(own.coefs[0], expected, atol=1e-6)
    assert own.certificates[0].kind == "stationarity" and "newton_steps" not in own.info


def test_alpha_max_is_one_number_for_both_roads():
    class Named(ss.penalties.SortedL1):  # a subclass is not the compiled original
        pass

    assert alpha_max(problem(Named())) == pytest.approx(alpha_max(problem()), rel=1e-12)


def test_an_unknown_solver_is_refused():
    with pytest.raises(ValueError, match='solver must be "auto", "cvxpy" or "proximal"; got \'fast\''):
        solve_path(problem(), [0.1], solver="fast")


def test_an_overflowing_objective_is_refused():
    huge = problem()
    huge.X[:] *= 1e200
    wide = Problem(huge.X, huge.y * 1e200, huge.loss, huge.penalty, standardize=False)
    with pytest.raises(ValueError, match=r"the objective is not finite: X reaches .*e\+200 and y .*e\+200"):
        solve_path(wide, [0.1])
    one = np.ones(40)
    counts = Problem(problem().X, one, ss.losses.Poisson(), huge.penalty, offset=709.5 * one)
    with pytest.raises(ValueError, match=r"not finite: the offset reaches 710 \(X [\d.]+, y 1\); it is a part of the"):
        solve_path(counts, [0.1])
