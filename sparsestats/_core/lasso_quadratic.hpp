// min over d of  g'd + d'H d / 2 + sum_i weight_i |z_i + d_i|: the step of a proximal Newton method.
// Coordinate descent finds the signs; on stable signs one Cholesky gives the answer to machine precision.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "linalg.hpp"

namespace ss {

class LassoQuadratic {
 public:
  // H is N x N with both triangles; weight 0 marks a free coordinate, and those come first (n_free of them).
  // On return d holds the step.
  void solve(const std::vector<double>& H, const std::vector<double>& g, const std::vector<double>& weight,
             const std::vector<double>& z, Index n_free, std::vector<double>& d) {
    N_ = static_cast<Index>(g.size()), f_ = n_free, c_ = N_ - f_;
    eliminate(H, g);
    x_.assign(z.begin() + f_, z.end());
    z0_ = x_;
    q_ = reduced_g_;
    w_.assign(weight.begin() + f_, weight.end());
    // A Cholesky costs about as much as c / 3 sweeps: with many coordinates the signs are left to the sweeps.
    const int sweeps = c_ > 100 ? 10 : 3;
    for (int round = 0; round < 60; ++round) {
      for (int sweep = 0; sweep < sweeps; ++sweep) descend();
      if (settle() && !violated()) break;
    }
    d.assign(N_, 0.0);
    for (Index i = 0; i < c_; ++i) d[f_ + i] = x_[i] - z0_[i];
    for (Index i = 0; i < f_; ++i) {
      double v = -g[i];
      for (Index j = 0; j < c_; ++j) v -= H[i * N_ + f_ + j] * d[f_ + j];
      d[i] = v;
    }
    if (f_ > 0) cholesky_solve(L_.data(), f_, f_, pinned_, d.data());
  }

 private:
  // Free coordinates are profiled out: what is left is a lasso in their Schur complement.
  void eliminate(const std::vector<double>& H, const std::vector<double>& g) {
    L_.resize(f_ * f_);
    for (Index i = 0; i < f_; ++i) std::copy_n(H.data() + i * N_, f_, L_.data() + i * f_);
    if (f_ > 0) cholesky(L_.data(), f_, f_, 1e-13, pinned_);
    S_.assign(c_ * c_, 0.0);
    reduced_g_.assign(g.begin() + f_, g.end());
    // rows of B solve L b = H_f,j; then S = H_cc - B B'
    B_.resize(c_ * f_);
    std::vector<double> top(f_);
    for (Index i = 0; i < f_; ++i)
      top[i] = pinned_[i] ? 0 : (g[i] - dot(L_.data() + i * f_, top.data(), i)) / L_[i * f_ + i];
    for (Index j = 0; j < c_; ++j) {
      double* b = B_.data() + j * f_;
      for (Index i = 0; i < f_; ++i)
        b[i] = pinned_[i] ? 0 : (H[i * N_ + f_ + j] - dot(L_.data() + i * f_, b, i)) / L_[i * f_ + i];
      reduced_g_[j] -= dot(b, top.data(), f_);
    }
    for (Index i = 0; i < c_; ++i)
      for (Index j = 0; j <= i; ++j) {
        const double v = H[(f_ + i) * N_ + f_ + j] - dot(B_.data() + i * f_, B_.data() + j * f_, f_);
        S_[i * c_ + j] = S_[j * c_ + i] = v;
      }
    // A coordinate whose curvature is explained by the free ones cannot move.
    flat_.assign(c_, 0);
    for (Index i = 0; i < c_; ++i)
      if (!(S_[i * c_ + i] > 1e-13 * H[(f_ + i) * N_ + f_ + i])) flat_[i] = 1;
  }

  void descend() {
    for (Index i = 0; i < c_; ++i) {
      const double h = S_[i * c_ + i];
      const double v = flat_[i] ? 0 : x_[i] * h - q_[i];
      const double next = flat_[i] ? 0 : (v > w_[i] ? v - w_[i] : v < -w_[i] ? v + w_[i] : 0) / h;
      move(i, next - x_[i], next);
    }
  }
  void move(Index i, double step, double value) {
    if (step == 0) return;
    axpy(step, S_.data() + i * c_, q_.data(), c_);
    x_[i] = value;
  }

  // Newton on the support with its signs; a coordinate that would change sign stops at zero and leaves.
  bool settle() {
    for (int tries = 0; tries < 20; ++tries) {
      support_.clear();
      for (Index i = 0; i < c_; ++i)
        if (x_[i] != 0) support_.push_back(i);
      const Index s = static_cast<Index>(support_.size());
      if (s == 0) return true;
      A_.resize(s * s), rhs_.resize(s);
      for (Index i = 0; i < s; ++i) {
        for (Index j = 0; j <= i; ++j) A_[i * s + j] = S_[support_[i] * c_ + support_[j]];
        const Index u = support_[i];
        rhs_[i] = -(q_[u] + (x_[u] > 0 ? w_[u] : -w_[u]));
      }
      cholesky(A_.data(), s, s, 1e-12, pinned_support_);
      cholesky_solve(A_.data(), s, s, pinned_support_, rhs_.data());
      double t = 1;
      Index leaves = -1;
      for (Index i = 0; i < s; ++i) {
        const double now = x_[support_[i]], next = now + rhs_[i];
        if (now * next < 0 || next == 0) {
          const double at = now / (now - next);
          if (at < t) t = at, leaves = i;
        }
      }
      for (Index i = 0; i < s; ++i) {
        const Index u = support_[i];
        move(u, t * rhs_[i], i == leaves ? 0.0 : x_[u] + t * rhs_[i]);
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

  Index N_ = 0, f_ = 0, c_ = 0;
  std::vector<double> L_, S_, B_, A_, rhs_, reduced_g_, q_, x_, z0_, w_;
  std::vector<char> pinned_, pinned_support_, flat_;
  std::vector<Index> support_;
};

}  // namespace ss
