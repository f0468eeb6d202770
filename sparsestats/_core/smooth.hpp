// The loss restricted to a working set E of atoms, as the inner solver sees it. A point is x = (c_E, gamma); its linear
// image (G c, or eta) is carried along, so values cost no product with X and extrapolated points cost no product at all.
#pragma once
#include <memory>

#include "free_part.hpp"
#include "penalties.hpp"
#include "single_columns.hpp"

namespace ss {

class Smooth {
 public:
  virtual ~Smooth() = default;
  virtual Index coordinates() const = 0;  // penalised ones, first in x
  virtual Index free() const = 0;         // carried without penalty, last in x
  virtual Index image_size() const = 0;
  virtual bool quadratic() const { return false; }  // equal to its second-order model
  virtual bool flat() const { return false; }       // linear somewhere, where that model says nothing
  virtual void image(const double* x, double* img) const = 0;
  virtual double value(const double* x, const double* img) const = 0;
  virtual void gradient(const double* x, const double* img, double* g) const = 0;
  // Image and gradient in single precision, for steps that half the digits serve, where `rounds` says that they cost less.
  virtual bool rounds() const { return false; }
  virtual void coarse_image(const double* x, double* img) const { image(x, img); }
  virtual void coarse_gradient(const double* x, const double* img, double* g) const { gradient(x, img, g); }
  // At least twice what the loss at img + dimg exceeds its tangent at img by: (curvature along dx) |dx|^2.
  virtual double curvature(const double* img, const double* dx, const double* dimg) const = 0;
  // Lower triangle of the Hessian over the coordinates listed, then all free ones; row-major, leading dimension ld.
  virtual void hessian(const double* img, const std::vector<Index>& coords, double* H, Index ld) const = 0;
  // Where the Hessian is a sum over this many rows of data: a root of it, B with H = B B', row-major in single precision, one row
  // for each of the coordinates listed and the free ones, `ld` apart. 0 where there is none.
  virtual Index root_columns() const { return 0; }
  virtual void root(const double*, const std::vector<Index>&, float*, Index) const {}
  // Multiply-adds of a proximal-gradient step, and of a Hessian over a coordinates.
  virtual double step_cost() const = 0;
  virtual double hessian_cost(double a) const = 0;
  // Fit the free coordinates exactly, the others held.
  virtual void settle(double*, double*) const {}
  // A dual value for this restricted problem at a settled point, where `gradient` was last asked for: z = -gradient over the
  // coordinates, dual_norm = J*(z).
  virtual double dual(const double* x, const double* img, double alpha, double dual_norm) const = 0;
};

// f = yy/2 - b'c + c'Gc/2 : the gaussian loss through its moments; of G, which stays the caller's, the lower triangle is read.
class Quadratic final : public Smooth {
 public:
  Quadratic(const double* G, std::vector<double> b, double yy) : G_(G), b_(std::move(b)), yy_(yy) {}
  Index coordinates() const override { return static_cast<Index>(b_.size()); }
  Index free() const override { return 0; }
  Index image_size() const override { return coordinates(); }
  bool quadratic() const override { return true; }
  void image(const double* x, double* img) const override {
    const Index m = coordinates();
    symmetric_times(G_, m, m, x, img);
  }
  double value(const double* x, const double* img) const override {
    double s = 0;
    for (size_t j = 0; j < b_.size(); ++j) s += x[j] * (0.5 * img[j] - b_[j]);
    return 0.5 * yy_ + s;
  }
  void gradient(const double*, const double* img, double* g) const override {
    for (size_t j = 0; j < b_.size(); ++j) g[j] = img[j] - b_[j];
  }
  double curvature(const double*, const double* dx, const double* dimg) const override { return dot(dx, dimg, coordinates()); }
  void hessian(const double*, const std::vector<Index>& coords, double* H, Index ld) const override {
    const Index m = coordinates();
    for (size_t i = 0; i < coords.size(); ++i)
      for (size_t j = 0; j <= i; ++j) H[i * ld + j] = G_[std::max(coords[i], coords[j]) * m + std::min(coords[i], coords[j])];
  }
  double step_cost() const override { return static_cast<double>(coordinates()) * coordinates(); }
  double hessian_cost(double) const override { return 0; }
  double dual(const double* x, const double* img, double alpha, double dual_norm) const override {
    double bx = 0, xGx = 0;
    for (size_t j = 0; j < b_.size(); ++j) bx += b_[j] * x[j], xGx += x[j] * img[j];
    const double ye = yy_ - bx, ee = std::max(0.0, yy_ - 2 * bx + xGx);
    const double s = dual_norm > alpha ? alpha / dual_norm : 1.0;
    return s * ye - 0.5 * s * s * ee;
  }

