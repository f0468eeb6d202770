"""Fits that the tests of this folder share; reading them never changes them."""

import matplotlib
import pytest

import sparsestats as ss
from sparsestats.datasets import load_penguins

matplotlib.use("Agg")

MODEL = "body_mass_g ~ species + sex + bs(flipper_length_mm, df=4) + bill_depth_mm + factor(year)"


@pytest.fixture(scope="package")
def penguins():
    return load_penguins()


@pytest.fixture(scope="package")
def chosen(penguins):
    """Cross-validated group SLOPE; eleven of the rows miss a value."""
    return ss.gslope(MODEL, penguins, alpha="cv", cv=5, alphas=ss.relative(1, 0.01, 30))


@pytest.fixture(scope="package")
def whole_path(penguins):
    return ss.gslope(MODEL, penguins, alphas=ss.relative(1, 0.01, 12))


@pytest.fixture(scope="package")
def classes(penguins):
    """The sex of a penguin; male is the event, being the last level."""
    return ss.gslope("sex ~ species + body_mass_g + bill_depth_mm", penguins, alpha=0.005, family="binomial")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    from matplotlib import pyplot

    pyplot.close("all")
