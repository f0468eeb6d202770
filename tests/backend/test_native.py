"""The bridge to the compiled core: what it reads in place, resolves, and hands back."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone

import sparsestats as ss
from sparsestats._core import ext
from sparsestats.backend.duality import Coordinates
from sparsestats.backend.native import slope as native
from sparsestats.backend.path import alpha_max, solve_path
from sparsestats.backend.problem import Problem
from sparsestats.backend.standardize import resolved

RNG = np.random.default_rng(0)
X = np.asfortranarray(RNG.normal(size=(40, 6)))
Y = X[:, 0] - X[:, 1] + RNG.normal(size=40)


def laid_out(X=X, penalty=None, **options):
    penalty = penalty or ss.penalties.SortedL1()
    return native.NativeProblem(Problem(X, Y, ss.losses.Gaussian(), penalty, **options))


def assert_proved(problem, path, tol):
    """Converged by the core's own word, and by gaps recomputed from the coefficients."""
    assert path.converged.all()
    seen = Coordinates(resolved(problem))
    for alpha, coef, intercept in zip(path.alphas, path.coefs, path.intercepts, strict=True):
        assert seen.certify(alpha, coef, intercept, tol=tol, n_iter=1, stop="tol").converged


def test_supported_are_the_named_losses_and_penalties():
    class Mine(ss.losses.Gaussian):
        pass

    for loss, penalty, known in (
        (ss.losses.Gaussian(), ss.penalties.L1(), True),
        (ss.losses.Binomial(), ss.penalties.GroupSortedL1(), True),
        (Mine(), ss.penalties.L1(), False),
    ):
        assert native.supports(Problem(X, Y, loss, penalty)) is known


@pytest.mark.parametrize("standardize", [True, False, "group"])
def test_one_group_that_leaves_no_weight_to_columns_stays_in_the_core(standardize):
    """The mean sequence of 60 columns in one group is 0 for columns, of its rank of 19 it is not."""
    rng = np.random.default_rng(3)
    Z = np.asfortranarray(rng.normal(size=(20, 60)))
    y = Z[:, 0] - Z[:, 1] + rng.normal(size=20)
    penalty = ss.penalties.SparseGroupSortedL1("vmean", l1_ratio=0.8)
    groups = np.zeros(60, dtype=int)
    problem = Problem(Z, y, ss.losses.Gaussian(), penalty, groups=groups, standardize=standardize)
    v = penalty.resolve(20, groups, [19 if standardize == "group" else 60]).v
    assert v.any() == (standardize == "group") and native.supports(problem)
    compiled, numpy = (solve_path(problem, ss.relative(1, 0.1, 4), solver=s, tol=1e-12) for s in ("auto", "proximal"))
    assert compiled.alpha_max == pytest.approx(numpy.alpha_max, rel=1e-12)
    assert numpy.coefs[-1].any() and compiled.converged.all()
    np.testing.assert_allclose(compiled.coefs, numpy.coefs, atol=1e-6)  # sqrt(2 gap)


@pytest.mark.parametrize("family", ["gaussian", "poisson", "multinomial"])
@pytest.mark.parametrize(
    ("standardize", "sequence", "l1_ratio"),
    [("group", "vmean", 1.0), ("group", "lasso", 1.0), (True, (np.linspace(2, 1, 12), np.zeros(3)), 0.7)],
)
def test_columns_alone_are_penalised_in_the_core_whatever_the_design_holds_together(
    family, standardize, sequence, l1_ratio
):
    """Orthonormalised groups come and go as one, and their coordinates are ranked one by one."""
    rng = np.random.default_rng(5)
    Z = np.asfortranarray(rng.normal(size=(60, 12)) + rng.normal(size=(60, 3))[:, np.repeat(range(3), 4)])
    eta = 0.5 * (Z[:, 0] - Z[:, 5])
    loss, y = {
        "gaussian": (ss.losses.Gaussian(), eta + rng.normal(size=60)),
        "poisson": (ss.losses.Poisson(), rng.poisson(np.exp(eta)).astype(float)),
        "multinomial": (ss.losses.Multinomial(), np.eye(2)[(eta > rng.logistic(size=60)).astype(int)]),
    }[family]
    if family == "multinomial" and not isinstance(sequence, str):
        sequence = tuple(np.repeat(part, 2) if len(part) == 12 else part for part in sequence)
    penalty = ss.penalties.SparseGroupSortedL1(sequence, l1_ratio=l1_ratio)
    problem = Problem(Z, y, loss, penalty, groups=np.repeat(range(3), 4), standardize=standardize)
    assert native.supports(problem)
    path = solve_path(problem, ss.relative(1, 0.1, 5), tol=1e-9)
    seen = Coordinates(resolved(problem))
    assert path.alpha_max == pytest.approx(seen.alpha_max(), rel=1e-12)
    for alpha, coef, intercept in zip(path.alphas, path.coefs, path.intercepts, strict=True):
        assert seen.certify(alpha, coef, intercept, tol=1e-9, n_iter=1, stop="tol").relative <= 1.1e-9
    # single coordinates are left out of groups that are in
    c = seen.from_model(path.coefs[2], path.intercepts[2])[1]
    inside = np.abs(np.ravel(c, order="F").reshape(-1, 4)) > 0
    assert (inside.any(axis=1) & ~inside.all(axis=1)).any()


