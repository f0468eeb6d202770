"""What a fit prints and draws after ``infer``: under the method's name, at its alpha, and nowhere else."""

import numpy as np
import pandas as pd
import pytest

import sparsestats as ss
from sparsestats.report.inferred import p_value


@pytest.fixture(scope="module")
def replicated(chosen):
    return chosen.infer("bootstrap", n_boot=20, random_state=0)


@pytest.fixture(scope="module")
def tested(chosen):
    return chosen.infer("split", n_splits=10, random_state=0)


def test_before_it_the_summary_says_where_to_ask(chosen):
    assert "No p-values: selection was data-driven; see fit.infer()." in str(chosen.summary())


def test_p_values_stand_under_the_name_of_their_method(chosen, tested):
    page = " ".join(str(tested.summary()).split())
    assert "p-value (split)" in page and "p-values (split): F tests" in page
    assert "Inference: split: 10 random halves of 333 rows, random_state 0; alpha" in page
    assert "No p-values" not in page and "alpha was cross-validated on all rows" in page
    assert "cross-validated" not in str(chosen.at(chosen.alpha * 1.5).infer("split", n_splits=2).inferred)
    for whole in (tested.tidy(), tested.inferred.tidy(), tested.tidy(zeros=True)):
        assert (whole["method"] == "split").all() and "p_value" in whole
    assert "p-value (split)" in tested.summary().to_html() and "p-value (split)" in tested.summary().to_latex()
    assert tested.plot("inference").get_xlabel().startswith("p-value (split")


def test_a_bootstrap_has_no_p_values(replicated):
    page = " ".join(str(replicated.summary()).split())
    assert 'No p-values: selection was data-driven; see fit.infer("split").' in page
    assert "p_value" not in replicated.tidy() and "2.5 %" in page and "pulled towards 0" in page
    assert max(map(len, str(replicated.summary()).splitlines())) <= 110


def test_tidy_keeps_the_rows_it_had(chosen, replicated, tested):
    for zeros in (True, False):
        plain = chosen.tidy(zeros=zeros)
        for fit in (replicated, tested):
            pd.testing.assert_frame_equal(fit.tidy(zeros=zeros)[plain.columns], plain)
    added = replicated.tidy().columns.difference(chosen.tidy().columns)
    assert set(added) == {"std_error", "conf_low", "conf_high", "frequency", "method"}
    assert set(tested.tidy().columns.difference(chosen.tidy().columns)) == {"p_value", "frequency", "method"}
    assert "frequency" not in replicated.tidy(path=True)


def test_columns_have_the_p_value_of_their_term(tested):
    terms = tested.inferred.terms.set_index("term")["p_value"]
    rows = tested.tidy(zeros=True).set_index("term")["p_value"]
    for term, p in terms.items():
        assert (rows[[term]] == p).all() and 0 <= p <= 1
    assert np.isnan(rows["(intercept)"])


def test_it_belongs_to_its_alpha(chosen, replicated):
    assert chosen.inferred is None  # a copy has it
    assert replicated.at("min").inferred is not None
    assert replicated.at("1se").inferred is None and replicated.refit().inferred is None


def test_its_own_page_is_the_part_of_the_fits(tested, replicated):
    for fit in (tested, replicated):
        own, page = str(fit.inferred.summary()), str(fit.summary())
        assert repr(fit.inferred) == own and own.splitlines()[1] in page and "<table>" in fit.inferred._repr_html_()


def test_plots_draw_what_their_frames_hold(tested, replicated):
    frame = replicated.plot_data("inference")
    ax = replicated.plot("inference")
    assert [text.get_text() for text in ax.get_yticklabels()] == frame["column"].tolist()
    segments = ax.collections[0].get_segments()
    ends = frame[["conf_low", "conf_high"]].mul(frame["sd"], axis=0).to_numpy()
    np.testing.assert_allclose([segment[:, 0] for segment in segments], ends)
    few = replicated.plot("inference", top=3)
    assert len(few.get_yticklabels()) == 3 and "more are not drawn" in few.get_title(loc="left")
    by_term = tested.plot_data("inference")
    assert by_term["p_value"].is_monotonic_increasing
    assert [text.get_text() for text in tested.plot("inference").get_yticklabels()] == by_term["term"].tolist()


def test_stable_terms_are_told_with_what_to_expect_of_chance(chosen):
    halves = chosen.at("1se").infer("stability", n_splits=5, threshold=0.8, random_state=0)
    page = " ".join(str(halves.summary()).split())
    assert "stable (stability)" in page and "Stable: selected by 0.8 of the halves or more" in page
    assert "Inference: stability: both halves of 5 random splits of 333 rows" in page and "No p-values" in page
    assert "p_value" not in halves.tidy() and (halves.tidy()["method"] == "stability").all()
    data, ax = halves.plot_data("inference"), halves.plot("inference")
    assert [text.get_text() for text in ax.get_yticklabels()] == data["term"].tolist()
    np.testing.assert_allclose([segment[1, 0] for segment in ax.collections[0].get_segments()], data["frequency"])
    assert (data["stable"] == (data["frequency"] >= 0.8)).all()


def test_free_terms_have_a_frequency_and_no_test(penguins):
    fit = ss.gslope("body_mass_g ~ keep(species) + bill_depth_mm + year", penguins, alpha=50.0)
    tested = fit.infer("split", n_splits=4, random_state=0)
    assert "In every model, and not tested: species." in str(tested.summary())
    assert tested.inferred.terms["term"].tolist() == ["bill_depth_mm", "year"]
    assert tested.tidy().set_index("term").loc["species", "p_value"].isna().all()
    assert fit.infer(n_boot=4, random_state=0).inferred.terms["frequency"][0] == 1.0


def test_small_p_values_are_written_as_such():
    assert [p_value(p) for p in (0.0, 3.2e-12, 0.0123, 1.0)] == ["< 1e-307", "3.2e-12", "0.012", "1.000"]
