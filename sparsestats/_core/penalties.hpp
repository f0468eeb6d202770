// Penalties over units: a unit is one coordinate or a group of them, and enters through its Euclidean norm. Column
// and group weights have been absorbed into the design's scales (c_g = k_g b_g), so a penalty sees plain norms.
// Any subset of units may be passed: units that are out have norm 0, rank last, and leave the first weights to the rest.
#pragma once
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include "prox.hpp"

namespace ss {

// Unit u holds coordinates offset[u] .. offset[u+1]-1 of the working set; `id` is their place among all coordinates, and
// `weight` the factor of the unit's norm where a penalty has one of its own.
struct Units {
  std::vector<Index> offset{0}, id;
  std::vector<double> weight;
  Index count() const { return static_cast<Index>(offset.size()) - 1; }
  Index size(Index u) const { return offset[u + 1] - offset[u]; }
  Index coordinates() const { return offset.back(); }
};

// Where a penalty is smooth around a point: its active parts (units, or single coordinates) in blocks whose norms are tied,
// and the slope of each block; and the units whose norm enters smoothly on top of that.
struct Pattern {
  std::vector<Index> part;    // active parts, by block
  std::vector<Index> block;   // block of each of them, 0, 1, ...
  std::vector<double> slope;  // d penalty / d (common norm of the block)
  bool ordered = false;       // blocks must keep their order for `slope` to stay valid
  bool single = false;        // parts are coordinates
  std::vector<std::pair<Index, double>> smooth;  // (unit, factor of its norm)
};

class Penalty {
 public:
  virtual ~Penalty() = default;
  virtual double value(const Units& units, const double* c) = 0;
  virtual void prox(const Units& units, double* c, double step) = 0;  // in place, of step * J
  virtual double dual_norm(const Units& units, const double* z) = 0;
  // An upper bound on the dual norm that is as good as c is near the solution for alpha; for penalties whose dual norm has
  // no formula. One that is at most `enough` is not improved; a `patient` caller knows c to be the solution.
  virtual double dual_bound(const Units& units, const double*, const double* z, double /*alpha*/, double /*enough*/,
                            bool /*patient*/ = false) {
    return dual_norm(units, z);
  }
  // Whether that bound is found by iteration, so that patience may better it.
  virtual bool splits() const { return false; }
  // Mark the coordinates that may be active at alpha_next, from the gradient z at the solution for alpha_prev.
  virtual void screen(const Units& units, const double* z, double alpha_next, double alpha_prev,
                      std::vector<char>& keep) = 0;
  // Whether screen() at alpha_next = alpha_prev keeps every active coordinate when z holds upper bounds on the gradient's
  // sizes at the solution. For sorted norms: let A be the k units kept and T the t active ones left out. At the solution
  // the norms over T sum to at least alpha (w_{s-t+1} + .. + w_s), s the number of active units; s - t <= k makes that at
  // least alpha (w_{k+1} + .. + w_{k+t}), which the t largest bounds outside A do not reach.
  virtual bool screens_bounds() const { return true; }
  // How exactly the next proximal steps are wanted (in the largest coordinate), for penalties that iterate.
  virtual void set_precision(double) {}
  // The pattern at c. A penalty without one returns false and is solved by first-order steps alone.
  virtual bool pattern(const Units&, const double*, Pattern&) { return false; }
  // Of a sum of sorted norms of the units: the weights by rank, the last one for all ranks beyond. Of others none.
  virtual std::vector<double> ranked() const { return {}; }

