// Minimise  f(x) + alpha J(c)  on one working set: accelerated proximal gradient finds the pattern, Newton steps on the
// pattern (its zeros, signs and ties fixed) finish. A Newton step is kept only if it lowers the objective; the gap decides the end.
#pragma once
#include <limits>

#include "control.hpp"
#include "smooth.hpp"

namespace ss {

struct SolveReport {
  double gap = std::numeric_limits<double>::infinity();
  Index iterations = 0;  // proximal-gradient steps
  Index newtons = 0;
};

class Solver {
 public:
  Solver(const Smooth& f, Penalty& penalty, const Units& units, double alpha)
      : f_(f), J_(penalty), units_(units), alpha_(alpha), m_(f.coordinates()), dim_(f.coordinates() + f.free()),
        img_size_(f.image_size()) {
    for (auto* v : {&x_, &last_, &y_, &cand_, &g_}) v->resize(dim_);
    for (auto* v : {&ix_, &ilast_, &iy_, &icand_}) v->resize(img_size_);
    z_.resize(m_);
  }

  // Put the better of two starts into x.
  void offer(std::vector<double>& x, const std::vector<double>& guess) {
    f_.image(x.data(), ix_.data());
    f_.image(guess.data(), iy_.data());
    if (objective(guess, iy_) < objective(x, ix_)) x = guess;
  }

  // x holds the start and receives the solution. `lipschitz` is a running estimate, kept between calls.
  // With `polish` a last Newton step brings the answer to rounding, where it is affordable.
  // `resumed`: x is where first-order steps on a rounded model have ended, so that its pattern counts as settled.
  SolveReport solve(double* x, double& lipschitz, double target, Index max_iter, bool polish, bool resumed, Watch& watch) {
    x_.assign(x, x + dim_);
    f_.image(x_.data(), ix_.data());
    F_ = objective(x_, ix_);
    L_ = std::max(lipschitz, 1e-12);
    goal_ = target;
    SolveReport report;
    report.gap = gap();
    momentum_ = 0;
    // Work of first-order steps since `from` was the gap, what they are expected to cost from here to the target, and how
    // many Newton steps that must be worth.
    double spent = 0, from = report.gap, left = 0, patience = PATIENCE;
    double reached = report.gap;  // the best gap a Newton step has left
    Index actives = -1, blocks = -1;
    if (resumed && J_.pattern(units_, x_.data(), pat_)) {
      actives = pat_.part.size(), blocks = pat_.slope.size();
      left = std::numeric_limits<double>::infinity();
    }
    while (report.gap > target && report.iterations < max_iter && !watch.stopped() && !overflow_) {
      // A Newton step is tried once the pattern has settled and first-order steps would cost more than it does; early on a
      // path it costs next to nothing and is tried at once, and one that served well is followed by the next.
      const bool smooth_here = J_.pattern(units_, x_.data(), pat_);
      const double price = newton_cost();
      const bool settled = actives == static_cast<Index>(pat_.part.size()) && blocks == static_cast<Index>(pat_.slope.size());
      actives = pat_.part.size(), blocks = pat_.slope.size();
      const bool cheap = price <= SETTLE * step_cost() && spent + SETTLE * step_cost() >= patience * price;
      if (smooth_here && (cheap || (settled && left >= patience * price))) {
        const bool moved = newton_step();
        ++report.newtons;
        ++report.iterations;
        const double now = gap();
        const bool good = moved && now < 0.3 * std::min(report.gap, reached);
        reached = std::min(now, reached);
        patience = good ? PATIENCE : 2 * patience;
        report.gap = from = now;
        spent = 0;
        left = good ? std::numeric_limits<double>::infinity() : 0;
        momentum_ = 0;
        if (good) continue;
      }
      const Index steps = std::min<Index>(SETTLE, max_iter - report.iterations);
      accelerate(steps, watch);
      report.iterations += steps;
      spent += steps * step_cost();
      report.gap = gap();
      if (!std::isfinite(from)) from = report.gap;
      left = report.gap < from ? spent * std::log(report.gap / target) / std::log(from / report.gap) : spent;
      if (stalled(report.gap)) break;
    }
    // A gap at rounding still leaves the root of it in x: Newton steps square what is left, judged by the gap.
    for (int k = 0; polish && k < 2 && report.gap <= target; ++k) {
      Pattern here;
      if (!J_.pattern(units_, x_.data(), here) || (minimised_ && same_as_last(here))) break;
      pat_ = std::move(here);
      if (plain_cost(active_coordinates()) > POLISH * step_cost()) break;
      const std::vector<double> kept = x_, image_kept = ix_;
      const double before = report.gap;
      if (!newton_step(1e-13)) break;
      ++report.newtons;
      ++report.iterations;
      report.gap = gap();
      if (report.gap > std::max(before, 1e-15 * std::abs(F_))) {
        x_ = kept;
        ix_ = image_kept;
        report.gap = before;
        break;
      }
    }
    lipschitz = L_;
    std::copy(x_.begin(), x_.end(), x);
    return report;
  }

