// The concomitant lasso of one node on the nodes before it, from second moments alone.
//
//   min over w   (e_j - w)'S(e_j - w) / (2 s) + s/2 + alpha ||w||_1,   s >= floor
//
// Grams of an order have condition numbers beyond 1e6, where coordinate descent stalls; an active set with exact solves does
// not. For given active set and signs the optimum in (w, s) is in closed form: with r0 the unpenalised residual variance and
// q = sign' S_AA^{-1} sign, the scale solves s^2 = r0 + alpha^2 s^2 q.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "active_factor.hpp"
#include "control.hpp"
#include "kernels.hpp"
#include "linalg.hpp"

namespace ss {

struct NodeFit {
  std::vector<Index> active;
  std::vector<double> w;         // coefficients of `active`
  std::vector<double> gradient;  // S (e_j - w), one a variable
  double residual = 0;           // (e_j - w)'S(e_j - w)
  double unpenalised = 0;        // residual variance of least squares on `active`
  double bend = 0;               // sign' S_AA^{-1} sign
  double l1 = 0;                 // of the penalised coefficients
  double scale = 0;              // s (given, or its own)

  // While no sign changes, w and gradient are linear in the penalty level: w moves by -turn, gradient by slope.
  bool linear = false;           // `level` and `turn` belong to `active` and w
  double level = 0;              // penalty level of w
  std::vector<double> turn;      // S_AA^{-1} sign
  std::vector<double> slope;     // S_A turn; empty until a level is moved

  // Nothing in the model, no scale yet.
  void restart() {
    active.clear();
    w.clear();
    scale = 0;
    linear = false;
  }
};

class NodeLasso {
 public:
  // required[y * d + j] != 0 leaves the edge y -> j out of the penalty and always in the model. With `ordered` the
  // variables are numbered along the order: what comes after node j is not looked at.
  NodeLasso(const double* S, Index d, double alpha, const std::vector<char>& required, bool ordered = false)
      : S_(S), d_(d), alpha_(alpha), required_(required), ordered_(ordered), factor_(S, d), slack_(d) {
    for (Index i = 0; i < d; ++i) slack_[i] = kSlack * std::sqrt(S[i * d + i]);
  }

  double alpha() const { return alpha_; }

  // Lasso with penalty level mu = alpha * scale, warm-started from `fit`; allowed is a mask over the d variables.
  void solve_at(Index j, const char* allowed, double mu, NodeFit& fit) {
    keep_allowed(j, allowed, fit);
    banned_.assign(d_, 0);
    if (!exchange_blocks(j, allowed, mu, fit)) descend(j, allowed, mu, fit);
  }

  // Its own scale as well; returns the profiled score.
  double solve(Index j, const char* allowed, double floor, NodeFit& fit) {
    if (!(fit.scale > 0)) fit.scale = std::max(floor, 0.1 * std::sqrt(S_[j * d_ + j]));
    for (int round = 0; round < 60; ++round) {
      const double old = fit.scale;
      solve_at(j, allowed, alpha_ * old, fit);
      const double left = 1 - alpha_ * alpha_ * fit.bend;
      // Without slack the closed form has no root on this piece: plain alternation moves on.
      const double s2 = left > 1e-3 ? fit.unpenalised / left : fit.residual;
      fit.scale = std::max(floor, std::sqrt(std::max(s2, 0.0)));
      if (std::abs(fit.scale - old) <= 1e-13 * old) break;
    }
    return profiled(fit, floor);
  }

  double profiled(const NodeFit& fit, double floor) const {
    const double s = std::max(floor, std::sqrt(std::max(fit.residual, 0.0)));
    return 0.5 * fit.residual / s + 0.5 * s + alpha_ * fit.l1;
  }

 private:
  bool free(Index k, Index j) const { return !required_.empty() && required_[k * d_ + j]; }

  Index reach(Index j) const { return ordered_ ? j + 1 : d_; }

