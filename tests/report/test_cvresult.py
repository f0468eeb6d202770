"""CVResult: the two rules in words and in a picture."""

import matplotlib
import numpy as np
import pytest

from sparsestats.report.cvresult import CVResult

matplotlib.use("Agg")


@pytest.fixture
def cv():
    return CVResult(
        lambda: {"alpha": [4.0, 2.0, 1.0], "fold": 0, "score": [9.0, 5.5, 5.0], "n": 10},
        alphas=np.array([4.0, 2.0, 1.0]),
        mean=np.array([9.0, 5.5, 5.0]),
        se=np.array([0.5, 0.6, 0.7]),
        index_min=2,
        index_1se=1,
        scoring="mean_squared_error",
        greater_is_better=False,
        n_nonzero=np.array([0, 3, 11]),
        folds="10 folds (shuffled, random_state 0)",
    )


def test_both_rules_are_printed(cv):
    assert (cv.alpha_min, cv.alpha_1se) == (1.0, 2.0)
    text = repr(cv)
    assert "min  alpha 1, mean_squared_error 5 (se 0.7)" in text
    assert "1se  alpha 2, mean_squared_error 5.5 (se 0.6)" in text
    assert "10 folds" in text


def test_an_unknown_rule_is_named(cv):
    with pytest.raises(ValueError, match="'2se'"):
        cv.index("2se")


def test_plot_shows_means_bars_both_rules_and_counts(cv):
    ax = cv.plot()
    ax.figure.canvas.draw()
    np.testing.assert_array_equal(ax.containers[0].lines[0].get_ydata(), cv.mean)
    bars = ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([bar[:, 1] for bar in bars], np.c_[cv.mean - cv.se, cv.mean + cv.se])
    assert {text.get_text() for text in ax.texts} == {"min", "1 se"}
    counts = [tick.get_text() for tick in ax.child_axes[0].get_xticklabels()]
    assert counts == ["0", "3", "11"]
    # The threshold of the 1-se rule is the best mean plus its se, 5.7.
    assert any(tuple(line.get_ydata()) == (5.7, 5.7) for line in ax.lines)
    matplotlib.pyplot.close("all")


def test_plot_data_holds_the_bars(cv):
    data = cv.plot_data()
    assert list(data.columns) == ["alpha", "mean", "se", "low", "high", "n_nonzero"]
    np.testing.assert_allclose(data["high"] - data["low"], 2 * cv.se)
