// Products A diag(h) A' of features stored as contiguous columns, grown feature by feature.
#pragma once
#include <algorithm>
#include <vector>

#include "gemm.hpp"

namespace ss {

// A square matrix of features by features of which the lower triangle is kept. Rows are padded to whole blocks of the
// kernel, so that it never meets a rim.
struct FeatureMatrix {
  Index lead = 0;
  std::vector<double> at;
  static Index padded(Index q) { return (q + detail::kPanel - 1) / detail::kPanel * detail::kPanel; }
  double* row(Index u) { return at.data() + u * lead; }
  const double* row(Index u) const { return at.data() + u * lead; }
  // Room for q features, the first `kept` rows as they were, zeros in the others.
  void grow(Index kept, Index q) {
    if (padded(q) > lead) {
      const Index wide = padded(q + q / 4);
      std::vector<double> moved(wide * wide, 0.0);
      for (Index u = 0; u < kept; ++u) std::copy_n(row(u), kept, moved.data() + u * wide);
      at.swap(moved);
      lead = wide;
    } else {
      std::fill(at.begin() + kept * lead, at.begin() + padded(q) * lead, 0.0);
    }
  }
};

struct WeightedRows {
  const double* weight;
  FeatureMatrix* to;
};

class WeightedGram {
 public:
  // to += A diag(weight) A' for each of `targets`, over rows [begin, end) of the columns: rows [from, q) of the matrices.
  // The columns are laid out once for all targets.
  void add(const std::vector<const double*>& columns, Index from, Index begin, Index end, const std::vector<WeightedRows>& targets) {
    using namespace detail;
    static const detail::Block block = block_kernel();
    const Index q = static_cast<Index>(columns.size()), first = from / 4 * 4, wide = FeatureMatrix::padded(q);
    plain_.resize(wide * kDepth), scaled_.resize((wide - first) * kDepth);
    for (Index b = begin; b < end; b += kDepth) {
      const Index depth = std::min(kDepth, end - b);
      for (Index j = 0; j < wide; j += kPanel) {
        double* to = plain_.data() + j * depth;
        for (Index t = 0; t < kPanel; ++t) {
          if (j + t >= q) {
            for (Index i = 0; i < depth; ++i) to[i * kPanel + t] = 0;
            continue;
          }
          const double* x = columns[j + t] + b;
          for (Index i = 0; i < depth; ++i) to[i * kPanel + t] = x[i];
        }
      }
      for (const WeightedRows& target : targets) {
        const double* h = target.weight + b - begin;
        for (Index u = first; u < wide; ++u) {
          double* to = scaled_.data() + (u - first) * depth;
          if (u < from || u >= q)
            std::fill_n(to, depth, 0.0);
          else
            multiply(h, columns[u] + b, to, depth);
        }
        for (Index j = 0; j < q; j += kPanel)
          for (Index u = std::max(first, j / 4 * 4); u < q; u += 4)
            block(scaled_.data() + (u - first) * depth, depth, plain_.data() + j * depth, depth, 1.0, target.to->row(u) + j,
                  target.to->lead);
      }
    }
  }

 private:
  std::vector<double> plain_, scaled_;
};

}  // namespace ss
