"""Ordinal maximum likelihood against R: clm, polr and vglm fit the same models; skipped where R is absent.

R runs once for the module, on data small enough for a second and with boundaries far enough apart that vglm, which
stops when a fitted probability turns negative, ends where it should.
"""

import numpy as np
import pytest

from benchmarks import in_r, ordinal_r
from benchmarks.ordinal_peers import FITS, ours, standard_errors
from benchmarks.ordinal_r import Fit

pytestmark = pytest.mark.slow  # R starts; the fast tests compare with statsmodels

AGAINST_R = [fit for fit in FITS if fit.package in ordinal_r.PACKAGES]
# Where each stops: clm by the gradient, to rounding; polr and vglm by the deviance, to 1e-8 and 1e-7 of it, so that
# coefficients (second order in the deviance) are right to its root at worst.
COEFFICIENTS = {"ordinal": 1e-7, "MASS": 2e-3, "VGAM": 2e-3}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    X = np.asfortranarray(rng.uniform(-1, 1, (600, 3)))
    below = 1 / (1 + np.exp(-(X @ np.array([[1.0, 1.3, 1.0], [-0.5, -0.5, 0.0], [0, 0, 0.4]]) + [-1.5, 0.3, 2.0])))
    return X, (rng.random((600, 1)) > below).sum(axis=1)


@pytest.fixture(scope="module")
def answers(data):
    found = in_r.versions()
    fits = [fit for fit in AGAINST_R if fit.package in found]
    if not fits:
        pytest.skip("Rscript with ordinal, MASS or VGAM is not installed")
    return dict(zip(fits, ordinal_r.run(*data, fits, timed=False), strict=True))


@pytest.mark.parametrize("fit", AGAINST_R, ids=lambda f: f"{f.package}-{f.family}-{f.link}-{f.parallel}")
def test_likelihood_coefficients_and_errors_are_those_of_r(data, answers, fit):
    if fit not in answers:
        pytest.skip(f"R has no package {fit.package}")
    X, y = data
    answer, model = answers[fit], ours(fit).fit(X, y)
    assert answer.failure == ""
    assert answer.likelihood[0] == pytest.approx(-600 * model.certificate_.objective, rel=1e-8)
    np.testing.assert_allclose(model.coef_.ravel(), answer.coef, atol=COEFFICIENTS[fit.package])
    np.testing.assert_allclose(model.intercept_, answer.intercept, atol=COEFFICIENTS[fit.package])
    assert np.abs(answer.coef).max() > 0.4
    if answer.error.size:  # clm: both invert the observed information
        np.testing.assert_allclose(standard_errors(fit, X, y), answer.error, rtol=1e-6)


def test_what_r_cannot_fit_is_named(data, answers):
    (answer,) = ordinal_r.run(*data, [Fit("authors")], timed=False, alphas=np.array([0.1]))
    assert answer.failure != "" and answer.likelihood.size == 0
