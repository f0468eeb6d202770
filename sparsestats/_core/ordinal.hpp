// Penalised ordinal regression along a path: proximal Newton in the differences psi of adjacent coefficients,
//   min  mean loss(eta) + alpha sum_jk w_jk (a |psi_jk| + (1 - a) psi_jk^2 / 2),   eta_k = o + a_k + z'(psi_1 + ... + psi_k).
// Intercepts are the differences of a column of ones, unpenalised. A weight of 0 frees a coordinate, an infinite one
// leaves it out. Boundaries that cross at some rows are put in order there (ordinal_order.hpp); the multipliers of those rows
// enter the dual.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "control.hpp"
#include "ordinal_columns.hpp"
#include "ordinal_rows.hpp"

namespace ss {

struct OrdinalOptions {
  double l1_ratio = 1, tol = 1e-8;
  Index max_iter = 100;
  bool ordered = false;  // keep the boundaries in order at every row once a fit crosses
};

struct OrdinalFit {
  double alpha = 0, objective = 0, bound = 0, gap = 0, loss = 0, seconds = 0, intercept_residual = 0;
  Index iterations = 0, hessians = 0, active = 0, crossing = 0, bound_rows = 0, working = 0;
  bool constrained = false;
  std::string stop;
};

class OrdinalSolver {
 public:
  OrdinalSolver(Features& X, const Family& family, std::vector<double> w, std::vector<double> offset,
                std::vector<double> weight, const std::vector<double>& share, OrdinalOptions options)
      : family_(family), w_(std::move(w)), offset_(std::move(offset)), weight_(std::move(weight)),
        options_(options), n_(X.n), p_(X.p), m_(family.boundaries), size_((p_ + 1) * m_),
        columns_({X, family, offset_, weight_}), rows_({X, family, offset_, weight_}) {
    for (Index j = 0; j < p_; ++j)
      if (X.constant(j)) std::fill_n(weight_.begin() + j * m_, m_, kInfinity);
    weight_.resize(size_, 0.0);  // the ones
    psi_.assign(size_, 0.0);
    const std::vector<double> a = family.start(share);
    for (Index k = 0; k < m_; ++k) psi_[p_ * m_ + k] = a[k] - (k > 0 ? a[k - 1] : 0);
    level_.assign(psi_.end() - m_, psi_.end());
    eta_.resize(family.eta_size()), step_eta_.resize(family.eta_size()), trial_.resize(family.eta_size());
    slope_.resize(family.eta_size()), curvature_.resize(family.piece_size());
    gradient_.assign(size_, 0.0);
    fit_null();
  }

  double alpha_max() const { return alpha_max_; }
  double null_objective() const { return null_; }
  const std::vector<double>& psi() const { return psi_; }

  OrdinalFit fit(double alpha, Watch& watch) {
    const auto began = std::chrono::steady_clock::now();
    OrdinalFit out;
    minimise(alpha, watch, out);
    if (options_.ordered && !constrained_) {
      out.crossing = crossings();
      constrained_ = out.crossing > 0;
    }
    if (constrained_) put_in_order(alpha, watch, out);
    out.alpha = alpha;
    previous_ = alpha;
    for (Index i = 0; i < p_ * m_; ++i) out.active += psi_[i] != 0;
    out.constrained = constrained_;
    out.bound_rows = order_.size();
    out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    return out;
  }

  // Largest |gradient| / weight over coordinates of `weight` that this solver leaves out.
  double left_out(const std::vector<double>& weight) {
    double most = 0;
    for (Index i = 0; i < p_ * m_; ++i)
      if (std::isinf(weight_[i]) && weight[i] > 0 && !std::isinf(weight[i]))
        most = std::max(most, std::abs(gradient_[i]) / weight[i]);
    return most;
  }

 private:
  // ---- coordinates in use -----------------------------------------------------------------------------------------

