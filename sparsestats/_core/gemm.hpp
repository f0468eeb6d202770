// Dense products of row-major matrices and the inverse of an M-matrix, for matrices that fit in cache.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels.hpp"

namespace ss {

namespace detail {

constexpr Index kPanel = 12;   // columns of a packed panel: three vectors of four
constexpr Index kDepth = 192;  // rows of a packed panel: 18 KB, so that it stays in the first cache

// ROWS x 12 block of C += sign * A * panel.
template <int ROWS>
inline __attribute__((always_inline)) void block(const double* A, Index lda, const double* panel, Index depth, double sign,
                                                 double* C, Index ldc, Index width) {
  Vec4 c[ROWS][3] = {};
  for (Index p = 0; p < depth; ++p) {
    const Vec4 b0 = load4(panel + p * kPanel), b1 = load4(panel + p * kPanel + 4), b2 = load4(panel + p * kPanel + 8);
    for (int r = 0; r < ROWS; ++r) {
      const double a = A[r * lda + p];
      c[r][0] += a * b0;
      c[r][1] += a * b1;
      c[r][2] += a * b2;
    }
  }
  for (int r = 0; r < ROWS; ++r) {
    double* out = C + r * ldc;
    if (width == kPanel) {
      for (int v = 0; v < 3; ++v) {
        const Vec4 sum = load4(out + 4 * v) + sign * c[r][v];
        __builtin_memcpy(out + 4 * v, &sum, sizeof sum);
      }
    } else {
      for (Index k = 0; k < width; ++k) out[k] += sign * c[r][k / 4][k % 4];
    }
  }
}

}  // namespace detail

// C (m x n) += sign * A (m x k) B (k x n), all row-major.
SS_CLONES static void gemm(Index m, Index n, Index k, double sign, const double* A, Index lda, const double* B, Index ldb,
                           double* C, Index ldc) {
  using namespace detail;
  alignas(64) double panel[kDepth * kPanel];
  for (Index p = 0; p < k; p += kDepth) {
    const Index depth = std::min(kDepth, k - p);
    for (Index j = 0; j < n; j += kPanel) {
      const Index width = std::min(kPanel, n - j);
      for (Index q = 0; q < depth; ++q) {
        const double* b = B + (p + q) * ldb + j;
        for (Index t = 0; t < width; ++t) panel[q * kPanel + t] = b[t];
        for (Index t = width; t < kPanel; ++t) panel[q * kPanel + t] = 0;
      }
      Index i = 0;
      for (; i + 4 <= m; i += 4) block<4>(A + i * lda + p, lda, panel, depth, sign, C + i * ldc + j, ldc, width);
      for (; i < m; ++i) block<1>(A + i * lda + p, lda, panel, depth, sign, C + i * ldc + j, ldc, width);
    }
  }
}

// Inverse, in place, of a matrix with non-positive off-diagonal; log determinant in `logdet`. Elimination without pivoting
// meets a pivot <= 0 exactly when the matrix is not a nonsingular M-matrix (then false), and is stable when it is one, so the
// domain of the log-determinant is checked by the factorisation itself.
class MInverse {
 public:
  bool operator()(double* A, Index d, double& logdet) {
    const Index nb = d <= 48 ? d : (d <= 256 ? 32 : 64);
    columns_.resize(d * nb);
    rows_.resize(nb * d);
    panel_.resize(nb * d);
    logdet = 0;
    for (Index k = 0; k < d; k += nb) {
      const Index w = std::min(nb, d - k);
      if (!diagonal(A + k * d + k, w, d, logdet)) return false;
      if (w == d) return true;
      for (Index i = 0; i < d; ++i) {
        double* a = A + i * d + k;
        const bool inside = i >= k && i < k + w;
        for (Index t = 0; t < w; ++t) columns_[i * w + t] = inside ? 0 : a[t];
        if (!inside) std::fill(a, a + w, 0.0);
      }
      // panel = D^{-1} [rows of the block], with D^{-1} itself in its own columns
      for (Index t = 0; t < w; ++t) {
        std::copy(A + (k + t) * d, A + (k + t + 1) * d, &rows_[t * d]);
        std::fill(&rows_[t * d + k], &rows_[t * d + k + w], 0.0);
      }
      std::fill(panel_.begin(), panel_.begin() + w * d, 0.0);
      gemm(w, d, w, 1.0, A + k * d + k, d, rows_.data(), d, panel_.data(), d);
      for (Index t = 0; t < w; ++t) std::copy(A + (k + t) * d + k, A + (k + t) * d + k + w, &panel_[t * d + k]);
      gemm(d, d, w, -1.0, columns_.data(), w, panel_.data(), d, A, d);
      for (Index t = 0; t < w; ++t) std::copy(&panel_[t * d], &panel_[(t + 1) * d], A + (k + t) * d);
    }
    return true;
  }

 private:
  static bool diagonal(double* D, Index w, Index ld, double& logdet) {
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
        double* other = D + i * ld;
        const double factor = other[k];
        other[k] = 0;
        axpy(-factor, row, other, w);
      }
    }
    return true;
  }

  std::vector<double> columns_, rows_, panel_;
};

}  // namespace ss
