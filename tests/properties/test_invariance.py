"""What must not change the answer, does not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import sparsestats as ss

KINDS = {
    "slope": (ss.SLOPE, {}, False),
    "gslope": (ss.GroupSLOPE, {"groups": [0, 1, 1, 2, 2, 2, 3, 0]}, False),
    "gslope-group": (ss.GroupSLOPE, {"groups": [0, 1, 1, 2, 2, 2, 3, 0], "standardize": "group"}, False),
    "slope-binomial": (ss.SLOPEClassifier, {}, True),
    "gslope-binomial": (ss.GroupSLOPEClassifier, {"groups": [0, 1, 1, 2, 2, 2, 3, 0]}, True),
}
kinds = pytest.mark.parametrize("kind", KINDS)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=5, deadline=None)


def data(seed, binary, n=40, p=8):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.5 * rng.normal(size=(n, 1))
    eta = X[:, 0] - X[:, 3] + 0.5 * X[:, 4]
    return X, (eta + rng.logistic(size=n) > 0).astype(int) if binary else eta + rng.normal(size=n)


def fit(kind, X, y, fraction=0.15, weight=None, **changes):
    cls, extra, _ = KINDS[kind]
    # a tight tolerance, so that two ways of summing do not show through the gap as sqrt(2 gap)
    model = cls(**{**extra, "tol": 1e-13, **changes})
    alpha = fraction * model.alpha_max(X, y, weight) if "alpha" not in changes else changes["alpha"]
    return model.set_params(alpha=alpha).fit(X, y, weight)


@kinds
@given(seed=seeds, log_scale=st.floats(-6, 6), shift=st.floats(-50, 50))
@few
def test_columns_may_be_shifted_and_scaled(kind, seed, log_scale, shift):
    X, y = data(seed, KINDS[kind][2])
    scale = 10.0 ** (log_scale * np.linspace(-1, 1, 8))
    base = fit(kind, X, y)
    # a shift of 50 deviations costs the sums 50**2 roundings
    moved = fit(kind, (X + shift) * scale, y, alpha=base.alpha_)
    np.testing.assert_allclose(np.ravel(moved.coef_) * scale, np.ravel(base.coef_), atol=1e-10)
    new = np.ravel(moved.intercept_)[0] + shift * (np.ravel(moved.coef_) @ scale)
    assert new == pytest.approx(np.ravel(base.intercept_)[0], abs=1e-8)


@pytest.mark.parametrize("kind", ["gslope", "slope-binomial", "gslope-binomial"])
@pytest.mark.parametrize("unit", [1e-12, 1e8])
def test_the_unit_of_unscaled_columns_is_that_of_alpha(kind, unit):
    """Left as they are, beside an intercept whose own column is 1 whatever their unit."""
    cls, options, binary = KINDS[kind]
    X, y = data(3, binary)
    model = cls(**options, standardize=False)
    grid = ss.relative(1, 0.01, 6)
    one, other = model.path(X, y, grid), model.path(unit * X, y, grid)
    assert one.n_nonzero[-1] == 8 and other.converged.all()
    np.testing.assert_allclose(other.alphas, unit * one.alphas, rtol=1e-10)
    np.testing.assert_allclose(unit * other.coefs, one.coefs, atol=1e-6)  # each within its gap, 1e-8 of the null's


@pytest.mark.parametrize("form", [np.asfortranarray, sparse.csc_array])
@pytest.mark.parametrize("classes", [2, 3])
def test_columns_a_million_deviations_from_zero_are_fitted_as_others(form, classes):
    """An implicit centring of products would leave 10 digits of them, and first-order steps would not end."""
    rng = np.random.default_rng(5)
    X = np.round(rng.normal(size=(50, 200)), 6)
    y = np.digitize(X[:, 0] - X[:, 1] + 0.5 * rng.logistic(size=50), [0.0, 1.0][: classes - 1])
    far = X + 2.0**20  # whose own rounding is 1e-10
    grid = ss.relative(1, 0.05, 6)
    near, moved = (ss.SLOPEClassifier().path(form(Z), y, grid) for Z in (X, far))
    assert near.n_nonzero[-1] > 15 and moved.converged.all()
    np.testing.assert_allclose(moved.coefs, near.coefs, atol=1e-6)
    at_origin = moved.intercepts + 2.0**20 * moved.coefs.sum(axis=-1)
    if classes > 2:  # of which only differences count
        at_origin -= at_origin.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(at_origin, near.intercepts, atol=1e-6)


@pytest.mark.parametrize("family", ["gaussian", "huber"])
@pytest.mark.parametrize("level", [1e7, -1e9, 1e11])
def test_a_response_far_from_zero_is_not_taken_for_a_constant(family, level):
    X, y = data(0, False)
    y = (y + level) - level  # what the sum keeps of it
    near, far = (ss.SLOPE(family=family).path(X, values, ss.relative(1, 0.05, 8)) for values in (y, y + level))
    assert near.n_nonzero[-1] >= 5 and far.converged.all()
    np.testing.assert_allclose(far.alphas, near.alphas, rtol=1e-12)
    np.testing.assert_allclose(far.coefs, near.coefs, atol=1e-8)  # paths of two arithmetics, each to its gap
    np.testing.assert_allclose(far.intercepts - level, near.intercepts, atol=1e-8 + 1e-15 * abs(level))


@pytest.mark.parametrize("family", ["gaussian", "huber"])
@pytest.mark.parametrize("level", [0.1, 1 / 3, 1e7 + 0.1, -1e-30, 1e150])
def test_a_constant_response_is_one_at_any_level_and_under_weights(family, level):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(1000, 3))
    for weight in (None, rng.uniform(size=1000)):
        model = ss.SLOPE(alpha=0.0, family=family).fit(X, np.full(1000, level), weight)
        assert not model.coef_.any() and model.certificate_.scale == 0.0
        assert model.intercept_ == pytest.approx(level, rel=1e-14)


@pytest.mark.parametrize("kind", ["slope", "gslope", "gslope-group"])
@given(seed=seeds, shift=st.floats(-1e3, 1e3), log_scale=st.floats(-5, 5))
@few
def test_a_gaussian_response_may_be_shifted_and_scaled(kind, seed, shift, log_scale):
    X, y = data(seed, False)
    base, scale = fit(kind, X, y), 10.0**log_scale
    moved = fit(kind, X, y + shift, alpha=base.alpha_)
    np.testing.assert_allclose(moved.coef_, base.coef_, atol=1e-10)
    assert moved.intercept_ == pytest.approx(base.intercept_ + shift, abs=1e-9)
    grown = fit(kind, X, scale * y)
    assert grown.alpha_ == pytest.approx(scale * base.alpha_, rel=1e-11)
    np.testing.assert_allclose(grown.coef_ / scale, base.coef_, atol=1e-10)


@kinds
@given(seed=seeds, order=st.permutations(range(8)), flips=st.lists(st.booleans(), min_size=8, max_size=8))
@few
def test_columns_may_be_permuted_and_flipped(kind, seed, order, flips):
    X, y = data(seed, KINDS[kind][2])
    order, signs = np.array(order), np.where(flips, -1.0, 1.0)
    groups = KINDS[kind][1].get("groups")
    changes = {} if groups is None else {"groups": [f"group {groups[j]}" for j in order]}
    base = fit(kind, X, y)
    moved = fit(kind, (X * signs)[:, order], y, alpha=base.alpha_, **changes)
    np.testing.assert_allclose(np.ravel(moved.coef_), (np.ravel(base.coef_) * signs)[order], atol=1e-9)


@kinds
@given(seed=seeds, order=st.permutations(range(40)))
@few
def test_rows_may_be_permuted(kind, seed, order):
    X, y = data(seed, KINDS[kind][2])
    base = fit(kind, X, y)
    moved = fit(kind, X[list(order)], y[list(order)], alpha=base.alpha_)
    np.testing.assert_allclose(moved.coef_, base.coef_, atol=1e-9)


@kinds
@given(seed=seeds, factor=st.floats(1e-3, 1e3))
@few
def test_whole_weights_are_repeated_rows_and_their_unit_is_free(kind, seed, factor):
    X, y = data(seed, KINDS[kind][2])
    weight = np.random.default_rng(seed).integers(0, 4, 40)
    weight[:4] = 1
    if len(np.unique(y[weight > 0])) < 2:
        return
    # the "gaussian" sequences look at n; "bh" and "mean" do not, nor may any default
    base = fit(kind, X, y, weight=weight)
    repeated = fit(kind, np.repeat(X, weight, axis=0), np.repeat(y, weight), alpha=base.alpha_)
    np.testing.assert_allclose(repeated.coef_, base.coef_, atol=1e-9)
    rescaled = fit(kind, X, y, weight=factor * weight)
    np.testing.assert_allclose(rescaled.coef_, base.coef_, atol=1e-9)
    assert rescaled.alpha_ == pytest.approx(base.alpha_, rel=1e-11)


@kinds
@pytest.mark.parametrize("container", [sparse.csc_array, sparse.csr_matrix, sparse.coo_array])
def test_sparse_is_dense(kind, container):
    X, y = data(1, KINDS[kind][2])
    X = np.where(np.abs(X) > 0.7, X + 2, 0)  # far from centred
    S = container(X)
    base, found = fit(kind, X, y), fit(kind, S, y)
    assert found.alpha_ == pytest.approx(base.alpha_, rel=1e-11)
    np.testing.assert_allclose(found.coef_, base.coef_, atol=1e-10)
    np.testing.assert_allclose(found.predict(S), base.predict(X), atol=1e-9)


@kinds
def test_float32_columns_are_those_columns_cast_to_double(kind):
    X, y = data(2, KINDS[kind][2])
    single = X.astype(np.float32)
    expected = fit(kind, single.astype(float), y)
    for given_ in (single, np.asfortranarray(single), sparse.csc_array(single)):
        found = fit(kind, given_, y)
        np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-9)
        assert found.coef_.dtype == np.float64


def layouts(X, tmp_path):
    read_only = X.copy(order="F")
    read_only.flags.writeable = False
    stored = np.memmap(tmp_path / "X.dat", dtype=X.dtype, mode="w+", shape=X.shape, order="F")
    stored[:] = X
    stored.flush()
    strided = np.zeros((2 * X.shape[0], 3 * X.shape[1]))
    strided[::2, ::3] = X
    backwards = X[::-1].copy()[::-1]
    return {
        "C": np.ascontiguousarray(X),
        "F": np.asfortranarray(X),
        "read-only": read_only,
        "memmap": np.memmap(tmp_path / "X.dat", dtype=X.dtype, mode="r", shape=X.shape, order="F"),
        "strided": strided[::2, ::3],
        "backwards": backwards,
        "list": X.tolist(),
    }


@kinds
def test_memory_layout_changes_no_bit_and_no_input(kind, tmp_path):
    X, y = data(3, KINDS[kind][2])
    expected = fit(kind, X, y)
    for name, given_ in layouts(X, tmp_path).items():
        before = np.array(given_)
        np.testing.assert_array_equal(fit(kind, given_, y).coef_, expected.coef_, err_msg=name)
        np.testing.assert_array_equal(np.array(given_), before, err_msg=name)


@kinds
def test_inputs_are_never_written_to(kind):
    cls, extra, binary = KINDS[kind]
    X, y = data(4, binary)
    S = sparse.csc_array((np.r_[X[:, 0], 1.0, 2.0], np.r_[np.arange(40), 3, 3], [0, 40] + [42] * 7), shape=(40, 8))
    factor = np.r_[0.0, np.ones(7)] if kind != "gslope-group" else None
    given_ = {
        "X": np.asfortranarray(X), "S": S, "y": y.astype(float), "weight": np.arange(1.0, 41),
        "offset": np.ones(40), "factor": factor, "sequence": np.ones(4 if "groups" in extra else 7),
        "groups": np.array(extra.get("groups", 0)),
        "alphas": np.array([0.01, 0.5]),
    }  # fmt: skip

    def frozen(value):
        for part in (value.data, value.indices, value.indptr) if sparse.issparse(value) else (value,):
            part.flags.writeable = False

    for value in given_.values():
        if value is not None:
            frozen(value)
    changes = {"groups": given_["groups"]} if extra else {}
    options = {**extra, **changes, "penalty_factor": factor, "sequence": given_["sequence"]}
    for name in ("X", "S"):
        model = cls(**options)
        model.path(
            given_[name],
            given_["y"],
            given_["alphas"],
            sample_weight=given_["weight"],
            offset=given_["offset"],
        )
        model.set_params(alpha=0.1).fit(given_[name], given_["y"], given_["weight"], given_["offset"])
        assert np.isfinite(model.predict(given_[name], given_["offset"])).all()
    assert S.nnz == 42  # two entries at one place stay two in the caller's matrix


@kinds
def test_fits_are_repeatable_to_the_bit_whatever_was_fitted_before(kind):
    X, y = data(5, KINDS[kind][2])
    first = fit(kind, X, y).coef_
    fit(kind, X[:, ::-1], y)
    np.random.seed(7)  # noqa: NPY002  (the global generator is nobody's business here)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    np.testing.assert_array_equal(fit(kind, X, y).coef_, first)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@kinds
@given(seed=seeds)
@few
def test_a_column_that_varies_with_nothing_gets_exactly_0(kind, seed):
    X, y = data(seed, KINDS[kind][2])
    X[:, 4] = 3.7
    model = fit(kind, X, y)
    assert np.ravel(model.coef_)[4] == 0.0 and model.coef_.any()
    assert model.certificate_.converged


@pytest.mark.parametrize("kind", ["slope", "slope-binomial"])
@given(seed=seeds)
@few
def test_copies_of_a_column_share_its_magnitude(kind, seed):
    X, y = data(seed, KINDS[kind][2])
    X[:, 7] = -X[:, 0]
    coef = np.ravel(fit(kind, X, y, sequence=np.linspace(2, 1, 8)).coef_)
    assert coef[0] == pytest.approx(-coef[7], abs=1e-7)
