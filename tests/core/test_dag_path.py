"""The published path: acyclicity against finite differences and LAPACK, its steps against plain numpy."""

import numpy as np
import pytest

from sparsestats._core import ext
from sparsestats.backend.native import dag as native


@pytest.mark.parametrize("shape", [(5, 7, 3), (4, 12, 192), (33, 50, 300), (97, 13, 193), (1, 1, 1)])
def test_gemm_is_the_product(shape):
    m, n, k = shape
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(m, k)), rng.normal(size=(k, n))
    np.testing.assert_allclose(ext.dag.testing.gemm(A, B), A @ B, rtol=1e-12, atol=1e-11)


def weights(d, seed, size=0.3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(d, d)) * size / np.sqrt(d) * (1 - np.eye(d))


@pytest.mark.parametrize("d", [1, 4, 30, 49, 100, 270])
def test_acyclicity_is_the_log_determinant(d):
    # 48, 256: where the blocks of the elimination change.
    W, t = weights(d, d), 0.9
    h, gradient = native.acyclicity(W, t)
    M = t * np.eye(d) - W * W
    assert h == pytest.approx(d * np.log(t) - np.linalg.slogdet(M)[1], abs=1e-10)
    np.testing.assert_allclose(gradient, 2 * W * np.linalg.inv(M).T, rtol=1e-9, atol=1e-12)


def test_acyclicity_gradient_by_finite_differences():
    W, t, step = weights(6, 1, 0.8), 1.0, 1e-6
    gradient = native.acyclicity(W, t)[1]
    for i in range(6):
        for j in range(6):
            E = np.zeros((6, 6))
            E[i, j] = step
            slope = (native.acyclicity(W + E, t)[0] - native.acyclicity(W - E, t)[0]) / (2 * step)
            assert slope == pytest.approx(gradient[i, j], abs=1e-7)  # error of central differences: step^2


def test_acyclicity_is_zero_on_dags_positive_on_cycles_and_infinite_outside_its_domain():
    dag = np.triu(weights(8, 2, 5.0), 1)
    order = np.random.default_rng(0).permutation(8)
    for W in (dag, dag[np.ix_(order, order)]):
        h, gradient = native.acyclicity(W, 0.7)
        assert h == pytest.approx(0, abs=1e-12)
        assert np.abs(gradient).max() < 1e-10
    cycle = np.array([[0, 0.5], [0.5, 0]])
    assert native.acyclicity(cycle, 1.0)[0] == pytest.approx(-np.log(1 - 1 / 16))
    assert np.isinf(native.acyclicity(4 * cycle, 1.0)[0])


def plain_path(S, equal, alpha, mu, t, steps, rate=3e-4, b1=0.99, b2=0.999, eps=1e-8):
    """The authors' loop without checkpoints, as written in their paper, in numpy."""
    d = len(S)
    W = np.zeros((d, d))
    for mu_k, t_k, n in zip(mu, t, steps, strict=True):
        m = v = np.zeros((d, d))
        for k in range(1, n + 1):
            D = np.eye(d) - W
            variance = np.diagonal(D.T @ S @ D)
            s = np.sqrt(variance.mean()) * np.ones(d) if equal else np.sqrt(variance)
            g = mu_k * (-S @ D / s + alpha * np.sign(W)) + 2 * W * np.linalg.inv(t_k * np.eye(d) - W * W).T
            np.fill_diagonal(g, 0)
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
            W = W - rate * (m / (1 - b1**k)) / (np.sqrt(v / (1 - b2**k)) + eps)
    return W


@pytest.mark.parametrize("equal", [True, False])
def test_path_takes_the_published_steps(equal):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(80, 7)) @ np.linalg.inv(np.eye(7) - np.triu(weights(7, 4, 2.0), 1))
    S = np.ascontiguousarray(np.cov(X.T, ddof=0))
    schedule = {"mu": (1.0, 0.1), "t": (1.0, 0.9), "steps": (60, 40)}
    options = native.PathOptions(**schedule, checkpoint=10**6)
    ours = native.follow_path(native.Score(S, equal, 0.05, 1e-4), options)
    # Sign changes of single weights near 0 are where two roundings could part; none happens here.
    np.testing.assert_allclose(ours.weights, plain_path(S, equal, 0.05, **schedule), rtol=1e-6, atol=1e-9)
    assert ours.steps.tolist() == [60, 40] and ours.finished
    assert not np.diagonal(ours.weights).any()


def test_path_finds_a_strong_chain():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(500, 3))
    X = np.column_stack([z[:, 0], 1.5 * z[:, 0] + z[:, 1], np.zeros(500)])
    X[:, 2] = -1.2 * X[:, 1] + z[:, 2]
    S = np.ascontiguousarray(np.cov(X.T, ddof=0))
    options = native.PathOptions(mu=(1.0, 0.1, 0.01), t=(1.0, 0.9, 0.8), steps=(4000, 4000, 6000), learning_rate=1e-3)
    W = native.follow_path(native.Score(S, True, 0.05, 1e-2), options).weights
    assert {(i, j) for i, j in zip(*np.nonzero(np.abs(W) > 0.3), strict=True)} == {(0, 1), (1, 2)}


def test_forbidden_edges_stay_out_of_the_path():
    S = np.array([[1.0, 0.9], [0.9, 2.0]])
    banned = np.array([[False, True], [False, False]])
    score = native.Score(S, True, 0.01, 1e-3, native.Knowledge(forbidden=banned))
    W = native.follow_path(score, native.PathOptions(mu=(1.0,), t=(1.0,), steps=(500,))).weights
    assert W[0, 1] == 0 and abs(W[1, 0]) > 0.05


def test_path_options_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match="one value a stage; got 1, 2 and 4"):
        native.PathOptions(mu=(1.0,), t=(1.0, 0.9))
