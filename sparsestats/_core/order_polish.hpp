// Insertion search where a node's score is that of a regression on selected predecessors (penalised, or by BIC).
//
// A variable x that passes z changes two candidate sets only: z gains (or loses) x, x loses (or gains) z. What z's score does
// when x is toggled does not depend on where x ends up, so it is kept until z's own predecessors change, and it is exactly 0
// when z does not use x (loss), or would not take it (gain). Most pairs are of that kind and cost nothing.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "concomitant.hpp"
#include "control.hpp"
#include "order_search.hpp"

namespace ss {

// A Scorer has: Node; double solve(z, allowed, node) (warm-started, returns the score); double again(z, allowed, node), which
// may look no further than what a candidate more or less changes;
// bool uses(node, y): may losing y change the answer; bool wants(node, x): may gaining x.
template <class Scorer>
class OrderPolish {
 public:
  using Node = typename Scorer::Node;

  // Once `watch` tells to stop, scores and scans end where they are and mean nothing any more.
  OrderPolish(Scorer& scorer, Index d, const std::vector<char>& forbidden, const Precedence& must, Watch& watch)
      : scorer_(scorer), watch_(watch), d_(d), forbidden_(forbidden), must_(must), mask_(d * d), toggled_(d * d), fresh_(d * d, 0),
        nodes_(d), score_(d), where_(d) {}

  const std::vector<Index>& order() const { return order_; }
  std::vector<Node>& nodes() { return nodes_; }
  // mask()[z * d + y]: y is a candidate of z.
  const char* mask() const { return mask_.data(); }
  const std::vector<double>& scores() const { return score_; }
  Index moves() const { return moves_; }
  double score() const {
    double total = 0;
    for (double s : score_) total += s;
    return total;
  }

  void start(const std::vector<Index>& order) {
    order_ = order;
    for (Index k = 0; k < d_; ++k) where_[order_[k]] = k;
    rescore();
  }

  // Scores again at the scorer's present settings (after a change of the common scale).
  void rescore() {
    bound_.resize(d_);
    for (Index z = 0; z < d_ && !watch_.stopped(); ++z) {
      refresh(z);
      own_mask_.assign(d_, 1);
      for (Index y = 0; y < d_; ++y) own_mask_[y] = y != z && allowed(y, z) && !must_precede(must_, d_, z, y);
      trial_ = nodes_[z];
      bound_[z] = scorer_.solve(z, own_mask_.data(), trial_);
    }
  }

  // One pass: every variable goes to its best place. Returns the number of moves.
  // `patience` ends a scan once that many costly toggles were met on one side; d is no limit.
  Index sweep(double relative, Index patience) {
    const std::vector<Index> turn = order_;
    Index moved = 0;
    for (Index x : turn) {
      if (watch_.stopped()) break;
      const double floor = relative * std::max(1.0, std::abs(score()));
      const Index a = where_[x];
      Best best{a, -floor};
      scan_left(x, a, patience, best);
      scan_right(x, a, patience, best);
      if (best.place == a || watch_.stopped()) continue;
      insert(a, best.place);
      ++moved;
    }
    moves_ += moved;
    return moved;
  }

 private:
  struct Best {
    Index place;
    double change;
  };

  bool allowed(Index y, Index x) const { return forbidden_.empty() || !forbidden_[y * d_ + x]; }

  void refresh(Index z) {
    char* mask = &mask_[z * d_];
    for (Index y = 0; y < d_; ++y) mask[y] = y != z && where_[y] < where_[z] && allowed(y, z);
    score_[z] = scorer_.solve(z, mask, nodes_[z]);
    std::fill(&fresh_[z * d_], &fresh_[z * d_] + d_, 0);
  }

  // Change of z's score when x joins (or leaves) its candidates.
  double toggle(Index z, Index x, Index& costly) {
    const bool inside = mask_[z * d_ + x];
    if (inside ? !scorer_.uses(nodes_[z], x) : !allowed(x, z) || !scorer_.wants(nodes_[z], x)) return 0;
    ++costly;
    double& value = toggled_[z * d_ + x];
    if (!fresh_[z * d_ + x]) {
      char* mask = &mask_[z * d_];
      trial_ = nodes_[z];
      mask[x] = !inside;
      value = scorer_.again(z, mask, trial_) - score_[z];
      mask[x] = inside;
      fresh_[z * d_ + x] = 1;
    }
    return value;
  }