 private:
  double objective(const std::vector<double>& x, const std::vector<double>& img) {
    return f_.value(x.data(), img.data()) + alpha_ * J_.value(units_, x.data());
  }
  double gap() {
    f_.settle(x_.data(), ix_.data());
    f_.gradient(x_.data(), ix_.data(), g_.data());
    for (Index j = 0; j < m_; ++j) z_[j] = -g_[j];
    F_ = objective(x_, ix_);
    const double least = F_ - f_.dual(x_.data(), ix_.data(), alpha_, alpha_);
    const double D = J_.dual_bound(units_, x_.data(), z_.data(), alpha_, enough_for(alpha_, F_, least, goal_));
    return std::max(D > alpha_ ? F_ - f_.dual(x_.data(), ix_.data(), alpha_, D) : least, 0.0);
  }
  // Rounding floors the gap: stop when ten rounds have not improved it.
  bool stalled(double gap) {
    if (gap < 0.9 * best_) {
      best_ = gap;
      rounds_ = 0;
    }
    return ++rounds_ > 10 && gap < 1e-9 * std::max(F_, 1e-300);
  }

  // One proximal-gradient step from (y, iy) to (cand, icand); raises L until it majorises along the step.
  void prox_step(const std::vector<double>& y, const std::vector<double>& iy) {
    f_.gradient(y.data(), iy.data(), g_.data());
    std::vector<double>&d = step_, &di = istep_;
    d.resize(dim_);
    di.resize(img_size_);
    for (int tries = 0; tries < 60; ++tries) {
      for (Index j = 0; j < dim_; ++j) cand_[j] = y[j] - g_[j] / L_;
      J_.prox(units_, cand_.data(), alpha_ / L_);
      f_.image(cand_.data(), icand_.data());
      double size = 0;
      for (Index j = 0; j < dim_; ++j) d[j] = cand_[j] - y[j], size += d[j] * d[j];
      J_.set_precision(0.1 * std::sqrt(size / dim_));
      // Differences at the rounding of the images are noise: taken for curvature they would drive L up without end.
      for (Index i = 0; i < img_size_; ++i) {
        di[i] = icand_[i] - iy[i];
        if (std::abs(di[i]) <= 8 * EPSILON * (std::abs(icand_[i]) + std::abs(iy[i]))) di[i] = 0;
      }
      const double curv = f_.curvature(iy.data(), d.data(), di.data());
      if (curv <= L_ * size * (1 + 1e-10) || size == 0) return;
      overflow_ = !std::isfinite(curv) && !(L_ < 1e300);
      if (overflow_) return;
      L_ = std::isfinite(curv) ? std::clamp(1.05 * curv / size, 1.1 * L_, 10 * L_) : 10 * L_;
    }
  }

