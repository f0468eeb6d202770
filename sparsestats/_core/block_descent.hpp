// Sorted norms of units under a loss's quadratic model, one unit at a time: in the principal axes of a unit's Gram block its
// best place is a matter of one number, the new norm, or the price of the norm it is held at by a tie. What is tied then
// moves together. A sweep costs about a proximal-gradient step and goes several times as far.
#pragma once
#include "smooth.hpp"

namespace ss {

namespace detail {

// out[0, n) = c[0] row 0 + ... ; n is a multiple of four.
SS_CLONES static void mix(const double* rows, Index count, Index n, const double* c, double* out) {
  for (Index j = 0; j < n; j += 4) {
    Vec4 s = {};
    for (Index k = 0; k < count; ++k) s += c[k] * load4(rows + k * n + j);
    __builtin_memcpy(out + j, &s, sizeof s);
  }
}

// |q / (D r + price)|^2, and the sums of its terms over D r + price, and those times D: its derivatives.
struct Secular {
  double value, by_price, by_norm;
};
SS_CLONES static Secular secular(const double* q, const double* D, Index n, double r, double price) {
  double a[4] = {}, b[4] = {}, c[4] = {};
  for (Index i = 0; i < n; i += 4)
    for (Index k = 0; k < 4; ++k) {
      const double inverse = 1 / (D[i + k] * r + price), t = q[i + k] * inverse, s = t * t;
      a[k] += s;
      b[k] += s * inverse;
      c[k] += s * inverse * D[i + k];
    }
  return {(a[0] + a[1]) + (a[2] + a[3]), (b[0] + b[1]) + (b[2] + b[3]), (c[0] + c[1]) + (c[2] + c[3])};
}

}  // namespace detail

// The Gram block of a unit as Q'DQ, padded to multiples of four, and the coordinates it was made for.
struct Axes {
  std::vector<Index> id;
  std::vector<double> D, Q, transposed;
  Index padded() const { return static_cast<Index>(D.size()); }

  // By Jacobi's rotations; A (m x m) is overwritten.
  void find(double* A, Index m) {
    const Index wide = (m + 3) / 4 * 4;
    Q.assign(m * wide, 0.0);
    for (Index i = 0; i < m; ++i) Q[i * wide + i] = 1;
    for (int sweep = 0; sweep < 30; ++sweep) {
      double off = 0, on = 0;
      for (Index i = 0; i < m; ++i) {
        on += A[i * m + i] * A[i * m + i];
        off += norm2(A + i * m, i);
      }
      if (off <= 1e-28 * on) break;
      for (Index p = 0; p < m; ++p)
        for (Index q = p + 1; q < m; ++q) rotate(A, m, wide, p, q);
    }
    D.assign(wide, 1.0);
    transposed.assign(m * wide, 0.0);
    for (Index i = 0; i < m; ++i) {
      D[i] = std::max(A[i * m + i], 0.0);
      for (Index j = 0; j < m; ++j) transposed[j * wide + i] = Q[i * wide + j];
    }
  }

