// Likelihoods of an ordered response. Rows come sorted by class, so what a family touches are ranges of rows:
// a slot is one boundary's linear predictor on one range, a piece is one weight of the Hessian on one range.
//   cumulative  P(Y <= k) = F(eta_k)                 a row touches the two boundaries beside its class
//   sratio      P(Y = k | Y >= k) = F(eta_k)         a row touches the boundaries up to its class
//   cratio      P(Y <= k | Y <= k + 1) = F(eta_k)    a row touches the boundaries from the one below its class
//   acat        log P(Y = k) / P(Y = k + 1) = eta_k  a row touches all of them
// In each a larger eta moves towards lower classes.
#pragma once
#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels.hpp"
#include "links.hpp"

namespace ss {

struct Slot {
  Index boundary, begin, end, at;  // eta of rows [begin, end) lies at [at, at + end - begin)
};

struct Span {  // rows whose boundaries are the same
  Index begin, end;
  std::vector<Index> slots;
};

// The Hessian in differences of coefficients psi_k (which move the boundaries k, k+1, ...).
enum class Block { kUpTo, kEdge, kCorner, kPair };
struct Piece {
  Block block;   // kUpTo t: all pairs with max(k, l) <= t; kEdge t: pairs (k < t, t); kCorner t: (t, t); kPair: (t, u)
  Index t, u, begin, end, at;
};

class Family {
 public:
  const Index boundaries;  // one less than the classes
  const Index n;
  virtual ~Family() = default;
  const std::vector<Slot>& slots() const { return slots_; }
  const std::vector<Span>& spans() const { return spans_; }
  const std::vector<Piece>& pieces() const { return pieces_; }
  Index eta_size() const { return slots_.empty() ? 0 : slots_.back().at + slots_.back().end - slots_.back().begin; }
  Index piece_size() const { return pieces_.empty() ? 0 : pieces_.back().at + pieces_.back().end - pieces_.back().begin; }
  // Mean loss; slopes by slot and weights by piece, all times w / n. Infinite outside the domain.
  virtual double evaluate(const double* eta, const double* w, double* slope, double* weight) const = 0;
  virtual double value(const double* eta, const double* w) const = 0;
  // Upper bound on the mean conjugate at s times the slopes that eta gives; exact at s = 1, and everywhere for logit; of second order near 1.
  virtual double conjugate(const double* eta, const double* w, double s) const = 0;
  // Largest t with eta + t * step inside the domain.
  virtual double reach(const double*, const double*) const { return kInfinity; }
  // Intercepts to start from, given the share of each class.
  virtual std::vector<double> start(const std::vector<double>& share) const = 0;

