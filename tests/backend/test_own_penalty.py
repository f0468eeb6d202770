"""A penalty of one's own in Python, written as CONTRIBUTING and the docstring of ``Penalty`` say."""

import cvxpy as cp
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import ElasticNet, Lasso, LassoCV
from sklearn.model_selection import GridSearchCV

import sparsestats as ss
from sparsestats.exceptions import MissingMethodError


class NonnegativeL1(ss.penalties.Penalty):
    """The lasso with coefficients that may not be negative."""

    name = "nonnegative L1"

    def value(self, c):
        return c.sum() if c.min() >= 0 else np.inf

    def prox(self, u, step):
        return np.maximum(u - step, 0.0)

    def dual_norm(self, z):  # optional: certifies by a duality gap
        return max(z.max(), 0.0)

    def expression(self, c):  # optional: allows solver="cvxpy"
        return cp.sum(c) + cp.transforms.indicator([c >= 0])


class ElasticNetPenalty(ss.penalties.Penalty):
    """|c|_1 + ridge |c|^2/2: not homogeneous, so it has no dual norm."""

    name = "elastic net"

    def __init__(self, ridge=1.0):
        self.ridge = ridge

    def value(self, c):
        return np.abs(c).sum() + 0.5 * self.ridge * (c @ c)

    def prox(self, u, step):
        return np.sign(u) * np.maximum(np.abs(u) - step, 0) / (1 + step * self.ridge)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 8))
    return X, X @ [2.0, -1.5, 1.0, 0.5, 0, 0, 0, 0] + rng.normal(size=60)


@pytest.mark.parametrize("solver", ["auto", "cvxpy"])
def test_nonnegative_lasso_is_sklearns(data, solver):
    X, y = data
    model = ss.Penalized(penalty=NonnegativeL1(), alpha=0.1, standardize=False, solver=solver, tol=1e-11).fit(X, y)
    theirs = Lasso(alpha=0.1, positive=True, tol=1e-12).fit(X, y)
    # a gap of 1e-11 leaves coefficients about sqrt(2e-11) = 4e-6 of freedom
    np.testing.assert_allclose(model.coef_, theirs.coef_, atol=2e-5)
    assert model.coef_[1] == 0 and model.coef_[0] > 1
    assert model.certificate_.kind == "gap" and model.certificate_.converged


def test_value_and_prox_are_enough(data):
    X, y = data
    model = ss.Penalized(penalty=ElasticNetPenalty(0.5), alpha=0.2, standardize=False, tol=1e-10).fit(X, y)
    # ours: alpha |b| + alpha ridge b^2/2; theirs: a r |b| + a (1 - r) b^2/2
    theirs = ElasticNet(alpha=0.3, l1_ratio=2 / 3, tol=1e-12).fit(X, y)
    np.testing.assert_allclose(model.coef_, theirs.coef_, atol=1e-7)
    assert model.certificate_.kind == "stationarity" and model.certificate_.converged


def test_its_alpha_max_needs_no_dual_norm(data):
    X, y = data
    top = ss.Penalized(penalty=ElasticNetPenalty()).alpha_max(X, y)
    assert top == pytest.approx(ss.Penalized().alpha_max(X, y), rel=1e-9)
    assert ss.Penalized(penalty=ElasticNetPenalty()).fit(X, y).alpha_ == pytest.approx(0.1 * top, rel=1e-9)


def test_it_works_with_the_other_loss_groups_of_columns_and_a_path(data):
    X, y = data
    path = ss.Penalized(ss.losses.Binomial(), NonnegativeL1()).path(X, (y > 0) * 1.0, ss.relative(1, 0.05, 6))
    assert path.converged.all() and np.all(path.coefs >= 0)
    assert path.n_nonzero[0] == 0 < path.n_nonzero[-1] and np.all(np.diff(path.deviance_ratio) > 0)


def test_a_penalty_that_lacks_a_method_gets_the_error_that_names_it(data):
    class Valueless(ss.penalties.Penalty):
        def prox(self, u, step):
            return u

    with pytest.raises(MissingMethodError, match=r"needs value, prox of Valueless, which lacks: value$"):
        ss.Penalized(penalty=Valueless(), alpha=0.1).fit(*data)
    with pytest.raises(
        MissingMethodError, match=r'solver="cvxpy" needs .* ElasticNetPenalty, which lacks: expression$'
    ):
        ss.Penalized(penalty=ElasticNetPenalty(), alpha=0.1, solver="cvxpy").fit(*data)


def test_it_is_a_parameter_like_any_other(data):
    X, y = data
    model = ss.Penalized(penalty=ElasticNetPenalty(0.5), alpha=0.1)
    copy = clone(model)
    assert copy.penalty == model.penalty and copy.penalty is not model.penalty
    search = GridSearchCV(model, {"penalty": [ElasticNetPenalty(0.0), ElasticNetPenalty(50.0)]}, cv=3).fit(X, y)
    assert search.best_params_["penalty"] == ElasticNetPenalty(0.0) != ElasticNetPenalty(50.0)
    assert search.score(X, y) == pytest.approx(LassoCV(alphas=[0.1]).fit(X, y).score(X, y), abs=0.02)
