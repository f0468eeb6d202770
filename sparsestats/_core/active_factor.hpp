// Cholesky factor of S_AA for an active set A that changes a little from one solve to the next.
//
// Variables that leave are rotated out, those that enter are appended, each in O(|A|^2); a set that changed much is factored
// anew. Row deletion by rotations is backward stable, so the factor may be followed as long as the set is.
#pragma once
#include <cmath>
#include <vector>

#include "kernels.hpp"
#include "linalg.hpp"

namespace ss {

class ActiveFactor {
 public:
  ActiveFactor(const double* S, Index d) : S_(S), d_(d) {}
  ActiveFactor() : ActiveFactor(nullptr, 0) {}

  // S has moved, or grown by rows and columns at its end; its rows are d long.
  void look_at(const double* S, Index d) { S_ = S, d_ = d; }
  void forget() { held_.clear(); }
  bool holds(const std::vector<Index>& active) const { return !active.empty() && active == held_; }

  // Factor S_AA; false when a variable is explained by those before it to working precision.
  bool follow(const std::vector<Index>& active) {
    const Index m = active.size();
    reserve(m);
    // Survivors keep their order and newcomers come last, or the factor starts again.
    leaving_.clear();
    Index kept = 0;
    const Index held = held_.size();
    for (Index i = 0; i < held; ++i)
      if (kept < m && held_[i] == active[kept])
        ++kept;
      else
        leaving_.push_back(i);
    const Index leave = leaving_.size(), enter = m - kept;
    // A large factor is made at the speed of products of matrices, its changes wait for memory.
    if (kRotation * leave + enter > std::min(m / 3, 24 + m / 24)) return rebuild(active);
    for (Index i = leave; i-- > 0;) erase(leaving_[i]);
    for (Index i = kept; i < m; ++i)
      if (!append(active[i])) return false;
    return true;
  }

  // S_AA^{-1} x, in place.
  void solve(double* x) const { cholesky_solve(L_.data(), held_.size(), stride_, pinned_, x); }

 private:
  static constexpr double kSingular = 1e-12;
  static constexpr Index kRotation = 2;  // what a deletion costs, in appends

  double* row(Index i) { return &L_[i * stride_]; }

  void reserve(Index m) {
    if (m <= stride_) return;
    held_.clear();
    stride_ = std::min(d_, m + m / 2 + 8);
    L_.resize(stride_ * stride_);
    pinned_.assign(stride_, 0);
    cosine_.resize(stride_);
    sine_.resize(stride_);
  }

  bool rebuild(const std::vector<Index>& active) {
    const Index m = active.size();
    for (Index i = 0; i < m; ++i) {
      const double* s = S_ + active[i] * d_;
      double* l = row(i);
      for (Index k = 0; k <= i; ++k) l[k] = s[active[k]];
    }
    held_ = active;
    if (cholesky(L_.data(), m, stride_, kSingular, pinned_) == 0) return true;
    held_.clear();
    return false;
  }

  bool append(Index a) {
    const Index m = held_.size();
    const double* s = S_ + a * d_;
    double* l = row(m);
    double explained = 0;
    for (Index i = 0; i < m; ++i) {
      l[i] = (s[held_[i]] - dot(row(i), l, i)) / row(i)[i];
      explained += l[i] * l[i];
    }
    const double pivot = s[a] - explained;
    if (!(pivot > kSingular * s[a])) {
      held_.clear();
      return false;
    }
    l[m] = std::sqrt(pivot);
    if (static_cast<Index>(pinned_.size()) <= m) pinned_.resize(m + 1);
    pinned_[m] = 0;
    held_.push_back(a);
    return true;
  }

  // Rows below q move up; each reaches one entry past its diagonal, which its own rotation folds back.
  void erase(Index q) {
    held_.erase(held_.begin() + q);
    const Index m = held_.size();
    for (Index i = q; i < m; ++i) {
      const double* from = row(i + 1);
      double* to = row(i);
      std::copy(from, from + q, to);
      double u = from[q];
      for (Index c = q; c < i; ++c) {
        const double y = from[c + 1];
        to[c] = cosine_[c] * u + sine_[c] * y;
        u = cosine_[c] * y - sine_[c] * u;
      }
      const double y = from[i + 1], r = std::sqrt(u * u + y * y);
      cosine_[i] = u / r;
      sine_[i] = y / r;
      to[i] = r;
    }
  }

  const double* S_;
  Index d_, stride_ = 0;
  std::vector<double> L_, cosine_, sine_;
  std::vector<char> pinned_;
  std::vector<Index> held_, leaving_;
};

}  // namespace ss