  void keep_allowed(Index j, const char* allowed, NodeFit& fit) const {
    const Index before = fit.active.size();
    Index kept = 0;
    for (Index i = 0; i < before; ++i)
      if (allowed[fit.active[i]] && (fit.w[i] != 0 || free(fit.active[i], j))) {
        fit.active[kept] = fit.active[i];
        fit.w[kept++] = fit.w[i];
      }
    fit.active.resize(kept);
    fit.w.resize(kept);
    if (!required_.empty())
      for (Index k = 0; k < d_; ++k)
        if (free(k, j) && std::find(fit.active.begin(), fit.active.end(), k) == fit.active.end()) {
          fit.active.push_back(k);
          fit.w.push_back(0);
        }
    if (kept < before || kept < static_cast<Index>(fit.active.size())) fit.linear = false;
  }

  // Block principal pivoting: every coefficient with the wrong sign leaves, the worst violators enter, all at once. A dozen
  // exact solves as a rule, but without a guarantee: false once the violations stop falling, and descend() takes over.
  bool exchange_blocks(Index j, const char* allowed, double mu, NodeFit& fit) {
    signs(j, fit);
    // A point that was exact at another level is moved along its line: the first round needs no solve.
    bool moved = fit.linear;
    if (moved) move_level(j, mu, fit);
    Index fewest = d_ + 1;
    for (int round = 0, patience = 3; round < 50; ++round, moved = false) {
      if (!moved) {
        fit.linear = false;
        if (!factor_.follow(fit.active)) return false;
        const Index k = fit.active.size();
        fit.w.resize(k);
        for (Index i = 0; i < k; ++i) fit.w[i] = S_[j * d_ + fit.active[i]] - mu * sign_[i];
        factor_.solve(fit.w.data());
        take_gradient(j, fit);
      }
      bool out_of_patience = false;
      const Index wrong = revise(j, allowed, mu, fit, [&](Index count) {
        if (count < fewest) {
          fewest = count;
          patience = 3;
        } else if (--patience < 0) {
          out_of_patience = true;
        }
        return !out_of_patience;
      });
      if (wrong == 0) {
        weigh(fit);
        if (!moved) straighten(j, mu, fit);
        return true;
      }
      if (out_of_patience) return false;
    }
    return false;
  }

  // Coefficients with the wrong sign leave; the worst violators enter if `more(number of changes)` agrees. Returns that number.
  template <class More>
  Index revise(Index j, const char* allowed, double mu, NodeFit& fit, More more) {
    mark(fit);
    const Index k = fit.active.size(), reach = this->reach(j);
    Index kept = 0;
    const double sd = std::sqrt(S_[j * d_ + j]), level = mu * (1 + 1e-11);
    entering_.clear();
    for (Index i = 0; i < reach; ++i) {
      // One branch, seldom taken: those inside are at the level itself, and rounding tosses a coin for each.
      const bool beyond = std::abs(fit.gradient[i]) > level + sd * slack_[i];
      if (beyond & (allowed[i] != 0) & !inside_[i]) entering_.push_back(i);
    }
    for (Index i = 0; i < k; ++i) {
      if (sign_[i] != 0 && fit.w[i] * sign_[i] <= 0) continue;
      fit.active[kept] = fit.active[i];
      fit.w[kept] = fit.w[i];
      sign_[kept++] = sign_[i];
    }
    const Index wrong = k - kept + static_cast<Index>(entering_.size());
    if (wrong == 0) return 0;
    fit.linear = false;
    fit.active.resize(kept);
    fit.w.resize(kept);
    sign_.resize(kept);
    if (!more(wrong)) return wrong;
    // Far from the solution most violators are passengers of a few: all at once they would make a set many times the
    // final one, and its factor the dearest of all.
    const Index most = std::max<Index>(4, kept / 6);
    if (static_cast<Index>(entering_.size()) > most) {
      std::nth_element(entering_.begin(), entering_.begin() + most, entering_.end(), [&](Index a, Index b) {
        return std::abs(fit.gradient[a]) > std::abs(fit.gradient[b]);
      });
      entering_.resize(most);
    }
    for (Index i : entering_) {
      fit.active.push_back(i);
      fit.w.push_back(0);
      sign_.push_back(fit.gradient[i] > 0 ? 1 : -1);
    }
    return wrong;
  }

