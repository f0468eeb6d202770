"""Path: interpolation, prediction, tables and plots of a fitted path."""

import dataclasses
import pickle

import matplotlib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import sparsestats as ss
from sparsestats.backend.certificate import Certificate
from sparsestats.backend.problem import PathResult
from sparsestats.backend.standardize import standardization
from sparsestats.report.path import Path

matplotlib.use("Agg")


def expit(eta):
    return 1 / (1 + np.exp(-eta))


def certificate(value=1e-9):
    return Certificate("gap", value, 1.0, 1e-6, 1.0, 1.0 - value, 3, "tol")


@pytest.fixture
def path():
    return Path(
        alphas=np.array([4.0, 2.0, 1.0]),
        coefs=np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.0, -3.0, 0.0]]),
        intercepts=np.array([5.0, 6.0, 8.0]),
        certificates=[certificate(), certificate(), certificate(1e-3)],
        alpha_max=4.0,
        deviance_ratio=np.array([0.0, 0.3, 0.6]),
        feature_names=["a", "b", "c"],
        groups=np.array([0, 0, 1]),
        group_names=["ab", "c"],
        sd=np.array([2.0, 1.0, 1.0]),
    )


def test_coef_on_the_grid_is_the_row_and_a_copy(path):
    row = path.coef(2.0)
    np.testing.assert_array_equal(row, [1.0, 0.0, 0.0])
    row[0] = 99.0
    assert path.coefs[1, 0] == 1.0


def test_coef_between_two_alphas_is_linear_in_alpha(path):
    # Exact in binary: a third of the way from 2 to 1 is not, half of it is.
    np.testing.assert_array_equal(path.coef(1.5), [1.5, -1.5, 0.0])
    assert path.intercept(1.5) == 7.0
    np.testing.assert_array_equal(path.coef(3.0), [0.5, 0.0, 0.0])


def test_an_alpha_printed_to_twelve_digits_is_still_on_the_grid(path):
    assert path.locate(2.0 * (1 + 1e-12)) == (1, 1, 0.0)
    assert path.locate(4.0 * (1 + 1e-12))[0] == 0


@pytest.mark.parametrize("alpha", [4.1, 0.9, 0.0, -1.0, np.nan])
def test_outside_the_range_names_the_range(path, alpha):
    with pytest.raises(ValueError, match=r"outside the fitted range \[1, 4\]"):
        path.coef(alpha)


def test_an_empty_path_says_why():
    empty = Path(
        np.empty(0),
        np.empty((0, 2)),
        np.empty(0),
        [],
        1.0,
        np.empty(0),
        stopped="interrupted before the first alpha",
    )
    with pytest.raises(ValueError, match="interrupted before the first alpha"):
        empty.coef(1.0)
    assert "0 alphas" in repr(empty)


def test_predict_answers_for_one_alpha_or_for_all(path):
    X = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])
    np.testing.assert_array_equal(path.predict(X, 1.0), [8 + 2 - 6, 8 - 3])
    everything = path.predict(X)
    assert everything.shape == (2, 3)
    np.testing.assert_array_equal(everything[:, 2], path.predict(X, 1.0))


def test_predict_is_the_same_for_sparse_frames_and_float32(path):
    X = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]])
    expected = path.predict(X)
    for other in (sparse.csr_array(X), sparse.csc_matrix(X), pd.DataFrame(X), X.astype(np.float32)):
        np.testing.assert_array_equal(path.predict(other), expected)


def test_predict_adds_the_offset_before_the_inverse_link(path):
    logistic = Path(path.alphas, path.coefs, path.intercepts, [], 4.0, path.deviance_ratio, mean=expit)
    X, offset = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 0.0]]), np.array([0.5, -7.0])
    link = logistic.predict(X, 1.0, offset, type="link")
    np.testing.assert_array_equal(link, [4.5, -2.0])
    np.testing.assert_allclose(logistic.predict(X, 1.0, offset), expit(link), rtol=1e-15)
    np.testing.assert_array_equal(logistic.predict(X, None, offset, type="link")[:, 2], link)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p: p.predict(np.ones((2, 2)), 1.0), r"shape \(n, 3\), got \(2, 2\)"),
        (lambda p: p.predict(np.ones((2, 3)), 1.0, np.ones(3)), r"offset must have shape \(2,\), got \(3,\)"),
        (lambda p: p.predict(np.ones((2, 3)), 1.0, type="prob"), "'prob'"),
        (lambda p: p.plot(by="term"), "'term'"),
    ],
)
def test_wrong_calls_say_what_came(path, call, message):
    with pytest.raises(ValueError, match=message):
        call(path)


