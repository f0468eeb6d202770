// A Newton step on the pattern at x: zeros, signs and ties fixed, the penalty is smooth.
#pragma once
#include <limits>

#include "ordered_quadratic.hpp"
#include "smooth.hpp"

namespace ss {

class PatternNewton {
 public:
  // `pattern` is read at every call: it is that of the point in question.
  PatternNewton(const Smooth& f, const Pattern& pattern, const Units& units, double alpha)
      : f_(f), pat_(pattern), units_(units), alpha_(alpha) {}

  double coordinates() const {
    double a = f_.free();
    for (Index u : pat_.part) a += part_size(u);
    return a;
  }
  // Multiply-adds of a step; only their ratio to those of other steps matters.
  double cost() const { return std::min(plain_cost(), wide_cost()) + f_.step_cost(); }
  // Whether the penalty is linear on the pattern: no tangents, no smooth norms.
  bool flat() const { return coordinates() == pat_.part.size() + f_.free() && pat_.smooth.empty(); }
  double plain_cost() const {
    const double a = coordinates(), d = a - (static_cast<double>(pat_.part.size()) - pat_.slope.size());
    return f_.hessian_cost(a) + (flat() ? 6 : 26) * a * a + d * d * d / 6;
  }
  // The same through the rows: the tangents are eliminated by an n x n matrix instead of their own.
  double wide_cost() const {
    const double a = coordinates(), n = f_.root_columns(), blocks = pat_.slope.size() + f_.free();
    if (n == 0 || a <= n || pat_.single || flat()) return std::numeric_limits<double>::infinity();
    return n * n * (0.3 * a + n / 6 + 0.5 * blocks) + 8 * a * n;
  }

  // Newton on the pattern at x, in coordinates where a unit is (radius, tangent): the penalty is linear in the radii, and
  // its only curvature is slope / radius on the tangents. `attempt` is shown points, best first, until it accepts one: the
  // part of the direction taken there, and 0 when it accepts none.
  // With `chord` the matrix and its factor are those of the last step, which ended near x on the same pattern.
  template <class Attempt>
  double step(const double* x, const double* img, const double* gradient, bool chord, Attempt attempt) {
    x_ = x;
    const Index actives = static_cast<Index>(pat_.part.size()), blocks = static_cast<Index>(pat_.slope.size());
    coords_.clear();
    at_.clear();
    place_.clear();
    for (Index u : pat_.part) {
      at_.push_back(static_cast<Index>(coords_.size()));
      for (Index j = 0; j < part_size(u); ++j) coords_.push_back(part_start(u) + j);
    }
    const Index q = f_.free(), a = static_cast<Index>(coords_.size()), full = a + q;
    const Index d = full - (actives - blocks);
    wide_ = wide_cost() < plain_cost();
    const Index size = wide_ ? blocks + q : d;
    chord = chord && size == quadratic_.size();
    if (d == 0 || (full > NEWTON_LIMIT && !wide_)) return 0;
    rhs_.assign(full, 0.0);
    for (Index i = 0; i < a; ++i) rhs_[i] = gradient[coords_[i]];
    for (Index k = 0; k < q; ++k) rhs_[a + k] = gradient[f_.coordinates() + k];
    radius_.resize(actives);
    frame_.resize(actives);
    if (flat()) {
      collapse_signed(img, actives, blocks, full, d, chord);
    } else {
      // The unknowns: one radius a block, the free coordinates, and the tangents.
      target_.assign(full, -1);
      Index next = blocks;
      for (Index k = 0; k < q; ++k) target_[a + k] = next++;
      for (Index t = 0; t < actives; ++t) {
        frame_unit(t);
        target_[at_[t]] = pat_.block[t];
        for (Index j = 1; j < part_size(pat_.part[t]); ++j) target_[at_[t] + j] = next++;
      }
      turn_gradient(size);
      if (!wide_ && !chord) collapse_rotated(img, full, d);
      if (wide_ && !chord && !collapse_by_rows(img, full, size)) return 0;
      if (wide_) eliminate_tangents(size);
    }
    quadratic_.ordered = pat_.ordered;
    quadratic_.radial = flat();
    quadratic_.radius.assign(blocks, 0.0);
    for (Index k = 0; k < actives; ++k) quadratic_.radius[pat_.block[k]] = radius_[k];
    quadratic_.straight(chord);

    // Where radii would cross, those blocks are joined; both ends of the step are then in order, and so is all between.
    // Shorter steps serve where the loss is far from its quadratic model.
    // Joining many at once is a guess; where it does not pay, blocks are joined one at a time.
    crossed_ = quadratic_.crosses();
    if (crossed_) {
      quadratic_.mirror();
      const std::vector<double> straight = quadratic_.dir;
      if (!quadratic_.led()) {
        quadratic_.join();
        if (quadratic_.change() < 0) {
          const double taken = try_steps(x, a, q, attempt);
          if (taken > 0) return taken;
        }
      }
      quadratic_.dir = straight;
      quadratic_.walk();
    }
    return try_steps(x, a, q, attempt);
  }
  // Whether the last step had to keep radii in order.
  bool crossed() const { return crossed_; }

