// Negative log-probabilities of ordered classes under a link F, with their derivatives, safe in both tails.
//   below(b)      -log F(b)              the first class
//   above(a)      -log (1 - F(a))        the last class
//   between(a, b) -log (F(b) - F(a))     a class in the middle; infinite unless b > a
// Every F here has a log-concave density, so all three are convex. No probability is ever formed by subtraction.
#pragma once
#include <cmath>
#include <limits>

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
  static double quantile(double p) { return std::log(p) - std::log1p(-p); }
  static OneSided below(double b) {
    const double e = std::exp(-std::abs(b)), r = 1 / (1 + e);
    const double miss = b >= 0 ? e * r : r;  // F(-b)
    return {std::max(-b, 0.0) + std::log1p(e), -miss, e * r * r};
  }
  static OneSided above(double a) {
    const OneSided m = below(-a);
    return {m.value, -m.slope, m.curvature};
  }
  // F(b) - F(a) = F(b) F(-a) (1 - e^{-d}), d = b - a.
  static TwoSided between(double a, double b) {
    const double d = b - a;
    if (!(d > 0)) return {kInfinity, 0, 0, 0, 0, 0};
    const double ea = std::exp(-std::abs(a)), eb = std::exp(-std::abs(b)), ed = std::exp(-d);
    const double open = d < 0.1 ? -std::expm1(-d) : 1 - ed;
    const double ra = 1 / (1 + ea), rb = 1 / (1 + eb), q = ed / open;
    const double value = std::max(-b, 0.0) + std::max(a, 0.0) + std::log((1 + ea) * (1 + eb) / open);
    const double va = ea * ra * ra, vb = eb * rb * rb;
    return {value, (a >= 0 ? ra : ea * ra) + q, -((b >= 0 ? eb * rb : rb) + q), va + vb, vb, vb + q / open};
  }
  // Convex conjugates at s times the gradient, 0 < s <= 1. The textbook forms lose every digit in the tails.
  static double conjugate_below(double b, double s) {
    const double e = std::exp(-std::abs(b)), r = 1 / (1 + e);
    const double hit = b >= 0 ? r : e * r, miss = b >= 0 ? e * r : r;
    const double t = s * miss, rest = (1 - s) + s * hit;
    return (t > 0 ? t * std::log(t) : 0) + (rest > 0 ? rest * std::log(rest) : 0);
  }
  static double conjugate_above(double a, double s) { return conjugate_below(-a, s); }
  static double conjugate_between(double a, double b, double s) {
    const double d = b - a;
    const double ea = std::exp(-std::abs(a)), eb = std::exp(-std::abs(b));
    const double ra = 1 / (1 + ea), rb = 1 / (1 + eb);
    const double Fa = a >= 0 ? ra : ea * ra, Ga = a >= 0 ? ea * ra : ra;
    const double Fb = b >= 0 ? rb : eb * rb, Gb = b >= 0 ? eb * rb : rb;
    const double ed = std::exp(-d), q = ed / (d < 0.1 ? -std::expm1(-d) : 1 - ed);
    const double u = s * (Fa + q), w = s * (Gb + q);
    const double c1 = (1 - s) + s * (Fa + Fb), c2 = (1 - s) + s * (Ga + Gb);
    const double S = std::sqrt(1 + 4 * u * w);
    const double A = 2 * u * c1 / (1 + 2 * u + S), notA = c2 / (1 + 2 * w / (S + 1));
    const double notB = 2 * w * c2 / (1 + 2 * w + S), B = c1 / (1 + 2 * u / (S + 1));
    const double open = c1 * c2 / (S + u + w);
    // A saturated row has A or 1 - B of 0 with a multiplier of 0 beside it.
    const double left = u > 0 && A > 0 ? u * std::log(A / notA) : 0;
    const double right = w > 0 && notB > 0 ? w * std::log(notB / B) : 0;
    return left + right + std::log(open);
  }
};

struct Cloglog {  // F(t) = 1 - exp(-exp(t))
  static constexpr bool kConjugate = false;
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
