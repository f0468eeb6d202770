// min over d of  g'd + d'(H + ridge) d / 2 + sum_i weight_i |z_i + d_i|: the step of a proximal Newton method.
// Coordinate descent finds the signs; on stable signs one Cholesky gives the answer to machine precision. H is given once
// and serves many gradients: what was factored is kept, so a step whose support has not moved costs two triangular solves.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "linalg.hpp"

namespace ss {

class LassoQuadratic {
 public:
  // Coordinates: `free` of them without a penalty, then `penalised` ones. The caller fills the lower triangles of
  // free_row() and row(), and cross_row() = H between a penalised coordinate and the free ones, then calls factor().
  void shape(Index free, Index penalised) {
    f_ = free, c_ = penalised;
    L_.resize(f_ * f_), B_.resize(c_ * f_), S_.resize(c_ * c_);
  }
  double* free_row(Index i) { return L_.data() + i * f_; }
  double* cross_row(Index j) { return B_.data() + j * f_; }
  double* row(Index j) { return S_.data() + j * c_; }

  // Free coordinates are profiled out: what is left is a lasso in their Schur complement.
  void factor() {
    if (f_ > 0) cholesky(L_.data(), f_, f_, 1e-13, pinned_);
    flat_.assign(c_, 0);
    std::vector<double> across(f_ * c_);  // columns L^{-1} H_fj
    for (Index j = 0; j < c_; ++j) {
      double* b = cross_row(j);
      for (Index i = 0; i < f_; ++i) {
        b[i] = pinned_[i] ? 0 : (b[i] - dot(L_.data() + i * f_, b, i)) / L_[i * f_ + i];
        across[i * c_ + j] = b[i];
      }
      // A coordinate whose curvature is explained by the free ones cannot move.
      const double own = row(j)[j];
      flat_[j] = !(own - norm2(b, f_) > 1e-13 * own);
    }
    if (f_ > 12)
      gemm(c_, c_, f_, -1.0, B_.data(), f_, across.data(), c_, S_.data(), c_);
    else
      for (Index j = 0; j < c_; ++j)
        for (Index i = 0; i < f_; ++i) axpy(-cross_row(j)[i], across.data() + i * c_, row(j), j + 1);
    constexpr Index tile = 16;
    for (Index r = 0; r < c_; r += tile)
      for (Index s = 0; s <= r; s += tile)
        for (Index i = r; i < std::min(r + tile, c_); ++i)
          for (Index j = s; j < std::min(s + tile, i); ++j) S_[j * c_ + i] = S_[i * c_ + j];
    factored_.clear();
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
    if (ridge != ridge_) ridge_ = ridge, factored_.clear();
    collect();
    // A Cholesky costs about as much as c / 3 sweeps: with many coordinates the signs are left to the sweeps.
    const int sweeps = c_ > 100 ? 10 : 3;
    // On a support that is already factored, with nobody outside pushing in, the step needs nothing else: what it does to
    // the others shows in the next gradient.
    if (support_.empty() || support_ != factored_ || violated() || !follow()) {
      bool done = false;
      for (int round = 0; round < 60 && !done; ++round) {
        for (int sweep = 0; sweep < sweeps; ++sweep) descend();
        done = settle() && !violated();
      }
    }
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
  void collect() {
    support_.clear();
    for (Index i = 0; i < c_; ++i)
      if (x_[i] != 0) support_.push_back(i);
  }

  void descend() {
    for (Index i = 0; i < c_; ++i) {
      if (flat_[i]) {
        move(i, -x_[i], 0);
        continue;
      }
      const double h = S_[i * c_ + i] + ridge_[i], v = x_[i] * h - q_[i];
      const double next = (v > w_[i] ? v - w_[i] : v < -w_[i] ? v + w_[i] : 0) / h;
      move(i, next - x_[i], next);
    }
  }
  void move(Index i, double step, double value) {
    if (step == 0) return;
    axpy(step, S_.data() + i * c_, q_.data(), c_);
    q_[i] += step * ridge_[i];
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
    cholesky_solve(A_.data(), s, s, pinned_support_, step_.data());
  }

  // Newton on the support with its signs; a coordinate that would change sign stops at zero and leaves.
  bool settle() {
    for (int tries = 0; tries < 20; ++tries) {
      collect();
      const Index s = static_cast<Index>(support_.size());
      if (s == 0) return true;
      if (support_ != factored_) {
        A_.resize(s * s);
        for (Index i = 0; i < s; ++i) {
          const double* from = S_.data() + support_[i] * c_;
          for (Index j = 0; j <= i; ++j) A_[i * s + j] = from[support_[j]];
          A_[i * s + i] += ridge_[support_[i]];
        }
        cholesky(A_.data(), s, s, 1e-12, pinned_support_);
        factored_ = support_;
      }
      newton();
      double t = 1;
      Index leaves = -1;
      for (Index i = 0; i < s; ++i) {
        const double now = x_[support_[i]], next = now + step_[i];
        if (now * next < 0 || next == 0) {
          const double at = now / (now - next);
          if (at < t) t = at, leaves = i;
        }
      }
      for (Index i = 0; i < s; ++i) {
        const Index u = support_[i];
        move(u, t * step_[i], i == leaves ? 0.0 : x_[u] + t * step_[i]);
      }
      if (leaves < 0) return true;
      if (t < 1e-3 || s > 100) return false;  // wrong signs in number: coordinate descent sorts them out faster
    }
    return false;
  }

  bool violated() const {
    for (Index i = 0; i < c_; ++i)
      if (x_[i] == 0 && !flat_[i] && std::abs(q_[i]) > w_[i] * (1 + 1e-10) + 1e-15) return true;
    return false;
  }

  Index f_ = 0, c_ = 0;
  std::vector<double> L_, S_, B_, A_, step_, q_, x_, w_, ridge_;
  std::vector<char> pinned_, pinned_support_, flat_;
  std::vector<Index> support_, factored_;  // factored_: the support that A_ holds the factor of
};

}  // namespace ss
