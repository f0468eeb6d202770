"""The cvxpy program and the compiled solver are two texts of one objective."""

from __future__ import annotations

import numpy as np
import pytest

from sparsestats import PRESTO


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(150, 3)) * [1, 5, 0.2] + [0, 2, 0]
    y = np.digitize(X @ [0.9, -0.1, 1.0] + rng.logistic(size=150), [-1.0, 0.5, 2.0])
    return X, y


@pytest.mark.parametrize("family", ["cumulative", "sratio", "cratio", "acat"])
@pytest.mark.parametrize("settings", [{}, {"l1_ratio": 0.4, "first_penalty": 0.0}, {"parallel": [1], "reverse": True}])
def test_program_and_compiled_agree(data, family, settings):
    X, y = data
    fast = PRESTO(alpha=0.01, family=family, **settings).fit(X, y)
    slow = PRESTO(alpha=0.01, family=family, solver="cvxpy", **settings).fit(X, y)
    assert slow.certificate_.converged and fast.certificate_.converged
    assert fast.certificate_.objective == pytest.approx(slow.certificate_.objective, abs=1e-9)
    # an objective gap of 1e-10 leaves about 1e-5 in the predictors; where the order binds each solver stays
    # its own distance off the boundary
    np.testing.assert_allclose(fast.predict_proba(X), slow.predict_proba(X), atol=1e-6)


def test_constraints_are_on_the_scale_of_the_data(data):
    X, y = data
    free = PRESTO(alpha=0.01).fit(X, y)
    bound = float(free.coef_[:, 0].max()) + 0.2
    fitted = PRESTO(alpha=0.01, constraints=lambda v: [v["coef"][:, 0] >= bound]).fit(X, y)
    assert fitted.coef_[:, 0].min() >= bound - 1e-8
    assert fitted.certificate_.objective > free.certificate_.objective
    assert fitted.certificate_.converged
    assert np.max(fitted.duals_[0]) > 0


def test_contradicting_constraints_are_told(data):
    X, y = data
    model = PRESTO(alpha=0.01, constraints=lambda v: [v["coef"][0, 0] >= 1, v["coef"][0, 0] <= 0])
    with pytest.raises(ValueError, match="contradict"):
        model.fit(X, y)


def test_box_keeps_every_point_of_the_box_in_order():
    rng = np.random.default_rng(1)
    X = rng.uniform(-1, 1, (250, 4))
    B = np.cumsum(np.column_stack([[0.5, 0.5, 0, 0], [0.5, -0.5, 0.5, 0], [0.5, 0.5, -0.5, 0.5]]), axis=1)
    y = (rng.random((250, 1)) > 1 / (1 + np.exp(-(X @ B + [0, 2.0, 3.5])))).sum(axis=1)
    corners = np.array(np.meshgrid(*[(X[:, j].min(), X[:, j].max()) for j in range(4)])).reshape(4, -1).T
    train, box = (PRESTO(alpha=1e-3, monotone=kind).fit(X, y) for kind in ("train", "box"))
    assert np.diff(train.linear_predictors(corners), axis=1).min() < -1e-3
    assert np.diff(box.linear_predictors(corners), axis=1).min() > -1e-7
    assert box.certificate_.objective > train.certificate_.objective


@pytest.mark.parametrize("penalty", ["l1", "slope"])
def test_zeros_are_those_of_the_compiled_solver_whatever_the_columns_units(data, penalty):
    X, y = data
    units = 10.0 ** np.linspace(-6, 6, X.shape[1])
    compiled = PRESTO(alpha=0.01, penalty=penalty).fit(X, y)
    program = PRESTO(alpha=0.01, penalty=penalty, solver="cvxpy").fit(X * units, y)
    assert program.certificate_.converged
    np.testing.assert_allclose(program.coef_ * units, compiled.coef_, atol=1e-5)  # sqrt of the interior point's gap
    np.testing.assert_array_equal(program.coef_ == 0, compiled.coef_ == 0)
    np.testing.assert_array_equal(np.diff(program.coef_, axis=0) == 0, np.diff(compiled.coef_, axis=0) == 0)
