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
#include "lasso_quadratic.hpp"
#include "ordinal_features.hpp"
#include "ordinal_hessian.hpp"
#include "ordinal_order.hpp"

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
      : X_(X), family_(family), w_(std::move(w)), offset_(std::move(offset)), weight_(std::move(weight)),
        options_(options), n_(X.n), p_(X.p), m_(family.boundaries), size_((p_ + 1) * m_), gram_(family, p_ + 1) {
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
  // ---- linear predictors and gradients over the features in use -------------------------------------------------

  // Features with a wanted coordinate, the ones first; those that the Hessian at hand knows come in its order.
  void use(const std::vector<char>& wanted) {
    auto any = [&](Index j) {
      return j == p_ || std::any_of(wanted.begin() + j * m_, wanted.begin() + (j + 1) * m_, [](char c) { return c != 0; });
    };
    used_.clear();
    for (Index j : gram_.features())
      if (any(j)) used_.push_back(j);
    if (gram_.place(p_) < 0) used_.push_back(p_);
    for (Index j = 0; j < p_; ++j)
      if (gram_.place(j) < 0 && any(j)) used_.push_back(j);
    columns_.clear();
    for (Index j : used_) columns_.push_back(X_.column(j));
    if (static_cast<size_t>(X_.held()) > 2 * used_.size() + 64) {  // some have left, of here and of the Hessian
      std::vector<char> mine(p_ + 1, 0);
      for (Index j : used_) mine[j] = 1;
      X_.keep([&](Index j) { return mine[j] || gram_.place(j) >= 0; });
    }
    free_.clear(), penalised_.clear();
    for (Index u = 0; u < static_cast<Index>(used_.size()); ++u)
      for (Index k = 0; k < m_; ++k) {
        const Index at = used_[u] * m_ + k;
        if (weight_[at] == 0 || (unpenalised_ && !std::isinf(weight_[at])))
          free_.push_back({u, k, at});
        else if (!std::isinf(weight_[at]) && (used_[u] == p_ || wanted[at]))
          penalised_.push_back({u, k, at});
      }
    coordinates_ = free_;
    coordinates_.insert(coordinates_.end(), penalised_.begin(), penalised_.end());
    keep_order();
  }

  // Those that the quadratic at hand has come first, in its order, if it has lost none: it then only grows.
  void keep_order() {
    std::vector<Index> rank(size_, -1);
    for (size_t i = 0; i < at_.size(); ++i) rank[at_[i]] = static_cast<Index>(i);
    Index held = 0;
    for (const Coordinate& c : coordinates_) held += rank[c.at] >= 0;
    if (!gram_.ready() || held < static_cast<Index>(at_.size()) || n_free_ != static_cast<Index>(free_.size())) return;
    for (Coordinate& c : penalised_)
      if (rank[c.at] < 0) rank[c.at] = size_ + held++;
    std::sort(penalised_.begin(), penalised_.end(),
              [&](const Coordinate& a, const Coordinate& b) { return rank[a.at] < rank[b.at]; });
    std::copy(penalised_.begin(), penalised_.end(), coordinates_.begin() + n_free_);
  }

  void predictors(const std::vector<double>& psi, bool with_offset, std::vector<double>& eta) const {
    const Index q = static_cast<Index>(used_.size());
    std::vector<double> beta(q * m_);
    for (Index u = 0; u < q; ++u) {
      double sum = 0;
      for (Index k = 0; k < m_; ++k) beta[u * m_ + k] = sum += psi[used_[u] * m_ + k];
    }
    constexpr Index chunk = 512;
    for (const Span& span : family_.spans())
      for (Index b = span.begin; b < span.end; b += chunk) {
        const Index len = std::min(chunk, span.end - b);
        for (size_t k = 0; k < span.slots.size(); k += 2) {
          // Two boundaries at a time share their reading of the columns; an odd one out goes with a spare.
          const bool two = k + 1 < span.slots.size();
          const Slot s0 = family_.slots()[span.slots[k]], s1 = two ? family_.slots()[span.slots[k + 1]] : s0;
          double* y0 = eta.data() + s0.at + b - s0.begin;
          double* y1 = two ? eta.data() + s1.at + b - s1.begin : nullptr;
          for (int side = 0; side < (two ? 2 : 1); ++side) {
            double* out = side == 0 ? y0 : y1;
            const double level = beta[(side == 0 ? s0 : s1).boundary];
            if (with_offset && !offset_.empty())
              for (Index i = 0; i < len; ++i) out[i] = level + offset_[b + i];
            else
              std::fill_n(out, len, level);
          }
          const double* x[4];
          double c0[4], c1[4];
          int held = 0;
          for (Index u = 1; u < q; ++u) {
            c0[held] = beta[u * m_ + s0.boundary], c1[held] = beta[u * m_ + s1.boundary], x[held] = columns_[u] + b;
            held += c0[held] != 0 || c1[held] != 0;
            if (held == 4) {
              two ? axpy2x4(c0, c1, x, y0, y1, len) : axpy4(c0, x, y0, len);
              held = 0;
            }
          }
          for (int t = 0; t < held; ++t) {
            axpy(c0[t], x[t], y0, len);
            if (two) axpy(c1[t], x[t], y1, len);
          }
        }
      }
  }

  void to_differences(double* g) const {  // gradient by boundary -> gradient by difference
    for (Index k = m_ - 1; k-- > 0;) g[k] += g[k + 1];
  }

  void used_gradient() {
    for (Index u = 0; u < static_cast<Index>(used_.size()); ++u) {
      double* g = gradient_.data() + used_[u] * m_;
      std::fill_n(g, m_, 0.0);
    }
    slope_products(
        family_, slope_.data(), static_cast<Index>(used_.size()), [&](Index u) { return columns_[u]; },
        [&](Index u, Index k) -> double& { return gradient_[used_[u] * m_ + k]; });
    for (Index j : used_) to_differences(gradient_.data() + j * m_);
    for (Index u = 0; u < static_cast<Index>(used_.size()); ++u) add_push(used_[u], columns_[u]);
  }

  void full_gradient() {
    if (static_cast<Index>(used_.size()) == p_ + 1) return;  // up to date
    std::vector<double> g(p_ * m_);
    X_.gradient(family_, slope_.data(), g.data());
    std::vector<char> have(p_ + 1, 0);
    for (Index j : used_) have[j] = 1;
    for (Index j = 0; j < p_; ++j) {
      if (have[j]) continue;
      std::copy_n(g.data() + j * m_, m_, gradient_.data() + j * m_);
      to_differences(gradient_.data() + j * m_);
      if (!order_.empty()) add_push(j, X_.column(j));
    }
  }

  // ---- boundaries in order --------------------------------------------------------------------------------------

  void add_push(Index feature, const double* x) {
    for (const OrderRows::Row& r : order_.rows()) gradient_[feature * m_ + r.boundary] -= order_.push(r) * x[r.row];
  }

  // eta_k - eta_{k-1} at one row: a function of psi_k alone.
  double gap_at(const OrderRows::Row& r, const std::vector<double>& psi) const {
    double d = psi[p_ * m_ + r.boundary];
    for (Index u = 1; u < static_cast<Index>(used_.size()); ++u) d += psi[used_[u] * m_ + r.boundary] * columns_[u][r.row];
    return d;
  }

  // Calls found(row, k, gap) where boundaries k - 1 and k are closer than `least`.
  template <class Found>
  void for_gaps_below(double least, Found found) const {
    std::vector<double> gap;
    for (Index k = 1; k < m_; ++k) {
      gap.assign(n_, psi_[p_ * m_ + k]);
      for (Index u = 1; u < static_cast<Index>(used_.size()); ++u)
        if (const double c = psi_[used_[u] * m_ + k]; c != 0) axpy(c, columns_[u], gap.data(), n_);
      for (Index i = 0; i < n_; ++i)
        if (gap[i] < least) found(i, k, gap[i]);
    }
  }

  // Rows at which some boundaries are out of order.
  Index crossings() const {
    std::vector<char> bad(n_, 0);
    for_gaps_below(0, [&](Index i, Index, double) { bad[i] = 1; });
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
      for_gaps_below(margin, [&](Index i, Index k, double gap) {
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
    for (const Coordinate& c : penalised_) l1 += weight_[c.at] * std::abs(psi[c.at]), l2 += weight_[c.at] * psi[c.at] * psi[c.at];
    return alpha * (options_.l1_ratio * l1 + 0.5 * (1 - options_.l1_ratio) * l2);
  }

  // Everything that depends on psi, for the features in use.
  void restate() {
    predictors(psi_, true, eta_);
    loss_ = family_.evaluate(eta_.data(), w_.data(), slope_.data(), curvature_.data());
    used_gradient();
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

  // ---- Hessian --------------------------------------------------------------------------------------------------

  // The quadratic model's matrix in the coordinates at hand, from the products at hand and those still missing.
  void assemble() {
    gram_.cover(used_, columns_);
    const Index nf = static_cast<Index>(free_.size()), np = static_cast<Index>(penalised_.size());
    std::vector<Index> place(used_.size());
    for (size_t u = 0; u < used_.size(); ++u) place[u] = gram_.place(used_[u]);
    auto entry = [&](const Coordinate& a, const Coordinate& b) {
      const Index i = place[a.used], j = place[b.used];
      return gram_.products(a.boundary, b.boundary, std::max(i, j))[std::min(i, j)];
    };
    const Index from = n_free_ == nf && same_coordinates(at_.size()) ? static_cast<Index>(at_.size()) - nf : 0;
    if (from > 0) {
      quadratic_.extend(np);
    } else {
      quadratic_.shape(nf, np);
      for (Index i = 0; i < nf; ++i)
        for (Index j = 0; j <= i; ++j) quadratic_.free_row(i)[j] = entry(free_[i], free_[j]);
    }
    // Where places increase along the coordinates the products of the later feature hold the earlier one.
    const bool rising = from == 0 && std::is_sorted(penalised_.begin(), penalised_.end(), [&](const Coordinate& a, const Coordinate& b) {
      return place[a.used] < place[b.used];
    });
    std::vector<const double*> products(m_);
    for (Index i = from; i < np; ++i) {
      const Coordinate& a = penalised_[i];
      for (Index j = 0; j < nf; ++j) quadratic_.cross_row(i)[j] = entry(a, free_[j]);
      double* out = quadratic_.row(i);
      if (!rising) {
        for (Index j = 0; j <= i; ++j) out[j] = entry(a, penalised_[j]);
        continue;
      }
      for (Index k = 0; k < m_; ++k) products[k] = gram_.products(a.boundary, k, place[a.used]);
      for (Index j = 0; j <= i; ++j) out[j] = products[penalised_[j].boundary][place[penalised_[j].used]];
    }
    if (from == 0) order_.model();
    for (const OrderRows::Row& r : order_.rows())
      if (r.modelled) add_row(r, from);
    quadratic_.factor();
    at_.clear(), n_free_ = nf;
    for (const Coordinate& c : coordinates_) at_.push_back(c.at);
  }

  // Adds rho x x' of a row to what is new of the quadratic.
  void add_row(const OrderRows::Row& r, Index from) {
    const Index nf = static_cast<Index>(free_.size()), np = static_cast<Index>(penalised_.size());
    std::vector<double> x(nf + np);
    for (Index i = 0; i < nf + np; ++i)
      x[i] = coordinates_[i].boundary == r.boundary ? columns_[coordinates_[i].used][r.row] : 0;
    for (Index i = 0; i < nf && from == 0; ++i)
      if (x[i] != 0) axpy(order_.curvature() * x[i], x.data(), quadratic_.free_row(i), i + 1);
    for (Index i = from; i < np; ++i)
      if (x[nf + i] != 0) {
        axpy(order_.curvature() * x[nf + i], x.data(), quadratic_.cross_row(i), nf);
        axpy(order_.curvature() * x[nf + i], x.data() + nf, quadratic_.row(i), i + 1);
      }
  }

  // Whether the quadratic at hand is in these coordinates, or in the first `count` of them.
  bool same_coordinates(size_t count) const {
    return count == at_.size() && count <= coordinates_.size() && count > 0 && n_free_ == static_cast<Index>(free_.size()) &&
           std::equal(at_.begin(), at_.end(), coordinates_.begin(), [](Index at, const Coordinate& c) { return c.at == at; });
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
      for (OrderRows::Row& r : order_.rows()) r.slack = gap_at(r, psi_);
      restate();
      current_ = 8;
    }
    // A path's next alpha starts near enough for the last Hessian to serve its first steps.
    bool refresh = !gram_.ready(), old = !refresh, full = false, looked = false;
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
      if (refresh) {
        gram_.reset(curvature_);
        at_.clear();
        use(wanted_);
        ++out.hessians;
        old = false;
        before_step = kInfinity;
      }
      if (order_.outdates_model()) at_.clear();
      if (!same_coordinates(coordinates_.size())) assemble();
      refresh = false;
      const Index N = static_cast<Index>(coordinates_.size()), nf = static_cast<Index>(free_.size());
      g.resize(N), w.resize(N - nf), ridge.resize(N - nf), z.resize(N);
      for (Index i = 0; i < N; ++i) {
        const Index at = coordinates_[i].at;
        g[i] = gradient_[at], z[i] = psi_[at];
        if (i < nf) continue;
        w[i - nf] = l1 * weight_[at], ridge[i - nf] = l2 * weight_[at];
        g[i] += ridge[i - nf] * z[i];
      }
      quadratic_.solve(g, w, ridge, z, d);
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
      predictors(psi_step, false, step_eta_);
      double t = std::min(1.0, 0.99 * family_.reach(eta_.data(), step_eta_.data()));
      for (OrderRows::Row& r : order_.rows()) r.change = gap_at(r, psi_step);
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
      used_gradient();
    }
    if (out.stop == "interrupted") {
      full_gradient();
      certify(alpha, order_.complementarity(), out);
    }
    out.working = static_cast<Index>(penalised_.size());
  }

  // Whether a step that promises nothing any more still moves some linear predictor: what separated classes do for ever.
  bool runs_away(const std::vector<double>& d) {
    std::vector<double> step(size_, 0.0);
    for (size_t i = 0; i < coordinates_.size(); ++i) step[coordinates_[i].at] = d[i];
    predictors(step, false, step_eta_);
    return std::any_of(step_eta_.begin(), step_eta_.end(), [](double e) { return std::abs(e) > 0.1; });
  }

  // What the gradient of the coordinates in use already costs the gap, as the dual point is scaled back to be feasible.
  double gap_in_use(double alpha) const {
    double most = 1;
    for (const Coordinate& c : penalised_)
      if (const double limit = alpha * options_.l1_ratio * weight_[c.at]; limit > 0)
        most = std::max(most, std::abs(gradient_[c.at]) / limit);
    return (1 - 1 / most) * penalty(psi_, alpha);
  }

  // Whether a Hessian made now costs less than the steps that the one at hand would still need, at the rate seen.
  bool outdated(double before, double now, double target) const {
    if (std::isinf(before)) return false;
    if (!(now < 0.5 * before)) return true;
    const double n = static_cast<double>(n_), q = static_cast<double>(used_.size());
    const double steps = std::log(now / target) / std::log(before / now);
    // Nanoseconds, roughly: passes over the columns and triangular solves wait for memory, products of matrices do not.
    const double step = 1.6 * n * q + 20 * n + 0.5 * quadratic_.step_cost();
    const double hessian = 0.1 * n * q * q + 0.08 * quadratic_.factor_cost();
    return (steps - 2) * step > hessian;
  }

  // Coordinates to start with: all when they are few, else those in use and those whose gradient is near entering.
  void choose(double alpha) {
    std::vector<char> wanted(size_, 0);
    const bool all = p_ * m_ <= 400;
    if (gram_.ready())  // what the quadratic at hand knows stays until it is made anew
      for (Index at : at_) wanted[at] = 1;
    const double cut = (alpha - 0.5 * std::max(0.0, previous_ - alpha)) * options_.l1_ratio;
    for (Index i = 0; i < p_ * m_; ++i) {
      if (std::isinf(weight_[i])) continue;
      wanted[i] = all || wanted[i] || weight_[i] == 0 || psi_[i] != 0 || options_.l1_ratio < 1 || std::abs(gradient_[i]) >= cut * weight_[i];
    }
    wanted_ = wanted;
    use(wanted);
  }

  // Adds the coordinates that the full gradient shows to be wrongly left out; of very many, those that push most, because
  // far from the optimum most of them only seem to.
  bool widen(double alpha) {
    const double l1 = alpha * options_.l1_ratio;
    std::vector<std::pair<double, Index>> out;
    for (Index i = 0; i < p_ * m_; ++i)
      if (!wanted_[i] && !std::isinf(weight_[i]) && std::abs(gradient_[i]) > l1 * weight_[i] * (1 + 1e-12))
        out.push_back({l1 * weight_[i] / std::abs(gradient_[i]), i});
    if (const size_t most = 32 + penalised_.size() / 2; out.size() > most) {
      std::nth_element(out.begin(), out.begin() + most, out.end());
      out.resize(most);
    }
    for (const auto& [ratio, i] : out) wanted_[i] = 1;
    if (!out.empty()) use(wanted_);
    return !out.empty();
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

  struct Coordinate {
    Index used, boundary, at;
  };
  Features& X_;
  const Family& family_;
  std::vector<double> w_, offset_, weight_;
  OrdinalOptions options_;
  Index n_, p_, m_, size_, n_free_ = 0;
  std::vector<double> psi_, eta_, step_eta_, trial_, slope_, curvature_, gradient_;
  std::vector<double> level_;  // intercepts to start from
  std::vector<Index> used_, at_;  // at_: the coordinates that the quadratic at hand is in
  std::vector<const double*> columns_;
  std::vector<Coordinate> free_, penalised_, coordinates_;
  std::vector<char> wanted_;
  OrderRows order_;
  OrdinalHessian gram_;
  LassoQuadratic quadratic_;
  int current_ = 0;  // for how many more fits the predictors, slopes and gradient at hand may stand in for new ones
  double loss_ = 0, null_ = 1, alpha_max_ = 0, previous_ = 0, decrement_ = 0;
  bool constrained_ = false, unpenalised_ = false;
};


// The smallest alpha at which every boundary has one vector of coefficients. `shared` is a solver whose differences
// beyond the first boundary are left out; `weight` holds the penalty they have. 0 when no alpha down to 1e-8 alpha_max
// needs a difference, infinite for a pure ridge, which never gives exact zeros.
inline double proportional_odds_alpha(OrdinalSolver& shared, const std::vector<double>& weight, double l1_ratio,
                                      double alpha_max, Watch& watch) {
  if (l1_ratio == 0) return kInfinity;
  auto excess = [&](double alpha) {
    shared.fit(alpha, watch);
    return shared.left_out(weight) / l1_ratio - alpha;
  };
  double high = alpha_max, low = alpha_max, f_high = 0, f_low = 0;
  f_high = excess(high);
  if (f_high >= -1e-12 * alpha_max) return alpha_max;  // a difference is the first to enter
  do {
    low *= 0.6;
    f_low = excess(low);
    if (f_low > 0 || watch.stopped()) break;
    high = low, f_high = f_low;
  } while (low > 1e-8 * alpha_max);
  if (!(f_low > 0)) return 0;
  // Illinois: the excess is piecewise smooth and crosses zero once between the two.
  int side = 0;
  for (int i = 0; i < 100 && high - low > 1e-13 * high && !watch.stopped(); ++i) {
    const double mid = (low * f_high - high * f_low) / (f_high - f_low);
    const double f = excess(mid);
    if (std::abs(f) <= 1e-14 * alpha_max) return mid;
    if (f > 0) {
      low = mid, f_low = f;
      if (side == 1) f_high *= 0.5;
      side = 1;
    } else {
      high = mid, f_high = f;
      if (side == -1) f_low *= 0.5;
      side = -1;
    }
  }
  return high;
}

}  // namespace ss
