// Where a path leaves proportional odds.
#pragma once
#include "ordinal.hpp"

namespace ss {

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
