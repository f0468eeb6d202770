// The Newton model seen from the rows, for more coordinates than rows have touches. With a ridge D on every penalised
// difference the step solves, for the pattern A of differences that are not zero,
//   (I + B_A D_A^{-1} B_A') u = ...,    H = B'B,
// a system as large as the touches: two a row in a cumulative model, however many columns there are. The matrix is built of
// Grams of rows, one for each boundary, that follow the pattern; columns are met in products alone.
#pragma once
#include <algorithm>
#include <numeric>
#include <vector>

#include "linalg.hpp"
#include "ordinal_step.hpp"
#include "weighted_gram.hpp"

namespace ss {

class OrdinalRows final : public OrdinalStep {
 public:
  explicit OrdinalRows(const OrdinalDesign& design)
      : X_(design.X), family_(design.family), offset_(design.offset), weight_(design.weight), n_(design.n), p_(design.p),
        m_(design.m), used_(p_ + 1), beta_(m_) {
    std::iota(used_.begin(), used_.end(), Index{0});
    list_touches();
  }

  // Whether it is for so many coordinates. Unpenalised ones are columns of the system.
  bool serves(Index penalised, Index free) const { return penalised > touches_ && free <= touches_; }

  const std::vector<Index>& use(const std::vector<char>&) override { return used_; }

  void predictors(const std::vector<double>& psi, bool with_offset, std::vector<double>& eta) override {
    moves(psi);
    for (Index k = 1; k < m_; ++k) axpy(1.0, level(k - 1), level(k), n_);
    for (const Slot& s : family_.slots()) {
      std::copy(level(s.boundary) + s.begin, level(s.boundary) + s.end, eta.begin() + s.at);
      if (with_offset && !offset_.empty()) axpy(1.0, offset_.data() + s.begin, eta.data() + s.at, s.end - s.begin);
    }
  }

  void gradient(const std::vector<double>& slope, const OrderRows& order, std::vector<double>& out) override {
    level_.assign(n_ * m_, 0.0);
    for (const Slot& s : family_.slots()) axpy(1.0, slope.data() + s.at, level(s.boundary) + s.begin, s.end - s.begin);
    for (Index k = m_ - 1; k-- > 0;) axpy(1.0, level(k + 1), level(k), n_);
    for (const OrderRows::Row& r : order.rows()) level(r.boundary)[r.row] -= order.push(r);
    X_.transposed_times(level_.data(), m_, out.data());
    for (Index k = 0; k < m_; ++k) out[p_ * m_ + k] = std::accumulate(level(k), level(k) + n_, 0.0);
  }
  void complete(const std::vector<double>&, const OrderRows&, std::vector<double>&) override {}  // all are in use

  std::vector<double> gaps(const std::vector<OrderRows::Row>& rows, const std::vector<double>& psi) override {
    std::vector<double> out;
    if (!rows.empty()) moves(psi);
    for (const OrderRows::Row& r : rows) out.push_back(level(r.boundary)[r.row]);
    return out;
  }
  void gaps_below(const std::vector<double>& psi, double least, const Found& found) override {
    moves(psi);
    for (Index k = 1; k < m_; ++k)
      for (Index i = 0; i < n_; ++i)
        if (level(k)[i] < least) found(i, k, level(k)[i]);
  }

  bool ready(double ridge) const override { return ready_ && ridge == ridge_; }
  void forget() override { ready_ = false; }

  // B of each row is the transposed factor of its Hessian, times what its touches read: kept by boundary.
  void reset(const std::vector<double>& curvature) override {
    ready_ = true, formed_ = false;
    for (std::vector<double>& b : beta_) b.assign(touches_, 0.0);
    std::vector<double> L(m_ * m_);
    for (const Group& group : groups_)
      for (Index i = 0; i < group.length; ++i) {
        const Index size = group.count;
        std::fill(L.begin(), L.end(), 0.0);
        for (const Weight& w : group.weights) L[w.a * size + w.b] = curvature[w.at + i];
        factor(L.data(), size);
        for (Index b = 0; b < size; ++b) {
          const Segment& reads = segments_[group.first + b];
          for (Index a = 0; a <= b; ++a)
            for (Index l = reads.own; l <= reads.last_own; ++l)
              beta_[l][segments_[group.first + a].at + i] += L[b * size + a];
        }
      }
  }

