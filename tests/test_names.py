import subprocess
import sys

import pytest

from sparsestats.names import groups_from_names, term_of


@pytest.mark.parametrize(
    ("name", "term"),
    [
        ("age", "age"),
        ("C(g)[a]", "C(g)"),
        ("bs(age, df=4)[2]", "bs(age, df=4)"),
        ("cuts(age, [45, 60])[>=45]", "cuts(age, [45, 60])"),
        ("C(g)[a]:x", "C(g):x"),
        ("C(g)[a]:C(h)[b]", "C(g):C(h)"),
        ("x:C(g)[a]", "x:C(g)"),
        ("C(band)[(0, 10]]", "C(band)"),
        ("C(band)[[0, 10)]:x", "C(band):x"),
        ("lipids[C(g)[a]]", "lipids"),
        ("C(g, levels=['a[', 'b'])[b]", "C(g, levels=['a[', 'b'])"),
        ("log(`my [col`)", "log(`my [col`)"),
        ("[odd]", "[odd]"),
        ("patient's age", "patient's age"),
        ("open(", "open("),
        ("x[unclosed", "x[unclosed"),
        ("", ""),
    ],
)
def test_label_is_what_stands_in_the_outer_brackets(name, term):
    assert term_of(name) == term


def test_groups_number_terms_in_order_of_appearance():
    names = ["C(g)[a]", "x", "C(g)[b]", "C(g)[a]:x", "C(g)[b]:x", "z"]
    assert groups_from_names(names).tolist() == [0, 1, 0, 2, 2, 3]


def test_main_effect_and_interaction_are_two_groups():
    assert len(set(groups_from_names(["C(g)[a]", "C(g)[a]:x"]).tolist())) == 2


def test_reading_names_loads_neither_formulaic_nor_pandas():
    code = (
        "import sys, sparsestats.names as n; n.groups_from_names(['a'])\n"
        "assert not {'formulaic', 'pandas', 'cvxpy'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
