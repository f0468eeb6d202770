// Small dense linear algebra on row-major matrices: symmetric products and Cholesky, built on dot2x4.
// It serves systems of a few hundred unknowns inside a path, where calling out to a threaded BLAS costs more than it gives.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "gemm.hpp"
#include "kernels.hpp"

namespace ss {

namespace detail {

// gram_rows for matrices beyond the first cache: panels of twelve rows against blocks of four, a slice of columns at a time.
inline void gram_blocks(const double* A, Index m, Index k, Index lda, double* C, Index ldc) {
  static const Block block = block_kernel();
  alignas(64) double panel[kDepth * kPanel], sums[4 * kPanel];
  for (Index i = 0; i < m; ++i) std::fill_n(C + i * ldc, i + 1, 0.0);
  for (Index p = 0; p < k; p += kDepth) {
    const Index depth = std::min(kDepth, k - p);
    for (Index j = 0; j < m; j += kPanel) {
      for (Index t = 0; t < kPanel; ++t) {
        const double* a = A + std::min(j + t, m - 1) * lda + p;
        for (Index q = 0; q < depth; ++q) panel[q * kPanel + t] = a[q];
      }
      for (Index i = j; i < m; i += 4) {
        if (i + 4 <= m && i >= j + kPanel) {
          block(A + i * lda + p, lda, panel, depth, 1.0, C + i * ldc + j, ldc);
          continue;
        }
        // On the diagonal and at the rim: sums taken aside. The last block of rows starts early enough to be whole.
        const Index from = std::min(i, m - 4);
        std::fill(sums, sums + 4 * kPanel, 0.0);
        block(A + from * lda + p, lda, panel, depth, 1.0, sums, kPanel);
        for (Index r = i; r < std::min(i + 4, m); ++r)
          for (Index t = 0; t < kPanel && j + t <= r; ++t) C[r * ldc + j + t] += sums[(r - from) * kPanel + t];
      }
    }
  }
}

}  // namespace detail

// C (m x m, leading dimension ldc) lower triangle = A A', A row-major m x k with leading dimension lda.
inline void gram_rows(const double* A, Index m, Index k, Index lda, double* C, Index ldc) {
  if (m > 96) return detail::gram_blocks(A, m, k, lda, C, ldc);
  double block[8];
  for (Index i = 0; i < m; i += 2) {
    const double* a0 = A + i * lda;
    const double* a1 = i + 1 < m ? a0 + lda : a0;
    for (Index j = 0; j <= std::min(i + 1, m - 1); j += 4) {
      const double* b[4];
      for (int t = 0; t < 4; ++t) b[t] = A + std::min(j + t, m - 1) * lda;
      dot2x4(a0, a1, b[0], b[1], b[2], b[3], k, block);
      for (int t = 0; t < 4 && j + t < m; ++t) {
        if (j + t <= i) C[i * ldc + j + t] = block[t];
        if (i + 1 < m && j + t <= i + 1) C[(i + 1) * ldc + j + t] = block[4 + t];
      }
    }
  }
}

namespace detail {

constexpr Index kStrip = 24;  // columns of a block in single precision: three vectors of eight

// C (4 x 24) += sum over `depth` rows of four entries at a times twenty-four at b.
SS_CLONES static void outer_block(const float* a, const float* b, Index ld, Index depth, float* C) {
  Vec8f c[12] = {};
  for (Index p = 0; p < depth; ++p, a += ld, b += ld) {
    const Vec8f b0 = load8(b), b1 = load8(b + 8), b2 = load8(b + 16);
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      c[3 * r] += a[r] * b0;
      c[3 * r + 1] += a[r] * b1;
      c[3 * r + 2] += a[r] * b2;
    }
  }
#pragma GCC unroll 12
  for (int k = 0; k < 12; ++k) {
    float* out = C + (k / 3) * ld + 8 * (k % 3);
    const Vec8f sum = load8(out) + c[k];
    __builtin_memcpy(out, &sum, sizeof sum);
  }
}

}  // namespace detail

inline Index whole_strips(Index n) { return (n + detail::kStrip - 1) / detail::kStrip * detail::kStrip; }