 protected:
  Family(std::vector<Index> starts)
      : boundaries(static_cast<Index>(starts.size()) - 2), n(starts.back()), starts_(std::move(starts)) {}
  Index add_slot(Index boundary, Index begin, Index end) {
    slots_.push_back({boundary, begin, end, eta_size()});
    const Index made = static_cast<Index>(slots_.size()) - 1;
    if (spans_.empty() || spans_.back().begin != begin || spans_.back().end != end) spans_.push_back({begin, end, {}});
    spans_.back().slots.push_back(made);
    return made;
  }
  Index add_piece(Block block, Index t, Index u, Index begin, Index end) {
    pieces_.push_back({block, t, u, begin, end, piece_size()});
    return static_cast<Index>(pieces_.size()) - 1;
  }
  std::vector<Index> starts_;  // rows of class c are [starts_[c], starts_[c + 1])
  std::vector<Slot> slots_;
  std::vector<Span> spans_;
  std::vector<Piece> pieces_;
};

// Adds x_u' (slopes of boundary k) to sum(u, k) for `count` columns: four columns and two boundaries at a time, so that
// a row is read once for both boundaries beside its class.
template <class Column, class Sum>
void slope_products(const Family& family, const double* slope, Index count, Column column, Sum sum) {
  constexpr Index chunk = 1024;
  double block[8];
  for (const Span& span : family.spans())
    for (Index b = span.begin; b < span.end; b += chunk) {
      const Index len = std::min(chunk, span.end - b);
      for (size_t k = 0; k < span.slots.size(); k += 2) {
        const bool two = k + 1 < span.slots.size();
        const Slot &s0 = family.slots()[span.slots[k]], &s1 = two ? family.slots()[span.slots[k + 1]] : s0;
        const double *r0 = slope + s0.at + b - s0.begin, *r1 = slope + s1.at + b - s1.begin;
        for (Index u = 0; u < count; u += 4) {
          const double* x[4];
          for (Index t = 0; t < 4; ++t) x[t] = column(std::min(u + t, count - 1)) + b;
          if (two)
            dot2x4(r0, r1, x[0], x[1], x[2], x[3], len, block);
          else
            dot4(x, r0, len, block);
          for (Index t = 0; t < std::min<Index>(4, count - u); ++t) {
            sum(u + t, s0.boundary) += block[t];
            if (two) sum(u + t, s1.boundary) += block[4 + t];
          }
        }
      }
    }
}

// Upper bound on the conjugate l* at s times the gradient r of l, where inner = r'eta, square = r'H^{-1}r and `shift` is the
// largest entry of H^{-1}r. Convexity alone gives l*(s r) <= s l*(r), as l*(0) = 0 for a log-probability; that is off by a
// share 1 - s of the loss, which is of the order of 1e-9 where rounding keeps a gradient from its limit. For s so near 1 that
// eta moves little on the way from r to s r, H changes by a few hundredths at most, and twice the square term is above what
// is left of l*(s r) = l*(r) - (1 - s) r'eta + ...
inline double conjugate_bound(double s, double inner, double value, double square, double shift) {
  const double left = 1 - s, chord = s * (inner - value);
  if (!(left * shift <= 1e-3 && left * left * square <= 1e-6)) return chord;
  return std::min(chord, s * inner - value + left * left * square);
}
inline double conjugate_bound(double s, double eta, const OneSided& f) {
  const double shift = f.slope / f.curvature;
  return conjugate_bound(s, f.slope * eta, f.value, f.slope * shift, std::abs(shift));
}
inline double conjugate_bound(double s, double a, double b, const TwoSided& f) {
  const double both = f.slope_a + f.slope_b, det = f.both * f.upper - f.cross * f.cross;
  const double shift = (both * f.upper - f.slope_b * f.cross) / det, wider = (f.slope_b * f.both - both * f.cross) / det;
  const double square = det > 0 ? both * shift + f.slope_b * wider : kInfinity;
  return conjugate_bound(s, f.slope_a * a + f.slope_b * b, f.value, square, std::max(std::abs(shift), std::abs(shift + wider)));
}

// Likelihoods of a block of rows. Values go through `value` (as long as a block) because a compiler may not reorder the
// additions of a sum; slopes and weights come out times w.
namespace detail {

constexpr Index kRows = 256;

template <class Link>
SS_INLINE void one_sided_rows(bool first, const double* eta, const double* w, double scale, Index len, double* value,
                              double* slope, double* weight) {
  if (first)
    for (Index i = 0; i < len; ++i) {
      const OneSided f = Link::below(eta[i]);
      const double wi = w[i] * scale;
      value[i] = wi * f.value, slope[i] = wi * f.slope, weight[i] = wi * f.curvature;
    }
  else
    for (Index i = 0; i < len; ++i) {
      const OneSided f = Link::above(eta[i]);
      const double wi = w[i] * scale;
      value[i] = wi * f.value, slope[i] = wi * f.slope, weight[i] = wi * f.curvature;
    }
}

template <class Link>
SS_INLINE void two_sided_rows(const double* a, const double* b, const double* w, double scale, Index len, double* value,
                              double* slope_a, double* slope_b, double* both, double* cross, double* upper) {
  for (Index i = 0; i < len; ++i) {
    const TwoSided f = Link::between(a[i], b[i]);
    const double wi = w[i] * scale;
    value[i] = wi * f.value;
    slope_a[i] = wi * f.slope_a, slope_b[i] = wi * f.slope_b;
    both[i] = wi * f.both, cross[i] = wi * f.cross, upper[i] = wi * f.upper;
  }
}

SS_CLONES static void logit_one_sided(bool first, const double* eta, const double* w, double scale, Index len, double* __restrict__ value,
                                      double* __restrict__ slope, double* __restrict__ weight) {
  one_sided_rows<Logit>(first, eta, w, scale, len, value, slope, weight);
}
SS_CLONES static void logit_two_sided(const double* a, const double* b, const double* w, double scale, Index len,
                                      double* __restrict__ value, double* __restrict__ slope_a, double* __restrict__ slope_b,
                                      double* __restrict__ both, double* __restrict__ cross, double* __restrict__ upper) {
  two_sided_rows<Logit>(a, b, w, scale, len, value, slope_a, slope_b, both, cross, upper);
}
SS_CLONES static void logit_conjugate_one_sided(bool first, const double* eta, double s, Index len, double* __restrict__ value) {
  if (first)
    for (Index i = 0; i < len; ++i) value[i] = Logit::conjugate_below(eta[i], s);
  else
    for (Index i = 0; i < len; ++i) value[i] = Logit::conjugate_above(eta[i], s);
}
SS_CLONES static void logit_conjugate_two_sided(const double* a, const double* b, double s, Index len,
                                                double* __restrict__ value) {
  for (Index i = 0; i < len; ++i) value[i] = Logit::conjugate_between(a[i], b[i], s);
}

}  // namespace detail

template <class Link>
class Cumulative final : public Family {
 public:
  explicit Cumulative(std::vector<Index> starts) : Family(std::move(starts)) {
    const Index m = boundaries;
    low_.assign(m + 1, -1), high_.assign(m + 1, -1);
    both_.assign(m + 1, -1), cross_.assign(m + 1, -1), upper_.assign(m + 1, -1);
    for (Index c = 0; c <= m; ++c) {
      const Index b = starts_[c], e = starts_[c + 1];
      if (c > 0) low_[c] = add_slot(c - 1, b, e);
      if (c < m) high_[c] = add_slot(c, b, e);
      if (c > 0) both_[c] = add_piece(Block::kUpTo, c - 1, 0, b, e);
      if (c > 0 && c < m) cross_[c] = add_piece(Block::kEdge, c, 0, b, e);
      if (c < m) upper_[c] = add_piece(Block::kCorner, c, 0, b, e);
    }
  }

