// Minimise  f(x) + alpha J(c)  on one working set: accelerated proximal gradient finds the pattern, Newton steps on the
// pattern (its zeros, signs and ties fixed) finish. A Newton step is kept only if it lowers the objective; the gap decides the end.
#pragma once
#include <limits>

#include "block_descent.hpp"
#include "control.hpp"
#include "pattern_newton.hpp"

namespace ss {

struct SolveReport {
  double gap = std::numeric_limits<double>::infinity();
  Index iterations = 0;  // steps of any kind: proximal gradient, Newton, sweeps
  Index newtons = 0;
};

class Solver {
 public:
  // With `blocks`, those of f, units are moved one by one first.
  Solver(const Smooth& f, Penalty& penalty, const Units& units, double alpha, BlockDescent* blocks)
      : f_(f), blocks_(blocks), J_(penalty), units_(units), newton_(f, pat_, units, alpha), alpha_(alpha), m_(f.coordinates()),
        dim_(f.coordinates() + f.free()), img_size_(f.image_size()) {
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
  // While the gap is above `coarse`, first-order steps may round more than doubles do.
  // With `polish` a last Newton step brings the answer to rounding, where it is affordable.
  // `resumed`: x is where first-order steps on a rounded model have ended, and a Newton step is due.
  SolveReport solve(double* x, double& lipschitz, double target, double coarse, Index max_iter, bool polish, bool resumed,
                    Watch& watch) {
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
    double level = F_, pace = 0;  // the objective at `from`, and its last fall for the work of first-order steps
    Index actives = -1, blocks = -1;
    bool due = resumed;  // a Newton step is, whether or not the pattern has settled
    while (report.gap > target && report.iterations < max_iter && !watch.stopped() && !overflow_) {
      // A Newton step is tried once the pattern has settled and first-order steps would cost more than it does, or it is
      // paid for: the polish needs a factor, and this is it. Early on a path it costs next to nothing and is tried at once.
      // One that served well is followed by the next: units join and part at each of them where many are tied, and proximal
      // steps, waited for, would part them again.
      const bool smooth_here = J_.pattern(units_, x_.data(), pat_);
      const double price = newton_.cost();
      const bool settled = actives == static_cast<Index>(pat_.part.size()) && blocks == static_cast<Index>(pat_.slope.size());
      actives = pat_.part.size(), blocks = pat_.slope.size();
      const bool paid = polish && report.newtons == 0 && newton_.plain_cost() <= POLISH * step_cost();
      const bool cheap = price <= SETTLE * step_cost() && spent + SETTLE * step_cost() >= patience * price;
      if (smooth_here && (due || cheap || (settled && (paid || left >= patience * price)))) {
        const double before = F_;
        refine();
        if (spent > 0) pace = std::max(level - before, 0.0) / spent;
        const bool moved = newton_step();
        ++report.newtons;
        ++report.iterations;
        const double now = gap();
        // A step that lowers the objective by more than first-order steps do for its price is worth its turn; and where the loss
        // is linear far out, whose gap says little before the end, it is followed by the next as one that closes the gap.
        const bool pays = moved && before - F_ > std::max(pace * price, 1e-13 * std::abs(F_));
        due = moved && ((pays && f_.flat()) || now < 0.3 * std::min(report.gap, reached));
        reached = std::min(now, reached);
        patience = due || pays ? PATIENCE : 2 * patience;
        report.gap = from = now;
        level = F_;
        spent = 0;
        left = 0;
        momentum_ = 0;
        if (due) continue;
      }
      due = false;
      const Index steps = std::min<Index>(SETTLE, max_iter - report.iterations);
      if (MANY_TIES * (actives - blocks) > actives) blocks_ = nullptr;
      if (blocks_) {
        const Index swept = descend(steps, target, report.gap);
        report.iterations += swept;
        spent += swept * step_cost();
      }
      // The gap of a quadratic costs less than a step: looked at half way too.
      for (Index done = 0; !blocks_ && done < steps && report.gap > target;) {
        const Index some = f_.quadratic() ? std::min(steps - done, SETTLE / 2) : steps;
        if (f_.rounds() && report.gap > coarse)
          coarse_ = true;
        else
          refine();
        accelerate(some, watch);
        done += some;
        report.iterations += some;
        spent += some * step_cost();
        report.gap = gap();
      }
      if (!std::isfinite(from)) from = report.gap;
      left = report.gap < from ? spent * std::log(report.gap / target) / std::log(from / report.gap) : spent;
      if (stalled(report.gap)) break;
    }
    refine();
    if (report.gap > target && held_gap_ < report.gap) {  // the last point is not always the best
      x_ = held_;
      f_.image(x_.data(), ix_.data());
      report.gap = gap();
    }
    if (polish) finish(target, report);
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
    const double gap = std::max(D > alpha_ ? F_ - f_.dual(x_.data(), ix_.data(), alpha_, D) : least, 0.0);
    if (gap < held_gap_) {
      held_gap_ = gap;
      held_ = x_;
    }
    return gap;
  }
  // Rounding floors the gap: stop when ten rounds have not improved it.
  bool stalled(double gap) {
    if (gap < 0.9 * best_) {
      best_ = gap;
      rounds_ = 0;
    }
    return ++rounds_ > 10 && gap < 1e-9 * std::max(F_, 1e-300);
  }

  // A gap at rounding still leaves the root of it in x: Newton steps take what is left to rounding, judged by the gap. One with
  // the factor of the last, where that ended near x on the same pattern, costs next to nothing; where it hardly serves, as when
  // a group is new and its curvature still changes, the next has its own.
  // Where the pattern was not yet that of the solution the gap may rise: the step after it has the next pattern.
  void finish(double target, SolveReport& report) {
    std::vector<double> kept, image_kept;
    double least = report.gap;
    bool failed = false;
    const int steps = served_ ? 3 : 2;  // without a new factor, more of them
    for (int k = 0; k < steps + failed && least <= target; ++k) {
      Pattern here;
      if (!J_.pattern(units_, x_.data(), here)) break;
      const bool same = same_as_last(here);
      if (minimised_ && same) break;
      pat_ = std::move(here);
      if (newton_.plain_cost() > POLISH * step_cost()) break;
      if (!failed) kept = x_, image_kept = ix_;
      const bool chord = served_ && same;
      const double before = report.gap, rounding = 1e-15 * std::abs(F_);
      if (!newton_step(1e-13, chord)) break;
      ++report.newtons;
      ++report.iterations;
      report.gap = gap();
      const bool worse = report.gap > std::max(least, rounding);
      if (chord && report.gap > std::max(0.1 * before, rounding)) served_ = false;
      failed = worse;
      if (worse && k > 0) break;
      if (!worse) least = report.gap;
    }
    if (failed) {
      x_.swap(kept);
      ix_.swap(image_kept);
      report.gap = least;
    }
  }

  // An end to coarse steps, and to what their rounding has left in the images.
  void refine() {
    if (!coarse_) return;
    coarse_ = false;
    f_.image(x_.data(), ix_.data());
    f_.image(last_.data(), ilast_.data());
  }

  // One proximal-gradient step from (y, iy) to (cand, icand); raises L until it majorises along the step.
  void prox_step(const std::vector<double>& y, std::vector<double>& iy) {
    bool coarse = coarse_;
    coarse ? f_.coarse_gradient(y.data(), iy.data(), g_.data()) : f_.gradient(y.data(), iy.data(), g_.data());
    std::vector<double>&d = step_, &di = istep_;
    d.resize(dim_);
    di.resize(img_size_);
    for (int tries = 0; tries < 60; ++tries) {
      for (Index j = 0; j < dim_; ++j) cand_[j] = y[j] - g_[j] / L_;
      J_.prox(units_, cand_.data(), alpha_ / L_);
      coarse ? f_.coarse_image(cand_.data(), icand_.data()) : f_.image(cand_.data(), icand_.data());
      for (Index j = 0; j < dim_; ++j) d[j] = cand_[j] - y[j];
      const double size = norm2(d.data(), dim_);
      J_.set_precision(0.1 * std::sqrt(size / dim_));
      // Differences at the rounding of the images are noise: taken for curvature they would drive L up without end.
      for (Index i = 0; i < img_size_; ++i) {
        di[i] = icand_[i] - iy[i];
        if (std::abs(di[i]) <= 8 * EPSILON * (std::abs(icand_[i]) + std::abs(iy[i]))) di[i] = 0;
      }
      const double curv = f_.curvature(iy.data(), d.data(), di.data());
      if (curv <= L_ * size * (1 + 1e-10) || size == 0) return;
      if (coarse) {  // L is not raised for what may be rounding
        coarse = false;
        f_.image(y.data(), iy.data());
        f_.gradient(y.data(), iy.data(), g_.data());
        continue;
      }
      overflow_ = !std::isfinite(curv) && !(L_ < 1e300);
      if (overflow_) return;
      L_ = std::isfinite(curv) ? std::clamp(1.05 * curv / size, 1.1 * L_, 10 * L_) : 10 * L_;
    }
  }

  // Multiply-adds of one proximal-gradient step, to be compared with those of a Newton step.
  double step_cost() const { return f_.step_cost() + 40.0 * dim_; }

  // Sweeps over the units, one by one, while they take their share off the gap. Where they do not, norms are to be tied or
  // parted several at once, which is what proximal steps do: they take over.
  Index descend(Index steps, double target, double& gap_now) {
    momentum_ = 0;
    minimised_ = served_ = false;
    Index slow = 0, unseen = 0, ahead = 1;  // sweeps since the gap was looked at, and from that look to the next
    Index k = 0;
    while (k < steps && gap_now > target) {
      y_ = x_;
      iy_ = ix_;
      blocks_->sweep(y_.data(), iy_.data());
      const bool moved = shorten();
      ++k;
      if (++unseen < ahead && moved && k < steps) continue;
      const double before = gap_now;
      gap_now = gap();
      const double rate = std::pow(gap_now / before, 1.0 / unseen);
      slow = moved && rate < SWEPT ? 0 : slow + 1;
      if (!moved || slow > 1) {
        blocks_ = nullptr;
        break;
      }
      unseen = 0;
      ahead = rate * rate * gap_now > target ? 2 : 1;  // a look costs a third of a sweep
    }
    return k;
  }
  // From x towards y, where a sweep of the loss's model has led, as far as lowers the objective.
  bool shorten() {
    for (int tries = 0; tries < 4; ++tries) {
      const double F = objective(y_, iy_);
      if (F < F_) {
        F_ = F;
        x_.swap(y_);
        ix_.swap(iy_);
        return true;
      }
      for (Index j = 0; j < dim_; ++j) y_[j] = x_[j] + 0.4 * (y_[j] - x_[j]);
      for (Index i = 0; i < img_size_; ++i) iy_[i] = ix_[i] + 0.4 * (iy_[i] - ix_[i]);
    }
    return false;
  }

  // FISTA with restart on the gradient test (O'Donoghue & Candes); momentum is kept until a Newton step moves x.
  void accelerate(Index steps, Watch& watch) {
    if (momentum_ == 0) {
      last_ = x_;
      ilast_ = ix_;
      momentum_ = 1;
      L_ *= 0.95;
    }
    minimised_ = served_ = false;
    double& t = momentum_;
    for (Index k = 0; k < steps && !watch.stopped() && !overflow_; ++k) {
      const double next = 0.5 * (1 + std::sqrt(1 + 4 * t * t)), beta = (t - 1) / next;
      for (Index j = 0; j < dim_; ++j) y_[j] = x_[j] + beta * (x_[j] - last_[j]);
      for (Index i = 0; i < img_size_; ++i) iy_[i] = ix_[i] + beta * (ix_[i] - ilast_[i]);
      prox_step(y_, iy_);
      // (y - cand)'(cand - x); what was last_ is not needed any more
      for (Index j = 0; j < dim_; ++j) last_[j] = cand_[j] - x_[j];
      const double uphill = -dot(step_.data(), last_.data(), dim_);
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

  bool same_as_last(const Pattern& pattern) {
    if (pattern.part.size() != pat_.part.size() || pattern.slope.size() != pat_.slope.size()) return false;
    place_.assign(m_, -1);
    for (size_t i = 0; i < pat_.part.size(); ++i) place_[pat_.part[i]] = pat_.block[i];
    for (size_t i = 0; i < pattern.part.size(); ++i)
      if (place_[pattern.part[i]] != pattern.block[i]) return false;
    return true;
  }
  // A Newton step and one proximal step, which may change the pattern. g_ is the gradient at x.
  // `slack` is how much the objective may rise, relatively: none, or its rounding for a last step.
  bool newton_step(double slack = 0, bool chord = false) {
    const double taken =
        newton_.step(x_.data(), ix_.data(), g_.data(), chord, [&](const std::vector<double>& y) { return try_point(y, slack); });
    served_ = taken == 1 && !newton_.crossed();
    minimised_ = served_ && newton_.flat() && f_.quadratic();
    return taken > 0;
  }
  bool try_point(const std::vector<double>& y, double slack) {
    y_ = y;
    f_.image(y_.data(), iy_.data());
    if (f_.flat() && slack == 0) search_ray();
    J_.set_precision(0);
    prox_step(y_, iy_);
    const double F1 = objective(cand_, icand_);
    if (!(F1 < F_ + slack * std::abs(F_))) return false;
    x_.swap(cand_);
    ix_.swap(icand_);
    F_ = F1;
    return true;
  }
  // Move y along the ray from x to where the objective is least. A loss that is linear far out is not the model's where rows
  // pass from one piece to another: the way is right, and its length may be by orders of magnitude too short or too long.
  void search_ray() {
    std::vector<double>&d = step_, &di = istep_;
    d.resize(dim_);
    di.resize(img_size_);
    for (Index j = 0; j < dim_; ++j) d[j] = y_[j] - x_[j];
    for (Index i = 0; i < img_size_; ++i) di[i] = iy_[i] - ix_[i];
    const auto value_at = [&](double t) {  // images of a ray are a ray: no product with X
      for (Index j = 0; j < dim_; ++j) cand_[j] = x_[j] + t * d[j];
      for (Index i = 0; i < img_size_; ++i) icand_[i] = ix_[i] + t * di[i];
      return objective(cand_, icand_);
    };
    const double whole = value_at(1);
    double low = 0, t = 1, high = std::numeric_limits<double>::infinity(), F = whole;
    for (int k = 0; k < 20 && !(F < F_); ++k) {
      high = t;
      F = value_at(t *= 0.25);
    }
    if (!(F < F_)) return;
    for (int k = 0; k < 40 && !std::isfinite(high); ++k) {
      const double further = value_at(2 * t);
      if (!(further < F)) {
        high = 2 * t;
      } else {
        low = t;
        t *= 2;
        F = further;
      }
    }
    for (int k = 0; k < 24 && std::isfinite(high); ++k) {  // golden sections
      const bool right = high - t > t - low;
      const double s = t + 0.382 * (right ? high - t : low - t), value = value_at(s);
      if (value < F) {
        (right ? low : high) = t;
        t = s;
        F = value;
      } else {
        (right ? high : low) = s;
      }
    }
    if (whole <= F + 1e-14 * std::abs(F)) return;  // where no row passes the model is right, and so is its length
    for (Index j = 0; j < dim_; ++j) y_[j] = x_[j] + t * d[j];
    f_.image(y_.data(), iy_.data());
  }

  const Smooth& f_;
  BlockDescent* blocks_;
  Penalty& J_;
  const Units& units_;
  Pattern pat_;
  PatternNewton newton_;
  static constexpr double EPSILON = std::numeric_limits<double>::epsilon();
  static constexpr double PATIENCE = 2;  // Newton steps
  static constexpr double RELAX = 0.65;  // of L, at a restart
  static constexpr double POLISH = 100;  // in proximal steps
  static constexpr Index MANY_TIES = 2;  // one in so many active units: sweeps no longer serve
  static constexpr double SWEPT = 0.9;  // of the gap, at most left by a sweep that serves
  static constexpr Index SETTLE = 8;  // steps between two looks at the pattern
  double alpha_, goal_ = 0, momentum_ = 0, F_ = 0, L_ = 1, best_ = std::numeric_limits<double>::infinity();
  int rounds_ = 0;
  bool minimised_ = false;  // x minimises the objective over the pattern the last Newton step had
  bool served_ = false;  // the last Newton step went all the way: its factor serves near x
  bool coarse_ = false;  // whether images hold the rounding of single precision
  bool overflow_ = false;  // no step is short enough for the numbers to stay finite
  Index m_, dim_, img_size_;
  double held_gap_ = std::numeric_limits<double>::infinity();  // the least gap so far, and its point
  std::vector<double> x_, last_, y_, cand_, g_, z_, ix_, ilast_, iy_, icand_, step_, istep_, held_;
  std::vector<Index> place_;
};

}  // namespace ss
