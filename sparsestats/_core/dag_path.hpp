// The published path: Adam on  mu (score + alpha |W|) + h(W; t),  h(W; t) = d log t - log det(t I - W o W),  mu falling.
//
// Kept faithful to the authors' schedule (steps, restarts of the bias correction, domain guard, subgradient of |W|), with the
// floor under the scales that the paper has, a masked diagonal, and one product and one inverse a step.
#pragma once
#include <cmath>
#include <vector>

#include "control.hpp"
#include "dag_fit.hpp"
#include "gemm.hpp"

namespace ss {

struct Stage {
  double mu, t;
  Index steps;
};

struct PathOptionsDag {
  std::vector<Stage> stages;
  double learning_rate, beta1, beta2, epsilon, tol;
  Index checkpoint;
};

struct DagPathResult {
  std::vector<double> weights;
  std::vector<Index> steps;  // taken at each stage
  std::vector<double> t;     // the t each stage ended with
  double acyclicity = 0;
  bool finished = true;  // every stage found its domain
};

class DagPath {
 public:
  DagPath(const SecondMoments& m, double alpha, const std::vector<double>& floor, const std::vector<char>& forbidden)
      : m_(m), alpha_(alpha), floor_(floor), free_(m.d * m.d), product_(m.d * m.d), inverse_(m.d * m.d), first_(m.d * m.d),
        second_(m.d * m.d), step_(m.d * m.d), inverse_scale_(m.d) {
    for (Index i = 0; i < m.d; ++i)
      for (Index j = 0; j < m.d; ++j)
        free_[i * m.d + j] = i != j && (forbidden.empty() || !forbidden[i * m.d + j]) ? 1.0 : 0.0;
  }

  // Log-determinant acyclicity and, in `inverse`, (t I - W o W)^{-T}; false outside the domain.
  bool acyclicity(const double* W, double t, double* inverse, double& h) {
    const Index d = m_.d;
    for (Index bi = 0; bi < d; bi += 8)
      for (Index bj = 0; bj < d; bj += 8)
        for (Index i = bi; i < std::min(bi + 8, d); ++i)
          for (Index j = bj; j < std::min(bj + 8, d); ++j) inverse[j * d + i] = -W[i * d + j] * W[i * d + j];
    for (Index i = 0; i < d; ++i) inverse[i * d + i] += t;
    double logdet = 0;
    if (!invert_(inverse, d, logdet)) return false;
    h = d * std::log(t) - logdet;
    return true;
  }

  // Smooth score at the scales' optimum; leaves S W in product_ and 1 / s_j in inverse_scale_.
  double smooth(const double* W) {
    const Index d = m_.d;
    std::fill(product_.begin(), product_.end(), 0.0);
    gemm(d, d, d, 1.0, m_.S, d, W, d, product_.data(), d);
    variance_.assign(d, 0.0);
    for (Index i = 0; i < d; ++i)
      for (Index j = 0; j < d; ++j) variance_[j] -= W[i * d + j] * (m_.S[i * d + j] - product_[i * d + j]);
    double total = 0, score = 0;
    for (Index j = 0; j < d; ++j) total += variance_[j] += m_.S[j * d + j] - product_[j * d + j];
    for (Index j = 0; j < d; ++j) {
      const double v = std::max(0.0, m_.equal ? total / d : variance_[j]);
      const double s = std::max(floor_[j], std::sqrt(v));
      inverse_scale_[j] = 1 / s;
      score += 0.5 * v / s + 0.5 * s;
    }
    return score;
  }

  double objective(const double* W, double mu, double t) {
    double l1 = 0, h = 0;
    for (Index i = 0; i < m_.d * m_.d; ++i) l1 += std::abs(W[i]);
    if (!acyclicity(W, t, inverse_.data(), h)) return std::numeric_limits<double>::infinity();
    return mu * (smooth(W) + alpha_ * l1) + h;
  }

