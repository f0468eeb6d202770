// Negative log-probabilities of ordered classes under a link F, with their derivatives, safe in both tails.
//   below(b)      -log F(b)              the first class
//   above(a)      -log (1 - F(a))        the last class
//   between(a, b) -log (F(b) - F(a))     a class in the middle; infinite unless b > a
// Every F here has a log-concave density, so all three are convex. No probability is ever formed by subtraction.
#pragma once
#include <cmath>
#include <limits>

#include "vector_math.hpp"

namespace ss {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct OneSided {
  double value, slope, curvature;
};

// Derivatives of a middle class. In the coordinates "shift both boundaries" and "shift the upper one" its Hessian is
// [[both, cross], [cross, upper]]: the sums that differences of coefficients need, computed without cancellation.
struct TwoSided {
  double value, slope_a, slope_b, both, cross, upper;
};

struct Logit {
  static constexpr bool kConjugate = true;
  static constexpr bool kVector = true;  // loops over rows vectorise
  static double quantile(double p) { return std::log(p) - std::log1p(-p); }
  static SS_INLINE OneSided below(double b) {
    const double e = exponential(-std::abs(b)).value, r = 1 / (1 + e);
    const double miss = b >= 0 ? e * r : r;  // F(-b)
    return {(b < 0 ? -b : 0.0) + log_one_plus(e), -miss, e * r * r};
  }
  static SS_INLINE OneSided above(double a) {
    const OneSided m = below(-a);
    return {m.value, -m.slope, m.curvature};
  }
  // F(b) - F(a) = F(b) F(-a) (1 - e^{-d}), d = b - a.
  static SS_INLINE TwoSided between(double a, double b) {
    const double d = b - a;
    const double ea = exponential(-std::abs(a)).value, eb = exponential(-std::abs(b)).value;
    const Exponential gap = exponential(d > 0 ? -d : -1.0);
    const double ra = 1 / (1 + ea), rb = 1 / (1 + eb), wide = 1 / -gap.less_one, q = gap.value * wide;
    const double value = (b < 0 ? -b : 0.0) + (a > 0 ? a : 0.0) + logarithm((1 + ea) * (1 + eb) * wide);
    const double va = ea * ra * ra, vb = eb * rb * rb;
    return {d > 0 ? value : kInfinity, (a >= 0 ? ra : ea * ra) + q, -((b >= 0 ? eb * rb : rb) + q),
            va + vb,                   vb,                          vb + q * wide};
  }
  // Convex conjugates at s times the gradient, 0 < s < 1. The textbook forms lose every digit in the tails.
  static SS_INLINE double conjugate_below(double b, double s) {
    const double e = exponential(-std::abs(b)).value, r = 1 / (1 + e);
    const double hit = b >= 0 ? r : e * r, miss = b >= 0 ? e * r : r;
    const double t = s * miss, rest = (1 - s) + s * hit;
    return t * logarithm(t) + rest * logarithm(rest);
  }
  static SS_INLINE double conjugate_above(double a, double s) { return conjugate_below(-a, s); }
  static SS_INLINE double conjugate_between(double a, double b, double s) {
    const double ea = exponential(-std::abs(a)).value, eb = exponential(-std::abs(b)).value;
    const double ra = 1 / (1 + ea), rb = 1 / (1 + eb);
    const double Fa = a >= 0 ? ra : ea * ra, Ga = a >= 0 ? ea * ra : ra;
    const double Fb = b >= 0 ? rb : eb * rb, Gb = b >= 0 ? eb * rb : rb;
    const Exponential gap = exponential(a - b);
    const double q = gap.value / -gap.less_one;
    const double u = s * (Fa + q), w = s * (Gb + q);
    const double c1 = (1 - s) + s * (Fa + Fb), c2 = (1 - s) + s * (Ga + Gb);
    const double S = std::sqrt(1 + 4 * u * w);
    const double A = 2 * u * c1 / (1 + 2 * u + S), notA = c2 / (1 + 2 * w / (S + 1));
    const double notB = 2 * w * c2 / (1 + 2 * w + S), B = c1 / (1 + 2 * u / (S + 1));
    const double open = c1 * c2 / (S + u + w);
    return u * logarithm(A / notA) + w * logarithm(notB / B) + logarithm(open);
  }
};

struct Cloglog {  // F(t) = 1 - exp(-exp(t))
  static constexpr bool kConjugate = false;
  static constexpr bool kVector = false;
  static double quantile(double p) { return std::log(-std::log1p(-p)); }
  static OneSided above(double a) {
    const double e = std::exp(a);
    return {e, e, e};
  }
  static OneSided below(double b) {
    const double e = std::exp(b), hit = -std::expm1(-e);
    if (!(hit > 0)) return {-b, -1, 0};  // F(b) = exp(b) to full precision
    const double ratio = std::isinf(e) ? 0 : e / std::expm1(e);  // density / F
    return {e > 1 ? -std::log1p(-std::exp(-e)) : -std::log(hit), -ratio, std::max(ratio * (ratio - 1 + e), 0.0)};
  }
  static TwoSided between(double a, double b) {
    const double d = b - a;
    if (!(d > 0)) return {kInfinity, 0, 0, 0, 0, 0};
    const double ea = std::exp(a), eb = std::exp(b), delta = ea * std::expm1(d);
    const double open = -std::expm1(-delta);
    if (!(open > 0) || std::isinf(eb)) return {kInfinity, 0, 0, 0, 0, 0};
    const double fa = ea / open, fb = eb / std::expm1(delta);  // densities / (F(b) - F(a))
    const double aa = fa * (1 - ea) + fa * fa, bb = -fb * (1 - eb) + fb * fb, ab = -fa * fb;
    return {ea - std::log(open), fa, -fb, std::max(aa + 2 * ab + bb, 0.0), ab + bb, bb};
  }
};

struct Loglog {  // F(t) = exp(-exp(-t)), the mirror image of cloglog
  static constexpr bool kConjugate = false;
  static constexpr bool kVector = false;
  static double quantile(double p) { return -std::log(-std::log(p)); }
  static OneSided below(double b) {
    const OneSided m = Cloglog::above(-b);
    return {m.value, -m.slope, m.curvature};
  }
  static OneSided above(double a) {
    const OneSided m = Cloglog::below(-a);
    return {m.value, -m.slope, m.curvature};
  }
  static TwoSided between(double a, double b) {
    const TwoSided m = Cloglog::between(-b, -a);
    return {m.value, -m.slope_b, -m.slope_a, m.both, m.both - m.cross, m.both - 2 * m.cross + m.upper};
  }
};

struct Probit {
  static constexpr bool kConjugate = false;
  static constexpr bool kVector = false;
  static double quantile(double p) { return Logit::quantile(p) / 1.7; }  // a start, no more
  static double log_density(double t) { return -0.5 * t * t - 0.91893853320467274178; }
  static double log_cdf(double t) {
    if (t > -20) return std::log(0.5 * std::erfc(-t * M_SQRT1_2));
    const double i = 1 / (t * t);  // asymptotic series; the next term is below 1e-13 at -20
    return log_density(t) - std::log(-t) +
           std::log1p(-i * (1 - 3 * i * (1 - 5 * i * (1 - 7 * i * (1 - 9 * i * (1 - 11 * i))))));
  }
  static OneSided below(double b) {
    const double value = -log_cdf(b), mills = std::exp(log_density(b) + value);
    return {value, -mills, std::max(mills * (b + mills), 0.0)};
  }
  static OneSided above(double a) {
    const OneSided m = below(-a);
    return {m.value, -m.slope, m.curvature};
  }
  static TwoSided between(double a, double b) {
    const double d = b - a;
    if (!(d > 0)) return {kInfinity, 0, 0, 0, 0, 0};
    if (a > 0) {  // the left tail keeps its digits
      const TwoSided m = between(-b, -a);
      return {m.value, -m.slope_b, -m.slope_a, m.both, m.both - m.cross, m.both - 2 * m.cross + m.upper};
    }
    double log_gap;
    if (d < 1e-4) {
      const double mid = 0.5 * (a + b);
      log_gap = log_density(mid) + std::log(d) + (mid * mid - 1) * d * d / 24;
    } else {
      const double top = log_cdf(b);
      log_gap = top + std::log1p(-std::exp(log_cdf(a) - top));
    }
    if (!std::isfinite(log_gap)) return {kInfinity, 0, 0, 0, 0, 0};
    const double fa = std::exp(log_density(a) - log_gap), fb = std::exp(log_density(b) - log_gap);
    const double aa = fa * (fa - a), bb = fb * (fb + b), ab = -fa * fb;
    return {-log_gap, fa, -fb, std::max(aa + 2 * ab + bb, 0.0), ab + bb, bb};
  }
};

}  // namespace ss