@pytest.mark.parametrize("dependent", [False, True])
@pytest.mark.parametrize(
    "penalty",
    [
        ss.penalties.L1(),
        ss.penalties.SortedL1(),
        ss.penalties.SparseGroupSortedL1((np.linspace(2, 1, 12), "mean"), l1_ratio=0.6),
        ss.penalties.SparseGroupSortedL1((np.linspace(2, 1, 12), "mean"), l1_ratio=1.0),
    ],
)
def test_groups_are_orthonormalised_under_any_penalty_of_columns(penalty, dependent):
    """An array of weights has one for each column, also of a group that has a lower rank."""
    rng = np.random.default_rng(6)
    Z = rng.normal(size=(60, 12)) + 2 * rng.normal(size=(60, 3))[:, np.repeat(range(3), 4)]
    if dependent:
        Z[:, 5] = Z[:, 4] - Z[:, 6]
    y = Z[:, 1] - Z[:, 6] + rng.normal(size=60)
    problem = Problem(
        np.asfortranarray(Z), y, ss.losses.Gaussian(), penalty, groups=np.repeat(range(3), 4), standardize="group"
    )
    compiled, numpy = (solve_path(problem, ss.relative(0.6, 0.1, 4), solver=s, tol=1e-12) for s in ("auto", "proximal"))
    assert compiled.alpha_max == pytest.approx(numpy.alpha_max, rel=1e-11) and (compiled.coefs[-1] != 0).sum() > 4
    np.testing.assert_allclose(compiled.certificates.objectives, numpy.certificates.objectives, rtol=1e-10)


