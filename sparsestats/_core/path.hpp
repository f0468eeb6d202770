// The whole path in one call: warm starts, strong screening with repair, and a certificate on the full problem at every
// alpha, recomputed from the coefficients that are returned.
#pragma once
#include <chrono>
#include <optional>
#include <stdexcept>

#include "solver.hpp"

namespace ss {

struct PathOptions {
  double tol = 1e-8;            // certificate asked for, relative to the null objective
  Index max_iter = 10000;       // steps of any kind an alpha
  bool screening = true;
  double stop_deviance = 2;     // end the path once 1 - loss / null loss exceeds it
  bool elementwise = false;     // the penalty's units are coordinates, also where the design holds groups together
};

struct PathPoint {
  double alpha, objective, bound, gap, deviance_ratio, seconds;
  Index iterations, newtons, screened, active, repaired, discarded;
  const char* stop;
};

struct PathOutput {
  double alpha_max = 0, null_objective = 0;
  std::vector<PathPoint> points;
  std::vector<double> coefs;       // points x responses x p
  std::vector<double> intercepts;  // points x responses
  const char* stopped = "";
};

// Inner products of the coordinates that have ever entered, so that a path pays for each pair once.
class GramCache {
 public:
  explicit GramCache(const Design& design) : d_(design), slot_(design.atoms(), -1) {}

  void clear() {
    std::fill(slot_.begin(), slot_.end(), Index{-1});
    members_.clear();
    gathered_.clear();
    for (auto* v : {&G_, &gathered_G_}) std::vector<double>().swap(*v);
    capacity_ = used_ = 0;
  }

  // G over the atoms of E, row-major; the lower triangle. Valid until the next call; neighbouring models share their E.
  const double* gather(const std::vector<Index>& E) {
    if (E == gathered_) return gathered_G_.data();
    gathered_ = E;
    std::vector<Index> missing;
    for (Index u : E)
      if (slot_[u] < 0) missing.push_back(u);
    if (!missing.empty()) add(missing, E);
    Index m = 0;
    for (Index u : E) m += d_.atom_size(u);
    std::vector<Index> slots;
    slots.reserve(m);
    for (Index u : E)
      for (Index j = 0; j < d_.atom_size(u); ++j) slots.push_back(slot_[u] + j);
    gathered_G_.resize(m * m);
    for (Index i = 0; i < m; ++i) {
      const double* row = G_.data() + slots[i] * capacity_;
      for (Index j = 0; j <= i; ++j) gathered_G_[i * m + j] = row[slots[j]];
    }
    return gathered_G_.data();
  }