def test_counts_and_norms_follow_groups_and_standardisation(path):
    np.testing.assert_array_equal(path.n_nonzero, [0, 1, 2])
    np.testing.assert_array_equal(path.n_groups_active, [0, 1, 1])
    # Row 3: the penalty sees (2*2, -3), norm 5.
    np.testing.assert_array_equal(path.group_norms(), [[0, 0], [2, 0], [5, 0]])
    # The penalty's own map goes before the standard deviations.
    doubled = dataclasses.replace(path, standardization=sparse.diags_array([4.0, 2.0, 2.0]).tocsr())
    np.testing.assert_array_equal(doubled.group_norms(), [[0, 0], [4, 0], [10, 0]])
    np.testing.assert_array_equal(path.converged, [True, True, False])


def test_a_solver_s_answer_keeps_its_fields_and_takes_what_describes_it(path):
    own = ["alphas", "coefs", "intercepts", "certificates", "alpha_max", "deviance_ratio"]
    later = {"stopped": "early", "seconds": 2.5, "info": {"active": np.arange(3)}, "duals": [[], [], []]}
    result = PathResult(**{name: getattr(path, name) for name in own}, **later)
    described = {"groups": path.groups, "sd": path.sd, "ranked": True, "has_offset": True}
    dressed = Path.from_result(result, **described)
    for name in dataclasses.fields(Path):
        expected = described.get(name.name, getattr(result, name.name, name.default))
        assert getattr(dressed, name.name) is expected or getattr(dressed, name.name) == expected
    with pytest.raises(TypeError, match="colour"):
        Path.from_result(result, colour="red")


def test_tidy_is_long_and_keeps_zeros_only_when_asked(path):
    frame = path.tidy()
    assert list(frame.columns) == ["alpha", "column", "group", "estimate", "estimate_std"]
    assert frame[["alpha", "column", "estimate", "estimate_std"]].to_numpy().tolist() == [
        [2.0, "a", 1.0, 2.0],
        [1.0, "a", 2.0, 4.0],
        [1.0, "b", -3.0, -3.0],
    ]
    assert len(path.tidy(zeros=True)) == 9


def test_repr_counts_what_did_not_converge(path):
    assert "3 alphas" in repr(path)
    assert "1 NOT CONVERGED" in repr(path)


def test_names_are_made_up_only_where_none_were_given(path):
    bare = Path(path.alphas, path.coefs, path.intercepts, [], 4.0, path.deviance_ratio, groups=path.groups)
    assert list(bare.names) == ["x0", "x1", "x2"]
    assert list(bare.labels) == ["group 0", "x2"]


def test_pickle_keeps_every_array(path):
    again = pickle.loads(pickle.dumps(path))
    np.testing.assert_array_equal(again.coefs, path.coefs)
    assert again.labels == path.labels


def test_plot_draws_the_data_of_plot_data_and_names_the_strongest(path):
    ax = path.plot(by="column", mark={"min": 1.0, "1se": 2.0})
    data = path.plot_data(by="column")
    assert set(data["label"]) == {"a", "b"}
    drawn = {tuple(line.get_ydata()) for line in ax.lines if len(line.get_ydata()) == 3}
    for _, lines in data.groupby("label"):
        assert tuple(lines["value"]) in drawn
    texts = {text.get_text() for text in ax.texts}
    assert {"a", "b", "min", "1se"} <= texts
    left, right = ax.get_xlim()
    assert left > right


def test_plot_of_groups_uses_norms_and_the_axes_given(path):
    ax = matplotlib.figure.Figure().subplots()
    assert path.plot(ax) is ax
    assert any(tuple(line.get_ydata()) == (0.0, 2.0, 5.0) for line in ax.lines)
    assert set(path.plot_data()["label"]) == {"ab"}


