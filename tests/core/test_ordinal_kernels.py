"""Row kernels of the ordinal likelihoods against 80-digit decimals and finite differences."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest

from sparsestats._core import ext

kernels = ext.ordinal_testing
POINTS = [
    (-1.0, 0.5),
    (0.0, 1e-9),
    (3.0, 3.0 + 1e-6),
    (-40.0, -39.9),
    (30.0, 31.0),
    (-700.0, 700.0),
    (690.0, 700.0),
]


def exact(a: float, b: float) -> tuple[Decimal, Decimal, Decimal]:
    """-log(F(b) - F(a)) and its slopes, logistic F."""
    with localcontext() as context:
        context.prec = 400  # F(700) needs 304 digits before it differs from 1
        lo, hi = 1 / (1 + (-Decimal(a)).exp()), 1 / (1 + (-Decimal(b)).exp())
        gap = hi - lo
        return -gap.ln(), lo * (1 - lo) / gap, -hi * (1 - hi) / gap


@pytest.mark.parametrize(("a", "b"), POINTS)
def test_logit_kernel_is_exact_in_the_tails(a, b):
    # 1e-13 relative: a handful of roundings; the textbook log(F(b) - F(a)) is inf or 0 / 0 at half of them
    value, slope_a, slope_b, *_ = kernels.between("logit", a, b)
    for got, want in zip((value, slope_a, slope_b), exact(a, b), strict=True):
        assert got == pytest.approx(float(want), rel=1e-13, abs=1e-300)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "loglog"])
@pytest.mark.parametrize(("a", "b"), [(-1.0, 0.5), (-2.5, -2.2), (0.8, 1.9), (-0.3, 0.1)])
def test_derivatives_match_finite_differences(link, a, b):
    h = 1e-5

    def value(x, y):
        return kernels.between(link, x, y)[0]

    _, slope_a, slope_b, both, cross, upper = kernels.between(link, a, b)
    # central differences of the value carry an error of about h^2 = 1e-10 relative to third derivatives
    # near 100
    assert slope_a == pytest.approx((value(a + h, b) - value(a - h, b)) / (2 * h), rel=1e-7)
    assert slope_b == pytest.approx((value(a, b + h) - value(a, b - h)) / (2 * h), rel=1e-7)

    def slope(x, y):
        return np.array(kernels.between(link, x, y)[1:3])

    along_a = (slope(a + h, b) - slope(a - h, b)) / (2 * h)
    along_b = (slope(a, b + h) - slope(a, b - h)) / (2 * h)
    assert upper == pytest.approx(along_b[1], rel=1e-6)
    assert cross == pytest.approx(along_b[0] + along_b[1], rel=1e-6)
    assert both == pytest.approx(along_a.sum() + along_b.sum(), rel=1e-6)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog", "loglog"])
def test_one_sided_derivatives_match_finite_differences(link):
    h = 1e-5
    for b in (-6.0, -0.4, 0.7, 3.0):
        _, slope, curvature = kernels.below(link, b)
        up, down = kernels.below(link, b + h), kernels.below(link, b - h)
        assert slope == pytest.approx((up[0] - down[0]) / (2 * h), rel=1e-6, abs=1e-10)
        assert curvature == pytest.approx((up[1] - down[1]) / (2 * h), rel=1e-6, abs=1e-10)


@pytest.mark.parametrize(("a", "b"), POINTS)
@pytest.mark.parametrize("s", [0.999, 0.9, 0.5, 0.01])
def test_conjugate_is_exact(a, b, s):
    got = kernels.conjugate_between(a, b, s)
    with localcontext() as context:
        context.prec = 700
        _, slope_a, slope_b = exact(a, b)
        u, w = Decimal(s) * slope_a, -Decimal(s) * slope_b
        root = (1 + 4 * u * w).sqrt()
        below, upto = (1 + 2 * u - root) / 2, (1 - 2 * w + root) / 2
        want = u * (below / (1 - below)).ln() - w * (upto / (1 - upto)).ln() + (root - u - w).ln()
    # the inputs of the form are rounded slopes: with d = 1e-9 they carry 1e-16 * 1e9
    assert got == pytest.approx(float(want), rel=4e-9, abs=4e-9)
