"""Shared pieces of the plots."""

import subprocess
import sys

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsestats.report.plots import spread

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


def test_report_does_not_load_matplotlib():
    modules = "sparsestats.report.path, sparsestats.report.cvresult"
    code = f"import sys, {modules}; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