@pytest.mark.parametrize("container", [np.asfortranarray, sparse.csc_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments_are_weighted_and_divide_by_n(container, dtype):
    Z = np.where(np.abs(X) > 0.5, X + 10, 0).astype(dtype)
    weight = RNG.uniform(0, 2, 40)
    weight *= 40 / weight.sum()
    expected = np.sqrt(np.average((Z - np.average(Z, axis=0, weights=weight)) ** 2, axis=0, weights=weight))
    np.testing.assert_allclose(
        native.deviations(container(Z), weight), expected, rtol=2e-6 if dtype == np.float32 else 1e-12
    )


def test_sparse_indices_of_both_widths_are_read():
    S = sparse.csc_array(X)
    wide = sparse.csc_array((S.data, S.indices.astype(np.int64), S.indptr.astype(np.int64)), shape=S.shape)
    narrow, broad = (laid_out(Z).solve_path([0.2]).coefs for Z in (S, wide))
    np.testing.assert_array_equal(narrow, broad)
    assert narrow.any()


def test_ranks_resolve_the_sequence_of_groups():
    groups = np.array([0, 0, 0, 1, 1, 2])
    Z = X.copy(order="F")
    Z[:, 2] = Z[:, 0] + Z[:, 1]
    model = laid_out(Z, ss.penalties.GroupSortedL1(), groups=groups, standardize="group")
    assert model.design.ranks().tolist() == [2, 2, 1]


def test_diagnostics_have_one_value_an_alpha():
    result = laid_out().solve_path([0.5, 0.2, 0.1])
    for name in ("iterations", "newton_steps", "screened", "active", "repaired", "seconds"):
        assert result.info[name].shape == (3,)
    np.testing.assert_array_equal(result.info["active"], np.count_nonzero(result.coefs, axis=1))
    assert np.all(result.info["seconds"] > 0)


def test_a_control_that_was_stopped_ends_the_path_before_it_begins():
    control = ext.Control()
    control.stop()
    assert control.stopped
    result = laid_out().solve_path([0.5, 0.2, 0.1], control=control)
    assert len(result.alphas) < 3 and result.stopped


def test_progress_is_counted():
    control = ext.Control()
    laid_out().solve_path([0.5, 0.2, 0.1], control=control)
    assert control.done == 3


def test_no_penalised_column_is_the_same_fit_at_every_alpha():
    result = laid_out(penalty_factor=np.zeros(6)).solve_path([0.5, 0.1])
    np.testing.assert_array_equal(result.coefs[0], result.coefs[1])
    centred = X - X.mean(0)
    np.testing.assert_allclose(result.coefs[0], np.linalg.lstsq(centred, Y - Y.mean(), rcond=None)[0], atol=1e-9)


@pytest.mark.parametrize("wrong", ["weights", "groups", "factor", "y", "offset"])
def test_lengths_that_differ_are_refused_before_memory_is_read(wrong):
    n, p = X.shape
    given = {"weights": np.ones(n), "groups": np.arange(p), "factor": np.ones(p), "y": Y, "offset": np.zeros(n)}
    given[wrong] = given[wrong][:3].copy()
    weights, groups, factor, y, offset = given.values()
    penalty = ext.Penalty(np.ones(p), np.zeros(0), 1.0)
    with pytest.raises(ValueError, match="differ in length"):
        design = ext.Design(native.columns(X), weights, True, "columns", groups, factor, False)
        ext.solve_path(design, "gaussian", 0.0, y, offset, penalty, [], 1e-8, 10, True, 2.0, ext.Control())
    if wrong != "weights":
        with pytest.raises(ValueError, match="differ in length"):
            ext.Folds(np.asfortranarray(X), y, offset, True, "columns", groups, factor, False, 1)


def test_rows_without_weight_may_overflow():
    """exp(800) is infinite, and 0 times it no number."""
    rng = np.random.default_rng(0)
    Z = np.asfortranarray(rng.normal(size=(100, 5)))
    y, weights = rng.poisson(np.exp(Z[:, 0] / 2)).astype(float), np.ones(100)
    weights[3] = 0
    weights *= 100 / 99
    far = Z.copy(order="F")
    far[3, 0] = 800
    for alpha in (0.01, 0.0):
        fits = [
            solve_path(
                Problem(data, y, ss.losses.Poisson(), ss.penalties.SortedL1(), sample_weight=weights),
                [alpha], solver=solver,
            )
            for data, solver in [(Z, "auto"), (far, "auto"), (far, "proximal"), (far, "cvxpy")]
        ]  # fmt: skip
        assert all(fit.certificates[0].converged for fit in fits)
        for fit in fits[1:]:
            np.testing.assert_allclose(fit.coefs, fits[0].coefs, atol=1e-5 if fit is fits[3] else 1e-7)


def test_an_objective_beyond_doubles_is_told_at_once():
    """alpha_max is infinite: the way down from it had no end."""
    offset = np.where(np.arange(40) == 0, 720.0, 0.0)
    problem = Problem(X, np.full(40, 2.0), ss.losses.Poisson(), ss.penalties.SortedL1(), offset=offset)
    with pytest.raises(ValueError, match="the offset reaches 720"):
        solve_path(problem, [0.1])


@pytest.mark.parametrize("spread", [1e-9, 1e-11, 3e-12])
def test_a_free_column_far_from_zero_keeps_its_coefficient(spread):
    rng = np.random.default_rng(0)
    Z, x = rng.normal(size=(100, 5)), rng.normal(size=100)
    y = 2 * x + rng.normal(size=100)
    column = 1e6 * (1 + spread * x)
    factor = np.r_[np.ones(5), 0.0]
    plain, far = (
        solve_path(
            Problem(
                np.asfortranarray(np.column_stack([Z, c])),
                y,
                ss.losses.Gaussian(),
                ss.penalties.SortedL1(),
                penalty_factor=factor,
            ),
            [0.1],
        )
        for c in ((column - column.mean()) / (1e6 * spread), column)
    )
    assert far.certificates[0].converged
    assert far.coefs[0, 5] * 1e6 * spread == pytest.approx(plain.coefs[0, 5], rel=1e-6)
    np.testing.assert_allclose(far.coefs[0, :5], plain.coefs[0, :5], atol=1e-6)


@pytest.mark.parametrize("unit", [1e-250, 1e-160, 1e160, 1e250])
def test_a_free_column_in_any_unit_has_the_same_effect(unit):
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(100, 6))
    y, factor = 2 * Z[:, 5] + rng.normal(size=100), np.r_[np.ones(5), 0.0]
    scaled = Z * np.r_[np.ones(5), unit]
    here, there = (
        solve_path(
            Problem(np.asfortranarray(data), y, ss.losses.Gaussian(), ss.penalties.SortedL1(), penalty_factor=factor),
            [0.1],
        )
        for data in (Z, scaled)
    )
    assert there.certificates[0].converged
    np.testing.assert_allclose(there.coefs[0] * np.r_[np.ones(5), unit], here.coefs[0], rtol=1e-9)


@pytest.mark.parametrize("spread", [3e-13, 1e-13, 3e-15])
def test_solvers_agree_on_what_is_constant(spread):
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(60, 3))
    y = Z[:, 0] + rng.normal(size=60)
    Z[:, 0] = 1 + spread * Z[:, 0]
    problem = Problem(np.asfortranarray(Z), y, ss.losses.Gaussian(), ss.penalties.SortedL1())
    native_fit, numpy_fit = (solve_path(problem, [0.01], solver=solver) for solver in ("auto", "proximal"))
    assert (native_fit.coefs[0, 0] != 0) == (numpy_fit.coefs[0, 0] != 0) == (spread > 1e-14)
    np.testing.assert_allclose(native_fit.coefs[0], numpy_fit.coefs[0], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("family", ["gaussian", "binomial", "poisson"])
def test_an_alpha_lost_in_rounding_is_certified(family):
    rng = np.random.default_rng(4)
    Z = np.asfortranarray(rng.normal(size=(200, 10)))
    eta = Z[:, 0] - Z[:, 1] / 2
    loss, y = {
        "gaussian": (ss.losses.Gaussian(), eta + rng.normal(size=200)),
        "binomial": (ss.losses.Binomial(), (rng.random(200) < 1 / (1 + np.exp(-eta))).astype(float)),
        "poisson": (ss.losses.Poisson(), rng.poisson(np.exp(eta / 2)).astype(float)),
    }[family]
    problem = Problem(Z, y, loss, ss.penalties.SortedL1())
    tiny, none = (solve_path(problem, [alpha]) for alpha in (1e-200, 0.0))
    assert tiny.certificates[0].converged and tiny.certificates[0].n_iter < 30
    np.testing.assert_allclose(tiny.coefs, none.coefs, rtol=1e-9)
    with_many = Problem(
        np.asfortranarray(rng.normal(size=(30, 60))), rng.normal(size=30), *(ss.losses.Gaussian(), problem.penalty)
    )
    assert solve_path(with_many, [1e-200]).certificates[0].converged


def test_the_way_to_a_far_alpha_is_counted():
    one = laid_out().solve_path([0.02 * laid_out().alpha_max()])
    near = laid_out().solve_path(laid_out().alpha_max() * np.geomspace(1, 0.02, 30))
    assert one.info["iterations"][0] > near.info["iterations"][-1]


@pytest.mark.parametrize("loss", [ss.losses.Binomial(), ss.losses.Poisson()])
@pytest.mark.parametrize("standardize", [True, "group"])
def test_newton_steps_of_sparse_columns_are_those_of_dense_ones(loss, standardize):
    rng = np.random.default_rng(1)
    S = sparse.random(300, 40, 0.1, format="csc", random_state=1)
    y = (rng.random(300) < 0.4).astype(float)
    factor = np.r_[np.zeros(4), np.ones(36)]
    for alpha in (0.0, 0.002):
        fits = [
            solve_path(
                Problem(
                    data, y, loss, ss.penalties.GroupSortedL1(), groups=np.arange(40) // 4,
                    standardize=standardize, penalty_factor=factor,
                ),
                [alpha], tol=1e-10,
            )
            for data in (S, np.asfortranarray(S.toarray()))
        ]  # fmt: skip
        assert fits[0].info["newton_steps"][0] > 0
        np.testing.assert_allclose(fits[0].coefs, fits[1].coefs, atol=1e-8)


@pytest.mark.parametrize(
    ("loss", "draw"),
    [
        (ss.losses.Binomial(), lambda rng, eta: rng.random(len(eta)) < 1 / (1 + np.exp(-eta))),
        (ss.losses.Poisson(), lambda rng, eta: rng.poisson(np.exp(eta / 2))),
    ],
)
def test_newton_through_the_rows_is_newton_through_the_columns(loss, draw):
    # 40 rows and up to 110 active columns in groups of ten: tangents are eliminated by a matrix of the rows' size. With
    # each row three times it is the same problem, and there are rows enough for a matrix of the columns' size.
    rng = np.random.default_rng(0)
    Z = np.asfortranarray(rng.standard_normal((40, 150)))
    y = draw(rng, 0.3 * Z[:, :40] @ rng.standard_normal(40)).astype(float)
    groups = np.repeat(np.arange(15), 10)

    def fitted(copies):
        rows = Problem(
            np.asfortranarray(np.tile(Z, (copies, 1))), np.tile(y, copies), loss, ss.penalties.GroupSortedL1(),
            groups=groups,
        )  # fmt: skip
        return native.NativeProblem(rows)

    few = fitted(1)
    alphas = few.alpha_max() * np.array([0.5, 0.3, 0.17])
    once, thrice = (model.solve_path(alphas, tol=1e-10) for model in (few, fitted(3)))
    assert np.count_nonzero(once.coefs, axis=1)[-1] > 80
    assert once.info["newton_steps"].min() > 0
    # Two routes to rounding: what is left is the conditioning of the Hessian.
    np.testing.assert_allclose(once.coefs, thrice.coefs, rtol=0, atol=1e-10 * np.abs(once.coefs).max())


@pytest.mark.parametrize("container", [np.asfortranarray, sparse.csc_array])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_wide_orthonormal_groups_through_their_known_products(container, fit_intercept):
    """Groups of 48 (rank 47 with an intercept), 40 and 3 columns that enter one by one, weighted and priced."""
    rng = np.random.default_rng(5)
    n = 240
    levels = np.eye(48)[np.r_[np.arange(48), rng.integers(0, 48, n - 48)]]
    Z = rng.standard_normal((n, 43))
    Z[:, :40] += levels @ rng.standard_normal((48, 40))  # the wide groups overlap
    X = np.column_stack([Z[:, 40:], levels, Z[:, :40]])
    groups = np.repeat([0, 1, 2], [3, 48, 40])
    y = (
        3 * X[:, 0]
        + levels @ rng.standard_normal(48)
        + Z[:, :40] @ rng.standard_normal(40) / 3
        + rng.standard_normal(n)
    )
    weight = rng.integers(1, 4, n).astype(float)
    factor = np.repeat([0.5, 1.0, 2.0], [3, 48, 40])
    options = dict(groups=groups, standardize="group", penalty_factor=factor, fit_intercept=fit_intercept, tol=1e-10)
    paths = [
        ss.GroupSLOPE(solver=solver, **options).path(container(X), y, ss.relative(1, 0.05, 6), sample_weight=weight)
        for solver in ("auto", "proximal")
    ]
    assert all(path.converged.all() for path in paths)
    active = np.count_nonzero(paths[0].coefs[:, [0, 3, 51]], axis=1)  # a column of each group
    assert set(active) == {0, 1, 2, 3}
    for one, other in zip(*(path.coefs @ X.T for path in paths), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4 * np.abs(other).max())
    # the certificate is by products with X, which these Gram matrices must agree with
    assert max(certificate.relative for certificate in paths[0].certificates) < 1e-12


@pytest.mark.parametrize("tol", [1e-6, 1e-9])
def test_single_precision_steps_end_at_the_certificate_asked_for(tol):
    # Dense columns are copied in single precision for the steps to 1e-7, sparse ones are not: same problem, two routes.
    rng = np.random.default_rng(1)
    Z = rng.standard_normal((40, 300)) + 5.0
    y = rng.poisson(np.exp(0.1 * (Z - 5.0) @ rng.standard_normal(300))).astype(float)
    groups = np.repeat(np.arange(60), 5)

    def path(columns):
        problem = Problem(columns, y, ss.losses.Poisson(), ss.penalties.GroupSortedL1(), groups=groups)
        model = native.NativeProblem(problem)
        return model.solve_path(model.alpha_max() * np.geomspace(1, 0.1, 8), tol=tol)

    single, double = path(np.asfortranarray(Z)), path(sparse.csc_array(Z))
    assert single.converged.all() and double.converged.all()
    assert np.count_nonzero(single.coefs[-1]) > 100
    assert single.coefs.tobytes() != double.coefs.tobytes()
    for one, other in zip(single.certificates, double.certificates, strict=True):
        # each is within its gap of the optimum
        assert abs(one.objective - other.objective) <= max(one.value, other.value) + 1e-12


def test_rounding_of_single_precision_sums_is_not_taken_for_curvature():
    """Columns that are all but alike have large coefficients of both signs. Rounding left in the image of a step, read
    as curvature, drove the step length to nothing: 48 000 steps and no end."""
    rng = np.random.default_rng(19)
    walks = np.cumsum(rng.standard_normal((40, 400)), axis=1)
    effects = np.zeros(400)
    effects[rng.choice(400, 20, replace=False)] = rng.standard_normal(20)
    y = (walks - walks.mean(axis=0)) / walks.std(axis=0) @ effects
    groups = np.arange(400) // 5
    model = ss.SparseGroupSLOPE(groups=groups, q=0.05, tol=3e-7, screening=False, fit_intercept=False)
    path = model.path(walks, y, ss.relative(1, 0.05, 12))
    assert path.converged.all() and path.n_nonzero[-1] > 10
    assert path.info["iterations"].sum() < 10_000


@pytest.mark.parametrize("family", ["gaussian", "binomial", "poisson"])
@pytest.mark.parametrize("sequence", ["lasso", "mean"])
def test_wide_groups_moved_one_by_one_reach_what_numpy_reaches(family, sequence):
    """Groups of 6 to 10 columns, with ties among them under the sorted weights; one group has a constant column."""
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(9), [8, 10, 6, 8, 10, 7, 8, 9, 10])
    shared = rng.normal(size=(70, 9))[:, groups]
    X = np.asfortranarray(0.6 * shared + rng.normal(size=shared.shape))
    X[:, 3] = 2.0
    eta = X[:, [0, 9, 20, 40]] @ [1.0, -0.8, 0.5, 0.9]
    y = {
        "gaussian": eta + rng.normal(size=70),
        "binomial": (eta + rng.logistic(size=70) > 0).astype(float),
        "poisson": rng.poisson(np.exp(0.5 * eta)).astype(float),
    }[family]
    if family == "binomial":
        model = ss.GroupSLOPEClassifier(sequence=sequence, groups=groups, tol=1e-9)
    else:
        model = ss.GroupSLOPE(sequence=sequence, groups=groups, family=family, tol=1e-9)
    path = model.path(X, y, ss.relative(1, 0.15, 8))
    assert path.converged.all() and path.n_groups_active[-1] > 4
    assert path.info["newton_steps"].sum() > 0
    problem = resolved(clone(model)._problem(X, y))
    for alpha, coef, intercept in zip(path.alphas, path.coefs, path.intercepts, strict=True):
        # The gap by the numpy text, which shares nothing with the kernel: rounding of both is 1e-12.
        seen = Coordinates(problem).certify(alpha, coef, intercept, tol=1e-9, n_iter=1, stop="tol")
        assert seen.relative <= 1.1e-9


