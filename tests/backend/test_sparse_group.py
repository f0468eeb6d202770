"""Sparse-group SLOPE's penalty: its prox is no composition, its dual norm has no formula, both are exact."""

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsestats.backend import proximal
from sparsestats.backend.losses import Gaussian
from sparsestats.backend.path import alpha_max
from sparsestats.backend.penalties import GroupSortedL1, SortedL1, SparseGroupSortedL1
from sparsestats.backend.problem import Problem
from sparsestats.backend.programs.slope import solve as solve_program

GROUPS = np.array([0, 1, 1, 2, 2, 2, 0, 3, 3, 3, 3])
V, W = np.array([4, 3, 3, 2, 1, 1, 0.5, 0.4, 0.3, 0.2, 0.1]), np.array([3.0, 1.0, 0.5, 0.1])


def penalty_of(sequence="vmean", l1_ratio=0.5, groups=GROUPS, **options):
    return SparseGroupSortedL1(sequence, l1_ratio=l1_ratio, **options).resolve(20, groups=groups)


PENALTIES = {
    "vmean": penalty_of(q=0.3),
    "vmax": penalty_of("vmax", 0.95),
    "custom": penalty_of((V, W), 0.3),
    "lasso": penalty_of("lasso"),
    "oscar": penalty_of("oscar", 0.7),
}
named = pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES.keys())
vectors = st.lists(st.floats(-10, 10).map(lambda x: round(x, 2)), min_size=len(GROUPS), max_size=len(GROUPS)).map(
    np.array
)


def parts(penalty):
    """The two norms J is made of, written apart from it."""
    r = penalty.l1_ratio
    k = np.sqrt(np.bincount(GROUPS))
    return (
        SortedL1(weights=r * penalty.v),
        GroupSortedL1(groups=GROUPS, weights=(1 - r) * penalty.w, group_weights=k),
    )


@named
@given(c=vectors)
@settings(max_examples=15, deadline=None)
def test_value_is_the_two_sorted_sums(penalty, c):
    r, sizes = penalty.l1_ratio, np.bincount(GROUPS)
    norms = sorted((np.sqrt(sizes[g]) * np.linalg.norm(c[g == GROUPS]) for g in range(4)), reverse=True)
    expected = r * np.sort(np.abs(c))[::-1] @ penalty.v + (1 - r) * np.array(norms) @ penalty.w
    assert penalty.value(c) == pytest.approx(expected, rel=1e-13)
    assert penalty.expression(cp.Constant(c)).value == pytest.approx(expected, rel=1e-9, abs=1e-9)


@named
@given(u=vectors, step=st.floats(0.01, 3.0))
@settings(max_examples=12, deadline=None)
def test_prox_splits_into_subgradients_that_are_both_tight(penalty, u, step):
    """u - b = s + g, s in the columns' ball and g in the groups', and <s, b>, <g, b> equal the two penalties."""
    b = penalty.prox(u, step)
    columns, groups = parts(penalty)
    g = penalty._split(u, step)[1]
    s = u - b - g
    size = 1 + np.abs(u).sum()
    # 1e-12: the dual descent ends at rounding of u
    assert columns.dual_norm(s) <= step + 1e-12 * size
    assert groups.dual_norm(g) <= step + 1e-12 * size
    assert s @ b == pytest.approx(step * columns.value(b), abs=1e-12 * size**2)
    assert g @ b == pytest.approx(step * groups.value(b), abs=1e-12 * size**2)


@named
def test_prox_is_the_minimiser_cvxpy_finds(penalty):
    u = 4 * np.random.default_rng(1).normal(size=len(GROUPS))
    c = cp.Variable(len(u))
    program = cp.Problem(cp.Minimize(cp.sum_squares(c - u) / 2 + 0.5 * penalty.expression(c)))
    program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    found = penalty.prox(u, 0.5)
    assert np.sum((found - u) ** 2) / 2 + 0.5 * penalty.value(found) <= program.value + 1e-9
    np.testing.assert_allclose(found, c.value, atol=2e-5)  # strong convexity: the root of the line above
    assert found.any()