  double evaluate(const double* eta, const double* w, double* slope, double* weight) const override {
    using namespace detail;
    const Index m = boundaries;
    const double scale = 1.0 / n;
    double total = 0, values[kRows];
    for (Index c = 0; c <= m; ++c)
      for (Index begin = starts_[c]; begin < starts_[c + 1]; begin += kRows) {
        const Index from = begin - starts_[c], len = std::min(kRows, starts_[c + 1] - begin);
        if (c == 0 || c == m) {
          const Index at = slots_[c == 0 ? high_[c] : low_[c]].at + from;
          double* h = weight + pieces_[c == 0 ? upper_[c] : both_[c]].at + from;
          if constexpr (Link::kVector)
            logit_one_sided(c == 0, eta + at, w + begin, scale, len, values, slope + at, h);
          else
            one_sided_rows<Link>(c == 0, eta + at, w + begin, scale, len, values, slope + at, h);
        } else {
          const Index a = slots_[low_[c]].at + from, b = slots_[high_[c]].at + from;
          double *h0 = weight + pieces_[both_[c]].at + from, *h1 = weight + pieces_[cross_[c]].at + from;
          double* h2 = weight + pieces_[upper_[c]].at + from;
          if constexpr (Link::kVector)
            logit_two_sided(eta + a, eta + b, w + begin, scale, len, values, slope + a, slope + b, h0, h1, h2);
          else
            two_sided_rows<Link>(eta + a, eta + b, w + begin, scale, len, values, slope + a, slope + b, h0, h1, h2);
        }
        double sum = 0;
        for (Index i = 0; i < len; ++i) sum += values[i];
        total += sum;
        if (std::isinf(total)) return kInfinity;
      }
    return total;
  }

  double value(const double* eta, const double* w) const override {
    return sum(eta, w, [](double b) { return Link::below(b).value; }, [](double a) { return Link::above(a).value; },
               [](double a, double b) { return Link::between(a, b).value; });
  }

  double conjugate(const double* eta, const double* w, double s) const override {
    if constexpr (Link::kConjugate) {
      if (s < 1) return exact_conjugate(eta, w, s);
    }
    return sum(eta, w, [s](double b) { return conjugate_bound(s, b, Link::below(b)); },
               [s](double a) { return conjugate_bound(s, a, Link::above(a)); },
               [s](double a, double b) { return conjugate_bound(s, a, b, Link::between(a, b)); });
  }

  double reach(const double* eta, const double* step) const override {
    double t = kInfinity;
    for (Index c = 1; c < boundaries; ++c) {
      const Index a = slots_[low_[c]].at, b = slots_[high_[c]].at, len = starts_[c + 1] - starts_[c];
      for (Index i = 0; i < len; ++i) {
        const double closing = step[a + i] - step[b + i];
        if (closing > 0) t = std::min(t, (eta[b + i] - eta[a + i]) / closing);
      }
    }
    return t;
  }

  std::vector<double> start(const std::vector<double>& share) const override {
    std::vector<double> a(boundaries);
    double below = 0;
    for (Index k = 0; k < boundaries; ++k) {
      below += share[k];
      a[k] = Link::quantile(below);
    }
    return a;
  }

