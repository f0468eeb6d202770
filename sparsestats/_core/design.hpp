// The design a solver works on: columns centred, scaled and cleared of the unpenalised part, none of it stored.
//
//   free part     Q  (n x q), W-orthonormal (Q'WQ/n = I): the intercept's ones, then the unpenalised columns
//   coordinate j  x~_j = sum_l (x_l - Q a_l) T_lj over the columns l of its atom: the column itself, T = 1/s_j, when columns
//                 are scaled one by one; its whole group, T the inverse triangular factor, when groups are orthonormalised
//   order         coordinates of one group stand together, groups by label
//   model         eta = offset + Q gamma + X~ c
//
// Since x~_j is W-orthogonal to Q, the unpenalised part of a gaussian fit is exact and drops out, as centring does.
#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "linalg.hpp"
#include "recentred.hpp"

namespace ss {

struct DesignOptions {
  bool fit_intercept = true;
  bool scale = true;                  // unit weighted variance, one column at a time
  bool orthonormalise = false;        // each group orthonormal instead
  std::vector<Index> group;           // label of every column, 0..m-1; empty: each column is its own group
  std::vector<double> factor;         // penalty factor of every column; 0 is free; empty: ones
  bool group_weights = false;         // absorb sqrt(size of the group, or rank when orthonormalised) into the scales
  Index responses = 1;                // linear predictors that share the columns; a group holds its columns' copies for all
};

class Design {
 public:
  Design(const Storage& X, const double* w, DesignOptions options)
      : X_(X), n_(X.n), p_(X.p), opt_(std::move(options)) {
    w_.assign(w, w + n_);
    for (Index i = 0; i < n_; ++i)
      if (!(w_[i] > 0)) unweighted_.push_back(i);
    build_free_part();
    build_order();
    project_and_scale();
  }

  Index n() const { return n_; }
  Index p() const { return p_; }
  Index q() const { return static_cast<Index>(Q_.size()) / std::max<Index>(n_, 1); }
  Index size() const { return static_cast<Index>(cols_.size()); }             // penalised coordinates
  Index atoms() const { return static_cast<Index>(start_.size()) - 1; }
  Index start(Index a) const { return start_[a]; }
  Index atom_size(Index a) const { return start_[a + 1] - start_[a]; }
  Index groups() const { return static_cast<Index>(label_.size()); }
  Index group_of(Index coordinate) const { return group_[coordinate]; }
  Index group_rank(Index g) const { return rank_[g]; }  // its size, unless orthonormalised
  Index responses() const { return opt_.responses; }
  bool dense() const { return X_.dense(); }
  bool grouped() const { return !opt_.group.empty(); }
  bool is_free(Index column) const { return !opt_.factor.empty() && opt_.factor[column] == 0; }
  double length(Index coordinate) const { return length_[coordinate]; }  // at least sqrt(x~'Wx~ / n)
  // Whether the coordinates of an atom are orthogonal, of just their lengths.
  bool orthonormal() const { return opt_.orthonormalise && free_cols_.empty(); }
  // A power of 16 that all penalised coordinates are divided by: columns in very small or large units, left unscaled, would
  // need steps of another order than the free part's. A penalty of them is then divided by it too, and so is alpha.
  double unit() const { return unit_; }
  const std::vector<double>& weights() const { return w_; }
  const double* free_column(Index k) const { return Q_.data() + k * n_; }

