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
    std::fill(out, out + p * m, 0.0);
    if (dense_) {
      slope_products(
          family, slope, p, [&](Index j) { return data_.data() + j * n; },
          [&](Index j, Index k) -> double& { return out[j * m + k]; });
      return;
    }
    std::vector<double> r(n * m, 0.0), total(m, 0.0);
    for (const Slot& s : family.slots())
      for (Index i = s.begin; i < s.end; ++i) {
        r[s.boundary * n + order_[i]] += slope[s.at + i - s.begin];
        total[s.boundary] += slope[s.at + i - s.begin];
      }
    constexpr Index block = 32;  // columns that stay in cache while each boundary takes its turn
    Index columns[block];
    double dots[block];
    for (Index b = 0; b < p; b += block) {
      const Index count = std::min(block, p - b);
      for (Index t = 0; t < count; ++t) columns[t] = b + t;
      for (Index k = 0; k < m; ++k) {
        X_.dots(columns, count, r.data() + k * n, dots);
        for (Index t = 0; t < count; ++t)
          if (!constant_[b + t]) out[(b + t) * m + k] = (dots[t] - mean_[b + t] * total[k]) / scale_[b + t];
      }
    }
  }

 private:
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
