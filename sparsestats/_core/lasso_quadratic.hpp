// min over d of  g'd + d'(H + ridge) d / 2 + sum_i weight_i |z_i + d_i|: the step of a proximal Newton method.
// An active set method: on the signs at hand one Cholesky gives the answer to machine precision, coordinates that would
// change sign leave, those that push in join. H is given once and serves many gradients: the factor follows the support, so
// a step whose support has not moved costs two triangular solves.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "active_factor.hpp"
#include "linalg.hpp"

namespace ss {

class LassoQuadratic {
 public:
  // Coordinates: `free` of them without a penalty, then `penalised` ones. The caller fills the lower triangles of
  // free_row() and row(), and cross_row() = H between a penalised coordinate and the free ones, then calls factor().
  void shape(Index free, Index penalised) {
    f_ = free, c_ = 0, lead_ = 0;
    L_.resize(f_ * f_);
    ridge_.clear(), support_.clear();
    factor_.forget();
    extend(penalised);
  }
  // Room for more penalised coordinates after those there are; their rows are filled and factored next.
  void extend(Index penalised) {
    from_ = c_;
    if (penalised > lead_) {
      const Index lead = c_ == 0 ? penalised : penalised + penalised / 8;
      std::vector<double> moved(lead * lead);
      for (Index j = 0; j < c_; ++j) std::copy_n(row(j), c_, moved.data() + j * lead);
      S_.swap(moved);
      lead_ = lead;
      factor_.look_at(S_.data(), lead_);
    }
    c_ = penalised;
    B_.resize(c_ * f_), flat_.resize(c_), ridge_.resize(c_, 0.0);
  }
  Index penalised() const { return c_; }
  double* free_row(Index i) { return L_.data() + i * f_; }
  double* cross_row(Index j) { return B_.data() + j * f_; }
  double* row(Index j) { return S_.data() + j * lead_; }

  // Free coordinates are profiled out: what is left is a lasso in their Schur complement.
  void factor() {
    if (f_ > 0 && from_ == 0) cholesky(L_.data(), f_, f_, 1e-13, pinned_);
    std::vector<double> across(f_ * c_);  // columns L^{-1} H_fj
    for (Index j = 0; j < c_; ++j) {
      double* b = cross_row(j);
      for (Index i = 0; i < f_; ++i) {
        if (j >= from_) b[i] = pinned_[i] ? 0 : (b[i] - dot(L_.data() + i * f_, b, i)) / L_[i * f_ + i];
        across[i * c_ + j] = b[i];
      }
      if (j < from_) continue;
      // A coordinate whose curvature is explained by the free ones cannot move.
      const double own = row(j)[j];
      flat_[j] = !(own - norm2(b, f_) > 1e-13 * own);
    }
    if (f_ > 12)
      gemm(c_ - from_, c_, f_, -1.0, cross_row(from_), f_, across.data(), c_, row(from_), lead_);
    else
      for (Index j = from_; j < c_; ++j)
        for (Index i = 0; i < f_; ++i) axpy(-cross_row(j)[i], across.data() + i * c_, row(j), j + 1);
    constexpr Index tile = 16;
    for (Index r = from_; r < c_; r += tile)
      for (Index s = 0; s < std::min(r + tile, c_); s += tile)
        for (Index i = r; i < std::min(r + tile, c_); ++i)
          for (Index j = s; j < std::min(s + tile, i); ++j) row(j)[i] = row(i)[j];
  }