 private:
  Index part_size(Index u) const { return pat_.single ? 1 : units_.size(u); }
  Index part_start(Index u) const { return pat_.single ? u : units_.offset[u]; }

  // The model  v'R v / 2 - slope'v  where every unit is one coordinate: radii are the coordinates up to sign, and come by
  // block. The lower triangle of R is made from that of H, unless it is `known`.
  void collapse_signed(const double* img, Index actives, Index blocks, Index full, Index d, bool known) {
    quadratic_.slope.assign(d, 0.0);
    target_.resize(full);
    row_.assign(full, 1.0);  // signs
    for (Index t = 0; t < actives; ++t) {
      const double c = x_[coords_[t]];
      radius_[t] = std::abs(c);
      if (c < 0) row_[t] = -1;
      frame_[t].assign(1, row_[t]);
      target_[t] = pat_.block[t];
    }
    for (Index k = actives; k < full; ++k) target_[k] = blocks + k - actives;
    for (Index i = 0; i < full; ++i) quadratic_.slope[target_[i]] -= row_[i] * rhs_[i];
    for (Index b = 0; b < blocks; ++b) quadratic_.slope[b] -= alpha_ * pat_.slope[b];
    if (known) return;
    H_.resize(full * full);
    f_.hessian(img, coords_, H_.data(), full);
    quadratic_.R.assign(d * d, 0.0);
    for (Index i = 0; i < full; ++i) {
      const double *h = H_.data() + i * full, s = row_[i];
      double* r = quadratic_.R.data() + target_[i] * d;
      for (Index j = 0; j <= i; ++j) r[target_[j]] += s * row_[j] * h[j];
      for (Index j = i; j-- > 0 && target_[j] == target_[i];) r[target_[i]] += s * row_[j] * h[j];  // the pair (j, i)
    }
  }

