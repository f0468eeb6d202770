"""Screening saves work and changes nothing: designs made to mislead it, and grids too coarse for it."""

import numpy as np
import pytest

import sparsestats as ss


def adversarial(name, seed=0, n=40, p=60):
    """Designs on which strong rules are known to drop columns that belong to the model."""
    rng = np.random.default_rng(seed)
    if name == "equicorrelated":
        X = np.sqrt(0.95) * rng.normal(size=(n, 1)) + np.sqrt(0.05) * rng.normal(size=(n, p))
        beta = rng.normal(size=p)
    elif name == "autoregressive":
        X = rng.normal(size=(n, p))
        for j in range(1, p):
            X[:, j] = 0.97 * X[:, j - 1] + np.sqrt(1 - 0.97**2) * X[:, j]
        beta = np.where(np.arange(p) % 7 == 0, (-1.0) ** np.arange(p), 0)
    elif name == "cancelling":  # pairs that matter together and hide each other's correlation with y
        Z = rng.normal(size=(n, p // 2))
        X = np.column_stack([Z, -Z + 0.3 * rng.normal(size=(n, p // 2))])
        beta = np.r_[np.full(p // 2, 1.0), np.full(p // 2, 0.95)] * (np.arange(p) % (p // 2) < 5)
    elif name == "duplicated":
        X = np.repeat(rng.normal(size=(n, p // 3)), 3, axis=1)
        beta = np.r_[np.ones(9), np.zeros(p - 9)]
    else:  # few columns and a dense answer
        X = rng.normal(size=(n, p))
        beta = np.ones(p)
    return X, X @ beta + rng.normal(size=n)


DESIGNS = ["equicorrelated", "autoregressive", "cancelling", "duplicated", "dense"]
GRIDS = {"fine": (1, 0.03, 12), "two": (0.9, 0.01, 2)}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("kind", ["slope", "gslope", "slope-binomial", "gslope-binomial"])
def test_screening_on_is_screening_off(design, grid, kind):
    X, y = adversarial(design)
    binary = kind.endswith("binomial")
    if binary:  # noisy classes, so that the answer stays finite on the way
        y = (y + 2 * y.std() * np.random.default_rng(1).logistic(size=len(y)) > np.median(y)).astype(int)
    grouped = kind.startswith("g")
    cls = {
        (False, False): ss.SLOPE,
        (True, False): ss.GroupSLOPE,
        (False, True): ss.SLOPEClassifier,
        (True, True): ss.GroupSLOPEClassifier,
    }[grouped, binary]
    # sizes 1, 2, 3, 4, 1, 2, ...
    options = {"groups": np.repeat(np.arange(24), np.tile([1, 2, 3, 4], 6))} if grouped else {}
    # an absolute grid, so that neither path may end early
    top = cls(**options).alpha_max(X, y)
    alphas = ss.relative(*GRIDS[grid]).grid(top)
    on, off = (cls(screening=screening, **options).path(X, y, alphas) for screening in (True, False))
    assert on.converged.all() and off.converged.all()
    for one, other in zip(on.certificates, off.certificates, strict=True):
        # both gaps are below 1e-8 of the null objective, so the objectives are within it
        assert abs(one.objective - other.objective) <= 1e-8 * one.scale
    linear = X @ (on.coefs - off.coefs).T + on.intercepts - off.intercepts
    if not binary:  # sqrt(2 gap) bounds the distance of each from the one optimal predictor
        bound = sum(np.array([c.linear_predictor_error for c in path.certificates]) for path in (on, off))
        assert np.all(np.sqrt(np.mean(linear**2, axis=0)) <= bound + 1e-9)


def test_strong_rules_are_violated_and_repaired():
    """Pairs that hide each other break the strong rules: the repairs are counted, and the answer is right."""
    repaired = 0
    for seed in range(10):
        X, y = adversarial("cancelling", seed)
        path = ss.SLOPE().path(X, y, ss.relative(1, 0.02, 15))
        assert path.converged.all()
        repaired += int(np.sum(path.info["repaired"]))
    assert repaired > 0


def test_screening_leaves_most_columns_out_of_a_sparse_problem():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 600))
    y = X[:, :5].sum(axis=1) + rng.normal(size=100)
    path = ss.SLOPE().path(X, y, ss.relative(1, 0.5, 20))
    assert np.max(path.info["screened"]) < 100 and path.converged.all()
    assert ss.SLOPE(screening=False).path(X, y, ss.relative(1, 0.5, 2)).info["screened"][0] == 600


def test_the_rule_follows_the_gradient_to_where_it_leads():
    """Working sets stay near the active ones; the same rule at the last gradient lets in two thirds more columns."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2000))
    y = X[:, :10].sum(axis=1) + rng.normal(size=100)
    path = ss.SLOPE(tol=1e-6).path(X, y, ss.relative(1, 0.05, 60))
    late = slice(30, None)
    assert path.converged.all()
    assert np.sum(path.info["screened"][late]) < 1.4 * np.sum(path.n_nonzero[late])


@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_columns_discarded_by_the_gap_are_zero_and_nothing_else_changes(family):
    """A second round at one alpha starts from a certificate, and the gap proves columns zero for good."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(500, 100))
    for j in range(1, 100):
        X[:, j] = 0.8 * X[:, j - 1] + 0.6 * X[:, j]
    eta = X[:, :10] @ rng.normal(size=10)
    y = eta + rng.normal(size=500) if family == "gaussian" else (eta + 3 * rng.logistic(size=500) > 0).astype(int)
    model = ss.SLOPE if family == "gaussian" else ss.SLOPEClassifier
    on = model().path(X, y, ss.relative(1, 1e-3, 30))
    off = model(screening=False).path(X, y, on.alphas)
    discarded = on.info["discarded"]
    assert discarded.sum() > 0 and off.info["discarded"].sum() == 0
    assert on.converged.all() and np.all(discarded + on.n_nonzero <= 100)
    # both are polished far below tol: at 1e-8 of the null objective predictors may differ by 1e-4
    np.testing.assert_allclose(on.coefs, off.coefs, atol=1e-9)
