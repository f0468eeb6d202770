"""Proximal operators and dual norms against cvxpy and against the identities that bind them."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsestats.backend.penalties import L1, MCP, GroupSortedL1, Penalty, SortedL1, entry_alpha, has, require
from sparsestats.exceptions import MissingMethodError

GROUPS = np.array([0, 1, 1, 2, 2, 2, 0, 3, 3, 3, 3])
PENALTIES = {
    "l1": L1(),
    "bh": SortedL1().resolve(20, groups=GROUPS),
    "custom": SortedL1([4, 3, 3, 2, 1, 1, 0.5, 0.1, 0, 0, 0]).resolve(20, groups=GROUPS),
    "zero": SortedL1(np.zeros(11)).resolve(20, groups=GROUPS),
    "group": GroupSortedL1().resolve(20, groups=GROUPS),
    "group custom": GroupSortedL1([3.0, 1.0, 0.2, 0.0]).resolve(20, groups=GROUPS),
    "group lasso": GroupSortedL1("lasso").resolve(20, groups=GROUPS),
}
vectors = st.lists(st.floats(-10, 10).map(lambda x: round(x, 2)), min_size=len(GROUPS), max_size=len(GROUPS)).map(
    np.array
)
named = pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES.keys())


@named
def test_prox_is_the_minimiser_cvxpy_finds(penalty):
    rng = np.random.default_rng(1)
    for step in (0.1, 1.0):
        u = 3 * rng.normal(size=len(GROUPS))
        c = cp.Variable(len(u))
        program = cp.Problem(cp.Minimize(cp.sum_squares(c - u) / 2 + step * penalty.expression(c)))
        program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)
        found = penalty.prox(u, step)
        objective = np.sum((found - u) ** 2) / 2 + step * penalty.value(found)
        # ours is the lower of the two up to the solver's precision; strong convexity binds the arguments
        assert objective <= program.value + 1e-9
        np.testing.assert_allclose(found, c.value, atol=2e-5)


@named
@given(u=vectors, step=st.floats(0.01, 3.0))
@settings(max_examples=25, deadline=None)
def test_prox_satisfies_its_optimality_conditions(penalty, u, step):
    """u - prox is a multiple of a subgradient: in step times the dual ball, and tight at prox (Moreau)."""
    c = penalty.prox(u, step)
    z = u - c
    if not penalty.value(np.ones_like(u)):
        np.testing.assert_allclose(c, u, rtol=4e-16)  # pooling ties divides a sum by its length
        return
    size = 1 + np.abs(u).sum()
    assert penalty.dual_norm(z) <= step + 1e-12 * size
    assert z @ c == pytest.approx(step * penalty.value(c), abs=1e-12 * size**2)


@named
@given(u=vectors, z=vectors)
@settings(max_examples=25, deadline=None)
def test_dual_norm_bounds_every_inner_product(penalty, u, z):
    if penalty.value(u):
        assert u @ z <= penalty.value(u) * penalty.dual_norm(z) * (1 + 1e-12) + 1e-12


@pytest.mark.parametrize("name", ["l1", "bh", "custom", "group", "group custom", "group lasso"])
def test_dual_norm_is_the_supremum(name):
    penalty, z = PENALTIES[name], np.random.default_rng(2).normal(size=len(GROUPS))
    c = cp.Variable(len(z))
    program = cp.Problem(cp.Maximize(z @ c), [penalty.expression(c) <= 1])
    program.solve(solver=cp.CLARABEL)
    assert penalty.dual_norm(z) == pytest.approx(program.value, rel=1e-6)


@named
@given(c=vectors)
@settings(max_examples=15, deadline=None)
def test_value_is_a_norm_and_the_expression_its_text(penalty, c):
    assert penalty.value(-2.5 * c) == pytest.approx(2.5 * penalty.value(c), rel=1e-12)
    assert penalty.expression(cp.Constant(c)).value == pytest.approx(penalty.value(c), rel=1e-9, abs=1e-9)


def test_sorted_value_gives_the_largest_weight_to_the_largest_coefficient():
    penalty = SortedL1([3.0, 2.0, 0.0]).resolve(5, sizes=np.ones(3))
    assert penalty.value(np.array([1.0, -5.0, 2.0])) == 15.0 + 4.0


def test_groups_are_ranked_by_weighted_norms():
    """||(3,0,0,0)|| * 2 = 6 outranks |5| * 1."""
    penalty = GroupSortedL1([2.0, 1.0]).resolve(5, groups=np.array([0, 1, 1, 1, 1]))
    assert penalty.value(np.array([5.0, 3.0, 0.0, 0.0, 0.0])) == 2 * 6.0 + 5.0


@given(
    vectors,
    st.floats(0.01, 3.0),
    st.permutations(range(11)),
    st.lists(st.booleans(), min_size=11, max_size=11),
)
@settings(max_examples=25, deadline=None)
def test_sorted_prox_moves_with_permutations_and_signs(u, step, order, flips):
    penalty, order, signs = PENALTIES["bh"], np.array(order), np.where(flips, -1.0, 1.0)
    expected = signs * penalty.prox(u, step)[order]
    np.testing.assert_allclose(penalty.prox(signs * u[order], step), expected, atol=1e-13)


def test_equal_weights_make_sorted_prox_soft_thresholding():
    u = np.random.default_rng(3).normal(size=11)
    penalty = SortedL1("lasso").resolve(5, sizes=np.ones(11))
    np.testing.assert_allclose(penalty.prox(u, 0.3), L1().prox(u, 0.3), atol=1e-15)


def test_groups_of_one_make_group_prox_sorted_prox():
    u, v = np.random.default_rng(4).normal(size=11), np.linspace(2, 0, 11)
    group = GroupSortedL1(v).resolve(5, groups=np.arange(11))
    np.testing.assert_allclose(group.prox(u, 0.5), SortedL1(v).resolve(5, sizes=np.ones(11)).prox(u, 0.5), atol=1e-14)


@pytest.mark.parametrize("seed", range(8))
def test_weighted_group_prox_is_exact_for_unequal_sizes(seed):
    """Sorting k * norms and pooling is wrong here by 1e-2 and more; the decomposition agrees with cvxpy."""
    rng = np.random.default_rng(seed)
    m = int(rng.integers(2, 9))
    sizes = rng.integers(1, 12, m)
    groups = np.repeat(np.arange(m), sizes)
    penalty = GroupSortedL1(np.sort(rng.uniform(0, 1, m))[::-1]).resolve(5, groups=groups)
    k, rho = np.sqrt(sizes), rng.uniform(0, 3, m)
    directions = rng.normal(size=len(groups))
    u = directions * (rho / np.sqrt(np.bincount(groups, directions**2)))[groups]
    r = cp.Variable(m, nonneg=True)
    penalised = cp.dotsort(cp.multiply(k, r), penalty.weights)
    program = cp.Problem(cp.Minimize(cp.sum_squares(r - rho) / 2 + penalised))
    program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12)
    found = penalty.prox(u, 1.0)
    norms = np.sqrt(np.bincount(groups, found**2))
    assert np.sum((norms - rho) ** 2) / 2 + penalty.value(found) <= program.value + 1e-10
    np.testing.assert_allclose(norms, r.value, atol=1e-4)


def test_a_group_of_zeros_stays_zero_without_a_warning():
    u = np.where(GROUPS == 1, 0.0, 5.0)
    with np.errstate(all="raise"):
        c = PENALTIES["group"].prox(u, 0.1)
    assert np.all(c[GROUPS == 1] == 0) and np.all(c[GROUPS != 1] != 0)


def test_ties_come_out_equal():
    u = np.array([2.0, -2.0, 2.0, 0.5])
    penalty = SortedL1([3, 2, 1, 0.1]).resolve(5, sizes=np.ones(4))
    np.testing.assert_allclose(np.abs(penalty.prox(u, 0.5)[:3]), 1.0, atol=1e-15)


def test_one_column():
    penalty = SortedL1().resolve(5, sizes=np.ones(1))
    assert penalty.prox(np.array([-3.0]), 1.0)[0] == pytest.approx(-3.0 + penalty.weights[0])
    assert penalty.dual_norm(np.array([-3.0])) == pytest.approx(3.0 / penalty.weights[0])


def test_weights_that_are_all_zero_have_an_infinite_dual_norm():
    zero = PENALTIES["zero"]
    assert zero.dual_norm(np.ones(11)) == np.inf and zero.dual_norm(np.zeros(11)) == 0.0


def slow_selector(magnitudes, thresholds):
    """The cumulative selector as it is printed: a running sum that restarts at every success."""
    order = np.argsort(-magnitudes, kind="stable")
    d = magnitudes[order] - thresholds
    i, k, s = 1, 0, 0.0
    while i + k <= len(d):
        s += d[i + k - 1]
        if s >= 0:
            k, i, s = k + i, 1, 0.0
        else:
            i += 1
    mask = np.zeros(len(d), dtype=bool)
    mask[order[:k]] = True
    return mask


@given(vectors, st.floats(0.1, 2.0), st.floats(0.5, 1.0))
@settings(max_examples=50, deadline=None)
def test_screening_is_the_printed_selector(gradient, alpha, ratio):
    penalty = PENALTIES["bh"]
    kept = penalty.screen(gradient, ratio * alpha, alpha)
    thresholds = (2 * ratio * alpha - alpha) * penalty.weights
    # sums that tie to rounding may go either way: thresholds a little higher and lower enclose the answer
    fewer, more = (slow_selector(np.abs(gradient), thresholds + shift).sum() for shift in (1e-12, -1e-12))
    assert fewer <= kept.sum() <= more
    assert kept.all() or np.abs(gradient[~kept]).max() <= np.abs(gradient[kept]).min(initial=np.inf)


def test_screening_with_equal_weights_is_the_strong_rule():
    gradient = np.random.default_rng(5).normal(size=11)
    flat = SortedL1("lasso").resolve(5, sizes=np.ones(11))
    expected = np.abs(gradient) >= 2 * 0.8 - 1.0
    np.testing.assert_array_equal(flat.screen(gradient, 0.8, 1.0), expected)
    np.testing.assert_array_equal(L1().screen(gradient, 0.8, 1.0), expected)
    assert 0 < expected.sum() < 11


def test_group_screening_keeps_whole_groups():
    gradient = np.where(GROUPS == 2, 5.0, 0.01)
    gradient[3] = 0.0
    np.testing.assert_array_equal(PENALTIES["group"].screen(gradient, 0.9, 1.0), GROUPS == 2)


def test_resolving_leaves_the_original_alone_and_uses_ranks():
    given_ = GroupSortedL1("max", q=0.2)
    resolved = given_.resolve(20, groups=GROUPS, sizes=np.array([2, 1, 3, 2]))
    assert given_.weights is None and given_.groups is None
    np.testing.assert_allclose(resolved.group_weights**2, [2, 1, 3, 2])


def test_unresolved_penalties_and_bad_labels_say_what_is_missing():
    with pytest.raises(ValueError, match=r"sorted L1 penalty has no weights: call resolve"):
        SortedL1().value(np.ones(2))
    with pytest.raises(ValueError, match="has no groups"):
        GroupSortedL1().resolve(5, sizes=np.ones(2))
    with pytest.raises(ValueError, match=r"labelled 0..m-1; no column has label 1"):
        GroupSortedL1().resolve(5, groups=np.array([0, 2]))


def test_penalties_compare_by_their_fields():
    assert SortedL1() == SortedL1("bh", 0.1) != SortedL1(q=0.2)
    assert SortedL1([2, 1]) == SortedL1(np.array([2, 1])) != SortedL1([2, 0])
    assert L1() != SortedL1() and PENALTIES["bh"] == replace(PENALTIES["bh"])
    assert len({L1(), L1(), SortedL1()}) == 2


def test_missing_methods_are_named():
    class Half(Penalty):
        def value(self, c):
            return 0.0

    with pytest.raises(MissingMethodError, match=r"the solver needs value, prox of Half, which lacks: prox"):
        require(Half(), ("value", "prox"), "the solver")
    assert has(Half(), "value") and not has(Half(), "value", "dual_norm")


def test_a_subclass_is_not_taken_for_the_compiled_original():
    class Mine(SortedL1):
        pass

    assert SortedL1.native == "sorted_l1" and Mine.native is None


@pytest.mark.parametrize("step", [0.2, 1.0, 2.9, 3.0, 8.0], ids=str)
def test_mcp_prox_is_the_best_point_of_a_fine_grid(step):
    penalty = MCP(gamma=np.array([3.0, 1.5])).at(0.7)
    grid = np.linspace(-6, 6, 240_001)
    for u in np.array([[-4.0, 0.9], [0.3, -2.1], [1.4, 1.4], [0.0, 5.0]]):
        found = penalty.prox(u, step)
        for j, gamma in enumerate(penalty.gamma):
            own = MCP(gamma).at(0.7)
            t = np.minimum(np.abs(grid), gamma * 0.7)
            values = (grid - u[j]) ** 2 / 2 + step * (t - t**2 / (2 * gamma * 0.7))
            here = (found[j] - u[j]) ** 2 / 2 + step * own.value(found[j : j + 1])
            assert here <= values.min() + 1e-12


def test_mcp_tangent_is_the_slope_of_its_value_and_bounds_it():
    penalty, h = MCP(gamma=2.0).at(1.5), 1e-6
    for c in (0.0, 0.4, 2.9, 3.1, 10.0):
        slope = (penalty.value(np.array([c + h])) - penalty.value(np.array([c]))) / h
        assert penalty.tangent(np.array([c]))[0] == pytest.approx(slope, abs=1e-5)
        for other in (0.0, 1.0, 5.0):
            above = penalty.value(np.array([c])) + penalty.tangent(np.array([c]))[0] * (other - c)
            assert penalty.value(np.array([other])) <= above + 1e-12


def test_mcp_on_orthonormal_columns_is_firm_thresholding():
    import sparsestats as ss

    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    X = np.linalg.qr(X - X.mean(0))[0] * np.sqrt(60)
    y = X @ [3.0, 0.9, 0.3, 0.0] + 0.1 * rng.normal(size=60)
    u = X.T @ (y - y.mean()) / 60
    model = ss.Penalized(penalty=ss.penalties.MCP(3.0), alpha=0.5, standardize=False).fit(X, y)
    assert model.certificate_.kind == "stationarity" and model.certificate_.converged
    np.testing.assert_allclose(model.coef_, MCP(3.0).at(0.5).prox(u, 0.5), atol=1e-7)
    assert model.coef_[0] == pytest.approx(u[0], abs=1e-7) and model.coef_[3] == 0
    assert model.alpha_max_ == pytest.approx(np.abs(u).max())


def test_entry_is_where_the_prox_leaves_zero():
    z = np.array([0.4, -1.3, 0.9])
    assert entry_alpha(MCP(3.0), z) == 1.3 == entry_alpha(L1(), z)


def test_a_concavity_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="gamma of the MCP must be > 0"):
        MCP(0.0)
    with pytest.raises(ValueError, match="no alpha"):
        MCP(2.0).value(np.ones(2))


@pytest.mark.parametrize("penalty", [SortedL1("gaussian"), GroupSortedL1("mean")], ids=["slope", "group"])
def test_a_fixed_penalty_is_not_resolved_anew(penalty):
    labels = np.array([0, 0, 1, 2])
    sizes = np.bincount(labels) if penalty.grouped else np.ones(4)
    once = penalty.resolve(50, labels, sizes)
    np.testing.assert_array_equal(once.fixed().resolve(7, labels, sizes).weights, once.weights)
