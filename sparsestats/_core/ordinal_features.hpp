// Columns for an ordinal likelihood: rows in class order, centred and scaled, so that ranges of rows are contiguous.
// Dense data of few columns is copied once into that order. Of many columns, or sparse ones, those in a working set are laid
// out while they are in it, so that memory beyond X stays that of the working set.
#pragma once
#include <unordered_map>
#include <vector>

#include "ordinal_families.hpp"
#include "storage.hpp"

namespace ss {

class Features {
 public:
  const Index n, p;
  // `order[i]` is the row of X at place i; `weights` are in the order of X and sum to its rows.
  Features(const Storage& X, std::vector<Index> order, const double* weights, bool scale, bool dense)
      : n(X.n), p(X.p), X_(X), order_(std::move(order)), dense_(dense && X.p <= std::max<Index>(1000, X.n)), mean_(p), scale_(p, 1.0), constant_(p, 0), ones_(n, 1.0) {
    for (Index j = 0; j < p; ++j) {
      const Moments m = X.moments(j, weights);
      mean_[j] = m.mean;
      constant_[j] = !(m.sd > 1e-12 * m.largest);
      if (constant_[j])
        scale_[j] = 0;
      else if (scale)
        scale_[j] = m.sd;
    }
    if (!dense_) return;
    data_.resize(n * p);
    std::vector<double> raw(n);
    for (Index j = 0; j < p; ++j) lay_out(j, raw, data_.data() + j * n);
  }

  bool constant(Index j) const { return constant_[j]; }
  double mean(Index j) const { return mean_[j]; }
  double scale(Index j) const { return scale_[j]; }  // 0 for a constant column

  // Column j in class order; feature p is the column of ones.
  const double* column(Index j) {
    if (j == p) return ones_.data();
    if (dense_) return data_.data() + j * n;
    auto& kept = cache_[j];
    if (kept.empty()) {
      kept.resize(n);
      std::vector<double> raw(n);
      lay_out(j, raw, kept.data());
    }
    return kept.data();
  }

  Index held() const { return static_cast<Index>(cache_.size()); }

  // Columns that `wanted` refuses lose their place.
  template <class Wanted>
  void keep(Wanted wanted) {
    std::erase_if(cache_, [&](const auto& held) { return !wanted(held.first); });
  }

  // out[j * m + k] = x_j' (slopes of boundary k), for every column.
  void gradient(const Family& family, const double* slope, double* out) {
    const Index m = family.boundaries;
    if (dense_) {
      std::fill(out, out + p * m, 0.0);
      slope_products(
          family, slope, p, [&](Index j) { return data_.data() + j * n; },
          [&](Index j, Index k) -> double& { return out[j * m + k]; });
      return;
    }
    std::vector<double> r(n * m, 0.0);
    for (const Slot& s : family.slots()) axpy(1.0, slope + s.at, r.data() + s.boundary * n + s.begin, s.end - s.begin);
    transposed_times(r.data(), m, out);
  }

  // out[l * n + i] = sum_j x_ij coef[j * m + l], over all columns: nothing is laid out for it.
  void times(const double* coef, Index m, double* out) const {
    std::fill(out, out + n * m, 0.0);
    if (dense_) {
      for (Index l = 0; l < m; l += 2) {
        const bool two = l + 1 < m;
        double *y0 = out + l * n, *y1 = y0 + n, c0[4], c1[4];
        for (Index j = 0; j < p; j += 4) {
          const double* x[4];
          for (Index t = 0; t < 4; ++t) {
            const bool there = j + t < p;
            x[t] = data_.data() + (there ? j + t : j) * n;
            c0[t] = there ? coef[(j + t) * m + l] : 0, c1[t] = there && two ? coef[(j + t) * m + l + 1] : 0;
          }
          two ? axpy2x4(c0, c1, x, y0, y1, n) : axpy4(c0, x, y0, n);
        }
      }
      return;
    }
    std::vector<double> raw(n * m, 0.0), shift(m, 0.0);
    for_blocks([&](const Index* columns, Index count) {
      double c[kBlock];
      for (Index l = 0; l < m; ++l) {
        for (Index t = 0; t < count; ++t) {
          const Index j = columns[t];
          c[t] = constant_[j] ? 0 : coef[j * m + l] / scale_[j];
          shift[l] -= c[t] * mean_[j];
        }
        X_.axpys(columns, count, c, raw.data() + l * n);
      }
    });
    for (Index l = 0; l < m; ++l)
      for (Index i = 0; i < n; ++i) out[l * n + i] = raw[l * n + order_[i]] + shift[l];
  }