def test_huber_is_certified_where_rounding_of_the_predictor_is_much_of_delta():
    """Residuals inside delta are right to eps |y| / delta = 1e-9 of it: a dual point orthogonal to the free part
    is outside its domain by as much. A smaller copy of it proves the fit to about that."""
    rng = np.random.default_rng(81)
    y, weight = 1e4 * rng.normal(size=40), np.where(np.arange(40) == 9, 10.0, rng.uniform(0, 0.01, 40))
    problem = Problem(X, y, ss.losses.Huber(1e-3), ss.penalties.L1(), sample_weight=weight * 40 / weight.sum())
    assert_proved(problem, solve_path(problem, ss.relative(1, 0.99, 2), tol=1e-8), 1e-7)


@pytest.mark.parametrize(("delta", "level", "intercept"), [(1e-3, 0, True), (1e-3, 600, False), (1.0, 1e5, False)])
def test_huber_is_solved_where_all_residuals_are_a_thousand_deltas(delta, level, intercept):
    """Which rows are within delta, not how the others bend, is then the question. Newton steps shortened until they
    lowered the objective took 60 000 first-order steps besides, and left up to eleven of these alphas at 1e-2."""
    rng = np.random.default_rng(0)
    Z = np.asfortranarray(rng.normal(size=(100, 20)))
    y = level + Z[:, :3] @ [3.0, -2.0, 1.0] + rng.normal(size=100)
    problem = Problem(Z, y, ss.losses.Huber(delta), ss.penalties.SortedL1(), fit_intercept=intercept)
    path = solve_path(problem, ss.relative(1, 0.01, 30), max_iter=500)
    assert path.coefs[-1].any()
    assert_proved(problem, path, 1e-8)


