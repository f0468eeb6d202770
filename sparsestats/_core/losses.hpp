// Losses f(eta) = (1/n) sum_i w_i l(y_i, eta_i). Each is called once per vector.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

#include "kernels.hpp"
#include "vector_math.hpp"

namespace ss {

// A dual point this far outside its domain is outside by rounding alone.
constexpr double ROUNDING = 1e-12;

class Loss {
 public:
  virtual ~Loss() = default;
  // Linear predictors a row has. With several, vectors hold one block of rows for each, and the Hessian of a row is
  // diag(h) - h h' / sum(h) with h from `curvature` (or `majorant`).
  virtual Index responses() const { return 1; }
  virtual double value(const double* eta, const double* y, const double* w, Index n) const = 0;
  // e_i = -l'(y_i, eta_i); the dual point is theta_i = (w_i / n) e_i
  virtual void residual(const double* eta, const double* y, double* e, Index n) const = 0;
  virtual void curvature(const double* eta, const double* y, double* h, Index n) const = 0;  // l''
  // A curvature that majorises l along any step, for where l'' itself vanishes.
  virtual void majorant(const double* eta, const double* y, double* h, Index n) const { curvature(eta, y, h, n); }
  // At least f(eta + delta) - f(eta) - <grad f(eta), delta>, without cancellation.
  virtual double divergence(const double* eta, const double* delta, const double* y, const double* w, Index n) const = 0;
  // -f*(-theta) - theta'offset at theta_i = (w_i / n) u_i: a lower bound on the optimum whenever Q'theta = 0 and the
  // penalty's dual norm of X~'theta is at most alpha. -inf outside the conjugate's domain.
  virtual double dual(const double* u, const double* y, const double* w, const double* offset, Index n) const = 0;
  // Bring u into the conjugate's domain; the largest change tells whether that was rounding.
  virtual double clip(double* u, const double* y, Index n) const = 0;
  virtual bool quadratic() const { return false; }
  // Linear somewhere: a Newton decrement proves nothing there.
  virtual bool flat() const { return false; }
  // sup l'': the dual is strongly concave with its inverse. Infinite where l'' has no bound.
  virtual double curvature_bound() const { return std::numeric_limits<double>::infinity(); }
};

// Each row's part of a mean, in place. Rows of weight 0 have none, even where their terms overflow.
inline void weigh(double* v, const double* w, Index n) {
  for (Index i = 0; i < n; ++i) v[i] = w[i] > 0 ? v[i] * (w[i] / n) : 0.0;
}

// The same of l'', or of its majorant when `safe`.
inline void weighted_curvature(const Loss& loss, bool safe, const double* eta, const double* y, const double* w, double* h, Index n) {
  if (safe)
    loss.majorant(eta, y, h, n);
  else
    loss.curvature(eta, y, h, n);
  weigh(h, w, n);
}

inline double weighted_square(const double* x, const double* w, Index n) {
  double s = 0;
  for (Index i = 0; i < n; ++i) s += w[i] * x[i] * x[i];
  return s / n;
}
inline double xlogx(double x) { return x > 0 ? x * std::log(x) : 0.0; }

class Gaussian final : public Loss {  // l = (y - eta)^2 / 2
 public:
  double value(const double* eta, const double* y, const double* w, Index n) const override {
    double s = 0;
    for (Index i = 0; i < n; ++i) s += w[i] * (y[i] - eta[i]) * (y[i] - eta[i]);
    return 0.5 * s / n;
  }
  void residual(const double* eta, const double* y, double* e, Index n) const override {
    for (Index i = 0; i < n; ++i) e[i] = y[i] - eta[i];
  }
  void curvature(const double*, const double*, double* h, Index n) const override { std::fill(h, h + n, 1.0); }
  double divergence(const double*, const double* delta, const double*, const double* w, Index n) const override {
    return 0.5 * weighted_square(delta, w, n);
  }
  double dual(const double* u, const double* y, const double* w, const double* offset, Index n) const override {
    double s = 0;
    for (Index i = 0; i < n; ++i) s += w[i] * u[i] * (y[i] - offset[i] - 0.5 * u[i]);
    return s / n;
  }
  double clip(double*, const double*, Index) const override { return 0; }
  bool quadratic() const override { return true; }
  double curvature_bound() const override { return 1; }
};

// Loops over rows that hold an exponential or a logarithm, without branches so that they vectorise. Rows of weight 0 count
// for nothing even where their terms overflow.
namespace detail {

template <class Term>
SS_INLINE double weighted_sum(const double* w, Index n, Term term) {
  constexpr Index kChunk = 64;
  double part[kChunk], lanes[4] = {0, 0, 0, 0};
  for (Index from = 0; from < n; from += kChunk) {
    const Index m = std::min(kChunk, n - from);
    for (Index i = 0; i < m; ++i) part[i] = w[from + i] > 0 ? w[from + i] * term(from + i) : 0.0;
    for (Index i = m; i < kChunk && i % 4 != 0; ++i) part[i] = 0;
    for (Index i = 0; i < m; i += 4)
      for (Index k = 0; k < 4; ++k) lanes[k] += part[i + k];
  }
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}
SS_INLINE double x_log_x(double x) { return x < 1e-300 ? 0.0 : x * logarithm(x < 1e-300 ? 1.0 : x); }
SS_INLINE double overflowing_exp(double x) {
  return x > 708.0 ? std::numeric_limits<double>::infinity() : exponential(x > 708.0 ? 0.0 : x).value;
}

SS_CLONES static double binomial_value(const double* eta, const double* y, const double* w, Index n) {
  return weighted_sum(w, n, [=](Index i) {
    const double t = eta[i];
    return (t > 0 ? t : 0.0) + log_one_plus(exponential(-std::abs(t)).value) - y[i] * t;
  });
}
// For y = 1 and y = 0 the two tails are written without cancellation.
SS_CLONES static void binomial_residual(const double* eta, const double* y, double* e, Index n) {
  for (Index i = 0; i < n; ++i) {
    const double t = exponential(-std::abs(eta[i])).value, big = 1 / (1 + t), small = t / (1 + t);
    const double prob = eta[i] > 0 ? big : small, rest = eta[i] > 0 ? small : big;
    e[i] = y[i] * rest - (1 - y[i]) * prob;
  }
}
SS_CLONES static void binomial_curvature(const double* eta, double* h, Index n) {
  for (Index i = 0; i < n; ++i) {
    const double t = exponential(-std::abs(eta[i])).value;
    h[i] = t / ((1 + t) * (1 + t));
  }
}
// l'' is largest where eta is nearest 0 on the way: at one end, or 1/4 in between. Far from 0 that is far below 1/4.
SS_CLONES static double binomial_divergence(const double* eta, const double* delta, const double* w, Index n) {
  return weighted_sum(w, n, [=](Index i) {
    const double from = eta[i], to = from + delta[i], a = std::abs(from), b = std::abs(to);
    const double near = (from > 0) == (to > 0) ? (a < b ? a : b) : 0.0, t = exponential(-near).value;
    return delta[i] * delta[i] * t / ((1 + t) * (1 + t));
  });
}
// Both entropies are finite wherever `clip` leaves u.
SS_CLONES static double binomial_entropy(const double* u, const double* y, const double* w, const double* offset, Index n) {
  return weighted_sum(w, n, [=](Index i) {
    return x_log_x(y[i] - u[i]) + x_log_x((1 - y[i]) + u[i]) + u[i] * offset[i];
  });
}
SS_CLONES static double poisson_value(const double* eta, const double* y, const double* w, Index n) {
  return weighted_sum(w, n, [=](Index i) { return overflowing_exp(eta[i]) - y[i] * eta[i] + x_log_x(y[i]) - y[i]; });
}
SS_CLONES static void poisson_mean(const double* eta, double* mean, Index n) {
  for (Index i = 0; i < n; ++i) mean[i] = overflowing_exp(eta[i]);
}
SS_CLONES static double poisson_divergence(const double* eta, const double* delta, const double* w, Index n) {
  return weighted_sum(w, n, [=](Index i) {
    const double d = delta[i];
    // exp(d) - 1 - d, by its series where the difference would cancel
    const double series = d * d * (0.5 + d * (1.0 / 6 + d * (1.0 / 24 + d / 120)));
    const double far = d > 708.0 ? std::numeric_limits<double>::infinity() : exponential(d > 708.0 ? 0.0 : d).less_one - d;
    return overflowing_exp(eta[i]) * (std::abs(d) < 1e-2 ? series : far);
  });
}
SS_CLONES static double poisson_entropy(const double* u, const double* y, const double* w, const double* offset, Index n) {
  return weighted_sum(w, n, [=](Index i) {
    const double q = y[i] - u[i];
    return x_log_x(q) - q - x_log_x(y[i]) + y[i] + u[i] * offset[i];
  });
}

}  // namespace detail

class Binomial final : public Loss {  // l = log(1 + exp(eta)) - y eta, 0 <= y <= 1
 public:
  double curvature_bound() const override { return 0.25; }
  double value(const double* eta, const double* y, const double* w, Index n) const override {
    return detail::binomial_value(eta, y, w, n) / n;
  }
  void residual(const double* eta, const double* y, double* e, Index n) const override {
    detail::binomial_residual(eta, y, e, n);
  }
  void curvature(const double* eta, const double*, double* h, Index n) const override {
    detail::binomial_curvature(eta, h, n);
  }
  double divergence(const double* eta, const double* delta, const double*, const double* w, Index n) const override {
    return 0.5 * detail::binomial_divergence(eta, delta, w, n) / n;
  }
  double dual(const double* u, const double* y, const double* w, const double* offset, Index n) const override {
    for (Index i = 0; i < n; ++i)
      if (w[i] != 0 && (y[i] - u[i] < 0 || (1 - y[i]) + u[i] < 0)) return -std::numeric_limits<double>::infinity();
    return -detail::binomial_entropy(u, y, w, offset, n) / n;
  }
  double clip(double* u, const double* y, Index n) const override {
    double change = 0;
    for (Index i = 0; i < n; ++i) {
      const double inside = std::clamp(u[i], y[i] - 1, y[i]);
      change = std::max(change, std::abs(inside - u[i]));
      u[i] = inside;
    }
    return change;
  }
};

class Poisson final : public Loss {  // l = exp(eta) - y eta + y log y - y, half the deviance; y >= 0
 public:
  double value(const double* eta, const double* y, const double* w, Index n) const override {
    return detail::poisson_value(eta, y, w, n) / n;
  }
  void residual(const double* eta, const double* y, double* e, Index n) const override {
    detail::poisson_mean(eta, e, n);
    for (Index i = 0; i < n; ++i) e[i] = y[i] - e[i];
  }
  void curvature(const double* eta, const double*, double* h, Index n) const override { detail::poisson_mean(eta, h, n); }
  double divergence(const double* eta, const double* delta, const double*, const double* w, Index n) const override {
    return detail::poisson_divergence(eta, delta, w, n) / n;
  }
  double dual(const double* u, const double* y, const double* w, const double* offset, Index n) const override {
    for (Index i = 0; i < n; ++i)
      if (w[i] != 0 && y[i] - u[i] < 0) return -std::numeric_limits<double>::infinity();
    return -detail::poisson_entropy(u, y, w, offset, n) / n;
  }
  double clip(double* u, const double* y, Index n) const override {
    double change = 0;
    for (Index i = 0; i < n; ++i) {
      change = std::max(change, u[i] - y[i]);
      u[i] = std::min(u[i], y[i]);
    }
    return change;
  }
};

class Huber final : public Loss {  // l = r^2 / 2 up to |r| = delta, then delta |r| - delta^2 / 2; r = y - eta
 public:
  explicit Huber(double delta) : delta_(delta) {}
  bool flat() const override { return true; }
  double curvature_bound() const override { return 1; }
  double value(const double* eta, const double* y, const double* w, Index n) const override {
    double s = 0;
    for (Index i = 0; i < n; ++i) {
      const double r = std::abs(y[i] - eta[i]);
      s += w[i] * (r <= delta_ ? 0.5 * r * r : delta_ * (r - 0.5 * delta_));
    }
    return s / n;
  }
  void residual(const double* eta, const double* y, double* e, Index n) const override {
    for (Index i = 0; i < n; ++i) e[i] = std::clamp(y[i] - eta[i], -delta_, delta_);
  }
  void curvature(const double* eta, const double* y, double* h, Index n) const override {
    // 0 beyond delta; a thousandth of the majorant there keeps Newton steps finite wherever all rows are.
    majorant(eta, y, h, n);
    for (Index i = 0; i < n; ++i)
      if (h[i] < 1) h[i] *= 0.001;
  }
  void majorant(const double* eta, const double* y, double* h, Index n) const override {
    for (Index i = 0; i < n; ++i) h[i] = delta_ / std::max(std::abs(y[i] - eta[i]), delta_);
  }
  double divergence(const double*, const double* delta, const double*, const double* w, Index n) const override {
    return 0.5 * weighted_square(delta, w, n);
  }
  double dual(const double* u, const double* y, const double* w, const double* offset, Index n) const override {
    double s = 0;
    for (Index i = 0; i < n; ++i) s += w[i] * u[i] * (y[i] - offset[i] - 0.5 * u[i]);
    return s / n;
  }
  // A smaller copy, which stays orthogonal to whatever u is: with a small delta rounding of eta alone is much of it.
  double clip(double* u, const double*, Index n) const override {
    double largest = delta_;
    for (Index i = 0; i < n; ++i) largest = std::max(largest, std::abs(u[i]));
    for (Index i = 0; i < n; ++i) u[i] *= delta_ / largest;
    return 0;
  }