 private:
  void add(const std::vector<Index>& missing, const std::vector<Index>& E) {
    Index extra = 0, wanted = 0;
    for (Index u : missing) extra += d_.atom_size(u);
    for (Index u : E) wanted += d_.atom_size(u);
    if (used_ + extra > 2 * wanted + 64) {  // mostly columns that have left: start again from E, memory stays O(m^2)
      std::fill(slot_.begin(), slot_.end(), Index{-1});
      members_.clear();
      used_ = 0;
      append(E, wanted);
      return;
    }
    append(missing, extra);
  }
  void append(const std::vector<Index>& units, Index extra) {
    if (used_ + extra > capacity_) {
      const Index grown = std::max(used_ + extra, std::min(2 * capacity_, capacity_ + 512));
      std::vector<double> G(grown * grown);
      for (Index i = 0; i < used_; ++i) std::copy_n(G_.data() + i * capacity_, used_, G.data() + i * grown);
      G_.swap(G);
      capacity_ = grown;
    }
    // Of many orthonormal columns the products among themselves are known, and those with others come from the others' side.
    std::vector<Index> before = members_;
    std::sort(before.begin(), before.end());
    std::vector<Index> plain, wide;
    for (Index u : units) {
      slot_[u] = used_;
      members_.push_back(u);
      used_ += d_.atom_size(u);
      (d_.orthonormal() && d_.atom_size(u) > TOGETHER ? wide : plain).push_back(u);
    }
    products_of(plain, members_);
    products_of(before, wide);
    while (!wide.empty()) {
      const Index u = wide.back(), size = d_.atom_size(u);
      wide.pop_back();
      products_of({u}, wide);
      for (Index i = 0; i < size; ++i) {
        double* row = G_.data() + (slot_[u] + i) * capacity_ + slot_[u];
        const double length = d_.length(d_.start(u) + i);
        std::fill_n(row, size, 0.0);
        row[i] = length * length;
      }
    }
  }
  // G between two ascending lists of atoms: a few columns of the first at a time, read against all of the second together.
  void products_of(const std::vector<Index>& some, const std::vector<Index>& others) {
    if (others.empty()) return;
    const Index n = d_.n();
    std::vector<Index> at, once;  // where the others' columns stand, and which of them have no turn of their own
    for (Index u : others) {
      const bool both = std::binary_search(some.begin(), some.end(), u);
      for (Index j = 0; j < d_.atom_size(u); ++j) {
        if (!both) once.push_back(static_cast<Index>(at.size()));
        at.push_back(slot_[u] + j);
      }
    }
    std::vector<double> block, products;
    for (size_t t = 0; t < some.size();) {
      block.clear();
      std::vector<Index> rows;
      for (; t < some.size() && static_cast<Index>(rows.size()) < TOGETHER; ++t) {
        const Index size = d_.atom_size(some[t]), width = static_cast<Index>(rows.size());
        block.resize((width + size) * n);
        d_.columns(some[t], block.data() + width * n);
        for (Index j = 0; j < size; ++j) rows.push_back(slot_[some[t]] + j);
      }
      const Index width = static_cast<Index>(rows.size()), count = static_cast<Index>(at.size());
      for (Index j = 0; j < width; ++j) weigh(block.data() + j * n, d_.weights().data(), n);
      products.resize(width * count);
      d_.tdot(others.data(), static_cast<Index>(others.size()), block.data(), products.data(), width);
      for (Index j = 0; j < width; ++j) {
        for (Index k = 0; k < count; ++k) G_[rows[j] * capacity_ + at[k]] = products[j * count + k];
        for (Index k : once) G_[at[k] * capacity_ + rows[j]] = products[j * count + k];
      }
    }
  }
  static constexpr Index TOGETHER = 32;  // columns
  const Design& d_;
  std::vector<Index> slot_, members_, gathered_;
  std::vector<double> G_, gathered_G_;
  Index capacity_ = 0, used_ = 0;
};

// The strong rule lets the gradient move as fast as alpha. From where its last two values lead it moves far less: a quarter
// of that bound around the prediction keeps the working set near the active one, and the repair finds what is missed.
constexpr double SLOPE_BOUND = 0.25;
// Working sets up to this many times n go through their Gram matrix; wider ones through the rows.
constexpr Index GRAM_LIMIT = 2;
// Shares of alpha_max: below the first fits are not approached through others, below the second the penalty is lost in rounding.
constexpr double FAR_DOWN = 1e-6, NEGLIGIBLE = 1e-12;
// Tolerances at or below this end with a polish, so that predictions agree far beyond what the gap alone promises.
constexpr double POLISHED = 1e-8;
// Down to gaps of this share of the null objective, fits through the rows read columns in single precision.
constexpr double SINGLE = 1e-7;
// Down to this share, and to so many times the target, their steps sum in single precision too: later, rounding holds them up.
constexpr double COARSE = 2e-6, FAR = 3;
// Fits that are asked for less take over here, with a Newton step.
constexpr double HANDOVER = 3e-6;

class PathSolver {
 public:
  PathSolver(const Design& design, const Loss& loss, Penalty& penalty, const double* y, const double* offset,
             PathOptions options)
      : d_(design), loss_(loss), J_(penalty), opt_(options), n_(d_.n()), q_(d_.q()), gram_(design), singles_(d_) {
    y_.assign(y, y + n_);
    offset_.assign(n_, 0.0);
    if (offset) offset_.assign(offset, offset + n_);
    everyone_.resize(d_.atoms());
    std::iota(everyone_.begin(), everyone_.end(), Index{0});
    all_ = units_of(everyone_);
    c_.assign(d_.size(), 0.0);
    z_.resize(d_.size());
    gamma_.assign(q_, 0.0);
    eta_.resize(n_);
    e_.resize(n_);
    u_.resize(n_);
    start();
  }

