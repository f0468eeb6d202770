// Score of a node by BIC: parents grown forward and shrunk backward on the Gram,  n log rss + price * (number of parents).
// With beliefs it is minus twice the logarithm of the marginal likelihood, whose first terms these are: weights that are
// independent before the data bring log det of the parents' Gram, less log rss for each of them, a normal law of the
// logarithms of noise variances its square.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels.hpp"

namespace ss {

struct GrownNode {
  std::vector<Index> grown;    // in the order they came in
  std::vector<Index> parents;  // what the backward pass left
  std::vector<char> tempting;  // would have come in at some step, had it been a candidate
  double residual = 0;
};

// Of the logarithms of the noise variances, before the data: where each is expected, and 1 / the variance around that.
struct Beliefs {
  std::vector<double> centre;
  double precision = 0;
};

class GrowShrink {
 public:
  using Node = GrownNode;

  // required[y * d + z] holds y in z's parents. max_parents caps the growth. No beliefs: the BIC.
  GrowShrink(const double* S, Index d, double n, double price, Index max_parents, const std::vector<char>& required,
             const Beliefs* beliefs = nullptr)
      : S_(S), d_(d), n_(n), price_(price), keep_(std::exp(-price / n)), cap_(max_parents), required_(required),
        beliefs_(beliefs), hints_(d) {
    if (beliefs_)
      for (Index k = 0; k < d; ++k) largest_.push_back(std::log(S[k * d + k]));
  }

  // Growth from nothing, from what is allowed of the parents before, and of z's hint if it has one, compete.
  double solve(Index z, const char* allowed, Node& node) {
    std::vector<Index> before;
    std::swap(before, node.parents);
    grow(z, allowed, {}, node);
    double score = shrink(z, node);
    score = compete(z, allowed, before, score, node);
    return compete(z, allowed, hints_[z], score, node);
  }

  // Only from the parents before: what changes when one candidate comes or goes.
  double again(Index z, const char* allowed, Node& node) {
    seeds_.clear();
    for (Index y : node.parents)
      if (allowed[y]) seeds_.push_back(y);
    grow(z, allowed, seeds_, node);
    return shrink(z, node);
  }

  // Backward elimination from all that z is allowed, given the inverse of their Gram (k x k) and their coefficients (both spent),
  // and the log of its determinant.
  // Kept as a hint where it beats `score`: forward steps are blind to parents whose effects cancel until all are in.
  bool eliminate(Index z, const std::vector<Index>& all, std::vector<double>& inverse, std::vector<double>& w, double rss,
                 double log_det, double score) {
    const Index k = all.size();
    rss = drop(z, all, inverse, w, rss, cap_, log_det);
    const Index count = std::count(in_.begin(), in_.end(), 1);
    if (!(scored(z, rss, log_det, count) < score - 1e-6 * price_)) return false;
    hints_[z].clear();
    for (Index i = 0; i < k; ++i)
      if (in_[i]) hints_[z].push_back(all[i]);
    return true;
  }

  // The same with growth that starts from `seeds`, which may leave again: forward steps from nothing can be misled where
  // predecessors are nearly collinear.
  double solve_from(Index z, const char* allowed, const std::vector<Index>& seeds, Node& node) {
    grow(z, allowed, seeds, node);
    return shrink(z, node);
  }
  bool uses(const Node& node, Index y) const {
    return std::find(node.grown.begin(), node.grown.end(), y) != node.grown.end();
  }
  bool wants(const Node& node, Index x) const { return node.tempting[x]; }

 private:
  double compete(Index z, const char* allowed, const std::vector<Index>& start, double score, Node& node) {
    if (start.empty()) return score;
    other_.parents = start;
    const double other = again(z, allowed, other_);
    if (other >= score) return score;
    std::swap(node, other_);
    return other;
  }

  bool held(Index y, Index z) const { return !required_.empty() && required_[y * d_ + z]; }

  // cov and var are partial moments of every variable with z, and of itself, given the parents grown so far.
  void grow(Index z, const char* allowed, const std::vector<Index>& seeds, Node& node) {
    cov_.assign(S_ + z * d_, S_ + (z + 1) * d_);
    var_.resize(d_);
    for (Index k = 0; k < d_; ++k) var_[k] = S_[k * d_ + k];
    node.grown.clear();
    node.tempting.assign(d_, 0);
    inside_.assign(d_, 0);
    double rss = var_[z];
    if (!required_.empty())
      for (Index y = 0; y < d_; ++y)
        if (held(y, z)) bring(z, y, node, rss);
    for (Index y : seeds)
      if (!inside_[y] && !singular(y)) bring(z, y, node, rss);
    while (static_cast<Index>(node.grown.size()) < cap_) {
      Index best = -1;
      double gain = rss * (1 - keep_);
      for (Index k = 0; k < d_; ++k) {
        gain_[k] = singular(k) ? 0 : cov_[k] * cov_[k] / var_[k];
        if (allowed[k] && !inside_[k] && gain_[k] > gain) {
          gain = gain_[k];
          best = k;
        }
      }
      for (Index k = 0; k < d_; ++k) node.tempting[k] |= !allowed[k] && k != z && gain_[k] > gain;
      if (best < 0) break;
      bring(z, best, node, rss);
    }
    node.residual = rss;
  }

  bool singular(Index k) const { return var_[k] <= 1e-10 * S_[k * d_ + k]; }

