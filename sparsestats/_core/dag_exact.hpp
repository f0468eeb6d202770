// The best DAG there is, by dynamic programming over subsets of variables.
//
// F(A) = min over j in A of F(A \ j) + g_j(A \ j), g_j the penalised score of j on a set of predecessors. A node's score on a
// smaller set is the same as on a larger one whose solution does not use what is missing, so most of the d 2^(d-1) regressions
// are copies. With a scale a node this is the answer. With one common scale s the scores are g_j(s, A), convex in s, and the
// optimum over s of a minimum of convex functions is enclosed by bisection: on an interval tangents at its middle bound every
// g_j from below, the bound is then concave in s, and its minimum over the interval sits at one of the ends.
#pragma once
#include <cstdint>
#include <limits>
#include <queue>
#include <vector>

#include "dag_fit.hpp"

namespace ss {

struct ExactResult {
  std::vector<Index> order;
  double objective = std::numeric_limits<double>::infinity();
  double bound = -std::numeric_limits<double>::infinity();
  Index tables = 0;
  bool complete = true;
};

class ExactOrder {
 public:
  using Set = std::uint32_t;

  ExactOrder(const SecondMoments& m, double alpha, const std::vector<double>& floor, const Knowledge& known)
      : m_(m), alpha_(alpha), floor_(floor), known_(known), lasso_(m.S, m.d, alpha, known.required), size_(Set{1} << m.d),
        score_(m.d * size_), slope_(m.equal ? m.d * size_ : 0), used_(m.d * size_), best_(size_), last_(size_) {
    const Index d = m.d;
    allowed_.assign(d, 0);
    first_.assign(d, 0);
    needed_.assign(d, 0);
    for (Index j = 0; j < d; ++j)
      for (Index k = 0; k < d; ++k) {
        if (k == j) continue;
        if (known.forbidden.empty() || !known.forbidden[k * d + j]) allowed_[j] |= Set{1} << k;
        if (!known.must.empty() && known.must[k * d + j]) first_[j] |= Set{1} << k;
        if (!known.required.empty() && known.required[k * d + j]) needed_[j] |= Set{1} << k;
      }
  }

  ExactResult solve(double tol, Watch& watch) { return m_.equal ? common_scale(tol, watch) : own_scales(watch); }

 private:
  // Scores of every node on every allowed set, largest sets first. s is read when the scale is common.
  bool tabulate(double s, Watch& watch) {
    const Index d = m_.d;
    std::vector<char> mask(d);
    NodeFit fit;
    for (Index j = 0; j < d; ++j) {
      double* score = &score_[j * size_];
      double* slope = m_.equal ? &slope_[j * size_] : nullptr;
      Set* used = &used_[j * size_];
      const Set possible = allowed_[j];
      // Subsets of `possible` in decreasing order.
      for (Set A = possible;; A = (A - 1) & possible) {
        if (watch.stopped()) return false;
        if ((A & needed_[j]) == needed_[j] && !copied(A, possible, score, slope, used)) {
          for (Index k = 0; k < d; ++k) mask[k] = A >> k & 1;
          fit.restart();
          fit.gradient.assign(m_.S + j * d, m_.S + (j + 1) * d);
          if (m_.equal) {
            lasso_.solve_at(j, mask.data(), alpha_ * s, fit);
            score[A] = 0.5 * fit.residual / s + alpha_ * fit.l1;
            slope[A] = -0.5 * fit.residual / (s * s);
          } else {
            score[A] = lasso_.solve(j, mask.data(), floor_[j], fit);
          }
          used[A] = 0;
          for (Index k : fit.active) used[A] |= Set{1} << k;
        }
        if (A == 0) break;
      }
    }
    return true;
  }

  // A larger set whose solution lies within A has A's score.
  static bool copied(Set A, Set possible, double* score, double* slope, Set* used) {
    for (Set missing = possible & ~A; missing; missing &= missing - 1) {
      const Set larger = A | (missing & -missing);
      if (used[larger] & ~A) continue;
      score[A] = score[larger];
      used[A] = used[larger];
      if (slope) slope[A] = slope[larger];
      return true;
    }
    return false;
  }

