// Dense products of row-major matrices and the inverse of an M-matrix, for matrices that fit in cache.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

#include "kernels.hpp"

namespace ss {

namespace detail {

constexpr Index kPanel = 12;   // columns of a packed panel of B: three vectors of four
constexpr Index kTall = 4;     // rows of A in a block
constexpr Index kDepth = 192;  // rows of a panel of B: 18 KB, so that it stays in the first cache
constexpr Index kHeight = 96;  // rows of A packed at a time: 144 KB, so that they stay in the second

// C (4 x 12) += sign * rows of A (4, `depth` long) times the panel.
inline void block_plain(const double* A, Index lda, const double* panel, Index depth, double sign, double* C, Index ldc) {
  for (Index p = 0; p < depth; ++p, panel += kPanel)
    for (Index r = 0; r < 4; ++r) {
      const double a = sign * A[r * lda + p];
      for (Index t = 0; t < kPanel; ++t) C[r * ldc + t] += a * panel[t];
    }
}

#if defined(__x86_64__) && defined(__GNUC__)
#define SS_HAS_AVX2_BLOCK 1
// Written out: compilers lower generic vectors before they make target clones, and keep arrays of sums in memory.
__attribute__((target("avx2,fma"))) inline void block_avx2(const double* A, Index lda, const double* panel, Index depth,
                                                           double sign, double* C, Index ldc) {
  for (Index r = 0; r < 4; ++r) {  // wanted at the end, and no pattern that the hardware would see
    __builtin_prefetch(C + r * ldc, 1);
    __builtin_prefetch(C + r * ldc + kPanel - 1, 1);
  }
  const double *a0 = A, *a1 = A + lda, *a2 = a1 + lda, *a3 = a2 + lda;
  __m256d c00 = _mm256_setzero_pd(), c01 = c00, c02 = c00, c10 = c00, c11 = c00, c12 = c00;
  __m256d c20 = c00, c21 = c00, c22 = c00, c30 = c00, c31 = c00, c32 = c00;
  for (Index p = 0; p < depth; ++p, panel += kPanel) {
    const __m256d b0 = _mm256_loadu_pd(panel), b1 = _mm256_loadu_pd(panel + 4), b2 = _mm256_loadu_pd(panel + 8);
    __m256d x = _mm256_broadcast_sd(a0 + p);
    c00 = _mm256_fmadd_pd(x, b0, c00);
    c01 = _mm256_fmadd_pd(x, b1, c01);
    c02 = _mm256_fmadd_pd(x, b2, c02);
    x = _mm256_broadcast_sd(a1 + p);
    c10 = _mm256_fmadd_pd(x, b0, c10);
    c11 = _mm256_fmadd_pd(x, b1, c11);
    c12 = _mm256_fmadd_pd(x, b2, c12);
    x = _mm256_broadcast_sd(a2 + p);
    c20 = _mm256_fmadd_pd(x, b0, c20);
    c21 = _mm256_fmadd_pd(x, b1, c21);
    c22 = _mm256_fmadd_pd(x, b2, c22);
    x = _mm256_broadcast_sd(a3 + p);
    c30 = _mm256_fmadd_pd(x, b0, c30);
    c31 = _mm256_fmadd_pd(x, b1, c31);
    c32 = _mm256_fmadd_pd(x, b2, c32);
  }
  const __m256d f = _mm256_set1_pd(sign);
  const __m256d all[12] = {c00, c01, c02, c10, c11, c12, c20, c21, c22, c30, c31, c32};
  for (int k = 0; k < 12; ++k) {
    double* out = C + (k / 3) * ldc + 4 * (k % 3);
    _mm256_storeu_pd(out, _mm256_fmadd_pd(f, all[k], _mm256_loadu_pd(out)));
  }
}
#endif

using Block = void (*)(const double*, Index, const double*, Index, double, double*, Index);
inline Block block_kernel() {
#ifdef SS_HAS_AVX2_BLOCK
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return block_avx2;
#endif
  return block_plain;
}

// `count` rows of A, `depth` long, one after the other; rows of zeros fill up the last block of four.
inline void pack_rows(const double* A, Index lda, Index count, Index depth, double* to) {
  for (Index i = 0; i < count; ++i, to += depth) std::copy(A + i * lda, A + i * lda + depth, to);
  std::fill(to, to + (kTall - count % kTall) % kTall * depth, 0.0);
}

// `depth` rows of B, `count` columns, as panels of twelve; what is missing of the last is zero.
inline void pack_columns(const double* B, Index ldb, Index count, Index depth, double* to) {
  for (Index j = 0; j < count; j += kPanel, to += kPanel * depth) {
    const Index width = std::min(kPanel, count - j);
    for (Index q = 0; q < depth; ++q) {
      const double* b = B + q * ldb + j;
      std::copy(b, b + width, to + q * kPanel);
      std::fill(to + q * kPanel + width, to + (q + 1) * kPanel, 0.0);
    }
  }
}

}  // namespace detail

// C (m x n) += sign * A (m x k) B (k x n), all row-major.
inline void gemm(Index m, Index n, Index k, double sign, const double* A, Index lda, const double* B, Index ldb, double* C,
                 Index ldc) {
  using namespace detail;
  static const Block block = block_kernel();
  static thread_local std::vector<double> rows(kHeight * kDepth), columns;
  alignas(64) double sums[kTall * kPanel];
  columns.resize(std::max<size_t>(columns.size(), (n + kPanel - 1) / kPanel * kPanel * std::min(k, kDepth)));
  const Index slices = (k + kDepth - 1) / kDepth, slice = slices > 0 ? (k + slices - 1) / slices : 0;
  for (Index p = 0; p < k; p += slice) {
    const Index depth = std::min(slice, k - p);
    pack_columns(B + p * ldb, ldb, n, depth, columns.data());
    for (Index top = 0; top < m; top += kHeight) {
      const Index count = std::min(kHeight, m - top);
      pack_rows(A + top * lda + p, lda, count, depth, rows.data());
      for (Index j = 0; j < n; j += kPanel) {
        const Index width = std::min(kPanel, n - j);
        const double* b = &columns[j * depth];
        for (Index i = 0; i < count; i += kTall) {
          const Index height = std::min(kTall, count - i);
          const double* a = &rows[i * depth];
          double* out = C + (top + i) * ldc + j;
          if (height == kTall && width == kPanel) {
            block(a, depth, b, depth, sign, out, ldc);
            continue;
          }
          // The rim: sums taken aside.
          std::fill(sums, sums + kTall * kPanel, 0.0);
          block(a, depth, b, depth, sign, sums, kPanel);
          for (Index r = 0; r < height; ++r)
            for (Index t = 0; t < width; ++t) out[r * ldc + t] += sums[r * kPanel + t];
        }
      }
    }
  }
}

// Inverse, in place, of a matrix with non-positive off-diagonal; log determinant in `logdet`. Elimination without pivoting
// meets a pivot <= 0 exactly when the matrix is not a nonsingular M-matrix (then false), and is stable when it is one, so the
// domain of the log-determinant is checked by the factorisation itself. By halves: Schur complements of M-matrices are
// M-matrices, and of 2 d^3 operations all but those of the smallest blocks are products of large blocks.
class MInverse {
 public:
  bool operator()(double* A, Index d, double& logdet) {
    logdet = 0;
    scratch_.resize(d * d);
    return invert(A, d, d, scratch_.data(), logdet);
  }