 private:
  const double* G_;
  std::vector<double> b_;
  double yy_;
};

// Any loss, through the rows: eta = offset + Q gamma + X~_E c. With `columns`, single precision copies of the coordinates'
// columns, the model is theirs.
class Rows final : public Smooth {
 public:
  Rows(const Predictors& design, std::vector<Index> atoms, const Loss& loss, const double* y, const double* offset,
       bool carry_free, std::vector<const float*> columns = {})
      : d_(design), atoms_(std::move(atoms)), loss_(loss), y_(y), offset_(offset), free_(carry_free ? d_.q() : 0),
        columns_(std::move(columns)) {
    for (Index a : atoms_) m_ += d_.atom_size(a);
    e_.resize(d_.n());
    for (size_t t = 0; t < atoms_.size(); ++t)
      for (Index j = 0; j < d_.atom_size(atoms_[t]); ++j) {
        owner_.push_back(static_cast<Index>(t));
        within_.push_back(j);
      }
  }
  Index coordinates() const override { return m_; }
  Index free() const override { return free_; }
  Index image_size() const override { return d_.n(); }
  bool quadratic() const override { return loss_.quadratic(); }
  bool flat() const override { return loss_.flat(); }
  void image(const double* x, double* img) const override {
    carried_image(x, img);
    if (columns_.empty()) return d_.axpy_atoms(atoms_.data(), static_cast<Index>(atoms_.size()), x, img);
    combine(m_, x, [&](Index j) { return columns_[j]; }, img, d_.n());
  }
  double value(const double*, const double* img) const override {
    return loss_.value(img, y_, d_.weights().data(), d_.n());
  }
  void gradient(const double*, const double* img, double* g) const override {
    dual_point(img);
    if (columns_.empty())
      d_.tdot(atoms_.data(), static_cast<Index>(atoms_.size()), e_.data(), g);
    else
      project_on(m_, [&](Index j) { return columns_[j]; }, e_.data(), d_.n(), g);
    finish_gradient(g);
  }
  // Widening the products of single columns is half of a step. Losses with a curvature multiply the rounding of a large
  // predictor by it.
  bool rounds() const override { return !columns_.empty() && loss_.quadratic(); }
  void coarse_image(const double* x, double* img) const override {
    carried_image(x, img);
    moves_.assign(x, x + m_);
    single_.resize(d_.n());
    for (Index first = 0; first < m_; first += FEW) {  // a few columns a sum, that rounding does not add up
      std::fill(single_.begin(), single_.end(), 0.0f);
      combine(std::min(FEW, m_ - first), moves_.data() + first, [&](Index j) { return columns_[first + j]; }, single_.data(), d_.n());
      add(single_.data(), img, d_.n());
    }
  }
  void coarse_gradient(const double*, const double* img, double* g) const override {
    dual_point(img);
    single_.assign(e_.begin(), e_.end());
    project_on(m_, [&](Index j) { return columns_[j]; }, single_.data(), d_.n(), g);
    finish_gradient(g);
  }
  double curvature(const double* img, const double*, const double* dimg) const override {
    return 2 * loss_.divergence(img, dimg, y_, d_.weights().data(), d_.n());
  }
  void hessian(const double* img, const std::vector<Index>& coords, double* H, Index ld) const override {
    hessian(img, coords, H, ld, false);
  }
  // Of the loss's majorant when `safe`: steps that descend from anywhere.
  void hessian(const double* img, const std::vector<Index>& coords, double* H, Index ld, bool safe) const {
    const Index count = static_cast<Index>(coords.size()) + free_;
    const std::vector<double> h = row_curvature(img, safe);
    if (d_.responses() == 1 && !d_.design().dense()) return hessian_by_products(h, coords, H, ld);
    written_.resize(count * d_.rows());
    weighted_gram(written_, gather(coords, 0, count, written_.data(), d_.rows()), h, d_.rows(), H, ld);
  }
  Index root_columns() const override { return d_.responses() == 1 ? d_.n() : 0; }
  void root(const double* img, const std::vector<Index>& coords, float* out, Index ld) const override {
    gather(coords, 0, static_cast<Index>(coords.size()) + free_, out, ld);
    const std::vector<double> h = row_curvature(img, false);
    std::vector<float> root(h.size());
    for (size_t i = 0; i < h.size(); ++i) root[i] = static_cast<float>(std::sqrt(h[i]));
    for (size_t k = 0; k < coords.size() + free_; ++k, out += ld) multiply(root.data(), out, out, d_.n());
  }
  // The second-order model at a point, for moves of few coordinates at a time: minus its gradient over coordinates
  // [at, at + size) at an image, what a change of theirs adds to the image, its curvature along a direction, and its minimum
  // over the free coordinates. Its Hessian over few coordinates is about `level` times what unit_gram gives.
  void expand(const double* img) const {
    dual_point(img);
    slope_ = row_curvature(img, false);
    level_.resize(d_.n());
    single_.resize(d_.n());
    double sum = 0, weight = 0;
    for (Index i = 0; i < d_.n(); ++i) {
      level_[i] = e_[i] + slope_[i] * img[i];
      sum += slope_[i];
      weight += d_.weights()[i] / d_.n();
    }
    mean_ = sum / weight;
  }
  double level() const { return mean_; }
  void unit_gram(Index at, Index size, double* out) const {
    std::vector<Index> coords(size);
    std::iota(coords.begin(), coords.end(), at);
    std::vector<double> columns(size * d_.n()), h(d_.weights());
    gather(coords, 0, size, columns.data(), d_.rows());
    for (double& v : h) v = std::sqrt(v / d_.n());
    for (Index k = 0; k < size; ++k) multiply(h.data(), columns.data() + k * d_.n(), columns.data() + k * d_.n(), d_.n());
    gram_rows(columns.data(), size, d_.n(), d_.n(), out, size);
    for (Index i = 0; i < size; ++i)
      for (Index j = 0; j < i; ++j) out[j * size + i] = out[i * size + j];
  }
  void force(const double* img, Index at, Index size, double* out) const {
    if (!columns_.empty()) {
      fall(level_.data(), slope_.data(), img, single_.data(), d_.n());
      return project_on(size, [&](Index j) { return columns_[at + j]; }, single_.data(), d_.n(), out);
    }
    model_residual(img);
    d_.tdot(atoms_.data() + owner_[at], owner_[at + size - 1] + 1 - owner_[at], e_.data(), out);
  }
  void shift(Index at, Index size, const double* change, double* img) const {
    if (!columns_.empty()) {
      moves_.assign(change, change + size);
      std::fill(single_.begin(), single_.end(), 0.0f);
      combine(size, moves_.data(), [&](Index j) { return columns_[at + j]; }, single_.data(), d_.n());
      return add(single_.data(), img, d_.n());
    }
    d_.axpy_atoms(atoms_.data() + owner_[at], owner_[at + size - 1] + 1 - owner_[at], change, img);
  }
  double bend(const double* dimg) const {
    double s = 0;
    for (Index i = 0; i < d_.n(); ++i) s += slope_[i] * dimg[i] * dimg[i];
    return s;
  }
  void move_free(double* gamma, double* img) const {
    for (Index k = 0; k < free_; ++k) {
      const double* q = d_.free_column(k);
      model_residual(img);
      double curvature = 0;
      for (Index i = 0; i < d_.n(); ++i) curvature += slope_[i] * q[i] * q[i];
      const double step = curvature > 0 ? dot(q, e_.data(), d_.n()) / curvature : 0.0;
      gamma[k] += step;
      axpy(step, q, img, d_.n());
    }
  }
  void settle(double* x, double* img) const override {
    if (free_ > 0) fit_free_part(d_, loss_, y_, x + m_, img);
  }
  double step_cost() const override { return 2.0 * d_.rows() * m_ + 20.0 * d_.n(); }
  double hessian_cost(double a) const override { return (d_.responses() > 1 ? 1.0 : 0.5) * a * a * d_.rows(); }
  double dual(const double*, const double*, double alpha, double dual_norm) const override {
    if (!projected_) {
      d_.project(residual_.data());
      inside_ = loss_.clip(residual_.data(), y_, d_.n()) <= ROUNDING;
      projected_ = true;
    }
    if (!inside_) return -std::numeric_limits<double>::infinity();
    const double s = dual_norm > alpha ? alpha / dual_norm : 1.0;
    std::vector<double> u(residual_);
    for (double& v : u) v *= s;
    return loss_.dual(u.data(), y_, d_.weights().data(), offset_, d_.n());
  }