  // The slope of the model where units have tangents or smooth norms: units are turned so that the first coordinate is their
  // radius.
  void turn_gradient(Index size) {
    for (const auto& [u, factor] : pat_.smooth) {
      const double* c = x_ + units_.offset[u];
      const double f = alpha_ * factor / std::sqrt(norm2(c, units_.size(u)));
      for_members(u, [&](Index a, Index i) { rhs_[a] += f * c[i]; });
    }
    for (size_t t = 0; t < frame_.size(); ++t) reflect_rows(t, rhs_.data() + at_[t], 1, 1);
    quadratic_.slope.assign(size, 0.0);
    for (size_t i = 0; i < rhs_.size(); ++i)
      if (target_[i] < size) quadratic_.slope[target_[i]] -= rhs_[i];
    for (size_t b = 0; b < pat_.slope.size(); ++b) quadratic_.slope[b] -= alpha_ * pat_.slope[b];
  }
  // Its matrix, turned block by block of the lower triangle.
  void collapse_rotated(const double* img, Index full, Index d) {
    H_.resize(full * full);
    f_.hessian(img, coords_, H_.data(), full);
    add_smooth_norms(full);
    for (Index t = 0; t < static_cast<Index>(frame_.size()); ++t) {
      const Index top = at_[t], end = top + part_size(pat_.part[t]);
      for (Index i = top; i < end; ++i)
        for (Index j = i + 1; j < end; ++j) H_[i * full + j] = H_[j * full + i];
      reflect_rows(t, H_.data() + top * full, full, end);
      for (Index i = top; i < end; ++i)
        for (Index s = 0; s <= t; ++s) reflect(s, H_.data() + i * full + at_[s]);
    }
    for (Index i = full - f_.free(); i < full; ++i)
      for (size_t s = 0; s < frame_.size(); ++s) reflect(s, H_.data() + i * full + at_[s]);
    quadratic_.R.assign(d * d, 0.0);
    for (Index i = 0; i < full; ++i) {
      const double* h = H_.data() + i * full;
      for (Index j = 0; j < i; ++j) {
        const Index a = target_[i], b = target_[j];
        quadratic_.R[std::max(a, b) * d + std::min(a, b)] += a == b ? 2 * h[j] : h[j];  // with the pair (j, i)
      }
      quadratic_.R[target_[i] * (d + 1)] += h[i];
    }
    for (size_t t = 0; t < frame_.size(); ++t)
      for (Index j = 1; j < part_size(pat_.part[t]); ++j) {
        const Index r = target_[at_[t] + j];
        quadratic_.R[r * d + r] += bend(t);
      }
  }
  // Curvature of the penalty along the tangents of a part: the slope it carries over its radius.
  double bend(Index t) const { return std::max(0.0, -rhs_[at_[t]]) / radius_[t]; }

  // The same with H = B B' and the tangents x_t = D^{-1} (slope_t - B_t z), z = B'x, minimised out: with
  // M = I + B_t' D^{-1} B_t, of the size of the data's rows, what is left is B_s M^{-1} B_s' over radii and free coordinates.
  // B and the products of its columns are in single precision: a step contracts by less than their rounding leaves.
  // False where a tangent has no curvature of its own, or too little for those products.
  bool collapse_by_rows(const double* img, Index full, Index size) {
    const Index n = f_.root_columns(), tangents = full - static_cast<Index>(frame_.size()) - f_.free();
    wide_ld_ = whole_strips(n);
    B_.resize(full * wide_ld_);
    f_.root(img, coords_, B_.data(), wide_ld_);
    bend_.resize(frame_.size());
    for (size_t t = 0; t < frame_.size(); ++t) {
      reflect_rows(t, root_row(at_[t]), wide_ld_, n);
      bend_[t] = bend(t);
      if (!(bend_[t] > 0) && part_size(pat_.part[t]) > 1) return false;
    }
    scaled_.resize((tangents + wide_ld_) * wide_ld_);
    float* to = scaled_.data();
    for_tangents([&](Index i, double curvature) {
      std::fill_n(to, wide_ld_, 0.0f);
      axpy(static_cast<float>(1 / std::sqrt(curvature)), root_row(i), to, n);
      to += wide_ld_;
    });
    S_.assign(size * n, 0.0);
    for (Index i = 0; i < full; ++i)
      if (target_[i] < size) axpy(1.0, root_row(i), S_.data() + target_[i] * n, n);
    gram_columns(scaled_.data(), tangents, wide_ld_, to);
    M_.resize(n * n);
    for (Index r = 0; r < n; ++r) {
      std::copy_n(to + r * wide_ld_, r + 1, M_.data() + r * n);
      if (!(M_[r * n + r] < SINGLE_RANGE)) return false;
      M_[r * n + r] += 1;
    }
    std::vector<char> none;
    cholesky(M_.data(), n, n, 0, none);
    for (Index i = 0; i < size; ++i) solve_lower(M_.data(), n, n, none, S_.data() + i * n);
    quadratic_.R.resize(size * size);
    gram_rows(S_.data(), size, n, n, quadratic_.R.data(), size);
    return true;
  }
  // What the tangents' own slopes take off that of the others.
  void eliminate_tangents(Index size) {
    const Index n = f_.root_columns();
    z_rows_.assign(n, 0.0);
    for_tangents([&](Index i, double curvature) { axpy(-rhs_[i] / curvature, root_row(i), z_rows_.data(), n); });
    solve_lower(M_.data(), n, n, std::vector<char>(n, 0), z_rows_.data());
    for (Index i = 0; i < size; ++i) quadratic_.slope[i] -= dot(S_.data() + i * n, z_rows_.data(), n);
  }
  // Where a tangent stands among the coordinates, and its curvature when M was made.
  template <class Visit>
  void for_tangents(Visit visit) const {
    for (size_t t = 0; t < frame_.size(); ++t)
      for (Index j = 1; j < part_size(pat_.part[t]); ++j) visit(at_[t] + j, bend_[t]);
  }
  // Tangents that collapse_by_rows eliminated, for the radii and free coordinates in quadratic_.dir.
  void find_tangents(Index full, Index size) {
    const Index n = f_.root_columns();
    std::vector<double> z = z_rows_;
    for (Index i = 0; i < size; ++i) axpy(quadratic_.dir[i], S_.data() + i * n, z.data(), n);
    solve_lower_transposed(M_.data(), n, n, std::vector<char>(n, 0), z.data());
    quadratic_.dir.resize(full - static_cast<Index>(frame_.size()) + static_cast<Index>(pat_.slope.size()));
    for_tangents([&](Index i, double curvature) {
      quadratic_.dir[target_[i]] = (-rhs_[i] - dot(root_row(i), z.data(), n)) / curvature;
    });
  }
  float* root_row(Index i) { return B_.data() + i * wide_ld_; }

