// K linear predictors over one design, as a solver sees them: vectors of length n K, one block of n for each response,
// and a copy of every coordinate in each block. A coordinate acts in its own block alone, so nothing is stored K times:
// products go to the design block by block.
//
//   atom          a K + k is atom a of the design in block k; the copies of an atom stand together, so that a group of the
//                 design holds all of them. Without groups every copy is a group of its own.
//   free part     column k q + l is free column l of the design in block k
//   weights       K w_i, so that (1 / nK) sum over all entries is (1 / n) sum over rows of the sum over responses
#pragma once
#include "design.hpp"

namespace ss {

class Predictors {
 public:
  explicit Predictors(const Design& design) : d_(design), K_(design.responses()) {
    atom_.reserve(size());
    for (Index u = 0; u < atoms(); ++u) atom_.insert(atom_.end(), atom_size(u), u);
    if (d_.grouped())
      for (Index j = 0; j < size(); ++j) group_.push_back(d_.group_of(j / K_));
    if (K_ == 1) return;
    weights_.reserve(n());
    for (Index k = 0; k < K_; ++k)
      for (double w : d_.weights()) weights_.push_back(K_ * w);
  }

  const Design& design() const { return d_; }
  Index responses() const { return K_; }
  Index rows() const { return d_.n(); }
  Index n() const { return d_.n() * K_; }
  Index p() const { return d_.p(); }
  Index q() const { return d_.q() * K_; }
  Index size() const { return d_.size() * K_; }
  Index atoms() const { return d_.atoms() * K_; }
  Index start(Index u) const { return d_.start(u / K_) * K_ + (u % K_) * d_.atom_size(u / K_); }
  Index atom_size(Index u) const { return d_.atom_size(u / K_); }
  Index block(Index u) const { return u % K_; }
  Index atom_of(Index coordinate) const { return atom_[coordinate]; }
  Index groups() const { return d_.grouped() ? d_.groups() : size(); }
  Index group_of(Index coordinate) const { return group_.empty() ? coordinate : group_[coordinate]; }
  Index group_rank(Index g) const { return d_.grouped() ? d_.group_rank(g) * K_ : 1; }
  double length(Index coordinate) const {
    const Index u = atom_of(coordinate);
    return d_.length(d_.start(u / K_) + coordinate - start(u));
  }
  const std::vector<double>& weights() const { return K_ == 1 ? d_.weights() : weights_; }

  // out = X~_U' r for the atoms listed, coordinates packed in their order.
  void tdot(const Index* us, Index m, const double* r, double* out) const {
    if (K_ == 1) return d_.tdot(us, m, r, out);
    by_block(us, m, [&](Index k, const Part& part) {
      std::vector<double> packed(part.coordinates);
      d_.tdot(part.atoms.data(), static_cast<Index>(part.atoms.size()), r + k * rows(), packed.data());
      Index at = 0;
      for (size_t t = 0; t < part.atoms.size(); ++t)
        for (Index j = 0; j < d_.atom_size(part.atoms[t]); ++j) out[part.place[t] + j] = packed[at++];
    });
  }
  // The same for all atoms.
  void tdot_all(const double* r, double* out) const {
    if (K_ == 1) return d_.tdot_all(r, out);
    std::vector<Index> everyone(atoms());
    std::iota(everyone.begin(), everyone.end(), Index{0});
    tdot(everyone.data(), atoms(), r, out);
  }
  // eta += X~_U c
  void axpy_atoms(const Index* us, Index m, const double* c, double* eta) const {
    if (K_ == 1) return d_.axpy_atoms(us, m, c, eta);
    by_block(us, m, [&](Index k, const Part& part) {
      std::vector<double> packed;
      packed.reserve(part.coordinates);
      for (size_t t = 0; t < part.atoms.size(); ++t)
        packed.insert(packed.end(), c + part.place[t], c + part.place[t] + d_.atom_size(part.atoms[t]));
      d_.axpy_atoms(part.atoms.data(), static_cast<Index>(part.atoms.size()), packed.data(), eta + k * rows());
    });
  }
  // The coordinates of an atom inside its block, as dense columns of length rows().
  void columns(Index u, double* out) const { d_.columns(u / K_, out); }

  // A free column inside its block.
  const double* free_column(Index f) const { return d_.free_column(f % d_.q()); }
  Index free_block(Index f) const { return f / d_.q(); }
  void free_dots(const double* r, double* out) const {  // out = Q'r
    for (Index f = 0; f < q(); ++f) out[f] = dot(free_column(f), r + free_block(f) * rows(), rows());
  }
  void free_axpy(double t, const double* gamma, double* eta) const {  // eta += t Q gamma
    for (Index f = 0; f < q(); ++f) axpy(t * gamma[f], free_column(f), eta + free_block(f) * rows(), rows());
  }
  void project(double* v) const {
    for (Index k = 0; k < K_; ++k) d_.project(v + k * rows());
  }