def test_a_fit_cut_short_returns_the_best_point_it_met():
    """By the gap, which under Huber's loss rises and falls by orders of magnitude on its way down."""
    rng = np.random.default_rng(4)
    Z = rng.normal(size=(40, 60)) + 4 * rng.normal(size=(40, 1)) * rng.normal(size=60)
    y = Z[:, :3].sum(axis=1) / 3 + rng.standard_t(2, 40)
    problem = Problem(np.asfortranarray(Z), y, ss.losses.Huber(1e-3), ss.penalties.SortedL1())
    model = native.NativeProblem(problem)
    alpha, seen = 0.81 * model.alpha_max(), Coordinates(resolved(problem))
    gaps = []
    for max_iter in range(1, 60):
        fit = model.solve_path([alpha], tol=1e-15, max_iter=max_iter, screening=False)
        certificate = fit.certificates[0]
        again = seen.certify(alpha, fit.coefs[0], fit.intercepts[0], tol=1e-15, n_iter=1, stop="max_iter")
        # that of the point returned: eps of the predictor, of order 10, times delta
        assert certificate.value == pytest.approx(again.value, abs=1e-14)
        gaps.append(certificate.value)
    assert gaps[0] > 1e-4 > gaps[-1] and (np.diff(gaps) <= 1e-13).all()