  // The part of the direction that was taken; 0 when no attempt is accepted.
  template <class Attempt>
  double try_steps(const double* x, Index a, Index q, Attempt attempt) {
    if (wide_) find_tangents(a + q, static_cast<Index>(pat_.slope.size()) + q);
    double t = 1;
    for (int tries = 0; tries < 8; ++tries, t *= 0.4) {
      move(x, t, a, q);
      if (attempt(y_)) return t;
    }
    return 0;
  }

  // The smooth norms of the pattern: factor * |c_u| has gradient factor * d and Hessian factor / |c_u| (I - d d'), d = c_u / |c_u|.
  void add_smooth_norms(Index full) {
    for (const auto& [u, factor] : pat_.smooth) {
      const double* c = x_ + units_.offset[u];
      const double r = std::sqrt(norm2(c, units_.size(u))), f = alpha_ * factor / r;
      for_members(u, [&](Index a, Index i) {
        H_[a * full + a] += f;
        for_members(u, [&](Index b, Index j) { H_[a * full + b] -= f * (c[i] / r) * (c[j] / r); });
      });
    }
  }
  // The coordinates of a unit that take part: where they stand here, and in the unit.
  template <class Visit>
  void for_members(Index u, Visit visit) {
    if (place_.empty()) {
      place_.assign(f_.coordinates(), -1);
      for (size_t i = 0; i < coords_.size(); ++i) place_[coords_[i]] = static_cast<Index>(i);
    }
    for (Index i = 0; i < units_.size(u); ++i)
      if (place_[units_.offset[u] + i] >= 0) visit(place_[units_.offset[u] + i], i);
  }

