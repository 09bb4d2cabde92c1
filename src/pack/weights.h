// Weights into panels.
//
// Layer: pack. The layout is drawn in packed_layer.h. Read next: fold.h.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pack/columns.h"
#include "pack/packed_layer.h"

namespace qconv::pack {

// Of an output channel. `zero_points`: none, one or one per output channel.
inline int32_t WeightZeroPoint(std::span<const int32_t> zero_points, int64_t out) {
  if (zero_points.empty()) return 0;
  return zero_points[zero_points.size() == 1 ? 0 : static_cast<size_t>(out)];
}

// Reads the weight that column `column` of a panel applies to input byte `byte` of tap `tap` (an
// index into layer.tap_grid, raster order): zero where there is none. Less its zero point where
// that is folded, so that it may be beyond s8. In kLanes layers taps GridTaps() on are those of the
// second output that shares positions, and so on.
class WeightReader {
 public:
  // `zero_points`: none, one or one per output channel.
  WeightReader(const PackedLayer& layer, std::span<const int8_t> weights,
               std::span<const int32_t> zero_points)
      : layer_(layer),
        weights_(weights),
        zero_points_(zero_points),
        folds_zero_points_(layer.FoldsZeroPoints() && !zero_points.empty()),
        kernel_taps_(layer.geometry.Taps()),
        row_taps_(kernel_taps_ / layer.GridTaps()),
        group_inputs_(layer.geometry.GroupInputs()),
        group_outputs_(layer.geometry.GroupOutputs()) {}
  int32_t Get(const Panel& panel, int column, int64_t tap, int64_t byte) const;

 private:
  int32_t GetLane(int64_t out, int64_t tap, int64_t byte) const;
  // Weight `at` of output channel `out`.
  int32_t At(int64_t out, int64_t at) const;

  const PackedLayer& layer_;
  std::span<const int8_t> weights_;  // [out][kernel...][in / groups]
  std::span<const int32_t> zero_points_;
  bool folds_zero_points_;
  // Divisions that would take most of the time of packing.
  int64_t kernel_taps_;
  int64_t row_taps_;  // taps of the kernel in one of the panel; not kLanes
  int64_t group_inputs_, group_outputs_;
};

// How many parts the weights of a layer take (PackedLayer::weight_parts); needs its feed and
// kernels.
int64_t CountWeightParts(std::span<const int8_t> weights, std::span<const int32_t> zero_points,
                         const PackedLayer& layer);

// Fills layer.weights; panels and groups must be set.
void PackWeights(std::span<const int8_t> weights, std::span<const int32_t> zero_points,
                 PackedLayer& layer);

}  // namespace qconv::pack