  DagPathResult run(const PathOptionsDag& options, Watch& watch) {
    const Index d = m_.d;
    DagPathResult out;
    out.weights.assign(d * d, 0.0);
    std::vector<double> W(d * d);
    for (const Stage& stage : options.stages) {
      double t = stage.t, rate = options.learning_rate;
      Index steps = 0;
      bool inside = false;
      for (int attempt = 0; attempt < 40 && !inside && !watch.stopped(); ++attempt, rate *= 0.5, t += 0.1) {
        W = out.weights;
        inside = descend(W.data(), stage.mu, t, rate, stage.steps, options, steps, watch);
        if (inside) {
          out.weights = W;
          out.t.push_back(t);
        }
      }
      out.steps.push_back(steps);
      out.finished = out.finished && inside;
      if (!inside) break;
      watch.advance();
    }
    acyclicity(out.weights.data(), 1.0, inverse_.data(), out.acyclicity);
    return out;
  }

 private:
  bool descend(double* W, double mu, double t, double rate, Index limit, const PathOptionsDag& o, Index& steps,
               Watch& watch) {
    const Index size = m_.d * m_.d;
    std::fill(first_.begin(), first_.end(), 0.0);
    std::fill(second_.begin(), second_.end(), 0.0);
    std::fill(step_.begin(), step_.end(), 0.0);
    double before = 1e16, h = 0, decay1 = 1, decay2 = 1;
    for (Index k = 1; k <= limit; ++k) {
      ++steps;
      while (!acyclicity(W, t, inverse_.data(), h)) {
        if (k == 1 || t <= 0.9) return false;
        axpy(rate, step_.data(), W, size);
        rate *= 0.5;
        if (rate <= 1e-16) return true;
        axpy(-rate, step_.data(), W, size);
      }
      smooth(W);
      decay1 *= o.beta1;
      decay2 *= o.beta2;
      update(W, mu, rate, o.beta1, o.beta2, 1 / (1 - decay1), 1 / (1 - decay2), o.epsilon);
      if (k % 64 == 0 && watch.stopped()) return true;
      if (k % o.checkpoint == 0 || k == limit) {
        const double now = objective(W, mu, t);
        if (std::abs((before - now) / before) <= o.tol) return true;
        before = now;
      }
    }
    return true;
  }

  // One Adam step. The gradient is formed on the fly: -S (I - W) / s, the subgradient of |W|, and 2 W o (tI - W o W)^{-T}.
  void update(double* W, double mu, double rate, double beta1, double beta2, double unbias1, double unbias2, double epsilon) {
    for (Index i = 0; i < m_.d; ++i) {
      const Index at = i * m_.d;
      adam_row(m_.S + at, &product_[at], &inverse_[at], inverse_scale_.data(), &free_[at], m_.d, mu, mu * alpha_, rate, beta1,
               beta2, unbias1, unbias2, epsilon, &first_[at], &second_[at], &step_[at], W + at);
    }
  }

  SS_CLONES static void adam_row(const double* S, const double* SW, const double* inverse, const double* inverse_scale,
                                 const double* free, Index d, double mu, double penalty, double rate, double beta1, double beta2,
                                 double unbias1, double unbias2, double epsilon, double* __restrict first,
                                 double* __restrict second, double* __restrict step, double* __restrict W) {
    for (Index j = 0; j < d; ++j) {
      const double w = W[j];
      const double sign = (w > 0 ? 1.0 : 0.0) - (w < 0 ? 1.0 : 0.0);
      const double g = free[j] * (mu * (SW[j] - S[j]) * inverse_scale[j] + penalty * sign + 2 * w * inverse[j]);
      const double m = beta1 * first[j] + (1 - beta1) * g, v = beta2 * second[j] + (1 - beta2) * g * g;
      first[j] = m;
      second[j] = v;
      step[j] = m * unbias1 / (std::sqrt(v * unbias2) + epsilon);
      W[j] = w - rate * step[j];
    }
  }

  const SecondMoments& m_;
  double alpha_;
  const std::vector<double>& floor_;
  std::vector<double> free_, product_, inverse_, first_, second_, step_, inverse_scale_, variance_;
  MInverse invert_;
};

}  // namespace ss
