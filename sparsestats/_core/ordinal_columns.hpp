// The Newton model over a working set of columns: their weighted products are formed, grow with the set, and serve many steps.
#pragma once
#include <algorithm>
#include <vector>

#include "lasso_quadratic.hpp"
#include "ordinal_hessian.hpp"
#include "ordinal_step.hpp"

namespace ss {

class OrdinalColumns final : public OrdinalStep {
 public:
  explicit OrdinalColumns(const OrdinalDesign& design)
      : X_(design.X), family_(design.family), offset_(design.offset), n_(design.n), p_(design.p), m_(design.m),
        gram_(family_, p_ + 1) {}

  // The ones first; those that the Hessian at hand knows come in its order.
  const std::vector<Index>& use(const std::vector<char>& wanted) override {
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
    return used_;
  }

  // Those that the quadratic at hand has come first, in its order, if it has lost none: it then only grows.
  void arrange(std::vector<Coordinate>& coordinates, Index free) override {
    std::vector<Index> rank((p_ + 1) * m_, -1);
    for (size_t i = 0; i < at_.size(); ++i) rank[at_[i]] = static_cast<Index>(i);
    Index held = 0;
    for (const Coordinate& c : coordinates) held += rank[c.at] >= 0;
    if (!gram_.ready() || held < static_cast<Index>(at_.size()) || free_ != free) return;
    for (size_t i = free; i < coordinates.size(); ++i)
      if (Index& r = rank[coordinates[i].at]; r < 0) r = (p_ + 1) * m_ + held++;
    std::sort(coordinates.begin() + free, coordinates.end(),
              [&](const Coordinate& a, const Coordinate& b) { return rank[a.at] < rank[b.at]; });
  }