  // Those of `wanted_`, on the columns or through the rows: there all are in use, because their products cost the same.
  void use() {
    const auto out = [&](Index i) { return std::isinf(weight_[i]); };
    const auto free = [&](Index i) { return !out(i) && (weight_[i] == 0 || unpenalised_); };
    Index wanted = 0, unpenalised = 0;
    for (Index i = 0; i < size_; ++i) unpenalised += free(i), wanted += i < p_ * m_ && wanted_[i] && !out(i) && !free(i);
    OrdinalStep* step = &columns_;
    if (options_.l1_ratio < 1 && rows_.serves(wanted, unpenalised)) {
      step = &rows_;
      for (Index i = 0; i < p_ * m_; ++i) wanted_[i] = !out(i);
    }
    if (step != step_) step_->forget();
    step_ = step;
    coordinates_.clear();
    std::vector<Coordinate> penalised;
    const std::vector<Index>& used = step_->use(wanted_);
    for (Index u = 0; u < static_cast<Index>(used.size()); ++u)
      for (Index k = 0; k < m_; ++k) {
        const Index at = used[u] * m_ + k;
        if (free(at))
          coordinates_.push_back({u, k, at});
        else if (wanted_[at] && !out(at))
          penalised.push_back({u, k, at});
      }
    n_free_ = static_cast<Index>(coordinates_.size());
    coordinates_.insert(coordinates_.end(), penalised.begin(), penalised.end());
    step_->arrange(coordinates_, n_free_);
  }

  void full_gradient() { step_->complete(slope_, order_, gradient_); }

  // ---- boundaries in order --------------------------------------------------------------------------------------

  // Rows at which some boundaries are out of order.
  Index crossings() {
    std::vector<char> bad(n_, 0);
    step_->gaps_below(psi_, 0, [&](Index i, Index, double) { bad[i] = 1; });
    return std::count(bad.begin(), bad.end(), 1);
  }

  // From the minimum with the rows known so far to the one with all rows in order.
  void put_in_order(double alpha, Watch& watch, OrdinalFit& out) {
    double room = 1;  // between boundaries of the intercepts alone
    for (Index k = 1; k < m_; ++k) room = std::min(room, level_[k]);
    const double allowed = std::max(0.01 * options_.tol * null_, 1e-12) * room, margin = 0.1 * allowed;
    Index iterations = out.iterations;
    double worst = 0;
    order_.restart();
    for (int round = 0;; ++round) {
      std::vector<char> listed(n_ * m_, 0);
      for (const OrderRows::Row& r : order_.rows()) listed[r.boundary * n_ + r.row] = 1;
      std::vector<OrderRows::Row> found;
      worst = -margin;
      step_->gaps_below(psi_, margin, [&](Index i, Index k, double gap) {
        worst = std::max(worst, -gap);
        if (gap < -allowed && !listed[k * n_ + i]) found.push_back({i, k, 0, gap});
      });
      const bool met = worst <= allowed && std::abs(order_.complementarity()) <= 0.1 * options_.tol * null_;
      if (met || round == 40 || out.stop == "interrupted") break;
      order_.update(allowed);
      order_.add(found);
      minimise(alpha, watch, out);
      iterations += out.iterations;
    }
    out.iterations = iterations;
    if (alpha == 0) out.bound = out.objective - order_.complementarity() - decrement_;
    order_.update(kInfinity);
    // What is left goes by a step towards the intercepts alone, which are in order everywhere.
    if (worst > -margin) {
      const double t = std::min(1.0, (worst + margin) / (worst + room));
      for (double& v : psi_) v *= 1 - t;
      for (Index k = 0; k < m_; ++k) psi_[p_ * m_ + k] += t * level_[k];
    }
    restate();
    // The bound is that of the multipliers, wherever psi is.
    out.loss = loss_;
    out.objective = loss_ + penalty(psi_, alpha);
    out.gap = std::max(0.0, out.objective - out.bound);
    if (out.gap > options_.tol * null_ && out.stop == "tol") out.stop = "max_iter";
  }

  // ---- objective, certificate -----------------------------------------------------------------------------------

  double penalty(const std::vector<double>& psi, double alpha) const {
    double l1 = 0, l2 = 0;
    for (size_t i = n_free_; i < coordinates_.size(); ++i) {
      const double v = psi[coordinates_[i].at], w = weight_[coordinates_[i].at];
      l1 += w * std::abs(v), l2 += w * v * v;
    }
    return alpha * (options_.l1_ratio * l1 + 0.5 * (1 - options_.l1_ratio) * l2);
  }

  // Everything that depends on psi, for the features in use.
  void restate() {
    step_->predictors(psi_, true, eta_);
    loss_ = family_.evaluate(eta_.data(), w_.data(), slope_.data(), curvature_.data());
    step_->gradient(slope_, order_, gradient_);
  }