  // Multiply-adds of one proximal-gradient step and of one Newton step; only their ratio matters.
  double step_cost() const { return f_.step_cost() + 40.0 * dim_; }
  double active_coordinates() const {
    double a = f_.free();
    for (Index u : pat_.part) a += part_size(u);
    return a;
  }
  double newton_cost() const {
    const double a = active_coordinates();
    return std::min(plain_cost(a), wide_cost(a)) + f_.step_cost();
  }
  // Whether the penalty is linear on the pattern: no tangents, no smooth norms.
  bool flat(double a) const { return a == pat_.part.size() + f_.free() && pat_.smooth.empty(); }
  double plain_cost(double a) const {
    const double d = a - (static_cast<double>(pat_.part.size()) - pat_.slope.size());
    return f_.hessian_cost(a) + (flat(a) ? 6 : 26) * a * a + d * d * d / 6;
  }
  // The same through the rows: the tangents are eliminated by an n x n matrix instead of their own.
  double wide_cost(double a) const {
    const double n = f_.root_columns(), blocks = pat_.slope.size() + f_.free();
    if (n == 0 || a <= n || pat_.single || flat(a)) return std::numeric_limits<double>::infinity();
    return n * n * (0.5 * a + n / 6 + 0.5 * blocks) + 8 * a * n;
  }

  // FISTA with restart on the gradient test (O'Donoghue & Candes); momentum is kept until a Newton step moves x.
  void accelerate(Index steps, Watch& watch) {
    if (momentum_ == 0) {
      last_ = x_;
      ilast_ = ix_;
      momentum_ = 1;
      L_ *= 0.95;
    }
    minimised_ = false;
    double& t = momentum_;
    for (Index k = 0; k < steps && !watch.stopped() && !overflow_; ++k) {
      const double next = 0.5 * (1 + std::sqrt(1 + 4 * t * t)), beta = (t - 1) / next;
      for (Index j = 0; j < dim_; ++j) y_[j] = x_[j] + beta * (x_[j] - last_[j]);
      for (Index i = 0; i < img_size_; ++i) iy_[i] = ix_[i] + beta * (ix_[i] - ilast_[i]);
      prox_step(y_, iy_);
      double uphill = 0;
      for (Index j = 0; j < dim_; ++j) uphill += (y_[j] - cand_[j]) * (cand_[j] - x_[j]);
      last_.swap(x_);
      ilast_.swap(ix_);
      x_.swap(cand_);
      ix_.swap(icand_);
      t = next;
      if (uphill > 0) {  // a fresh start, also for L: what majorised along the first long steps is more than later ones need
        t = 1;
        L_ *= RELAX;
      }
    }
  }

  // Newton on the pattern at x, in coordinates where a unit is (radius, tangent): the penalty is linear in the radii, and
  // its only curvature is slope / radius on the tangents. Followed by one proximal step, which may change the pattern.
  // `slack` is how much the objective may rise, relatively: none, or its rounding for a last step.
  bool newton_step(double slack = 0) {
    const Index actives = static_cast<Index>(pat_.part.size()), blocks = static_cast<Index>(pat_.slope.size());
    coords_.clear();
    at_.clear();
    for (Index u : pat_.part) {
      at_.push_back(static_cast<Index>(coords_.size()));
      for (Index j = 0; j < part_size(u); ++j) coords_.push_back(part_start(u) + j);
    }
    minimised_ = false;
    const Index q = f_.free(), a = static_cast<Index>(coords_.size()), full = a + q;
    const Index d = full - (actives - blocks);
    wide_ = wide_cost(full) < plain_cost(full);
    if (d == 0 || (full > NEWTON_LIMIT && !wide_)) return false;
    f_.gradient(x_.data(), ix_.data(), g_.data());
    rhs_.assign(full, 0.0);
    for (Index i = 0; i < a; ++i) rhs_[i] = g_[coords_[i]];
    for (Index k = 0; k < q; ++k) rhs_[a + k] = g_[m_ + k];
    radius_.resize(actives);
    frame_.resize(actives);
    const Index size = wide_ ? blocks + q : d;
    if (flat(full)) {
      collapse_signed(actives, blocks, full, d);
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
      if (!wide_) collapse_rotated(full, d);
      if (wide_ && !collapse_by_rows(full, size)) return false;
    }
    block_radius_.assign(blocks, 0.0);
    for (Index k = 0; k < actives; ++k) block_radius_[pat_.block[k]] = radius_[k];
    dir_ = slope_;
    factor_ = R_;
    cholesky(factor_.data(), size, size, 1e-12, factor_pinned_);
    cholesky_solve(factor_.data(), size, size, factor_pinned_, dir_.data());

    // Where radii would cross, those blocks are joined; both ends of the step are then in order, and so is all between.
    // Shorter steps serve where the loss is far from its quadratic model.
    // Joining many at once is a guess; where it does not pay, blocks are joined one at a time.
    const bool crossing = crosses(blocks);
    if (crossing) {
      for (Index i = 0; i < size; ++i)
        for (Index j = 0; j < i; ++j) R_[j * size + i] = R_[i * size + j];
      const std::vector<double> straight = dir_;
      join_crossing_blocks(size, blocks);
      if (model_change(size) < 0 && try_steps(actives, a, q, slack) > 0) return true;
      dir_ = straight;
      walk(size, blocks);
    }
    const double taken = try_steps(actives, a, q, slack);
    minimised_ = taken == 1 && flat(full) && !crossing && f_.quadratic();
    return taken > 0;
  }

