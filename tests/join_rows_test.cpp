// Rows joined by the kernels of every ISA: every number of rows, every distance of pixels, and no
// byte read or written further than a kernel may.
#include <gtest/gtest.h>

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "dispatch/registry.h"
#include "guarded.h"
#include "testing.h"

namespace qconv {
namespace {

using kernels::JoinTask;
using kernels::kJoinBytes;
using test::Edge;
using test::Guarded;

class JoinRowsTest : public ::testing::TestWithParam<std::string> {
 protected:
  // Byte i of the output is that of row i % step / part, or 0 if there is no such row.
  void CheckJoined(int rows, int64_t part, int64_t step) const {
    SCOPED_TRACE(testing::Message() << rows << " rows, " << part << " bytes every " << step);
    const int64_t period = kJoinBytes / step * step;
    for (const int64_t bytes : {int64_t{1}, period - 1, period, period + 1, 3 * period}) {
      if (bytes == 0) continue;
      const int64_t last = (bytes - 1) / period * period;
      const auto room = static_cast<size_t>(last + kJoinBytes);
      std::vector<uint8_t> masks(static_cast<size_t>(rows * kJoinBytes));
      for (int64_t i = 0; i < kJoinBytes; ++i) {
        const int64_t row = i % step / part;
        if (row < rows) masks[static_cast<size_t>(row * kJoinBytes + i)] = 255;
      }
      std::list<Guarded<uint8_t>> inputs;
      JoinTask task = {};
      for (int row = 0; row < rows; ++row) {
        std::vector<uint8_t> values(room);
        for (size_t i = 0; i < room; ++i) values[i] = Value(row, static_cast<int64_t>(i));
        inputs.emplace_back(values, row % 2 == 0 ? Edge::kBack : Edge::kFront);
        task.rows[row] = inputs.back().span().data();
      }
      const Guarded<uint8_t> output(std::vector<uint8_t>(room), Edge::kBack);
      task.count = rows;
      task.masks = masks.data();
      task.period = period;
      task.bytes = bytes;
      task.output = output.span().data();
      table_.join_rows(task);
      for (int64_t i = 0; i < bytes; ++i) {
        const int64_t row = i % step / part;
        ASSERT_EQ(output.span()[static_cast<size_t>(i)],
                  row < rows ? Value(static_cast<int>(row), i) : 0)
            << "byte " << i << " of " << bytes;
      }
    }
  }

 private:
  static uint8_t Value(int row, int64_t byte) {
    return static_cast<uint8_t>(1 + (byte * 7 + row * 61) % 255);
  }

  const kernels::KernelTable& table_ = dispatch::SelectKernels(GetParam());
};

TEST_P(JoinRowsTest, TakesEachByteFromItsRow) {
  for (const int64_t step : {1, 3, 6, 7, 10, 31, 33, 64}) {
    for (const int64_t part : {1, 2}) {
      for (int rows = 1; rows * part <= kernels::kDepthGroup; ++rows) {
        CheckJoined(rows, part, step);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, JoinRowsTest, ::testing::ValuesIn(test::UsableIsas()),
                         [](const auto& test_info) { return test_info.param; });

}  // namespace
}  // namespace qconv