  double alpha_max() const { return alpha_max_ * alpha_unit(); }

  PathOutput run(const std::vector<double>& alphas, Watch& watch) {
    PathOutput out;
    out.alpha_max = alpha_max();
    out.null_objective = null_ * unit_ * unit_;
    out.coefs.reserve(alphas.size() * d_.responses() * d_.p());
    double previous = std::max(alpha_max_, alphas.empty() ? 0.0 : alphas[0] / alpha_unit());
    for (double asked : alphas) {
      const auto begin = std::chrono::steady_clock::now();
      const double alpha = asked / alpha_unit();
      PathPoint point = fit_at(alpha, previous, watch);
      point.alpha = asked;
      point.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      const Index K = d_.responses(), done = static_cast<Index>(out.points.size());
      out.coefs.resize((done + 1) * K * d_.p());
      out.intercepts.resize((done + 1) * K);
      double *beta = out.coefs.data() + done * K * d_.p(), *b0 = out.intercepts.data() + done * K;
      d_.to_data_scale(c_.data(), gamma_.data(), alpha == 0, beta, b0);
      for (Index j = 0; j < K * d_.p(); ++j) beta[j] = beta[j] * unit_ + 0.0;  // a zero without a sign
      for (Index k = 0; k < K; ++k) b0[k] *= unit_;
      for (double* v : {&point.objective, &point.bound, &point.gap}) *v *= unit_ * unit_;
      out.points.push_back(point);
      previous = alpha;
      watch.advance();
      if (watch.stopped() || !std::isfinite(point.objective)) {
        out.stopped = watch.stopped() ? "interrupted" : "the objective is not finite";
        break;
      }
      if (point.deviance_ratio > opt_.stop_deviance && out.points.size() < alphas.size()) {
        out.stopped = "deviance ratio above the limit for an automatic grid";
        break;
      }
    }
    return out;
  }

 private:
  PathPoint fit_at(double alpha, double previous, Watch& watch) {
    // The penalised optimum is no less than the unpenalised one: where rounding decides what the penalty does, the latter's
    // model is certified for it, if it is unique and not far out.
    if (alpha == 0 || (alpha < NEGLIGIBLE * alpha_max_ && d_.size() < n_)) {
      const PathPoint point = fit_unpenalised(alpha, watch);
      if (alpha == 0 || point.gap <= opt_.tol * null_ || watch.stopped()) return point;
    }
    PathPoint led{};
    previous = lead_in(alpha, previous, led, watch);
    PathPoint point = fit(alpha, previous, opt_.tol, watch);
    point.iterations += led.iterations;
    point.newtons += led.newtons;
    return point;
  }

  double alpha_unit() const { return unit_ * d_.design().unit(); }  // of alpha, here in units of y over units of X~
  // The null model, the unit of the response, and the first gradient.
  void start() {
    double reference = 0;
    if (loss_.quadratic()) {
      for (Index i = 0; i < n_; ++i) y_[i] -= offset_[i];
      std::fill(offset_.begin(), offset_.end(), 0.0);
      double largest = 0, squares = 0;
      for (Index i = 0; i < n_; ++i)
        if (d_.weights()[i] > 0) largest = std::max(largest, std::abs(y_[i]));
      // A power of two near the response's size: dividing by it is exact and keeps squares representable.
      if (largest > 0) unit_ = std::exp2(std::round(std::log2(largest)));
      for (double& v : y_) v /= unit_;
      for (Index i = 0; i < n_; ++i) squares += d_.weights()[i] * y_[i] * y_[i];
      project_response();
      reference = 0.5 * squares / n_;
      null_ = loss_.value(zeros().data(), y_.data(), d_.weights().data(), n_);
    } else {
      reference = loss_.value(zeros().data(), y_.data(), d_.weights().data(), n_);
      compute_eta();
      fit_free_part(d_, loss_, y_.data(), gamma_.data(), eta_.data());
      null_ = loss_.value(eta_.data(), y_.data(), d_.weights().data(), n_);
    }
    // What rounding leaves of a response that the free part fits: of residuals a share, which is squared with them;
    // of other losses a share of their terms.
    const double rounding = 64 * std::numeric_limits<double>::epsilon();
    if (!(null_ > (loss_.quadratic() ? rounding * rounding : rounding) * reference)) {
      constant_ = true;  // the free part fits y up to rounding: the null model is the answer
      null_ = 0;
    }
    full_gradient();
    alpha_max_ = constant_ ? 0 : J_.dual_norm(all_, z_.data());
  }
  std::vector<double> zeros() const { return std::vector<double>(n_, 0.0); }

