// Order search at alpha = 0: the order of the variables that minimises the concomitant score of their conditional variances.
//
// For an order pi let S_pi = R'R (R upper triangular) and T = R^{-1}. Then R_kk^2 is the variance of the k-th variable given
// those before it, and the score is sum R_kk^2 (equal noise) or sum |R_kk| (a scale a node). Every insertion (take the
// variable at position a, put it back at b) is scored from one column of R or one row of T by running sums, so all d(d-1) of
// them cost O(d^2); applying one costs |a - b| Givens rotations. Signs of the diagonal are free: only squares are used.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "control.hpp"
#include "kernels.hpp"
#include "linalg.hpp"

namespace ss {

// must[y * d + x] != 0: y has to come before x (transitively closed). Empty: nothing is known.
using Precedence = std::vector<char>;

inline bool must_precede(const Precedence& must, Index d, Index y, Index x) { return !must.empty() && must[y * d + x]; }

namespace detail {

// Rotations (c_i, s_i) of entries i and i + 1 of N vectors, applied from `high` down to `low`, or from `low` up to `high`.
// Each entry waits for the one before it; several vectors at once fill the wait.
template <int N>
inline __attribute__((always_inline)) void rotate_down_inline(double* const* x, const double* c, const double* s, Index low,
                                                              Index high) {
  double y[N];
  for (int t = 0; t < N; ++t) y[t] = x[t][high + 1];
  for (Index i = high; i >= low; --i)
    for (int t = 0; t < N; ++t) {
      const double u = x[t][i];
      x[t][i + 1] = c[i] * y[t] - s[i] * u;
      y[t] = c[i] * u + s[i] * y[t];
    }
  for (int t = 0; t < N; ++t) x[t][low] = y[t];
}
template <int N>
inline __attribute__((always_inline)) void rotate_up_inline(double* const* x, const double* c, const double* s, Index low,
                                                            Index high) {
  double u[N];
  for (int t = 0; t < N; ++t) u[t] = x[t][low];
  for (Index i = low; i <= high; ++i)
    for (int t = 0; t < N; ++t) {
      const double y = x[t][i + 1];
      x[t][i] = c[i] * u[t] + s[i] * y;
      u[t] = c[i] * y - s[i] * u[t];
    }
  for (int t = 0; t < N; ++t) x[t][high + 1] = u[t];
}

}  // namespace detail

SS_CLONES static void rotate_down(double* x, const double* c, const double* s, Index low, Index high) {
  detail::rotate_down_inline<1>(&x, c, s, low, high);
}
SS_CLONES static void rotate_down4(double* const* x, const double* c, const double* s, Index low, Index high) {
  detail::rotate_down_inline<4>(x, c, s, low, high);
}
SS_CLONES static void rotate_up(double* x, const double* c, const double* s, Index low, Index high) {
  detail::rotate_up_inline<1>(&x, c, s, low, high);
}
SS_CLONES static void rotate_up4(double* const* x, const double* c, const double* s, Index low, Index high) {
  detail::rotate_up_inline<4>(x, c, s, low, high);
}

class OrderSearch {
 public:
  OrderSearch(const double* S, Index d, bool equal, const Precedence& must)
      : S_(S), d_(d), equal_(equal), must_(must), columns_(d * d), rows_(d * d), variance_(d), order_(d) {}

  const std::vector<Index>& order() const { return order_; }
  Index moves() const { return moves_; }
  // Column k of R and row k of T, both contiguous; k is a position in the order.
  const double* column(Index k) const { return &columns_[k * d_]; }
  const double* row(Index k) const { return &rows_[k * d_]; }

  double score() const {
    double total = 0;
    for (double v : variance_) total += part(v);
    return total;
  }

  // Factor S in the given order. False when a conditional variance vanishes to working precision.
  bool start(const std::vector<Index>& order) {
    order_ = order;
    std::vector<char> pinned;
    std::fill(columns_.begin(), columns_.end(), 0.0);
    for (Index i = 0; i < d_; ++i)
      for (Index k = 0; k <= i; ++k) columns_[i * d_ + k] = S_[order_[i] * d_ + order_[k]];
    if (cholesky(columns_.data(), d_, d_, kSingular, pinned) > 0) return false;
    refresh_variances(0, d_ - 1);
    invert();
    return true;
  }

  // Smallest conditional variance first, each time; the sources come out first when the noise is equal.
  std::vector<Index> top_down() const { return greedy(S_, false); }

  // Smallest diagonal of the precision last, each time; needs start() to have succeeded on some order.
  std::vector<Index> bottom_up() const {
    std::vector<double> P(d_ * d_), gram(d_ * d_);
    gram_rows(rows_.data(), d_, d_, d_, gram.data(), d_);
    for (Index i = 0; i < d_; ++i)
      for (Index k = 0; k <= i; ++k)
        P[order_[i] * d_ + order_[k]] = P[order_[k] * d_ + order_[i]] = gram[i * d_ + k];
    std::vector<Index> reversed = greedy(P.data(), true);
    std::reverse(reversed.begin(), reversed.end());
    return reversed;
  }