 private:
  double exact_conjugate(const double* eta, const double* w, double s) const {
    using namespace detail;
    double total = 0, values[kRows];
    for (Index c = 0; c <= boundaries; ++c)
      for (Index begin = starts_[c]; begin < starts_[c + 1]; begin += kRows) {
        const Index from = begin - starts_[c], len = std::min(kRows, starts_[c + 1] - begin);
        if (c == 0 || c == boundaries)
          logit_conjugate_one_sided(c == 0, eta + slots_[c == 0 ? high_[c] : low_[c]].at + from, s, len, values);
        else
          logit_conjugate_two_sided(eta + slots_[low_[c]].at + from, eta + slots_[high_[c]].at + from, s, len, values);
        total += dot(values, w + begin, len);
      }
    return total / n;
  }
  template <class Below, class Above, class Between>
  double sum(const double* eta, const double* w, Below below, Above above, Between between) const {
    double total = 0;
    for (Index c = 0; c <= boundaries; ++c) {
      const Index begin = starts_[c], len = starts_[c + 1] - begin;
      const Index a = c > 0 ? slots_[low_[c]].at : 0, b = c < boundaries ? slots_[high_[c]].at : 0;
      for (Index i = 0; i < len; ++i) {
        const double wi = w[begin + i];
        if (wi == 0) continue;
        total += wi * (c == 0 ? below(eta[b + i]) : c == boundaries ? above(eta[a + i]) : between(eta[a + i], eta[b + i]));
      }
    }
    return total / n;
  }
  std::vector<Index> low_, high_, both_, cross_, upper_;
};

// Both ratio families are chains of binary models: boundary k sees a range of classes and asks "below or above k".
template <class Link>
class Ratio final : public Family {
 public:
  Ratio(std::vector<Index> starts, bool stopping) : Family(std::move(starts)), stopping_(stopping) {
    for (Index k = 0; k < boundaries; ++k) {
      const Index begin = stopping_ ? starts_[k] : 0, end = stopping_ ? n : starts_[k + 2];
      add_slot(k, begin, end);
      add_piece(Block::kUpTo, k, 0, begin, end);
    }
  }
  double evaluate(const double* eta, const double* w, double* slope, double* weight) const override {
    double total = 0;
    for (const Slot& s : slots_) {
      const Index cut = starts_[s.boundary + 1];  // rows before it lie at or below the boundary
      for (Index i = s.begin; i < s.end; ++i) {
        const Index at = s.at + i - s.begin;
        const OneSided f = i < cut ? Link::below(eta[at]) : Link::above(eta[at]);
        const double wi = w[i] / n;
        total += wi * f.value;
        slope[at] = wi * f.slope;
        weight[at] = wi * f.curvature;
      }
    }
    return std::isfinite(total) ? total : kInfinity;
  }
  double value(const double* eta, const double* w) const override {
    return sum(eta, w, [](double b) { return Link::below(b).value; }, [](double a) { return Link::above(a).value; });
  }
  double conjugate(const double* eta, const double* w, double s) const override {
    if constexpr (Link::kConjugate) {
      if (s < 1)
        return sum(eta, w, [s](double b) { return Link::conjugate_below(b, s); },
                   [s](double a) { return Link::conjugate_above(a, s); });
    }
    return sum(eta, w, [s](double b) { return conjugate_bound(s, b, Link::below(b)); },
               [s](double a) { return conjugate_bound(s, a, Link::above(a)); });
  }
  std::vector<double> start(const std::vector<double>& share) const override {
    std::vector<double> a(boundaries);
    double below = 0;
    for (Index k = 0; k < boundaries; ++k) {
      const double at_risk = stopping_ ? 1 - below : below + share[k] + share[k + 1];
      a[k] = Link::quantile(stopping_ ? share[k] / at_risk : (below + share[k]) / at_risk);
      below += share[k];
    }
    return a;
  }