// C (n x n) lower triangle = A'A in single precision, A (k x n) row-major with n in whole strips; some of the upper triangle
// is written too.
inline void gram_columns(const float* A, Index k, Index n, float* C) {
  constexpr Index kRows = 128;  // of A at a time: a strip of them stays in the first cache
  std::fill(C, C + n * n, 0.0f);
  for (Index p = 0; p < k; p += kRows)
    for (Index j = 0; j < n; j += detail::kStrip)
      for (Index i = j; i < n; i += 4)
        detail::outer_block(A + p * n + i, A + p * n + j, n, std::min(kRows, k - p), C + i * n + j);
}

namespace detail {

// The diagonal block at j of a Cholesky, `nb` columns wide, once the finished columns have been subtracted.
inline Index cholesky_block(double* A, Index m, Index lda, Index j, Index nb, double floor, std::vector<char>& pinned) {
  Index count = 0;
  for (Index t = 0; t < nb; ++t) {
    double* d = A + (j + t) * lda;
    double pivot = d[j + t];
    for (Index s = 0; s < t; ++s) pivot -= d[j + s] * d[j + s];
    double explained = norm2(d, j + t);
    if (!(pivot > floor * (pivot + explained)) || !(pivot > 0)) {
      pinned[j + t] = 1;
      ++count;
      for (Index i = j + t; i < m; ++i) A[i * lda + j + t] = 0;
      d[j + t] = 1;
      continue;
    }
    const double root = std::sqrt(pivot);
    d[j + t] = root;
    for (Index i = j + t + 1; i < m; ++i) {
      double* a = A + i * lda;
      double v = a[j + t];
      for (Index s = 0; s < t; ++s) v -= a[j + s] * d[j + s];
      a[j + t] = v / root;
    }
  }
  return count;
}

// Columns [j, j + nb), nb <= kPanel, of A from row j on, minus what the columns before j explain.
inline void subtract_finished(double* A, Index m, Index lda, Index j, Index nb) {
  static const detail::Block block = block_kernel();
  alignas(64) double panel[kDepth * kPanel], sums[4 * kPanel];
  for (Index p = 0; p < j; p += kDepth) {
    const Index depth = std::min(kDepth, j - p);
    for (Index q = 0; q < depth; ++q)
      for (Index t = 0; t < kPanel; ++t) panel[q * kPanel + t] = t < nb ? A[(j + t) * lda + p + q] : 0.0;
    for (Index i = j; i < m; i += 4) {
      // The last block of rows starts early enough to be whole; rows done before take no part twice.
      const Index from = std::max<Index>(0, std::min(i, m - 4));
      if (from == i && nb == kPanel && i >= j + kPanel) {
        block(A + i * lda + p, lda, panel, depth, -1.0, A + i * lda + j, lda);
        continue;
      }
      std::fill(sums, sums + 4 * kPanel, 0.0);
      block(A + from * lda + p, lda, panel, depth, -1.0, sums, kPanel);
      for (Index r = i - from; r < 4; ++r)
        for (Index t = 0; t < nb && j + t <= from + r; ++t) A[(from + r) * lda + j + t] += sums[r * kPanel + t];
    }
  }
}

constexpr Index kSmall = 40;  // rows up to which a factor is made in the first cache, by whole vectors

// The same for a few rows, on the transpose: what is subtracted and what from lie next to each other.
SS_CLONES static Index cholesky_small(double* A, Index m, Index lda, double floor, char* pinned) {
  alignas(32) double U[kSmall * kSmall];
  const Index top = (m + 3) / 4 * 4;
  for (Index k = 0; k < m; ++k) {
    double* u = U + k * kSmall;
    for (Index i = k / 4 * 4; i < k; ++i) u[i] = 0;
    for (Index i = k; i < m; ++i) u[i] = A[i * lda + k];
    for (Index i = m; i < top; ++i) u[i] = 0;
  }
  Index count = 0;
  for (Index k = 0; k < m; ++k) {
    double* u = U + k * kSmall;
    const double whole = u[k];
    const Index from = k / 4 * 4;
    Index p = 0;
    for (; p + 4 <= k; p += 4) {
      const double *v = U + p * kSmall, c[4] = {v[k], v[kSmall + k], v[2 * kSmall + k], v[3 * kSmall + k]};
      for (Index i = from; i < top; i += 4)
        for (int t = 0; t < 4; ++t)
          u[i + t] -= (c[0] * v[i + t] + c[1] * v[kSmall + i + t]) +
                      (c[2] * v[2 * kSmall + i + t] + c[3] * v[3 * kSmall + i + t]);
    }
    for (; p < k; ++p) {
      const double *v = U + p * kSmall, c = v[k];
      for (Index i = from; i < top; i += 4)
        for (int t = 0; t < 4; ++t) u[i + t] -= c * v[i + t];
    }
    const double pivot = u[k];
    pinned[k] = !(pivot > floor * whole) || !(pivot > 0);
    const double root = pinned[k] ? 1.0 : std::sqrt(pivot), by = pinned[k] ? 0.0 : 1 / root;
    count += pinned[k];
    for (Index i = from; i < top; i += 4)
      for (int t = 0; t < 4; ++t) u[i + t] *= by;
    u[k] = root;
    for (Index i = k; i < m; ++i) A[i * lda + k] = u[i];
  }
  return count;
}

}  // namespace detail

