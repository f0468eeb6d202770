// The quadratic model of a Newton step,  v'R v / 2 - slope'v , over changes v of the radii of blocks, which must stay in
// order and not negative, and of coordinates that are free of both.
#pragma once
#include <numeric>
#include <vector>

#include "linalg.hpp"

namespace ss {

struct OrderedQuadratic {
  std::vector<double> R, slope;  // R: its lower triangle
  std::vector<double> radius;    // of the blocks, the first of the unknowns, as they are
  bool ordered = false;          // whether they must stay in order
  std::vector<double> dir;       // the change found

  Index size() const { return static_cast<Index>(slope.size()); }
  Index blocks() const { return static_cast<Index>(radius.size()); }

  // The minimiser without constraints; `factored` says that R is the last one's.
  void straight(bool factored) {
    dir = slope;
    if (!factored) {
      factor_ = R;
      singular_ = cholesky(factor_.data(), size(), size(), 1e-12, pinned_) > 0;
      // Along a direction without curvature, such as what all classes of a multinomial model may share, the way is to where
      // radii meet: a little curvature leads there.
      if (singular_) {
        for (Index i = 0; i < size(); ++i) R[i * (size() + 1)] *= 1 + RIDGE;
        factor_ = R;
        cholesky(factor_.data(), size(), size(), 1e-12, pinned_);
      }
    }
    cholesky_solve(factor_.data(), size(), size(), pinned_, dir.data());
  }

  // Whether the model has directions without curvature of its own.
  bool singular() const { return singular_; }

  // Whether `dir` would make a radius negative or, where they are ordered, take two out of order.
  bool crosses() const {
    const Index blocks = this->blocks();
    for (Index b = 0; b < blocks; ++b) {
      const bool chained = ordered && b + 1 < blocks;
      const double gap = radius[b] - (chained ? radius[b + 1] : 0.0);
      if ((chained ? dir[b + 1] : 0.0) - dir[b] > gap) return true;
    }
    return false;
  }

  // The other triangle, which `change` and `join` read.
  void mirror() {
    const Index d = size();
    for (Index i = 0; i < d; ++i)
      for (Index j = 0; j < i; ++j) R[j * d + i] = R[i * d + j];
  }

  // What the direction changes in the model.
  double change() const {
    const Index d = size();
    double s = 0;
    for (Index i = 0; i < d; ++i) s += dir[i] * (0.5 * dot(R.data() + i * d, dir.data(), d) - slope[i]);
    return s;
  }

  // A guess at the constrained minimiser, and often right: blocks out of order share one radius, those that would be
  // negative are held at 0, and what is left is solved again until all fit.
  void join() {
    const Index d = size(), blocks = this->blocks();
    std::vector<double> h = slope, v(d), S, share;
    std::vector<char> pinned;
    std::vector<Index> owner(d), first;
    std::iota(owner.begin(), owner.end(), Index{0});
    for (Index i = 0; i < d; ++i) h[i] += dot(R.data() + i * d, radius.data(), blocks);
    for (Index i = 0; i < d; ++i) v[i] = dir[i] + (i < blocks ? radius[i] : 0.0);
    Index left = d;
    for (Index before = d + 1; left < before;) {  // pools only grow
      // Pool adjacent violators over the radii: `first` block of each pool, its mean in `share`.
      before = left;
      first.clear();
      share.clear();
      std::vector<Index> count;
      for (Index b = 0; b < blocks; ++b) {
        double mean = v[b];
        Index members = 1, from = b;
        while (ordered && !share.empty() && share.back() <= mean + 1e-12 * std::abs(mean)) {
          mean = (share.back() * count.back() + mean * members) / (count.back() + members);
          members += count.back();
          from = first.back();
          first.pop_back(), share.pop_back(), count.pop_back();
        }
        first.push_back(from), share.push_back(mean), count.push_back(members);
      }
      left = 0;
      for (size_t k = 0; k < first.size(); ++k) {
        const Index stop = k + 1 < first.size() ? first[k + 1] : blocks;
        for (Index b = first[k]; b < stop; ++b) owner[b] = share[k] > 0 ? left : -1;
        left += share[k] > 0;
      }
      for (Index i = blocks; i < d; ++i) owner[i] = left++;
      S.assign(left * left, 0.0);
      std::vector<double> x(left, 0.0);
      for (Index i = 0; i < d; ++i) {
        if (owner[i] < 0) continue;
        for (Index j = 0; j < d; ++j)
          if (owner[j] >= 0) S[owner[i] * left + owner[j]] += R[i * d + j];
        x[owner[i]] += h[i];
      }
      cholesky(S.data(), left, left, 1e-12, pinned);
      cholesky_solve(S.data(), left, left, pinned, x.data());
      for (Index i = 0; i < d; ++i) v[i] = owner[i] < 0 ? 0.0 : x[owner[i]];
    }
    for (Index i = 0; i < d; ++i) dir[i] = v[i] - (i < blocks ? radius[i] : 0.0);
  }