  // Gaussian: gamma is exact and the response is replaced by what it leaves.
  void project_response() {
    for (int pass = 0; pass < 2; ++pass)
      for (Index k = 0; k < q_; ++k) {
        const double* f = d_.free_column(k);
        double s = 0;
        for (Index i = 0; i < n_; ++i) s += d_.weights()[i] * f[i] * y_[i];
        s /= n_;
        gamma_[k] += s;
        axpy(-s, f, y_.data(), n_);
      }
  }
  bool eliminated() const { return loss_.quadratic(); }

  void compute_eta() {
    eta_ = offset_;
    if (!eliminated()) d_.free_axpy(1, gamma_.data(), eta_.data());
    d_.axpy_atoms(everyone_.data(), d_.atoms(), c_.data(), eta_.data());
  }

  // e = -l'(eta), z = X~'(w e / n), at the current c and gamma.
  void full_gradient() {
    compute_eta();
    loss_.residual(eta_.data(), y_.data(), e_.data(), n_);
    u_ = e_;
    weigh(u_.data(), d_.weights().data(), n_);
    d_.tdot_all(u_.data(), z_.data());
  }

  // The duality gap of (c, gamma) on the full problem; for `patient` see Penalty::dual_bound.
  void certify(double alpha, double goal, PathPoint& point, bool patient = false) {
    if (!eliminated()) {
      compute_eta();
      fit_free_part(d_, loss_, y_.data(), gamma_.data(), eta_.data());
    }
    full_gradient();
    const double* w = d_.weights().data();
    const double loss = loss_.value(eta_.data(), y_.data(), w, n_);
    point.objective = loss + alpha * J_.value(all_, c_.data());
    if (!std::isfinite(point.objective)) {  // nor is the gradient, and what is not a number cannot be sorted
      point.gap = std::numeric_limits<double>::infinity();
      point.bound = -point.gap;
      return;
    }
    // The dual point: the residual, orthogonal to the free part, inside the conjugate's domain, scaled to feasibility.
    d_.project(e_.data());
    const bool inside = loss_.clip(e_.data(), y_.data(), n_) <= ROUNDING;
    const auto bound_at = [&](double norm) {
      shrink_ = norm > alpha ? alpha / norm : 1.0;
      u_ = e_;
      for (double& v : u_) v *= shrink_;
      return inside ? loss_.dual(u_.data(), y_.data(), w, offset_.data(), n_) : -std::numeric_limits<double>::infinity();
    };
    const double enough = enough_for(alpha, point.objective, point.objective - bound_at(alpha), goal);
    point.bound = bound_at(J_.dual_bound(all_, c_.data(), z_.data(), alpha, enough, patient));
    point.gap = std::max(point.objective - point.bound, 0.0);  // in this order: what is not a number proves nothing
    point.deviance_ratio = constant_ ? 0 : 1 - loss / null_;
  }

  // Screening and warm starts need neighbours: a far alpha is approached through rough fits, until nothing is left to screen.
  double lead_in(double alpha, double previous, PathPoint& spent, Watch& watch) {
    while (!constant_ && alpha < 0.8 * previous && previous > FAR_DOWN * alpha_max_ && !watch.stopped()) {
      const double between = previous * std::max(0.82, std::sqrt(alpha / previous));
      const PathPoint point = fit(between, previous, std::max(opt_.tol, 1e-3), watch);
      spent.iterations += point.iterations;
      spent.newtons += point.newtons;
      previous = between;
    }
    return previous;
  }