  // The same active set and signs at another penalty level.
  void move_level(Index j, double mu, NodeFit& fit) const {
    const double by = mu - fit.level;
    const Index k = fit.active.size(), reach = this->reach(j);
    if (by == 0) return;
    if (fit.slope.empty()) {
      fit.slope.assign(reach, 0.0);
      combine(k, fit.turn.data(), [&](Index i) { return S_ + fit.active[i] * d_; }, fit.slope.data(), reach);
    }
    for (Index i = 0; i < k; ++i) fit.w[i] -= by * fit.turn[i];
    axpy(by, fit.slope.data(), fit.gradient.data(), reach);
    fit.level = mu;
    fit.residual = fit.unpenalised + mu * mu * fit.bend;
  }

  // Monotone active set: finite, and safe with dependent columns.
  void descend(Index j, const char* allowed, double mu, NodeFit& fit) {
    fit.linear = false;
    bool single = false;
    double last = std::numeric_limits<double>::infinity();
    for (Index round = 0; round < 50 + 4 * d_; ++round) {
      settle(j, mu, fit);
      take_gradient(j, fit);
      const double objective = 0.5 * fit.residual + mu * fit.l1;
      if (objective > last - 1e-15 * std::abs(last)) {
        if (single) break;  // the precision of the arithmetic
        single = true;
      }
      last = std::min(last, objective);
      if (!admit(j, allowed, mu, single, fit)) break;
    }
    const Index k = factor(fit.active);
    signs(j, fit);
    bend(j, [&](double* x) { cholesky_solve(gram_.data(), k, k, pinned_, x); }, fit);
  }

  void mark(const NodeFit& fit) {
    inside_.assign(d_, 0);
    for (Index k : fit.active) inside_[k] = 1;
  }

  void weigh(NodeFit& fit) const {
    fit.l1 = 0;
    for (size_t i = 0; i < fit.active.size(); ++i)
      if (sign_[i] != 0) fit.l1 += std::abs(fit.w[i]);
  }

  // Exact minimiser on the active set, dropping coefficients on the way as they reach 0.
  void settle(Index j, double mu, NodeFit& fit) {
    signs(j, fit);
    while (!fit.active.empty()) {
      const Index k = fit.active.size();
      target_.resize(k);
      for (Index i = 0; i < k; ++i) target_[i] = S_[j * d_ + fit.active[i]] - mu * sign_[i];
      if (factor_.follow(fit.active)) {
        pinned_.assign(k, 0);
        factor_.solve(target_.data());
      } else {
        factor(fit.active);
        if (slide(fit)) continue;
        cholesky_solve(gram_.data(), k, k, pinned_, target_.data());
      }
      double step = 1;
      for (Index i = 0; i < k; ++i)
        if (sign_[i] != 0 && target_[i] * sign_[i] <= 0)
          step = std::min(step, fit.w[i] == target_[i] ? 0.0 : fit.w[i] / (fit.w[i] - target_[i]));
      const bool whole = step >= 1 && std::none_of(pinned_.begin(), pinned_.end(), [](char c) { return c != 0; });
      Index kept = 0;
      for (Index i = 0; i < k; ++i) {
        const double moved = step >= 1 ? target_[i] : fit.w[i] + step * (target_[i] - fit.w[i]);
        const bool crossed = sign_[i] != 0 && (moved * sign_[i] <= 0 || (target_[i] * sign_[i] <= 0 && std::abs(moved) <= 1e-14 * std::abs(fit.w[i] - target_[i])));
        const bool redundant = step >= 1 && pinned_[i];
        if (redundant) banned_[fit.active[i]] = 1;
        if (crossed || redundant) continue;
        fit.active[kept] = fit.active[i];
        fit.w[kept] = moved;
        sign_[kept++] = sign_[i];
      }
      const bool shrank = kept < k;
      fit.active.resize(kept);
      fit.w.resize(kept);
      sign_.resize(kept);
      if (whole || !shrank) break;
    }
    weigh(fit);
  }