 protected:
  std::vector<double>& norms(const Units& units, const double* c) {
    r_.resize(units.count());
    for (Index u = 0; u < units.count(); ++u) {
      const Index size = units.size(u);
      const double* v = c + units.offset[u];
      r_[u] = size == 1 ? std::abs(v[0]) : std::sqrt(norm2(v, size));
    }
    return r_;
  }
  static void mark(const Units& units, Index u, std::vector<char>& keep) {
    std::fill(keep.begin() + units.offset[u], keep.begin() + units.offset[u + 1], 1);
  }
  // Scale every unit from the norms in `before` to those in `after`.
  static void rescale(const Units& units, double* c, const std::vector<double>& before,
                      const std::vector<double>& after) {
    for (Index u = 0; u < units.count(); ++u) {
      double* v = c + units.offset[u];
      if (units.size(u) == 1) {
        v[0] = std::copysign(after[u], v[0]);
        if (after[u] == 0) v[0] = 0;
        continue;
      }
      const double k = after[u] > 0 ? after[u] / before[u] : 0.0;
      for (Index j = 0; j < units.size(u); ++j) v[j] *= k;
    }
  }
  std::vector<double> r_, target_;
};

// How large a dual bound may be: what it adds to the gap, at most its excess times alpha J + f, stays within a fifth of the
// goal, or of the gap there is even with the bound at alpha.
inline double enough_for(double alpha, double objective, double gap, double goal) {
  return objective > 0 ? alpha * (1 + 0.1 * std::max(gap, goal) / objective) : alpha;
}

// J = w sum_u r_u : lasso and group lasso.
class SumOfNorms final : public Penalty {
 public:
  explicit SumOfNorms(double w) : w_(w) {}
  double value(const Units& units, const double* c) override {
    double s = 0;
    for (double r : norms(units, c)) s += r;
    return w_ * s;
  }
  void prox(const Units& units, double* c, double step) override {
    norms(units, c);
    target_.resize(r_.size());
    for (size_t u = 0; u < r_.size(); ++u) target_[u] = std::max(0.0, r_[u] - step * w_);
    rescale(units, c, r_, target_);
  }
  double dual_norm(const Units& units, const double* z) override {
    double worst = 0;
    for (double r : norms(units, z)) worst = std::max(worst, r);
    return worst / w_;
  }
  void screen(const Units& units, const double* z, double next, double prev, std::vector<char>& keep) override {
    norms(units, z);
    for (size_t u = 0; u < r_.size(); ++u)
      if (r_[u] >= w_ * (2 * next - prev)) mark(units, u, keep);
  }
  bool pattern(const Units& units, const double* c, Pattern& out) override {
    norms(units, c);
    out = Pattern{};
    for (Index u = 0; u < units.count(); ++u)
      if (r_[u] > 0) {
        out.block.push_back(static_cast<Index>(out.part.size()));
        out.part.push_back(u);
        out.slope.push_back(w_);
      }
    return true;
  }
  std::vector<double> ranked() const override { return {w_}; }

