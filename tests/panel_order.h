// PanelOrder: where the columns of a panel are, in tests of kernels.
//
// Read next: pack/columns.h, panel_numbers.h.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include "kernels/kernel_table.h"
#include "pack/columns.h"

namespace qconv::test {

class PanelOrder {
 public:
  // The natural order.
  PanelOrder(const kernels::KernelTable& table, int vectors)
      : PanelOrder(table, vectors, pack::NaturalColumns(vectors, table.lanes)) {}

  // Any order, for kernels to which columns are all the same, on ISAs that admit it.
  static PanelOrder Any(const kernels::KernelTable& table, int vectors, std::mt19937& random) {
    std::vector<uint8_t> columns = pack::NaturalColumns(vectors, table.lanes);
    if (table.fuses) {
      for (int lane = 0; lane < table.lanes; lane += pack::kLaneColumns)
        Shuffle(vectors, table.lanes, lane, columns, random);
    }
    return PanelOrder(table, vectors, std::move(columns));
  }

  // The same for kernels whose lanes have input of their own: on the other ISAs four neighbouring
  // columns each.
  static PanelOrder OfLanes(const kernels::KernelTable& table, int vectors, std::mt19937& random) {
    if (table.fuses) return Any(table, vectors, random);
    const std::vector<int> costs(static_cast<size_t>(vectors * table.lanes));
    return PanelOrder(table, vectors, pack::ColumnsByCost(vectors, table.lanes, costs, 1));
  }

  int vectors() const { return vectors_; }
  int lanes() const { return lanes_; }
  int Column(int vector, int lane) const {
    return columns_[static_cast<size_t>(vector * lanes_ + lane)];
  }
  // See PanelEpilogue.
  const uint8_t* bytes() const { return bytes_.data(); }

 private:
  PanelOrder(const kernels::KernelTable& table, int vectors, std::vector<uint8_t> columns)
      : vectors_(vectors),
        lanes_(table.lanes),
        columns_(std::move(columns)),
        bytes_(pack::ByteOrder(vectors, lanes_, columns_)) {}

  // Within the 128 bits of a lane, of all vectors.
  static void Shuffle(int vectors, int lanes, int first_lane, std::vector<uint8_t>& columns,
                      std::mt19937& random) {
    const auto place = [&](int i) -> uint8_t& {
      return columns[static_cast<size_t>(i / pack::kLaneColumns * lanes + first_lane +
                                         i % pack::kLaneColumns)];
    };
    for (int i = vectors * pack::kLaneColumns - 1; i > 0; --i) {
      std::swap(place(i), place(static_cast<int>(random() % static_cast<uint32_t>(i + 1))));
    }
  }

  int vectors_, lanes_;
  std::vector<uint8_t> columns_;  // by position
  std::vector<uint8_t> bytes_;
};

}  // namespace qconv::test