  // out = X~_U' r for the atoms listed, coordinates packed in their order. r is any n-vector; it is first made
  // orthogonal to Q through the products Q'r. Of several vectors, one behind the other, the products are too.
  void tdot(const Index* us, Index m, const double* r, double* out, Index vectors = 1) const {
    std::vector<Index> ids;
    ids.reserve(m);
    for (Index t = 0; t < m; ++t)
      for (Index j = start_[us[t]]; j < start_[us[t] + 1]; ++j) ids.push_back(cols_[j]);
    const Index size = static_cast<Index>(ids.size());
    Index v = 0;
    for (; v + 2 <= vectors; v += 2)
      X_.dots2(ids.data(), size, r + v * n_, r + (v + 1) * n_, out + v * size, out + (v + 1) * size);
    if (v < vectors) X_.dots(ids.data(), size, r + v * n_, out + v * size);
    for (v = 0; v < vectors; ++v) {
      const std::vector<double> qr = free_dots(r + v * n_);
      for (Index t = 0; t < m; out += atom_size(us[t++])) {
        standardise(start_[us[t]], atom_size(us[t]), qr, out);
        if (opt_.orthonormalise) rotate_transposed(us[t], out);
      }
    }
  }
  // out = X~' r
  void tdot_all(const double* r, double* out) const {
    X_.dots(cols_.data(), size(), r, out);
    standardise(0, size(), free_dots(r), out);
    for (Index u = 0; opt_.orthonormalise && u < atoms(); ++u) rotate_transposed(u, out + start_[u]);
  }
  // eta += X~_U c; atoms of zeros cost a look
  void axpy_atoms(const Index* us, Index m, const double* c, double* eta) const {
    std::vector<Index> at;
    std::vector<double> raw;
    for (Index t = 0; t < m; c += atom_size(us[t++])) {
      const Index u = us[t], size = atom_size(u);
      if (zero(c, size)) continue;
      for (Index j = 0; j < size; ++j) at.push_back(start_[u] + j);
      raw.insert(raw.end(), c, c + size);
      if (opt_.orthonormalise) rotate(u, raw.data() + raw.size() - size);
    }
    axpy_scaled(at, raw, eta);
  }
  // v <- v - Q (Q'Wv / n); rows of weight 0, which may overflow, have no part in it and get 0
  void project(double* v) const {
    for (Index i : unweighted_) v[i] = 0;
    for (Index k = 0; k < q(); ++k) axpy(-wdot(free_column(k), v), free_column(k), v, n_);
    for (Index i : unweighted_) v[i] = 0;
  }
  // The coordinates of an atom as dense columns of length n, written one after another.
  void columns(Index u, double* out) const {
    const Index size = atom_size(u);
    std::vector<Index> at(size);
    std::vector<double> raw(size);
    std::fill(out, out + n_ * size, 0.0);
    for (Index j = 0; j < size; ++j) {
      std::iota(at.begin(), at.end(), start_[u]);
      for (Index i = 0; i < size; ++i) raw[i] = opt_.orthonormalise ? T_[u][i * size + j] : i == j;
      axpy_scaled(at, raw, out + j * n_);
    }
  }

  // Coefficients on the data's own scale: beta (p) and the intercept, from all coordinates c and gamma.
  double to_data_scale(const double* c, const double* gamma, double* beta) const {
    std::fill(beta, beta + p_, 0.0);
    std::vector<double> rest(gamma, gamma + q()), raw;
    for (Index u = 0; u < atoms(); ++u) {
      const Index s = start_[u], size = atom_size(u);
      if (zero(c + s, size)) continue;
      const double* own = c + s;
      if (opt_.orthonormalise) {
        raw.assign(own, own + size);
        rotate(u, raw.data());
        own = raw.data();
      }
      for (Index j = 0; j < size; ++j) {
        const double b = own[j] * inv_[s + j];
        beta[cols_[s + j]] = b;
        for (Index k = 0; k < q(); ++k) rest[k] -= b * A_[(s + j) * q() + k];
        if (opt_.fit_intercept) rest[0] -= b * X_.shift(cols_[s + j]) * R_[0];
      }
    }
    // The free columns F = Q R: back-substitute R phi = gamma - A beta.
    const Index q_ = q();
    for (Index k = q_; k-- > 0;) {
      for (Index l = k + 1; l < q_; ++l) rest[k] -= R_[k * q_ + l] * rest[l];
      rest[k] /= R_[k * q_ + k];
    }
    const Index first = opt_.fit_intercept ? 1 : 0;
    for (Index k = first; k < q_; ++k) {
      beta[free_cols_[k - first]] = rest[k];
      rest[0] -= rest[k] * X_.shift(free_cols_[k - first]);  // 0 without an intercept
    }
    return opt_.fit_intercept ? rest[0] : 0.0;
  }