 private:
  double w_;
};

// J = sum_i w_i r_(i), w non-increasing: SLOPE and group SLOPE.
class SortedNorms final : public Penalty {
 public:
  explicit SortedNorms(std::vector<double> w) : w_(std::move(w)) {}
  double value(const Units& units, const double* c) override {
    norms(units, c);
    double s = 0;
    if (sorted_.length() == units.count()) {  // mostly the point of the last prox, whose order is known
      const auto& order = sorted_.sort(r_.data(), units.count());
      for (size_t i = 0; i < order.size(); ++i) s += w_[i] * r_[order[i]];
      return s;
    }
    above(r_, 0);
    std::sort(target_.begin(), target_.end(), std::greater<>());
    for (size_t i = 0; i < target_.size(); ++i) s += w_[i] * target_[i];
    return s;
  }
  void prox(const Units& units, double* c, double step) override {
    target_ = norms(units, c);
    sorted_(target_.data(), units.count(), w_.data(), step);
    rescale(units, c, r_, target_);
  }
  double dual_norm(const Units& units, const double* z) override {
    target_ = norms(units, z);
    return sorted_dual_norm(target_, w_.data());
  }
  // The larger of it and alpha. A ratio of sums that is alpha or more falls when norms below alpha times the least weight
  // join it, so that only those above are to be sorted.
  double dual_bound(const Units& units, const double*, const double* z, double alpha, double, bool) override {
    norms(units, z);
    if (units.count() == 0) return alpha;
    above(r_, alpha * w_[units.count() - 1]);
    return std::max(alpha, sorted_dual_norm(target_, w_.data()));
  }
  void screen(const Units& units, const double* z, double next, double prev, std::vector<char>& keep) override {
    norms(units, z);
    // Norms below their least threshold come last and are not kept: they need no place in the order.
    const double least = units.count() > 0 ? (2 * next - prev) * w_[units.count() - 1] : 0.0;
    std::vector<Index> order;
    for (Index u = 0; u < units.count(); ++u)
      if (!(r_[u] < least)) order.push_back(u);
    std::sort(order.begin(), order.end(), [&](Index a, Index b) { return r_[a] > r_[b]; });
    target_.resize(order.size());
    for (size_t i = 0; i < order.size(); ++i) target_[i] = r_[order[i]] + (prev - 2 * next) * w_[i];
    const Index kept = cumsum_select(target_);
    for (Index i = 0; i < kept; ++i) mark(units, order[i], keep);
  }
  bool pattern(const Units& units, const double* c, Pattern& out) override {
    norms(units, c);
    const auto& order = sorted_.sort(r_.data(), units.count());
    out = Pattern{};
    out.ordered = true;
    for (size_t i = 0; i < order.size() && r_[order[i]] > 0; ++i) {
      const bool tied = i > 0 && r_[order[i - 1]] - r_[order[i]] <= 1e-12 * r_[order[i - 1]];
      if (!tied) out.slope.push_back(0);
      out.part.push_back(order[i]);
      out.block.push_back(static_cast<Index>(out.slope.size()) - 1);
      out.slope.back() += w_[i];
    }
    return true;
  }
  std::vector<double> ranked() const override { return w_; }

 private:
  // Those of the norms r above a bound, in target_.
  void above(const std::vector<double>& r, double bound) {
    target_.clear();
    for (double v : r)
      if (!(v <= bound)) target_.push_back(v);
  }

  std::vector<double> w_;
  SortedProx sorted_;
};

// J = ratio sum_i v_i |c|_(i) + (1 - ratio) sum_i w_i (k r)_(i): sparse-group SLOPE, 0 < ratio < 1. k_g is the unit's own
// weight, that of the whole group even when only part of it is in the working set.
class SparseGroup final : public Penalty {
 public:
  SparseGroup(std::vector<double> v, std::vector<double> w, double ratio, Index coordinates)
      : v_(std::move(v)), w_(std::move(w)), ratio_(ratio), seen_(coordinates), dual_(coordinates, 0.0) {
    for (double& x : v_) x *= ratio_;
    for (double& x : w_) x *= 1 - ratio_;
  }
  double value(const Units& units, const double* c) override {
    const Index m = units.coordinates();
    abs_.resize(m);
    for (Index j = 0; j < m; ++j) abs_[j] = std::abs(c[j]);
    const auto& order = variables_.sort(abs_.data(), m);
    double s = 0;
    for (Index i = 0; i < m; ++i) s += v_[i] * abs_[order[i]];
    norms(units, c);
    for (Index u = 0; u < units.count(); ++u) r_[u] *= units.weight[u];
    const auto& ranks = groups_.sort(r_.data(), units.count());
    for (Index i = 0; i < units.count(); ++i) s += w_[i] * r_[ranks[i]];
    return s;
  }
  void set_precision(double precision) override { precision_ = precision; }
  bool screens_bounds() const override { return false; }  // its two layers are a rule of thumb, followed by the repair
  bool splits() const override { return true; }

