// What a proximal Newton method asks of the design: linear predictors, gradients, and the step of a quadratic model.
// ordinal_columns.hpp answers by the Hessian over a working set of columns, ordinal_rows.hpp through the rows.
#pragma once
#include <functional>
#include <vector>

#include "ordinal_features.hpp"
#include "ordinal_order.hpp"

namespace ss {

// The difference psi_jk of a feature j in use; `at` is its place j m + k in vectors over all features.
struct Coordinate {
  Index used, boundary, at;
};

// The data of a model, shared by the rooms of its solver. Feature p is the column of ones.
struct OrdinalDesign {
  Features& X;
  const Family& family;
  const std::vector<double>& offset;  // in class order, or empty
  const std::vector<double>& weight;  // of the penalty: 0 frees a coordinate, infinity leaves it out
  const Index n = X.n, p = X.p, m = family.boundaries;
};

class OrdinalStep {
 public:
  virtual ~OrdinalStep() = default;
  // Features with a wanted coordinate, in the order in which theirs are to come; only those are in use from here on.
  virtual const std::vector<Index>& use(const std::vector<char>& wanted) = 0;
  // Coordinates of the features in use, `free` of them without a penalty and first, may be put in another order.
  virtual void arrange(std::vector<Coordinate>&, Index) {}

  virtual void predictors(const std::vector<double>& psi, bool with_offset, std::vector<double>& eta) = 0;
  // Gradient in the differences of the features in use, with what the rows out of order push.
  virtual void gradient(const std::vector<double>& slope, const OrderRows& order, std::vector<double>& out) = 0;
  // Slopes that a coordinate not in use would need: all others have them already.
  virtual void complete(const std::vector<double>& slope, const OrderRows& order, std::vector<double>& out) = 0;
  // eta_k - eta_{k-1} at single rows.
  virtual std::vector<double> gaps(const std::vector<OrderRows::Row>& rows, const std::vector<double>& psi) = 0;
  // Calls found(row, k, gap) where boundaries k - 1 and k are closer than `least`.
  using Found = std::function<void(Index, Index, double)>;
  virtual void gaps_below(const std::vector<double>& psi, double least, const Found& found) = 0;

  // Whether there is a model that serves at this ridge, be it of an earlier point.
  virtual bool ready(double ridge) const = 0;
  virtual void forget() = 0;
  // A new model at the point whose weights these are.
  virtual void reset(const std::vector<double>& curvature) = 0;
  // Makes the model one in these coordinates; `ridge` multiplies the penalty's weights.
  virtual void prepare(const std::vector<Coordinate>& coordinates, Index free, double ridge, OrderRows& order) = 0;
  // The step d of  g'd + d'(H + ridge) d / 2 + sum weight |z + d|,  where weight and ridge are of the penalised alone.
  virtual void solve(const std::vector<double>& g, const std::vector<double>& weight, const std::vector<double>& ridge,
                     const std::vector<double>& z, std::vector<double>& d) = 0;
  // Nanoseconds, roughly, of another step with the model at hand and of making it anew.
  virtual double step_cost() const = 0;
  virtual double model_cost() const = 0;
};

}  // namespace ss