def test_an_unpenalised_part_that_separates_the_classes_is_fitted_and_leaves_nothing():
    """Newton steps of far rows overshoot by many powers of two: cut short they took 72 s to a loss of 1e-5."""
    rng = np.random.default_rng(141)
    Z = np.asfortranarray(rng.normal(size=(40, 30)) * np.exp(rng.normal(size=30)))
    y = np.eye(4)[rng.integers(0, 4, 40)]
    factor = np.where(np.arange(30) < 20, 0.0, 1.0)
    fits = solve_path(Problem(Z, y, ss.losses.Multinomial(), ss.penalties.L1(), penalty_factor=factor), [1e-3])
    assert fits.alpha_max == 0 and not fits.coefs[:, :, 20:].any()
    eta = Z @ fits.coefs[0].T + fits.intercepts[0]
    np.testing.assert_array_equal(eta.argmax(axis=1), y.argmax(axis=1))
    assert ss.losses.Multinomial().value(eta, y, None) < 1e-10


def test_counts_that_hardly_vary_are_fitted_to_what_their_rounding_allows():
    """Residuals are then small beside the means, whose rounding they have: steps that asked the intercept's gradient
    for 1e-13 of the residuals went on to their cap of a thousand at every look at the gap, thirty times the work."""
    rng = np.random.default_rng(0)
    Z, y = np.asfortranarray(rng.normal(size=(2000, 60))), np.full(2000, 5.0)
    y[3] = 6.0
    problem = Problem(Z, y, ss.losses.Poisson(), ss.penalties.SortedL1())
    path = solve_path(problem, ss.relative(1, 0.1, 10))
    assert path.converged.all() and path.coefs[-1].any()
    mean = np.exp(Z @ path.coefs[-1] + path.intercepts[-1])
    assert abs(mean.mean() - y.mean()) < 1e-14  # the intercept's equation, to rounding of the means