  // Objective, less what rows out of order `hide` from it, minus a dual bound, at the current point with its full gradient.
  void certify(double alpha, double hidden, OrdinalFit& out) {
    const double l1 = alpha * options_.l1_ratio, l2 = alpha * (1 - options_.l1_ratio);
    const std::vector<double>& g = gradient_;
    double s = 1;
    if (l2 == 0)
      for (Index i = 0; i < p_ * m_; ++i)
        if (weight_[i] > 0 && !std::isinf(weight_[i]) && std::abs(g[i]) > l1 * weight_[i])
          s = std::min(s, l1 * weight_[i] / std::abs(g[i]));
    double dual = -family_.conjugate(eta_.data(), w_.data(), s);
    if (!offset_.empty())
      for (const Slot& slot : family_.slots())
        dual += s * dot(offset_.data() + slot.begin, slope_.data() + slot.at, slot.end - slot.begin);
    if (l2 > 0)
      for (Index i = 0; i < p_ * m_; ++i)
        if (weight_[i] > 0 && !std::isinf(weight_[i]))
          if (const double over = std::abs(g[i]) - l1 * weight_[i]; over > 0) dual -= over * over / (2 * l2 * weight_[i]);
    // Free coordinates have no slack in the dual: what is left of their equations is charged at their own size.
    double unsolved = 0;
    for (Index i = 0; i < size_; ++i)
      if (weight_[i] == 0) {
        unsolved += std::abs(g[i]) * std::max(1.0, std::abs(psi_[i]));
        if (i >= p_ * m_) out.intercept_residual = std::max(out.intercept_residual, std::abs(g[i]));
      }
    out.loss = loss_;
    out.objective = loss_ + penalty(psi_, alpha);
    out.bound = dual - s * unsolved;
    out.gap = std::max(0.0, out.objective - hidden - out.bound);
  }

  // ---- the method -----------------------------------------------------------------------------------------------