 private:
  static constexpr Index kSmall = 24;  // below, products cost more than they save

  static bool invert(double* A, Index d, Index ld, double* scratch, double& logdet) {
    if (d <= kSmall) return eliminate(A, d, ld, logdet);
    const Index h = (d / 2 + detail::kPanel - 1) / detail::kPanel * detail::kPanel, r = d - h;
    double *B = A + h, *C = A + h * ld, *D = C + h, *P = scratch, *Q = P + h * r;
    if (!invert(A, h, ld, scratch, logdet)) return false;
    std::fill(P, Q + r * h, 0.0);
    gemm(h, r, h, 1.0, A, ld, B, ld, P, r);   // P = A^{-1} B
    gemm(r, h, h, 1.0, C, ld, A, ld, Q, h);   // Q = C A^{-1}
    gemm(r, r, h, -1.0, C, ld, P, r, D, ld);  // the Schur complement D - C A^{-1} B
    if (!invert(D, r, ld, Q + r * h, logdet)) return false;
    for (Index i = 0; i < h; ++i) std::fill(B + i * ld, B + i * ld + r, 0.0);
    for (Index i = 0; i < r; ++i) std::fill(C + i * ld, C + i * ld + h, 0.0);
    gemm(h, r, r, -1.0, P, r, D, ld, B, ld);
    gemm(r, h, r, -1.0, D, ld, Q, h, C, ld);
    gemm(h, h, r, -1.0, B, ld, Q, h, A, ld);
    return true;
  }

  SS_CLONES static bool eliminate(double* D, Index w, Index ld, double& logdet) {
    for (Index k = 0; k < w; ++k) {
      double* row = D + k * ld;
      const double pivot = row[k];
      if (!(pivot > 0)) return false;
      logdet += std::log(pivot);
      const double inverse = 1 / pivot;
      row[k] = 1;
      for (Index t = 0; t < w; ++t) row[t] *= inverse;
      for (Index i = 0; i < w; ++i) {
        if (i == k) continue;
        double* __restrict other = D + i * ld;
        const double factor = other[k];
        other[k] = 0;
        for (Index t = 0; t < w; ++t) other[t] -= factor * row[t];
      }
    }
    return true;
  }

  std::vector<double> scratch_;
};

}  // namespace ss