  void predictors(const std::vector<double>& psi, bool with_offset, std::vector<double>& eta) override {
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

  void gradient(const std::vector<double>& slope, const OrderRows& order, std::vector<double>& out) override {
    for (Index j : used_) std::fill_n(out.begin() + j * m_, m_, 0.0);
    slope_products(
        family_, slope.data(), static_cast<Index>(used_.size()), [&](Index u) { return columns_[u]; },
        [&](Index u, Index k) -> double& { return out[used_[u] * m_ + k]; });
    for (Index j : used_) to_differences(out.data() + j * m_);
    for (size_t u = 0; u < used_.size(); ++u) add_push(order, columns_[u], out.data() + used_[u] * m_);
  }

  void complete(const std::vector<double>& slope, const OrderRows& order, std::vector<double>& out) override {
    if (static_cast<Index>(used_.size()) == p_ + 1) return;
    std::vector<double> g(p_ * m_);
    X_.gradient(family_, slope.data(), g.data());
    std::vector<char> have(p_ + 1, 0);
    for (Index j : used_) have[j] = 1;
    for (Index j = 0; j < p_; ++j) {
      if (have[j]) continue;
      std::copy_n(g.data() + j * m_, m_, out.data() + j * m_);
      to_differences(out.data() + j * m_);
      if (!order.empty()) add_push(order, X_.column(j), out.data() + j * m_);
    }
  }

  std::vector<double> gaps(const std::vector<OrderRows::Row>& rows, const std::vector<double>& psi) override {
    std::vector<double> out;
    for (const OrderRows::Row& r : rows) {
      double d = psi[p_ * m_ + r.boundary];
      for (size_t u = 1; u < used_.size(); ++u) d += psi[used_[u] * m_ + r.boundary] * columns_[u][r.row];
      out.push_back(d);
    }
    return out;
  }

  void gaps_below(const std::vector<double>& psi, double least, const Found& found) override {
    std::vector<double> gap;
    for (Index k = 1; k < m_; ++k) {
      gap.assign(n_, psi[p_ * m_ + k]);
      for (size_t u = 1; u < used_.size(); ++u)
        if (const double c = psi[used_[u] * m_ + k]; c != 0) axpy(c, columns_[u], gap.data(), n_);
      for (Index i = 0; i < n_; ++i)
        if (gap[i] < least) found(i, k, gap[i]);
    }
  }

  // A path's next alpha starts near enough for the last Hessian to serve its first steps.
  bool ready(double) const override { return gram_.ready(); }
  void reset(const std::vector<double>& curvature) override {
    gram_.reset(curvature);
    at_.clear();
  }
  // Gives up everything held, columns too.
  void forget() override {
    gram_.forget();
    at_.clear();
    quadratic_ = LassoQuadratic();
    X_.keep([](Index) { return false; });
  }

  void prepare(const std::vector<Coordinate>& coordinates, Index free, double, OrderRows& order) override {
    if (order.outdates_model()) at_.clear();
    if (!same(coordinates, free, coordinates.size())) assemble(coordinates, free, order);
  }

  void solve(const std::vector<double>& g, const std::vector<double>& weight, const std::vector<double>& ridge,
             const std::vector<double>& z, std::vector<double>& d) override {
    quadratic_.solve(g, weight, ridge, z, d);
  }

  // The coordinates that the quadratic at hand is in.
  const std::vector<Index>& known() const { return at_; }

  // Passes over the columns and triangular solves wait for memory, products of matrices do not.
  double step_cost() const override {
    const double n = static_cast<double>(n_), q = static_cast<double>(used_.size());
    return 1.6 * n * q + 20 * n + 0.5 * quadratic_.step_cost();
  }
  double model_cost() const override {
    const double n = static_cast<double>(n_), q = static_cast<double>(used_.size());
    return 0.1 * n * q * q + 0.08 * quadratic_.factor_cost();
  }

 private:
  void to_differences(double* g) const {  // gradient by boundary -> gradient by difference
    for (Index k = m_ - 1; k-- > 0;) g[k] += g[k + 1];
  }
  static void add_push(const OrderRows& order, const double* x, double* g) {
    for (const OrderRows::Row& r : order.rows()) g[r.boundary] -= order.push(r) * x[r.row];
  }

  // Whether the quadratic at hand is in these coordinates, or in the first `count` of them.
  bool same(const std::vector<Coordinate>& coordinates, Index free, size_t count) const {
    return count == at_.size() && count <= coordinates.size() && count > 0 && free_ == free &&
           std::equal(at_.begin(), at_.end(), coordinates.begin(), [](Index at, const Coordinate& c) { return c.at == at; });
  }

  // The quadratic model's matrix in the coordinates at hand, from the products at hand and those still missing.
  void assemble(const std::vector<Coordinate>& coordinates, Index nf, OrderRows& order) {
    gram_.cover(used_, columns_);
    const Index np = static_cast<Index>(coordinates.size()) - nf;
    const Coordinate* penalised = coordinates.data() + nf;
    std::vector<Index> place(used_.size());
    for (size_t u = 0; u < used_.size(); ++u) place[u] = gram_.place(used_[u]);
    auto entry = [&](const Coordinate& a, const Coordinate& b) {
      const Index i = place[a.used], j = place[b.used];
      return gram_.products(a.boundary, b.boundary, std::max(i, j))[std::min(i, j)];
    };
    const Index from = same(coordinates, nf, at_.size()) ? static_cast<Index>(at_.size()) - nf : 0;
    if (from > 0) {
      quadratic_.extend(np);
    } else {
      quadratic_.shape(nf, np);
      for (Index i = 0; i < nf; ++i)
        for (Index j = 0; j <= i; ++j) quadratic_.free_row(i)[j] = entry(coordinates[i], coordinates[j]);
    }
    // Where places increase along the coordinates the products of the later feature hold the earlier one.
    const bool rising = from == 0 && std::is_sorted(penalised, penalised + np, [&](const Coordinate& a, const Coordinate& b) {
      return place[a.used] < place[b.used];
    });
    std::vector<const double*> products(m_);
    for (Index i = from; i < np; ++i) {
      const Coordinate& a = penalised[i];
      for (Index j = 0; j < nf; ++j) quadratic_.cross_row(i)[j] = entry(a, coordinates[j]);
      double* out = quadratic_.row(i);
      if (!rising) {
        for (Index j = 0; j <= i; ++j) out[j] = entry(a, penalised[j]);
        continue;
      }
      for (Index k = 0; k < m_; ++k) products[k] = gram_.products(a.boundary, k, place[a.used]);
      for (Index j = 0; j <= i; ++j) out[j] = products[penalised[j].boundary][place[penalised[j].used]];
    }
    if (from == 0) order.model();
    for (const OrderRows::Row& r : order.rows())
      if (r.modelled) add_row(r, coordinates, nf, from, order.curvature());
    quadratic_.factor();
    at_.clear(), free_ = nf;
    for (const Coordinate& c : coordinates) at_.push_back(c.at);
  }

  // Adds rho x x' of a row to what is new of the quadratic.
  void add_row(const OrderRows::Row& r, const std::vector<Coordinate>& coordinates, Index nf, Index from, double rho) {
    const Index np = static_cast<Index>(coordinates.size()) - nf;
    std::vector<double> x(nf + np);
    for (Index i = 0; i < nf + np; ++i)
      x[i] = coordinates[i].boundary == r.boundary ? columns_[coordinates[i].used][r.row] : 0;
    for (Index i = 0; i < nf && from == 0; ++i)
      if (x[i] != 0) axpy(rho * x[i], x.data(), quadratic_.free_row(i), i + 1);
    for (Index i = from; i < np; ++i)
      if (x[nf + i] != 0) {
        axpy(rho * x[nf + i], x.data(), quadratic_.cross_row(i), nf);
        axpy(rho * x[nf + i], x.data() + nf, quadratic_.row(i), i + 1);
      }
  }

  Features& X_;
  const Family& family_;
  const std::vector<double>& offset_;
  Index n_, p_, m_, free_ = 0;
  std::vector<Index> used_, at_;  // at_: the coordinates that the quadratic at hand is in, free_ of them free
  std::vector<const double*> columns_;
  OrdinalHessian gram_;
  LassoQuadratic quadratic_;
};

}  // namespace ss
