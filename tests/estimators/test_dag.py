"""CoLiDE: what an estimate promises, its equivariances, knowledge, proof, and odd data."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import sparsestats as ss
from sparsestats.backend.dag import gaps
from sparsestats.backend.graphs import topological_order
from sparsestats.exceptions import DataWarning


def simulate(d, seed, *, n=1000, degree=2, unequal=False):
    """Rows of a random DAG with weights in +-[.5, 2], and its weights."""
    rng = np.random.default_rng(seed)
    W = (
        np.triu(rng.random((d, d)) < 2 * degree / (d - 1), 1)
        * rng.uniform(0.5, 2, (d, d))
        * rng.choice([-1, 1], (d, d))
    )
    sd = np.sqrt(rng.uniform(0.5, 10, d)) if unequal else np.ones(d)
    X = (rng.normal(size=(n, d)) * sd) @ np.linalg.inv(np.eye(d) - W)
    place = rng.permutation(d)
    out = np.zeros((d, d))
    out[np.ix_(place, place)] = W
    return X[:, np.argsort(place)], out


@parametrize_with_checks([ss.CoLiDE(), ss.CoLiDE("nv")])
@pytest.mark.filterwarnings("ignore::sparsestats.exceptions.SparsestatsWarning")
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("d", [10, 30])
def test_equal_noise_recovers_the_graph(d):
    for seed in (100, 101):
        X, W = simulate(d, seed)
        model = ss.CoLiDE().fit(X)
        assert ss.metrics.shd(W, model.adjacency_) <= 1
        # Least squares of 1000 rows: standard errors below .1.
        assert np.abs(model.adjacency_ - W).max() < 0.3
        assert model.noise_scale_ == pytest.approx(1, abs=0.05)


def test_unequal_noise_by_bic_recovers_the_markov_class():
    X, W = simulate(20, 105, unequal=True)
    assert ss.metrics.shd_cpdag(W, ss.CoLiDE("nv").fit(X).adjacency_) <= 6


@pytest.mark.filterwarnings("ignore:.*arrows go from smaller:sparsestats.exceptions.DataWarning")
@pytest.mark.parametrize("noise", ["ev", "nv"])
def test_answer_is_a_dag_in_its_order_with_recomputed_scales(noise):
    X, _ = simulate(12, 3, unequal=noise == "nv")
    model = ss.CoLiDE(noise, refine=None).fit(X)
    place = np.argsort(model.order_)
    source, target = np.nonzero(model.adjacency_)
    assert len(source) and (place[source] < place[target]).all() and not np.diagonal(model.adjacency_).any()
    residual = X - model.predict(X)
    np.testing.assert_allclose(residual.var(axis=0), model.noise_variances_, rtol=1e-9)
    expected = np.sqrt(residual.var(axis=0))
    np.testing.assert_allclose(
        model.noise_scale_, np.sqrt((expected**2).mean()) if noise == "ev" else expected, rtol=1e-9
    )


@pytest.mark.parametrize("noise", ["ev", "nv"])
def test_certificate_is_the_gap_of_the_penalised_weights(noise):
    X, _ = simulate(9, 4)
    model = ss.CoLiDE(noise, refine=None).fit(X)
    S, equal, floor = model.covariance_, noise == "ev", 1e-2 * X.std(axis=0).min()
    D = np.eye(9) - model.penalized_
    v = np.diagonal(D.T @ S @ D)
    left = np.sqrt(9 * v.sum()) if equal else np.sqrt(v).sum()
    place = np.argsort(model.order_)
    primal, bound, _ = gaps(S, model.penalized_, model.alpha_, floor, equal, place[:, None] < place[None, :])
    assert (
        model.objective_
        == pytest.approx(primal.sum())
        == pytest.approx(left + model.alpha_ * np.abs(model.penalized_).sum())
    )
    # Exact solves: far below the tolerance asked for.
    assert (primal - bound).sum() + 1e-12 >= 0 and (primal - bound).max() <= 1e-9 * primal.sum()
    worse = gaps(S, 0.9 * model.penalized_, model.alpha_, floor, equal, place[:, None] < place[None, :])
    assert (worse[0] - worse[1]).sum() > 1e-3


@pytest.mark.parametrize("noise", ["ev", "nv"])
def test_program_of_the_order_has_the_same_optimum(noise):
    X, _ = simulate(6, 5)
    model = ss.CoLiDE(noise, alpha=0.1, refine=None).fit(X)
    program = model.program()
    from sparsestats.backend.programs.dag import solve

    W = solve(program)
    # Clarabel is asked for 1e-11; cvxpy's norms cost it some digits.
    assert program.problem.value == pytest.approx(model.objective_, rel=1e-7)
    np.testing.assert_allclose(W, model.penalized_, atol=1e-4)


def test_program_takes_constraints_by_from_and_to():
    X, _ = simulate(5, 6)
    model = ss.CoLiDE().fit(pd.DataFrame(X, columns=list("abcde")))
    first, second = (model.names()[j] for j in model.order_[:2])
    program = model.program(constraints=lambda v: [v[first, second] == 0.25, v[second, first] == 0])
    program.problem.solve()
    v = program.variables
    assert v[first, second].value == v[f"{first} -> {second}"].value == pytest.approx(0.25, abs=1e-6)
    assert program.problem.value >= model.objective_ - 1e-8
    assert set(v) - {"W"} == {(model.names()[i], model.names()[j])
                              for k, i in enumerate(model.order_) for j in model.order_[k + 1 :]}  # fmt: skip
    # A pair the order rules out is the number 0: constraints on it hold or contradict.
    model.program(constraints=lambda v: [v[second, first] >= 0.1]).problem.solve()
    with pytest.raises(KeyError, match="is no edge"):
        model.program(constraints=lambda v: [v["a", "z"] == 0])


def test_knowledge_is_named_by_columns():
    X, W = simulate(4, 6)
    i, j = np.argwhere(W)[0]
    frame = pd.DataFrame(X, columns=list("abcd"))
    source, target = "abcd"[i], "abcd"[j]
    model = ss.CoLiDE(required=[(target, source)], tiers={target: 0, source: 1}).fit(frame)
    assert model.adjacency_[j, i] != 0
    assert ss.CoLiDE(forbidden=[(source, target)]).fit(frame).adjacency_[i, j] == 0


def test_labels_and_row_numbers_are_refused_by_name():
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 3)), columns=list("abc"))
    with pytest.raises(ValueError, match="'sex' is not"):
        ss.CoLiDE().fit(frame.assign(sex="f"))
    with pytest.raises(ValueError, match="'patient' numbers the rows"):
        ss.CoLiDE().fit(frame.assign(patient=np.arange(50)))


def test_scaling_the_data_scales_the_noise_and_nothing_else():
    X, _ = simulate(12, 7)
    model, scaled = ss.CoLiDE().fit(X), ss.CoLiDE().fit(3 * X + 5)
    np.testing.assert_allclose(scaled.adjacency_, model.adjacency_, atol=1e-9)
    np.testing.assert_allclose(scaled.penalized_, model.penalized_, atol=1e-9)
    assert scaled.noise_scale_ == pytest.approx(3 * model.noise_scale_)


def test_published_penalty_scale_halves_the_exponent():
    # F(W; cX, alpha) = c F(W; X, alpha / c): alpha / c, where least squares has alpha / c^2.
    X, _ = simulate(10, 8)
    a = ss.CoLiDE(penalty_scale=None, alpha=0.15).fit(3 * X)
    b = ss.CoLiDE(penalty_scale=None, alpha=0.05).fit(X)
    np.testing.assert_allclose(a.penalized_, b.penalized_, atol=1e-9)


def test_relabelling_the_columns_relabels_the_graph():
    X, _ = simulate(12, 9)
    p = np.random.default_rng(0).permutation(12)
    np.testing.assert_allclose(
        ss.CoLiDE().fit(X[:, p]).adjacency_, ss.CoLiDE().fit(X).adjacency_[np.ix_(p, p)], atol=1e-9
    )


def test_covariance_is_all_it_needs():
    X, _ = simulate(10, 10)
    a = ss.CoLiDE().fit(X)
    b = ss.CoLiDE().fit_covariance(np.cov(X.T, ddof=0), len(X), mean=X.mean(axis=0))
    np.testing.assert_allclose(a.adjacency_, b.adjacency_, atol=1e-10)
    np.testing.assert_allclose(a.predict(X), b.predict(X), atol=1e-8)


def test_certify_proves_the_optimum_of_every_order():
    X, _ = simulate(5, 11)
    model = ss.CoLiDE(refine=None).fit(X)
    told = model.certify()
    floor = 1e-2 * X.std(axis=0).min()
    from sparsestats.backend.native.dag import Score, fit_on_order

    score = Score(np.ascontiguousarray(model.covariance_), True, model.alpha_, floor)
    best = min(fit_on_order(score, np.array(order)).objective for order in permutations(range(5)))
    assert told.converged and told.kind == "optimality"
    assert told.bound <= best * (1 + 1e-9) and model.objective_ == pytest.approx(best, rel=1e-6)
    loose = model.certify(max_exact=0)
    assert loose.bound < best and not loose.converged


@pytest.mark.parametrize("refine", [None, "bic"])
@pytest.mark.parametrize("solver", ["order", "hybrid"])
def test_knowledge_holds_in_the_fit_and_in_every_replicate(refine, solver):
    X, W = simulate(7, 12)
    true = [(int(i), int(j)) for i, j in zip(*np.nonzero(W), strict=True)]
    (i, j), (a, b) = true[0], true[1]
    late = next(k for k in range(7) if k not in (i, j))
    options = {"mu": (1.0, 0.1), "t": (1.0, 0.9), "steps": (300, 300)}
    model = ss.CoLiDE(
        solver=solver, refine=refine, required=[(j, i)], forbidden=[(a, b)] if (a, b) != (j, i) else [],
        tiers=[[k for k in range(7) if k != late], [late]], max_parents=3, path_options=options,
    ).fit(X)  # fmt: skip
    found = model.bootstrap(X, 20, random_state=0)
    for weights in [model.adjacency_, *map(found.replicate, range(20))]:
        assert weights[j, i] != 0  # against the truth, and still there
        assert weights[a, b] == 0 and not weights[late].any()
        assert (weights != 0).sum(axis=0).max() <= 3
        assert topological_order(weights) is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"required": [("a", "b"), ("b", "a")]}, "form a cycle"),
        ({"required": [("a", "b")], "forbidden": [("a", "b")]}, "both required and forbidden"),
        ({"required": [("b", "a")], "tiers": [["a"], ["b"]]}, "against the tiers"),
        ({"forbidden": [("a", "z")]}, "'z', which is not a column"),
        ({"forbidden": [("a", "a")]}, "to itself"),
        ({"tiers": [["a"], ["a"]]}, "twice"),
        ({"required": [("a", "c"), ("b", "c")], "max_parents": 1}, "has 2 required parents"),
    ],
)
def test_knowledge_that_contradicts_itself_is_refused(arguments, message):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 3)), columns=list("abc"))
    with pytest.raises(ValueError, match=message):
        ss.CoLiDE(**arguments).fit(X)


def test_bootstrap_does_not_depend_on_the_workers():
    X, _ = simulate(8, 13)
    model = ss.CoLiDE().fit(X)
    one, two = (model.bootstrap(X, 12, random_state=3, n_jobs=k) for k in (1, 2))
    np.testing.assert_array_equal(one.weights.toarray(), two.weights.toarray())
    table = one.to_frame()
    assert table["frequency"].between(0, 1).all() and table["frequency"].iloc[0] == 1
    assert ((one.stable(1.0) != 0) <= (one.frequencies == 1)).all()


def test_missing_values_by_em_come_close_to_the_whole_data():
    X, W = simulate(8, 14, n=3000)
    holes = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    with pytest.raises(ValueError, match="NaN"):
        ss.CoLiDE().fit(holes)
    model = ss.CoLiDE(missing="em").fit(holes)
    assert ss.metrics.shd(W, model.adjacency_) <= 1
    assert np.abs(model.covariance_ / np.cov(X.T, ddof=0) - 1).max() < 0.2 or np.abs(model.adjacency_ - W).max() < 0.2
    assert np.isnan(model.predict(holes)).any()


def test_standardised_columns_warn_unless_refined():
    X, W = simulate(10, 15)
    X = X / X.std(axis=0)
    with pytest.warns(DataWarning, match="same variance"):
        ss.CoLiDE().fit(X)
    refined = ss.CoLiDE(refine="bic").fit(X)
    assert ss.metrics.shd_cpdag(W, refined.adjacency_) <= 4


def test_a_frame_is_scored_without_a_warning():
    X, _ = simulate(4, 2)
    frame = pd.DataFrame(X, columns=list("abcd"))
    # The mean log-likelihood of the fitting rows is that of their moments; a warning would fail the test.
    model = ss.CoLiDE().fit(frame)
    assert model.score(frame) == pytest.approx(model.log_likelihood_, rel=1e-10)


def test_refined_graphs_hold_in_any_units():
    # Started from the order of equal noise alone, these graphs came out with more edges wrong than there are.
    for seed in (30, 31, 32):
        X, W = simulate(20, seed, degree=4, unequal=seed % 2 == 0)
        units = np.exp(np.random.default_rng(seed).normal(0, 2, 20))
        for columns in (X / X.std(axis=0), X * units):
            wrong = ss.metrics.shd_cpdag(W, ss.CoLiDE(refine="bic").fit(columns).adjacency_)
            assert wrong <= 0.1 * np.count_nonzero(W)


def test_refinement_sees_parents_whose_effects_cancel():
    # Each cause alone tells .6 % of the last variable, less than the price of an edge; the three together 6 / 7.
    rng = np.random.default_rng(0)
    half = np.linalg.cholesky(np.full((3, 3), -0.49) + 1.49 * np.eye(3))
    causes = rng.normal(size=(500, 3)) @ half.T
    X = np.column_stack([causes, causes.sum(axis=1) + 0.1 * rng.normal(size=500)])
    model = ss.CoLiDE("nv", tiers=[[0, 1, 2], [3]]).fit(X)
    assert np.abs(model.adjacency_[:3, 3] - 1).max() < 0.1  # standard errors of .02


def test_arrows_that_follow_units_warn_and_equal_noise_does_not():
    # Equal noise also sorts by variance, but then its noise comes out equal: the fits of X are silent.
    for seed in (15, 16):
        X, _ = simulate(15, seed)
        units = np.exp(np.random.default_rng(seed).uniform(-2, 2, 15))
        assert not ss.CoLiDE().fit(X).follows_variances_
        with pytest.warns(DataWarning, match="only follow the units"):
            model = ss.CoLiDE().fit(X * units)
        assert model.follows_variances_ and model.varsortability_ > 0.75
        assert "only follow the units" in str(model.__report__().notes)
        ss.CoLiDE(refine="bic").fit(X * units)  # leans on units little: silent


def test_r2_sortability_is_blind_to_units():
    X, _ = simulate(8, 15)
    model = ss.CoLiDE().fit(X)
    r2 = [1 - 1 / (np.var(X[:, j]) * np.linalg.inv(np.cov(X.T, ddof=0))[j, j]) for j in range(8)]
    source, target = np.nonzero(model.adjacency_)
    share = np.mean(np.take(r2, source) < np.take(r2, target))
    assert model.r2_sortability_ == pytest.approx(share) and share > 0
    scaled = ss.CoLiDE().fit(3 * X)
    assert scaled.r2_sortability_ == pytest.approx(share)


def test_edges_pruned_by_bic_are_kept_and_told():
    X, _ = simulate(12, 9, n=100)
    model = ss.CoLiDE().fit(X)
    out = model.pruned_
    assert out.any() and (model.penalized_[out] != 0).all() and not model.adjacency_[out].any()
    said = f"{out.sum()} of {np.count_nonzero(model.penalized_)} penalised edges pruned by BIC"
    assert said in model.__report__().settings
    whole = ss.CoLiDE(prune=False, threshold=0).fit(X)
    assert not whole.pruned_.any() and ((whole.adjacency_ != 0) == (whole.penalized_ != 0)).all()


def test_constant_column_is_alone():
    X, _ = simulate(6, 16)
    X[:, 2] = 7.0
    model = ss.CoLiDE().fit(X)
    assert not model.adjacency_[2].any() and not model.adjacency_[:, 2].any()
    assert np.isfinite(model.objective_) and model.intercept_[2] == 7.0
    everything = ss.CoLiDE().fit(np.full((5, 3), 2.0))
    assert not everything.adjacency_.any() and everything.certificate_.value == 0


@pytest.mark.parametrize("noise", ["ev", "nv"])
def test_duplicated_and_deterministic_columns_are_answered(noise):
    X, _ = simulate(5, 17)
    X = np.column_stack([X, X[:, 0], X[:, 1] + 2 * X[:, 2]])
    with pytest.warns(DataWarning, match="singular"):
        model = ss.CoLiDE(noise).fit(X)
    assert np.isfinite(model.objective_) and np.isfinite(model.adjacency_).all()
    assert topological_order(model.adjacency_) is not None


def test_fewer_rows_than_columns():
    X, W = simulate(40, 18, n=30, degree=1)
    with pytest.warns(DataWarning, match="singular"):
        model = ss.CoLiDE().fit(X)
    assert model.certificate_.converged
    assert ss.metrics.shd(W, model.adjacency_) < (W != 0).sum()  # better than no graph


def test_one_and_two_variables():
    rng = np.random.default_rng(0)
    assert ss.CoLiDE().fit(rng.normal(size=(20, 1))).adjacency_.tolist() == [[0.0]]
    x = rng.normal(size=300)
    model = ss.CoLiDE().fit(np.column_stack([x + rng.normal(size=300), x]))
    assert model.order_.tolist() == [1, 0] and model.adjacency_[1, 0] == pytest.approx(1, abs=0.15)


def test_input_is_not_changed_and_integers_are_taken():
    X = pd.DataFrame(np.random.default_rng(0).integers(0, 9, (60, 3)), columns=list("abc"))
    kept = X.copy()
    ss.CoLiDE().fit(X)
    pd.testing.assert_frame_equal(X, kept)


def test_undecided_variables_share_a_block():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(2000, 4))
    X = np.column_stack([z[:, 0], z[:, 1], z[:, 0] + z[:, 1] + z[:, 2], z[:, 3]])
    model = ss.CoLiDE().fit(X)
    block_of = {j: k for k, block in enumerate(model.order_blocks_) for j in block}
    assert sorted(j for block in model.order_blocks_ for j in block) == [0, 1, 2, 3]
    assert block_of[0] == block_of[1] < block_of[2]
    # Every order inside the blocks has the objective of the one found.
    from sparsestats.backend.native.dag import Score, fit_on_order

    score = Score(np.ascontiguousarray(model.covariance_), True, model.alpha_, 1e-3)
    flipped = [j for block in model.order_blocks_ for j in block[::-1]]
    assert fit_on_order(score, np.array(flipped)).objective == pytest.approx(model.objective_, rel=1e-9)


def test_orders_within_tol_of_each_other_are_undecided():
    # Two joined variables of one variance: f = v1 + v2 - c^2 / v1 is the same both ways.
    x, z = np.random.default_rng(0).normal(size=(2, 400))
    X = np.column_stack([x, x + z])
    X = X / X.std(axis=0)
    tied = ss.CoLiDE().fit(X)
    assert np.count_nonzero(tied.adjacency_) == 1 and sorted(map(sorted, tied.order_blocks_)) == [[0, 1]]
    assert "undecided, objectives within" in str(tied.__report__().notes)
    # A variance a tenth of a percent apart decides, and so does a tier.
    apart = ss.CoLiDE().fit(X * [1.0, 1.001])
    assert apart.order_blocks_ == [[0], [1]]
    assert ss.CoLiDE(tiers=[[1], [0]]).fit(X).order_blocks_ == [[1], [0]]


def test_effects_interventions_and_samples_agree():
    X, _ = simulate(6, 19)
    model = ss.CoLiDE().fit(X)
    total = model.total_effects()
    for k in range(6):
        shift = model.do({k: 3.0}) - model.do({k: 2.0})
        np.testing.assert_allclose(np.delete(shift, k), np.delete(total[k], k), atol=1e-10)
    # Against the order no effect at all, not one of rounding.
    assert not np.tril(total[np.ix_(model.order_, model.order_)]).any()
    drawn = model.sample(100_000, random_state=0)
    # Monte Carlo: 1e5 rows give three digits of the largest covariance.
    np.testing.assert_allclose(np.cov(drawn.T), model.implied_covariance(), atol=0.03 * np.abs(model.covariance_).max())
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    assert (model.sample(3) != model.sample(3)).all()
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    one, two = (model.sample(3, random_state=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    set_ = model.sample(50, do={0: 4.0}, random_state=0)
    assert (set_[:, 0] == 4.0).all()


def test_score_is_the_gaussian_log_likelihood():
    from scipy.stats import multivariate_normal

    X, _ = simulate(5, 20)
    for noise in ("ev", "nv"):
        model = ss.CoLiDE(noise).fit(X)
        law = multivariate_normal(model.location_, model.implied_covariance())
        assert model.score(X) == pytest.approx(law.logpdf(X).mean(), rel=1e-9)
        assert model.log_likelihood_ == pytest.approx(model.score(X), rel=1e-9)


def test_hybrid_is_never_worse_than_either():
    X, _ = simulate(8, 21)
    options = {
        "mu": (1.0, 0.1, 0.01),
        "t": (1.0, 0.9, 0.8),
        "steps": (2000, 2000, 3000),
        "learning_rate": 1e-3,
    }
    fits = {s: ss.CoLiDE(solver=s, path_options=options).fit(X).objective_ for s in ("order", "path", "hybrid")}
    assert fits["hybrid"] <= min(fits.values()) * (1 + 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["ev", "nv"])
@pytest.mark.filterwarnings("ignore:.*arrows go from smaller:sparsestats.exceptions.DataWarning")
def test_objective_is_never_above_that_of_the_published_path(noise):
    for seed in range(3):
        X, _ = simulate(20, 200 + seed, degree=4, unequal=noise == "nv")
        ours = ss.CoLiDE(noise, refine=None, penalty_scale=None).fit(X)
        theirs = ss.CoLiDE(noise, refine=None, penalty_scale=None, solver="path").fit(X)
        assert ours.objective_ <= theirs.objective_ * (1 + 1e-9)


def test_frames_give_names_everywhere():
    X, _ = simulate(4, 22)
    names = ["w", "x", "y", "z"]
    model = ss.CoLiDE().fit(pd.DataFrame(X, columns=names))
    table = model.to_frame()
    graph = model.to_networkx()
    assert set(table["from"]) | set(table["to"]) <= set(names)
    assert {(a, b) for a, b in graph.edges} == set(zip(table["from"], table["to"], strict=True))
    assert set(graph.nodes) == set(names)


@pytest.mark.parametrize("kind", ["dag", "cpdag", "matrix"])
def test_plots_name_every_variable(kind):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    X, _ = simulate(6, 23)
    model = ss.CoLiDE().fit(pd.DataFrame(X, columns=[f"v{j}" for j in range(6)]))
    ax = model.plot(kind)
    shown = {t.get_text() for t in [*ax.texts, *ax.get_xticklabels()]}
    assert {f"v{j}" for j in range(6)} <= shown
    plt.close("all")


@pytest.mark.parametrize("noise", ["ev", "nv"])
def test_without_a_penalty_the_bound_is_least_squares(noise):
    X = np.random.default_rng(3).normal(size=(100, 6)) @ np.triu(np.ones((6, 6)))
    model = ss.CoLiDE(noise, alpha=0, refine=None).fit(X)
    Z, left = X - X.mean(axis=0), []
    for k, j in enumerate(model.order_):
        before = Z[:, model.order_[:k]]
        left.append(np.mean((Z[:, j] - before @ np.linalg.lstsq(before, Z[:, j], rcond=None)[0]) ** 2))
    least = np.sqrt(6 * sum(left)) if noise == "ev" else np.sqrt(left).sum()
    assert model.certificate_.converged
    assert model.certificate_.bound == pytest.approx(least, rel=1e-10)


def test_moments_that_are_none_are_refused():
    for S, n, mean, message in (
        (3.0, 9, None, "square covariance matrix"),
        (np.eye(2), np.inf, None, "number of rows"),
        (np.eye(2), 9, [0.0, np.nan], "one finite value"),
    ):
        with pytest.raises(ValueError, match=message):
            ss.CoLiDE().fit_covariance(S, n, mean=mean)


@pytest.mark.parametrize("noise", ["ev", "nv"])
@pytest.mark.filterwarnings("ignore::sparsestats.exceptions.DataWarning")
def test_dependent_columns_do_not_stop_short_of_the_optimum(noise):
    rng = np.random.default_rng(7)
    few_rows = rng.normal(size=(10, 30))
    few_rows = few_rows - few_rows.mean(axis=0)  # rank 9: predecessors of most variables are dependent
    X = rng.normal(size=(50, 6))
    sums = np.column_stack([X, X[:, 0] + X[:, 1], X[:, 2] - 2 * X[:, 3]])
    for data, alpha in ((few_rows, 0.05), (few_rows, 0.003), (sums, 0.003)):
        model = ss.CoLiDE(noise, alpha=alpha, refine=None).fit(data)
        # Exact solves: the gap is rounding, far below tol.
        assert model.certificate_.relative < 1e-10 and np.count_nonzero(model.penalized_) > 5


@pytest.mark.parametrize("noise", ["ev", "nv"])
def test_units_far_from_one_change_nothing_or_are_refused(noise):
    X, _ = simulate(6, 8)
    usual = ss.CoLiDE(noise).fit(X)
    for power in (-150, 150):  # a power of two, so that no digit changes: about 1e-45 and 1e45
        scaled = ss.CoLiDE(noise).fit(X * 2.0**power)
        np.testing.assert_array_equal(scaled.cpdag_, usual.cpdag_)  # within it the BIC's directions are ties
        if noise == "ev":
            np.testing.assert_allclose(scaled.adjacency_, usual.adjacency_, rtol=1e-9)
            assert scaled.noise_scale_ == pytest.approx(usual.noise_scale_ * 2.0**power, rel=1e-9)
        assert scaled.certificate_.converged
    for factor in (1e-140, 1e140, 1e-170, 1e170):
        with pytest.raises(ValueError, match="Give the columns another unit"):
            ss.CoLiDE(noise).fit(X * factor)
    with pytest.raises(ValueError, match="column 'x2' has variance"):
        ss.CoLiDE(noise).fit(X * np.where(np.arange(6) == 2, 1e-140, 1.0))


def test_replicates_are_kept_sparse():
    X, _ = simulate(12, 4)
    model = ss.CoLiDE().fit(X)
    found = model.bootstrap(X, 15, random_state=1)
    dense = np.array([found.replicate(k) for k in range(15)])
    np.testing.assert_allclose(found.frequencies, (dense != 0).mean(axis=0))
    assert found.weights.nnz == np.count_nonzero(dense) < dense.size / 2
    row = found.to_frame().iloc[-1]
    i, j = (model.names().index(row[end]) for end in ("from", "to"))
    drawn = dense[:, i, j][dense[:, i, j] != 0]
    assert row["median"] == pytest.approx(np.median(drawn))


def test_the_best_order_of_an_earlier_fit_is_gone_after_the_next():
    X, _ = simulate(4, 1)
    model = ss.CoLiDE().fit(X)
    model.certify()
    assert hasattr(model, "best_order_") and not hasattr(model.fit(X), "best_order_")


def test_one_arrow_is_spoken_of_in_the_singular():
    z = np.random.default_rng(0).normal(size=(300, 2))
    frame = pd.DataFrame({"a": z[:, 0], "b": 2 * z[:, 0] + z[:, 1]})
    text = str(ss.colide(frame).summary())
    assert "the only arrow goes from smaller to larger variance" in text and "2 variables" in text


def test_options_of_the_path_are_named():
    with pytest.raises(ValueError, match="path_options has 'step', and knows mu, t, steps, learning_rate"):
        ss.CoLiDE(solver="path", path_options={"step": 1}).fit(simulate(3, 1)[0])
    with pytest.raises(ValueError, match="max_exact must be a whole number from 0 to 20; got 'all'"):
        ss.CoLiDE().fit(simulate(3, 1)[0]).certify("all")