  // Not a composition of the two proxes. The dual, min |p - s - u|^2 / 2 over s in step C_v, u in step C_w, is solved by
  // accelerated projected gradient in u; the answer of the variables' prox gives the zeros, that of the groups' the values.
  void prox(const Units& units, double* c, double step) override {
    const Index m = units.coordinates();
    sweeps_ = 0;
    if (v_.front() == v_.back()) {  // equal weights survive the groups' rescaling: here the composition is exact
      for (Index j = 0; j < m; ++j) c[j] = std::copysign(std::max(0.0, std::abs(c[j]) - step * v_[0]), c[j]);
      shrink_groups(units, c, step);
      return;
    }
    split(units, c, step);
    for (Index j = 0; j < m; ++j) c[j] = x_[j] == 0 ? 0.0 : b_[j];
  }

  // The smallest t with prox of t J at z equal to 0. Every x gives the lower bound z'x / J(x), every split of z an upper
  // one. The prox at z itself stalls, since at the answer the two dual balls touch; the proximal point iteration
  // x <- prox_{tJ}(x + z) at t = the lower bound stays away from that contact: the maximising direction is its fixed
  // point, so x only turns, and is kept short as long as the prox needs few sweeps.
  double dual_norm(const Units& all, const double* full) override {
    double high = std::min(norm_v(full, all.coordinates()), norm_w(all, full));
    if (!(high > 0)) return 0;
    set_precision(0);
    double low = dot(full, full, all.coordinates()) / value(all, full), t = low;
    const double least = low * v_[all.coordinates() - 1];
    const Few few(all, [&](Index j) { return std::abs(full[j]) > least; });
    const Units& units = few.units;
    const std::vector<double> z = few.pack(full);
    const Index m = units.coordinates();
    const double size = std::sqrt(norm2(z.data(), m));
    std::vector<double> x(m), point(m);
    double length = 0.1 * size;
    for (int k = 0; m > 0 && k < 200 && high - low > 1e-13 * high; ++k) {
      for (Index j = 0; j < m; ++j) point[j] = x[j] + z[j];
      x = point;
      prox(units, x.data(), t);
      if (sweeps_ == 0) split(units, point.data(), t);  // the prox was a composition: the split is still to be made
      high = std::min(high, std::max(low, bound_from_split(units, z.data(), t)));
      const double J = value(units, x.data());
      if (J <= 1e-12 * size) {  // t is above the norm
        std::fill(x.begin(), x.end(), 0.0);
        t = 0.5 * (low + high);
        continue;
      }
      low = t = std::max(low, dot(z.data(), x.data(), m) / J);
      length = std::clamp(length * (sweeps_ < FEW ? 0.4 : sweeps_ > MANY ? 2.0 : 1.0), 1e-6 * size, 0.1 * size);
      const double scale = length / std::sqrt(norm2(x.data(), m));
      for (double& v : x) v *= scale;
    }
    return high;
  }

  // z = (part of the variables) + (part of the groups), split as the prox at c + z splits it: exact at the solution. The
  // split at hand, from the last prox or bound, is often good enough. The larger of the bound and alpha.
  double dual_bound(const Units& units, const double* c, const double* z, double alpha, double enough,
                    bool patient) override {
    const Index m = units.coordinates();
    if (m == 0) return alpha;
    const double least = alpha * v_[m - 1];
    const Few few(units, [&](Index j) { return c[j] != 0 || std::abs(z[j]) > least; });
    for (Index j : units.id) seen_[j] = 0;
    for (Index j : few.units.id) seen_[j] = 1;
    for (Index j : units.id)
      if (!seen_[j]) dual_[j] = 0;
    const std::vector<double> gradient = few.pack(z);
    double bound = std::max(alpha, bound_from_split(few.units, gradient.data(), alpha));
    if (bound <= enough) return bound;
    std::vector<double> point = few.pack(c);
    for (size_t j = 0; j < point.size(); ++j) point[j] += gradient[j];
    const double kept = precision_;
    precision_ = 0.1 * (enough - alpha) * v_.front();
    // A point that is not yet the solution leaves an excess of its own: what twice the sweeps hardly lower is that.
    double before = std::numeric_limits<double>::infinity();
    split(few.units, point.data(), alpha, patient ? PATIENT : SWEEPS, [&](int sweeps) {
      if (sweeps < 4 || (sweeps & (sweeps - 1)) != 0) return false;
      keep_split(few.units, alpha);
      bound = std::min(bound, std::max(alpha, bound_from_split(few.units, gradient.data(), alpha)));
      const bool hurried = !patient || sweeps > SWEEPS;
      if (bound <= enough || (hurried && bound - alpha > PLATEAU * (before - alpha))) return true;
      before = bound;
      return false;
    });
    precision_ = kept;
    return std::max(alpha, std::min(bound, bound_from_split(few.units, gradient.data(), alpha)));
  }