@pytest.mark.parametrize("offset", [-50.0, 600.0])
def test_a_constant_offset_moves_the_intercept_alone_however_far(offset):
    """Counts per molecule: the null model starts e^50 below, or above, the counts."""
    y = RNG.poisson(np.exp(0.5 * X[:, 0] + 1.0)).astype(float)
    model = ss.SLOPE(family="poisson", alpha=0.05)
    near, far = model.fit(X, y), clone(model).fit(X, y, offset=np.full(40, offset))
    np.testing.assert_allclose(far.coef_, near.coef_, atol=1e-10)  # eps of the offset
    assert far.intercept_ + offset == pytest.approx(near.intercept_, abs=1e-10) and near.coef_.any()


@pytest.mark.parametrize("solver", ["auto", "proximal"])
def test_a_copy_of_an_unpenalised_column_gets_nothing_without_a_penalty_too(solver):
    """What projecting leaves of it is rounding, to which alpha = 0 fitted coefficients of 1e12."""
    Z = np.asfortranarray(np.column_stack([X, 1e3 * X[:, 2]]))
    factor = np.array([1.0, 1, 0, 1, 1, 1, 1])
    y = (Y > 0).astype(float)
    problem = Problem(Z, y, ss.losses.Binomial(), ss.penalties.L1(), penalty_factor=factor, standardize=False)
    alone = solve_path(Problem(X, y, ss.losses.Binomial(), ss.penalties.L1(), standardize=False), [0.0])
    fits = solve_path(problem, [0.0], solver=solver)
    assert fits.converged.all()
    np.testing.assert_allclose(
        fits.coefs[0, :6] + 1e3 * fits.coefs[0, 6] * (np.arange(6) == 2), alone.coefs[0], atol=1e-6
    )


