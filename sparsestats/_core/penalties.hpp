// Penalties over units: a unit is one coordinate or a group of them, and enters through its Euclidean norm. Column
// and group weights have been absorbed into the design's scales (c_g = k_g b_g), so a penalty sees plain norms.
// Any subset of units may be passed: units that are out have norm 0, rank last, and leave the first weights to the rest.
#pragma once
#include <memory>
#include <stdexcept>
#include <string>

#include "prox.hpp"

namespace ss {

// Unit u holds coordinates offset[u] .. offset[u+1]-1.
struct Units {
  std::vector<Index> offset{0};
  Index count() const { return static_cast<Index>(offset.size()) - 1; }
  Index size(Index u) const { return offset[u + 1] - offset[u]; }
  Index coordinates() const { return offset.back(); }
  void add(Index size) { offset.push_back(offset.back() + size); }
};

// Where a penalty is smooth around a point: its active units in blocks whose norms are tied, and the slope of each block.
struct Pattern {
  std::vector<Index> unit;    // active units, by block
  std::vector<Index> block;   // block of each of them, 0, 1, ...
  std::vector<double> slope;  // d penalty / d (common norm of the block)
  bool ordered = false;       // blocks must keep their order for `slope` to stay valid
};

class Penalty {
 public:
  virtual ~Penalty() = default;
  virtual double value(const Units& units, const double* c) = 0;
  virtual void prox(const Units& units, double* c, double step) = 0;  // in place, of step * J
  virtual double dual_norm(const Units& units, const double* z) = 0;
  // Mark the units that may be active at alpha_next, from the gradient z at the solution for alpha_prev.
  virtual void screen(const Units& units, const double* z, double alpha_next, double alpha_prev,
                      std::vector<char>& keep) = 0;
  // The pattern at c. A penalty without one returns false and is solved by first-order steps alone.
  virtual bool pattern(const Units&, const double*, Pattern&) { return false; }

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
      if (r_[u] >= w_ * (2 * next - prev)) keep[u] = 1;
  }
  bool pattern(const Units& units, const double* c, Pattern& out) override {
    norms(units, c);
    out = Pattern{};
    for (Index u = 0; u < units.count(); ++u)
      if (r_[u] > 0) {
        out.block.push_back(static_cast<Index>(out.unit.size()));
        out.unit.push_back(u);
        out.slope.push_back(w_);
      }
    return true;
  }

 private:
  double w_;
};

// J = sum_i w_i r_(i), w non-increasing: SLOPE and group SLOPE.
class SortedNorms final : public Penalty {
 public:
  explicit SortedNorms(std::vector<double> w) : w_(std::move(w)) {}
  double value(const Units& units, const double* c) override {
    norms(units, c);
    const auto& order = sorted_.sort(r_.data(), units.count());
    double s = 0;
    for (size_t i = 0; i < order.size(); ++i) s += w_[i] * r_[order[i]];
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
  void screen(const Units& units, const double* z, double next, double prev, std::vector<char>& keep) override {
    norms(units, z);
    std::vector<Index> order(units.count());
    std::iota(order.begin(), order.end(), Index{0});
    std::sort(order.begin(), order.end(), [&](Index a, Index b) { return r_[a] > r_[b]; });
    target_.resize(order.size());
    for (size_t i = 0; i < order.size(); ++i) target_[i] = r_[order[i]] + (prev - 2 * next) * w_[i];
    const Index kept = cumsum_select(target_);
    for (Index i = 0; i < kept; ++i) keep[order[i]] = 1;
  }
  bool pattern(const Units& units, const double* c, Pattern& out) override {
    norms(units, c);
    const auto& order = sorted_.sort(r_.data(), units.count());
    out = Pattern{};
    out.ordered = true;
    for (size_t i = 0; i < order.size() && r_[order[i]] > 0; ++i) {
      const bool tied = i > 0 && r_[order[i - 1]] - r_[order[i]] <= 1e-12 * r_[order[i - 1]];
      if (!tied) out.slope.push_back(0);
      out.unit.push_back(order[i]);
      out.block.push_back(static_cast<Index>(out.slope.size()) - 1);
      out.slope.back() += w_[i];
    }
    return true;
  }

 private:
  std::vector<double> w_;
  SortedProx sorted_;
};

// The penalty with these weights; equal weights need no sorting and no ties.
inline std::unique_ptr<Penalty> make_penalty(std::vector<double> weights) {
  if (weights.empty()) return std::make_unique<SumOfNorms>(1.0);  // no unit to penalise
  if (!(weights.front() > 0))
    throw std::invalid_argument("the penalty needs at least one positive weight");
  if (weights.front() == weights.back()) return std::make_unique<SumOfNorms>(weights.front());
  return std::make_unique<SortedNorms>(std::move(weights));
}

}  // namespace ss
