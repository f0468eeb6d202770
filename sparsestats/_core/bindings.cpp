// Python's view of the core: one object for a design, one call for a path. The GIL is released around the numbers.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bind_common.hpp"
#include "bind_dag.hpp"
#include "folds.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using bind::give;
using bind::signals;
using ss::Index;

using Vector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Integers = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Matrix = nb::ndarray<const T, nb::ndim<2>, nb::f_contig, nb::device::cpu>;
template <class T>
using Flat = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::numpy, double>;
using OutputInt = nb::ndarray<nb::numpy, std::int64_t>;

namespace {

// An array as it is: a conversion would be a temporary that nothing keeps alive.
template <class Array>
Array exact(nb::object given) {
  Array array;
  if (!nb::try_cast<Array>(given, array, false))
    throw nb::type_error("an array of another type, order or dimension than the core reads in place");
  return array;
}

// A storage together with the Python arrays it reads.
struct Columns {
  std::unique_ptr<ss::Storage> storage;
  std::vector<nb::object> kept;
};

template <class T>
Columns dense(Matrix<T> X, nb::object owner) {
  return {std::make_unique<ss::Dense<T>>(X.data(), X.shape(0), X.shape(1), X.shape(0)), {owner}};
}
template <class T, class I>
Columns csc(Flat<T> data, Flat<I> rows, Flat<I> starts, Index n, nb::object a, nb::object b, nb::object c) {
  return {std::make_unique<ss::Csc<T, I>>(data.data(), rows.data(), starts.data(), n,
                                          static_cast<Index>(starts.shape(0)) - 1),
          {a, b, c}};
}
struct BoundDesign {
  Columns* columns;
  std::unique_ptr<ss::Design> design;
};

void check_length(const char* what, size_t length, Index wanted) {
  if (static_cast<Index>(length) != wanted) throw std::invalid_argument(std::string(what) + " and X differ in length");
}

ss::DesignOptions design_options(Index p, bool fit_intercept, const std::string& standardize, const Integers& groups,
                                 const Vector& factor, bool group_weights, Index responses) {
  if (groups.shape(0) > 0) check_length("groups", groups.shape(0), p);
  if (factor.shape(0) > 0) check_length("penalty factors", factor.shape(0), p);
  ss::DesignOptions o;
  o.fit_intercept = fit_intercept;
  o.scale = standardize == "columns";
  o.orthonormalise = standardize == "groups";
  o.group.assign(groups.data(), groups.data() + groups.shape(0));
  o.factor.assign(factor.data(), factor.data() + factor.shape(0));
  o.group_weights = group_weights;
  o.responses = responses;
  return o;
}

// Folds together with the Python arrays they read.
struct BoundFolds {
  std::unique_ptr<ss::Folds> folds;
  Index n, responses;
  std::vector<nb::object> kept;
};

template <class T>
std::unique_ptr<ss::Folds> folds_of(Matrix<T> X, const double* y, const double* offset, ss::DesignOptions options) {
  return std::make_unique<ss::DenseFolds<T>>(X.data(), X.shape(0), X.shape(1), y, offset, std::move(options));
}

// One number of every point.
template <class T>
nb::object column(const std::vector<ss::PathPoint>& points, T ss::PathPoint::* field) {
  std::vector<T> values;
  for (const ss::PathPoint& point : points) values.push_back(point.*field);
  const size_t k = values.size();
  return nb::cast(give(std::move(values), {k}));
}

nb::dict to_dict(ss::PathOutput&& out, Index p, Index responses) {
  const size_t k = out.points.size();
  nb::dict result;
  for (const auto& [name, field] : {std::pair{"alphas", &ss::PathPoint::alpha}, {"objectives", &ss::PathPoint::objective},
                                    {"bounds", &ss::PathPoint::bound}, {"gaps", &ss::PathPoint::gap},
                                    {"deviance_ratio", &ss::PathPoint::deviance_ratio}, {"seconds", &ss::PathPoint::seconds}})
    result[name] = column(out.points, field);
  for (const auto& [name, field] : {std::pair{"iterations", &ss::PathPoint::iterations}, {"newton_steps", &ss::PathPoint::newtons},
                                    {"screened", &ss::PathPoint::screened}, {"active", &ss::PathPoint::active},
                                    {"repaired", &ss::PathPoint::repaired}, {"discarded", &ss::PathPoint::discarded}})
    result[name] = column(out.points, field);
  nb::list stops;
  for (const auto& point : out.points) stops.append(nb::str(point.stop));
  result["stops"] = stops;
  const size_t K = responses;
  if (K == 1) {
    result["coefs"] = give(std::move(out.coefs), {k, static_cast<size_t>(p)});
    result["intercepts"] = give(std::move(out.intercepts), {k});
  } else {
    result["coefs"] = give(std::move(out.coefs), {k, K, static_cast<size_t>(p)});
    result["intercepts"] = give(std::move(out.intercepts), {k, K});
  }
  result["alpha_max"] = out.alpha_max;
  result["null_objective"] = out.null_objective;
  result["stopped"] = out.stopped;
  return result;
}

nb::dict solve_path(const BoundDesign& bound, const std::string& loss_name, double loss_parameter, Vector y, nb::object offset,
                    const ss::PenaltySpec& spec, std::vector<double> alphas, double tol, Index max_iter, bool screening,
                    double stop_deviance, ss::Control& control) {
  const ss::Design& design = *bound.design;
  check_length("y", y.shape(0), design.n() * design.responses());
  const auto loss = ss::make_loss(loss_name, loss_parameter, design.responses());
  const Vector o = offset.is_none() ? y : nb::cast<Vector>(offset);
  check_length("offset", o.shape(0), design.n() * design.responses());
  const double* offset_data = offset.is_none() ? nullptr : o.data();
  ss::Watch watch(control, signals());
  ss::PathOutput out;
  {
    nb::gil_scoped_release release;
    const ss::PathOptions options{tol, max_iter, screening, stop_deviance, spec.ratio == 1};
    out = ss::solve_path(design, *loss, spec, y.data(), offset_data, alphas, options, watch);
  }
  if (PyErr_Occurred()) throw nb::python_error();
  return to_dict(std::move(out), design.p(), design.responses());
}

ss::RowNumbers row_numbers(const Integers& rows, Index n) {
  const Index count = static_cast<Index>(rows.shape(0));
  for (Index i = 0; i < count; ++i)
    if (rows.data()[i] < 0 || rows.data()[i] >= n) throw std::out_of_range("a fold has rows that X does not have");
  return {rows.data(), count};
}

nb::dict fit_fold(BoundFolds& self, Integers train, Integers test, const std::string& loss_name, double loss_parameter,
                  const ss::PenaltySpec& spec, std::vector<double> alphas, double tol, Index max_iter, bool screening,
                  ss::Control& control) {
  const ss::RowNumbers fitted = row_numbers(train, self.n), held_out = row_numbers(test, self.n);
  const auto loss = ss::make_loss(loss_name, loss_parameter, self.responses);
  ss::Watch watch(control, signals());
  ss::FoldOutput out;
  {
    nb::gil_scoped_release release;
    const ss::PathOptions options{tol, max_iter, screening, 2.0, spec.ratio == 1};
    out = self.folds->fit(fitted, held_out, *loss, spec, alphas, options, watch);
  }
  if (PyErr_Occurred()) throw nb::python_error();
  const size_t points = out.path.points.size(), K = self.responses, rows = held_out.count;
  nb::dict result;
  if (K == 1)
    result["eta"] = give(std::move(out.eta), {rows, points});
  else
    result["eta"] = give(std::move(out.eta), {rows, points, K});
  result["gaps"] = column(out.path.points, &ss::PathPoint::gap);
  result["null_objective"] = out.path.null_objective;
  result["stopped"] = out.path.stopped;
  result["finite"] = out.finite;
  return result;
}

}  // namespace