 private:
  // What is in the image without the penalised coordinates.
  void carried_image(const double* x, double* img) const {
    std::copy(offset_, offset_ + d_.n(), img);
    if (free_ > 0) d_.free_axpy(1, x + m_, img);
  }
  // From products with the dual point at hand to the gradient.
  void finish_gradient(double* g) const {
    if (free_ > 0) d_.free_dots(e_.data(), g + m_);
    for (Index j = 0; j < m_ + free_; ++j) g[j] = -g[j];
  }
  void dual_point(const double* img) const {
    residual_.resize(d_.n());
    loss_.residual(img, y_, residual_.data(), d_.n());
    projected_ = false;
    e_ = residual_;
    weigh(e_.data(), d_.weights().data(), d_.n());
  }
  void model_residual(const double* img) const {
    fall(level_.data(), slope_.data(), img, e_.data(), d_.n());
  }
  std::vector<double> row_curvature(const double* img, bool safe) const {
    std::vector<double> h(d_.n());
    weighted_curvature(loss_, safe, img, y_, d_.weights().data(), h.data(), d_.n());
    return h;
  }
  // The same with a few columns written out at a time, for sparse designs: products with all before them.
  void hessian_by_products(const std::vector<double>& h, const std::vector<Index>& coords, double* H, Index ld) const {
    const Index n = d_.rows(), penalised = static_cast<Index>(coords.size()), count = penalised + free_;
    std::vector<Index> place(atoms_.size(), -1), at(penalised), listed, seen(penalised);  // where products are packed
    Index packed = 0;
    for (Index k = 0; k < penalised; ++k) {
      const Index t = owner_[coords[k]];
      if (place[t] < 0) {
        place[t] = packed;
        packed += d_.atom_size(atoms_[t]);
        listed.push_back(atoms_[t]);
      }
      at[k] = place[t] + within_[coords[k]];
      seen[k] = static_cast<Index>(listed.size());
    }
    std::vector<double> columns(TOGETHER * n), products(TOGETHER * packed);
    for (Index first = 0; first < count; first += TOGETHER) {
      const Index end = std::min(count, first + TOGETHER), atoms = penalised == 0 ? 0 : seen[std::min(end, penalised) - 1];
      gather(coords, first, end, columns.data(), n);
      for (Index k = first; k < end; ++k) multiply(h.data(), columns.data() + (k - first) * n, columns.data() + (k - first) * n, n);
      Index width = 0;
      for (Index t = 0; t < atoms; ++t) width += d_.atom_size(listed[t]);
      d_.design().tdot(listed.data(), atoms, columns.data(), products.data(), end - first);
      for (Index k = first; k < end; ++k) {
        for (Index j = 0; j <= std::min(k, penalised - 1); ++j) H[k * ld + j] = products[(k - first) * width + at[j]];
        for (Index j = penalised; j <= k; ++j) H[k * ld + j] = dot(d_.free_column(j - penalised), columns.data() + (k - first) * n, n);
      }
    }
  }
  // The columns of the coordinates listed, then the free ones: those from `first` to `end` of them, `ld` apart; returns the
  // block of each.
  template <class T>
  std::vector<Index> gather(const std::vector<Index>& coords, Index first, Index end, T* columns, Index ld) const {
    const Index n = d_.rows(), penalised = static_cast<Index>(coords.size());
    std::vector<Index> block;
    std::vector<double> unit;
    Index last = -1;
    for (Index k = first; k < std::min(end, penalised); ++k, columns += ld) {
      const Index t = owner_[coords[k]];
      if (t != last) {
        unit.resize(n * d_.atom_size(atoms_[t]));
        d_.columns(atoms_[t], unit.data());
        last = t;
      }
      std::copy_n(unit.data() + within_[coords[k]] * n, n, columns);
      block.push_back(d_.block(atoms_[t]));
    }
    for (Index k = std::max(first, penalised) - penalised; k < end - penalised; ++k, columns += ld) {
      std::copy_n(d_.free_column(k), n, columns);
      block.push_back(d_.free_block(k));
    }
    return block;
  }
  static constexpr Index FEW = 64, TOGETHER = 32;  // columns
  const Predictors& d_;
  std::vector<Index> atoms_, owner_, within_;
  const Loss& loss_;
  const double *y_, *offset_;
  Index m_ = 0, free_;
  std::vector<const float*> columns_;
  mutable double mean_ = 1;
  mutable std::vector<double> residual_;           // where the gradient was last asked for, and what became of it
  mutable bool projected_ = false, inside_ = false;
  mutable std::vector<double> e_, level_, slope_;  // of the model: residuals are level - slope * image
  mutable std::vector<float> single_, moves_;      // what a sweep or a coarse step reads and adds
  mutable std::vector<double> written_;            // columns of the last Hessian: fresh memory costs a fifth of one
};

}  // namespace ss