  // Of dependent columns one is too many: w moves along the direction that leaves the fit as it is and does not raise the
  // penalty, until a coefficient reaches 0 and leaves. False where no direction ends so. `pinned_` tells the dependent ones.
  bool slide(NodeFit& fit) {
    const Index k = fit.active.size();
    Index extra = 0;
    while (extra < k && !(pinned_[extra] && sign_[extra] != 0)) ++extra;
    if (extra == k) return false;
    minus_.resize(k);
    for (Index i = 0; i < k; ++i) minus_[i] = S_[fit.active[i] * d_ + fit.active[extra]];
    cholesky_solve(gram_.data(), k, k, pinned_, minus_.data());
    for (Index i = 0; i < k; ++i) minus_[i] = i == extra ? 1 : -minus_[i];
    double slope = 0;
    for (Index i = 0; i < k; ++i) slope += sign_[i] * minus_[i];
    if (slope > 0)
      for (double& by : minus_) by = -by;
    const double never = std::numeric_limits<double>::infinity();
    const auto end = [&](Index i) { return minus_[i] * sign_[i] < 0 ? -fit.w[i] / minus_[i] : never; };
    double step = never;
    for (Index i = 0; i < k; ++i) step = std::min(step, end(i));
    if (step == never) return false;
    Index kept = 0;
    for (Index i = 0; i < k; ++i) {
      if (end(i) <= step) continue;
      fit.active[kept] = fit.active[i];
      fit.w[kept] = fit.w[i] + step * minus_[i];
      sign_[kept++] = sign_[i];
    }
    fit.active.resize(kept);
    fit.w.resize(kept);
    sign_.resize(kept);
    return true;
  }

  // Signs of a warm start; a coefficient that was just admitted carries the sign its gradient asks for.
  void signs(Index j, const NodeFit& fit) {
    sign_.resize(fit.active.size());
    for (size_t i = 0; i < fit.active.size(); ++i) {
      const Index k = fit.active[i];
      const double towards = fit.w[i] != 0 ? fit.w[i] : fit.gradient[k];
      sign_[i] = free(k, j) ? 0 : (towards > 0 ? 1 : -1);
    }
  }

  Index factor(const std::vector<Index>& A) {
    const Index k = A.size();
    gram_.resize(k * k);
    for (Index i = 0; i < k; ++i)
      for (Index l = 0; l <= i; ++l) gram_[i * k + l] = S_[A[i] * d_ + A[l]];
    cholesky(gram_.data(), k, k, 1e-12, pinned_);
    return k;
  }

  void take_gradient(Index j, NodeFit& fit) {
    const Index k = fit.active.size(), reach = this->reach(j);
    fit.gradient.assign(S_ + j * d_, S_ + j * d_ + reach);
    minus_.resize(k);
    for (Index i = 0; i < k; ++i) minus_[i] = -fit.w[i];
    combine(k, minus_.data(), [&](Index i) { return S_ + fit.active[i] * d_; }, fit.gradient.data(), reach);
    double r = fit.gradient[j];
    for (Index i = 0; i < k; ++i) r -= fit.w[i] * fit.gradient[fit.active[i]];
    fit.residual = std::max(r, 0.0);
  }

  // Bring in the variables that most violate the optimality conditions; false when none does.
  bool admit(Index j, const char* allowed, double mu, bool single, NodeFit& fit) {
    mark(fit);
    double worst = 0;
    const double sd = std::sqrt(S_[j * d_ + j]);
    const Index reach = this->reach(j);
    for (Index k = 0; k < reach; ++k)
      if (allowed[k] && !inside_[k] && !banned_[k])
        worst = std::max(worst, std::abs(fit.gradient[k]) - sd * slack_[k]);
    if (worst <= mu * (1 + 1e-11)) return false;
    const double enough = single ? worst : mu + 0.5 * (worst - mu);
    for (Index k = 0; k < reach; ++k)
      if (allowed[k] && !inside_[k] && !banned_[k] && std::abs(fit.gradient[k]) - sd * slack_[k] >= enough) {
        fit.active.push_back(k);
        fit.w.push_back(0);
        if (single) break;
      }
    return true;
  }

