// Python's view of the directed graphs: moments in, orders and weights out.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

#include "bind_common.hpp"
#include "dag_exact.hpp"
#include "dag_fit.hpp"
#include "dag_path.hpp"

namespace dag {

namespace nb = nanobind;
using namespace nb::literals;
using bind::give;
using bind::signals;
using ss::Index;

using Square = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Mask = nb::ndarray<const std::uint8_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Orders = std::vector<std::vector<Index>>;

inline auto indices(const std::vector<Index>& order) {
  return give(std::vector<std::int64_t>(order.begin(), order.end()), {order.size()});
}

inline ss::SecondMoments moments(const Square& S, bool equal) {
  if (S.shape(0) != S.shape(1)) throw std::invalid_argument("second moments must be a square matrix");
  return {S.data(), static_cast<Index>(S.shape(0)), equal};
}
inline std::vector<char> mask(const nb::object& given, Index d) {
  if (given.is_none()) return {};
  const Mask m = nb::cast<Mask>(given);
  if (static_cast<Index>(m.shape(0)) != d || static_cast<Index>(m.shape(1)) != d)
    throw std::invalid_argument("a mask of edges must be d x d");
  return std::vector<char>(m.data(), m.data() + d * d);
}

// What every question shares: second moments, read in place, the penalised score of a graph, and what is known of it.
class Problem {
 public:
  Problem(Square S, bool equal, double alpha, double floor, const nb::object& forbidden, const nb::object& required,
          const nb::object& must)
      : moments(dag::moments(S, equal)), alpha(alpha), floor(moments.d, floor),
        known{mask(forbidden, moments.d), mask(required, moments.d), mask(must, moments.d)}, owner_(std::move(S)) {}

  void check(const Orders& orders) const {
    for (const auto& order : orders) {
      std::vector<char> seen(moments.d, 0);
      for (Index j : order)
        if (j < 0 || j >= moments.d || seen[j]++) throw std::invalid_argument("an order must be a permutation of 0..d-1");
      if (static_cast<Index>(order.size()) != moments.d) throw std::invalid_argument("an order must name every variable");
    }
  }

  const ss::SecondMoments moments;
  const double alpha;
  const std::vector<double> floor;
  const ss::Knowledge known;

