"""More differences than rows touch: the Newton system is one of rows. With every row repeated the model is the same and
has more touches than differences: what goes through the columns is the oracle of what goes through rows.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from sparsestats.backend import ordinal, ordinal_path
from sparsestats.backend.native.ordinal import NativeOrdinal
from sparsestats.backend.ordinal import OrdinalProblem

MODELS = [
    *[("cumulative", link, order) for link in ordinal.LINKS for order in ("none", "train")],
    ("sratio", "logit", "none"),
    ("cratio", "cloglog", "none"),
    ("acat", "logit", "none"),
]


def draw(n, p, seed=2):
    rng = np.random.default_rng(seed)
    X = np.asfortranarray(rng.normal(size=(n, p)))
    latent = X[:, :5].sum(axis=1) * np.exp(0.5 * X[:, 0]) + rng.logistic(size=n)
    return X, np.digitize(latent, np.quantile(latent, [0.4, 0.7, 0.9]))


def make(X, y, weights=None, **settings):
    weights = np.ones((X.shape[1], 3)) if weights is None else weights
    return OrdinalProblem(X, y, 4, weights, **{"monotone": "none", "l1_ratio": 0.0, **settings})


def uneven(p):
    """A proportional column, one without a penalty and one whose later boundaries alone are penalised differently."""
    weights = np.random.default_rng(p).uniform(0.5, 2, (p, 3))
    weights[1, 1:] = np.inf
    weights[2] = 0
    weights[3, 0] = 0.1
    return weights


@pytest.mark.parametrize("l1_ratio", [0.0, 0.3])
@pytest.mark.parametrize(("family", "link", "monotone"), MODELS)
def test_through_the_rows_or_the_columns_the_model_is_the_same(family, link, monotone, l1_ratio):
    X, y = draw(50, 60)
    settings = {"family": family, "link": link, "l1_ratio": l1_ratio, "monotone": monotone, "weights": uneven(60)}
    offset = X[:, 0] / 4
    few = NativeOrdinal(make(X, y, offset=offset, **settings))
    rows = np.repeat(np.arange(50), 8)
    many = NativeOrdinal(make(X[rows], y[rows], offset=offset[rows], **settings))
    alphas = few.alpha_max() * np.geomspace(0.5, 0.02, 3)
    one, two = (native.solve_path(alphas, tol=1e-9) for native in (few, many))
    assert all(c.converged for c in one.certificates)
    assert one.info["working"][-1] == 60 * 3 - 2 - 3  # all that have a penalty; two are out, three free
    for a, b in zip(one.certificates, two.certificates, strict=True):
        assert a.objective == pytest.approx(b.objective, abs=3e-9)  # both within 1e-9 of one optimum, of 1.2
    if monotone == "train" and link != "loglog":  # that one does not cross here
        assert one.info["bound_rows"].any()
    # the objective is curved by the ridge, 0.02 alpha_max at least: 2e-9 leaves the root of its multiple
    np.testing.assert_allclose(one.coefs, two.coefs, atol=3e-4)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_sparse_columns_beyond_the_layout_give_the_dense_answer(l1_ratio):
    X, y = draw(80, 1100)
    X[np.abs(X) < 1] = 0
    narrow = np.asfortranarray(X[:, :900])
    for wide in (X, narrow):  # the first is read in place, the second laid out in class order
        one, two = (NativeOrdinal(make(Z, y, l1_ratio=l1_ratio)) for Z in (wide, sparse.csc_array(wide)))
        alphas = one.alpha_max() * np.array([0.1, 0.01])
        dense, thin = (native.solve_path(alphas, tol=1e-10) for native in (one, two))
        assert all(c.converged for c in (*dense.certificates, *thin.certificates))
        np.testing.assert_allclose(thin.coefs, dense.coefs, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("monotone", ["none", "train"])
def test_many_columns_with_a_ridge_are_the_program(l1_ratio, monotone):
    X, y = draw(60, 100)
    problem = make(X, y, l1_ratio=l1_ratio, monotone=monotone)
    native = NativeOrdinal(problem)
    alphas = native.alpha_max() * np.array([0.1, 0.01])
    path = native.solve_path(alphas, tol=1e-9)
    program = ordinal_path.solve_path(problem, alphas, solver="cvxpy")
    for ours, theirs in zip(path.certificates, program.certificates, strict=True):
        assert ours.converged
        assert ours.objective == pytest.approx(theirs.objective, abs=3e-7)  # of an interior point method


def resident(what):
    return int(re.search(rf"{what}:\s+(\d+)", Path("/proc/self/status").read_text())[1]) * 1024


def test_a_ridge_needs_no_memory_of_the_columns_squared():
    """4000 columns are 12000 differences: their Hessian would take 1.15 GB, the design has 6.4 MB."""
    X, y = draw(200, 4000)
    native = NativeOrdinal(make(X, y))
    alphas = native.alpha_max() * np.array([0.1, 0.01])
    try:
        Path("/proc/self/clear_refs").write_text("5")  # start the peak anew
    except OSError:
        pytest.skip("the peak of this process cannot be started anew")
    before = resident("VmRSS")
    path = native.solve_path(alphas)
    # Three Grams of rows and a system of 320 touches, 3 MB; a dozen vectors of all differences, 1.2 MB; the answer.
    assert resident("VmHWM") - before < 2 * X.nbytes
    assert all(c.converged for c in path.certificates)
    assert np.count_nonzero(path.coefs[-1]) == path.coefs[-1].size
