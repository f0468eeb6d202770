"""Layered drawings: edges lead rightwards, keep off the nodes, and end on the boxes."""

import numpy as np
import pytest

from sparsestats.report.graphs import in_lines
from sparsestats.report.layered import _crossings, layered


def random_dag(d, seed, degree=2):
    rng = np.random.default_rng(seed)
    order = rng.permutation(d)
    W = np.zeros((d, d))
    W[np.ix_(order, order)] = np.triu(rng.random((d, d)) < 2 * degree / (d - 1), 1)
    return W, order


@pytest.mark.parametrize("d", [2, 7, 40])
def test_edges_lead_right_and_keep_off_the_nodes(d):
    W, order = random_dag(d, d)
    rng = np.random.default_rng(0)
    width, height = rng.uniform(0.3, 1.2, d), np.full(d, 0.25)
    place = layered(W, order, width, height)
    assert set(place.routes) == set(zip(*map(np.ndarray.tolist, np.nonzero(W)), strict=True))
    low, high = place.centre - np.column_stack([width, height]) / 2, place.centre + np.column_stack([width, height]) / 2
    # Level stretches lie beside every box, so a line bends only between columns.
    for (i, j), route in place.routes.items():
        assert (np.diff(route[:, 0]) > 0).all()
        assert route[0, 0] == pytest.approx(high[i, 0]) and route[-1, 0] == pytest.approx(low[j, 0])
        for a, b in zip(route[1:-1:2], route[2:-1:2], strict=True):
            inside = (low[:, 0] < b[0]) & (high[:, 0] > a[0]) & (low[:, 1] < a[1]) & (high[:, 1] > a[1])
            assert a[1] == b[1] and not inside.any()
    overlap = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    np.fill_diagonal(overlap[..., 0], -1)
    assert not (overlap > 1e-9).all(axis=2).any()


def test_an_edge_over_others_passes_beside_them():
    W = np.triu(np.ones((4, 4)), 1)
    place = layered(W, np.arange(4), np.full(4, 0.5), np.full(4, 0.25))
    assert (np.diff(place.centre[:, 0]) > 0.5).all() and len(place.routes[0, 3]) == 6


def test_crossings_are_counted_and_undone():
    assert _crossings([[0, 1], [2, 3]], [[3], [2], [], []]) == 1
    W = np.zeros((6, 6))
    W[0, 5] = W[1, 4] = W[2, 3] = 1
    place = layered(W, np.arange(6), np.full(6, 0.5), np.full(6, 0.2))
    y = place.centre[:, 1]
    assert y[0] == y[5] and y[1] == y[4] and y[2] == y[3]


def test_variables_without_edges_stand_below():
    W = np.zeros((5, 5))
    W[0, 1] = 1
    place = layered(W, np.arange(5), np.full(5, 0.5), np.full(5, 0.2))
    assert place.centre[2:, 1].max() < place.centre[:2, 1].min() - 0.2
    assert len(layered(np.zeros((1, 1)), np.arange(1), np.ones(1), np.ones(1)).routes) == 0


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("bmi", ["bmi"]),
        ("progression_score", ["progression_", "score"]),
        ("immunoglobulinemia", ["immunoglobulin", "emia"]),
        ("a very long name of a variable indeed", ["a very long", "name of a var…"]),
    ],
)
def test_names_take_two_lines_at_most(name, lines):
    assert in_lines(name) == lines
