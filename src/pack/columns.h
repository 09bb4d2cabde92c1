// The order of the columns of a panel: which lane of which vector computes which output channel.
//
// Layer: pack. Kernels narrow four vectors of int32 to bytes within 128-bit lanes, and put the 16
// bytes of each lane in order at last, by a table. The vectors are those of one pixel or of several
// (kernels::kQuadRows). So a column can be in any vector of its panel, but must stay in its lane:
// lane L holds columns 4 * vectors * L on, 4 * vectors of them. Where its lanes of int32 have input
// of their own, a column may have to stay in one of them, or in a pair.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qconv::pack {

inline constexpr int kLaneColumns = 4;  // of a vector
inline constexpr int kLaneBytes = 16;

// The natural order: column of lane `lane` of vector `vector`. Four columns of each vector in
// turns: input that is interleaved by unpacking (slide.h, lanes.h) comes like this.
constexpr int ColumnInPanel(int vectors, int vector, int lane) {
  return kLaneColumns * vectors * (lane / kLaneColumns) + kLaneColumns * vector +
         lane % kLaneColumns;
}

// Columns by position, vector * lanes + lane: the natural order.
std::vector<uint8_t> NaturalColumns(int vectors, int lanes);

// The columns of least cost in the first vector, and so on; costs[column]. They stay within `share`
// neighbouring lanes: 1, 2 or 4.
std::vector<uint8_t> ColumnsByCost(int vectors, int lanes, std::span<const int> costs,
                                   int share = kLaneColumns);

// What puts bytes in order, for columns by position: [128-bit lane][byte] of the output, pixel
// after pixel: which byte of the lane it is before.
std::vector<uint8_t> ByteOrder(int vectors, int lanes, std::span<const uint8_t> columns);

}  // namespace qconv::pack
