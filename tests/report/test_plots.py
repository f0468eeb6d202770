"""Shared pieces of the plots."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sparsestats as ss
from sparsestats.report.plots import mark_alphas, spread

heights = st.lists(st.floats(-10, 10), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(heights)
def test_spread_labels_keep_their_order_their_gap_and_stay_inside(values):
    out = spread(np.array(values), gap=1.0, low=-10.0, high=10.0)
    order = np.argsort(values, kind="stable")
    # 1e-9: sums of a dozen numbers of size 10.
    assert np.all(np.diff(out[order]) >= 1.0 - 1e-9)
    assert out.min() >= -10 - 1e-9
    assert out.max() <= 10 + 1e-9


def test_labels_far_apart_do_not_move():
    np.testing.assert_allclose(spread(np.array([3.0, -4.0, 0.0]), 1.0, -10.0, 10.0), [3.0, -4.0, 0.0])


def test_two_labels_at_one_height_part_evenly():
    np.testing.assert_allclose(spread(np.array([2.0, 2.0]), 1.0, -10.0, 10.0), [1.5, 2.5])


def test_more_labels_than_room_are_spaced_evenly():
    np.testing.assert_allclose(spread(np.array([0.0, 1.0, 2.0]), 5.0, 0.0, 2.0), [0.0, 1.0, 2.0])


def test_names_of_neighbouring_alphas_do_not_cover_each_other():
    from matplotlib import pyplot as plt

    ax = plt.subplots()[1]
    ax.set_xscale("log")
    ax.set_xlim(1.0, 0.01)
    mark_alphas(ax, {"1 se": 0.012, "min": 0.01})
    drawn(ax)
    first, second = (text.get_window_extent() for text in ax.texts)
    assert not first.overlaps(second)


def drawn(ax):
    """Every text of a figure, drawn: what matplotlib cannot typeset fails here."""
    ax.figure.draw_without_rendering()
    return [text.get_text() for text in ax.findobj(match=lambda artist: hasattr(artist, "get_text"))]


@pytest.fixture
def salaries():
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"$gain{$": rng.normal(size=90), "band": np.resize(["$0-$10", "$10-$25", "$_25^$"], 90)})
    return data.assign(y=data["$gain{$"] + (data["band"] == "$0-$10") + rng.normal(size=90))


def test_dollars_in_names_are_money(salaries):
    import matplotlib.pyplot as plt

    fit = ss.gslope("y ~ `$gain{$` + band", salaries, alpha="cv")
    for kind, term, name in (("path", None, "$gain{$"), ("term", "$gain{$", "$gain{$"), ("term", "band", "$_25^$")):
        ax = fit.plot(kind, term)
        assert name.replace("$", r"\$") in drawn(ax)
        plt.close(ax.figure)


def test_counts_stand_above_their_alphas_when_one_is_zero(salaries):
    import matplotlib.pyplot as plt

    fit = ss.slope("y ~ `$gain{$` + band", salaries, alpha="cv", alphas=[1.0, 0.1, 0.0])
    ax = fit.plot("cv")
    ax.figure.draw_without_rendering()
    (top,) = ax.child_axes
    for alpha in fit.path.alphas:
        below, above = (axes.transData.transform((alpha, 0))[0] for axes in (ax, top))
        assert above == pytest.approx(below, abs=0.5)  # half a pixel
    assert ax.get_xlim()[0] > 1.0 and ax.get_xlim()[1] < 0  # no point on the edge
    plt.close(ax.figure)


def test_a_factor_of_many_levels_is_sorted_and_named_as_far_as_there_is_room():
    import matplotlib.pyplot as plt

    rng = np.random.default_rng(0)
    data = pd.DataFrame({"site": np.repeat([f"site {i}" for i in range(90)], 4), "age": np.tile(np.arange(60), 6)})
    data["y"] = rng.normal(size=90)[np.repeat(np.arange(90), 4)] + 0.1 * data["age"] + rng.normal(size=360)
    fit = ss.gslope("y ~ site + C(age)", data, alpha=0.01)
    ax = fit.plot("term", "site")
    heights = ax.lines[-1].get_ydata()
    assert len(heights) == 90 and (np.diff(heights) >= 0).all() and heights[0] < heights[-1]
    assert len(ax.get_xticks()) == 30 and ax.get_xlabel() == "site (90 levels, one of 3 named)"
    plt.close(ax.figure)
    ax = fit.plot("term", "C(age)")  # numbers keep their order
    assert [tick.get_text() for tick in ax.get_xticklabels()][:3] == ["0", "2", "4"]
    plt.close(ax.figure)


@pytest.mark.parametrize("family", ["gaussian", "multinomial"])
def test_long_names_of_levels_leave_room_for_the_plot(family):
    data = ss.datasets.load_penguins()
    data["place"] = [f"level number {i % 12} of a long name" for i in range(len(data))]
    response = {"gaussian": "body_mass_g", "multinomial": "species"}[family]
    fit = ss.gslope(f"{response} ~ place", data, alpha=1e-4, family=family)
    ax = fit.plot("term", "place")
    drawn(ax)
    page, own = ax.figure.bbox, ax.get_window_extent()
    assert own.height > 0.7 * page.height and own.width > 0.5 * page.width
    for text in (ax.xaxis.label, ax.yaxis.label, *ax.get_yticklabels()):
        box = text.get_window_extent()
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
    effects, points = fit.plot_data("term", "place"), [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(np.concatenate([line.get_xdata() for line in points]), effects["effect"])
    assert [text.get_text() for text in ax.get_yticklabels()] == effects["place"].tolist()[:12]
    key = ax.get_legend()
    assert ([text.get_text() for text in key.get_texts()] if key else None) == (fit.levels and list(fit.levels))


def test_a_term_of_a_multinomial_fit_is_drawn_for_all_classes():
    fit = ss.gslope(
        "species ~ bs(bill_length_mm, df=4) + island + bill_depth_mm:sex",
        ss.datasets.load_penguins(),
        family="multinomial",
        alpha=0.01,
    )
    values = fit.plot_data("term", "bill_length_mm", points=11)
    assert list(values.columns) == ["bill_length_mm", ".class", "effect"] and len(values) == 33
    wide = values.pivot(index="bill_length_mm", columns=".class", values="effect")
    # What separates two values of the variable in the linear predictors, all else equal.
    rows = fit.training.frame.iloc[[0, 0]].assign(bill_length_mm=[wide.index[2], wide.index[9]])
    link = fit.predict(rows, type="link")
    np.testing.assert_allclose(wide.iloc[9] - wide.iloc[2], link.iloc[1] - link.iloc[0], rtol=1e-9)
    ax = fit.plot("term", "bill_length_mm")
    curves = [line for line in ax.lines if len(line.get_xdata()) == 101]
    assert len({line.get_color() for line in curves}) == 3
    assert [text.get_text() for text in ax.texts] == list(fit.levels)
    points = [line for line in fit.plot("term", "island").lines if line.get_marker() == "o"]
    island = fit.plot_data("term", "island")
    np.testing.assert_array_equal(np.concatenate([line.get_ydata() for line in points]), island["effect"])
    assert len(points) == 3 and np.ptp([line.get_xdata()[0] for line in points]) < 0.5
    with pytest.raises(ValueError, match="2 variables for each class"):
        fit.plot("term", "bill_depth_mm:sex")
