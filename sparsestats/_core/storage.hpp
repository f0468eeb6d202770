// How the columns of X lie in memory. Solvers see batches of columns, so one virtual call serves many of them.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels.hpp"
#include "moments.hpp"

namespace ss {

class Storage {
 public:
  Index n = 0, p = 0;
  virtual ~Storage() = default;
  // out[k] = x_{cols[k]}' r
  virtual void dots(const Index* cols, Index m, const double* r, double* out) const = 0;
  // out0[k] and out1[k] likewise with r0 and r1
  virtual void dots2(const Index* cols, Index m, const double* r0, const double* r1, double* out0, double* out1) const {
    dots(cols, m, r0, out0);
    dots(cols, m, r1, out1);
  }
  // eta += sum_k coef[k] x_{cols[k]}; zero coefficients cost nothing
  virtual void axpys(const Index* cols, Index m, const double* coef, double* eta) const = 0;
  virtual bool dense() const { return false; }
  virtual Moments moments(Index col, const double* w) const = 0;
};

template <class T>
class Dense final : public Storage {  // Fortran order, columns `stride` apart
 public:
  Dense(const T* data, Index rows, Index cols, Index stride) : data_(data), stride_(stride) { n = rows, p = cols; }

  bool dense() const override { return true; }
  void dots(const Index* cols, Index m, const double* r, double* out) const override {
    project_on(m, [&](Index k) { return column(cols[k]); }, r, n, out);
  }
  void dots2(const Index* cols, Index m, const double* r0, const double* r1, double* out0, double* out1) const override {
    project_on2(m, [&](Index k) { return column(cols[k]); }, r0, r1, n, out0, out1);
  }
  void axpys(const Index* cols, Index m, const double* coef, double* eta) const override {
    combine(m, coef, [&](Index k) { return column(cols[k]); }, eta, n);
  }
  Moments moments(Index col, const double* w) const override { return ss::moments(column(col), w, n); }

 private:
  const T* column(Index j) const { return data_ + j * stride_; }
  const T* data_;
  Index stride_;
};

template <class T, class I>
class Csc final : public Storage {  // compressed columns; zeros are never stored nor made
 public:
  Csc(const T* data, const I* rows, const I* starts, Index nrow, Index ncol)
      : data_(data), rows_(rows), starts_(starts) {
    n = nrow, p = ncol;
  }
  void dots(const Index* cols, Index m, const double* r, double* out) const override {
    for (Index k = 0; k < m; ++k) {
      double sum = 0;
      for (I e = starts_[cols[k]]; e < starts_[cols[k] + 1]; ++e) sum += static_cast<double>(data_[e]) * r[rows_[e]];
      out[k] = sum;
    }
  }
  void axpys(const Index* cols, Index m, const double* coef, double* eta) const override {
    for (Index k = 0; k < m; ++k) {
      if (coef[k] == 0) continue;
      for (I e = starts_[cols[k]]; e < starts_[cols[k] + 1]; ++e) eta[rows_[e]] += coef[k] * static_cast<double>(data_[e]);
    }
  }
  Moments moments(Index col, const double* w) const override {
    Moments out;
    for (I e = starts_[col]; e < starts_[col + 1]; ++e)
      if (w[rows_[e]] > 0) out.largest = std::max(out.largest, std::abs(static_cast<double>(data_[e])));
    if (out.largest == 0) return out;
    const double unit = 1 / out.largest;
    if (!std::isfinite(unit)) return Moments{};
    double sum = 0, present = 0, squares = 0;
    for (I e = starts_[col]; e < starts_[col + 1]; ++e) {
      sum += w[rows_[e]] * (data_[e] * unit);
      present += w[rows_[e]];
    }
    const double mean = sum / n;
    for (I e = starts_[col]; e < starts_[col + 1]; ++e) {
      const double d = data_[e] * unit - mean;
      squares += w[rows_[e]] * d * d;
    }
    squares += absent(col, w, present) * mean * mean;
    out.mean = mean * out.largest;
    out.sd = std::sqrt(squares / n) * out.largest;
    return out;
  }

 private:
  // Weight of the rows that a column leaves out: what the others' leaves of n, but for a nearly full column, where that is
  // mostly rounding, which would make a constant one vary.
  double absent(Index col, const double* w, double present) const {
    if (n - present > 0.01 * n) return n - present;
    std::vector<char> stored(n, 0);
    for (I e = starts_[col]; e < starts_[col + 1]; ++e) stored[rows_[e]] = 1;
    double sum = 0;
    for (Index i = 0; i < n; ++i)
      if (!stored[i]) sum += w[i];
    return sum;
  }

  const T* data_;
  const I *rows_, *starts_;
};

}  // namespace ss