 private:
  void rotate(double* A, Index m, Index wide, Index p, Index q) {
    double *P = A + p * m, *R = A + q * m;
    const double b = P[q];
    if (b * b <= 1e-32 * P[p] * R[q]) return;
    const double half = (R[q] - P[p]) / (2 * b), t = std::copysign(1.0, half) / (std::abs(half) + std::sqrt(1 + half * half));
    const double c = 1 / std::sqrt(1 + t * t), s = t * c, first = P[p] - t * b, second = R[q] + t * b;
    turn(P, R, m, c, s);
    turn(Q.data() + p * wide, Q.data() + q * wide, m, c, s);
    for (Index k = 0; k < m; ++k) A[k * m + p] = P[k], A[k * m + q] = R[k];
    P[p] = first, R[q] = second, P[q] = R[p] = 0;
  }
  SS_CLONES static void turn(double* x, double* y, Index m, double c, double s) {
    for (Index k = 0; k < m; ++k) {
      const double kept = x[k];
      x[k] = c * kept - s * y[k];
      y[k] = s * kept + c * y[k];
    }
  }
};
using AxesCache = std::vector<Axes>;  // by a unit's first coordinate

class BlockDescent {
 public:
  // `weights` by rank of the norms, the last one for all ranks beyond.
  BlockDescent(const Rows& f, const Units& units, const std::vector<double>& weights, double alpha, AxesCache& cache)
      : f_(f), units_(units), price_(weights) {
    for (double& w : price_) w *= alpha;
    for (auto* v : {&force_, &old_, &q_, &D_, &step_}) v->resize(WIDEST);
    change_.resize(f.image_size());
    norm_.resize(units.count());
    std::vector<double> block;
    for (Index u = 0; u < units.count(); ++u) {
      const Index at = units.offset[u], size = units.size(u);
      const Index* id = units.id.data() + at;
      Axes& axes = cache[*id];
      axes_.push_back(&axes);
      if (std::equal(axes.id.begin(), axes.id.end(), id, id + size)) continue;
      block.resize(size * size);
      f_.unit_gram(at, size, block.data());
      axes.id.assign(id, id + size);
      axes.find(block.data(), size);
    }
  }
  static bool serves(const Units& units, const std::vector<double>& weights) {
    if (weights.empty() || !(weights.back() > 0)) return false;
    for (Index u = 0; u < units.count(); ++u)
      if (units.size(u) > WIDEST) return false;
    return units.coordinates() >= NARROWEST * units.count();
  }

  // One sweep over the loss's model at x; `img` is kept as the image of x.
  void sweep(double* x, double* img) {
    f_.expand(img);
    rank(x);
    for (Index u = 0; u < units_.count(); ++u) move_unit(u, x, img);
    f_.move_free(x + f_.coordinates(), img);
    for (size_t i = 0; i < order_.size();) {
      size_t stop = i + 1;
      while (stop < order_.size() && tied(norm_[order_[i]], norm_[order_[stop]])) ++stop;
      if (stop > i + 1 && price(i) != price(stop - 1)) scale(i, stop, x, img);
      i = stop;
    }
  }

 private:
  double price(size_t rank) const { return price_[std::min(rank, price_.size() - 1)]; }
  static bool tied(double high, double low) { return high - low <= 1e-12 * high; }

  // Norms, and the units that have one from largest to smallest.
  void rank(const double* x) {
    order_.clear();
    for (Index u = 0; u < units_.count(); ++u) {
      norm_[u] = std::sqrt(norm2(x + units_.offset[u], units_.size(u)));
      if (norm_[u] > 0) order_.push_back(u);
    }
    std::sort(order_.begin(), order_.end(), [&](Index a, Index b) { return norm_[a] > norm_[b]; });
  }

