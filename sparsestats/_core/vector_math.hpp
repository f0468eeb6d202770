// exp, expm1 and log1p without branches or calls, so that a loop over rows vectorises; all within 3 ulp of the true value.
// libm has vector forms only behind -ffast-math, which changes values elsewhere.
#pragma once
#include <bit>
#include <cstdint>

namespace ss {

#define SS_INLINE inline __attribute__((always_inline))

struct Exponential {
  double value, less_one;  // exp(x) and expm1(x), each to its own relative precision
};

// x in [-708, 708]; below it the value stays at exp(-708), which is 0 beside anything it is added to.
SS_INLINE Exponential exponential(double x) {
  constexpr double kShift = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer, kept in the low bits
  x = x < -708.0 ? -708.0 : x;
  const double shifted = x * 1.4426950408889634 + kShift, k = shifted - kShift;
  const double r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  const double scale = std::bit_cast<double>((std::bit_cast<std::uint64_t>(shifted) << 52) + 0x3ff0000000000000ull);
  // Taylor: |r| <= log(2) / 2, and r^13 / 14! is below 2^-56.
  double p = 1.0 / 6227020800.0;
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r * r + r;
  return {scale + scale * p, scale * p + (scale - 1)};
}

namespace detail {

// 2 atanh(f), |f| <= 0.1716.
SS_INLINE double twice_atanh(double f) {
  const double s = f * f;
  double p = 1.0 / 21;
  p = p * s + 1.0 / 19;
  p = p * s + 1.0 / 17;
  p = p * s + 1.0 / 15;
  p = p * s + 1.0 / 13;
  p = p * s + 1.0 / 11;
  p = p * s + 1.0 / 9;
  p = p * s + 1.0 / 7;
  p = p * s + 1.0 / 5;
  p = p * s + 1.0 / 3;
  return 2 * f + 2 * f * (s * p);
}

}  // namespace detail

// log(1 + e), 0 <= e <= 1.
SS_INLINE double log_one_plus(double e) {
  const bool large = e > 0.41421356237309503;  // halve 1 + e
  const double f = (large ? e - 1 : e) / (large ? e + 3 : e + 2);
  return (large ? 0.69314718055994531 : 0.0) + detail::twice_atanh(f);
}

// log(x), x positive and normal.
SS_INLINE double logarithm(double x) {
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  // 1024 + k, where x = 2^k y and sqrt(1/2) <= y < sqrt(2)
  const std::uint64_t biased = (bits - 0x3fe6a09e667f3bcdull + (1024ull << 52)) >> 52;
  const double k = std::bit_cast<double>(biased | 0x4330000000000000ull) - 4503599627371520.0;
  const double y = std::bit_cast<double>(bits - ((biased - 1024) << 52));
  return k * 6.93147180369123816490e-01 + (k * 1.90821492927058770002e-10 + detail::twice_atanh((y - 1) / (y + 1)));
}

}  // namespace ss
