// Paths on some rows of dense columns and the linear predictors they give others: a fold of a cross-validation in one piece.
// The rows that are fitted are copied, for a solver reads columns from end to end; the memory goes from fold to fold, since
// fresh pages for each would take longer than the copy.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>

#include "path.hpp"

namespace ss {

struct RowNumbers {  // 0, ..., n - 1, in any order and repeated at will
  const std::int64_t* at;
  Index count;
};

struct FoldOutput {
  PathOutput path;
  std::vector<double> eta;  // rows held out x points x responses, without their offset
  bool finite = true;
};

class Folds {
 public:
  virtual ~Folds() = default;
  virtual FoldOutput fit(RowNumbers train, RowNumbers test, const Loss& loss, const PenaltySpec& penalty,
                         const std::vector<double>& alphas, const PathOptions& options, Watch& watch) = 0;
};

template <class T>
class DenseFolds final : public Folds {
 public:
  // y and offset (or none) hold the responses one after the other.
  DenseFolds(const T* X, Index n, Index p, const double* y, const double* offset, DesignOptions options)
      : X_(X), n_(n), p_(p), y_(y), offset_(offset), options_(std::move(options)) {}

  FoldOutput fit(RowNumbers train, RowNumbers test, const Loss& loss, const PenaltySpec& penalty,
                 const std::vector<double>& alphas, const PathOptions& options, Watch& watch) override {
    const Index K = options_.responses;
    Memory memory = borrow((train.count + test.count) * p_);
    T *fitted = memory.values.get(), *held_out = fitted + train.count * p_;
    for (Index j = 0; j < p_; ++j) {
      take(X_ + j * n_, train, fitted + j * train.count);
      take(X_ + j * n_, test, held_out + j * test.count);
    }
    std::vector<double> y(train.count * K), offset(offset_ ? train.count * K : 0);
    for (Index k = 0; k < K; ++k) {
      take(y_ + k * n_, train, y.data() + k * train.count);
      if (offset_) take(offset_ + k * n_, train, offset.data() + k * train.count);
    }
    FoldOutput out;
    {
      const Dense<T> columns(fitted, train.count, p_, train.count);
      const Design design(columns, std::vector<double>(train.count, 1.0).data(), options_);
      out.path = solve_path(design, loss, penalty, y.data(), offset_ ? offset.data() : nullptr, alphas, options, watch);
    }
    predict(held_out, test.count, out);
    give_back(std::move(memory));
    return out;
  }

 private:
  struct Memory {
    std::unique_ptr<T[]> values;
    Index size = 0;
  };
  Memory borrow(Index size) {
    Memory memory;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!spare_.empty()) {
        memory = std::move(spare_.back());
        spare_.pop_back();
      }
    }
    if (memory.size < size) memory = {std::make_unique_for_overwrite<T[]>(size), size};
    return memory;
  }
  void give_back(Memory memory) {
    const std::lock_guard<std::mutex> lock(mutex_);
    spare_.push_back(std::move(memory));
  }
  template <class V>
  static void take(const V* from, RowNumbers rows, V* to) {
    for (Index i = 0; i < rows.count; ++i) to[i] = from[rows.at[i]];
  }
  void predict(const T* X, Index rows, FoldOutput& out) const {
    const Index K = options_.responses, points = static_cast<Index>(out.path.points.size());
    out.eta.resize(rows * points * K);
    std::vector<double> eta(rows);
    for (Index t = 0; t < points * K; ++t) {
      std::fill(eta.begin(), eta.end(), out.path.intercepts[t]);
      combine(p_, out.path.coefs.data() + t * p_, [&](Index j) { return X + j * rows; }, eta.data(), rows);
      for (Index i = 0; i < rows; ++i) {
        out.eta[i * points * K + t] = eta[i];
        out.finite &= std::isfinite(eta[i]);
      }
    }
    for (const PathPoint& point : out.path.points) out.finite &= std::isfinite(point.objective);
  }

  const T* X_;
  Index n_, p_;
  const double *y_, *offset_;
  DesignOptions options_;
  std::mutex mutex_;
  std::vector<Memory> spare_;
};

}  // namespace ss