  // The penalty's units over the atoms of a working set (ascending): coordinates of one group, which stand together, or each
  // coordinate.
  Units units_of(const std::vector<Index>& atoms) const {
    Units units;
    Index last = -1;
    for (Index a : atoms)
      for (Index j = d_.start(a); j < d_.start(a) + d_.atom_size(a); ++j) {
        const Index g = d_.group_of(j);
        if (g != last || opt_.elementwise) {
          units.offset.push_back(units.offset.back());
          units.weight.push_back(std::sqrt(static_cast<double>(std::max<Index>(d_.group_rank(g), 1))));
          last = g;
        }
        ++units.offset.back();
        units.id.push_back(j);
      }
    return units;
  }

  PathPoint fit(double alpha, double previous, double tol, Watch& watch) {
    PathPoint point{};
    point.stop = "tol";
    if (constant_) {
      point.objective = point.bound = 0;
      return point;
    }
    std::vector<char> in(d_.atoms(), opt_.screening ? 0 : 1), out(d_.atoms(), 0);
    for (Index j = 0; j < d_.size(); ++j)
      if (c_[j] != 0) in[d_.atom_of(j)] = 1;
    predict(alpha, previous);
    if (opt_.screening && alpha < alpha_max_) {
      std::vector<char> keep(d_.size(), 0);
      J_.screen(all_, z_.data(), alpha, alpha + SLOPE_BOUND * (previous - alpha), keep);
      for (Index j = 0; j < d_.size(); ++j)
        if (keep[j]) in[d_.atom_of(j)] = 1;
    }
    const double goal = tol * null_;
    double target = 0.7 * goal;
    point.screened = count_groups([&](Index j) { return in[d_.atom_of(j)] != 0; });
    double least = std::numeric_limits<double>::infinity();
    std::vector<double> held_c, held_gamma;  // the model with the least gap so far
    for (int round = 0;; ++round) {
      solve_on(in, alpha, target, tol <= POLISHED, point, watch);
      ahead_.clear();
      certify(alpha, goal, point);
      if (point.gap <= goal) break;
      if (!std::isfinite(point.objective)) {
        point.stop = "precision";
        break;
      }
      if (point.gap < least) least = point.gap, held_c = c_, held_gamma = gamma_;
      if (watch.stopped()) {
        point.stop = "interrupted";
        break;
      }
      if (point.iterations >= opt_.max_iter) {
        point.stop = "max_iter";
        break;
      }
      point.discarded += discard(alpha, point.gap, in, out);
      const Index added = repair(alpha, in, out);
      point.repaired += added;
      if (added == 0) {
        if (J_.splits()) certify(alpha, goal, point, true);
        if (point.gap <= goal) break;
        if (target < 1e-5 * goal || round > 50) {
          point.stop = "precision";
          break;
        }
        target *= 0.1;
      }
    }
    if (point.gap > goal && least < point.gap) {
      c_.swap(held_c);
      gamma_.swap(held_gamma);
      certify(alpha, goal, point);
    }
    point.active = count_groups([&](Index j) { return c_[j] != 0; });
    return point;
  }
  // Between kinks a path is smooth in alpha: its last two points, prolonged, are nearer the next one than the last point
  // is. Coordinates that are or would come to zero keep their sign or stay. The gradient z is replaced by its prediction.
  void predict(double alpha, double previous) {
    ahead_.clear();
    if (!behind_.empty() && before_ > previous) {
      const double t = std::min(1.0, (previous - alpha) / (before_ - previous));
      ahead_.resize(d_.size() + q_);
      for (Index j = 0; j < d_.size(); ++j) {
        const double next = c_[j] + t * (c_[j] - behind_[j]);
        ahead_[j] = c_[j] == 0 || next * c_[j] < 0 ? 0.0 : next;
      }
      for (Index k = 0; k < q_; ++k) ahead_[d_.size() + k] = gamma_[k] + t * (gamma_[k] - behind_[d_.size() + k]);
      std::swap(z_, z_behind_);
      for (Index j = 0; j < d_.size(); ++j) z_[j] = z_behind_[j] + t * (z_behind_[j] - z_[j]);
    } else {
      z_behind_ = z_;
    }
    before_ = previous;
    behind_ = c_;
    behind_.insert(behind_.end(), gamma_.begin(), gamma_.end());
  }