  // The constrained minimum approached by the active-set method, from `straight`: go until two blocks meet or one reaches 0,
  // tie or hold those, and go on from there. Every leg lowers the model, so the end is downhill from the start.
  // With R = L L' and y = L'v the model is |y - L^{-1} slope|^2 / 2, and a tie or hold a'v = 0 is w'y = 0 with w = L^{-1} a:
  // what is left to go is the residual less its parts along the w so far, kept orthonormal.
  void walk() {
    const Index d = size(), blocks = this->blocks();
    std::vector<double> at(radius), moved(d, 0.0), goal = dir, left = slope, ties;
    solve_lower(factor_.data(), d, d, pinned_, left.data());
    std::vector<Index> owner(blocks);
    std::iota(owner.begin(), owner.end(), Index{0});
    const auto tied = [&](Index b) { return ordered && b + 1 < blocks && owner[b + 1] == owner[b]; };
    Index rank = 0;
    for (Index legs = 0; legs <= blocks; ++legs) {
      // The first meeting on the way.
      double t = 1;
      Index met = -1;
      for (Index b = 0; b < blocks; ++b) {
        if (owner[b] < 0 || tied(b)) continue;
        const bool next_held = !ordered || b + 1 == blocks || owner[b + 1] < 0;
        const double room = at[b] - (next_held ? 0.0 : at[b + 1]), closing = (next_held ? 0.0 : goal[b + 1]) - goal[b];
        if (closing > 0 && room < t * closing) t = std::max(room, 0.0) / closing, met = b;
      }
      for (Index i = 0; i < d; ++i) moved[i] += t * goal[i];
      for (Index b = 0; b < blocks; ++b) at[b] += t * goal[b];
      if (met < 0) break;
      // Blocks are tied or held for good: the pool of `met` takes in the next one, or is held at 0.
      const Index mine = owner[met];
      const bool hold = !ordered || met + 1 == blocks || owner[met + 1] < 0;
      const Index theirs = hold ? -1 : owner[met + 1];
      for (Index b = 0; b < blocks; ++b)
        if (owner[b] == mine) owner[b] = theirs;
      ties.resize((rank + 1) * d, 0.0);
      double* w = ties.data() + rank * d;
      std::fill_n(w, d, 0.0);
      w[met] = 1;
      if (!hold) w[met + 1] = -1;
      solve_lower(factor_.data(), d, d, pinned_, w);
      const double before = norm2(w, d);
      for (int pass = 0; pass < 2; ++pass)
        for (Index k = 0; k < rank; ++k) axpy(-dot(ties.data() + k * d, w, d), ties.data() + k * d, w, d);
      const double after = norm2(w, d);
      for (double& v : left) v *= 1 - t;
      if (after > 1e-20 * before) {
        axpy(-dot(w, left.data(), d) / after, w, left.data(), d);
        for (Index i = 0; i < d; ++i) w[i] /= std::sqrt(after);
        ++rank;
      }
      goal = left;
      solve_lower_transposed(factor_.data(), d, d, pinned_, goal.data());
      for (Index b = 0; b < blocks; ++b) {  // exactly, not up to rounding
        if (owner[b] < 0) goal[b] = 0;
        if (tied(b)) goal[b + 1] = goal[b];
      }
    }
    dir = moved;
  }

 private:
  static constexpr double RIDGE = 1e-8;
  bool singular_ = false;
  std::vector<double> factor_;
  std::vector<char> pinned_;
};

}  // namespace ss