  // The model  v'R v / 2 - slope'v  where every unit is one coordinate: radii are the coordinates up to sign, and come by
  // block. The lower triangle of R is made from that of H.
  void collapse_signed(Index actives, Index blocks, Index full, Index d) {
    H_.resize(full * full);
    f_.hessian(ix_.data(), coords_, H_.data(), full);
    R_.assign(d * d, 0.0);
    slope_.assign(d, 0.0);
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
    for (Index i = 0; i < full; ++i) {
      const double *h = H_.data() + i * full, s = row_[i];
      double* r = R_.data() + target_[i] * d;
      for (Index j = 0; j <= i; ++j) r[target_[j]] += s * row_[j] * h[j];
      for (Index j = i; j-- > 0 && target_[j] == target_[i];) r[target_[i]] += s * row_[j] * h[j];  // the pair (j, i)
      slope_[target_[i]] -= s * rhs_[i];
    }
    for (Index b = 0; b < blocks; ++b) slope_[b] -= alpha_ * pat_.slope[b];
  }

  // The same where units have tangents or smooth norms: units are turned so that the first coordinate is their radius.
  void collapse_rotated(Index full, Index d) {
    H_.resize(full * full);
    f_.hessian(ix_.data(), coords_, H_.data(), full);
    for (Index i = 0; i < full; ++i)
      for (Index j = 0; j < i; ++j) H_[j * full + i] = H_[i * full + j];
    add_smooth_norms(full);
    for (size_t t = 0; t < frame_.size(); ++t) {
      reflect_rows(t, H_.data(), full);
      reflect_columns(t, H_.data(), full);
      reflect_rows(t, rhs_.data(), 1);
    }
    R_.assign(d * d, 0.0);
    slope_.assign(d, 0.0);
    for (Index i = 0; i < full; ++i) {
      row_.assign(d, 0.0);
      for (Index j = 0; j < full; ++j) row_[target_[j]] += H_[i * full + j];
      for (Index j = 0; j < d; ++j) R_[target_[i] * d + j] += row_[j];
      slope_[target_[i]] -= rhs_[i];
    }
    for (size_t b = 0; b < pat_.slope.size(); ++b) slope_[b] -= alpha_ * pat_.slope[b];
    for (size_t t = 0; t < frame_.size(); ++t)
      for (Index j = 1; j < part_size(pat_.part[t]); ++j) {
        const Index r = target_[at_[t] + j];
        R_[r * d + r] += bend(t);
      }
  }
  // Curvature of the penalty along the tangents of a part: the slope it carries over its radius.
  double bend(Index t) const { return std::max(0.0, -rhs_[at_[t]]) / radius_[t]; }