  // Coefficients on the data's own scale: beta (K x p, row-major) and K intercepts. Adding one number to all K of a row that
  // no penalty covers changes no probability: such rows (all of them when `unpenalised`) are given sum 0.
  void to_data_scale(const double* c, const double* gamma, bool unpenalised, double* beta, double* intercepts) const {
    if (K_ == 1) {
      intercepts[0] = d_.to_data_scale(c, gamma, beta);
      return;
    }
    std::vector<double> own(d_.size());
    for (Index k = 0; k < K_; ++k) {
      for (Index a = 0; a < d_.atoms(); ++a)
        std::copy_n(c + start(a * K_ + k), d_.atom_size(a), own.data() + d_.start(a));
      intercepts[k] = d_.to_data_scale(own.data(), gamma + k * d_.q(), beta + k * p());
    }
    centre(intercepts, 1);
    for (Index j = 0; j < p(); ++j)
      if (unpenalised || d_.is_free(j)) centre(beta + j, p());
  }

 private:
  struct Part {
    std::vector<Index> atoms, place;  // atoms of the design, and where their coordinates stand among those packed
    Index coordinates = 0;
  };
  // Atoms a few columns at a time, block by block: the columns are still in cache when the next block wants them.
  template <class Work>
  void by_block(const Index* us, Index m, Work work) const {
    const Index columns = std::max<Index>(8, CACHED / std::max<Index>(rows(), 1)) * K_;
    std::vector<Part> parts(K_);
    Index place = 0;
    for (Index t = 0; t < m;) {
      for (Part& part : parts) part = Part{};
      for (Index seen = 0; t < m && seen < columns; ++t) {
        Part& part = parts[block(us[t])];
        const Index size = atom_size(us[t]);
        part.atoms.push_back(us[t] / K_);
        part.place.push_back(place);
        part.coordinates += size;
        place += size;
        seen += size;
      }
      for (Index k = 0; k < K_; ++k)
        if (parts[k].coordinates > 0) work(k, parts[k]);
    }
  }
  void centre(double* values, Index stride) const {
    double mean = 0;
    for (Index k = 0; k < K_; ++k) mean += values[k * stride] / K_;
    for (Index k = 0; k < K_; ++k) values[k * stride] -= mean;
  }

  static constexpr Index CACHED = 16384;  // entries of X to stay with between blocks
  const Design& d_;
  Index K_;
  std::vector<double> weights_;
  std::vector<Index> atom_, group_;  // of every coordinate: asked for at every alpha, and divisions are slow
};

// Lower triangle of the Hessian over columns that each live in one block: `columns` (a x n row-major, overwritten) and
// `block` name them, h (K blocks) is the loss's curvature times the weights. A row of several predictors has the Hessian
// diag(h_i) - h_i h_i' / sum(h_i).
inline void weighted_gram(std::vector<double>& columns, const std::vector<Index>& block, const std::vector<double>& h,
                          Index n, double* H, Index ld) {
  const Index a = static_cast<Index>(block.size()), K = static_cast<Index>(h.size()) / std::max<Index>(n, 1);
  std::vector<double> root(h.size());
  for (size_t i = 0; i < h.size(); ++i) root[i] = std::sqrt(h[i]);
  const auto scale = [&](double* x, const double* by) {
    for (Index i = 0; i < n; ++i) x[i] *= by[i];
  };
  if (K == 1) {
    for (Index r = 0; r < a; ++r) scale(columns.data() + r * n, root.data());
    gram_rows(columns.data(), a, n, n, H, ld);
    return;
  }
  std::vector<double> total(n, 0.0);
  for (Index k = 0; k < K; ++k) axpy(1.0, h.data() + k * n, total.data(), n);
  for (Index i = 0; i < n; ++i) total[i] = total[i] > 0 ? 1 / std::sqrt(total[i]) : 0.0;
  // The blocks' own parts first, while the columns are still sqrt(h_k) x; then what couples all of them.
  std::vector<double> own;
  std::vector<std::vector<Index>> members(K);
  for (Index r = 0; r < a; ++r) {
    scale(columns.data() + r * n, root.data() + block[r] * n);
    members[block[r]].push_back(r);
  }
  std::vector<std::vector<double>> parts(K);
  for (Index k = 0; k < K; ++k) {
    const Index size = static_cast<Index>(members[k].size());
    own.resize(size * n);
    for (Index r = 0; r < size; ++r) std::copy_n(columns.data() + members[k][r] * n, n, own.data() + r * n);
    parts[k].assign(size * size, 0.0);
    gram_rows(own.data(), size, n, n, parts[k].data(), size);
  }
  for (Index r = 0; r < a; ++r) {
    scale(columns.data() + r * n, root.data() + block[r] * n);
    scale(columns.data() + r * n, total.data());
  }
  gram_rows(columns.data(), a, n, n, H, ld);
  for (Index r = 0; r < a; ++r)
    for (Index s = 0; s <= r; ++s) H[r * ld + s] = -H[r * ld + s];
  for (Index k = 0; k < K; ++k)
    for (size_t r = 0; r < members[k].size(); ++r)
      for (size_t s = 0; s <= r; ++s) H[members[k][r] * ld + members[k][s]] += parts[k][r * members[k].size() + s];
}

}  // namespace ss