#include "bind_ordinal.hpp"

NB_MODULE(_ext, m) {
  m.doc() = "Compiled kernels of sparsestats.";

  nb::class_<ss::Control>(m, "Control", "A request to stop, and a count of what is done; shared between threads.")
      .def(nb::init<>())
      .def("stop", &ss::Control::stop)
      .def_prop_ro("stopped", &ss::Control::stopped)
      .def_prop_ro("done", &ss::Control::done)
      // A copy sent to another process starts afresh: that process is stopped by its own means.
      .def("__getstate__", [](const ss::Control&) { return nb::make_tuple(); })
      .def("__setstate__", [](ss::Control& self, nb::tuple) { new (&self) ss::Control(); });

  nb::class_<Columns> columns(m, "Columns", "The columns of X, read in place.");
  columns.def_static("dense", [](nb::object X) { return dense<double>(exact<Matrix<double>>(X), X); })
      .def_static("dense32", [](nb::object X) { return dense<float>(exact<Matrix<float>>(X), X); });
  columns.def_static("csc", [](nb::object d, nb::object i, nb::object s, Index n) {
    const bool wide = nb::isinstance<Flat<std::int64_t>>(i);
    const bool single = nb::isinstance<Flat<float>>(d);
    if (single && wide)
      return csc<float, std::int64_t>(exact<Flat<float>>(d), exact<Flat<std::int64_t>>(i),
                                      exact<Flat<std::int64_t>>(s), n, d, i, s);
    if (single)
      return csc<float, std::int32_t>(exact<Flat<float>>(d), exact<Flat<std::int32_t>>(i),
                                      exact<Flat<std::int32_t>>(s), n, d, i, s);
    if (wide)
      return csc<double, std::int64_t>(exact<Flat<double>>(d), exact<Flat<std::int64_t>>(i),
                                       exact<Flat<std::int64_t>>(s), n, d, i, s);
    return csc<double, std::int32_t>(exact<Flat<double>>(d), exact<Flat<std::int32_t>>(i),
                                     exact<Flat<std::int32_t>>(s), n, d, i, s);
  });

  columns.def(
      "moments",
      [](const Columns& X, Vector w) {
        const Index p = X.storage->p;
        check_length("weights", w.shape(0), X.storage->n);
        std::vector<double> mean(p), sd(p);
        {
          const double* weights = w.data();
          nb::gil_scoped_release release;
          for (Index j = 0; j < p; ++j) {
            const ss::Moments moments = X.storage->moments(j, weights);
            mean[j] = moments.mean, sd[j] = moments.sd;
          }
        }
        return nb::make_tuple(give(std::move(mean), {static_cast<size_t>(p)}), give(std::move(sd), {static_cast<size_t>(p)}));
      },
      "weights"_a, "Weighted means and standard deviations (divisor n) of the columns.");

  nb::class_<BoundDesign>(m, "Design", "Columns centred, scaled and cleared of the free part, none of it stored.")
      .def(
          "__init__",
          [](BoundDesign* self, Columns& X, Vector w, bool fit_intercept, const std::string& standardize,
             Integers groups, Vector factor, bool group_weights, Index responses) {
            auto o = design_options(X.storage->p, fit_intercept, standardize, groups, factor, group_weights, responses);
            check_length("weights", w.shape(0), X.storage->n);
            const double* weights = w.data();
            std::unique_ptr<ss::Design> design;
            {
              nb::gil_scoped_release release;
              design = std::make_unique<ss::Design>(*X.storage, weights, std::move(o));
            }
            new (self) BoundDesign{&X, std::move(design)};
          },
          "X"_a, "weights"_a, "fit_intercept"_a, "standardize"_a, "groups"_a, "factor"_a, "group_weights"_a, "responses"_a = 1,
          nb::keep_alive<1, 2>())
      .def("ranks", [](const BoundDesign& b) {
        std::vector<std::int64_t> v;
        for (Index g = 0; g < b.design->groups(); ++g) v.push_back(b.design->group_rank(g));
        const size_t k = v.size();
        return give(std::move(v), {k});
      });

  nb::class_<BoundFolds>(m, "Folds", "Folds of one problem: each fits some rows, without weights, and predicts others.")
      .def(
          "__init__",
          [](BoundFolds* self, nb::object X, nb::object y, nb::object offset, bool fit_intercept, const std::string& standardize,
             Integers groups, Vector factor, bool group_weights, Index responses) {
            const bool single = nb::isinstance<Matrix<float>>(X);
            const Index n = single ? exact<Matrix<float>>(X).shape(0) : exact<Matrix<double>>(X).shape(0);
            const Index p = single ? exact<Matrix<float>>(X).shape(1) : exact<Matrix<double>>(X).shape(1);
            const Vector target = exact<Vector>(y), shifts = offset.is_none() ? target : exact<Vector>(offset);
            check_length("y", target.shape(0), n * responses);
            check_length("offset", shifts.shape(0), n * responses);
            const double* o = offset.is_none() ? nullptr : shifts.data();
            auto options = design_options(p, fit_intercept, standardize, groups, factor, group_weights, responses);
            auto folds = single ? folds_of(exact<Matrix<float>>(X), target.data(), o, std::move(options))
                                : folds_of(exact<Matrix<double>>(X), target.data(), o, std::move(options));
            new (self) BoundFolds{std::move(folds), n, responses, {X, y, offset}};
          },
          "X"_a, "y"_a, "offset"_a.none(), "fit_intercept"_a, "standardize"_a, "groups"_a, "factor"_a, "group_weights"_a,
          "responses"_a)
      .def("fit", &fit_fold, "train"_a, "test"_a, "loss"_a, "loss_parameter"_a, "penalty"_a, "alphas"_a, "tol"_a, "max_iter"_a,
           "screening"_a, "control"_a, "Fit every alpha to the rows `train`, and give the linear predictors of the rows `test`.");

  nb::class_<ss::PenaltySpec>(m, "Penalty", "Weights on the sorted coordinates, on the sorted groups, and the share of the first.")
      .def(
          "__init__",
          [](ss::PenaltySpec* self, std::vector<double> v, std::vector<double> w, double ratio) {
            new (self) ss::PenaltySpec{std::move(v), std::move(w), ratio};
          },
          "elementwise"_a, "groupwise"_a, "l1_ratio"_a);

  m.def("solve_path", &solve_path, "design"_a, "loss"_a, "loss_parameter"_a, "y"_a, "offset"_a.none(), "penalty"_a, "alphas"_a, "tol"_a,
        "max_iter"_a, "screening"_a, "stop_deviance"_a, "control"_a,
        "Fit every alpha (decreasing, warm-started); without alphas only alpha_max is computed.");

  bind_dag(m);
  bind_ordinal(m);

  nb::module_ t = m.def_submodule("testing", "Kernels for tests/core.");
  t.def("prox_sorted", [](Vector r, Vector w, double step) {
    std::vector<double> out(r.data(), r.data() + r.shape(0));
    ss::SortedProx prox;
    for (int warm = 0; warm < 2; ++warm) {  // the second call starts from the first one's order
      out.assign(r.data(), r.data() + r.shape(0));
      prox(out.data(), out.size(), w.data(), step);
    }
    const size_t k = out.size();
    return give(std::move(out), {k});
  });
  t.def(
      "prox_weighted_sorted",
      [](Vector rho, Vector k, Vector l, nb::object start) {
        std::vector<double> out(rho.shape(0));
        ss::WeightedSortedProx prox;
        if (!start.is_none()) prox(nb::cast<Vector>(start).data(), k.data(), l.data(), out.size(), out.data());
        prox(rho.data(), k.data(), l.data(), out.size(), out.data());
        const size_t m = out.size();
        return give(std::move(out), {m});
      },
      "rho"_a, "k"_a, "l"_a, "start"_a = nb::none());
  t.def("sorted_dual_norm", [](std::vector<double> z, Vector w) { return ss::sorted_dual_norm(z, w.data()); });
  t.def("cumsum_select", [](std::vector<double> excess) { return ss::cumsum_select(excess); });
  t.def("dot", [](Vector x, Vector y) { return ss::dot(x.data(), y.data(), x.shape(0)); });
  t.def("dot32", [](Flat<float> x, Vector y) { return ss::dot(x.data(), y.data(), x.shape(0)); });
  t.def("cholesky_solve", [](nb::ndarray<const double, nb::ndim<2>, nb::c_contig> A, Vector b) {
    const Index k = A.shape(0);
    std::vector<double> L(A.data(), A.data() + k * k), x(b.data(), b.data() + k);
    std::vector<char> pinned;
    const Index count = ss::cholesky(L.data(), k, k, 1e-12, pinned);
    ss::cholesky_solve(L.data(), k, k, pinned, x.data());
    return nb::make_tuple(give(std::move(x), {static_cast<size_t>(k)}), count);
  });
  t.def("symmetric_times", [](nb::ndarray<const double, nb::ndim<2>, nb::c_contig> S, Vector x) {
    std::vector<double> y(x.shape(0));
    ss::symmetric_times(S.data(), S.shape(0), S.shape(1), x.data(), y.data());
    const size_t k = y.size();
    return give(std::move(y), {k});
  });
  t.def("gram_rows", [](nb::ndarray<const double, nb::ndim<2>, nb::c_contig> A) {
    const Index m = A.shape(0), k = A.shape(1);
    std::vector<double> C(m * m, 0.0);
    ss::gram_rows(A.data(), m, k, k, C.data(), m);
    return give(std::move(C), {static_cast<size_t>(m), static_cast<size_t>(m)});
  });
}