  void prepare(const std::vector<Coordinate>& coordinates, Index free, double ridge, OrderRows& order) override {
    coordinates_ = &coordinates, free_ = free;
    formed_ = formed_ && ridge == ridge_ && !order.outdates_model();
    ridge_ = ridge;
    if (formed_) return;
    order.model();
    segments_.resize(fixed_);
    Index at = touches_;
    for (std::vector<double>& b : beta_) b.resize(touches_);
    for (const OrderRows::Row& r : order.rows()) {
      if (!r.modelled) continue;
      for (Index l = 0; l < m_; ++l) beta_[l].push_back(l == r.boundary ? std::sqrt(order.curvature()) : 0.0);
      segments_.push_back({at++, r.row, 1, r.boundary, r.boundary, r.boundary, r.boundary});
    }
    size_ = at;
  }

  // Semismooth Newton on the dual: the pattern gives u, u gives the next pattern. It ends when the two agree.
  void solve(const std::vector<double>& g, const std::vector<double>& weight, const std::vector<double>& ridge,
             const std::vector<double>& z, std::vector<double>& d) override {
    const std::vector<Coordinate>& at = *coordinates_;
    const Index nf = free_, np = static_cast<Index>(at.size()) - nf;
    std::vector<signed char> sign(np), next(np);
    std::vector<double> q(np), step(np), u(size_), right(size_), coef(p_ * m_), h(p_ * m_), top(nf);
    for (Index i = 0; i < np; ++i) {
      const double v = z[nf + i];
      sign[i] = v != 0 ? (v > 0 ? 1 : -1) : outside(g[nf + i], weight[i]);
    }
    for (int round = 0;; ++round) {
      include(sign);
      if (!formed_) form();
      std::fill(coef.begin(), coef.end(), 0.0);
      for (Index i = 0; i < np; ++i)
        coef[at[nf + i].at] = sign[i] == 0 ? -z[nf + i] : -(g[nf + i] + sign[i] * weight[i]) / ridge[i];
      X_.times(coef.data(), m_, scratch());
      right.assign(size_, 0.0);
      for_touches([&](Index a, Index l, Index i) { right[a] += beta_[l][a] * level(l)[i]; });
      // u = M^{-1} (right + B_f d_f) with B_f'u = -g_f.
      solve_lower(M_.data(), size_, size_, pinned_, right.data());
      for (Index f = 0; f < nf; ++f) top[f] = -g[f] - dot(across(f), right.data(), size_);
      cholesky_solve(Q_.data(), nf, nf, pinned_free_, top.data());
      for (Index f = 0; f < nf; ++f) axpy(top[f], across(f), right.data(), size_);
      solve_lower_transposed(M_.data(), size_, size_, pinned_, right.data());
      level_.assign(n_ * m_, 0.0);
      for_touches([&](Index a, Index l, Index i) { level(l)[i] += beta_[l][a] * right[a]; });
      X_.transposed_times(level_.data(), m_, h.data());
      if (round == 0) {
        for (Index i = 0; i < np; ++i) q[i] = g[nf + i] - ridge[i] * z[nf + i] + h[at[nf + i].at];
        u = right;
      } else {
        for (Index i = 0; i < np; ++i) step[i] = g[nf + i] - ridge[i] * z[nf + i] + h[at[nf + i].at] - q[i];
        for (Index a = 0; a < size_; ++a) right[a] -= u[a];
        const double t = way(u, right, q, step, weight, ridge, z);
        for (Index i = 0; i < np; ++i) q[i] += t * step[i];
        axpy(t, right.data(), u.data(), size_);
      }
      for (Index i = 0; i < np; ++i) next[i] = outside(q[i], weight[i]);
      if (next == sign || round == 50) break;
      sign.swap(next);
    }
    d.assign(nf + np, 0.0);
    std::copy(top.begin(), top.end(), d.begin());
    for (Index i = 0; i < np; ++i)
      d[nf + i] = (next[i] == 0 ? 0.0 : -(q[i] + next[i] * weight[i]) / ridge[i]) - z[nf + i];
  }

  double step_cost() const override {
    const double n = static_cast<double>(n_), q = static_cast<double>(p_ * m_), t = static_cast<double>(size_);
    return 1.6 * n * q + 20 * n + t * t;
  }
  double model_cost() const override {
    const double t = static_cast<double>(size_);
    return 0.02 * t * t * t + static_cast<double>(m_) * t * t;
  }

 private:
  // Rows [row, row + length) touch with [at, at + length); one touch by itself reads the boundaries own..last_own, its
  // row of B those up to `last`.
  struct Segment {
    Index at, row, length, own, last_own, first, last;
  };
  struct Weight {  // of the pair (a, b <= a) of a group's touches
    Index a, b, at;
  };
  struct Group {  // touches of the same rows
    Index first, count, length;
    std::vector<Weight> weights;
  };

