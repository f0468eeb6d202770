"""Losses against finite differences, their definitions, and cvxpy."""

import cvxpy as cp
import numpy as np
import pytest
from scipy.optimize import minimize

from sparsestats.backend.losses import Binomial, Gaussian, Loss

LOSSES = [Gaussian(), Binomial()]


def data(loss, n=9, weighted=True, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=n) if loss.name == "gaussian" else (rng.uniform(size=n) < 0.5).astype(float)
    w = rng.uniform(0.2, 2.0, n) if weighted else None
    return rng.normal(size=n), y, None if w is None else w * n / w.sum()


def test_gaussian_value_is_half_the_mean_square():
    assert Gaussian().value(np.array([1.0, 2.0]), np.array([2.0, 4.0]), np.array([1.5, 0.5])) == 0.5 * 3.5 / 2


def test_binomial_value_is_the_mean_negative_log_likelihood():
    eta, y, w = data(Binomial())
    p = 1 / (1 + np.exp(-eta))
    expected = -np.mean(w * (y * np.log(p) + (1 - y) * np.log(1 - p)))
    assert Binomial().value(eta, y, w) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("weighted", [True, False])
def test_gradient_and_curvature_are_the_derivatives(loss, weighted):
    eta, y, w = data(loss, weighted=weighted)
    h = 1e-5
    for i, unit in enumerate(np.eye(len(eta))):
        slope = (loss.value(eta + h * unit, y, w) - loss.value(eta - h * unit, y, w)) / (2 * h)
        bend = (loss.gradient(eta + h * unit, y, w) - loss.gradient(eta - h * unit, y, w)) / (2 * h)
        # central differences: error h^2, rounding eps/h
        assert loss.gradient(eta, y, w)[i] == pytest.approx(slope, abs=1e-9)
        assert loss.curvature(eta, y, w)[i] == pytest.approx(bend[i], abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_curvature_stays_under_its_bound_and_reaches_it(loss):
    _, y, _ = data(loss)
    grid = np.linspace(-5, 5, len(y))
    curvature = loss.curvature(grid, y, None) * len(y)
    assert curvature.max() == pytest.approx(loss.curvature_bound, rel=1e-15)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("weighted", [True, False])
def test_conjugate_is_the_supremum(loss, weighted):
    eta, y, w = data(loss, weighted=weighted)
    s = 0.7 * loss.gradient(eta, y, w)
    best = minimize(
        lambda e: loss.value(e, y, w) - s @ e,
        np.zeros_like(eta),
        jac=lambda e: loss.gradient(e, y, w) - s,
        tol=1e-12,
    )
    assert loss.conjugate(s, y, w) == pytest.approx(-best.fun, rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_dual_value_at_minus_the_gradient_attains_the_value(loss):
    """Fenchel-Young with equality: f(eta) + f*(grad f(eta)) = eta'grad f(eta)."""
    eta, y, w = data(loss)
    theta = -loss.gradient(eta, y, w)
    assert loss.dual_value(theta, y, w, eta) == pytest.approx(loss.value(eta, y, w), rel=1e-13)


def test_binomial_conjugate_is_infinite_outside_its_domain():
    y = np.array([0.0, 1.0])
    assert Binomial().conjugate(np.array([-0.1, 0.0]), y) == np.inf
    assert Binomial().conjugate(np.array([0.0, 0.0]), y) == 0.0


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
def test_rows_of_weight_zero_do_not_count(loss):
    eta, y, w = data(loss)
    w[2] = 0.0
    theta = -loss.gradient(eta, y, w)
    far = eta.copy()
    far[2] += 100.0
    assert loss.value(far, y, w) == loss.value(eta, y, w)
    assert theta[2] == 0.0
    assert loss.dual_value(theta, y, w, eta) == pytest.approx(loss.value(eta, y, w), rel=1e-13)
    theta[2] = 0.1
    assert loss.dual_value(theta, y, w) == -np.inf


def test_binomial_keeps_relative_accuracy_far_out():
    """At |eta| = 800 exp overflows; at 40 the naive log(1 + exp(eta)) - eta is 0."""
    eta, y = np.array([800.0, -800.0, 40.0]), np.array([0.0, 1.0, 1.0])
    assert Binomial().value(eta[:2], y[:2]) == 800.0
    assert Binomial().value(eta[2:], y[2:]) == pytest.approx(np.exp(-40.0), rel=1e-12)
    assert Binomial().gradient(eta[2:], y[2:])[0] == pytest.approx(-np.exp(-40.0), rel=1e-12)
    assert Binomial().curvature(eta[2:], y[2:])[0] == pytest.approx(np.exp(-40.0), rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("weighted", [True, False])
def test_expression_is_the_value(loss, weighted):
    eta, y, w = data(loss, weighted=weighted)
    expression = loss.expression(cp.Constant(eta), y, w)
    assert expression.value == pytest.approx(loss.value(eta, y, w), rel=1e-12)
    assert loss.expression(cp.Variable(len(y)), y, w).is_convex()


def test_responses_are_checked():
    with pytest.raises(ValueError, match=r"0 or 1; y has the values 1, 2, 3, 4, 5, \.\.\."):
        Binomial().validate_response(np.arange(1.0, 8.0))
    with pytest.raises(ValueError, match="must be finite"):
        Gaussian().validate_response(np.array([1.0, np.nan]))
    Binomial().validate_response(np.array([0.0, 1.0]))
    Gaussian().validate_response(np.array([-3.0, 1e9]))


def test_mean_is_the_inverse_link():
    assert Gaussian().mean(np.array([2.0]))[0] == 2.0
    assert Binomial().mean(np.array([np.log(3.0)]))[0] == pytest.approx(0.75)


def test_losses_compare_by_type_and_do_not_pass_native_on():
    class Mine(Gaussian):
        pass

    assert Gaussian() == Gaussian() and Gaussian() != Binomial() and Gaussian() != Mine()
    assert hash(Gaussian()) == hash(Gaussian())
    assert Gaussian.native == "gaussian" and Mine.native is None and Loss.native is None
