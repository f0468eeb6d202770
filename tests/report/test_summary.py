"""Summary: the page, and what may not come alive in it."""

import re

import numpy as np
import pandas as pd
import pytest

import sparsestats as ss
from sparsestats.exceptions import ConvergenceWarning
from sparsestats.report.protocol import Table
from sparsestats.report.summary import TIE, Summary, escape_html, escape_latex
from sparsestats.report.tables import number


def test_the_page_says_what_a_reader_needs(chosen):
    text = chosen.summary().to_text()
    flowing = " ".join(text.split())
    for piece in (
        "Group SLOPE, gaussian",
        "333 rows (11 dropped), 13 columns in 5 terms",
        "sequence mean, q = 0.10; standardize = group",
        "rule min of 5 folds (shuffled, random_state 0), 30 alphas",
        '-> fit.at("1se")',
        "from the returned coefficients. CONVERGED",
        "Rows dropped for missing values: 11; by variable: sex (11)",
        "learned on all rows, before the folds",
        "No p-values",
    ):
        assert piece in flowing
    assert "not selected: bill_depth_mm" in chosen.at("1se").summary().to_text()
    assert repr(chosen) == text
    assert max(map(len, text.splitlines())) <= 110


def test_a_gap_of_zero_promises_no_more_than_the_objective_is_exact(penguins):
    """The null model beyond alpha_max has a gap of exactly 0; its fitted values are not proved to be exact."""
    fit = ss.gslope("body_mass_g ~ species + sex", penguins, alpha=1000.0)
    assert fit.certificate.value == 0
    said = re.search(r"Fitted values are within (\S+) ", " ".join(str(fit.summary()).split()))
    assert said and 1e-6 < float(said[1]) < 1e-4  # of body masses in grams


def test_shares_of_the_table_add_up(chosen):
    rows = chosen.summary().tables[0].rows
    # One decimal each.
    assert sum(float(row[3].removesuffix(" %")) for row in rows) == pytest.approx(100.0, abs=0.3)


def test_a_group_of_terms_has_one_share(penguins):
    formula = "body_mass_g ~ species + sex + bill_length_mm"
    fit = ss.gslope(formula, penguins, alpha=20.0, groups={"species": "a", "sex": "a"})
    table = fit.summary().tables[0]
    parts = {row[0]: row[3] for row in table.rows}
    assert parts["sex"] == ""
    # two shares of three digits each
    assert sum(float(part.removesuffix(" %")) for part in parts.values() if part) == pytest.approx(100, abs=0.1)
    assert "group a, with one norm and one share: species, sex" in table.notes


def test_norms_are_those_the_penalty_sees(chosen):
    """standardize="group": the standard deviation of what the term adds to the fitted values."""
    rows = {row[0]: float(row[2]) for row in chosen.summary().tables[0].rows}
    table = chosen.training.frame[chosen.training.kept]
    for term in ("species", "bs(flipper_length_mm, df=4)"):
        X = chosen.spec.term_columns(term, table)
        added = X @ chosen.coef()[chosen.groups[term]].to_numpy()
        # Four digits are printed.
        assert rows[term] == pytest.approx(added.std(), rel=1e-3)


def test_a_path_shows_its_course(whole_path):
    text = whole_path.summary().to_text()
    assert "none chosen" in text
    assert "every alpha CONVERGED" in text


def test_free_terms_are_told_apart(penguins):
    fit = ss.gslope("body_mass_g ~ keep(species) + bill_depth_mm", penguins, alpha=50.0)
    rows = {row[0]: row for row in fit.summary().tables[0].rows}
    assert rows["species"][3] == "free"
    assert rows["bill_depth_mm"][3] == "100.0 %"


def test_a_model_that_missed_its_tolerance_says_so(penguins):
    with pytest.warns(ConvergenceWarning, match="did not converge"):
        fit = ss.gslope(
            "sex ~ species * (body_mass_g + bill_depth_mm + bill_length_mm)",
            penguins,
            alpha=1e-4,
            family="binomial",
            max_iter=1,
        )
    assert "NOT CONVERGED" in fit.summary().to_text()
    assert not fit.glance()["converged"].item()