 private:
  double delta_;
};

// l = log sum_k exp(eta_k) - sum_k y_k eta_k over K predictors, y in the simplex: the symmetric softmax, in which adding one
// number to all K predictors of a row changes nothing. Block k holds class k.
class Multinomial final : public Loss {
 public:
  explicit Multinomial(Index classes) : K_(classes) {}
  Index responses() const override { return K_; }
  double curvature_bound() const override { return 0.5; }
  double value(const double* eta, const double* y, const double* w, Index n) const override {
    const Index m = n / K_;
    double s = 0;
    for (Index i = 0; i < m; ++i) {
      if (w[i] == 0) continue;
      const Index top = largest(eta, i, m);
      double others = 0, fitted = 0;  // relative to the largest predictor, so that a sure row adds log1p of little
      for (Index k = 0; k < K_; ++k) {
        const double t = eta[k * m + i] - eta[top * m + i];
        if (k != top) others += std::exp(t);
        fitted += y[k * m + i] * t;
      }
      s += w[i] * (std::log1p(others) - fitted);
    }
    return s / n;
  }
  void residual(const double* eta, const double* y, double* e, Index n) const override {
    const Index m = n / K_;
    for (Index i = 0; i < m; ++i) {
      // 1 - prob of the largest class is summed from the others: for an indicator y no tail cancels.
      const Index top = largest(eta, i, m);
      double others = 0;
      for (Index k = 0; k < K_; ++k)
        if (k != top) others += e[k * m + i] = std::exp(eta[k * m + i] - eta[top * m + i]);
      e[top * m + i] = 1;
      for (Index k = 0; k < K_; ++k) {
        const double prob = e[k * m + i] / (1 + others), target = y[k * m + i];
        const double rest = k == top ? others / (1 + others) : 1 - prob;
        e[k * m + i] = target * rest - (1 - target) * prob;
      }
    }
  }
  void curvature(const double* eta, const double*, double* h, Index n) const override {  // the probabilities
    const Index m = n / K_;
    for (Index i = 0; i < m; ++i) {
      const double top = eta[largest(eta, i, m) * m + i];
      double total = 0;
      for (Index k = 0; k < K_; ++k) total += h[k * m + i] = std::exp(eta[k * m + i] - top);
      for (Index k = 0; k < K_; ++k) h[k * m + i] /= total;
    }
  }
  void majorant(const double*, const double*, double* h, Index n) const override { std::fill(h, h + n, 0.5); }
  // The variance of delta under any probabilities is at most a quarter of its squared range.
  double divergence(const double*, const double* delta, const double*, const double* w, Index n) const override {
    const Index m = n / K_;
    double s = 0;
    for (Index i = 0; i < m; ++i) {
      double low = delta[i], high = delta[i];
      for (Index k = 1; k < K_; ++k) {
        low = std::min(low, delta[k * m + i]);
        high = std::max(high, delta[k * m + i]);
      }
      s += w[i] * (high - low) * (high - low);
    }
    return 0.125 * s / n;
  }
  double dual(const double* u, const double* y, const double* w, const double* offset, Index n) const override {
    double s = 0;
    for (Index i = 0; i < n; ++i) {
      if (w[i] == 0) continue;
      const double prob = y[i] - u[i];
      if (prob < 0) return -std::numeric_limits<double>::infinity();
      s -= w[i] * (xlogx(prob) + u[i] * offset[i]);
    }
    return s / n;
  }
  // Probabilities y - u that are not negative and sum to 1.
  double clip(double* u, const double* y, Index n) const override {
    const Index m = n / K_;
    double change = 0;
    for (Index i = 0; i < m; ++i) {
      double sum = 0;
      for (Index k = 0; k < K_; ++k) sum += u[k * m + i];
      change = std::max(change, std::abs(sum));
      for (Index k = 0; k < K_; ++k) {
        const double inside = std::clamp(u[k * m + i], y[k * m + i] - 1, y[k * m + i]);
        change = std::max(change, std::abs(inside - u[k * m + i]));
        u[k * m + i] = inside;
      }
    }
    return change;
  }

 private:
  Index largest(const double* eta, Index i, Index m) const {
    Index top = 0;
    for (Index k = 1; k < K_; ++k)
      if (eta[k * m + i] > eta[top * m + i]) top = k;
    return top;
  }
  Index K_;
};

// `parameter` is Huber's delta; `responses` the classes of a multinomial loss. The other losses have neither.
inline std::unique_ptr<Loss> make_loss(const std::string& name, double parameter, Index responses = 1) {
  if (name == "multinomial") return std::make_unique<Multinomial>(responses);
  if (name == "gaussian") return std::make_unique<Gaussian>();
  if (name == "binomial") return std::make_unique<Binomial>();
  if (name == "poisson") return std::make_unique<Poisson>();
  if (name == "huber") return std::make_unique<Huber>(parameter);
  throw std::invalid_argument("the compiled core has no loss named '" + name +
                              "'; it has gaussian, binomial, multinomial, poisson, huber");
}

}  // namespace ss
