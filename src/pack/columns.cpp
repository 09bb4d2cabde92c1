#include "pack/columns.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "kernels/kernel_table.h"

namespace qconv::pack {

std::vector<uint8_t> NaturalColumns(int vectors, int lanes) {
  return ColumnsByCost(vectors, lanes, std::vector<int>(static_cast<size_t>(vectors * lanes)));
}

std::vector<uint8_t> ColumnsByCost(int vectors, int lanes, std::span<const int> costs, int share) {
  std::vector<uint8_t> columns(static_cast<size_t>(vectors * lanes));
  const int count = share * vectors;
  std::vector<uint8_t> sorted(static_cast<size_t>(count));
  for (int first_lane = 0; first_lane < lanes; first_lane += share) {
    std::iota(sorted.begin(), sorted.end(), static_cast<uint8_t>(first_lane * vectors));
    std::sort(sorted.begin(), sorted.end(), [costs](uint8_t a, uint8_t b) {
      return std::pair(costs[a], a) < std::pair(costs[b], b);
    });
    for (int i = 0; i < count; ++i) {
      const int position = i / share * lanes + first_lane + i % share;
      columns[static_cast<size_t>(position)] = sorted[static_cast<size_t>(i)];
    }
  }
  return columns;
}

std::vector<uint8_t> ByteOrder(int vectors, int lanes, std::span<const uint8_t> columns) {
  const int count = kLaneColumns * vectors;
  std::vector<uint8_t> order(static_cast<size_t>(lanes * kLaneBytes / kLaneColumns));
  for (int lane = 0; lane < lanes; ++lane) {
    for (int vector = 0; vector < vectors; ++vector) {
      const int column = columns[static_cast<size_t>(vector * lanes + lane)];
      for (int row = 0; row < kernels::kQuadRows[vectors - 1]; ++row) {
        // Vectors of a quad are joined two by two, int16 by int16 in turns.
        const int in_quad = row * vectors + vector;
        const int before = in_quad / 2 * 8 + lane % kLaneColumns * 2 + in_quad % 2;
        const int after = row * count + column % count;
        order[static_cast<size_t>(lane / kLaneColumns * kLaneBytes + after)] =
            static_cast<uint8_t>(before);
      }
    }
  }
  return order;
}

}  // namespace qconv::pack