  // Towards the front: x loses predecessors, those it passes gain it. What they gain is summed first, so that x's own
  // losses need only be followed while the gains still ahead could pay for them.
  void scan_left(Index x, Index a, Index patience, Best& best) {
    Index low = a, costly = 0;
    change_.resize(d_);
    double sum = 0;
    while (low > 0 && costly < patience && !must_precede(must_, d_, order_[low - 1], x)) {
      if (watch_.stopped()) return;
      --low;
      change_[low] = sum += toggle(order_[low], x, costly);
    }
    own_ = nodes_[x];
    own_mask_.assign(&mask_[x * d_], &mask_[x * d_] + d_);
    double own = score_[x];
    for (Index k = a; k-- > low;) {
      const Index z = order_[k];
      if (watch_.stopped()) return;
      if (own_mask_[z]) {
        own_mask_[z] = 0;
        if (scorer_.uses(own_, z)) {
          if (own - score_[x] + sum >= best.change && own > score_[x]) return;
          own = scorer_.again(x, own_mask_.data(), own_);
        }
      }
      const double change = own - score_[x] + change_[k];
      if (change < best.change) best = {k, change};
    }
  }

  // Towards the back: those it passes lose x, x gains predecessors, at most down to its score with all of them.
  void scan_right(Index x, Index a, Index patience, Best& best) {
    const double most = score_[x] - bound_[x];
    Index costly = 0;
    own_ = nodes_[x];
    own_mask_.assign(&mask_[x * d_], &mask_[x * d_] + d_);
    double own = score_[x], others = 0;
    for (Index k = a + 1; k < d_ && costly < patience; ++k) {
      const Index z = order_[k];
      if (must_precede(must_, d_, x, z) || watch_.stopped()) return;
      others += toggle(z, x, costly);
      if (others - most >= best.change) return;
      if (allowed(z, x)) {
        own_mask_[z] = 1;
        if (scorer_.wants(own_, z)) {
          own = scorer_.again(x, own_mask_.data(), own_);
          ++costly;
        }
      }
      const double change = own - score_[x] + others;
      if (change < best.change) best = {k, change};
    }
  }

  void insert(Index a, Index b) {
    if (b < a)
      std::rotate(order_.begin() + b, order_.begin() + a, order_.begin() + a + 1);
    else
      std::rotate(order_.begin() + a, order_.begin() + a + 1, order_.begin() + b + 1);
    for (Index k = std::min(a, b); k <= std::max(a, b); ++k) where_[order_[k]] = k;
    for (Index k = std::min(a, b); k <= std::max(a, b); ++k) refresh(order_[k]);
  }

  Scorer& scorer_;
  Watch& watch_;
  Index d_;
  const std::vector<char>& forbidden_;
  const Precedence& must_;
  std::vector<char> mask_;
  std::vector<double> toggled_, bound_, change_;
  std::vector<char> fresh_;
  std::vector<Node> nodes_;
  std::vector<double> score_;
  std::vector<Index> where_, order_;
  Node trial_, own_;
  std::vector<char> own_mask_;
  Index moves_ = 0;
};

// The concomitant score at a common scale that the search holds fixed, or with a scale a node.
class LassoScorer {
 public:
  using Node = NodeFit;
  LassoScorer(NodeLasso& lasso, bool equal, std::vector<double> floor)
      : lasso_(lasso), equal_(equal), floor_(std::move(floor)) {}

  void set_scale(double s) { scale_ = s; }

  double solve(Index z, const char* allowed, Node& node) {
    if (!equal_) return lasso_.solve(z, allowed, floor_[z], node);
    node.scale = scale_;
    lasso_.solve_at(z, allowed, lasso_.alpha() * scale_, node);
    return 0.5 * node.residual / scale_ + lasso_.alpha() * node.l1;
  }
  double again(Index z, const char* allowed, Node& node) { return solve(z, allowed, node); }
  bool uses(const Node& node, Index y) const {
    return std::find(node.active.begin(), node.active.end(), y) != node.active.end();
  }
  bool wants(const Node& node, Index x) const {
    return std::abs(node.gradient[x]) > lasso_.alpha() * node.scale * (1 + 1e-9);
  }

 private:
  NodeLasso& lasso_;
  bool equal_;
  std::vector<double> floor_;
  double scale_ = 1;
};

}  // namespace ss