  // A uniform shuffle, repaired so that everything known to come first does.
  std::vector<Index> shuffled(std::mt19937_64& random) const {
    std::vector<double> key(d_);
    for (double& k : key) k = static_cast<double>(random() >> 11);
    return topological(key);
  }

  // An order with some variables put anywhere, as far as what is known allows.
  std::vector<Index> shaken(const std::vector<Index>& order, Index count, std::mt19937_64& random) const {
    std::vector<double> key(d_);
    for (Index k = 0; k < d_; ++k) key[order[k]] = k;
    for (Index k = 0; k < count; ++k) {
      const Index j = random() % d_;
      key[j] = d_ * (static_cast<double>(random() >> 11) * 0x1p-53) - 0.5;
    }
    return topological(key);
  }

  // Known precedences, ties by key.
  std::vector<Index> topological(const std::vector<double>& key) const {
    std::vector<Index> out;
    std::vector<char> placed(d_, 0);
    while (static_cast<Index>(out.size()) < d_) {
      Index best = -1;
      for (Index j = 0; j < d_; ++j)
        if (!placed[j] && eligible(j, placed, false) && (best < 0 || key[j] < key[best])) best = j;
      placed[best] = 1;
      out.push_back(best);
    }
    return out;
  }

  // Change of the score for the variable at a put back at every b (0 at b = a), knowledge aside.
  void score_moves(Index a, double* delta) const {
    delta[a] = 0;
    const double* r = column(a);
    double q = square(r[a]), change = -part(q);
    for (Index k = a; k-- > 0;) {
      const double v = variance_[k], before = q;
      q += square(r[k]);
      change += part(v * (before / q)) - part(v);
      delta[k] = change + part(q);
    }
    const double* t = row(a);
    double c = square(t[a]);
    change = -part(1 / c);
    for (Index k = a + 1; k < d_; ++k) {
      const double v = variance_[k];
      change += part(v + square(t[k]) * v / c) - part(v);
      c += square(t[k]);
      delta[k] = change + part(1 / c);
    }
  }

  // First-improvement sweeps: each variable goes to its best place, until no insertion lowers the score.
  // False when the cap on sweeps or a stop request came first.
  bool descend(Watch& watch, Index sweeps = 100) {
    std::vector<double> delta(d_);
    std::vector<Index> turn = order_, where(d_);
    Index since_factored = 0;
    for (Index sweep = 0; sweep < sweeps; ++sweep) {
      bool moved = false;
      const double floor = 1e-10 * score();
      for (Index x : turn) {
        if (watch.stopped()) return false;
        const Index a = std::find(order_.begin(), order_.end(), x) - order_.begin();
        score_moves(a, delta.data());
        Index lo = a, hi = a;
        while (lo > 0 && !must_precede(must_, d_, order_[lo - 1], x)) --lo;
        while (hi + 1 < d_ && !must_precede(must_, d_, x, order_[hi + 1])) ++hi;
        const Index b = std::min_element(delta.begin() + lo, delta.begin() + hi + 1) - delta.begin();
        if (delta[b] >= -floor) continue;
        move(a, b);
        moved = true;
        ++moves_;
        // Rotations are stable but their rounding adds up; a fresh factorisation (d^3 against |a - b| d a move) is cheap
        // at this rate.
        if (++since_factored >= std::max<Index>(200, 2 * d_)) {
          since_factored = 0;
          start(std::vector<Index>(order_));
        }
      }
      if (!moved) return true;
    }
    return false;
  }

  // Put the variable at position a back at position b.
  void move(Index a, Index b) {
    if (b < a)
      move_left(a, b);
    else if (b > a)
      move_right(a, b);
  }

  // Regression coefficients of the variable at position k on those before it: -T_ik / T_kk.
  double ols(Index i, Index k) const { return -row(i)[k] / row(k)[k]; }

 private:
  static constexpr double kSingular = 1e-11;
  static double square(double x) { return x * x; }
  double part(double v) const { return equal_ ? v : std::sqrt(v); }

  bool eligible(Index j, const std::vector<char>& placed, bool backward) const {
    if (must_.empty()) return true;
    for (Index y = 0; y < d_; ++y)
      if (!placed[y] && (backward ? must_[j * d_ + y] : must_[y * d_ + j])) return false;
    return true;
  }

  // Pivoted Cholesky of a symmetric matrix that takes the smallest remaining pivot each time (left-looking).
  std::vector<Index> greedy(const double* A, bool backward) const {
    std::vector<double> L(d_ * d_), pivot(d_);
    std::vector<Index> out;
    std::vector<char> placed(d_, 0);
    for (Index j = 0; j < d_; ++j) pivot[j] = A[j * d_ + j];
    for (Index k = 0; k < d_; ++k) {
      Index best = -1;
      for (Index j = 0; j < d_; ++j)
        if (!placed[j] && eligible(j, placed, backward) && (best < 0 || pivot[j] < pivot[best])) best = j;
      placed[best] = 1;
      out.push_back(best);
      const double root = std::sqrt(std::max(pivot[best], std::numeric_limits<double>::min()));
      // Column k of the factor for those not placed yet, four rows at a time (all of them in the last group).
      const double* l = &L[best * d_];
      Index group[4], held = 0;
      auto flush = [&] {
        const double* rows[4];
        double explained[4];
        for (Index t = 0; t < 4; ++t) rows[t] = &L[group[std::min(t, held - 1)] * d_];
        dot4(rows, l, k, explained);
        for (Index t = 0; t < held; ++t) {
          const Index j = group[t];
          const double m = (A[best * d_ + j] - explained[t]) / root;
          L[j * d_ + k] = m;
          pivot[j] -= m * m;
        }
        held = 0;
      };
      for (Index j = 0; j < d_; ++j) {
        if (placed[j]) continue;
        group[held++] = j;
        if (held == 4) flush();
      }
      if (held > 0) flush();
    }
    return out;
  }

