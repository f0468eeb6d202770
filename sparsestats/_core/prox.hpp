// Proximal operators (slope.md A3).
#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels.hpp"

namespace ss {

// prox of  step * sum_i weights_i r_(i)  at r >= 0, in place: isotonic regression of the sorted values.
// `order` is kept between calls: it is nearly sorted from the last one, so insertion sort is linear in practice.
class SortedProx {
 public:
  void operator()(double* r, Index m, const double* weights, double step) {
    sort(r, m);
    if (blocks_.size() < static_cast<size_t>(m)) blocks_.resize(m);
    Index top = 0;
    for (Index i = 0; i < m; ++i) {
      Block b{i, r[order_[i]] - step * weights[i], 1};
      while (top > 0 && blocks_[top - 1].sum * b.count <= b.sum * blocks_[top - 1].count) {
        --top;
        b = Block{blocks_[top].first, blocks_[top].sum + b.sum, blocks_[top].count + b.count};
      }
      blocks_[top++] = b;
    }
    for (Index k = 0; k < top; ++k) {
      const double mean = std::max(0.0, blocks_[k].sum / blocks_[k].count);
      for (Index i = blocks_[k].first; i < blocks_[k].first + blocks_[k].count; ++i) r[order_[i]] = mean;
    }
  }
  Index length() const { return static_cast<Index>(order_.size()); }
  // Positions of r from largest to smallest.
  const std::vector<Index>& sort(const double* r, Index m) {
    if (static_cast<Index>(order_.size()) != m) {
      order_.resize(m);
      std::iota(order_.begin(), order_.end(), Index{0});
    }
    Index moves = 0;
    for (Index i = 1; i < m; ++i) {
      const Index id = order_[i];
      const double v = r[id];
      Index j = i;
      for (; j > 0 && r[order_[j - 1]] < v; --j) order_[j] = order_[j - 1];
      order_[j] = id;
      if ((moves += i - j) > 8 * m) {  // far from sorted
        std::sort(order_.begin(), order_.end(), [&](Index a, Index b) { return r[a] > r[b]; });
        break;
      }
    }
    return order_;
  }

 private:
  struct Block {
    Index first;
    double sum;
    Index count;
  };
  std::vector<Index> order_;
  std::vector<Block> blocks_;
};

// prox of  sum_i l_i (k r)_(i)  over r >= 0 at rho, for unequal k: min 1/2 |r - rho|^2 + sum_i l_i (k r)_(i).
// The order of k r at the solution is not the order of k rho, so sorting first is wrong; the penalty is the Lovasz
// extension of a concave function of cardinality and is split recursively (slope.md A3 (ii)).
// Between calls the order of the solution hardly changes: pooling along the last order and a check of its optimality
// usually replace the recursion.
class WeightedSortedProx {
 public:
  void operator()(const double* rho, const double* k, const double* l, Index m, double* r) {
    rho_ = rho, k_ = k, r_ = r;
    cum_.assign(m + 1, 0.0);
    for (Index i = 0; i < m; ++i) cum_[i + 1] = cum_[i] + l[i];
    a_.resize(m);
    if (static_cast<Index>(set_.size()) == m && pool()) return;
    set_.resize(m);
    std::iota(set_.begin(), set_.end(), Index{0});
    split(0, m, 0);
  }