HOSTILE = ["<script>alert(1)</script>", r"50%_$x^2$ & \input{secret} # ~ {a}", "line\nbreak \x1b[31m"]


def test_names_and_levels_are_escaped_everywhere():
    rng = np.random.default_rng(0)
    g = np.array(HOSTILE)[rng.integers(0, 3, 60)]
    data = pd.DataFrame(
        {"y": (g == HOSTILE[0]) * 3.0 + rng.standard_normal(60), 'x<b>&"': rng.standard_normal(60), "g": g}
    )
    fit = ss.gslope('y ~ g + `x<b>&"`', data, alpha=0.01)
    page = fit.summary().to_html()
    assert "<script" not in page
    assert '<b>&"' not in page
    assert "&lt;script&gt;" in page
    text = fit.summary().to_text()
    assert "\x1b" not in text
    latex = fit.summary().to_latex()
    assert r"\input" not in latex
    assert r"50\%\_\$x\textasciicircum{}2\$" in latex


def test_latex_escapes_every_special_character():
    assert escape_latex(r"\{}$&#%_^~") == (r"\textbackslash{}\{\}\$\&\#\%\_\textasciicircum{}\textasciitilde{}")
    assert escape_html("<a href='x'>\"&") == "&lt;a href=&#x27;x&#x27;&gt;&quot;&amp;"


def test_every_rendering_writes_the_file_it_is_given(chosen, tmp_path):
    summary = chosen.summary()
    for name in ("text", "html", "latex"):
        text = getattr(summary, f"to_{name}")(tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8").rstrip("\n") == text.rstrip("\n")
    assert summary._repr_html_() == summary.to_html()


def test_a_long_last_cell_goes_on_under_itself():
    table = Table(("term", "estimates"), [("a", "word " * 40)], "ll")
    lines = Summary([], [table], []).to_text().splitlines()
    assert len(lines) == 3
    assert all(len(line) <= 110 for line in lines)
    assert lines[2].startswith(" " * 8 + "word")


def test_a_level_and_its_number_stand_on_one_line():
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"y": rng.integers(0, 5, 400), "x": rng.integers(1, 8, 400)})
    fit = ss.gslope("C(y) ~ C(x)", data, alpha=1e-4, family="multinomial")
    beta = fit.coef()
    pairs = [f"{x + 1} {number(beta.iloc[x + 1, y])}" for y in range(5) for x in range(7)]
    lines = str(fit.summary()).splitlines()
    assert all(any(pair in line for line in lines) for pair in pairs)
    assert max(map(len, lines)) <= 110
    tex = fit.summary().to_latex()
    assert all(pair.replace(" ", "~") in tex for pair in pairs)
    assert r"\begin{tabular}{lrrrp{0.5" in tex and r"\raggedright 0:~1~" in tex
    assert not any(TIE in text for text in (str(fit.summary()), tex))


def test_the_lasso_says_which_split_of_a_factor_is_free(penguins):
    lasso = ss.slope("body_mass_g ~ sex + species", penguins, alpha=1.0, sequence="lasso")
    assert "only the difference of the two levels of sex is unique" in str(lasso.summary()).replace("\n  ", " ")
    for other in (
        ss.slope("body_mass_g ~ species + C(sex, contr.treatment)", penguins, alpha=1.0, sequence="lasso"),
        ss.slope("body_mass_g ~ sex + species", penguins, alpha=1.0),  # sorted weights choose the middle
        ss.gslope("body_mass_g ~ sex + species", penguins, alpha=1.0, sequence="lasso"),
    ):
        assert "is unique" not in str(other.summary())


def test_a_single_row_and_a_single_alpha_are_counted_as_one(penguins):
    assert "1 row (0 dropped)" in str(ss.slope("body_mass_g ~ year", penguins.head(1), alpha=1.0).summary())
    constant = str(ss.slope("k ~ year", penguins.assign(k=3.0), alpha="cv").summary())
    assert ", 1 alpha\n" in constant and "smaller alphas" not in constant
