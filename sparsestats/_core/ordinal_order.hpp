// Boundaries that must not cross, at the rows where they would: s = eta_k - eta_{k-1} >= 0, linear in psi_k alone, by an
// augmented Lagrangian
//   sum_r (max(0, l_r - rho s_r)^2 - l_r^2) / (2 rho),
// whose minimiser pushes each row with max(0, l_r - rho s_r); those pushes are the next multipliers l. Few rows bind, so the
// Hessian of the likelihood serves as it is and each row that pushes adds rho x x' to it.
#pragma once
#include <algorithm>
#include <vector>

#include "linalg.hpp"

namespace ss {

class OrderRows {
 public:
  struct Row {
    Index row, boundary;
    double multiplier = 0, slack = 0, change = 0;  // change: of the slack, over the whole of the step at hand
    bool modelled = false;                         // whether the quadratic model at hand has its curvature
  };

  bool empty() const { return rows_.empty(); }
  Index size() const { return static_cast<Index>(rows_.size()); }
  std::vector<Row>& rows() { return rows_; }
  const std::vector<Row>& rows() const { return rows_; }
  double curvature() const { return rho_; }
  double push(const Row& r) const { return std::max(0.0, r.multiplier - rho_ * r.slack); }

  // What the rows add to the objective after t times the step at hand.
  double value(double t) const {
    double total = 0;
    for (const Row& r : rows_) {
      const double push = std::max(0.0, r.multiplier - rho_ * (r.slack + t * r.change));
      total += push * push - r.multiplier * r.multiplier;
    }
    return total / (2 * rho_);
  }

  void advance(double t) {
    for (Row& r : rows_) r.slack += t * r.change;
  }

  // The rows that push enter the quadratic model; it serves while the same ones do, as stiffly.
  void model() {
    for (Row& r : rows_) r.modelled = push(r) > 0;
    outdated_ = false;
  }
  bool outdates_model() const {
    return outdated_ || std::any_of(rows_.begin(), rows_.end(), [&](const Row& r) { return r.modelled != (push(r) > 0); });
  }

  // sum_r push_r s_r: what the constraints at hand still hide from, or cost, the objective.
  double complementarity() const {
    double total = 0;
    for (const Row& r : rows_) total += push(r) * r.slack;
    return total;
  }

  void add(const std::vector<Row>& found) { rows_.insert(rows_.end(), found.begin(), found.end()); }

  // The pushes become the multipliers; rows that do not push leave. While slacks are not right to `allowed` and come closer
  // too slowly the rows become stiffer, up to where their curvature would drown that of the likelihood.
  void update(double allowed) {
    double most = 0;
    for (Row& r : rows_) {
      const double next = push(r);
      most = std::max(most, std::abs(next - r.multiplier) / rho_);
      r.multiplier = next;
      outdated_ |= r.modelled && next == 0;
    }
    std::erase_if(rows_, [](const Row& r) { return r.multiplier == 0; });
    if (most > std::max(allowed, 0.25 * last_) && rho_ < 1e3) rho_ *= 10, outdated_ = true;
    last_ = most;
  }
  void restart() { last_ = kInfinity; }

 private:
  std::vector<Row> rows_;
  double rho_ = 10, last_ = kInfinity;
  bool outdated_ = false;
};

}  // namespace ss
