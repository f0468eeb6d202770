// X with columns that lie far from 0 moved next to it. A product centred afterwards has lost as many digits as the mean is
// larger than the deviation; of a column that is moved first, one at a time and without a copy, it loses none.
#pragma once
#include <algorithm>
#include <vector>

#include "storage.hpp"

namespace ss {

class Recentred final : public Storage {
 public:
  explicit Recentred(const Storage& X) : X_(X), shift_(X.p, 0.0) { n = X.n, p = X.p; }

  double shift(Index col) const { return shift_[col]; }
  // Subtract `by` from a column from here on; what its moments are then.
  Moments move(Index col, double by, const double* w) {
    shift_[col] = by;
    moved_ = true;
    std::vector<double> x(n);
    read(col, x.data());
    return ss::moments(x.data(), w, n);
  }

  bool dense() const override { return X_.dense(); }
  void dots(const Index* cols, Index m, const double* r, double* out) const override {
    X_.dots(cols, m, r, out);
    each_moved(cols, m, [&](Index k, const double* x) { out[k] = dot(x, r, n); });
  }
  void dots2(const Index* cols, Index m, const double* r0, const double* r1, double* out0, double* out1) const override {
    X_.dots2(cols, m, r0, r1, out0, out1);
    each_moved(cols, m, [&](Index k, const double* x) { out0[k] = dot(x, r0, n), out1[k] = dot(x, r1, n); });
  }
  void axpys(const Index* cols, Index m, const double* coef, double* eta) const override {
    if (!moved_) return X_.axpys(cols, m, coef, eta);
    std::vector<double> rest(coef, coef + m);
    for (Index k = 0; k < m; ++k)
      if (shift_[cols[k]] != 0) rest[k] = 0;
    X_.axpys(cols, m, rest.data(), eta);
    each_moved(cols, m, [&](Index k, const double* x) {
      if (coef[k] != 0) axpy(coef[k], x, eta, n);
    });
  }
  Moments moments(Index col, const double* w) const override { return X_.moments(col, w); }

 private:
  void read(Index col, double* x) const {
    const double one = 1;
    std::fill_n(x, n, -shift_[col]);
    X_.axpys(&col, 1, &one, x);
  }
  template <class Work>
  void each_moved(const Index* cols, Index m, Work work) const {
    if (!moved_) return;
    std::vector<double> x(n);
    for (Index k = 0; k < m; ++k) {
      if (shift_[cols[k]] == 0) continue;
      read(cols[k], x.data());
      work(k, x.data());
    }
  }
  const Storage& X_;
  std::vector<double> shift_;
  bool moved_ = false;
};

}  // namespace ss
