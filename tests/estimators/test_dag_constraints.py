"""CoLiDE under a user's own constraints: they hold, they cost what the multipliers say, and the proof stands."""

import json

import numpy as np
import pandas as pd
import pytest

import sparsestats as ss

pytestmark = pytest.mark.filterwarnings("ignore::sparsestats.exceptions.DataWarning")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 5))
    a = z[:, 0]
    b = 0.9 * a + z[:, 1]
    c = -0.8 * b + 0.7 * a + z[:, 2]
    d = 1.1 * c + 0.6 * b + z[:, 3]
    e = 0.9 * d + z[:, 4]
    return pd.DataFrame({"a": a, "b": b, "c": c, "d": d, "e": e})


def weight(model, source, target, which="adjacency_"):
    names = model.names()
    return getattr(model, which)[names.index(source), names.index(target)]


@pytest.mark.parametrize("noise", ["ev", "nv"])
def test_constraints_that_bind_nothing_change_nothing(data, noise):
    options = {"noise": noise, "refine": None}
    free = ss.CoLiDE(**options).fit(data)
    held = ss.CoLiDE(**options, constraints=lambda v: [v["a", "b"] >= 0, v["b", "c"] <= 0]).fit(data)
    # Both are exact on their supports: what differs is rounding.
    np.testing.assert_allclose(held.penalized_, free.penalized_, atol=1e-9)
    np.testing.assert_allclose(held.adjacency_, free.adjacency_, atol=1e-9)
    assert held.objective_ == pytest.approx(free.objective_, rel=1e-12)
    np.testing.assert_array_equal(held.order_, free.order_)
    # interior point multipliers of what does not bind
    assert np.abs(np.array(held.duals_)).max() < 1e-6


@pytest.mark.parametrize("noise", ["ev", "nv"])
def test_a_weight_kept_from_falling_below_zero_is_zero(data, noise):
    model = ss.CoLiDE(noise, refine=None, constraints=lambda v: [v["b", "c"] >= 0]).fit(data)
    free = ss.CoLiDE(noise, refine=None).fit(data)
    assert weight(free, "b", "c") < -0.5
    assert weight(model, "b", "c") == weight(model, "b", "c", "penalized_") == 0
    assert model.duals_[0] > 0.1
    assert model.certificate_.converged
    assert model.objective_ > free.objective_ + 0.01


@pytest.mark.parametrize("noise", ["ev", "nv"])
def test_two_edges_are_held_equal_through_refit(data, noise):
    model = ss.CoLiDE(noise, refine=None, constraints=lambda v: [v["c", "d"] == v["b", "d"]]).fit(data)
    for which in ("adjacency_", "penalized_"):
        assert weight(model, "c", "d", which) == pytest.approx(weight(model, "b", "d", which), abs=1e-12)
        assert weight(model, "c", "d", which) > 0.5
    assert model.certificate_.relative < 1e-9
    # By hand: the other parents out of it, d is regressed on c + b.
    X = data - data.mean()
    parents = [p for p in data if weight(model, p, "d") != 0 and p not in ("b", "c")]
    Z = np.column_stack([X["b"] + X["c"], *(X[p] for p in parents)])
    assert weight(model, "c", "d") == pytest.approx(np.linalg.lstsq(Z, X["d"], rcond=None)[0][0], abs=1e-9)


def test_multipliers_are_the_price_of_a_constraint(data):
    def fit(limit):
        return ss.CoLiDE(constraints=lambda v: [v["a", "b"] <= limit]).fit(data)

    step = 1e-4
    slope = (fit(0.5 + step).objective_ - fit(0.5 - step).objective_) / (2 * step)
    assert -slope == pytest.approx(float(fit(0.5).duals_[0]), rel=1e-5)