 private:
  std::vector<double> free_dots(const double* r) const {  // Q'r
    std::vector<double> qr(q());
    for (Index k = 0; k < q(); ++k) qr[k] = dot(free_column(k), r, n_);
    return qr;
  }
  // From products with columns to those with their centred and scaled coordinates, `count` of them from `first` on.
  void standardise(Index first, Index count, const std::vector<double>& qr, double* out) const {
    const Index q = static_cast<Index>(qr.size());
    for (Index k = 0; k < q; ++k)
      for (Index j = 0; j < count; ++j) out[j] -= A_[(first + j) * q + k] * qr[k];
    for (Index j = 0; j < count; ++j) out[j] *= inv_[first + j];
  }
  static bool zero(const double* c, Index size) {
    for (Index i = 0; i < size; ++i)  // most often one: std::all_of would be unrolled for more
      if (c[i] != 0) return false;
    return true;
  }
  // eta += coordinates `at`, centred and scaled but not rotated, times raw; both are used up.
  void axpy_scaled(std::vector<Index>& at, std::vector<double>& raw, double* eta) const {
    std::vector<double> shift(q(), 0.0);
    for (size_t i = 0; i < at.size(); ++i) {
      raw[i] *= inv_[at[i]];
      for (Index k = 0; k < q(); ++k) shift[k] += raw[i] * A_[at[i] * q() + k];
      at[i] = cols_[at[i]];
    }
    X_.axpys(at.data(), static_cast<Index>(at.size()), raw.data(), eta);
    for (Index k = 0; k < q(); ++k)
      if (shift[k] != 0) axpy(-shift[k], free_column(k), eta, n_);
  }
  double wdot(const double* a, const double* b) const {
    double s = 0;
    for (Index i = 0; i < n_; ++i) s += w_[i] * a[i] * b[i];
    return s / n_;
  }

  // Orthogonalise v against the first `count` columns of basis (twice is enough), adding the coefficients to r.
  // Returns the norm that is left; v is divided by it unless it counts as dependent.
  double orthonormal_step(const std::vector<double>& basis, Index count, double* v, double* r) const {
    const double before = std::sqrt(wdot(v, v));
    for (int pass = 0; pass < 2; ++pass)
      for (Index k = 0; k < count; ++k) {
        const double c = wdot(basis.data() + k * n_, v);
        r[k] += c;
        axpy(-c, basis.data() + k * n_, v, n_);
      }
    const double after = std::sqrt(wdot(v, v));
    if (!(after > DEPENDENT * before)) return 0;
    for (Index i = 0; i < n_; ++i) v[i] /= after;
    return after;
  }

  void build_free_part() {
    std::vector<std::vector<double>> rows;  // columns of R while it grows
    std::vector<double> v(n_), r;
    auto take = [&](Index col) {
      const Index k = q();
      r.assign(k + 1, 0.0);
      const double left = orthonormal_step(Q_, k, v.data(), r.data());
      if (left == 0) return false;  // depends on the columns before it: coefficient 0
      r[k] = left;
      Q_.insert(Q_.end(), v.begin(), v.end());
      rows.push_back(r);
      if (col >= 0) free_cols_.push_back(col);
      return true;
    };
    if (opt_.fit_intercept) {
      std::fill(v.begin(), v.end(), 1.0);
      take(-1);
    }
    for (Index j = 0; j < p_; ++j) {
      if (!is_free(j)) continue;
      bool flat;
      const Moments m = near_zero(j, flat);
      if (flat && (opt_.fit_intercept || m.largest == 0)) continue;
      const double unit = opt_.fit_intercept ? m.sd : m.largest, scale = 1 / unit;  // keeps squares representable
      std::fill(v.begin(), v.end(), 0.0);
      X_.axpys(&j, 1, &scale, v.data());
      for (Index i : unweighted_) v[i] = 0;
      if (take(j))
        for (double& r : rows.back()) r *= unit;
    }
    R_.assign(q() * q(), 0.0);
    for (Index k = 0; k < q(); ++k)
      for (Index l = 0; l <= k; ++l) R_[l * q() + k] = rows[k][l];
  }
  // The moments of a column, after it has been moved where its mean is many deviations. It is `flat` where it has no variation
  // of its own: rounding of the mean alone leaves about eps |x|, and of what was moved next to nothing may be left.
  Moments near_zero(Index col, bool& flat) {
    Moments m = X_.moments(col, w_.data());
    const double rounding = 64 * std::numeric_limits<double>::epsilon() * m.largest;
    if (m.sd > rounding && opt_.fit_intercept && std::abs(m.mean) > FAR * m.sd) {
      const double largest = m.largest;
      m = X_.move(col, m.mean, w_.data());
      m.largest = largest;
    }
    flat = !(m.sd > rounding);
    return m;
  }