  // The same with H = B B' and the tangents x_t = D^{-1} (slope_t - B_t z), z = B'x, minimised out: with
  // M = I + B_t' D^{-1} B_t, of the size of the data's rows, what is left is B_s M^{-1} B_s' over radii and free coordinates.
  // False where a tangent has no curvature of its own.
  bool collapse_by_rows(Index full, Index size) {
    const Index n = f_.root_columns(), tangents = full - static_cast<Index>(frame_.size()) - f_.free();
    H_.resize(full * n);
    f_.root(ix_.data(), coords_, H_.data());
    for (size_t t = 0; t < frame_.size(); ++t) {
      reflect_rows(t, H_.data(), n);
      reflect_rows(t, rhs_.data(), 1);
      if (!(bend(t) > 0) && part_size(pat_.part[t]) > 1) return false;
    }
    across_.resize(n * tangents);
    std::vector<std::pair<const double*, double>> scaled;  // rows of B over the tangents, and what D makes of them
    S_.assign(size * n, 0.0);
    z_rows_.assign(n, 0.0);
    slope_.assign(size, 0.0);
    for (size_t b = 0; b < pat_.slope.size(); ++b) slope_[b] -= alpha_ * pat_.slope[b];
    for (size_t t = 0; t < frame_.size(); ++t)
      for (Index j = 1; j < part_size(pat_.part[t]); ++j) {
        const Index i = at_[t] + j;
        const double* b = H_.data() + i * n;
        scaled.emplace_back(b, 1 / std::sqrt(bend(t)));
        axpy(-rhs_[i] / bend(t), b, z_rows_.data(), n);
      }
    for (Index top = 0; top < n; top += 8)  // a line of the cache at a time
      for (Index i = 0; i < tangents; ++i)
        for (Index r = top; r < std::min(top + 8, n); ++r) across_[r * tangents + i] = scaled[i].second * scaled[i].first[r];
    for (Index i = 0; i < full; ++i)
      if (target_[i] < size) {
        axpy(1.0, H_.data() + i * n, S_.data() + target_[i] * n, n);
        slope_[target_[i]] -= rhs_[i];
      }
    M_.resize(n * n);
    gram_rows(across_.data(), n, tangents, tangents, M_.data(), n);
    for (Index r = 0; r < n; ++r) M_[r * n + r] += 1;
    std::vector<char> none;
    cholesky(M_.data(), n, n, 0, none);
    solve_lower(M_.data(), n, n, none, z_rows_.data());
    for (Index i = 0; i < size; ++i) {
      solve_lower(M_.data(), n, n, none, S_.data() + i * n);
      slope_[i] -= dot(S_.data() + i * n, z_rows_.data(), n);
    }
    R_.resize(size * size);
    gram_rows(S_.data(), size, n, n, R_.data(), size);
    for (Index i = 0; i < size; ++i)
      for (Index j = 0; j < i; ++j) R_[j * size + i] = R_[i * size + j];
    across_.swap(S_);  // L^{-1} B_s', for the way back
    return true;
  }
  // Tangents that collapse_by_rows eliminated, for the radii and free coordinates in dir_.
  void find_tangents(Index full, Index size) {
    const Index n = f_.root_columns();
    std::vector<double> z = z_rows_;
    for (Index i = 0; i < size; ++i) axpy(dir_[i], across_.data() + i * n, z.data(), n);
    solve_lower_transposed(M_.data(), n, n, std::vector<char>(n, 0), z.data());
    dir_.resize(full - static_cast<Index>(frame_.size()) + static_cast<Index>(pat_.slope.size()));
    for (size_t t = 0; t < frame_.size(); ++t)
      for (Index j = 1; j < part_size(pat_.part[t]); ++j) {
        const Index i = at_[t] + j;
        dir_[target_[i]] = (-rhs_[i] - dot(H_.data() + i * n, z.data(), n)) / bend(t);
      }
  }