  // Ties of variables are blocks; norms of groups are smooth, unless two of them tie in more than one variable each.
  bool pattern(const Units& units, const double* c, Pattern& out) override {
    const Index m = units.coordinates();
    out = Pattern{};
    out.single = true;
    out.ordered = v_.front() != v_.back();
    abs_.resize(m);
    for (Index j = 0; j < m; ++j) abs_[j] = std::abs(c[j]);
    const auto& order = variables_.sort(abs_.data(), m);
    for (Index i = 0; i < m && abs_[order[i]] > 0; ++i) {
      // The prox is iterated, so that ties are as exact as it was asked to be.
      const double close = std::max(1e-12 * abs_[order[i]], 4 * precision_);
      const bool tied = out.ordered && i > 0 && abs_[order[i - 1]] - abs_[order[i]] <= close;
      if (!tied) out.slope.push_back(0);
      out.part.push_back(order[i]);
      out.block.push_back(static_cast<Index>(out.slope.size()) - 1);
      out.slope.back() += v_[i];
    }
    norms(units, c);
    for (Index u = 0; u < units.count(); ++u) r_[u] *= units.weight[u];
    const auto& ranks = groups_.sort(r_.data(), units.count());
    for (Index i = 0; i < units.count() && r_[ranks[i]] > 0; ++i) {
      const bool tied = i > 0 && w_[i] != w_[i - 1] && r_[ranks[i - 1]] - r_[ranks[i]] <= 1e-9 * r_[ranks[i - 1]];
      if (tied && !tied_alone(units, ranks[i - 1], ranks[i], c, out)) return false;
      out.smooth.emplace_back(ranks[i], w_[i] * units.weight[ranks[i]]);
    }
    return true;
  }

  void screen(const Units& units, const double* z, double next, double prev, std::vector<char>& keep) override {
    const Index m = units.coordinates(), groups = units.count();
    // Groups: what of their gradient the variables' part cannot carry (v aligned with |z|).
    abs_.resize(m);
    for (Index j = 0; j < m; ++j) abs_[j] = std::abs(z[j]);
    std::vector<Index> order(m);
    std::iota(order.begin(), order.end(), Index{0});
    std::sort(order.begin(), order.end(), [&](Index a, Index b) { return abs_[a] > abs_[b]; });
    std::vector<double> left(m), excess;
    for (Index i = 0; i < m; ++i) left[order[i]] = std::max(0.0, abs_[order[i]] - next * v_[i]);
    norms(units, left.data());
    for (Index u = 0; u < groups; ++u) r_[u] /= units.weight[u];
    std::vector<Index> ranks(groups);
    std::iota(ranks.begin(), ranks.end(), Index{0});
    std::sort(ranks.begin(), ranks.end(), [&](Index a, Index b) { return r_[a] > r_[b]; });
    for (Index i = 0; i < groups; ++i) excess.push_back(r_[ranks[i]] + (prev - 2 * next) * w_[i]);
    std::vector<char> candidate(m, 0);
    const Index kept_groups = cumsum_select(excess);
    for (Index i = 0; i < kept_groups; ++i) mark(units, ranks[i], candidate);
    // Variables inside them, with the largest of the v: those outside are zero and rank last.
    excess.clear();
    std::vector<Index> inside;
    for (Index i = 0; i < m; ++i)
      if (candidate[order[i]]) {
        excess.push_back(abs_[order[i]] + (prev - 2 * next) * v_[inside.size()]);
        inside.push_back(order[i]);
      }
    const Index kept = cumsum_select(excess);
    for (Index i = 0; i < kept; ++i) keep[inside[i]] = 1;
  }