def test_neither_composition_of_the_two_proxes_is_the_prox():
    """Equal sizes do not help: 40 columns in 8 groups of 5, both orders miss, one by 1e-4 of the objective."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(8), 5)
    penalty = SparseGroupSortedL1(("bh", "mean"), l1_ratio=0.5, groups=groups).resolve(50)
    columns, blocks = penalty.parts

    def objective(b, u):
        return np.sum((b - u) ** 2) / 2 + 0.5 * penalty.value(b)

    missed = []
    for _ in range(5):
        u = 3 * rng.normal(size=40)
        best = objective(penalty.prox(u, 0.5), u)
        for first, second in ((columns, blocks), (blocks, columns)):
            missed.append(objective(second.prox(first.prox(u, 0.5), 0.5), u) / best - 1)
    assert min(missed) > 1e-6 and max(missed) > 1e-4


def test_equal_column_weights_are_the_exception_where_composition_is_exact():
    u, penalty = 3 * np.random.default_rng(2).normal(size=11), PENALTIES["lasso"]
    columns, blocks = parts(penalty)
    np.testing.assert_allclose(penalty.prox(u, 0.4), blocks.prox(columns.prox(u, 0.4), 0.4), atol=1e-15)
    np.testing.assert_allclose(penalty._split(u, 0.4)[0], penalty.prox(u, 0.4), atol=1e-13)


@named
def test_dual_norm_is_the_supremum(penalty):
    rng = np.random.default_rng(3)
    for z in (rng.normal(size=11), np.ones(11), np.eye(11)[4]):
        c = cp.Variable(11)
        program = cp.Problem(cp.Maximize(z @ c), [penalty.expression(c) <= 1])
        program.solve(solver=cp.CLARABEL)
        assert penalty.dual_norm(z) == pytest.approx(program.value, rel=1e-6)


@named
@given(u=vectors, z=vectors)
@settings(max_examples=4, deadline=None)
def test_dual_norm_bounds_inner_products_and_is_attained(penalty, u, z):
    D = penalty.dual_norm(z)
    assert u @ z <= penalty.value(u) * D * (1 + 1e-12) + 1e-12
    if D > 0:
        # Just inside the ball of that size the prox leaves something; 1e-6 is far above its precision.
        assert penalty.prox(z, D * (1 - 1e-6)).any()
        assert penalty.dual_norm(-2.5 * z) == pytest.approx(2.5 * D, rel=1e-10)


def test_dual_norm_where_the_two_balls_touch_along_a_curved_face():
    """35 columns in 4 groups, three of them active at once: bisection with the prox stops at 1e-5 here."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(4), rng.integers(3, 21, 4))
    penalty = SparseGroupSortedL1("vmean", l1_ratio=0.5, groups=groups).resolve(100)
    z = 3 * rng.normal(size=len(groups))
    D = penalty.dual_norm(z)
    c = cp.Variable(len(z))
    program = cp.Problem(cp.Maximize(z @ c), [penalty.expression(c) <= 1])
    program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-9, tol_gap_rel=1e-9, tol_feas=1e-9)
    assert pytest.approx(program.value, rel=1e-8) == D
    x = np.asarray(c.value)
    assert z @ x / penalty.value(x) <= D * (1 + 1e-12)


@named
@given(u=vectors, step=st.floats(0.05, 2.0))
@settings(max_examples=4, deadline=None)
def test_dual_bound_is_above_the_dual_norm_and_equal_at_a_minimiser(penalty, u, step):
    b = penalty.prox(u, step)
    z = u - b  # in step times the subdifferential at b
    assert penalty.dual_bound(z, b, step) == pytest.approx(step if b.any() else penalty.dual_norm(z), rel=1e-9) or (
        not b.any() and penalty.dual_bound(z, b, step) <= step * (1 + 1e-12)
    )
    elsewhere = np.roll(b, 1) + 0.3
    assert penalty.dual_bound(z, elsewhere, step) >= penalty.dual_norm(z) * (1 - 1e-11)