  // The part of the direction that was taken; 0 when none lowers the objective.
  double try_steps(Index actives, Index a, Index q, double slack) {
    if (wide_) find_tangents(a + q, static_cast<Index>(pat_.slope.size()) + q);
    double t = 1;
    for (int tries = 0; tries < 8; ++tries, t *= 0.4)
      if (try_step(t, actives, a, q, slack)) return t;
    return 0;
  }
  bool same_as_last(const Pattern& pattern) {
    if (pattern.part.size() != pat_.part.size() || pattern.slope.size() != pat_.slope.size()) return false;
    place_.assign(m_, -1);
    for (size_t i = 0; i < pat_.part.size(); ++i) place_[pat_.part[i]] = pat_.block[i];
    for (size_t i = 0; i < pattern.part.size(); ++i)
      if (place_[pattern.part[i]] != pattern.block[i]) return false;
    return true;
  }
  // What the direction changes in the quadratic model.
  double model_change(Index d) const {
    double s = 0;
    for (Index i = 0; i < d; ++i) s += dir_[i] * (0.5 * dot(R_.data() + i * d, dir_.data(), d) - slope_[i]);
    return s;
  }

  // The same model minimised by the active-set method: go straight until two blocks meet or one reaches 0, tie or hold
  // those, and go on from there. Every leg lowers the model, so the end is downhill from the start.
  // With R = L L' and y = L'v the model is |y - L^{-1} slope|^2 / 2, and a tie or hold a'v = 0 is w'y = 0 with w = L^{-1} a:
  // what is left to go is the residual less its parts along the w so far, kept orthonormal.
  void walk(Index d, Index blocks) {
    std::vector<double> at(block_radius_), moved(d, 0.0), goal = dir_, left = slope_, ties;
    solve_lower(factor_.data(), d, d, factor_pinned_, left.data());
    std::vector<Index> owner(blocks);
    std::iota(owner.begin(), owner.end(), Index{0});
    const auto tied = [&](Index b) { return pat_.ordered && b + 1 < blocks && owner[b + 1] == owner[b]; };
    Index rank = 0;
    for (Index legs = 0; legs <= blocks; ++legs) {
      // The first meeting on the way.
      double t = 1;
      Index met = -1;
      for (Index b = 0; b < blocks; ++b) {
        if (owner[b] < 0 || tied(b)) continue;
        const bool next_held = !pat_.ordered || b + 1 == blocks || owner[b + 1] < 0;
        const double room = at[b] - (next_held ? 0.0 : at[b + 1]), closing = (next_held ? 0.0 : goal[b + 1]) - goal[b];
        if (closing > 0 && room < t * closing) t = std::max(room, 0.0) / closing, met = b;
      }
      for (Index i = 0; i < d; ++i) moved[i] += t * goal[i];
      for (Index b = 0; b < blocks; ++b) at[b] += t * goal[b];
      if (met < 0) break;
      // Blocks are tied or held for good: the pool of `met` takes in the next one, or is held at 0.
      const Index mine = owner[met];
      const bool hold = !pat_.ordered || met + 1 == blocks || owner[met + 1] < 0;
      const Index theirs = hold ? -1 : owner[met + 1];
      for (Index b = 0; b < blocks; ++b)
        if (owner[b] == mine) owner[b] = theirs;
      ties.resize((rank + 1) * d, 0.0);
      double* w = ties.data() + rank * d;
      std::fill_n(w, d, 0.0);
      w[met] = 1;
      if (!hold) w[met + 1] = -1;
      solve_lower(factor_.data(), d, d, factor_pinned_, w);
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
      solve_lower_transposed(factor_.data(), d, d, factor_pinned_, goal.data());
      for (Index b = 0; b < blocks; ++b) {  // exactly, not up to rounding
        if (owner[b] < 0) goal[b] = 0;
        if (tied(b)) goal[b + 1] = goal[b];
      }
    }
    dir_ = moved;
  }

  bool try_step(double t, Index actives, Index a, Index q, double slack) {
    move(t, actives, a, q);
    f_.image(y_.data(), iy_.data());
    J_.set_precision(0);
    prox_step(y_, iy_);
    const double F1 = objective(cand_, icand_);
    if (!(F1 < F_ + slack * std::abs(F_))) return false;
    x_.swap(cand_);
    ix_.swap(icand_);
    F_ = F1;
    return true;
  }

