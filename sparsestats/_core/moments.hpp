// Mean, deviation and size of a column, by vectors: one value after the other would take a tenth of a small path.
#pragma once
#include <algorithm>
#include <cmath>

#include "kernels.hpp"

namespace ss {

struct Moments {
  double mean = 0, sd = 0, largest = 0;  // weighted mean, standard deviation about it (1/n), largest |x|
};

namespace detail {

// Sum of f over the values of a column and their weights, eight at a time: f takes four doubles of each, or one.
template <class T, class F>
inline __attribute__((always_inline)) double total(const T* x, const double* w, Index n, F f) {
  Vec4 a = {}, b = {};
  Index i = 0;
  for (; i + 8 <= n; i += 8) {
    a += f(widen4(x + i), load4(w + i));
    b += f(widen4(x + i + 4), load4(w + i + 4));
  }
  double tail = 0;
  for (; i < n; ++i) tail += f(static_cast<double>(x[i]), w[i]);
  return sum4(a + b) + tail;
}

template <class T>
inline __attribute__((always_inline)) double largest(const T* x, const double* w, Index n) {
  Vec4 top = {};
  Index i = 0;
  for (; i + 4 <= n; i += 4) {
    const Vec4 v = widen4(x + i), size = load4(w + i) > 0 ? (v < 0 ? -v : v) : Vec4{};
    top = size > top ? size : top;
  }
  double out = std::max(std::max(top[0], top[1]), std::max(top[2], top[3]));
  for (; i < n; ++i)
    if (w[i] > 0) out = std::max(out, std::abs(static_cast<double>(x[i])));
  return out;
}

template <class T>
inline __attribute__((always_inline)) Moments moments_inline(const T* x, const double* w, Index n) {
  Moments out;
  out.largest = largest(x, w, n);
  if (out.largest == 0) return out;
  const double unit = 1 / out.largest;  // keeps squares of huge or tiny columns representable
  if (!std::isfinite(unit)) return Moments{};  // below the range of normal numbers: as good as zero
  const double mean = total(x, w, n, [=](auto v, auto u) __attribute__((always_inline)) { return u * (v * unit); }) / n;
  const double variance = total(x, w, n, [=](auto v, auto u) __attribute__((always_inline)) {
    const auto d = v * unit - mean;
    return u * d * d;
  }) / n;
  out.mean = mean * out.largest;
  out.sd = std::sqrt(variance) * out.largest;
  return out;
}

}  // namespace detail

SS_CLONES static Moments moments(const double* x, const double* w, Index n) { return detail::moments_inline(x, w, n); }
SS_CLONES static Moments moments(const float* x, const double* w, Index n) { return detail::moments_inline(x, w, n); }

}  // namespace ss