  // How many groups have a coordinate for which `test` holds.
  template <class Test>
  Index count_groups(Test test) const {
    Index count = 0, last = -1;
    for (Index j = 0; j < d_.size(); ++j)
      if (d_.group_of(j) != last && test(j)) ++count, last = d_.group_of(j);
    return count;
  }

  // Gap-safe screening: the dual solution is within sqrt(2 gap curvature) of the dual point, so each gradient at the
  // solution is bounded, and atoms whose bounds pass the penalty's rule are zero there. They leave for good.
  Index discard(double alpha, double gap, std::vector<char>& in, std::vector<char>& out) {
    const double radius = std::sqrt(2 * gap * loss_.curvature_bound());
    if (!opt_.screening || !J_.screens_bounds() || !std::isfinite(radius)) return 0;
    std::vector<double> bound(z_);
    for (Index u = 0; u < all_.count(); ++u) {
      double norm = 0, length = 0;
      for (Index i = all_.offset[u]; i < all_.offset[u + 1]; ++i) {
        norm += z_[i] * z_[i];
        length += d_.length(i) * d_.length(i);
      }
      norm = shrink_ * std::sqrt(norm);
      const double largest = norm + radius * std::sqrt(length);
      for (Index i = all_.offset[u]; i < all_.offset[u + 1]; ++i)  // any vector of that norm serves
        bound[i] = norm > 0 ? shrink_ * z_[i] * (largest / norm) : i == all_.offset[u] ? largest : 0.0;
    }
    std::vector<char> keep(d_.size(), 0), zero(d_.atoms(), 1);
    J_.screen(all_, bound.data(), alpha, alpha, keep);
    for (Index j = 0; j < d_.size(); ++j)
      if (keep[j]) zero[d_.atom_of(j)] = 0;
    Index gone = 0;
    for (Index a = 0; a < d_.atoms(); ++a) {
      if (!zero[a]) continue;
      gone += !out[a];
      out[a] = 1;
      in[a] = 0;
      std::fill_n(c_.begin() + d_.start(a), d_.atom_size(a), 0.0);
    }
    return gone;
  }

  // Atoms a full proximal step from here would activate, but for those proved zero.
  Index repair(double alpha, std::vector<char>& in, const std::vector<char>& out) {
    const double step = 1 / lipschitz_;
    std::vector<double> trial(c_);
    double longest = 0;
    for (size_t j = 0; j < trial.size(); ++j) {
      trial[j] += step * z_[j];
      longest = std::max(longest, std::abs(step * z_[j]));
    }
    J_.set_precision(1e-5 * longest);
    J_.prox(all_, trial.data(), alpha * step);
    Index added = 0;
    for (Index j = 0; j < d_.size(); ++j)
      if (trial[j] != 0 && !in[d_.atom_of(j)] && !out[d_.atom_of(j)]) in[d_.atom_of(j)] = 1, ++added;
    return added;
  }