def test_plot_takes_one_alpha_a_zero_alpha_and_nothing_selected(path):
    def part(rows):
        return Path(path.alphas[rows], path.coefs[rows], path.intercepts[rows], [], 4.0, path.deviance_ratio[rows])

    for rows in ([2], [0], [0, 1]):
        part(rows).plot().figure.canvas.draw()
    with_zero = Path(np.array([4.0, 2.0, 0.0]), path.coefs, path.intercepts, [], 4.0, path.deviance_ratio)
    ax = with_zero.plot()
    ax.figure.canvas.draw()
    assert ax.get_xlim() == (4.0, 0.0)
    matplotlib.pyplot.close("all")


def test_a_plot_of_a_hundred_groups_names_the_ones_that_enter_first():
    # Group g enters at row g and grows for as long: the first ones end largest, except that group 3 shrinks.
    rows, m = 101, 100
    norms = np.maximum(np.arange(rows)[:, None] - np.arange(m), 0.0)
    norms[4:, 3] = 1e-3
    path = Path(
        np.geomspace(1, 0.01, rows),
        norms[:, np.repeat(np.arange(m), 2)],
        np.zeros(rows),
        [],
        1.0,
        deviance_ratio=np.zeros(rows),
        groups=np.repeat(np.arange(m), 2),
        group_names=[f"pathway {g} with a name as long as such names are" for g in range(m)],
    )

    def named(**options):
        ax = path.plot(**options)
        texts = {text.get_text() for text in ax.texts}
        assert all(len(text) <= 32 for text in texts)
        return {int(text.split()[1]) for text in texts}

    assert named() == set(range(9)) and named(top=4) == {0, 1, 2, 3}
    assert named(name="largest") == {0, 1, 2, *range(4, 10)}
    with pytest.raises(ValueError, match='"first" or "largest"'):
        path.plot(name="early")


def test_no_zero_has_a_sign():
    """It would print as -0.000, as a small effect does."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        X = rng.normal(size=(30, 6))
        y = X[:, 0] + rng.normal(size=30)
        coefs = ss.GroupSLOPE(groups=[0, 0, 1, 1, 2, 2]).path(X, y, ss.relative(1, 0.1, 10)).coefs
        assert (coefs == 0).any() and not np.signbit(coefs[coefs == 0]).any()


def test_norms_of_groups_are_deviations_of_their_fit_whatever_the_penalty_factor():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(80, 6)) @ rng.normal(size=(6, 6)) + 2
    y, groups, factor = X @ rng.normal(size=6), np.array([0, 0, 1, 1, 2, 2]), np.repeat([3.0, 1.0, 0.0], 2)
    model = ss.GroupSLOPE(groups=groups, standardize="group", penalty_factor=factor)
    path = model.path(X, y, ss.relative(0.1, 0.01, 3))
    fitted = [[(X[:, groups == g] @ coef[groups == g]).std() for g in range(2)] for coef in path.coefs]
    assert np.all(fitted[-1])
    np.testing.assert_allclose(path.group_norms()[:, :2], fitted, rtol=1e-10)
    np.testing.assert_allclose(path.group_norms()[:, 2], np.hypot(*path.coefs[:, 4:].T), rtol=1e-12)  # free: unscaled


def test_a_ranked_path_of_groups_multiplies_by_the_penalty_factor_once():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 4))
    y = X @ [1.0, 2.0, -1.0, 1.0] + rng.normal(size=60)
    factor = np.array([2.0, 2.0, 0.5, 0.5])
    model = ss.Penalized(penalty=ss.penalties.L1(), groups=[0, 0, 1, 1], standardize="group", penalty_factor=factor)
    path = dataclasses.replace(model.path(X, y, [0.01]), ranked=True)
    seen = np.abs(standardization(model._problem(X, y)).S @ path.coefs[0])
    np.testing.assert_allclose(path.clusters(0.01)["abs_std"], np.sort(seen)[::-1], rtol=1e-10)