 private:
  // The coordinates that decide a dual norm known to be at least t: those of at most t times the least weight can be the
  // variables' part alone, since a ratio of sums that is t or more falls when they join it.
  struct Few {
    template <class Test>
    Few(const Units& all, Test decides) {
      for (Index u = 0; u < all.count(); ++u) {
        const size_t before = at.size();
        for (Index j = all.offset[u]; j < all.offset[u + 1]; ++j)
          if (decides(j)) at.push_back(j), units.id.push_back(all.id[j]);
        if (at.size() == before) continue;
        units.offset.push_back(static_cast<Index>(at.size()));
        units.weight.push_back(all.weight[u]);
      }
    }
    std::vector<double> pack(const double* x) const {
      std::vector<double> out(at.size());
      for (size_t j = 0; j < at.size(); ++j) out[j] = x[at[j]];
      return out;
    }
    Units units;
    std::vector<Index> at;
  };
  // Whether two groups have one active variable each, and those share a block: they stay tied along any step of it.
  bool tied_alone(const Units& units, Index first, Index second, const double* c, const Pattern& pattern) {
    Index block[2] = {-1, -1}, active = 0;
    for (Index side = 0; side < 2; ++side)
      for (Index u = side ? second : first, j = units.offset[u]; j < units.offset[u + 1]; ++j)
        if (c[j] != 0) ++active, block[side] = block_of(pattern, j);
    return active == 2 && block[0] == block[1];
  }
  static Index block_of(const Pattern& pattern, Index coordinate) {
    const auto at = std::find(pattern.part.begin(), pattern.part.end(), coordinate);
    return pattern.block[at - pattern.part.begin()];
  }
  void shrink_groups(const Units& units, double* c, double step) {
    norms(units, c);
    scaled_.resize(w_.size());
    for (Index i = 0; i < units.count(); ++i) scaled_[i] = step * w_[i];
    target_.resize(units.count());
    weighted_(r_.data(), units.weight.data(), scaled_.data(), units.count(), target_.data());
    rescale(units, c, r_, target_);
  }
  // x_ and b_: the primal point seen from the variables and from the groups; u_: the groups' part of p - b. Ends when the
  // two agree as precisely as asked, or when `enough` says so after a sweep.
  template <class Enough>
  void split(const Units& units, const double* p, double step, int most, Enough enough_now) {
    const Index m = units.coordinates();
    for (auto* v : {&x_, &b_, &u_, &last_, &y_}) v->resize(m);
    for (Index j = 0; j < m; ++j) u_[j] = step * dual_[units.id[j]];
    y_ = last_ = u_;
    double scale = 0, momentum = 1;
    for (Index j = 0; j < m; ++j) scale = std::max(scale, std::abs(p[j]));
    const double enough = std::max(precision_, 4e-15 * scale);
    sizes_.resize(m);
    for (sweeps_ = 1; sweeps_ < most; ++sweeps_) {
      for (Index j = 0; j < m; ++j) sizes_[j] = std::abs(x_[j] = p[j] - y_[j]);
      variables_(sizes_.data(), m, v_.data(), step);
      for (Index j = 0; j < m; ++j) x_[j] = std::copysign(sizes_[j], x_[j]);
      for (Index j = 0; j < m; ++j) b_[j] = y_[j] + x_[j];
      shrink_groups(units, b_.data(), step);
      double apart = 0, uphill = 0;
      last_.swap(u_);
      for (Index j = 0; j < m; ++j) {
        u_[j] = y_[j] + x_[j] - b_[j];
        apart = std::max(apart, std::abs(x_[j] - b_[j]));
        uphill += (y_[j] - u_[j]) * (u_[j] - last_[j]);
      }
      if (apart <= enough || enough_now(sweeps_)) break;
      const double next = uphill > 0 ? 1 : 0.5 * (1 + std::sqrt(1 + 4 * momentum * momentum));
      const double beta = uphill > 0 ? 0 : (momentum - 1) / next;
      for (Index j = 0; j < m; ++j) y_[j] = u_[j] + beta * (u_[j] - last_[j]);
      momentum = next;
    }
    keep_split(units, step);
  }
  void split(const Units& units, const double* p, double step) {
    split(units, p, step, SWEEPS, [](int) { return false; });
  }
  void keep_split(const Units& units, double step) {
    if (step > 0)
      for (Index j = 0; j < units.coordinates(); ++j) dual_[units.id[j]] = u_[j] / step;
  }
  double bound_from_split(const Units& units, const double* z, double step) {
    const Index m = units.coordinates();
    std::vector<double> rest(m), part(m);
    for (Index j = 0; j < m; ++j) {
      part[j] = step * dual_[units.id[j]];
      rest[j] = z[j] - part[j];
    }
    return std::max(norm_v(rest.data(), m), norm_w(units, part.data()));
  }
  double norm_v(const double* z, Index m) {
    std::vector<double> a(m);
    for (Index j = 0; j < m; ++j) a[j] = std::abs(z[j]);
    return sorted_dual_norm(a, v_.data());
  }
  double norm_w(const Units& units, const double* z) {
    std::vector<double> a = norms(units, z);
    for (Index u = 0; u < units.count(); ++u) a[u] /= units.weight[u];
    return sorted_dual_norm(a, w_.data());
  }