  // The best place of a unit, the others held: with q = Q (b - img) + D Q c it is Q'(r q / (D r + price)) at the norm r it
  // has itself, which falls as the price rises. The price is that of its rank among the others, or one that holds it at the
  // norm of another.
  void move_unit(Index u, double* x, double* img) {
    const Axes& axes = *axes_[u];
    const Index at = units_.offset[u], size = units_.size(u), wide = axes.padded();
    const double* c = x + at;
    f_.force(img, at, size, force_.data());
    detail::mix(axes.transposed.data(), size, wide, force_.data(), q_.data());
    detail::mix(axes.transposed.data(), size, wide, c, old_.data());
    const double level = f_.level();
    for (Index i = 0; i < wide; ++i) D_[i] = level * axes.D[i];
    for (Index i = 0; i < wide; ++i) q_[i] += D_[i] * old_[i];
    const auto place = std::find(order_.begin(), order_.end(), u);
    size_t j = place - order_.begin();
    if (place != order_.end()) order_.erase(place);
    const auto beyond = [&](double r, size_t rank) {  // whether the price of a rank leaves more norm than r
      return detail::secular(q_.data(), D_.data(), wide, r, price(rank)).value > 1;
    };
    double held = 0;
    while (j > 0 && beyond(norm_[order_[j - 1]], j)) {
      --j;
      if (!beyond(norm_[order_[j]], j)) {
        held = norm_[order_[j]];
        break;
      }
    }
    while (held == 0 && j < order_.size() && !beyond(norm_[order_[j]], j)) {
      ++j;
      if (beyond(norm_[order_[j - 1]], j)) held = norm_[order_[j - 1]];
    }
    double r = held > 0 ? held : norm_[u], cost = price(j);
    if (held == 0 && norm2(q_.data(), size) <= cost * cost) {
      if (norm_[u] == 0) return;
      r = norm_[u] = 0;
    } else {
      // 1 / |q / (D r + price)| is concave and rises, in the norm as in the price: Newton's iterates rise to where it is 1.
      for (int k = 0; k < 50; ++k) {
        const detail::Secular s = detail::secular(q_.data(), D_.data(), wide, r, cost);
        const double rise = s.value * (std::sqrt(s.value) - 1);
        double& sought = held > 0 ? cost : r;
        const double by = held > 0 ? s.by_price : s.by_norm, next = by > 0 ? std::max(0.1 * sought, sought + rise / by) : sought;
        const bool close = std::abs(next - sought) <= 1e-7 * next;
        sought = next;
        if (close) break;
      }
      double length = 0;
      for (Index i = 0; i < wide; ++i) {
        step_[i] = r * q_[i] / (D_[i] * r + cost);
        length += step_[i] * step_[i];
      }
      norm_[u] = std::sqrt(length);
      if (held > 0) {
        for (Index i = 0; i < wide; ++i) step_[i] *= held / norm_[u];
        norm_[u] = held;
      }
      order_.insert(order_.begin() + j, u);
    }
    for (Index i = 0; i < wide; ++i) old_[i] = (r > 0 ? step_[i] : 0.0) - old_[i];
    detail::mix(axes.Q.data(), size, wide, old_.data(), step_.data());
    for (Index j = 0; j < size; ++j) x[at + j] = r > 0 ? x[at + j] + step_[j] : 0.0;
    f_.shift(at, size, step_.data(), img);
  }

  // Units of ranks [from, stop) share a norm: its best value between the norms next to them, along their directions.
  void scale(size_t from, size_t stop, double* x, double* img) {
    std::fill(change_.begin(), change_.end(), 0.0);
    double slope = 0;
    const double r = norm_[order_[from]];
    for (size_t i = from; i < stop; ++i) {
      const Index at = units_.offset[order_[i]], size = units_.size(order_[i]);
      f_.force(img, at, size, force_.data());
      slope += r * price(i) - dot(force_.data(), x + at, size);
      f_.shift(at, size, x + at, change_.data());
    }
    const double curvature = f_.bend(change_.data());
    if (!(curvature > 0)) return;
    double t = std::max(0.0, 1 - slope / curvature);
    if (from > 0) t = std::min(t, norm_[order_[from - 1]] / r);
    if (stop < order_.size()) t = std::max(t, norm_[order_[stop]] / r);
    if (!(t > 0)) return;
    for (size_t i = from; i < stop; ++i) {
      for (Index u = order_[i], j = units_.offset[u]; j < units_.offset[u + 1]; ++j) x[j] *= t;
      norm_[order_[i]] *= t;
    }
    axpy(t - 1, change_.data(), img, f_.image_size());
  }

  static constexpr Index WIDEST = 64;    // coordinates of a unit: beyond, its axes cost more than they save
  static constexpr Index NARROWEST = 7;  // on average: below, a visit costs more than its products
  const Rows& f_;
  const Units& units_;
  std::vector<double> price_;
  std::vector<const Axes*> axes_;
  std::vector<Index> order_;
  std::vector<double> norm_, force_, old_, q_, D_, step_, change_;
};

}  // namespace ss
