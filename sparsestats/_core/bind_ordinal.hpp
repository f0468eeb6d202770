// Python's view of the ordinal solvers. Included by bindings.cpp after its own helpers.
#pragma once
#include "ordinal_alpha_po.hpp"

namespace {

struct BoundOrdinal {
  std::unique_ptr<ss::Features> features;
  std::unique_ptr<ss::Family> family;
  std::vector<double> w, offset, share;

  void check(const Vector& eta) const {
    if (static_cast<Index>(eta.shape(0)) != family->eta_size())
      throw std::invalid_argument("one linear predictor a place of the slots is needed");
  }
};

const char* block_name(ss::Block block) {
  switch (block) {
    case ss::Block::kUpTo: return "up to";
    case ss::Block::kEdge: return "edge";
    case ss::Block::kCorner: return "corner";
    default: return "pair";
  }
}

nb::dict ordinal_fits(const std::vector<ss::OrdinalFit>& fits, std::vector<double>&& psi, size_t coordinates) {
  const size_t k = fits.size();
  nb::dict out;
  auto real = [&](const char* name, auto get) {
    std::vector<double> v;
    for (const auto& f : fits) v.push_back(get(f));
    out[name] = give(std::move(v), {k});
  };
  auto whole = [&](const char* name, auto get) {
    std::vector<std::int64_t> v;
    for (const auto& f : fits) v.push_back(get(f));
    out[name] = give(std::move(v), {k});
  };
  real("alphas", [](auto& f) { return f.alpha; });
  real("objectives", [](auto& f) { return f.objective; });
  real("bounds", [](auto& f) { return f.bound; });
  real("gaps", [](auto& f) { return f.gap; });
  real("losses", [](auto& f) { return f.loss; });
  real("seconds", [](auto& f) { return f.seconds; });
  real("intercept_residual", [](auto& f) { return f.intercept_residual; });
  whole("iterations", [](auto& f) { return f.iterations; });
  whole("hessians", [](auto& f) { return f.hessians; });
  whole("active", [](auto& f) { return f.active; });
  whole("working", [](auto& f) { return f.working; });
  whole("crossing", [](auto& f) { return f.crossing; });
  whole("bound_rows", [](auto& f) { return f.bound_rows; });
  whole("constrained", [](auto& f) { return f.constrained ? 1 : 0; });
  nb::list stops;
  for (const auto& f : fits) stops.append(nb::str(f.stop.c_str()));
  out["stops"] = stops;
  out["psi"] = give(std::move(psi), {k, coordinates});
  return out;
}

nb::dict ordinal_path(BoundOrdinal& data, Vector weight, std::vector<double> alphas, double l1_ratio, double tol,
                      Index max_iter, bool ordered, ss::Control& control) {
  const Index m = data.family->boundaries, p = data.features->p;
  if (static_cast<Index>(weight.shape(0)) != p * m) throw std::invalid_argument("one weight a column and boundary is needed");
  std::vector<double> weights(weight.data(), weight.data() + p * m);
  ss::Watch watch(control, signals());
  std::vector<ss::OrdinalFit> fits;
  std::vector<double> psi, gradient;
  double alpha_max = 0, null = 0;
  {
    nb::gil_scoped_release release;
    ss::OrdinalSolver solver(*data.features, *data.family, data.w, data.offset, std::move(weights), data.share,
                             {l1_ratio, tol, max_iter, ordered});
    alpha_max = solver.alpha_max(), null = solver.null_objective();
    for (double alpha : alphas) {
      if (watch.stopped()) break;
      fits.push_back(solver.fit(alpha, watch));
      psi.insert(psi.end(), solver.psi().begin(), solver.psi().end());
      watch.advance();
    }
  }
  if (PyErr_Occurred()) throw nb::python_error();
  nb::dict out = ordinal_fits(fits, std::move(psi), static_cast<size_t>((p + 1) * m));
  out["alpha_max"] = alpha_max;
  out["null_objective"] = null;
  return out;
}

double ordinal_alpha_po(BoundOrdinal& data, Vector weight, double l1_ratio, ss::Control& control) {
  const Index m = data.family->boundaries, p = data.features->p;
  std::vector<double> weights(weight.data(), weight.data() + p * m), first = weights;
  for (Index j = 0; j < p; ++j)
    for (Index k = 1; k < m; ++k)
      if (first[j * m + k] > 0) first[j * m + k] = ss::kInfinity;
  ss::Watch watch(control, signals());
  double alpha = 0;
  {
    nb::gil_scoped_release release;
    ss::OrdinalSolver all(*data.features, *data.family, data.w, data.offset, weights, data.share, {l1_ratio, 1e-13, 100, false});
    ss::OrdinalSolver shared(*data.features, *data.family, data.w, data.offset, std::move(first), data.share,
                             {l1_ratio, 1e-13, 100, false});
    alpha = ss::proportional_odds_alpha(shared, weights, l1_ratio, all.alpha_max(), watch);
  }
  if (PyErr_Occurred()) throw nb::python_error();
  return alpha;
}

void bind_ordinal(nb::module_& m) {
  nb::class_<BoundOrdinal>(m, "Ordinal", "Rows of an ordered response in class order, and their likelihood.")
      .def(
          "__init__",
          [](BoundOrdinal* self, Columns& X, Integers order, std::vector<Index> starts, Vector raw_weights, Vector weights,
             nb::object offset, const std::string& family, const std::string& link, bool scale, bool dense) {
            BoundOrdinal made;
            made.family = ss::make_family(family, link, starts);
            made.w.assign(weights.data(), weights.data() + weights.shape(0));
            if (!offset.is_none()) {
              const Vector o = nb::cast<Vector>(offset);
              made.offset.assign(o.data(), o.data() + o.shape(0));
            }
            double total = 0;
            for (size_t c = 0; c + 1 < starts.size(); ++c) {
              double sum = 0;
              for (Index i = starts[c]; i < starts[c + 1]; ++i) sum += made.w[i];
              made.share.push_back(sum);
              total += sum;
            }
            for (double& s : made.share) s /= total;
            std::vector<Index> rows(order.data(), order.data() + order.shape(0));
            const double* raw = raw_weights.data();
            {
              nb::gil_scoped_release release;
              made.features = std::make_unique<ss::Features>(*X.storage, std::move(rows), raw, scale, dense);
            }
            new (self) BoundOrdinal(std::move(made));
          },
          "X"_a, "order"_a, "starts"_a, "raw_weights"_a, "weights"_a, "offset"_a.none(), "family"_a, "link"_a, "scale"_a,
          "dense"_a, nb::keep_alive<1, 2>())
      .def("means",
           [](const BoundOrdinal& b) {
             std::vector<double> v;
             for (Index j = 0; j < b.features->p; ++j) v.push_back(b.features->mean(j));
             const size_t k = v.size();
             return give(std::move(v), {k});
           })
      .def("scales", [](const BoundOrdinal& b) {
        std::vector<double> v;
        for (Index j = 0; j < b.features->p; ++j) v.push_back(b.features->scale(j));
        const size_t k = v.size();
        return give(std::move(v), {k});
      })
      // The likelihood by itself, for solvers written in Python: linear predictors lie slot after slot.
      .def("slots",
           [](const BoundOrdinal& b) {
             nb::list out;
             for (const ss::Slot& s : b.family->slots()) out.append(nb::make_tuple(s.boundary, s.begin, s.end, s.at));
             return out;
           })
      .def("pieces",
           [](const BoundOrdinal& b) {
             nb::list out;
             for (const ss::Piece& s : b.family->pieces())
               out.append(nb::make_tuple(block_name(s.block), s.t, s.u, s.begin, s.end, s.at));
             return out;
           })
      .def("start", [](const BoundOrdinal& b) {
        std::vector<double> a = b.family->start(b.share);
        const size_t k = a.size();
        return give(std::move(a), {k});
      })
      .def("evaluate",
           [](const BoundOrdinal& b, Vector eta) {
             b.check(eta);
             std::vector<double> slope(b.family->eta_size()), weight(b.family->piece_size());
             double value = 0;
             {
               nb::gil_scoped_release release;
               value = b.family->evaluate(eta.data(), b.w.data(), slope.data(), weight.data());
             }
             const size_t k = slope.size(), q = weight.size();
             return nb::make_tuple(value, give(std::move(slope), {k}), give(std::move(weight), {q}));
           })
      .def("conjugate",
           [](const BoundOrdinal& b, Vector eta, double s) {
             b.check(eta);
             return b.family->conjugate(eta.data(), b.w.data(), s);
           })
      .def("reach", [](const BoundOrdinal& b, Vector eta, Vector step) {
        b.check(eta), b.check(step);
        return b.family->reach(eta.data(), step.data());
      });
  m.def("ordinal_path", &ordinal_path, "data"_a, "weight"_a, "alphas"_a, "l1_ratio"_a, "tol"_a, "max_iter"_a, "ordered"_a,
        "control"_a);
  nb::module_ t = m.def_submodule("ordinal_testing", "Row kernels for tests/core.");
  t.def("between", [](const std::string& link, double a, double b) {
    const ss::TwoSided f = link == "logit"     ? ss::Logit::between(a, b)
                           : link == "probit"  ? ss::Probit::between(a, b)
                           : link == "cloglog" ? ss::Cloglog::between(a, b)
                                               : ss::Loglog::between(a, b);
    return nb::make_tuple(f.value, f.slope_a, f.slope_b, f.both, f.cross, f.upper);
  });
  t.def("below", [](const std::string& link, double b) {
    const ss::OneSided f = link == "logit"     ? ss::Logit::below(b)
                           : link == "probit"  ? ss::Probit::below(b)
                           : link == "cloglog" ? ss::Cloglog::below(b)
                                               : ss::Loglog::below(b);
    return nb::make_tuple(f.value, f.slope, f.curvature);
  });
  t.def("conjugate_between", [](double a, double b, double s) { return ss::Logit::conjugate_between(a, b, s); });
  m.def("ordinal_alpha_po", &ordinal_alpha_po, "data"_a, "weight"_a, "l1_ratio"_a, "control"_a);
}

}  // namespace