  void list_touches() {
    const std::vector<Piece>& pieces = family_.pieces();
    for (size_t i = 0; i < pieces.size();) {
      const Index begin = pieces[i].begin, end = pieces[i].end;
      Group group{static_cast<Index>(segments_.size()), 0, end - begin, {}};
      const auto touch = [&](Index own, Index last) {
        segments_.push_back({touches_, begin, end - begin, own, last, own, last});
        touches_ += end - begin;
        ++group.count;
      };
      for (; i < pieces.size() && pieces[i].begin == begin && pieces[i].end == end; ++i) {
        const Piece& piece = pieces[i];
        if (piece.block == Block::kUpTo) touch(0, piece.t);
        if (piece.block == Block::kCorner) touch(piece.t, piece.t);
        if (piece.block == Block::kPair && piece.t == 0) touch(piece.u, piece.u);
        const Index last = group.count - 1;
        if (piece.block == Block::kEdge)
          group.weights.push_back({1, 0, piece.at});
        else
          group.weights.push_back({last, piece.block == Block::kPair ? piece.t : last, piece.at});
      }
      for (Index a = group.count; a-- > 0;) {
        Segment& segment = segments_[group.first + a];
        for (Index b = a + 1; b < group.count; ++b) {
          segment.first = std::min(segment.first, segments_[group.first + b].own);
          segment.last = std::max(segment.last, segments_[group.first + b].last_own);
        }
      }
      groups_.push_back(std::move(group));
    }
    fixed_ = segments_.size(), size_ = touches_;
  }

  // Cholesky of a row's Hessian; what is not positive to rounding is zero.
  static void factor(double* L, Index size) {
    for (Index b = 0; b < size; ++b)
      for (Index i = b; i < size; ++i) {
        double v = L[i * size + b];
        for (Index t = 0; t < b; ++t) v -= L[i * size + t] * L[b * size + t];
        if (i == b)
          L[b * size + b] = v > 1e-15 * L[b * size + b] ? std::sqrt(v) : 0.0;
        else
          L[i * size + b] = L[b * size + b] > 0 ? v / L[b * size + b] : 0.0;
      }
  }

  double* level(Index l) { return level_.data() + l * n_; }
  double* scratch() {
    level_.resize(n_ * m_);
    return level_.data();
  }
  // What psi_k moves at every row, by boundary.
  void moves(const std::vector<double>& psi) {
    X_.times(psi.data(), m_, scratch());
    for (Index k = 0; k < m_; ++k)
      for (Index i = 0; i < n_; ++i) level(k)[i] += psi[p_ * m_ + k];
  }

  template <class Visit>
  void for_touches(Visit visit) const {
    for (const Segment& s : segments_)
      for (Index l = s.first; l <= s.last; ++l)
        for (Index i = 0; i < s.length; ++i) visit(s.at + i, l, s.row + i);
  }

  static signed char outside(double q, double weight) {
    if (weight == 0) return 1;
    return q > weight ? -1 : q < -weight ? 1 : 0;
  }

  // How far to go from u along `step`, whose slopes at the columns go from q by dq: to the least of the dual there.
  static double way(const std::vector<double>& u, const std::vector<double>& step, const std::vector<double>& q,
                    const std::vector<double>& dq, const std::vector<double>& weight, const std::vector<double>& ridge,
                    const std::vector<double>& z) {
    const Index np = static_cast<Index>(q.size()), nf = static_cast<Index>(z.size()) - np;
    const double linear = dot(u.data(), step.data(), static_cast<Index>(u.size())), square = norm2(step.data(), static_cast<Index>(u.size()));
    const auto slope = [&](double t) {
      double s = linear + t * square;
      for (Index i = 0; i < np; ++i) {
        const double at = q[i] + t * dq[i], over = at > weight[i] ? at - weight[i] : at < -weight[i] ? at + weight[i] : 0.0;
        s += dq[i] * (z[nf + i] + over / ridge[i]);
      }
      return s;
    };
    if (slope(1) <= 1e-3 * std::abs(slope(0))) return 1;
    double low = 0, high = 1;
    for (int i = 0; i < 20; ++i) (slope(0.5 * (low + high)) > 0 ? high : low) = 0.5 * (low + high);
    return 0.5 * (low + high);
  }

