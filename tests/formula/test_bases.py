"""Bases against R's published numbers, formulaic, scipy, and their own limits."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import BSpline

from sparsestats.exceptions import DataWarning, FormulaError
from sparsestats.formula import design

WOMEN = pd.DataFrame(
    {
        "height": np.arange(58.0, 73.0),
        "weight": [115.0, 117, 120, 123, 126, 129, 132, 135, 139, 142, 146, 150, 154, 159, 164],
    }
)


def fitted(X, y):
    A = np.column_stack([np.ones(len(y)), X])
    return A @ np.linalg.lstsq(A, y, rcond=None)[0]


def span_equal(A, B, tol=1e-9):
    """Whether two bases span one space beside the constant; tol against rounding of the projections."""
    both = [np.column_stack([np.ones(len(M)), M]) for M in (A, B)]
    q = [np.linalg.qr(M)[0] for M in both]
    return np.allclose(q[0] @ q[0].T, q[1] @ q[1].T, atol=tol)


def test_ns_gives_the_coefficients_of_the_r_manual():
    # ?splines::ns prints these for lm(weight ~ ns(height, df = 5), data = women), to four digits.
    built = design("weight ~ ns(height, df=5)", WOMEN)
    A = np.column_stack([np.ones(15), built.X])
    estimate = np.linalg.lstsq(A, built.y, rcond=None)[0]
    np.testing.assert_allclose(estimate, [114.7447, 15.9474, 25.1695, 33.2582, 50.7894, 45.0363], atol=5e-5)


def test_ns_with_one_df_is_the_straight_line():
    built = design("weight ~ ns(height, df=1)", WOMEN)
    assert span_equal(built.X, WOMEN[["height"]].to_numpy())


def test_ns_contains_the_line_and_continues_linearly_on_both_sides():
    built = design("weight ~ ns(height, df=4)", WOMEN)
    A = np.column_stack([np.ones(15), built.X])
    line = np.linalg.lstsq(A, WOMEN.height, rcond=None)
    assert line[1].item() < 1e-18
    far = pd.DataFrame({"height": [40.0, 45, 50, 80, 85, 90]})
    new = built.spec.transform(far).X
    for three in (new[:3], new[3:]):
        np.testing.assert_allclose(three[0] - 2 * three[1] + three[2], 0, atol=1e-9)
    assert np.abs(new[2] - new[0]).max() > 0.1
    # Value and slope meet at the bound: a step of h outside differs from the tangent by O(h^2) only inside.
    h = 1e-6
    near = built.spec.transform(pd.DataFrame({"height": [72 - h, 72, 72 + h]})).X
    np.testing.assert_allclose(near[2] - near[1], near[1] - near[0], atol=1e-10)


def test_ns_spans_the_natural_cubic_splines_of_cr():
    knots = np.quantile(WOMEN.height, [0.25, 0.5, 0.75]).tolist()
    ns = design(f"weight ~ ns(height, knots={knots})", WOMEN).X
    cr = design(f"weight ~ cr(height, knots={knots})", WOMEN).X
    np.testing.assert_allclose(fitted(ns, WOMEN.weight), fitted(cr, WOMEN.weight), atol=1e-9)


def test_bs_is_the_b_spline_basis_without_its_first_column():
    x = WOMEN.height.to_numpy()
    knots = np.r_[[58.0] * 4, np.quantile(x, [1 / 3, 2 / 3]), [72.0] * 4]
    expected = BSpline(knots, np.eye(6), 3)(x)[:, 1:]
    np.testing.assert_allclose(design("weight ~ bs(height, df=5)", WOMEN).X, expected, atol=1e-12)


def test_bs_continues_by_its_last_piece_and_warns_when_far_out():
    built = design("weight ~ bs(height, df=5)", WOMEN)
    knots = np.r_[[58.0] * 4, np.quantile(WOMEN.height, [1 / 3, 2 / 3]), [72.0] * 4]
    near, far = pd.DataFrame({"height": [57.5, 73.0]}), pd.DataFrame({"height": [60.0, 80.0]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a fold meets such values all the time
        new = built.spec.transform(near).X
    np.testing.assert_allclose(new, BSpline(knots, np.eye(6), 3)([57.5, 73.0])[:, 1:], atol=1e-12)
    with pytest.warns(DataWarning, match=r"height has 1 value outside \[58, 72\].*\(row 1\).*ns\(height, df=4\)"):
        new = built.spec.transform(far).X
    np.testing.assert_allclose(new, BSpline(knots, np.eye(6), 3)([60.0, 80.0])[:, 1:], atol=1e-9)


def test_bs_raises_or_clips_outside_its_range_when_asked():
    new = pd.DataFrame({"height": [60.0, 80.0]})
    strict = design("weight ~ bs(height, df=5, extrapolation='raise')", WOMEN)
    with pytest.raises(ValueError, match=r"height has 1 value outside \[58, 72\].*\(row 1\).*ns\("):
        strict.spec.transform(new)
    clipped = design("weight ~ bs(height, df=5, extrapolation='clip')", WOMEN)
    np.testing.assert_array_equal(
        clipped.spec.transform(new).X[1], clipped.spec.transform(pd.DataFrame({"height": [72.0]})).X[0]
    )


def test_cc_repeats_its_cycle():
    data = pd.DataFrame({"y": np.arange(24.0), "hour": np.arange(24.0)})
    built = design("y ~ cc(hour, df=5, lower_bound=0, upper_bound=24)", data)
    later = built.spec.transform(data.assign(hour=data.hour + 24)).X
    np.testing.assert_allclose(later[1:], built.X[1:], atol=1e-12)


def test_unpenalised_cr_is_centred_so_that_it_stands_beside_an_intercept():
    free = design("weight ~ keep(cr(height, df=5))", WOMEN)
    np.testing.assert_allclose(free.X.mean(axis=0), 0, atol=1e-12)
    assert np.linalg.matrix_rank(np.column_stack([np.ones(15), free.X])) == 6
    penalised = design("weight ~ cr(height, df=5)", WOMEN)
    np.testing.assert_allclose(penalised.X.sum(axis=1), 1, atol=1e-12)
    new = pd.DataFrame({"height": [60.0, 61.0]})
    whole = design("weight ~ cr(height, df=5)", WOMEN).spec.transform(new).X
    np.testing.assert_allclose(whole.sum(axis=1), 1, atol=1e-12)


def test_poly_is_orthonormal_and_spans_the_powers():
    built = design("weight ~ poly(height, 3)", WOMEN)
    np.testing.assert_allclose(built.X.T @ built.X, np.eye(3), atol=1e-10)
    raw = design("weight ~ poly(height, 3, raw=True)", WOMEN)
    np.testing.assert_allclose(raw.X, WOMEN.height.to_numpy()[:, None] ** np.arange(1, 4))
    np.testing.assert_allclose(fitted(built.X, WOMEN.weight), fitted(raw.X - raw.X.mean(0), WOMEN.weight), atol=1e-5)


def test_cuts_are_zero_one_thresholds():
    built = design("weight ~ cuts(height, [65, 60])", WOMEN)
    assert built.names == ["cuts(height, [65, 60])[>=60]", "cuts(height, [65, 60])[>=65]"]
    np.testing.assert_array_equal(built.X, np.column_stack([WOMEN.height >= 60, WOMEN.height >= 65]))


def test_quantile_cuts_are_learned_and_kept():
    built = design("weight ~ quantile_cuts(height, 4)", WOMEN)
    cuts = np.quantile(WOMEN.height, [0.25, 0.5, 0.75])
    np.testing.assert_array_equal(built.X, WOMEN.height.to_numpy()[:, None] >= cuts)
    new = pd.DataFrame({"height": [70.0, 71, 72]})
    np.testing.assert_array_equal(built.spec.transform(new).X, np.ones((3, 3)))


@pytest.mark.parametrize(
    "formula",
    [
        "bs(x, df=5)",
        "bs(x, df=6, include_intercept=True)",
        "bs(x, degree=2, df=4)",
        "cr(x, df=4)",
        "cc(x, df=4)",
    ]
    + ["poly(x, 3)", "bs(x, knots=[0.3, 0.6])", "scale(x)", "center(x)", "bs(log(x + 1), df=4)"],
)
def test_columns_are_those_of_formulaic(formula):
    from formulaic import model_matrix

    rng = np.random.default_rng(3)
    data = pd.DataFrame({"y": rng.normal(size=40), "x": rng.uniform(size=40)})
    theirs = model_matrix(f"0 + {formula}", data, ensure_full_rank=False).to_numpy()
    np.testing.assert_allclose(design(f"y ~ {formula}", data).X, theirs, atol=1e-12)


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        ("bs(x, df=6)", "only 3 different values|more than the 3 different"),
        ("ns(x, df=5)", "more than the 3 different"),
        ("poly(x, 3)", "only 3 different values"),
        ("bs(k, df=3)", "only 1 different"),
        ("scale(k)", "constant"),
        ("cr(z)", "needs df or knots"),
        ("bs(z, df=2)", "degree 3 needs df >= 3; degree=1 is piecewise linear"),
        ("bs(z, df=4, knots=[0.5])", "cannot both|both"),
        ("ns(z, df=4, knots=[0.5])", "cannot both"),
        ("bs(z, knots=[50])", "not inside"),
        ("ns(z, lower_bound=3, upper_bound=2)", "not below"),
        ("quantile_cuts(z, 1)", "at least 2"),
        ("bs(z, degree=29)", "above 20"),
        ("C(k, contr.sum)", "two levels"),
        ("C(g, contr.treatment('zz'))", "base 'zz' is not among the levels"),
        ("C(g, levels=['a'])", "leaves out"),
        ("I(g == 'zz')", "no level 'zz'"),
    ],
)
def test_basis_that_the_data_cannot_carry_is_refused(formula, text):
    data = pd.DataFrame(
        {
            "y": np.arange(30.0),
            "x": np.arange(30) % 3.0,
            "k": 1.0,
            "z": np.linspace(0, 1, 30),
            "g": list("ab") * 15,
        }
    )
    with pytest.raises(FormulaError, match=text):
        design(f"y ~ {formula}", data)