  void build_order() {
    for (Index j = 0; j < p_; ++j)
      if (!is_free(j)) cols_.push_back(j);
    const auto label = [&](Index col) { return opt_.group.empty() ? col : opt_.group[col]; };
    std::stable_sort(cols_.begin(), cols_.end(), [&](Index a, Index b) { return label(a) < label(b); });
    for (Index k = 0; k < size(); ++k) {
      const bool opens = k == 0 || label(cols_[k]) != label_.back();
      if (opens) label_.push_back(label(cols_[k])), rank_.push_back(0);
      group_.push_back(groups() - 1);
      ++rank_.back();
      if (opens || !opt_.orthonormalise) start_.push_back(k);
    }
    start_.push_back(size());
  }

  void project_and_scale() {
    inv_.assign(size(), 0.0);
    A_.assign(size() * q(), 0.0);
    length_.assign(size(), 0.0);
    std::vector<double> mean(size());
    std::vector<char> constant(size(), 0);
    for (Index j = 0; j < size(); ++j) {
      bool flat;
      const Moments m = near_zero(cols_[j], flat);
      // Without an intercept a constant column still carries a fit, unless it is to be scaled by its (zero) deviation.
      constant[j] = m.largest == 0 || (flat && (opt_.fit_intercept || opt_.scale));
      mean[j] = m.mean;
      if (constant[j]) continue;
      inv_[j] = opt_.scale ? 1 / m.sd : opt_.orthonormalise ? 1 / (flat ? m.largest : m.sd) : 1.0;
      length_[j] = opt_.orthonormalise ? 1.0 : inv_[j] * std::hypot(m.sd, opt_.fit_intercept ? 0.0 : m.mean);
    }
    std::vector<double> wq(n_);
    for (Index k = 0; k < q(); ++k) {
      if (k == 0 && opt_.fit_intercept) {
        for (Index j = 0; j < size(); ++j) A_[j * q()] = mean[j] / R_[0];
        continue;
      }
      for (Index i = 0; i < n_; ++i) wq[i] = w_[i] * free_column(k)[i] / n_;
      std::vector<double> a(size());
      X_.dots(cols_.data(), size(), wq.data(), a.data());
      for (Index j = 0; j < size(); ++j) A_[j * q() + k] = a[j];
    }
    if (opt_.orthonormalise) orthonormalise(mean, constant);
    for (Index j = 0; j < size(); ++j) {
      const double k = opt_.group_weights ? std::sqrt(static_cast<double>(std::max<Index>(rank_[group_[j]], 1) * opt_.responses)) : 1.0;
      const double share = k * (opt_.factor.empty() ? 1.0 : opt_.factor[cols_[j]]);
      inv_[j] /= share;
      length_[j] /= share;
    }
    const double longest = length_.empty() ? 0 : *std::max_element(length_.begin(), length_.end());
    if (longest > 0) unit_ = std::exp2(4 * std::round(0.25 * std::log2(longest)));
    for (std::vector<double>* v : {&inv_, &length_})
      for (double& x : *v) x /= unit_;
    if (!free_cols_.empty()) drop_explained();
  }

  // A coordinate that the free columns explain is one that does not vary: at any price its best value is 0, without one it
  // has none of its own, and what rounding leaves of it is not solved for.
  void drop_explained() {
    std::vector<double> x;
    for (Index u = 0; u < atoms(); ++u) {
      const Index s = start_[u], m = atom_size(u);
      if (!opt_.orthonormalise && !nearly_explained(s)) continue;
      x.resize(m * n_);
      columns(u, x.data());
      for (Index j = 0; j < m; ++j) {
        const double* left = x.data() + j * n_;
        if (std::sqrt(wdot(left, left)) > DEPENDENT * length_[s + j]) continue;
        length_[s + j] = 0;
        if (!opt_.orthonormalise) inv_[s + j] = 0;
        for (Index i = 0; opt_.orthonormalise && i < m; ++i) T_[u][i * m + j] = 0;
      }
    }
  }
  // From its products with the free part alone, whose squares say no more than this; saves writing a column out.
  bool nearly_explained(Index j) const {
    const double norm = length_[j] / inv_[j];  // NaN where the column is out already
    double left = norm * norm;
    for (Index k = opt_.fit_intercept ? 1 : 0; k < q(); ++k) left -= A_[j * q() + k] * A_[j * q() + k];
    return left <= 1e-6 * norm * norm;
  }

