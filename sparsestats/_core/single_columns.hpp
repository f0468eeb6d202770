// Columns of the design that have been in a working set, centred and scaled, in single precision: first-order steps are
// bound by the memory they read, and rounding a design to 24 bits moves the gap by far less than 1e-7 of the loss.
#pragma once
#include <memory>
#include <vector>

#include "predictors.hpp"

namespace ss {

class SingleColumns {
 public:
  explicit SingleColumns(const Predictors& design) : d_(design), at_(design.atoms()) {}

  // Whether a working set of so many coordinates has copies: of dense columns, for memory of at most 16 MB.
  bool serves(Index coordinates) const {
    return d_.responses() == 1 && d_.design().dense() && coordinates * d_.n() <= LIMIT;
  }
  // One column for each coordinate of the atoms listed, valid until the next call.
  std::vector<const float*> gather(const std::vector<Index>& atoms) {
    Index wanted = 0, missing = 0;
    for (Index a : atoms) {
      wanted += d_.atom_size(a);
      missing += at_[a] ? 0 : d_.atom_size(a);
    }
    if (used_ + missing > wanted + wanted / 8 + 64) {  // columns that have left
      std::vector<std::unique_ptr<float[]>> kept(at_.size());
      for (Index a : atoms) kept[a].swap(at_[a]);
      at_.swap(kept);
      used_ = wanted - missing;
    }
    const Index n = d_.n();
    std::vector<const float*> columns;
    columns.reserve(wanted);
    for (Index a : atoms) {
      const Index size = d_.atom_size(a) * n;
      if (!at_[a]) {
        at_[a] = std::make_unique_for_overwrite<float[]>(size);
        wide_.resize(size);
        d_.columns(a, wide_.data());
        std::copy_n(wide_.data(), size, at_[a].get());
        used_ += d_.atom_size(a);
      }
      for (Index i = 0; i < size; i += n) columns.push_back(at_[a].get() + i);
    }
    return columns;
  }

 private:
  static constexpr Index LIMIT = Index{1} << 22;
  const Predictors& d_;
  std::vector<std::unique_ptr<float[]>> at_;  // by atom
  std::vector<double> wide_;
  Index used_ = 0;  // columns held
};

}  // namespace ss