  // T by forward substitution, four rows against each column of R.
  void invert() {
    std::fill(rows_.begin(), rows_.end(), 0.0);
    for (Index a = 0; a < d_; a += 4) {
      const Index height = std::min<Index>(4, d_ - a);
      double* t[4];
      const double* from[4];
      for (Index i = 0; i < 4; ++i) from[i] = (t[i] = &rows_[std::min(a + i, d_ - 1) * d_]) + a;
      for (Index l = a; l < d_; ++l) {
        const double* r = column(l);
        double sum[4];
        dot4(from, r + a, l - a, sum);
        for (Index i = 0; i < height && a + i <= l; ++i) t[i][l] = ((a + i == l ? 1.0 : 0.0) - sum[i]) / r[l];
      }
    }
  }

  // The same rotations of vectors from..to-1 of a matrix.
  template <class One, class Four>
  void rotate_all(std::vector<double>& m, Index from, Index to, Index low, Index high, One one, Four four) const {
    Index k = from;
    for (; k + 4 <= to; k += 4) {
      double* const x[4] = {&m[k * d_], &m[(k + 1) * d_], &m[(k + 2) * d_], &m[(k + 3) * d_]};
      four(x, cos_.data(), sin_.data(), low, high);
    }
    for (; k < to; ++k) one(&m[k * d_], cos_.data(), sin_.data(), low, high);
  }

  void refresh_variances(Index low, Index high) {
    for (Index k = low; k <= high; ++k) variance_[k] = square(column(k)[k]);
  }

  void cycle(Index a, Index b) {
    auto block = [&](std::vector<double>& m) {
      double* base = m.data();
      if (b < a)
        std::rotate(base + b * d_, base + a * d_, base + (a + 1) * d_);
      else
        std::rotate(base + a * d_, base + (a + 1) * d_, base + (b + 1) * d_);
    };
    block(columns_);
    block(rows_);
    if (b < a)
      std::rotate(order_.begin() + b, order_.begin() + a, order_.begin() + a + 1);
    else
      std::rotate(order_.begin() + a, order_.begin() + a + 1, order_.begin() + b + 1);
  }

  void move_left(Index a, Index b) {
    cycle(a, b);
    cos_.resize(d_);
    sin_.resize(d_);
    double* moved = &columns_[b * d_];
    for (Index i = a; i-- > b;) {
      const double r = std::hypot(moved[i], moved[i + 1]);
      cos_[i] = moved[i] / r;
      sin_[i] = moved[i + 1] / r;
      moved[i] = r;
      moved[i + 1] = 0;
    }
    for (Index k = b + 1; k < a; ++k) rotate_down(&columns_[k * d_], cos_.data(), sin_.data(), b, k - 1);
    rotate_all(columns_, std::max(a, b + 1), d_, b, a - 1, rotate_down, rotate_down4);
    rotate_all(rows_, 0, a + 1, b, a - 1, rotate_down, rotate_down4);
    for (Index k = b + 1; k <= a; ++k) std::fill(&rows_[k * d_] + b, &rows_[k * d_] + k, 0.0);
    refresh_variances(b, a);
  }

  void move_right(Index a, Index b) {
    cycle(a, b);
    cos_.resize(d_);
    sin_.resize(d_);
    for (Index k = a; k < b; ++k) {
      double* x = &columns_[k * d_];
      if (k > a) rotate_up(x, cos_.data(), sin_.data(), a, k - 1);
      // This column still reaches one row below the diagonal; its own rotation ends that.
      const double r = std::hypot(x[k], x[k + 1]);
      cos_[k] = x[k] / r;
      sin_[k] = x[k + 1] / r;
      x[k] = r;
      x[k + 1] = 0;
    }
    rotate_all(columns_, b, d_, a, b - 1, rotate_up, rotate_up4);
    rotate_all(rows_, 0, b + 1, a, b - 1, rotate_up, rotate_up4);
    for (Index k = a + 1; k <= b; ++k) std::fill(&rows_[k * d_] + a, &rows_[k * d_] + k, 0.0);
    refresh_variances(a, b);
  }

  const double* S_;
  Index d_;
  bool equal_;
  const Precedence& must_;
  std::vector<double> columns_, rows_;  // R by columns, T by rows
  std::vector<double> variance_;        // R_kk^2
  std::vector<Index> order_;
  std::vector<double> cos_, sin_;
  Index moves_ = 0;
};

}  // namespace ss