  // out[j * m + l] = sum_i x_ij r[l * n + i], over all columns.
  void transposed_times(const double* r, Index m, double* out) const {
    if (dense_) {
      double dots[8];
      for (Index j = 0; j < p; j += 4) {
        const double* x[4];
        for (Index t = 0; t < 4; ++t) x[t] = data_.data() + std::min(j + t, p - 1) * n;
        for (Index l = 0; l < m; l += 2) {
          const Index next = std::min(l + 1, m - 1);
          dot2x4(r + l * n, r + next * n, x[0], x[1], x[2], x[3], n, dots);
          for (Index t = 0; t < std::min<Index>(4, p - j); ++t) out[(j + t) * m + l] = dots[t], out[(j + t) * m + next] = dots[4 + t];
        }
      }
      return;
    }
    std::vector<double> raw(n * m), total(m, 0.0);
    for (Index l = 0; l < m; ++l)
      for (Index i = 0; i < n; ++i) {
        raw[l * n + order_[i]] = r[l * n + i];
        total[l] += r[l * n + i];
      }
    for_blocks([&](const Index* columns, Index count) {
      double dots[kBlock];
      for (Index l = 0; l < m; ++l) {
        X_.dots(columns, count, raw.data() + l * n, dots);
        for (Index t = 0; t < count; ++t) {
          const Index j = columns[t];
          out[j * m + l] = constant_[j] ? 0 : (dots[t] - mean_[j] * total[l]) / scale_[j];
        }
      }
    });
  }

  // The rows of some columns, one row after the other: to[i * columns.size() + t] = x_{i, columns[t]}.
  void rows_of(const std::vector<Index>& columns, double* to) const {
    const Index wide = static_cast<Index>(columns.size());
    std::vector<double> raw(n), laid(n);
    for (Index t = 0; t < wide; ++t) {
      const double* x = laid.data();
      if (dense_)
        x = data_.data() + columns[t] * n;
      else
        lay_out(columns[t], raw, laid.data());
      for (Index i = 0; i < n; ++i) to[i * wide + t] = x[i];
    }
  }

 private:
  static constexpr Index kBlock = 32;  // columns that stay in cache while each boundary takes its turn
  template <class Visit>
  void for_blocks(Visit visit) const {
    Index columns[kBlock];
    for (Index b = 0; b < p; b += kBlock) {
      const Index count = std::min(kBlock, p - b);
      for (Index t = 0; t < count; ++t) columns[t] = b + t;
      visit(columns, count);
    }
  }
  void lay_out(Index j, std::vector<double>& raw, double* out) const {
    if (constant_[j]) {
      std::fill(out, out + n, 0.0);
      return;
    }
    std::fill(raw.begin(), raw.end(), 0.0);
    const double one = 1;
    X_.axpys(&j, 1, &one, raw.data());
    for (Index i = 0; i < n; ++i) out[i] = (raw[order_[i]] - mean_[j]) / scale_[j];
  }
  const Storage& X_;
  std::vector<Index> order_;
  bool dense_;
  std::vector<double> mean_, scale_;
  std::vector<char> constant_;
  std::vector<double> ones_, data_;
  std::unordered_map<Index, std::vector<double>> cache_;
};

}  // namespace ss