  void minimise(double alpha, Watch& watch, OrdinalFit& out) {
    unpenalised_ = alpha == 0;
    choose(alpha);
    const double l1 = alpha * options_.l1_ratio, l2 = alpha * (1 - options_.l1_ratio);
    const double small = 0.1 * options_.tol * null_;
    // The gap is of first order in what is left of the gradient, the decrement of second order.
    double target = std::max(0.1 * options_.tol * options_.tol, 1e-19) * null_;
    if (current_ > 0 && order_.empty()) {
      --current_;  // the last fit's predictors serve; they are made anew now and then against drift
    } else {
      const std::vector<double> gaps = step_->gaps(order_.rows(), psi_);
      for (size_t i = 0; i < gaps.size(); ++i) order_.rows()[i].slack = gaps[i];
      restate();
      current_ = 8;
    }
    bool refresh = !step_->ready(l2), old = !refresh, full = false, looked = false;
    int polished = 0, stalled = 0;
    double last = kInfinity, before_step = kInfinity;
    out.stop = "max_iter";
    out.iterations = 0;
    std::vector<double> g, w, ridge, z, d, psi_step(size_);
    while (true) {
      if (watch.stopped()) {
        out.stop = "interrupted";
        break;
      }
      if (refresh || !step_->ready(l2)) {
        step_->reset(curvature_);
        use();
        ++out.hessians;
        old = false;
        before_step = kInfinity;
      }
      step_->prepare(coordinates_, n_free_, l2, order_);
      refresh = false;
      const Index N = static_cast<Index>(coordinates_.size()), nf = n_free_;
      g.resize(N), w.resize(N - nf), ridge.resize(N - nf), z.resize(N);
      for (Index i = 0; i < N; ++i) {
        const Index at = coordinates_[i].at;
        g[i] = gradient_[at], z[i] = psi_[at];
        if (i < nf) continue;
        w[i - nf] = l1 * weight_[at], ridge[i - nf] = l2 * weight_[at];
        g[i] += ridge[i - nf] * z[i];
      }
      step_->solve(g, w, ridge, z, d);
      // Decrease of the model's linear part: negative unless the point is optimal.
      double slope = 0;
      for (Index i = 0; i < N; ++i) {
        slope += g[i] * d[i];
        if (i >= nf) slope += w[i - nf] * (std::abs(z[i] + d[i]) - std::abs(z[i]));
      }
      decrement_ = std::max(0.0, -0.5 * slope);
      const bool more = out.iterations < options_.max_iter;
      if (old && out.iterations > 0 && more && decrement_ > target && (!full || outdated(before_step, decrement_, target))) {
        refresh = true;
        continue;
      }
      const bool near = decrement_ <= small || !more;
      // Steps near the optimum cost less than a certificate, and make fitted values agree to sqrt(decrement).
      bool settled = polished >= 6 || decrement_ <= target || decrement_ > 2e-9 * null_ || !more;
      if (near && settled && more && l2 == 0 && decrement_ < 0.5 * last) {
        // No certificate is worth its pass over all columns before those in use would grant it.
        const double excess = options_.tol * null_ / (1e-300 + gap_in_use(alpha));
        if (excess < 1) {
          settled = false;
          target = std::min(target, 0.3 * decrement_ * excess * excess);
        }
      }
      if ((out.iterations == 1 && !looked) || (near && (settled || polished == 0))) {
        looked = true;
        full_gradient();
        if (widen(alpha)) {
          before_step = kInfinity;
          if (more) continue;
        }
      }
      if (near) {
        if (!settled) {
          ++polished;
        } else if (alpha == 0 && old && more) {
          refresh = true;  // the decrement is the certificate: it is that of the Hessian at this very point
          continue;
        } else if (const bool runs = alpha == 0 && runs_away(d); !runs || !more) {
          certify(alpha, order_.complementarity(), out);
          // Without a penalty the decrement is the certificate, unless the maximum lies at infinity: then there is none.
          if (alpha == 0) out.gap = runs ? null_ : decrement_, out.bound = out.objective - out.gap;
          if (out.gap <= options_.tol * null_) {
            out.stop = "tol";
            break;
          }
          const double excess = options_.tol * null_ / out.gap;
          target = std::min(target, 0.3 * decrement_ * excess * excess);
          if (decrement_ <= 1e-17 * null_ && decrement_ > 0.5 * last) {  // rounding, or a Hessian too old
            if (old && more) {
              refresh = true;
              continue;
            }
            if (stalled++ > 1 || !more) {
              out.stop = "precision";
              break;
            }
          }
          if (!more) break;
        }
      }
      last = before_step = decrement_;
      ++out.iterations;

      std::fill(psi_step.begin(), psi_step.end(), 0.0);
      for (Index i = 0; i < N; ++i) psi_step[coordinates_[i].at] = d[i];
      step_->predictors(psi_step, false, step_eta_);
      double t = std::min(1.0, 0.99 * family_.reach(eta_.data(), step_eta_.data()));
      const std::vector<double> closing = step_->gaps(order_.rows(), psi_step);
      for (size_t i = 0; i < closing.size(); ++i) order_.rows()[i].change = closing[i];
      const double before = loss_ + penalty(psi_, alpha) + order_.value(0);
      std::vector<double> trial_psi(size_);
      bool moved = false;
      for (int half = 0; half < 50; ++half, t *= 0.5) {
        for (Index i = 0; i < size_; ++i) trial_psi[i] = psi_[i] + t * psi_step[i];
        // A full step lands on exact zeros.
        if (t == 1)
          for (Index i = nf; i < N; ++i)
            if (d[i] == -z[i]) trial_psi[coordinates_[i].at] = 0;
        for (size_t i = 0; i < eta_.size(); ++i) trial_[i] = eta_[i] + t * step_eta_[i];
        const double loss = family_.evaluate(trial_.data(), w_.data(), slope_.data(), curvature_.data());
        const double after = loss + penalty(trial_psi, alpha) + order_.value(t);
        // At rounding level differences of objectives say nothing: the model is trusted.
        if (after <= before + 1e-4 * t * slope || (-slope < 1e-11 * null_ && after <= before + 1e-12 * null_)) {
          moved = true;
          psi_.swap(trial_psi);
          eta_.swap(trial_);
          loss_ = loss;
          order_.advance(t);
          break;
        }
      }
      if (!moved) {
        restate();
        full_gradient();
        certify(alpha, order_.complementarity(), out);
        out.stop = out.gap <= options_.tol * null_ ? "tol" : "precision";
        break;
      }
      full = t == 1;
      old = true;
      step_->gradient(slope_, order_, gradient_);
    }
    if (out.stop == "interrupted") {
      full_gradient();
      certify(alpha, order_.complementarity(), out);
    }
    out.working = static_cast<Index>(coordinates_.size()) - n_free_;
  }

  // Whether a step that promises nothing any more still moves some linear predictor: what separated classes do for ever.
  bool runs_away(const std::vector<double>& d) {
    std::vector<double> step(size_, 0.0);
    for (size_t i = 0; i < coordinates_.size(); ++i) step[coordinates_[i].at] = d[i];
    step_->predictors(step, false, step_eta_);
    return std::any_of(step_eta_.begin(), step_eta_.end(), [](double e) { return std::abs(e) > 0.1; });
  }