  std::vector<double> v_, w_;
  static constexpr double PLATEAU = 0.99;
  static constexpr int SWEEPS = 2000, PATIENT = 50000;  // of a split at most; the patient one has nothing else to wait for
  static constexpr int FEW = 30, MANY = 100;  // sweeps of a split that was easy, and of one that was hard
  double ratio_, precision_ = 0;
  int sweeps_ = 0;  // of the last split
  std::vector<char> seen_;
  std::vector<double> dual_;  // the groups' part of the last split, for step 1, by coordinate: where the next one starts
  SortedProx variables_, groups_;
  WeightedSortedProx weighted_;
  std::vector<double> abs_, sizes_, scaled_, x_, b_, u_, last_, y_;
};

// ratio sum_i v_i |c|_(i) + (1 - ratio) sum_i w_i (norms)_(i).
struct PenaltySpec {
  std::vector<double> v, w;
  double ratio = 1;
};

// The class that serves a penalty best. Of pure group penalties the design has absorbed the group weights, so that
// elementwise and groupwise ones differ only in their units; equal weights need no sorting and have no ties.
inline std::unique_ptr<Penalty> make_penalty(const PenaltySpec& spec, Index coordinates, Index groups) {
  const bool mixed = spec.ratio > 0 && spec.ratio < 1;
  const std::vector<double>& weights = spec.ratio == 0 ? spec.w : spec.v;
  if ((spec.ratio > 0 && static_cast<Index>(spec.v.size()) != coordinates) ||
      (spec.ratio < 1 && static_cast<Index>(spec.w.size()) != groups))
    throw std::invalid_argument("one weight for each penalised column and for each group is needed");
  if (weights.empty()) return std::make_unique<SumOfNorms>(1.0);  // nothing to penalise
  if (!(weights.front() > 0) || (mixed && !(spec.w.front() > 0)))
    throw std::invalid_argument("the penalty needs at least one positive weight");
  if (mixed) return std::make_unique<SparseGroup>(spec.v, spec.w, spec.ratio, coordinates);
  if (weights.front() == weights.back()) return std::make_unique<SumOfNorms>(weights.front());
  return std::make_unique<SortedNorms>(weights);
}

}  // namespace ss