  // `g` and `z` have the free coordinates first, `weight` and `ridge` only the penalised. On return d holds the step.
  void solve(const std::vector<double>& g, const std::vector<double>& weight, const std::vector<double>& ridge,
             const std::vector<double>& z, std::vector<double>& d) {
    std::vector<double> top(f_);  // L^{-1} g of the free ones
    for (Index i = 0; i < f_; ++i)
      top[i] = pinned_[i] ? 0 : (g[i] - dot(L_.data() + i * f_, top.data(), i)) / L_[i * f_ + i];
    q_.assign(g.begin() + f_, g.end());
    for (Index j = 0; j < c_; ++j) q_[j] -= dot(cross_row(j), top.data(), f_);
    x_.assign(z.begin() + f_, z.end());
    w_ = weight;
    if (ridge != ridge_) {
      for (Index j = 0; j < c_; ++j) row(j)[j] += ridge[j] - ridge_[j];
      ridge_ = ridge;
      factor_.forget();
    }
    collect();
    find_pushing();
    // On a support that is already factored, with nobody outside pushing in, the step needs nothing else: what it does to
    // the others shows in the next gradient.
    if (!(factor_.holds(support_) && pushing_.empty() && follow())) improve();
    d.assign(f_ + c_, 0.0);
    for (Index j = 0; j < c_; ++j) d[f_ + j] = x_[j] - z[f_ + j];
    for (Index i = 0; i < f_; ++i) d[i] = -top[i];
    for (Index j = 0; j < c_; ++j)
      if (d[f_ + j] != 0) axpy(-d[f_ + j], cross_row(j), d.data(), f_);
    for (Index i = f_; i-- > 0;) {
      d[i] = pinned_[i] ? 0 : d[i] / L_[i * f_ + i];
      if (d[i] != 0) axpy(-d[i], L_.data() + i * f_, d.data(), i);
    }
  }

  // Multiply-adds of factoring the support at hand, and of a step on it.
  double factor_cost() const { return std::pow(static_cast<double>(support_.size()), 3) / 6 + 50.0 * c_ * c_; }
  double step_cost() const { return static_cast<double>(support_.size()) * support_.size(); }

 private:
  void improve() {
    // A few that push in join by themselves; where they are many, sweeps over all sort out their signs first.
    for (int round = 0; round < 100; ++round) {
      if (pushing_.size() > 8 + support_.size() / 16)
        for (int sweep = 0; sweep < 3; ++sweep)
          for (Index i = 0; i < c_; ++i) descend(i);
      else
        for (Index i : pushing_) descend(i);
      settle();
      find_pushing();
      if (pushing_.empty()) return;
    }
  }

  // The support in the order of its factor: what has stayed, then what has come.
  void collect() {
    inside_.assign(c_, 0);
    std::erase_if(support_, [&](Index i) { return x_[i] == 0; });
    for (Index i : support_) inside_[i] = 1;
    for (Index i = 0; i < c_; ++i)
      if (x_[i] != 0 && !inside_[i]) support_.push_back(i);
  }

  void find_pushing() {
    pushing_.clear();
    for (Index i = 0; i < c_; ++i)
      if (x_[i] == 0 && !flat_[i] && std::abs(q_[i]) > w_[i] * (1 + 1e-10) + 1e-15) pushing_.push_back(i);
  }

  void descend(Index i) {
    if (flat_[i]) return move(i, -x_[i], 0);
    const double h = row(i)[i], v = x_[i] * h - q_[i];
    const double next = (v > w_[i] ? v - w_[i] : v < -w_[i] ? v + w_[i] : 0) / h;
    move(i, next - x_[i], next);
  }
  void move(Index i, double step, double value) {
    if (step == 0) return;
    axpy(step, row(i), q_.data(), c_);
    x_[i] = value;
  }

  // The step on the support as factored; false if a sign would change.
  bool follow() {
    newton();
    for (size_t i = 0; i < support_.size(); ++i)
      if (!(x_[support_[i]] * (x_[support_[i]] + step_[i]) > 0)) return false;
    for (size_t i = 0; i < support_.size(); ++i) x_[support_[i]] += step_[i];
    return true;
  }

  // step_ solves the equations of the support with its signs.
  void newton() {
    const Index s = static_cast<Index>(support_.size());
    step_.resize(s);
    for (Index i = 0; i < s; ++i) {
      const Index u = support_[i];
      step_[i] = -(q_[u] + (x_[u] > 0 ? w_[u] : -w_[u]));
    }
    whole_ = factor_.holds(support_) || factor_.follow(support_);
    if (whole_) return factor_.solve(step_.data());
    // Some of the support is explained by the rest: it keeps its place, and the rest moves.
    A_.resize(s * s);
    for (Index i = 0; i < s; ++i)
      for (Index j = 0; j <= i; ++j) A_[i * s + j] = row(support_[i])[support_[j]];
    cholesky(A_.data(), s, s, 1e-12, pinned_support_);
    cholesky_solve(A_.data(), s, s, pinned_support_, step_.data());
  }

