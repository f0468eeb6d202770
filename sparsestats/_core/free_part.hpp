// The unpenalised part of a model, fitted exactly with the penalised coordinates held where they are.
#pragma once
#include <limits>
#include <vector>

#include "losses.hpp"
#include "predictors.hpp"

namespace ss {

// Damped Newton on gamma: makes Q'theta = 0 to rounding, which is what turns a residual into a dual point. Moves gamma
// and eta = ... + Q gamma together.
inline void fit_free_part(const Predictors& d, const Loss& loss, const double* y, double* gamma, double* eta) {
  const Index n = d.n(), q = d.q();
  if (q == 0) return;
  const double* w = d.weights().data();
  std::vector<double> g(q), H(q * q), columns, h(n), e(n), trial(n);
  std::vector<Index> block(q);
  for (Index k = 0; k < q; ++k) block[k] = d.free_block(k);
  std::vector<char> pinned;
  constexpr double UNKNOWN = std::numeric_limits<double>::quiet_NaN();
  double F = UNKNOWN, before = std::numeric_limits<double>::infinity();
  for (int it = 0; it < 1000; ++it) {
    loss.residual(eta, y, e.data(), n);
    double size = 0, total = 0;
    weigh(e.data(), w, n);
    for (double part : e) total += std::abs(part);
    d.free_dots(e.data(), g.data());
    for (double slope : g) size = std::max(size, std::abs(slope));
    if (size <= 1e-15 * total) return;
    // Far from the answer of an exponential, or of separated classes, only a tiny part of a step serves; under a loss that is
    // linear somewhere short steps go nowhere. The second round of a failed step uses the majorant, which descends from
    // anywhere.
    const std::vector<double> gradient = g;
    bool moved = false;
    // What the gradient still gains is its square: the loss, right to 1e-16, no longer shows it, and steps are on trust.
    const bool last = size <= 1e-6 * total;
    for (const bool safe : {false, true}) {
      if (moved) break;
      const bool trusted = last && !safe;
      if (!trusted && std::isnan(F)) F = loss.value(eta, y, w, n);
      g = gradient;
      weighted_curvature(loss, safe, eta, y, w, h.data(), n);
      columns.resize(q * d.rows());
      for (Index k = 0; k < q; ++k) std::copy_n(d.free_column(k), d.rows(), columns.data() + k * d.rows());
      weighted_gram(columns, block, h, d.rows(), H.data(), q);
      cholesky(H.data(), q, q, 1e-14, pinned);
      cholesky_solve(H.data(), q, q, pinned, g.data());
      double t = 1;
      for (int halvings = 0; halvings < (loss.flat() && !safe ? 3 : 200) && !moved; ++halvings, t /= 2) {
        std::copy(eta, eta + n, trial.data());
        d.free_axpy(t, g.data(), trial.data());
        const double value = trusted ? UNKNOWN : loss.value(trial.data(), y, w, n);
        moved = trusted || value < F;
        if (moved) {
          F = value;
          for (Index k = 0; k < q; ++k) gamma[k] += t * g[k];
          std::copy(trial.begin(), trial.end(), eta);
        }
      }
    }
    // Rounding of the means is no share of the residuals: where those are small beside the means it ends the steps first.
    if (!moved || (last && it > 3 && (size <= 1e-13 * total || size > 0.5 * before))) return;
    before = size;
  }
}

}  // namespace ss
