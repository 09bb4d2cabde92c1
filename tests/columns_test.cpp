// The order of columns in a panel: where columns may be, and what puts their bytes in order.
#include "pack/columns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "kernels/kernel_table.h"

namespace qconv {
namespace {

using pack::kLaneBytes;
using pack::kLaneColumns;

constexpr int kLanes = 16;

// Each column once, none outside its `share` lanes.
void CheckColumns(int vectors, const std::vector<uint8_t>& columns, int share = kLaneColumns) {
  std::vector<int> times(static_cast<size_t>(vectors * kLanes));
  for (int vector = 0; vector < vectors; ++vector) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const int column = columns[static_cast<size_t>(vector * kLanes + lane)];
      EXPECT_EQ(column / (share * vectors), lane / share);
      ++times[static_cast<size_t>(column)];
    }
  }
  EXPECT_EQ(times, std::vector<int>(times.size(), 1));
}

TEST(ColumnOrder, Natural) {
  for (int vectors = 1; vectors <= 4; ++vectors) {
    const std::vector<uint8_t> columns = pack::NaturalColumns(vectors, kLanes);
    CheckColumns(vectors, columns);
    for (int vector = 0; vector < vectors; ++vector) {
      for (int lane = 0; lane < kLanes; ++lane) {
        EXPECT_EQ(columns[static_cast<size_t>(vector * kLanes + lane)],
                  pack::ColumnInPanel(vectors, vector, lane));
      }
    }
  }
}

// Of the columns that share lanes none costs less than one of a vector before.
TEST(ColumnOrder, ByCost) {
  std::mt19937 random(1);
  for (int round = 0; round < 100; ++round) {
    const int vectors = 1 + round % 4, share = 1 << round / 4 % 3;
    std::vector<int> costs(static_cast<size_t>(vectors * kLanes));
    for (int& cost : costs) cost = static_cast<int>(random() % 4);
    const std::vector<uint8_t> columns = pack::ColumnsByCost(vectors, kLanes, costs, share);
    CheckColumns(vectors, columns, share);
    for (int lane = 0; lane < kLanes; lane += share) {
      int before = 0;
      for (int vector = 0; vector < vectors; ++vector) {
        int most = 0;
        for (int i = 0; i < share; ++i) {
          const int cost = costs[columns[static_cast<size_t>(vector * kLanes + lane + i)]];
          EXPECT_GE(cost, before);
          most = std::max(most, cost);
        }
        before = most;
      }
    }
  }
}

// Follows each byte through the narrowing: vectors 0 and 1 of a quad to int16 in turns, vectors 2
// and 3 behind them.
TEST(ColumnOrder, PutsBytesInOrder) {
  std::mt19937 random(1);
  for (int vectors = 1; vectors <= 4; ++vectors) {
    std::vector<int> costs(static_cast<size_t>(vectors * kLanes));
    for (int round = 0; round < 10; ++round) {
      const std::vector<uint8_t> in_panel =
          pack::ColumnsByCost(vectors, kLanes, costs, 1 << round % 3);
      for (int& cost : costs) cost = static_cast<int>(random() % 100);
      const std::vector<uint8_t> order = pack::ByteOrder(vectors, kLanes, in_panel);
      for (int at = 0; at < kLanes / kLaneColumns * kLaneBytes; ++at) {
        const int lane = at / kLaneBytes * kLaneColumns, byte = at % kLaneBytes;
        const int of_row = byte % (vectors * kLaneColumns), row = byte / (vectors * kLaneColumns);
        if (row >= kernels::kQuadRows[vectors - 1]) continue;  // nobody's
        const int from = order[static_cast<size_t>(at)];
        const int in_quad = from / 8 * 2 + from % 2, in_lane = from % 8 / 2;
        EXPECT_EQ(in_quad / vectors, row);
        const int position = in_quad % vectors * kLanes + lane + in_lane;
        EXPECT_EQ(in_panel[static_cast<size_t>(position)], lane * vectors + of_row);
      }
    }
  }
}

}  // namespace
}  // namespace qconv