  // The radius of part t, and the reflection after which its first coordinate points along it.
  void frame_unit(Index t) {
    const Index u = pat_.part[t], size = part_size(u);
    const double* c = x_ + part_start(u);
    std::vector<double>& v = frame_[t];
    if (size == 1) {
      radius_[t] = std::abs(c[0]);
      v.assign(1, c[0] < 0 ? -1.0 : 1.0);
      return;
    }
    // Householder vector of the unit direction: (I - v v' ) with |v|^2 = 2 maps e1 to c / |c|.
    radius_[t] = std::sqrt(norm2(c, size));
    v.assign(c, c + size);
    for (double& e : v) e /= radius_[t];
    const double first = v[0];
    // Map e1 to -sign(first) c/|c| to avoid cancellation, then the radius carries that sign.
    const double sign = first > 0 ? -1.0 : 1.0;
    for (double& e : v) e *= sign;
    v[0] -= 1;
    const double scale = std::sqrt(2 / norm2(v.data(), size));
    for (double& e : v) e *= scale;
    v.push_back(sign);
  }
  // Turn the rows of part t, the first `columns` of each, `ld` apart.
  template <class T>
  void reflect_rows(Index t, T* rows, Index ld, Index columns) {
    const std::vector<double>& v = frame_[t];
    const Index size = part_size(pat_.part[t]);
    if (size > 1) {
      std::vector<T> sum(columns, T{0});
      for (Index j = 0; j < size; ++j) axpy(static_cast<T>(v[j]), rows + j * ld, sum.data(), columns);
      for (Index j = 0; j < size; ++j) axpy(static_cast<T>(-v[j]), sum.data(), rows + j * ld, columns);
    }
    if (v.back() < 0)
      for (Index j = 0; j < columns; ++j) rows[j] = -rows[j];
  }
  // Turn the entries of part t.
  void reflect(Index t, double* h) const {
    const std::vector<double>& v = frame_[t];
    const Index size = static_cast<Index>(v.size()) - 1;
    double k = 0;
    for (Index j = 0; j < size; ++j) k += h[j] * v[j];
    for (Index j = 0; j < size; ++j) h[j] -= k * v[j];
    h[0] *= v.back();
  }

  // y = x moved by t along the direction; units keep the radius the step gives them, so ties stay exact.
  void move(const double* x, double t, Index a, Index q) {
    const Index actives = static_cast<Index>(pat_.part.size()), m = f_.coordinates();
    y_.assign(x, x + m + f_.free());
    std::vector<double> w;
    for (Index k = 0; k < actives; ++k) {
      const Index u = pat_.part[k], size = part_size(u);
      double* c = y_.data() + part_start(u);
      const double r = quadratic_.radius[pat_.block[k]] + t * quadratic_.dir[pat_.block[k]];
      if (size == 1) {
        c[0] = frame_[k][0] * r;
        continue;
      }
      const std::vector<double>& v = frame_[k];
      w.assign(size, 0.0);
      double length = radius_[k] * radius_[k];
      for (Index j = 1; j < size; ++j) {
        w[j] = t * quadratic_.dir[target_[at_[k] + j]];
        length += w[j] * w[j];
      }
      w[0] = radius_[k];
      const double scale = r / std::sqrt(length);
      w[0] *= v.back();
      const double h = dot(w.data(), v.data(), size);
      for (Index j = 0; j < size; ++j) c[j] = (w[j] - h * v[j]) * scale;
    }
    for (Index k = 0; k < q; ++k) y_[m + k] = x[m + k] + t * quadratic_.dir[target_[a + k]];
  }

  static constexpr Index NEWTON_LIMIT = 1200;  // unknowns; beyond, the matrices cost more memory and time than they save
  static constexpr double SINGLE_RANGE = 1e6;  // of what is added to 1, for the sum to keep a digit of the 1
  const Smooth& f_;
  const Pattern& pat_;
  const Units& units_;
  double alpha_;
  const double* x_ = nullptr;
  bool wide_ = false;  // the tangents of the last model were eliminated
  bool crossed_ = false;
  OrderedQuadratic quadratic_;
  std::vector<Index> coords_, at_, target_, place_;
  std::vector<double> H_, S_, M_, z_rows_, rhs_, row_, radius_, bend_, y_;
  std::vector<float> B_, scaled_;  // the root of H, rows wide_ld_ apart, and its tangents' rows
  Index wide_ld_ = 0;
  std::vector<std::vector<double>> frame_;
};

}  // namespace ss