def test_groups_of_one_make_it_slope_with_mixed_weights():
    u = 3 * np.random.default_rng(5).normal(size=11)
    v, w = np.linspace(2, 0.1, 11), np.linspace(3, 0, 11)
    penalty = penalty_of((v, w), 0.4, groups=np.arange(11))
    slope = SortedL1(weights=0.4 * v + 0.6 * w)
    np.testing.assert_allclose(penalty.prox(u, 0.7), slope.prox(u, 0.7), atol=1e-14)
    assert penalty.dual_norm(u) == pytest.approx(slope.dual_norm(u), rel=1e-14)


@pytest.mark.parametrize(("l1_ratio", "kept"), [(1.0, 0), (0.0, 1)])
def test_the_ends_of_l1_ratio_are_the_two_penalties(l1_ratio, kept):
    u = 3 * np.random.default_rng(6).normal(size=11)
    penalty = penalty_of((V, W), l1_ratio)
    alone = (SortedL1(V).resolve(20, groups=GROUPS), GroupSortedL1(W).resolve(20, groups=GROUPS))[kept]
    for method, arguments in (
        ("prox", (u, 0.7)),
        ("dual_norm", (u,)),
        ("value", (u,)),
        ("screen", (u, 0.2, 0.3)),
    ):
        np.testing.assert_array_equal(getattr(penalty, method)(*arguments), getattr(alone, method)(*arguments))


def test_one_group_is_soft_thresholding_then_a_shrunk_length():
    """One group and v = 1: b = S(u, r) (1 - (1 - r) w k / ||S(u, r)||)."""
    u = np.array([3.0, -2.0, 0.3, 1.0])
    penalty = SparseGroupSortedL1(([1.0] * 4, [1.0]), l1_ratio=0.5).resolve(9, groups=np.zeros(4, dtype=int))
    soft = np.sign(u) * np.maximum(np.abs(u) - 0.5, 0)
    np.testing.assert_allclose(penalty.prox(u, 1.0), soft * (1 - 0.5 * 2 / np.linalg.norm(soft)), atol=1e-14)


def test_weights_that_vanish_on_one_side_leave_the_other():
    u = 3 * np.random.default_rng(7).normal(size=11)
    without_v = penalty_of((np.zeros(11), W), 0.4)
    groups = GroupSortedL1(0.6 * W).resolve(20, groups=GROUPS)
    np.testing.assert_array_equal(without_v.prox(u, 0.5), groups.prox(u, 0.5))
    without_w = penalty_of((V, np.zeros(4)), 0.4)
    np.testing.assert_array_equal(without_w.prox(u, 0.5), SortedL1(weights=0.4 * V).prox(u, 0.5))
    nothing = penalty_of((np.zeros(11), np.zeros(4)), 0.4)
    np.testing.assert_array_equal(nothing.prox(u, 0.5), u)
    assert nothing.dual_norm(u) == np.inf


def test_screening_keeps_groups_then_columns_inside_them():
    penalty = penalty_of("lasso", 0.5)
    gradient = np.array([0.1, 3.0, 0.2, 0.4, 0.4, 0.4, 0.1, 0.1, 0.1, 0.1, 0.1])
    keep = penalty.screen(gradient, 1.0, 1.0)
    assert np.flatnonzero(keep).tolist() == [1]
    assert not penalty.screen(gradient, 10.0, 10.0).any()
    assert penalty.screen(gradient, 0.0, 0.0).all()