  void solve_on(const std::vector<char>& in, double alpha, double target, bool polish, PathPoint& point,
                Watch& watch) {
    std::vector<Index> E;
    for (Index a = 0; a < d_.atoms(); ++a)
      if (in[a]) E.push_back(a);
    const Units units = units_of(E);
    const Index m = units.coordinates(), q = eliminated() ? 0 : q_;
    std::vector<double> x(m + q);
    for (Index j = 0; j < m; ++j) x[j] = c_[units.id[j]];
    for (Index k = 0; k < q; ++k) x[m + k] = gamma_[k];
    if (m + q == 0) return;
    std::vector<double> guess;
    if (!ahead_.empty()) {
      for (Index j : units.id) guess.push_back(ahead_[j]);
      for (Index k = 0; k < q; ++k) guess.push_back(ahead_[d_.size() + k]);
    }
    const auto solve = [&](const Smooth& f, BlockDescent* blocks, double until, bool finish, bool resumed) {
      Solver solver(f, J_, units, alpha, blocks);
      if (!guess.empty()) solver.offer(x, guess);
      const SolveReport report =
          solver.solve(x.data(), lipschitz_, until, std::max(COARSE * null_, FAR * until), opt_.max_iter - point.iterations,
                       finish, resumed, watch);
      point.iterations += report.iterations;
      point.newtons += report.newtons;
      guess.clear();
    };
    // Not under a quadratic loss: on its Gram matrix proximal steps cost less than the visits, and ties are more.
    const bool blockwise = d_.design().grouped() && d_.responses() == 1 && !loss_.quadratic() &&
                           BlockDescent::serves(units, J_.ranked());
    const auto solve_rows = [&](const Rows& f, double until, bool finish, bool resumed) {
      std::optional<BlockDescent> blocks;
      if (blockwise) {
        axes_.resize(d_.size());
        blocks.emplace(f, units, J_.ranked(), alpha, axes_);
      }
      solve(f, blocks ? &*blocks : nullptr, until, finish, resumed);
    };
    if (loss_.quadratic() && m <= GRAM_LIMIT * n_) {
      solve(*quadratic(E, units), nullptr, target, polish, false);
    } else {
      if (m > 2 * GRAM_LIMIT * n_) gram_.clear();  // the working set has left it behind
      const bool single = singles_.serves(m), tight = target < SINGLE * null_;
      if (single)
        solve_rows(Rows(d_, E, loss_, y_.data(), offset_.data(), q > 0, singles_.gather(E)),
                   tight ? HANDOVER * null_ : target, false, false);
      if (!single || tight)
        solve_rows(Rows(d_, E, loss_, y_.data(), offset_.data(), q > 0), target, polish, single);
    }
    std::fill(c_.begin(), c_.end(), 0.0);
    for (Index j = 0; j < m; ++j) c_[units.id[j]] = x[j];
    for (Index k = 0; k < q; ++k) gamma_[k] = x[m + k];
  }

  std::unique_ptr<Smooth> quadratic(const std::vector<Index>& E, const Units& units) {
    std::vector<double> b(units.coordinates());
    if (xty_.empty()) {  // the gradient at c = 0, one pass over X
      xty_.resize(d_.size());
      std::vector<double> wy(y_);
      weigh(wy.data(), d_.weights().data(), n_);
      d_.tdot_all(wy.data(), xty_.data());
      for (Index i = 0; i < n_; ++i) yy_ += wy[i] * y_[i];
    }
    for (size_t j = 0; j < b.size(); ++j) b[j] = xty_[units.id[j]];
    return std::make_unique<Quadratic>(gram_.gather(E), std::move(b), yy_);
  }

