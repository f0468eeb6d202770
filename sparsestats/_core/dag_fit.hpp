// From second moments to a graph: the search for an order, the concomitant lasso on it, its polish, and the BIC refinement.
#pragma once
#include <random>
#include <vector>

#include "concomitant.hpp"
#include "grow_shrink.hpp"
#include "order_polish.hpp"
#include "order_search.hpp"

namespace ss {

// What is known of the graph. Empty vectors: nothing.
struct Knowledge {
  std::vector<char> forbidden;  // forbidden[y * d + x]: no edge y -> x
  std::vector<char> required;   // required[y * d + x]: the edge y -> x is there, unpenalised
  Precedence must;              // y comes before x; transitively closed
};

struct SecondMoments {
  const double* S;
  Index d;
  bool equal;
};

struct SearchResult {
  std::vector<Index> order;
  double score = std::numeric_limits<double>::infinity();
  std::vector<double> starts;  // score each start ended at, nan where S was singular
  Index moves = 0;
  bool converged = true;
};

// Descents from the two greedy orders, the caller's orders, and random ones; the best of them by score.
inline SearchResult search_order(const SecondMoments& m, const Knowledge& known, const std::vector<std::vector<Index>>& given,
                                 bool greedy, Index restarts, std::uint64_t seed, Watch& watch) {
  SearchResult result;
  OrderSearch search(m.S, m.d, m.equal, known.must);
  auto run = [&](const std::vector<Index>& order) {
    if (watch.stopped()) return false;
    if (!search.start(order)) {
      result.starts.push_back(std::nan(""));
      return false;
    }
    const bool converged = search.descend(watch);
    const double score = search.score();
    result.starts.push_back(score);
    if (score < result.score) {
      result.score = score;
      result.order = search.order();
      result.converged = converged;
    }
    return true;
  };
  std::mt19937_64 random(seed);
  if (greedy && run(search.top_down())) run(search.bottom_up());
  for (const auto& order : given) run(order);
  for (Index r = 0; r < restarts; ++r) run(search.shuffled(random));
  result.moves = search.moves();
  return result;
}

struct WeightsResult {
  std::vector<Index> order;
  std::vector<double> weights;  // d x d, [from * d + to]
  std::vector<double> scale;
  double objective = 0;
  Index rounds = 0;
  Index moves = 0;
  bool converged = true;
};

inline void spread(const std::vector<NodeFit>& nodes, Index d, std::vector<double>& W) {
  W.assign(d * d, 0.0);
  for (Index j = 0; j < d; ++j)
    for (size_t i = 0; i < nodes[j].active.size(); ++i) W[nodes[j].active[i] * d + j] = nodes[j].w[i];
}

// allowed[j * d + k]: k may be a parent of j on this order.
inline std::vector<char> candidates(const std::vector<Index>& order, const Knowledge& known) {
  const Index d = order.size();
  std::vector<char> mask(d * d, 0);
  for (Index b = 0; b < d; ++b)
    for (Index a = 0; a < b; ++a)
      if (known.forbidden.empty() || !known.forbidden[order[a] * d + order[b]]) mask[order[b] * d + order[a]] = 1;
  return mask;
}

// The penalised weights for a given mask of candidates (an order's, or everything but the node itself for a bound).
inline WeightsResult fit_weights(const SecondMoments& m, double alpha, const std::vector<double>& floor, const Knowledge& known,
                                 const std::vector<char>& allowed, GraphFit& fit, Watch& watch, bool ordered = false) {
  NodeLasso lasso(m.S, m.d, alpha, known.required, ordered);
  if (m.equal)
    solve_equal(lasso, m.d, allowed.data(), floor[0], fit, watch);
  else
    solve_unequal(lasso, m.d, allowed.data(), floor.data(), fit, watch);
  WeightsResult out;
  spread(fit.nodes, m.d, out.weights);
  out.scale = fit.scale;
  out.objective = fit.objective;
  out.rounds = fit.rounds;
  return out;
}

// Where the lasso starts: the least-squares coefficients of the order far above the penalty. A small set that grows costs
// less than a large one that shrinks.
inline GraphFit warm_start(const SecondMoments& m, double alpha, const std::vector<double>& floor, const std::vector<Index>& order,
                           const Knowledge& known) {
  const Index d = m.d;
  GraphFit fit;
  fit.nodes.resize(d);
  fit.scale.assign(d, 0.0);
  for (NodeFit& node : fit.nodes) node.gradient.assign(d, 0.0);
  OrderSearch factor(m.S, d, m.equal, known.must);
  const bool regular = factor.start(order);
  double total = 0;
  for (Index k = 0; k < d; ++k) {
    const Index j = order[k];
    const double v = regular ? factor.column(k)[k] * factor.column(k)[k] : m.S[j * d + j];
    total += v;
    fit.scale[j] = std::max(floor[j], std::sqrt(v));
  }
  if (m.equal) fit.scale.assign(d, std::max(floor[0], std::sqrt(total / d)));
  if (!regular) return fit;
  for (Index k = 0; k < d; ++k) {
    const Index j = order[k];
    for (Index i = 0; i < k; ++i) {
      const double w = factor.ols(i, k);
      if (std::abs(w * factor.column(i)[i]) <= 5 * alpha * fit.scale[j]) continue;
      fit.nodes[j].active.push_back(order[i]);
      fit.nodes[j].w.push_back(w);
    }
  }
  return fit;
}

// The variables numbered along the order, so that the candidates of a node are the rows before it.
inline WeightsResult fit_on_order(const SecondMoments& m, double alpha, const std::vector<double>& floor, const Knowledge& known,
                                  const std::vector<Index>& order, Watch& watch) {
  const Index d = m.d;
  std::vector<double> S(d * d), limits(d);
  Knowledge along;
  for (Index a = 0; a < d; ++a) {
    limits[a] = floor[order[a]];
    const double* from = m.S + order[a] * d;
    for (Index b = 0; b < d; ++b) S[a * d + b] = from[order[b]];
  }
  auto renumber = [&](const std::vector<char>& given, std::vector<char>& to) {
    if (given.empty()) return;
    to.resize(d * d);
    for (Index a = 0; a < d; ++a)
      for (Index b = 0; b < d; ++b) to[a * d + b] = given[order[a] * d + order[b]];
  };
  renumber(known.forbidden, along.forbidden);
  renumber(known.required, along.required);
  std::vector<Index> straight(d);
  std::iota(straight.begin(), straight.end(), Index{0});
  const SecondMoments moments{S.data(), d, m.equal};
  GraphFit fit = warm_start(moments, alpha, limits, straight, along);
  WeightsResult found = fit_weights(moments, alpha, limits, along, candidates(straight, along), fit, watch, true);
  WeightsResult out = found;
  out.order = order;
  for (Index a = 0; a < d; ++a) {
    out.scale[order[a]] = found.scale[a];
    for (Index b = 0; b < d; ++b) out.weights[order[a] * d + order[b]] = found.weights[a * d + b];
  }
  return out;
}

// Insertions on the penalised objective itself, until none lowers it (within `patience`, see OrderPolish).
inline WeightsResult polish_order(const SecondMoments& m, double alpha, const std::vector<double>& floor, const Knowledge& known,
                                  const std::vector<Index>& order, Index patience, Index sweeps, Watch& watch) {
  GraphFit fit = warm_start(m, alpha, floor, order, known);
  WeightsResult out = fit_weights(m, alpha, floor, known, candidates(order, known), fit, watch);
  out.order = order;
  NodeLasso lasso(m.S, m.d, alpha, known.required);
  LassoScorer scorer(lasso, m.equal, floor);
  scorer.set_scale(out.scale[0]);
  OrderPolish<LassoScorer> polish(scorer, m.d, known.forbidden, known.must, watch);
  polish.nodes() = fit.nodes;
  polish.start(order);
  Index moves = 0;
  bool settled = false;
  for (Index sweep = 0; sweep < sweeps && !settled && !watch.stopped(); ++sweep) {
    settled = polish.sweep(1e-9, patience) == 0;
    if (settled || watch.stopped()) break;
    // A lower score at the old scale is a lower objective; the scale then follows.
    fit.nodes = polish.nodes();
    const double before = out.objective;
    WeightsResult next = fit_weights(m, alpha, floor, known, candidates(polish.order(), known), fit, watch);
    if (next.objective >= before) break;
    next.order = polish.order();
    out = std::move(next);
    moves = polish.moves();
    scorer.set_scale(out.scale[0]);
    polish.nodes() = fit.nodes;
    polish.rescore();
  }
  out.moves = moves;
  out.converged = settled;
  return out;
}

struct RefitResult {
  std::vector<double> weights;   // d x d, [from * d + to]
  std::vector<double> residual;  // variance left in each variable
};

// Least squares of every variable on its support, twice: coefficients at or below the threshold leave after the first, and
// beyond max_parents the ones that explain least. Required edges stay. support[from * d + to].
inline RefitResult refit_support(const SecondMoments& m, const std::vector<char>& support, const Knowledge& known,
                                 double threshold, Index max_parents) {
  const Index d = m.d;
  RefitResult out{std::vector<double>(d * d, 0.0), std::vector<double>(d)};
  std::vector<double> gram, w;
  std::vector<char> pinned;
  for (Index j = 0; j < d; ++j) {
    std::vector<Index> parents;
    for (Index k = 0; k < d; ++k)
      if (support[k * d + j]) parents.push_back(k);
    auto held = [&](Index k) { return !known.required.empty() && known.required[k * d + j]; };
    auto solve = [&] {
      const Index k = parents.size();
      gram.resize(k * k);
      w.resize(k);
      for (Index i = 0; i < k; ++i) {
        w[i] = m.S[j * d + parents[i]];
        for (Index l = 0; l <= i; ++l) gram[i * k + l] = m.S[parents[i] * d + parents[l]];
      }
      cholesky(gram.data(), k, k, 1e-12, pinned);
      cholesky_solve(gram.data(), k, k, pinned, w.data());
    };
    solve();
    std::vector<std::pair<double, Index>> kept;
    for (size_t i = 0; i < parents.size(); ++i) {
      const Index k = parents[i];
      if (held(k))
        kept.push_back({std::numeric_limits<double>::infinity(), k});
      else if (std::abs(w[i]) > threshold && w[i] != 0)
        kept.push_back({std::abs(w[i]) * std::sqrt(m.S[k * d + k]), k});
    }
    if (static_cast<Index>(kept.size()) > max_parents) {
      std::partial_sort(kept.begin(), kept.begin() + max_parents, kept.end(), std::greater<>());
      kept.resize(max_parents);
    }
    if (kept.size() < parents.size()) {
      parents.clear();
      for (const auto& k : kept) parents.push_back(k.second);
      std::sort(parents.begin(), parents.end());
      solve();
    }
    double rss = m.S[j * d + j];
    for (size_t i = 0; i < parents.size(); ++i) {
      out.weights[parents[i] * d + j] = w[i];
      rss -= w[i] * m.S[j * d + parents[i]];
    }
    out.residual[j] = std::max(rss, 0.0);
  }
  return out;
}

// Rows a predecessor that a regression on all of them takes: close to saturation the residual vanishes and so does the sense of
// BIC.
constexpr double kRowsPerPredecessor = 3;

// [from * d + to]: the regression of `to` on all before it would lose BIC without `from`. With S_pi = R'R and T = R^{-1}, leaving
// i out of the regression of k multiplies the residual by 1 + T_ik^2 / (sum of T_il^2 over l < k): running sums give them all.
inline std::vector<char> needed_among_all(const SecondMoments& m, double n, double price, const std::vector<Index>& order) {
  std::vector<char> needed(m.d * m.d, 0);
  const Index first = std::min<Index>(m.d, static_cast<Index>(n / kRowsPerPredecessor) + 1);
  std::vector<double> S(first * first);
  for (Index a = 0; a < first; ++a)
    for (Index b = 0; b < first; ++b) S[a * first + b] = m.S[order[a] * m.d + order[b]];
  std::vector<Index> straight(first);
  std::iota(straight.begin(), straight.end(), Index{0});
  const Precedence nothing;
  OrderSearch factor(S.data(), first, m.equal, nothing);
  if (!factor.start(straight)) return needed;
  const double worth = std::expm1(price / n);
  for (Index i = 0; i < first; ++i) {
    const double* t = factor.row(i);
    double sum = 0;
    for (Index k = i + 1; k < first; ++k) {
      sum += t[k - 1] * t[k - 1];
      needed[order[i] * m.d + order[k]] = t[k] * t[k] > worth * sum;
    }
  }
  return needed;
}

// Parents of every variable by BIC, [from * d + to]: grown and shrunk among the likely ones, then from these among all before it
// on the order. Where the regression on all of these needs one that is not among them (forward steps take a proxy for parents
// whose effects cancel), the same begins from those it needs, and stays where it is better by an edge's worth.
inline std::vector<std::uint8_t> select_parents(const SecondMoments& m, double n, double price, Index max_parents,
                                                const Knowledge& known, const std::vector<Index>& order,
                                                const std::vector<char>& likely) {
  const Index d = m.d;
  std::vector<std::uint8_t> parents(d * d, 0);
  const std::vector<char> possible = candidates(order, known), needed = needed_among_all(m, n, price, order);
  GrowShrink scorer(m.S, d, n, price, max_parents, known.required);
  GrownNode node, other;
  std::vector<char> everyone(d, 1), held;
  std::vector<double> S;
  std::vector<Index> few, seeds;  // the likely parents, then the variable itself
  for (Index j = 0; j < d; ++j) {
    few.clear();
    for (Index k = 0; k < d; ++k)
      if (k != j && (likely[k * d + j] || (!known.required.empty() && known.required[k * d + j]))) few.push_back(k);
    const Index last = few.size();
    few.push_back(j);
    S.resize((last + 1) * (last + 1));
    for (Index a = 0; a <= last; ++a)
      for (Index b = 0; b <= last; ++b) S[a * (last + 1) + b] = m.S[few[a] * d + few[b]];
    held.assign(known.required.empty() ? 0 : (last + 1) * (last + 1), 0);
    if (!held.empty())
      for (Index a = 0; a < last; ++a) held[a * (last + 1) + last] = known.required[few[a] * d + j];
    everyone[last] = 0;
    node.parents.clear();  // another variable's
    GrowShrink(S.data(), last + 1, n, price, max_parents, held).solve(last, everyone.data(), node);
    everyone[last] = 1;
    seeds.clear();
    for (Index a : node.parents) seeds.push_back(few[a]);
    const double score = scorer.solve_from(j, &possible[j * d], seeds, node);
    seeds.clear();
    bool missed = false;
    for (Index k = 0; k < d; ++k) {
      if (!possible[j * d + k] || !needed[k * d + j]) continue;
      seeds.push_back(k);
      missed |= std::find(node.parents.begin(), node.parents.end(), k) == node.parents.end();
    }
    const bool lower = missed && scorer.solve_from(j, &possible[j * d], seeds, other) < score - price;
    for (Index k : (lower ? other : node).parents) parents[k * d + j] = 1;
  }
  return parents;
}

struct BicResult {
  std::vector<Index> order;
  std::vector<char> parents;  // [from * d + to]
  double score = std::numeric_limits<double>::infinity();
  std::vector<double> starts;
  Index moves = 0;
  bool converged = true;
};

// Backward elimination of every variable from all before it, as hints for the scorer; true when one was new and better.
// Only with rows enough for all of them.
inline bool find_hints(const SecondMoments& m, double n, OrderSearch& factor, OrderPolish<GrowShrink>& polish, GrowShrink& scorer) {
  const std::vector<Index>& order = polish.order();
  if (!factor.start(order)) return false;
  std::vector<double> precision(m.d * m.d, 0.0), inverse, w;  // of the variables before k, by position
  std::vector<Index> all;
  bool found = false;
  double log_det = 0;
  for (Index k = 0; k < m.d && kRowsPerPredecessor * k <= n; ++k) {
    const Index z = order[k];
    const char* allowed = polish.mask() + z * m.d;
    all.clear();
    for (Index i = 0; i < k; ++i)
      if (allowed[order[i]]) all.push_back(order[i]);
    if (static_cast<Index>(all.size()) == k) {
      inverse.resize(k * k);
      w.resize(k);
      for (Index i = 0; i < k; ++i) {
        std::copy(&precision[i * m.d], &precision[i * m.d] + k, &inverse[i * k]);
        w[i] = factor.ols(i, k);
      }
      const double r = factor.column(k)[k];
      found |= scorer.eliminate(z, all, inverse, w, r * r, log_det, polish.scores()[z]);
    }
    log_det += 2 * std::log(factor.column(k)[k]);
    for (Index i = 0; i <= k; ++i)
      for (Index l = 0; l <= k; ++l) precision[i * m.d + l] += factor.row(i)[k] * factor.row(l)[k];
  }
  return found;
}

// Insertion search on the Gaussian BIC of grown-and-shrunk parents, or the marginal likelihood that beliefs make of it, from
// each of the orders given and from random ones; then from the best with a fifth of its variables put anywhere, until `shakes`
// times in a row that finds nothing better.
inline BicResult refine_bic(const SecondMoments& m, double n, double price, Index max_parents, const Knowledge& known,
                            const std::vector<std::vector<Index>>& given, Index restarts, std::uint64_t seed,
                            Index sweeps, Index shakes, const Beliefs* beliefs, Watch& watch) {
  BicResult best;
  GrowShrink scorer(m.S, m.d, n, price, max_parents, known.required, beliefs);
  OrderSearch helper(m.S, m.d, m.equal, known.must);
  std::mt19937_64 random(seed);
  auto run = [&](const std::vector<Index>& order, bool fresh = true) {
    OrderPolish<GrowShrink> polish(scorer, m.d, known.forbidden, known.must, watch);
    polish.start(order);
    bool settled = false;
    double before = std::numeric_limits<double>::infinity();
    // Hints before the first move too: a variable that forward steps misjudge sends others to the wrong side of it.
    for (Index sweep = 0; sweep < sweeps && !watch.stopped(); ++sweep) {
      if (sweep == 0 ? fresh : settled) {
        if (!fresh && polish.score() > best.score + price) break;
        // A hint that is replaced can be missed at a later order: the score has to fall from one settling to the next.
        const bool lower = polish.score() < before - 1e-6 * price;
        before = polish.score();
        if (!lower || !find_hints(m, n, helper, polish, scorer)) {
          if (settled) break;
        } else {
          polish.rescore();
        }
      }
      settled = polish.sweep(1e-10, m.d) == 0;
    }
    const double score = polish.score();
    best.moves += polish.moves();
    best.starts.push_back(score);
    if (!(score < best.score)) return;
    best.score = score;
    best.order = polish.order();
    best.converged = settled;
    best.parents.assign(m.d * m.d, 0);
    for (Index z = 0; z < m.d; ++z)
      for (Index y : polish.nodes()[z].parents) best.parents[y * m.d + z] = 1;
  };
  for (const auto& order : given) run(order);
  for (Index r = 0; r < restarts && !watch.stopped(); ++r) run(helper.shuffled(random));
  for (Index idle = 0; idle < shakes && !best.order.empty() && !watch.stopped();) {
    const double before = best.score;
    run(helper.shaken(best.order, std::max<Index>(2, m.d / 5), random), false);
    idle = best.score < before - price ? 0 : idle + 1;
  }
  return best;
}

}  // namespace ss
