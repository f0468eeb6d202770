// The Hessian of an ordinal likelihood at one point, as weighted products of features. Rows are in class order and each
// class touches few boundaries, so the work is the same for any number of classes; features that join later are added to
// the products at the same point.
#pragma once
#include <vector>

#include "ordinal_families.hpp"
#include "weighted_gram.hpp"

namespace ss {

class OrdinalHessian {
 public:
  OrdinalHessian(const Family& family, Index features)
      : family_(family), m_(family.boundaries), place_(features, -1), same_(m_), less_(m_) {}

  bool ready() const { return ready_; }
  const std::vector<Index>& features() const { return features_; }
  Index place(Index feature) const { return place_[feature]; }

  // Starts again at the point whose weights these are.
  void reset(const std::vector<double>& weight) {
    for (Index j : features_) place_[j] = -1;
    features_.clear(), columns_.clear();
    weight_ = weight;
    ready_ = true;
  }
  void forget() { reset({}), ready_ = false; }

  // Makes sure of the products of these features.
  void cover(const std::vector<Index>& features, const std::vector<const double*>& columns) {
    const Index from = static_cast<Index>(features_.size());
    for (size_t u = 0; u < features.size(); ++u)
      if (place_[features[u]] < 0) {
        place_[features[u]] = static_cast<Index>(features_.size());
        features_.push_back(features[u]), columns_.push_back(columns[u]);
      }
    const Index q = static_cast<Index>(features_.size());
    if (q == from) return;
    const std::vector<Piece>& pieces = family_.pieces();
    if (!pieces.empty() && pieces.front().block == Block::kPair) {
      pair_.resize(m_ * m_);
      std::vector<WeightedRows> targets;
      for (const Piece& piece : pieces) {
        FeatureMatrix& to = pair_[piece.t * m_ + piece.u];
        to.grow(from, q);
        targets.push_back({weight_.data() + piece.at, &to});
      }
      gram_.add(columns_, from, pieces.front().begin, pieces.front().end, targets);
      return;
    }
    shared_.grow(0, q);
    for (Index k = 0; k < m_; ++k) same_[k].grow(from, q), less_[k].grow(from, q);
    // What moves the boundaries up to t together belongs to every pair at or below t: from the top, a running sum.
    for (Index t = m_; t >= 0; --t) {
      next_.grow(0, q);
      for (size_t a = 0; a < pieces.size();) {
        std::vector<WeightedRows> targets;
        const Index begin = pieces[a].begin, end = pieces[a].end;
        for (; a < pieces.size() && pieces[a].begin == begin && pieces[a].end == end; ++a) {
          const Piece& piece = pieces[a];
          FeatureMatrix* to = piece.block == Block::kUpTo    ? (piece.t == t - 1 ? &next_ : nullptr)
                              : piece.t != t                 ? nullptr
                              : piece.block == Block::kEdge  ? &less_[t]
                                                             : &same_[t];
          if (to != nullptr) targets.push_back({weight_.data() + piece.at, to});
        }
        if (!targets.empty()) gram_.add(columns_, from, begin, end, targets);
      }
      for (Index u = from; u < q; ++u) {
        if (t < m_) {
          axpy(1.0, shared_.row(u), same_[t].row(u), u + 1);
          axpy(1.0, shared_.row(u), less_[t].row(u), u + 1);
        }
        axpy(1.0, next_.row(u), shared_.row(u), u + 1);
      }
    }
  }

  // Products of the pair of boundaries with feature place u, for places up to u.
  const double* products(Index k, Index l, Index u) const {
    const Index low = std::min(k, l), high = std::max(k, l);
    if (!pair_.empty()) return pair_[low * m_ + high].row(u);
    return (low == high ? same_[low] : less_[high]).row(u);
  }

 private:
  const Family& family_;
  Index m_;
  bool ready_ = false;
  std::vector<double> weight_;
  std::vector<Index> place_, features_;
  std::vector<const double*> columns_;
  std::vector<FeatureMatrix> same_, less_, pair_;
  FeatureMatrix shared_, next_;
  WeightedGram gram_;
};

}  // namespace ss