  // Shortest chain of subsets when every score moves along its tangent by `shift`.
  double chain(double shift) {
    const Index d = m_.d;
    best_[0] = 0;
    for (Set A = 1; A < size_; ++A) {
      double least = std::numeric_limits<double>::infinity();
      signed char which = -1;
      for (Index j = 0; j < d; ++j) {
        const Set bit = Set{1} << j;
        if (!(A & bit)) continue;
        const Set before = A ^ bit;
        if ((first_[j] & ~before) || best_[before] == std::numeric_limits<double>::infinity()) continue;
        const Index at = j * size_ + (before & allowed_[j]);
        const double value = best_[before] + score_[at] + (shift != 0 ? slope_[at] * shift : 0);
        if (value < least) {
          least = value;
          which = static_cast<signed char>(j);
        }
      }
      best_[A] = least;
      last_[A] = which;
    }
    return best_[size_ - 1];
  }

  std::vector<Index> order() const {
    std::vector<Index> out;
    for (Set A = size_ - 1; A; A ^= Set{1} << last_[A]) out.push_back(last_[A]);
    std::reverse(out.begin(), out.end());
    return out;
  }

  ExactResult own_scales(Watch& watch) {
    ExactResult out;
    out.complete = tabulate(0, watch);
    if (!out.complete) return out;
    out.tables = 1;
    out.objective = out.bound = chain(0);
    out.order = order();
    return out;
  }

  void try_order(ExactResult& out, Watch& watch) {
    const std::vector<Index> found = order();
    const double value = fit_on_order(m_, alpha_, floor_, known_, found, watch).objective;
    if (!watch.stopped() && value < out.objective) {
      out.objective = value;
      out.order = found;
    }
  }

  ExactResult common_scale(double tol, Watch& watch) {
    struct Interval {
      double bound, low, high;
      bool operator<(const Interval& other) const { return bound > other.bound; }
    };
    const Index d = m_.d;
    ExactResult out;
    // The scale at an optimum: at least what all other variables leave by least squares, at most objective / d.
    double low = floor_[0];
    {
      OrderSearch factor(m_.S, d, true, known_.must);
      std::vector<Index> any(d);
      std::iota(any.begin(), any.end(), Index{0});
      if (factor.start(any)) {
        double left = 0;
        for (Index i = 0; i < d; ++i) left += 1 / dot(factor.row(i) + i, factor.row(i) + i, d - i);
        low = std::max(low, std::sqrt(left / d));
      }
    }
    double trace = 0;
    for (Index j = 0; j < d; ++j) trace += m_.S[j * d + j];
    double high = std::max(low, std::sqrt(trace / d));
    std::priority_queue<Interval> open;
    open.push({0.0, low, high});
    while (!open.empty()) {
      const Interval next = open.top();
      out.bound = next.bound;
      if (next.bound >= out.objective * (1 - tol)) return out;
      open.pop();
      const double s = 0.5 * (next.low + next.high);
      if (!tabulate(s, watch)) {
        out.complete = false;
        return out;
      }
      ++out.tables;
      const double middle = chain(0) + 0.5 * d * s;
      try_order(out, watch);
      const double left = chain(next.low - s) + 0.5 * d * next.low, right = chain(next.high - s) + 0.5 * d * next.high;
      // Concave on either half, so each half is bounded by its own two ends.
      open.push({std::max(next.bound, std::min(left, middle)), next.low, s});
      open.push({std::max(next.bound, std::min(middle, right)), s, next.high});
    }
    return out;
  }

  SecondMoments m_;
  double alpha_;
  const std::vector<double>& floor_;
  const Knowledge& known_;
  NodeLasso lasso_;
  Set size_;
  std::vector<double> score_, slope_;
  std::vector<Set> used_;
  std::vector<double> best_;
  std::vector<signed char> last_;
  std::vector<Set> allowed_, first_, needed_;
};

}  // namespace ss
