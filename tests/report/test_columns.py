"""Columns: which level of which term a column stands for."""

import pytest

from sparsestats.formula import design
from sparsestats.report.columns import Columns, level_of


@pytest.mark.parametrize(
    ("name", "term", "level"),
    [
        ("x", "x", ""),
        ("C(site)[a]", "C(site)", "a"),
        ("C(site)[a]:C(sex)[F]", "C(site):C(sex)", "a:F"),
        ("C(site)[a]:x", "C(site):x", "a"),
        ("C(band)[(0, 10]]", "C(band)", "(0, 10]"),
        ("cuts(age, [45, 60])[>=45]", "cuts(age, [45, 60])", ">=45"),
        ("lipids[ldl]", "lipids", "ldl"),
    ],
)
def test_level_is_what_the_name_adds_to_the_terms(name, term, level):
    assert level_of(name, term) == level


def test_columns_know_terms_levels_and_what_is_free(penguins):
    built = design("body_mass_g ~ keep(sex) + species + year + factor(year):bill_depth_mm", penguins)
    columns = Columns(built.spec)
    by_name = {name: j for j, name in enumerate(columns.names)}
    assert columns.level(by_name["species[Gentoo]"]) == "Gentoo"
    assert columns.level(by_name["year"]) == ""
    # A free factor has a reference level, here the first.
    (sex,) = (j for j, name in enumerate(columns.names) if name.startswith("sex["))
    assert columns.level(sex) == "male"
    assert columns.free.tolist() == [j == sex for j in range(len(columns))]
    assert [len(c) for c in columns.by_term] == [len(t.columns) for t in built.terms]
    crossed = columns.terms.index("factor(year):bill_depth_mm")
    assert columns.read_as_levels(crossed) == {"year"}
    assert columns.read_as_levels(columns.terms.index("year")) == set()
