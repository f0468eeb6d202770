// Which member of a Markov class: the one whose noise scales the concomitant score likes best.
#pragma once
#include <vector>

#include "dag_fit.hpp"

namespace ss {

// Reversals of covered edges, which lead through the whole class, until none lowers the sum of the noise scales. The product
// of the two variances at an edge is the same either way, so this makes them as equal as the class allows.
class Orientation {
 public:
  // parents[y * d + x]: the edge y -> x.
  Orientation(const SecondMoments& m, const Knowledge& known, std::vector<char> parents)
      : m_(m), known_(known), edge_(std::move(parents)) {}

  const std::vector<char>& parents() const { return edge_; }

  void settle(Watch& watch) {
    for (bool changed = true; changed && !watch.stopped();) {
      changed = false;
      for (Index j = 0; j < m_.d; ++j)
        for (Index i = 0; i < m_.d; ++i)
          if (edge_[i * m_.d + j] && covered(i, j) && gains(i, j) && may_turn(i, j)) changed = true;
    }
  }

  // From causes to effects, ties by the place in `order`.
  std::vector<Index> along(const std::vector<Index>& order) const {
    std::vector<char> before = edge_;
    if (!known_.must.empty())
      for (Index k = 0; k < m_.d * m_.d; ++k) before[k] |= known_.must[k];
    std::vector<double> place(m_.d);
    for (Index k = 0; k < m_.d; ++k) place[order[k]] = k;
    return OrderSearch(m_.S, m_.d, m_.equal, before).topological(place);
  }

 private:
  // The parents of j are i and those of i, which are left in `common_`.
  bool covered(Index i, Index j) {
    common_.clear();
    for (Index k = 0; k < m_.d; ++k) {
      const bool of_i = edge_[k * m_.d + i];
      if (k != i && of_i != static_cast<bool>(edge_[k * m_.d + j])) return false;
      if (of_i) common_.push_back(k);
    }
    return true;
  }

  // Whether the larger of the two noise variances falls when the edge turns.
  bool gains(Index i, Index j) {
    const Index k = common_.size();
    gram_.resize(k * k);
    for (Index a = 0; a < k; ++a)
      for (Index b = 0; b <= a; ++b) gram_[a * k + b] = m_.S[common_[a] * m_.d + common_[b]];
    cholesky(gram_.data(), k, k, 1e-12, pinned_);
    double left[2] = {m_.S[i * m_.d + i], m_.S[j * m_.d + j]}, both = m_.S[i * m_.d + j];
    const Index pair[2] = {i, j};
    for (Index side = 0; side < 2; ++side) {
      w_.resize(k);
      for (Index a = 0; a < k; ++a) w_[a] = m_.S[pair[side] * m_.d + common_[a]];
      cholesky_solve(gram_.data(), k, k, pinned_, w_.data());
      for (Index a = 0; a < k; ++a) left[side] -= w_[a] * m_.S[pair[side] * m_.d + common_[a]];
    }
    for (Index a = 0; a < k; ++a) both -= w_[a] * m_.S[i * m_.d + common_[a]];
    const double product = left[0] * left[1] - both * both;
    auto larger = [&](double first) { return std::max(first, product / first); };
    return left[0] > 0 && left[1] > 0 && larger(left[1]) < larger(left[0]) * (1 - 1e-9);
  }

  // Turns the edge unless something known forbids it.
  bool may_turn(Index i, Index j) {
    const Index d = m_.d;
    auto set = [&](const std::vector<char>& mask, Index a, Index b) { return !mask.empty() && mask[a * d + b]; };
    if (set(known_.forbidden, j, i) || set(known_.required, i, j) || set(known_.must, i, j)) return false;
    edge_[i * d + j] = 0;
    edge_[j * d + i] = 1;
    if (known_.must.empty() || acyclic()) return true;
    edge_[i * d + j] = 1;
    edge_[j * d + i] = 0;
    return false;
  }

  // Whether edges and known precedences together leave an order.
  bool acyclic() const {
    const Index d = m_.d;
    std::vector<Index> waiting(d, 0), ready;
    auto before = [&](Index y, Index x) { return edge_[y * d + x] || known_.must[y * d + x]; };
    for (Index x = 0; x < d; ++x) {
      for (Index y = 0; y < d; ++y) waiting[x] += before(y, x);
      if (!waiting[x]) ready.push_back(x);
    }
    for (size_t k = 0; k < ready.size(); ++k)
      for (Index x = 0; x < d; ++x)
        if (before(ready[k], x) && !--waiting[x]) ready.push_back(x);
    return static_cast<Index>(ready.size()) == d;
  }

  const SecondMoments& m_;
  const Knowledge& known_;
  std::vector<char> edge_;
  std::vector<Index> common_;
  std::vector<double> gram_, w_;
  std::vector<char> pinned_;
};

}  // namespace ss