 private:
  Square owner_;
};

// Run without the GIL; an interrupt becomes the exception Python expects.
template <class F>
auto released(ss::Control& control, F&& function) {
  ss::Watch watch(control, signals());
  auto result = [&] {
    nb::gil_scoped_release release;
    return function(watch);
  }();
  if (PyErr_Occurred()) throw nb::python_error();
  return result;
}

inline nb::dict weights_dict(ss::WeightsResult&& r) {
  const size_t d = r.scale.size();
  nb::dict out;
  out["order"] = indices(r.order);
  out["weights"] = give(std::move(r.weights), {d, d});
  out["scale"] = give(std::move(r.scale), {d});
  out["objective"] = r.objective;
  out["rounds"] = r.rounds;
  out["moves"] = r.moves;
  out["converged"] = r.converged;
  return out;
}

inline void bind_search(nb::module_& m) {
  m.def(
      "search_order",
      [](const Problem& p, const Orders& starts, bool greedy, Index restarts, std::uint64_t seed, ss::Control& control) {
        p.check(starts);
        ss::SearchResult r = released(control, [&](ss::Watch& watch) {
          return ss::search_order(p.moments, p.known, starts, greedy, restarts, seed, watch);
        });
        nb::dict out;
        out["order"] = indices(r.order);
        out["score"] = r.score;
        const size_t k = r.starts.size();
        out["starts"] = give(std::move(r.starts), {k});
        out["moves"] = r.moves;
        out["converged"] = r.converged;
        return out;
      },
      "problem"_a, "starts"_a, "greedy"_a, "restarts"_a, "seed"_a, "control"_a,
      "Best order for the unpenalised score: descents from greedy, given and random orders.");
  m.def(
      "refine_bic",
      [](const Problem& p, double n, double price, Index max_parents, const Orders& starts, Index restarts,
         std::uint64_t seed, Index sweeps, Index shakes, std::vector<double> centre, double precision,
         ss::Control& control) {
        p.check(starts);
        const ss::Beliefs beliefs{std::move(centre), precision};
        ss::BicResult r = released(control, [&](ss::Watch& watch) {
          return ss::refine_bic(p.moments, n, price, max_parents, p.known, starts, restarts, seed, sweeps, shakes,
                                beliefs.centre.empty() ? nullptr : &beliefs, watch);
        });
        nb::dict out;
        const size_t d = r.order.size(), k = r.starts.size();
        out["order"] = indices(r.order);
        out["parents"] = give(std::vector<std::uint8_t>(r.parents.begin(), r.parents.end()), {d, d});
        out["score"] = r.score;
        out["starts"] = give(std::move(r.starts), {k});
        out["moves"] = r.moves;
        out["converged"] = r.converged;
        return out;
      },
      "problem"_a, "n"_a, "price"_a, "max_parents"_a, "starts"_a, "restarts"_a, "seed"_a, "sweeps"_a,
      "shakes"_a, "centre"_a, "precision"_a, "control"_a,
      "Insertion search on the Gaussian BIC or, with a centre for every variable, on the marginal likelihood.");
  m.def(
      "best_order",
      [](const Problem& p, double tol, ss::Control& control) {
        if (p.moments.d > 20) throw std::invalid_argument("exact search takes at most 20 variables");
        ss::ExactResult r = released(control, [&](ss::Watch& watch) {
          return ss::ExactOrder(p.moments, p.alpha, p.floor, p.known).solve(tol, watch);
        });
        nb::dict out;
        out["order"] = indices(r.order);
        out["objective"] = r.objective;
        out["bound"] = r.bound;
        out["tables"] = r.tables;
        out["complete"] = r.complete;
        return out;
      },
      "problem"_a, "tol"_a, "control"_a, "The order of least penalised score, by dynamic programming over subsets.");
}

inline void bind_weights(nb::module_& m) {
  m.def(
      "fit_on_order",
      [](const Problem& p, const std::vector<Index>& order, ss::Control& control) {
        p.check({order});
        return weights_dict(released(control, [&](ss::Watch& watch) {
          return ss::fit_on_order(p.moments, p.alpha, p.floor, p.known, order, watch);
        }));
      },
      "problem"_a, "order"_a, "control"_a, "The concomitant lasso of every variable on those before it.");
  m.def(
      "fit_unordered",
      [](const Problem& p, ss::Control& control) {
        const Index d = p.moments.d;
        std::vector<char> allowed(d * d, 1);
        for (Index j = 0; j < d; ++j)
          for (Index k = 0; k < d; ++k)
            allowed[j * d + k] = k != j && (p.known.forbidden.empty() || !p.known.forbidden[k * d + j]);
        ss::GraphFit fit;
        fit.nodes.resize(d);
        fit.scale.resize(d);
        for (Index j = 0; j < d; ++j) {
          fit.nodes[j].gradient.assign(d, 0.0);
          fit.scale[j] = std::sqrt(p.moments.S[j * d + j]);
        }
        return weights_dict(released(control, [&](ss::Watch& watch) {
          return ss::fit_weights(p.moments, p.alpha, p.floor, p.known, allowed, fit, watch);
        }));
      },
      "problem"_a, "control"_a, "The same with every other variable allowed: a lower bound over all graphs.");
  m.def(
      "polish_order",
      [](const Problem& p, const std::vector<Index>& order, Index patience, Index sweeps, ss::Control& control) {
        p.check({order});
        return weights_dict(released(control, [&](ss::Watch& watch) {
          return ss::polish_order(p.moments, p.alpha, p.floor, p.known, order, patience, sweeps, watch);
        }));
      },
      "problem"_a, "order"_a, "patience"_a, "sweeps"_a, "control"_a,
      "Insertions on the penalised objective until none lowers it.");
}

inline void bind_supports(nb::module_& m) {
  m.def(
      "refit_support",
      [](const Problem& p, nb::object support, double threshold, Index max_parents) {
        const size_t d = p.moments.d;
        const std::vector<char> kept = mask(support, p.moments.d);
        ss::RefitResult r;
        {
          nb::gil_scoped_release release;
          r = ss::refit_support(p.moments, kept, p.known, threshold, max_parents);
        }
        return nb::make_tuple(give(std::move(r.weights), {d, d}), give(std::move(r.residual), {d}));
      },
      "problem"_a, "support"_a, "threshold"_a, "max_parents"_a,
      "Least squares on supports, thresholded once; weights and residual variances.");
  m.def(
      "select_parents",
      [](const Problem& p, double n, double price, Index max_parents, const std::vector<Index>& order,
         nb::object likely) {
        p.check({order});
        const Index d = p.moments.d;
        const std::vector<char> first = mask(likely, d);
        std::vector<std::uint8_t> parents;
        {
          nb::gil_scoped_release release;
          parents = ss::select_parents(p.moments, n, price, max_parents, p.known, order, first);
        }
        return give(std::move(parents), {static_cast<size_t>(d), static_cast<size_t>(d)});
      },
      "problem"_a, "n"_a, "price"_a, "max_parents"_a, "order"_a, "likely"_a,
      "Parents of every variable by BIC on an order: grown and shrunk from the likely ones, or from those that all need.");
}

inline void bind_path(nb::module_& m) {
  m.def(
      "follow_path",
      [](const Problem& p, std::vector<double> mu, std::vector<double> t, std::vector<Index> steps, double learning_rate,
         double beta1, double beta2, double epsilon, double tol, Index checkpoint, ss::Control& control) {
        const size_t d = p.moments.d;
        if (mu.size() != t.size() || mu.size() != steps.size())
          throw std::invalid_argument("mu, t and steps need one value a stage");
        ss::PathOptionsDag options{{}, learning_rate, beta1, beta2, epsilon, tol, checkpoint};
        for (size_t k = 0; k < mu.size(); ++k) options.stages.push_back({mu[k], t[k], steps[k]});
        ss::DagPathResult r = released(control, [&](ss::Watch& watch) {
          return ss::DagPath(p.moments, p.alpha, p.floor, p.known.forbidden).run(options, watch);
        });
        nb::dict out;
        out["weights"] = give(std::move(r.weights), {d, d});
        out["steps"] = indices(r.steps);
        const size_t k = r.t.size();
        out["t"] = give(std::move(r.t), {k});
        out["acyclicity"] = r.acyclicity;
        out["finished"] = r.finished;
        return out;
      },
      "problem"_a, "mu"_a, "t"_a, "steps"_a, "learning_rate"_a, "beta1"_a, "beta2"_a, "epsilon"_a, "tol"_a,
      "checkpoint"_a, "control"_a, "Adam along the log-determinant acyclicity.");
  m.def(
      "acyclicity",
      [](Square W, double t) {
        const ss::SecondMoments moments_ = moments(W, true);
        const Index d = moments_.d;
        const std::vector<double> floor(d, 0.0);
        std::vector<double> gradient(d * d);
        double h = std::numeric_limits<double>::infinity();
        ss::DagPath path(moments_, 0.0, floor, {});
        if (!path.acyclicity(W.data(), t, gradient.data(), h))
          std::fill(gradient.begin(), gradient.end(), std::nan(""));
        for (Index i = 0; i < d * d; ++i) gradient[i] *= 2 * W.data()[i];
        return nb::make_tuple(h, give(std::move(gradient), {static_cast<size_t>(d), static_cast<size_t>(d)}));
      },
      "W"_a, "t"_a, "h(W; t) = d log t - log det(t I - W o W) and its gradient; inf and nan outside its domain.");
}

inline void bind_kernels(nb::module_& t) {
  t.def("order_move_scores", [](Square S, bool equal, const std::vector<Index>& order) {
    const ss::SecondMoments m = moments(S, equal);
    const ss::Precedence none;
    ss::OrderSearch search(m.S, m.d, equal, none);
    if (!search.start(order)) throw std::invalid_argument("S is singular");
    std::vector<double> delta(m.d * m.d);
    for (Index a = 0; a < m.d; ++a) search.score_moves(a, &delta[a * m.d]);
    return give(std::move(delta), {static_cast<size_t>(m.d), static_cast<size_t>(m.d)});
  });
  t.def("gemm", [](Square A, Square B) {
    const size_t m = A.shape(0), k = A.shape(1), n = B.shape(1);
    std::vector<double> C(m * n, 0.0);
    ss::gemm(m, n, k, 1.0, A.data(), k, B.data(), n, C.data(), n);
    return give(std::move(C), {m, n});
  });
  // The factors after a list of moves: R by columns (so its transpose), T by rows, and the order.
  t.def("order_after_moves", [](Square S, const std::vector<Index>& order, const std::vector<std::pair<Index, Index>>& moves) {
    const ss::SecondMoments m = moments(S, true);
    const ss::Precedence none;
    ss::OrderSearch search(m.S, m.d, true, none);
    if (!search.start(order)) throw std::invalid_argument("S is singular");
    for (const auto& [a, b] : moves) search.move(a, b);
    const size_t d = m.d;
    std::vector<double> R(search.column(0), search.column(0) + d * d), T(search.row(0), search.row(0) + d * d);
    return nb::make_tuple(give(std::move(R), {d, d}), give(std::move(T), {d, d}), indices(search.order()));
  });
}

}  // namespace dag

inline void bind_dag(nanobind::module_& m) {
  using namespace nanobind::literals;
  nanobind::module_ sub = m.def_submodule("dag", "Directed acyclic graphs from second moments.");
  nanobind::class_<dag::Problem>(sub, "Problem", "Second moments, read in place, the score of a graph, what is known of it.")
      .def(nanobind::init<dag::Square, bool, double, double, nanobind::object, nanobind::object, nanobind::object>(),
           "S"_a, "equal"_a, "alpha"_a, "floor"_a, "forbidden"_a.none(), "required"_a.none(), "must"_a.none());
  dag::bind_search(sub);
  dag::bind_weights(sub);
  dag::bind_supports(sub);
  dag::bind_path(sub);
  nanobind::module_ kernels = sub.def_submodule("testing", "Kernels for tests/core.");
  dag::bind_kernels(kernels);
}