@pytest.mark.parametrize("options", [{}, {"noise": "nv"}, {"solver": "path"}, {"refit": False}, {"alpha": 0}])
def test_a_demanded_weight_survives_selection_in_every_mode(data, options):
    # Far below the threshold, and nothing a BIC would choose.
    model = ss.CoLiDE(**options, constraints=lambda v: [v["a", "e"] == 0.02]).fit(data)
    assert weight(model, "a", "e") == pytest.approx(0.02, abs=1e-9)
    assert model.certificate_.converged


def test_all_weights_nonnegative(data):
    model = ss.CoLiDE(constraints=lambda v: [v["W"] >= 0], required=[("a", "b")]).fit(data)
    assert (model.adjacency_ >= 0).all()
    assert np.count_nonzero(model.adjacency_) >= 3
    assert model.certificate_.converged


def test_a_convex_constraint_is_certified_too(data):
    import cvxpy as cp

    def circle(v):
        return [cp.square(v["a", "b"]) + cp.square(v["d", "e"]) <= 1]

    # No linear equations end it: what is asked is the precision of the interior point method.
    model = ss.CoLiDE(constraints=circle, tol=1e-5).fit(data)
    assert weight(model, "a", "b", "penalized_") ** 2 + weight(model, "d", "e", "penalized_") ** 2 < 1 + 1e-6
    assert model.certificate_.converged


def test_replicates_heed_constraints(data):
    model = ss.CoLiDE(constraints=lambda v: [v["a", "b"] <= 0.5]).fit(data)
    found = model.bootstrap(data, 4, random_state=0)
    assert found.frequencies[0, 1] == 1
    table = found.to_frame().set_index(["from", "to"]).loc[("a", "b")]
    assert 0.4 < table["q25"] <= table["q75"] <= 0.5 + 1e-9


def test_constants_are_no_part_of_it(data):
    model = ss.CoLiDE(constraints=lambda v: [v["a", "b"] == 0.5]).fit(data.assign(k=1.0))
    assert weight(model, "a", "b") == pytest.approx(0.5, abs=1e-12)
    assert not model.adjacency_[-1].any()


def test_program_takes_the_constraints_of_the_fit(data):
    model = ss.CoLiDE(constraints=lambda v: [v["a", "b"] == 0.5]).fit(data)
    program = model.program()
    program.problem.solve()
    assert program.problem.value == pytest.approx(model.objective_, rel=1e-6)


def test_what_cannot_be_is_told(data):
    import cvxpy as cp

    for constraints, error, message in (
        (lambda v: [v["b", "a"] >= 1], ValueError, "say required="),
        (lambda v: [v["a", "b"] >= 1, v["a", "b"] <= 0], ValueError, "contradict each other"),
        (lambda v: [v["a", "z"] >= 1], KeyError, "is no edge"),
        (lambda v: [True], ValueError, "written with <=, >= or =="),
        (lambda v: [v["a", "b"] >= cp.Variable()], ValueError, "only use the variables they are given"),
        ([3], ValueError, "callable"),
    ):
        with pytest.raises(error, match=message):
            ss.CoLiDE(constraints=constraints).fit(data)


def test_the_door_for_frames_takes_them(data, tmp_path):
    fit = ss.colide(data, constraints=lambda v: [v["a", "b"] == v["d", "e"]])
    W = fit.coef()
    assert W.loc["a", "b"] == pytest.approx(W.loc["d", "e"], abs=1e-12)
    assert "under the constraints" in str(fit.summary())
    fit.save(tmp_path / "graph.json")
    again = ss.load(tmp_path / "graph.json")
    assert json.loads((tmp_path / "graph.json").read_text())["not_saved"] == ["constraints"]
    assert str(again.summary()) == str(fit.summary())
    assert again.estimator.order_blocks_ == fit.estimator.order_blocks_
    np.testing.assert_array_equal(again.estimator.duals_[0], fit.estimator.duals_[0])


def test_multipliers_do_not_outlive_their_constraints(data):
    model = ss.CoLiDE(constraints=lambda v: [v["a", "b"] == 0.5]).fit(data)
    assert model.duals_ and not model.set_params(constraints=None).fit(data).duals_