  // The minimiser of the same model  v'R v / 2 - h'v  over (radii, tangents, free) with radii >= 0 and in order: blocks out
  // of order share one radius, those that would be negative are held at 0, and what is left is solved again until all fit.
  void join_crossing_blocks(Index d, Index blocks) {
    std::vector<double> h = slope_, v(d), share;
    std::vector<Index> owner(d), first;
    std::iota(owner.begin(), owner.end(), Index{0});
    for (Index i = 0; i < d; ++i) h[i] += dot(R_.data() + i * d, block_radius_.data(), blocks);
    for (Index i = 0; i < d; ++i) v[i] = dir_[i] + (i < blocks ? block_radius_[i] : 0.0);
    Index size = d;
    for (Index before = d + 1; size < before;) {  // pools only grow
      // Pool adjacent violators over the radii: `first` block of each pool, its mean in `share`.
      before = size;
      first.clear();
      share.clear();
      std::vector<Index> count;
      for (Index b = 0; b < blocks; ++b) {
        double mean = v[b];
        Index members = 1, from = b;
        while (pat_.ordered && !share.empty() && share.back() <= mean + 1e-12 * std::abs(mean)) {
          mean = (share.back() * count.back() + mean * members) / (count.back() + members);
          members += count.back();
          from = first.back();
          first.pop_back(), share.pop_back(), count.pop_back();
        }
        first.push_back(from), share.push_back(mean), count.push_back(members);
      }
      size = 0;
      for (size_t k = 0; k < first.size(); ++k) {
        const Index stop = k + 1 < first.size() ? first[k + 1] : blocks;
        for (Index b = first[k]; b < stop; ++b) owner[b] = share[k] > 0 ? size : -1;
        size += share[k] > 0;
      }
      for (Index i = blocks; i < d; ++i) owner[i] = size++;
      S_.assign(size * size, 0.0);
      std::vector<double> x(size, 0.0);
      for (Index i = 0; i < d; ++i) {
        if (owner[i] < 0) continue;
        for (Index j = 0; j < d; ++j)
          if (owner[j] >= 0) S_[owner[i] * size + owner[j]] += R_[i * d + j];
        x[owner[i]] += h[i];
      }
      cholesky(S_.data(), size, size, 1e-12, pinned_);
      cholesky_solve(S_.data(), size, size, pinned_, x.data());
      for (Index i = 0; i < d; ++i) v[i] = owner[i] < 0 ? 0.0 : x[owner[i]];
    }
    for (Index i = 0; i < d; ++i) dir_[i] = v[i] - (i < blocks ? block_radius_[i] : 0.0);
  }

  Index part_size(Index u) const { return pat_.single ? 1 : units_.size(u); }
  Index part_start(Index u) const { return pat_.single ? u : units_.offset[u]; }

  // The smooth norms of the pattern: factor * |c_u| has gradient factor * d and Hessian factor / |c_u| (I - d d'), d = c_u / |c_u|.
  void add_smooth_norms(Index full) {
    if (pat_.smooth.empty()) return;
    place_.assign(m_, -1);
    for (size_t i = 0; i < coords_.size(); ++i) place_[coords_[i]] = static_cast<Index>(i);
    for (const auto& [u, factor] : pat_.smooth) {
      const double* c = x_.data() + units_.offset[u];
      const double r = std::sqrt(norm2(c, units_.size(u)));
      for (Index i = 0; i < units_.size(u); ++i) {
        const Index a = place_[units_.offset[u] + i];
        if (a < 0) continue;
        const double f = alpha_ * factor / r, di = c[i] / r;
        rhs_[a] += f * c[i];
        H_[a * full + a] += f;
        for (Index j = 0; j < units_.size(u); ++j) {
          const Index b = place_[units_.offset[u] + j];
          if (b >= 0) H_[a * full + b] -= f * di * c[j] / r;
        }
      }
    }
  }