@pytest.mark.parametrize("kind", ["plain", "levels", "twice", "nearly"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_group_of_many_columns_is_orthonormalised_as_a_small_one_is(kind, fit_intercept):
    """Through products of its columns, where these tell what depends on what; "nearly" is where they do not."""
    rng = np.random.default_rng(5)
    n = 300
    Z = rng.normal(size=(n, 45)) + 0.5 * rng.normal(size=(n, 1))
    if kind == "levels":
        Z = np.eye(45)[np.r_[np.arange(45), rng.integers(0, 45, n - 45)]]
    if kind == "twice":
        Z[:, 10:20] = Z[:, :10] @ rng.normal(size=(10, 10))
        Z[:, 30] = 7.0
    if kind == "nearly":
        Z[:, 20] = Z[:, 0] + Z[:, 1] + 1e-6 * rng.normal(size=n)
    Z = np.column_stack([Z * np.logspace(-3, 3, 45), rng.normal(size=(n, 3))])
    y = Z[:, 3] / Z[:, 3].std() + Z[:, -1] + rng.normal(size=n)
    weights = rng.integers(1, 4, n).astype(float)
    problem = Problem(
        np.asfortranarray(Z), y, ss.losses.Gaussian(), ss.penalties.GroupSortedL1(), groups=np.repeat([0, 1], [45, 3]),
        standardize="group", fit_intercept=fit_intercept, sample_weight=weights * n / weights.sum(),
    )  # fmt: skip
    alpha = 0.02 * alpha_max(problem)
    core, numpy = (solve_path(problem, [alpha], solver=solver, tol=1e-15) for solver in ("auto", "proximal"))
    assert core.certificates[0].relative < 1e-11 and np.count_nonzero(core.coefs[0, :45]) > 30
    np.testing.assert_allclose(Z @ core.coefs[0], Z @ numpy.coefs[0], atol=1e-8)
    if kind != "nearly":
        np.testing.assert_allclose(core.coefs[0] * Z.std(axis=0), numpy.coefs[0] * Z.std(axis=0), atol=1e-9)