 private:
  // No unit grows, not even by the rounding of its block: from 0 that would be without bound.
  void assign(Index g, double tau) { r_[g] = std::min(tau / k_[g], rho_[g]); }
  // Pool adjacent violators of tau along set_, the order of the last solution; false when that order is not optimal now.
  bool pool() {
    const Index m = static_cast<Index>(set_.size());
    first_.clear();
    tau_.clear();
    double wa = 0, w = 0;
    std::vector<std::pair<double, double>>& sums = sums_;
    sums.clear();
    for (Index s = 0; s < m; ++s) {
      const Index g = set_[s];
      Index from = s;
      wa = rho_[g] / k_[g] - (cum_[s + 1] - cum_[s]);
      w = 1 / (k_[g] * k_[g]);
      while (!tau_.empty() && tau_.back() * w <= wa) {
        wa += sums.back().first;
        w += sums.back().second;
        from = first_.back();
        sums.pop_back(), tau_.pop_back(), first_.pop_back();
      }
      sums.emplace_back(wa, w);
      tau_.push_back(wa / w);
      first_.push_back(from);
    }
    for (size_t b = 0; b < tau_.size(); ++b) {
      // Blocks at or below zero are one block at zero, whatever their order.
      const bool last = tau_[b] <= 0;
      const Index lo = first_[b], hi = last || b + 1 == tau_.size() ? m : first_[b + 1];
      const double tau = last ? 0 : tau_[b];
      for (Index s = lo; s < hi; ++s) {
        const Index g = set_[s];
        a_[g] = (k_[g] * rho_[g] - tau) / (k_[g] * k_[g]);
        assign(g, tau);
      }
      // No part of the block may be worth a rank of its own: its largest excesses stay within its share of the weights.
      if (hi - lo > 1) {
        order_.assign(set_.begin() + lo, set_.begin() + hi);
        std::sort(order_.begin(), order_.end(), [&](Index x, Index y) { return a_[x] > a_[y]; });
        double sum = 0, scale = 0;
        for (Index s = 0; s < hi - lo; ++s) {
          sum += a_[order_[s]];
          scale += std::abs(a_[order_[s]]);
          const double share = cum_[lo + s + 1] - cum_[lo];
          if (sum > share + 1e-14 * (scale + share)) return false;
        }
        std::copy(order_.begin(), order_.end(), set_.begin() + lo);
      } else if (a_[set_[lo]] > (cum_[lo + 1] - cum_[lo]) + 1e-14 * std::abs(a_[set_[lo]]) && last) {
        return false;
      }
      if (last) break;
    }
    return true;
  }
  // The set is set_[lo, hi); `base` units stand before it in the order of k r.
  void split(Index lo, Index hi, Index base) {
    while (lo < hi) {
      double wa = 0, w = 0;
      for (Index s = lo; s < hi; ++s) {
        const Index g = set_[s];
        wa += rho_[g] / k_[g];
        w += 1 / (k_[g] * k_[g]);
      }
      const double tau = (wa - (cum_[base + hi - lo] - cum_[base])) / w;
      for (Index s = lo; s < hi; ++s) {
        const Index g = set_[s];
        a_[g] = (k_[g] * rho_[g] - tau) / (k_[g] * k_[g]);
      }
      std::sort(set_.begin() + lo, set_.begin() + hi, [&](Index x, Index y) { return a_[x] > a_[y]; });
      double sum = 0, best = 0, scale = 0;
      Index cut = hi - lo;
      for (Index s = lo; s < hi; ++s) {
        sum += a_[set_[s]];
        scale += std::abs(a_[set_[s]]);
        const double gain = sum - (cum_[base + s - lo + 1] - cum_[base]);
        if (gain > best + 1e-15 * (scale + cum_[base + s - lo + 1])) best = gain, cut = s - lo + 1;
      }
      if (cut == hi - lo) {  // one block: all of k r equal to tau
        for (Index s = lo; s < hi; ++s) assign(set_[s], std::max(tau, 0.0));
        return;
      }
      split(lo, lo + cut, base);
      lo += cut;
      base += cut;
    }
  }
  const double *rho_ = nullptr, *k_ = nullptr;
  double* r_ = nullptr;
  std::vector<double> cum_, a_, tau_;
  std::vector<std::pair<double, double>> sums_;
  std::vector<Index> set_, order_, first_;
};

// max_k (sum of the k largest z) / (sum of the k first weights); 0/0 counts as 0, x/0 as infinity.
inline double sorted_dual_norm(std::vector<double>& z, const double* weights) {
  std::sort(z.begin(), z.end(), std::greater<>());
  double top = 0, bottom = 0, worst = 0;
  for (size_t i = 0; i < z.size(); ++i) {
    top += z[i];
    bottom += weights[i];
    if (top <= 0) break;
    worst = std::max(worst, top / bottom);
  }
  return worst;
}

// How many of the largest units the cumulative-sum rule keeps (slope.md A6): excess_i sorted like the units.
inline Index cumsum_select(const std::vector<double>& excess) {
  Index kept = 0, run = 1;
  double s = 0;
  for (Index i = 0; i < static_cast<Index>(excess.size()); ++i) {
    s += excess[i];
    if (s >= 0) {
      kept += run;
      run = 1;
      s = 0;
    } else {
      ++run;
    }
  }
  return kept;
}

}  // namespace ss
