// Spatial: one to three integers, one per spatial dimension, outermost first ([d][h][w]).
//
// Layer: public API. Knows nothing but the standard library. Read next: conv.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

namespace qconv {

// Kernel sizes, strides, dilations, paddings and image sizes share this type. Its rank is the
// number of entries: {k} for 1D, {kh, kw} for 2D, {kd, kh, kw} for 3D. Empty means "not given". A
// list of more than kMaxRank entries keeps its true rank(), so that validation can name it, but
// only the first kMaxRank values.
class Spatial {
 public:
  static constexpr int kMaxRank = 3;

  constexpr Spatial() = default;
  constexpr Spatial(std::initializer_list<int64_t> values)  // NOLINT: {3, 3} reads as a Spatial
      : Spatial(std::span<const int64_t>(values.begin(), values.size())) {}
  constexpr explicit Spatial(std::span<const int64_t> values)
      : rank_(static_cast<int>(values.size())) {
    for (size_t i = 0; i < values.size() && i < values_.size(); ++i) values_[i] = values[i];
  }

  // `rank` copies of `value`.
  static constexpr Spatial Filled(int rank, int64_t value) {
    Spatial spatial;
    spatial.rank_ = rank;
    for (int i = 0; i < rank && i < kMaxRank; ++i) spatial[i] = value;
    return spatial;
  }

  constexpr int rank() const { return rank_; }
  constexpr bool empty() const { return rank_ == 0; }
  constexpr int64_t operator[](int i) const { return values_[static_cast<size_t>(i)]; }
  constexpr int64_t& operator[](int i) { return values_[static_cast<size_t>(i)]; }
  constexpr const int64_t* begin() const { return values_.data(); }
  constexpr const int64_t* end() const {
    return values_.data() + (rank_ < kMaxRank ? rank_ : kMaxRank);
  }

  friend constexpr bool operator==(const Spatial&, const Spatial&) = default;

 private:
  std::array<int64_t, kMaxRank> values_{};
  int rank_ = 0;
};

}  // namespace qconv