  // T of every atom: its columns, centred and scaled, times T are W-orthonormal. A column that depends on those before
  // it gets no coordinate (a zero column of T, so it never moves) and the rank counts the others. Of the coefficients
  // that give the same fit T takes the shortest: a factor coded with all its levels gets deviations that sum to 0.
  void orthonormalise(const std::vector<double>& mean, const std::vector<char>& constant) {
    T_.resize(atoms());
    std::vector<double> basis, v(n_), r;
    for (Index u = 0; u < atoms(); ++u) {
      const Index m = atom_size(u);
      std::vector<double>& T = T_[u];
      T.assign(m * m, 0.0);
      std::vector<double> R(m * m, 0.0);
      std::vector<Index> live, kept, spare;
      for (Index j = 0; j < m; ++j)
        if (!constant[start_[u] + j]) live.push_back(j);
      if (live.size() < MANY || !factor_at_once(u, live, mean, R, kept, spare)) {
        kept.clear(), spare.clear(), basis.clear();
        for (Index j : live) {
          column_of(u, j, mean, v.data());
          const Index count = static_cast<Index>(kept.size());
          r.assign(count + 1, 0.0);
          const double left = orthonormal_step(basis, count, v.data(), r.data());
          for (Index k = 0; k < count; ++k) R[kept[k] * m + j] = r[k];
          if (left == 0) {
            spare.push_back(j);
            continue;
          }
          basis.insert(basis.end(), v.begin(), v.end());
          R[j * m + j] = left;
          kept.push_back(j);
        }
      }
      rank_[u] = static_cast<Index>(kept.size());
      for (Index k = 0; k < rank_[u]; ++k) {  // a column of the inverse of R, over the kept rows
        T[kept[k] * m + kept[k]] = 1;
        solve_upper(R, kept, k + 1, m, T, kept[k]);
      }
      for (Index j : spare) length_[start_[u] + j] = 0;
      if (!spare.empty()) shorten(R, kept, spare, u);
    }
  }
  // A column of an atom, centred and brought to its scale.
  void column_of(Index u, Index j, const std::vector<double>& mean, double* v) const {
    const Index at = start_[u] + j;
    std::fill_n(v, n_, opt_.fit_intercept ? -mean[at] * inv_[at] : 0.0);
    X_.axpys(cols_.data() + at, 1, inv_.data() + at, v);
  }
  // R of many columns by the Cholesky factor of their products, at the speed of products of matrices: a factor of a thousand
  // levels, one column after the other, takes half a minute. Products square what separates a column from those before it, so
  // this serves where that is much, or nothing by a second look at the column itself; false where it is anything between.
  bool factor_at_once(Index u, const std::vector<Index>& live, const std::vector<double>& mean, std::vector<double>& R,
                      std::vector<Index>& kept, std::vector<Index>& spare) const {
    const Index a = static_cast<Index>(live.size()), m = atom_size(u);
    std::vector<double> B(a * n_), G(a * a), root(n_);
    for (Index i = 0; i < n_; ++i) root[i] = std::sqrt(w_[i] / n_);
    for (Index t = 0; t < a; ++t) {
      column_of(u, live[t], mean, B.data() + t * n_);
      multiply(root.data(), B.data() + t * n_, B.data() + t * n_, n_);
    }
    gram_rows(B.data(), a, n_, n_, G.data(), a);
    std::vector<char> pinned;
    cholesky(G.data(), a, a, SEPARATE, pinned);
    std::vector<double> rest(n_), along(m * m);
    std::vector<Index> places;  // of the kept columns
    for (Index t = 0; t < a; ++t) {
      const Index j = live[t];
      for (Index k : places) R[live[k] * m + j] = G[t * a + k];
      if (!pinned[t]) {
        R[j * m + j] = G[t * a + t];
        kept.push_back(j);
        places.push_back(t);
        continue;
      }
      for (Index k : kept) along[k * m + j] = R[k * m + j];
      solve_upper(R, kept, static_cast<Index>(kept.size()), m, along, j);
      const double* own = B.data() + t * n_;
      std::copy_n(own, n_, rest.data());
      for (Index k : places) axpy(-along[live[k] * m + j], B.data() + k * n_, rest.data(), n_);
      if (!(norm2(rest.data(), n_) <= DEPENDENT * DEPENDENT * norm2(own, n_))) return false;
      spare.push_back(j);
    }
    return true;
  }
  // Column j of M <- R^{-1} column j of M over the first `count` kept rows.
  static void solve_upper(const std::vector<double>& R, const std::vector<Index>& kept, Index count, Index m,
                          std::vector<double>& M, Index j) {
    for (Index k = count; k-- > 0;) {
      const Index i = kept[k];
      double s = M[i * m + j];
      for (Index l = k + 1; l < count; ++l) s -= R[i * m + kept[l]] * M[kept[l] * m + j];
      M[i * m + j] = s / R[i * m + i];
    }
  }
  // Remove from every column of T its part along the null space of the unit, in the columns' own units.
  void shorten(const std::vector<double>& R, const std::vector<Index>& kept, const std::vector<Index>& spare, Index u) {
    const Index m = atom_size(u), s = start_[u];
    std::vector<double>& T = T_[u];
    std::vector<std::vector<double>> null;
    std::vector<double> N(m * m, 0.0);
    for (Index j : spare) {  // x_j = sum_k x_k a_k over the kept columns gives the null vector e_j - a
      for (Index k : kept) N[k * m + j] = -R[k * m + j];
      solve_upper(R, kept, static_cast<Index>(kept.size()), m, N, j);
      N[j * m + j] = 1;
      std::vector<double> v(m);
      for (Index i = 0; i < m; ++i) v[i] = N[i * m + j] * inv_[s + i];
      for (int pass = 0; pass < 2; ++pass)
        for (const auto& z : null) axpy(-dot(z.data(), v.data(), m), z.data(), v.data(), m);
      const double size = std::sqrt(norm2(v.data(), m));
      if (!(size > 0)) continue;
      for (double& x : v) x /= size;
      null.push_back(v);
    }
    for (Index j : kept)
      for (const auto& z : null) {
        double along = 0;
        for (Index i = 0; i < m; ++i) along += z[i] * T[i * m + j] * inv_[s + i];
        for (Index i = 0; i < m; ++i)
          if (inv_[s + i] != 0) T[i * m + j] -= along * z[i] / inv_[s + i];
      }
  }
  void rotate(Index u, double* c) const {  // c <- T c
    const Index m = atom_size(u);
    std::vector<double> out(m, 0.0);
    for (Index i = 0; i < m; ++i) out[i] = dot(T_[u].data() + i * m, c, m);
    std::copy(out.begin(), out.end(), c);
  }
  void rotate_transposed(Index u, double* z) const {  // z <- T' z
    const Index m = atom_size(u);
    std::vector<double> out(m, 0.0);
    for (Index i = 0; i < m; ++i) axpy(z[i], T_[u].data() + i * m, out.data(), m);
    std::copy(out.begin(), out.end(), z);
  }

  static constexpr double DEPENDENT = 1e-10;  // what others leave of a column that they explain, as a share of it
  static constexpr double SEPARATE = 1e-4;    // and of the square of one that is far from being explained
  static constexpr size_t MANY = 32;          // columns of a group
  static constexpr double FAR = 1e3;  // deviations from 0: columns beyond cannot have zeros, unless among a million rows
  Recentred X_;
  double unit_ = 1;
  Index n_, p_;
  DesignOptions opt_;
  std::vector<double> w_, Q_, R_, A_, inv_, length_;
  std::vector<Index> unweighted_, free_cols_, cols_, start_, group_, label_, rank_;
  std::vector<std::vector<double>> T_;
};

}  // namespace ss