 private:
  template <class Below, class Above>
  double sum(const double* eta, const double* w, Below below, Above above) const {
    double total = 0;
    for (const Slot& s : slots_) {
      const Index cut = starts_[s.boundary + 1];
      for (Index i = s.begin; i < s.end; ++i)
        if (w[i] != 0) total += w[i] * (i < cut ? below(eta[s.at + i - s.begin]) : above(eta[s.at + i - s.begin]));
    }
    return total / n;
  }
  bool stopping_;
};

// Multinomial logit with class scores theta_c = eta_c + eta_{c+1} + ... (the last one 0).
class AdjacentCategory final : public Family {
 public:
  explicit AdjacentCategory(std::vector<Index> starts) : Family(std::move(starts)) {
    for (Index k = 0; k < boundaries; ++k) add_slot(k, 0, n);
    for (Index k = 0; k < boundaries; ++k)
      for (Index l = 0; l <= k; ++l) add_piece(Block::kPair, l, k, 0, n);
  }
  double evaluate(const double* eta, const double* w, double* slope, double* weight) const override {
    const Index m = boundaries;
    std::vector<double> p(m + 1);
    double total = 0;
    for (Index c = 0; c <= m; ++c)
      for (Index i = starts_[c]; i < starts_[c + 1]; ++i) {
        const double wi = w[i] / n;
        total += wi * row(eta, i, c, p);
        // d theta_j / d eta_l = 1 for l >= j, so the slope at l is P(Y <= l) - [c <= l].
        double below = 0;
        for (Index l = 0; l < m; ++l) {
          below += p[l];
          slope[l * n + i] = wi * (below - (c <= l ? 1.0 : 0.0));
        }
        // psi_k moves theta_j by m - max(j, k): the weights are covariances of those scores.
        Index piece = 0;
        for (Index k = 0; k < m; ++k)
          for (Index l = 0; l <= k; ++l, ++piece) weight[piece * n + i] = wi * covariance(p, l, k);
      }
    return std::isfinite(total) ? total : kInfinity;
  }
  double value(const double* eta, const double* w) const override {
    std::vector<double> p(boundaries + 1);
    double total = 0;
    for (Index c = 0; c <= boundaries; ++c)
      for (Index i = starts_[c]; i < starts_[c + 1]; ++i)
        if (w[i] != 0) total += w[i] * row(eta, i, c, p);
    return total / n;
  }
  // The dual point of class c is the probability vector (1 - s) e_c + s p; the conjugate is its negative entropy.
  double conjugate(const double* eta, const double* w, double s) const override {
    std::vector<double> p(boundaries + 1);
    double total = 0;
    for (Index c = 0; c <= boundaries; ++c)
      for (Index i = starts_[c]; i < starts_[c + 1]; ++i) {
        if (w[i] == 0) continue;
        row(eta, i, c, p);
        double entropy = 0;
        for (Index j = 0; j <= boundaries; ++j) {
          const double t = s * p[j] + (j == c ? 1 - s : 0.0);
          if (t > 0) entropy += t * std::log(t);
        }
        total += w[i] * entropy;
      }
    return total / n;
  }
  std::vector<double> start(const std::vector<double>& share) const override {
    std::vector<double> a(boundaries);
    for (Index k = 0; k < boundaries; ++k) a[k] = std::log(share[k] / share[k + 1]);
    return a;
  }

 private:
  // Fills the class probabilities, returns -log of the observed one.
  double row(const double* eta, Index i, Index c, std::vector<double>& p) const {
    const Index m = boundaries;
    double theta = 0, top = 0;
    p[m] = 0;
    for (Index l = m; l-- > 0;) {
      theta += eta[l * n + i];
      p[l] = theta;
      top = std::max(top, theta);
    }
    double sum = 0;
    const double own = p[c];
    for (double& v : p) {
      v = std::exp(v - top);
      sum += v;
    }
    for (double& v : p) v /= sum;
    return std::log(sum) + top - own;
  }
  double covariance(const std::vector<double>& p, Index k, Index l) const {
    const Index m = boundaries;
    double ek = 0, el = 0, both = 0;
    for (Index j = 0; j < m; ++j) {
      const double a = static_cast<double>(m - std::max(j, k)), b = static_cast<double>(m - std::max(j, l));
      ek += p[j] * a, el += p[j] * b, both += p[j] * a * b;
    }
    return both - ek * el;
  }
};

template <class Link>
std::unique_ptr<Family> make_family_with(const std::string& family, std::vector<Index> starts) {
  if (family == "cumulative") return std::make_unique<Cumulative<Link>>(std::move(starts));
  if (family == "sratio") return std::make_unique<Ratio<Link>>(std::move(starts), true);
  if (family == "cratio") return std::make_unique<Ratio<Link>>(std::move(starts), false);
  throw std::invalid_argument("unknown family " + family);
}

inline std::unique_ptr<Family> make_family(const std::string& family, const std::string& link, std::vector<Index> starts) {
  if (family == "acat") return std::make_unique<AdjacentCategory>(std::move(starts));
  if (link == "logit") return make_family_with<Logit>(family, std::move(starts));
  if (link == "probit") return make_family_with<Probit>(family, std::move(starts));
  if (link == "cloglog") return make_family_with<Cloglog>(family, std::move(starts));
  if (link == "loglog") return make_family_with<Loglog>(family, std::move(starts));
  throw std::invalid_argument("unknown link " + link);
}

}  // namespace ss