def test_the_ranks_of_orthonormal_groups_shorten_the_sequence():
    """Two of three columns' worth of rank: v is that of 2 + 1 columns, and the spare entry repeats the last."""
    penalty = SparseGroupSortedL1().resolve(50, groups=np.array([0, 0, 0, 1]), sizes=[2, 1])
    full = SparseGroupSortedL1().resolve(50, groups=np.array([0, 0, 1]))
    np.testing.assert_array_equal(penalty.v, np.append(full.v, full.v[-1]))
    np.testing.assert_array_equal(penalty.w, full.w)
    np.testing.assert_array_equal(penalty.group_weights, np.sqrt([2, 1]))


def test_penalties_with_equal_pairs_are_equal():
    assert SparseGroupSortedL1(([2.0, 1.0], "mean")) == SparseGroupSortedL1(([2.0, 1.0], "mean"))
    assert SparseGroupSortedL1(([2.0, 1.0], "mean")) != SparseGroupSortedL1(([2.0, 1.5], "mean"))


KINDS = [
    dict(),
    dict(storage="sparse", standardize=False, intercept=False),
    dict(standardize="group"),
    dict(loss="binomial"),
    dict(n=12, p=20, free=False),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())) or "plain")
def test_gap_is_above_the_suboptimality_and_the_solvers_agree(kind, problem_of):
    """The gap of a rough fit is no less than what the exact fit gains on it; cvxpy meets the numpy solver."""
    problem = problem_of(penalty=SparseGroupSortedL1(q=0.3, l1_ratio=0.6), **kind)
    alpha = 0.2 * proximal.alpha_max(problem)
    _, _, rough = proximal.solve(problem, alpha, tol=1e-2)
    beta, _, fine = proximal.solve(problem, alpha, tol=1e-10)
    assert fine.converged and rough.value >= rough.objective - fine.objective - 1e-12 * fine.scale
    found, _, certificate, _ = solve_program(problem, alpha, tol=1e-8)
    assert certificate.converged
    # two fits with gaps 1e-8 and 1e-10 of the scale differ in objective by no more than that
    assert certificate.objective == pytest.approx(fine.objective, abs=2e-8 * fine.scale)
    assert beta.any() and found.any()


def test_long_sequences_are_cut_by_planes(problem_of, monkeypatch):
    """Both sorted norms above the limit of one atom."""
    monkeypatch.setattr("sparsestats.backend.programs.slope.DOTSORT_LIMIT", 3)
    problem = problem_of(penalty=SparseGroupSortedL1(("bh", "mean"), q=0.3, l1_ratio=0.5), p=12)
    alpha = 0.15 * proximal.alpha_max(problem)
    _, _, certificate, _ = solve_program(problem, alpha, tol=1e-8)
    _, _, fine = proximal.solve(problem, alpha, tol=1e-10)
    assert certificate.converged
    assert certificate.objective == pytest.approx(fine.objective, abs=2e-8 * fine.scale)


@pytest.mark.parametrize("seed", [22, 33, 39])
def test_compiled_alpha_max_is_the_dual_norm_where_several_groups_enter_at_once(seed):
    """Both are exact to 1e-12; a bisection with the prox at the gradient itself is 1e-8 and more above."""
    rng = np.random.default_rng(seed)
    m = int(rng.integers(2, 12))
    groups = np.repeat(np.arange(m), rng.integers(1, 21, m))
    n = len(groups) + 30
    X = np.linalg.qr(rng.normal(size=(n, len(groups))))[0]
    y = X @ (3 * rng.normal(size=len(groups)))
    penalty = SparseGroupSortedL1("vmean", l1_ratio=[0.05, 0.5, 0.95][seed % 3], groups=groups)
    penalty = penalty.resolve(n)
    X = np.asfortranarray(X)
    problem = Problem(X, y, Gaussian(), penalty, groups=groups, standardize=False, fit_intercept=False)
    exact = penalty.dual_norm(X.T @ y / n)
    assert alpha_max(problem) == pytest.approx(exact, rel=1e-11)