  // Brings the Grams to this pattern: they hold sum x x' / weight over its columns, for each boundary.
  void include(const std::vector<signed char>& sign) {
    if (in_.empty()) {
      in_.assign(p_ * m_, 0);
      grams_.resize(m_);
      for (FeatureMatrix& G : grams_) G.grow(0, n_);
    }
    std::vector<char> wanted(p_ * m_, 0);
    for (size_t i = 0; i < sign.size(); ++i) wanted[(*coordinates_)[free_ + i].at] = sign[i] != 0;
    if (wanted == in_) return;
    formed_ = false;
    std::vector<Index> columns;
    std::vector<std::vector<double>> change(m_);
    for (Index j = 0; j < p_; ++j) {
      if (!std::equal(wanted.begin() + j * m_, wanted.begin() + (j + 1) * m_, in_.begin() + j * m_)) {
        columns.push_back(j);
        for (Index l = 0; l < m_; ++l) {
          const Index i = j * m_ + l;
          change[l].push_back(wanted[i] == in_[i] ? 0.0 : (wanted[i] ? 1 : -1) / weight_[i]);
        }
      }
      if (static_cast<Index>(columns.size()) == detail::kDepth || (j + 1 == p_ && !columns.empty())) {
        add(columns, change);
        columns.clear();
        for (std::vector<double>& c : change) c.clear();
      }
    }
    in_.swap(wanted);
    for (FeatureMatrix& G : grams_)
      for (Index i = 0; i < n_; ++i)
        for (Index k = 0; k < i; ++k) G.row(k)[i] = G.row(i)[k];
  }

  void add(const std::vector<Index>& columns, const std::vector<std::vector<double>>& change) {
    const Index wide = static_cast<Index>(columns.size());
    std::vector<double> laid(n_ * wide);
    X_.rows_of(columns, laid.data());
    std::vector<const double*> rows(n_);
    for (Index i = 0; i < n_; ++i) rows[i] = laid.data() + i * wide;
    std::vector<WeightedRows> targets;
    for (Index l = 0; l < m_; ++l)
      if (std::any_of(change[l].begin(), change[l].end(), [](double c) { return c != 0; }))
        targets.push_back({change[l].data(), &grams_[l]});
    gram_.add(rows, 0, 0, wide, targets);
  }

  // I + B D^{-1} B' over the pattern, its factor, and the free coordinates in its terms.
  void form() {
    M_.assign(size_ * size_, 0.0);
    for (const Segment& s : segments_)
      for (Index a = s.at; a < s.at + s.length; ++a) {
        double* out = M_.data() + a * size_;
        for (Index l = s.first; l <= s.last; ++l) {
          const double c = beta_[l][a] / ridge_, *G = grams_[l].row(s.row + a - s.at);
          if (c == 0) continue;
          for (const Segment& t : segments_)
            if (t.at <= a && t.first <= l && l <= t.last)
              add_products(c, beta_[l].data() + t.at, G + t.row, out + t.at, std::min(t.length, a - t.at + 1));
        }
        out[a] += 1;
      }
    cholesky(M_.data(), size_, size_, 1e-14, pinned_);
    E_.assign(free_ * size_, 0.0), Q_.resize(free_ * free_);
    for (Index f = 0; f < free_; ++f) {
      const Coordinate& c = (*coordinates_)[f];
      const double* x = X_.column(c.at / m_);
      for_touches([&](Index a, Index l, Index i) {
        if (l == c.boundary) across(f)[a] = beta_[l][a] * x[i];
      });
      solve_lower(M_.data(), size_, size_, pinned_, across(f));
    }
    gram_rows(E_.data(), free_, size_, size_, Q_.data(), free_);
    cholesky(Q_.data(), free_, free_, 1e-13, pinned_free_);
    formed_ = true;
  }
  double* across(Index f) { return E_.data() + f * size_; }

  SS_CLONES static void add_products(double c, const double* x, const double* y, double* out, Index count) {
    for (Index i = 0; i < count; ++i) out[i] += c * x[i] * y[i];
  }

  Features& X_;
  const Family& family_;
  const std::vector<double>&offset_, &weight_;
  Index n_, p_, m_, touches_ = 0, size_ = 0, free_ = 0;  // size_: with those of the rows that push
  size_t fixed_ = 0;                                     // segments of the likelihood
  std::vector<Index> used_;
  std::vector<Segment> segments_;
  std::vector<Group> groups_;
  std::vector<std::vector<double>> beta_;  // by boundary and touch
  std::vector<double> level_;              // by boundary and row
  std::vector<FeatureMatrix> grams_;
  std::vector<char> in_;  // what the Grams hold
  WeightedGram gram_;
  const std::vector<Coordinate>* coordinates_ = nullptr;
  std::vector<double> M_, E_, Q_;
  std::vector<char> pinned_, pinned_free_;
  double ridge_ = 0;
  bool ready_ = false, formed_ = false;
};

}  // namespace ss