  // What the gradient of the coordinates in use already costs the gap, as the dual point is scaled back to be feasible.
  double gap_in_use(double alpha) const {
    double most = 1;
    for (size_t i = n_free_; i < coordinates_.size(); ++i) {
      const Index at = coordinates_[i].at;
      if (const double limit = alpha * options_.l1_ratio * weight_[at]; limit > 0)
        most = std::max(most, std::abs(gradient_[at]) / limit);
    }
    return (1 - 1 / most) * penalty(psi_, alpha);
  }

  // Whether a Hessian made now costs less than the steps that the one at hand would still need, at the rate seen.
  bool outdated(double before, double now, double target) const {
    if (std::isinf(before)) return false;
    if (!(now < 0.5 * before)) return true;
    const double steps = std::log(now / target) / std::log(before / now);
    return (steps - 2) * step_->step_cost() > step_->model_cost();
  }

  // Coordinates to start with: all when they are few, else those in use and those whose gradient is near entering.
  void choose(double alpha) {
    std::vector<char> wanted(size_, 0);
    const bool all = p_ * m_ <= 400 || options_.l1_ratio == 0 || alpha == 0;
    for (Index at : columns_.known()) wanted[at] = 1;  // what the quadratic at hand knows stays until it is made anew
    for (Index i = 0; i < size_; ++i)
      if (!std::isinf(weight_[i])) wanted[i] |= all || weight_[i] == 0 || psi_[i] != 0;
    wanted_.swap(wanted);
    if (!all) enlist((alpha - 0.5 * std::max(0.0, previous_ - alpha)) * options_.l1_ratio);
    use();
  }

  // Adds the coordinates that the full gradient shows to be wrongly left out.
  bool widen(double alpha) {
    const bool grown = enlist(alpha * options_.l1_ratio * (1 + 1e-12));
    if (grown) use();
    return grown;
  }

  // Wants the coordinates whose gradient exceeds `limit` times their weight; of very many, those that push most, because far
  // from the optimum most of them only seem to.
  bool enlist(double limit) {
    std::vector<std::pair<double, Index>> found;
    Index held = 0;
    for (Index i = 0; i < p_ * m_; ++i) {
      held += wanted_[i];
      if (wanted_[i] || std::isinf(weight_[i])) continue;
      if (const double push = std::abs(gradient_[i]) / weight_[i]; push > limit) found.push_back({-push, i});
    }
    if (const Index most = 32 + held / 2; static_cast<Index>(found.size()) > most) {
      std::nth_element(found.begin(), found.begin() + most, found.end());
      found.resize(most);
    }
    for (const auto& [push, i] : found) wanted_[i] = 1;
    return !found.empty();
  }

  void fit_null() {
    Control control;
    Watch watch(control, {});
    std::vector<double> kept = weight_;
    for (Index i = 0; i < size_; ++i)
      if (weight_[i] > 0) weight_[i] = kInfinity;
    null_ = 1;
    previous_ = 0;
    OrdinalFit out;
    const double tol = options_.tol;
    options_.tol = 1e-15;
    minimise(0, watch, out);
    options_.tol = tol;
    null_ = loss_;
    full_gradient();
    weight_ = std::move(kept);
    alpha_max_ = 0;
    for (Index i = 0; i < p_ * m_; ++i)
      if (weight_[i] > 0 && !std::isinf(weight_[i]))
        alpha_max_ = std::max(alpha_max_, std::abs(gradient_[i]) / (weight_[i] * std::max(options_.l1_ratio, 0.01)));
    previous_ = alpha_max_;
  }

  const Family& family_;
  std::vector<double> w_, offset_, weight_;
  OrdinalOptions options_;
  Index n_, p_, m_, size_, n_free_ = 0;
  std::vector<double> psi_, eta_, step_eta_, trial_, slope_, curvature_, gradient_;
  std::vector<double> level_;  // intercepts to start from
  std::vector<Coordinate> coordinates_;  // the free ones first
  std::vector<char> wanted_;
  OrderRows order_;
  OrdinalColumns columns_;
  OrdinalRows rows_;
  OrdinalStep* step_ = &columns_;
  int current_ = 0;  // for how many more fits the predictors, slopes and gradient at hand may stand in for new ones
  double loss_ = 0, null_ = 1, alpha_max_ = 0, previous_ = 0, decrement_ = 0;
  bool constrained_ = false, unpenalised_ = false;
};

}  // namespace ss