  // The two numbers of the closed form of s, from the solver of the present active set with its signs.
  template <class Solve>
  void bend(Index j, Solve solve, NodeFit& fit) {
    const Index k = fit.active.size();
    fit.unpenalised = S_[j * d_ + j];
    fit.bend = 0;
    fit.turn = sign_;
    if (k == 0) return;
    std::vector<double>& b = target_;
    b.resize(k);
    for (Index i = 0; i < k; ++i) b[i] = S_[j * d_ + fit.active[i]];
    solve(b.data());
    for (Index i = 0; i < k; ++i) fit.unpenalised -= b[i] * S_[j * d_ + fit.active[i]];
    fit.unpenalised = std::max(fit.unpenalised, 0.0);
    solve(fit.turn.data());
    for (Index i = 0; i < k; ++i) fit.bend += fit.turn[i] * sign_[i];
  }

  void straighten(Index j, double mu, NodeFit& fit) {
    bend(j, [&](double* x) { factor_.solve(x); }, fit);
    fit.linear = true;
    fit.level = mu;
    fit.slope.clear();
  }

  static constexpr double kSlack = 1e-12;  // of the product of two standard deviations: what rounding leaves of a zero
  const double* S_;
  Index d_;
  double alpha_;
  const std::vector<char>& required_;
  bool ordered_;
  ActiveFactor factor_;
  std::vector<double> slack_;  // kSlack standard deviations of every variable
  std::vector<double> gram_, target_, sign_, minus_;
  std::vector<char> pinned_, inside_, banned_;
  std::vector<Index> entering_;
};

// Every node on its allowed regressors: the whole weights for given supports. A stop request leaves them unfinished.
struct GraphFit {
  std::vector<NodeFit> nodes;
  double objective = 0;
  std::vector<double> scale;  // one a node (equal when the noise is)
  Index rounds = 0;
};

// One common scale for all nodes, s >= floor. allowed is d x d: allowed[j * d + k] lets k -> j in.
inline void solve_equal(NodeLasso& lasso, Index d, const char* allowed, double floor, GraphFit& fit, Watch& watch) {
  double s = fit.scale[0];
  for (fit.rounds = 1; fit.rounds <= 60; ++fit.rounds) {
    double unpenalised = 0, bend = 0, residual = 0, l1 = 0;
    for (Index j = 0; j < d; ++j) {
      if (watch.stopped()) return;
      NodeFit& node = fit.nodes[j];
      lasso.solve_at(j, allowed + j * d, lasso.alpha() * s, node);
      unpenalised += node.unpenalised;
      bend += node.bend;
      residual += node.residual;
      l1 += node.l1;
    }
    const double left = d - lasso.alpha() * lasso.alpha() * bend;
    const double s2 = left > 1e-3 * d ? unpenalised / left : residual / d;
    const double next = std::max(floor, std::sqrt(std::max(s2, 0.0)));
    const double profile = std::max(floor, std::sqrt(residual / d));
    fit.objective = residual / (2 * profile) + 0.5 * d * profile + lasso.alpha() * l1;
    const bool done = std::abs(next - s) <= 1e-13 * s;
    s = next;
    if (done) break;
  }
  fit.scale.assign(d, s);
}

inline void solve_unequal(NodeLasso& lasso, Index d, const char* allowed, const double* floor, GraphFit& fit,
                          Watch& watch) {
  fit.objective = 0;
  fit.rounds = 1;
  for (Index j = 0; j < d; ++j) {
    if (watch.stopped()) return;
    fit.nodes[j].scale = fit.scale[j];
    fit.objective += lasso.solve(j, allowed + j * d, floor[j], fit.nodes[j]);
    fit.scale[j] = fit.nodes[j].scale;
  }
}

}  // namespace ss