  // alpha = 0, or next to it: all columns, Newton steps, the majorant's where those go too far. Half the squared Newton
  // decrement certifies, and a duality gap under a loss that is linear somewhere; with it the penalty, if any.
  PathPoint fit_unpenalised(double alpha, Watch& watch) {
    PathPoint point{};
    point.stop = "tol";
    point.screened = d_.groups();
    if (constant_) return point;
    const double goal = opt_.tol * null_;
    Rows f(d_, everyone_, loss_, y_.data(), offset_.data(), !eliminated());
    const Index m = d_.size(), dim = m + f.free();
    std::vector<Index> coords(m);
    std::iota(coords.begin(), coords.end(), Index{0});
    std::vector<double> x(c_), g(dim), step(dim), H(dim * dim), img(n_), trial(n_), y(dim);
    std::vector<char> pinned;
    x.resize(dim);
    for (Index k = 0; k < f.free(); ++k) x[m + k] = gamma_[k];
    f.image(x.data(), img.data());
    double F = f.value(x.data(), img.data()), decrement = 0;
    const auto direction = [&](bool safe) {
      f.hessian(img.data(), coords, H.data(), dim, safe);
      for (Index i = 0; i < dim; ++i) step[i] = -g[i];
      cholesky(H.data(), dim, dim, 1e-11, pinned);
      cholesky_solve(H.data(), dim, dim, pinned, step.data());
      decrement = -0.5 * dot(g.data(), step.data(), dim);
    };
    for (;;) {
      f.gradient(x.data(), img.data(), g.data());
      direction(false);
      // A gap is of first order in what is left of the gradient, the decrement of second.
      if (decrement <= (loss_.flat() ? 1e-16 : 1e-6) * goal) {  // the step is already paid for and squares what is left
        for (Index i = 0; i < dim; ++i) x[i] += step[i];
        f.image(x.data(), img.data());
        break;
      }
      if (point.iterations >= std::min<Index>(opt_.max_iter, 500) || watch.stopped()) {
        point.stop = watch.stopped() ? "interrupted" : "max_iter";
        break;
      }
      ++point.iterations;
      bool moved = false;
      double t = 1;
      for (int halvings = 0; halvings < 40 && !moved; ++halvings, t /= 2) {
        if (halvings == 3 && loss_.flat()) {
          direction(true);
          t = 1;
        }
        for (Index i = 0; i < dim; ++i) y[i] = x[i] + t * step[i];
        f.image(y.data(), trial.data());
        const double value = f.value(y.data(), trial.data());
        moved = value < F || (loss_.flat() && decrement <= 1e-10 * F);  // below the rounding of F a step is on trust
        if (moved) F = value;
      }
      if (!moved) break;
      x.swap(y);
      img.swap(trial);
    }
    point.newtons = point.iterations;
    std::copy_n(x.begin(), m, c_.begin());
    for (Index k = 0; k < f.free(); ++k) gamma_[k] = x[m + k];
    full_gradient();
    const double loss = loss_.value(eta_.data(), y_.data(), d_.weights().data(), n_);
    const double penalty = alpha > 0 ? alpha * J_.value(all_, c_.data()) : 0;
    point.objective = loss + penalty;
    point.gap = decrement;
    if (loss_.flat()) {  // the residual less its part along the columns is a dual point
      f.gradient(x.data(), img.data(), g.data());
      direction(true);
      std::vector<double> along(n_), weight(n_);
      for (Index i = 0; i < dim; ++i) y[i] = x[i] + step[i];
      f.image(y.data(), along.data());
      loss_.majorant(img.data(), y_.data(), weight.data(), n_);
      for (Index i = 0; i < n_; ++i) u_[i] = e_[i] - weight[i] * (along[i] - img[i]);
      loss_.clip(u_.data(), y_.data(), n_);
      const double bound = loss_.dual(u_.data(), y_.data(), d_.weights().data(), offset_.data(), n_);
      point.gap = loss - bound;
    }
    point.gap = std::max(point.gap, 0.0) + penalty;  // in this order: what is not a number proves nothing
    point.bound = point.objective - point.gap;
    if (!(point.gap <= goal) && std::string(point.stop) == "tol") point.stop = "precision";
    point.deviance_ratio = 1 - loss / null_;
    point.active = count_groups([&](Index j) { return c_[j] != 0; });
    return point;
  }

  const Predictors d_;
  const Loss& loss_;
  Penalty& J_;
  PathOptions opt_;
  Index n_, q_;
  GramCache gram_;
  SingleColumns singles_;
  AxesCache axes_;
  Units all_;
  std::vector<Index> everyone_;
  std::vector<double> y_, offset_, c_, z_, gamma_, eta_, e_, u_, xty_;
  std::vector<double> behind_, ahead_;  // (c, gamma) one point back, and as predicted for the next alpha
  std::vector<double> z_behind_;        // the gradient one point back
  double before_ = 0;                   // the alpha of behind_
  double shrink_ = 1;  // what makes the last residual dual feasible
  double unit_ = 1, null_ = 0, alpha_max_ = 0, yy_ = 0, lipschitz_ = 1;
  bool constant_ = false;
};

// The path of a loss and a penalty over a design; without alphas only alpha_max.
inline PathOutput solve_path(const Design& design, const Loss& loss, const PenaltySpec& spec, const double* y, const double* offset,
                             const std::vector<double>& alphas, const PathOptions& options, Watch& watch) {
  const Predictors predictors(design);
  if (loss.responses() != design.responses()) throw std::invalid_argument("loss and design differ in responses");
  const auto penalty = make_penalty(spec, predictors.size(), predictors.groups());
  PathSolver solver(design, loss, *penalty, y, offset, options);
  if (!alphas.empty()) return solver.run(alphas, watch);
  PathOutput out;
  out.alpha_max = solver.alpha_max();
  return out;
}

}  // namespace ss