// In-place Cholesky of the lower triangle. A pivot that falls below `floor` times its own diagonal marks a direction
// without curvature: it is pinned (unit pivot, zero column) and its solution component is 0. Returns the number pinned.
inline Index cholesky(double* A, Index m, Index lda, double floor, std::vector<char>& pinned) {
  pinned.assign(m, 0);
  if (m <= detail::kSmall) return detail::cholesky_small(A, m, lda, floor, pinned.data());
  Index count = 0;
  if (m > 96) {
    for (Index j = 0; j < m; j += detail::kPanel) {
      const Index nb = std::min(detail::kPanel, m - j);
      detail::subtract_finished(A, m, lda, j, nb);
      count += detail::cholesky_block(A, m, lda, j, nb, floor, pinned);
    }
    return count;
  }
  double block[8];
  for (Index j = 0; j < m; j += 4) {
    const Index nb = std::min<Index>(4, m - j);
    const double* b[4];
    for (int t = 0; t < 4; ++t) b[t] = A + std::min(j + t, m - 1) * lda;
    // Subtract what the finished columns explain from this block of columns, two rows at a time.
    for (Index i = j; i < m; i += 2) {
      double* a0 = A + i * lda;
      double* a1 = i + 1 < m ? a0 + lda : a0;
      dot2x4(a0, a1, b[0], b[1], b[2], b[3], j, block);
      for (Index t = 0; t < nb; ++t) {
        if (j + t <= i) a0[j + t] -= block[t];
        if (i + 1 < m && j + t <= i + 1) a1[j + t] -= block[4 + t];
      }
    }
    count += detail::cholesky_block(A, m, lda, j, nb, floor, pinned);
  }
  return count;
}

// x <- L^{-1} x and x <- L'^{-1} x after cholesky(); pinned components are 0.
SS_CLONES static void solve_lower(const double* L, Index m, Index lda, const std::vector<char>& pinned, double* x) {
  for (Index i = 0; i < m; ++i)
    x[i] = pinned[i] ? 0 : (x[i] - detail::dot_inline(L + i * lda, x, i)) / L[i * lda + i];
}
SS_CLONES static void solve_lower_transposed(const double* L, Index m, Index lda, const std::vector<char>& pinned, double* x) {
  for (Index i = m; i-- > 0;) {
    x[i] = pinned[i] ? 0 : x[i] / L[i * lda + i];
    if (x[i] != 0) detail::axpy_inline(-x[i], L + i * lda, x, i);
  }
}
// Solve L L' x = x in place.
inline void cholesky_solve(const double* L, Index m, Index lda, const std::vector<char>& pinned, double* x) {
  solve_lower(L, m, lda, pinned, x);
  solve_lower_transposed(L, m, lda, pinned, x);
}

}  // namespace ss