  // To the minimum on the support, whose members keep their signs or leave.
  void settle() {
    while (true) {
      collect();
      if (support_.empty()) return;
      newton();
      const size_t s = support_.size();
      double t = 1;
      size_t first = s, leaving = 0;
      for (size_t i = 0; i < s; ++i) {
        const double now = x_[support_[i]], next = now + step_[i];
        if (now * next > 0) continue;
        ++leaving;
        if (const double at = now / (now - next); at < t || first == s) t = at, first = i;
      }
      if (leaving > 1 && clip()) continue;
      if (leaving == 0 && whole_) return arrive();
      advance(t, first);
      if (leaving == 0 && !slide()) return;
    }
  }

  // The whole step, after which the gradient on the support is known.
  void arrive() {
    before_.assign(c_, 0.0);
    for (size_t i = 0; i < support_.size(); ++i) {
      const Index u = support_[i];
      before_[u] = step_[i];
      x_[u] += step_[i];
      q_[u] = x_[u] > 0 ? -w_[u] : w_[u];
    }
    for (Index j = 0; j < c_; ++j)
      if (!inside_[j]) q_[j] += dot(row(j), before_.data(), c_);
  }

  // t times step_; the one at place `first` of the support lands on zero.
  void advance(double t, size_t first) {
    for (size_t i = 0; i < support_.size(); ++i) {
      const Index u = support_[i];
      move(u, t * step_[i], i == first ? 0.0 : x_[u] + t * step_[i]);
    }
  }

  // Where the rest of the support explains one of it, the quadratic is flat while that one takes their place. If the penalty
  // falls that way, on to the first zero.
  bool slide() {
    const Index s = static_cast<Index>(support_.size());
    for (Index i = 0; i < s; ++i) {
      const Index u = support_[i];
      const double slope = q_[u] + (x_[u] > 0 ? w_[u] : -w_[u]);
      if (!pinned_support_[i] || std::abs(slope) <= 1e-9 * w_[u]) continue;
      const double way = slope > 0 ? -1 : 1;
      for (Index j = 0; j < s; ++j) step_[j] = -way * row(u)[support_[j]];
      cholesky_solve(A_.data(), s, s, pinned_support_, step_.data());
      step_[i] = way;
      double t = 0;
      size_t first = s;
      for (Index j = 0; j < s; ++j)
        if (const double now = x_[support_[j]]; now * step_[j] < 0)
          if (const double at = -now / step_[j]; at < t || first == support_.size()) t = at, first = j;
      if (first == support_.size()) continue;
      advance(t, first);
      return true;
    }
    return false;
  }

  // The whole step with those that would change sign at zero, where that is no worse than before.
  bool clip() {
    before_ = q_;
    double change = 0;
    for (size_t i = 0; i < support_.size(); ++i) {
      const Index u = support_[i];
      if (!(x_[u] * (x_[u] + step_[i]) > 0)) step_[i] = -x_[u];
      axpy(step_[i], row(u), q_.data(), c_);
    }
    for (size_t i = 0; i < support_.size(); ++i) {
      const Index u = support_[i];
      change += 0.5 * (before_[u] + q_[u]) * step_[i] + w_[u] * (std::abs(x_[u] + step_[i]) - std::abs(x_[u]));
    }
    if (!(change < 0)) {
      q_.swap(before_);
      newton();
      return false;
    }
    for (size_t i = 0; i < support_.size(); ++i) x_[support_[i]] += step_[i];
    return true;
  }

  Index f_ = 0, c_ = 0, lead_ = 0, from_ = 0;  // from_: the first penalised coordinate that is new since factor()
  std::vector<double> L_, S_, B_, A_, step_, q_, before_, x_, w_, ridge_;
  bool whole_ = true;  // whether the support has a factor
  std::vector<char> pinned_, pinned_support_, flat_, inside_;
  std::vector<Index> support_, pushing_;
  ActiveFactor factor_;
};

}  // namespace ss
