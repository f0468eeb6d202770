// Vector kernels. Eight accumulators hide the latency of the multiply-add; storage may be float, sums are double.
// No -march=native: the compiler emits an x86-64-v3 (AVX2 + FMA) clone beside the portable one and picks at load time ("arch=haswell" would not do:
// its resolver asks for that very processor and leaves every AMD machine with the portable clone).
#pragma once
#include <cstddef>
#include <type_traits>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define SS_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define SS_CLONES
#endif

namespace ss {

using Index = std::ptrdiff_t;

namespace detail {

// Four doubles; lowered to two SSE registers in the portable clone.
typedef double Vec4 __attribute__((vector_size(32)));

template <class T>
inline __attribute__((always_inline)) double dot_inline(const T* x, const double* y, Index n) {
  double a[8] = {0, 0, 0, 0, 0, 0, 0, 0};
  Index i = 0;
  for (; i + 8 <= n; i += 8)
    for (int k = 0; k < 8; ++k) a[k] += static_cast<double>(x[i + k]) * y[i + k];
  double tail = 0;
  for (; i < n; ++i) tail += static_cast<double>(x[i]) * y[i];
  return ((a[0] + a[4]) + (a[1] + a[5])) + ((a[2] + a[6]) + (a[3] + a[7])) + tail;
}

template <class T>
inline __attribute__((always_inline)) void axpy_inline(double c, const T* x, double* y, Index n) {
  for (Index i = 0; i < n; ++i) y[i] += c * static_cast<double>(x[i]);
}

inline __attribute__((always_inline)) Vec4 load4(const double* p) {
  Vec4 v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

typedef float Vec8f __attribute__((vector_size(32)));

inline __attribute__((always_inline)) Vec8f load8(const float* p) {
  Vec8f v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

inline __attribute__((always_inline)) double sum4(Vec4 v) { return (v[0] + v[2]) + (v[1] + v[3]); }

}  // namespace detail

SS_CLONES static double dot(const double* x, const double* y, Index n) { return detail::dot_inline(x, y, n); }
SS_CLONES static double dot(const float* x, const double* y, Index n) { return detail::dot_inline(x, y, n); }
SS_CLONES static void axpy(double c, const double* x, double* y, Index n) { detail::axpy_inline(c, x, y, n); }
SS_CLONES static void axpy(double c, const float* x, double* y, Index n) { detail::axpy_inline(c, x, y, n); }
SS_CLONES static void axpy(float c, const float* x, float* __restrict y, Index n) {
  for (Index i = 0; i < n; ++i) y[i] += c * x[i];
}

namespace detail {

// Widen four stored values to doubles.
inline __attribute__((always_inline)) Vec4 widen4(const double* p) { return load4(p); }
inline __attribute__((always_inline)) Vec4 widen4(const float* p) { return Vec4{p[0], p[1], p[2], p[3]}; }

template <class T>
inline __attribute__((always_inline)) void dot4_inline(const T* const* x, const double* r, Index n, double* out) {
  Vec4 c[8] = {};  // in registers only while every index is a constant
  Index i = 0;
  for (; i + 8 <= n; i += 8) {
    const Vec4 r0 = load4(r + i), r1 = load4(r + i + 4);
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      c[k] += widen4(x[k] + i) * r0;
      c[4 + k] += widen4(x[k] + i + 4) * r1;
    }
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    double tail = 0;
    for (Index j = i; j < n; ++j) tail += static_cast<double>(x[k][j]) * r[j];
    out[k] = sum4(c[k] + c[4 + k]) + tail;
  }
}

template <class T>
inline __attribute__((always_inline)) void axpy4_inline(const double* c, const T* const* x, double* y, Index n) {
  Index i = 0;
  for (; i + 8 <= n; i += 8) {
    Vec4 v0 = load4(y + i), v1 = load4(y + i + 4);
    for (int k = 0; k < 4; ++k) {
      v0 += c[k] * widen4(x[k] + i);
      v1 += c[k] * widen4(x[k] + i + 4);
    }
    __builtin_memcpy(y + i, &v0, sizeof v0);
    __builtin_memcpy(y + i + 4, &v1, sizeof v1);
  }
  for (; i < n; ++i)
    for (int k = 0; k < 4; ++k) y[i] += c[k] * static_cast<double>(x[k][i]);
}

}  // namespace detail

// Four columns at once: r (or y) is loaded once for all of them.
SS_CLONES static void dot4(const double* const* x, const double* r, Index n, double* out) {
  detail::dot4_inline(x, r, n, out);
}
SS_CLONES static void dot4(const float* const* x, const double* r, Index n, double* out) {
  detail::dot4_inline(x, r, n, out);
}
SS_CLONES static void axpy4(const double* c, const double* const* x, double* y, Index n) {
  detail::axpy4_inline(c, x, y, n);
}
SS_CLONES static void axpy4(const double* c, const float* const* x, double* y, Index n) {
  detail::axpy4_inline(c, x, y, n);
}

// The same in single precision throughout, where what rounding leaves is looked at again in double.
SS_CLONES static void dot4(const float* const* x, const float* r, Index n, double* out) {
  detail::Vec8f c[4] = {};
  Index i = 0;
  for (; i + 8 <= n; i += 8) {
    const detail::Vec8f v = detail::load8(r + i);
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) c[k] += detail::load8(x[k] + i) * v;
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    float tail = 0;
    for (Index j = i; j < n; ++j) tail += x[k][j] * r[j];
    out[k] = (((c[k][0] + c[k][4]) + (c[k][1] + c[k][5])) + ((c[k][2] + c[k][6]) + (c[k][3] + c[k][7]))) + tail;
  }
}
SS_CLONES static void axpy4(const float* c, const float* const* x, float* __restrict y, Index n) {
  const float *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
  const float c0 = c[0], c1 = c[1], c2 = c[2], c3 = c[3];
  for (Index i = 0; i < n; ++i) y[i] += (c0 * x0[i] + c1 * x1[i]) + (c2 * x2[i] + c3 * x3[i]);
}
SS_CLONES static void add(const float* x, double* y, Index n) {
  for (Index i = 0; i < n; ++i) y[i] += x[i];
}
// out = level - slope * x
SS_CLONES static void fall(const double* level, const double* slope, const double* x, double* out, Index n) {
  for (Index i = 0; i < n; ++i) out[i] = level[i] - slope[i] * x[i];
}
SS_CLONES static void fall(const double* level, const double* slope, const double* x, float* out, Index n) {
  for (Index i = 0; i < n; ++i) out[i] = static_cast<float>(level[i] - slope[i] * x[i]);
}

// out[k] = column(k)' r over k < m, four columns at a time.
template <class Column, class R>
inline void project_on(Index m, Column column, const R* r, Index n, double* out) {
  using T = std::remove_pointer_t<decltype(column(Index{0}))>;
  for (Index k = 0; k < m; k += 4) {
    const T* x[4];
    for (Index t = 0; t < 4; ++t) x[t] = column(k + t < m ? k + t : m - 1);
    double rest[4];
    dot4(x, r, n, k + 4 <= m ? out + k : rest);
    for (Index t = k; k + 4 > m && t < m; ++t) out[t] = rest[t - k];
  }
}

// Adds coef[k] column(k) to y over k < m, four columns at a time, skipping zeros.
template <class Column, class R>
inline void combine(Index m, const R* coef, Column column, R* y, Index n) {
  using T = std::remove_pointer_t<decltype(column(Index{0}))>;
  const T* x[4];
  R c[4];
  int held = 0;
  for (Index k = 0; k < m; ++k) {
    if (coef[k] == 0) continue;
    x[held] = column(k);
    c[held] = coef[k];
    if (++held == 4) {
      axpy4(c, x, y, n);
      held = 0;
    }
  }
  if (held == 0) return;
  for (int k = held; k < 4; ++k) x[k] = x[0], c[k] = 0;
  axpy4(c, x, y, n);
}

namespace detail {

template <class T>
inline __attribute__((always_inline)) void dot2x4_inline(const double* a0, const double* a1, const T* b0, const T* b1,
                                                         const T* b2, const T* b3, Index n, double* out) {
  Vec4 c[8] = {};
  Index i = 0;
  for (; i + 4 <= n; i += 4) {
    const Vec4 x0 = load4(a0 + i), x1 = load4(a1 + i);
    const Vec4 y0 = widen4(b0 + i), y1 = widen4(b1 + i);
    const Vec4 y2 = widen4(b2 + i), y3 = widen4(b3 + i);
    c[0] += x0 * y0;
    c[1] += x0 * y1;
    c[2] += x0 * y2;
    c[3] += x0 * y3;
    c[4] += x1 * y0;
    c[5] += x1 * y1;
    c[6] += x1 * y2;
    c[7] += x1 * y3;
  }
#pragma GCC unroll 8
  for (int k = 0; k < 8; ++k) out[k] = sum4(c[k]);
  for (; i < n; ++i) {
    const double y[4] = {static_cast<double>(b0[i]), static_cast<double>(b1[i]), static_cast<double>(b2[i]),
                         static_cast<double>(b3[i])};
    for (int k = 0; k < 4; ++k) {
      out[k] += a0[i] * y[k];
      out[4 + k] += a1[i] * y[k];
    }
  }
}

}  // namespace detail

// Eight inner products of two rows a0, a1 with four rows b0..b3: the block that Gram and Cholesky are made of.
// 8 accumulators and 6 loads for 8 multiply-adds keep both FMA ports busy.
SS_CLONES static void dot2x4(const double* a0, const double* a1, const double* b0, const double* b1,
                             const double* b2, const double* b3, Index n, double* out) {
  detail::dot2x4_inline(a0, a1, b0, b1, b2, b3, n, out);
}
SS_CLONES static void dot2x4(const double* a0, const double* a1, const float* b0, const float* b1,
                             const float* b2, const float* b3, Index n, double* out) {
  detail::dot2x4_inline(a0, a1, b0, b1, b2, b3, n, out);
}

// out0[k] = column(k)' r0 and out1[k] = column(k)' r1: every column is read once for both.
template <class Column>
inline void project_on2(Index m, Column column, const double* r0, const double* r1, Index n, double* out0, double* out1) {
  Index k = 0;
  for (; k + 4 <= m; k += 4) {
    double both[8];
    dot2x4(r0, r1, column(k), column(k + 1), column(k + 2), column(k + 3), n, both);
    for (int j = 0; j < 4; ++j) out0[k + j] = both[j], out1[k + j] = both[4 + j];
  }
  for (; k < m; ++k) out0[k] = dot(column(k), r0, n), out1[k] = dot(column(k), r1, n);
}

// y0 += c0[0] x[0] + ... + c0[3] x[3], and y1 likewise with c1: each column is loaded once for both.
SS_CLONES static void axpy2x4(const double* c0, const double* c1, const double* const* x, double* y0, double* y1, Index n) {
  using detail::Vec4;
  Index i = 0;
  for (; i + 4 <= n; i += 4) {
    Vec4 v0 = detail::load4(y0 + i), v1 = detail::load4(y1 + i);
    for (int k = 0; k < 4; ++k) {
      const Vec4 a = detail::load4(x[k] + i);
      v0 += c0[k] * a;
      v1 += c1[k] * a;
    }
    __builtin_memcpy(y0 + i, &v0, sizeof v0);
    __builtin_memcpy(y1 + i, &v1, sizeof v1);
  }
  for (; i < n; ++i)
    for (int k = 0; k < 4; ++k) y0[i] += c0[k] * x[k][i], y1[i] += c1[k] * x[k][i];
}

// y = S x for a symmetric S, row-major, of which the lower triangle is read: every entry once, for both of its places.
SS_CLONES static void symmetric_times(const double* S, Index m, Index ld, const double* x, double* y) {
  using detail::Vec4;
  Index i = 0;
  for (; i + 4 <= m; i += 4) {
    const double *a0 = S + i * ld, *a1 = a0 + ld, *a2 = a1 + ld, *a3 = a2 + ld;
    const double x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
    Vec4 s0 = {}, s1 = {}, s2 = {}, s3 = {};
    for (Index j = 0; j < i; j += 4) {
      const Vec4 xj = detail::load4(x + j);
      const Vec4 v0 = detail::load4(a0 + j), v1 = detail::load4(a1 + j), v2 = detail::load4(a2 + j), v3 = detail::load4(a3 + j);
      s0 += v0 * xj;
      s1 += v1 * xj;
      s2 += v2 * xj;
      s3 += v3 * xj;
      const Vec4 yj = (detail::load4(y + j) + x0 * v0 + x1 * v1) + (x2 * v2 + x3 * v3);
      __builtin_memcpy(y + j, &yj, sizeof yj);
    }
    y[i] = detail::sum4(s0) + a0[i] * x0 + a1[i] * x1 + a2[i] * x2 + a3[i] * x3;
    y[i + 1] = detail::sum4(s1) + a1[i] * x0 + a1[i + 1] * x1 + a2[i + 1] * x2 + a3[i + 1] * x3;
    y[i + 2] = detail::sum4(s2) + a2[i] * x0 + a2[i + 1] * x1 + a2[i + 2] * x2 + a3[i + 2] * x3;
    y[i + 3] = detail::sum4(s3) + a3[i] * x0 + a3[i + 1] * x1 + a3[i + 2] * x2 + a3[i + 3] * x3;
  }
  for (; i < m; ++i) {
    const double* a = S + i * ld;
    double s = a[i] * x[i];
    for (Index j = 0; j < i; ++j) s += a[j] * x[j], y[j] += a[j] * x[i];
    y[i] = s;
  }
}

SS_CLONES static void multiply(const float* h, const float* x, float* out, Index n) {
  for (Index i = 0; i < n; ++i) out[i] = h[i] * x[i];
}
SS_CLONES static void multiply(const double* h, const double* x, double* out, Index n) {
  for (Index i = 0; i < n; ++i) out[i] = h[i] * x[i];
}

inline double norm2(const double* x, Index n) { return dot(x, x, n); }

}  // namespace ss