  void bring(Index z, Index a, Node& node, double& rss) {
    const Index m = node.grown.size();
    if (static_cast<Index>(rows_.size()) < (m + 1) * d_) rows_.resize((m + 1) * d_);
    double* u = &rows_[m * d_];
    std::copy(S_ + a * d_, S_ + (a + 1) * d_, u);
    for (Index s = 0; s < m; ++s) axpy(-rows_[s * d_ + a], &rows_[s * d_], u, d_);
    const double root = 1 / std::sqrt(std::max(var_[a], 1e-300));
    const double c = cov_[a] * root;
    for (Index k = 0; k < d_; ++k) {
      u[k] *= root;
      var_[k] -= u[k] * u[k];
      cov_[k] -= u[k] * c;
    }
    rss = std::max(rss - c * c, 1e-12 * S_[z * d_ + z]);
    inside_[a] = 1;
    node.grown.push_back(a);
  }

  // Drop parents whose removal costs less than the price, cheapest first, and those beyond the cap that seeds brought.
  double shrink(Index z, Node& node) {
    const Index k = node.grown.size();
    invert_grown(node.grown);
    w_.assign(k, 0.0);
    for (Index i = 0; i < k; ++i)
      for (Index l = 0; l < k; ++l) w_[i] += inverse_[i * k + l] * S_[z * d_ + node.grown[l]];
    double log_det = 0;
    if (beliefs_)
      for (Index i = 0; i < k; ++i) log_det += 2 * std::log(rows_[i * d_ + node.grown[i]]);
    node.residual = drop(z, node.grown, inverse_, w_, node.residual, cap_, log_det);
    node.parents.clear();
    for (Index i = 0; i < k; ++i)
      if (in_[i]) node.parents.push_back(node.grown[i]);
    return scored(z, node.residual, log_det, node.parents.size());
  }

  double scored(Index z, double rss, double log_det, double count) const {
    const double level = std::log(std::max(rss, 1e-300));
    if (!beliefs_) return n_ * level + price_ * count;
    const double off = level - beliefs_->centre[z];
    return (n_ - count) * level + log_det + price_ * count + beliefs_->precision * off * off;
  }

  // Backward steps from the variables `all`, given the inverse of their Gram and their coefficients (both spent) and the log of
  // its determinant, which is kept; in_ tells who stays. Returns the residual.
  double drop(Index z, const std::vector<Index>& all, std::vector<double>& inverse, std::vector<double>& w, double rss,
              Index cap, double& log_det) {
    const Index k = all.size();
    in_.assign(k, 1);
    for (Index count = k; count > 0; --count) {
      const double level = beliefs_ ? std::log(std::max(rss, 1e-300)) : 0, rows = n_ - count + 1;
      // What the dearest variable that may go costs: a share of the residual, or of the score where beliefs price it.
      const double most = count > cap ? std::numeric_limits<double>::infinity() : beliefs_ ? price_ : rss * (1 / keep_ - 1);
      double least = most;
      Index cheapest = -1;
      for (Index i = 0; i < k; ++i) {
        if (!in_[i] || held(all[i], z)) continue;
        double cost = w[i] * w[i] / inverse[i * k + i];
        if (beliefs_) {
          // Most are dear by a bound without logarithms.
          if (rows * cost / (rss + cost) + level - largest_[all[i]] >= least) continue;
          cost = rows * std::log1p(cost / rss) + level + std::log(inverse[i * k + i]);
        }
        if (cost < least) {
          least = cost;
          cheapest = i;
        }
      }
      if (cheapest < 0) break;
      in_[cheapest] = 0;
      const double* out = &inverse[cheapest * k];
      const double pivot = 1 / out[cheapest], change = w[cheapest] * pivot;
      rss += w[cheapest] * change;
      if (beliefs_) log_det -= std::log(pivot);
      for (Index i = 0; i < k; ++i)
        if (in_[i]) {
          axpy(-out[i] * pivot, out, &inverse[i * k], k);
          w[i] -= out[i] * change;
        }
    }
    return rss;
  }

  // The growth left the Cholesky factor of its Gram behind: rows_[s][a_i] = L_is.
  void invert_grown(const std::vector<Index>& A) {
    const Index k = A.size();
    gram_.assign(k * k, 0.0);  // row s: column s of the factor's inverse, transposed
    for (Index s = 0; s < k; ++s) {
      double* t = &gram_[s * k];
      t[s] = 1 / rows_[s * d_ + A[s]];
      for (Index i = s + 1; i < k; ++i) {
        double sum = 0;
        for (Index l = s; l < i; ++l) sum += rows_[l * d_ + A[i]] * t[l];
        t[i] = -sum / rows_[i * d_ + A[i]];
      }
    }
    inverse_.resize(k * k);
    for (Index i = 0; i < k; ++i)
      for (Index l = 0; l <= i; ++l) {
        double sum = 0;
        for (Index s = i; s < k; ++s) sum += gram_[i * k + s] * gram_[l * k + s];
        inverse_[i * k + l] = inverse_[l * k + i] = sum;
      }
  }

  const double* S_;
  Index d_;
  double n_, price_, keep_;
  Index cap_;
  const std::vector<char>& required_;
  const Beliefs* beliefs_;
  std::vector<std::vector<Index>> hints_;
  std::vector<Index> seeds_;
  Node other_;
  std::vector<double> largest_;  // log of each variance: no partial variance is larger
  std::vector<double> cov_, var_, gain_ = std::vector<double>(d_), rows_, gram_, inverse_, w_;
  std::vector<char> inside_, in_;
};

}  // namespace ss