  // The radius of part t, and the reflection after which its first coordinate points along it.
  void frame_unit(Index t) {
    const Index u = pat_.part[t], size = part_size(u);
    const double* c = x_.data() + part_start(u);
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
  // The rows of part t, and the columns, of a matrix over the coordinates.
  void reflect_rows(Index t, double* M, Index columns) {
    const std::vector<double>& v = frame_[t];
    const Index size = part_size(pat_.part[t]);
    double* rows = M + at_[t] * columns;
    if (size > 1) {
      row_.assign(columns, 0.0);
      for (Index j = 0; j < size; ++j) axpy(v[j], rows + j * columns, row_.data(), columns);
      for (Index j = 0; j < size; ++j) axpy(-v[j], row_.data(), rows + j * columns, columns);
    }
    if (v.back() < 0)
      for (Index j = 0; j < columns; ++j) rows[j] = -rows[j];
  }
  void reflect_columns(Index t, double* M, Index rows) const {
    const std::vector<double>& v = frame_[t];
    const Index size = part_size(pat_.part[t]);
    for (Index i = 0; i < rows; ++i) {
      double* h = M + i * rows + at_[t];
      const double k = size > 1 ? dot(h, v.data(), size) : 0.0;
      for (Index j = 0; size > 1 && j < size; ++j) h[j] -= k * v[j];
      if (v.back() < 0) h[0] = -h[0];
    }
  }

  // Whether the step would make a radius negative or, where the penalty asks for order, take two out of it.
  bool crosses(Index blocks) const {
    for (Index b = 0; b < blocks; ++b) {
      const bool chained = pat_.ordered && b + 1 < blocks;
      const double gap = block_radius_[b] - (chained ? block_radius_[b + 1] : 0.0);
      if ((chained ? dir_[b + 1] : 0.0) - dir_[b] > gap) return true;
    }
    return false;
  }

  // y = x moved by t along the direction; units keep the radius the step gives them, so ties stay exact.
  void move(double t, Index actives, Index a, Index q) {
    y_ = x_;
    std::vector<double> w;
    for (Index k = 0; k < actives; ++k) {
      const Index u = pat_.part[k], size = part_size(u);
      double* c = y_.data() + part_start(u);
      const double r = block_radius_[pat_.block[k]] + t * dir_[pat_.block[k]];
      if (size == 1) {
        c[0] = frame_[k][0] * r;
        continue;
      }
      const std::vector<double>& v = frame_[k];
      w.assign(size, 0.0);
      double length = radius_[k] * radius_[k];
      for (Index j = 1; j < size; ++j) {
        w[j] = t * dir_[target_[at_[k] + j]];
        length += w[j] * w[j];
      }
      w[0] = radius_[k];
      const double scale = r / std::sqrt(length);
      w[0] *= v.back();
      const double h = dot(w.data(), v.data(), size);
      for (Index j = 0; j < size; ++j) c[j] = (w[j] - h * v[j]) * scale;
    }
    for (Index k = 0; k < q; ++k) y_[m_ + k] = x_[m_ + k] + t * dir_[target_[a + k]];
  }

  const Smooth& f_;
  Penalty& J_;
  const Units& units_;
  static constexpr double EPSILON = std::numeric_limits<double>::epsilon();
  static constexpr Index NEWTON_LIMIT = 1200;  // unknowns; beyond, the matrices cost more memory and time than they save
  static constexpr double PATIENCE = 2;  // Newton steps
  static constexpr double RELAX = 0.65;
  static constexpr double POLISH = 100;  // in proximal steps
  static constexpr Index SETTLE = 8;  // steps between two looks at the gap
  double alpha_, goal_ = 0, momentum_ = 0, F_ = 0, L_ = 1, best_ = std::numeric_limits<double>::infinity();
  int rounds_ = 0;
  bool minimised_ = false;  // x minimises the objective over the pattern the last Newton step had
  bool wide_ = false;      // the tangents of the last model were eliminated
  bool overflow_ = false;  // no step is short enough for the numbers to stay finite
  Index m_, dim_, img_size_;
  std::vector<double> x_, last_, y_, cand_, g_, z_, ix_, ilast_, iy_, icand_, step_, istep_;
  Pattern pat_;
  std::vector<Index> coords_, at_, target_, place_;
  std::vector<double> H_, R_, S_, M_, across_, z_rows_, factor_, slope_, rhs_, dir_, row_, radius_, block_radius_;
  std::vector<std::vector<double>> frame_;
  std::vector<char> pinned_, factor_pinned_;
};

}  // namespace ss
