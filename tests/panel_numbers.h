// PanelNumbers: what tests of panel kernels need beside input and weights, dense or lanes.
//
// By the formulas in kernels/kernel_table.h and pack/packed_layer.h, in plain loops: shares no code
// with what it checks but the order of columns and bytes. Read next: panel_columns.h,
// requantization.h.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <random>
#include <vector>

#include "kernels/kernel_table.h"
#include "pack/packed_layer.h"
#include "panel_columns.h"
#include "panel_order.h"
#include "requantization.h"

namespace qconv::test {

// Ways to requantize a panel.
enum class Way {
  kStepByStep,    // any numbers
  kWithRowTerms,  // the same, and row terms
  kInRegisters,   // step by step, in registers
  kSingleStep,    // in a single step
  kExceptions,    // the same, but for a few accumulators
  kMixed,         // in registers, each vector in a way of its own
};
void PrintTo(Way way, std::ostream* out);
bool InRegisters(Way way);

// All that kernels of the table must know.
std::vector<Way> Ways(const kernels::KernelTable& table, bool with_row_terms);

// The accumulators of a test, if they began with zero.
struct Sums {
  template <class Sum>
  Sums(int64_t row_count, int column_count, const Sum& sum)
      : rows(row_count), columns(column_count) {
    for (int64_t row = 0; row < rows; ++row) {
      for (int column = 0; column < columns; ++column) values.push_back(sum(row, column));
    }
  }
  int64_t At(int64_t row, int column) const {
    return values[static_cast<size_t>(row * columns + column)];
  }

  int64_t rows;
  int columns;  // valid ones
  std::vector<int64_t> values;
};

// The numbers of a panel's epilogue, drawn.
class PanelNumbers {
 public:
  // Refers to `order` and `sums`.
  PanelNumbers(const kernels::KernelTable& table, const PanelOrder& order, Way way,
               const Sums& sums, std::mt19937& random);

  // Refers to this object.
  kernels::PanelEpilogue Epilogue() const;

  // What a kernel must make of a sum.
  uint8_t Expected(int64_t row, int column) const;

 private:
  ColumnDrawer Drawer(int column, std::mt19937& random) const;
  int DrawCount(std::mt19937& random) const;
  void DrawVector(int vector, int exceptions, std::mt19937& random);
  int64_t Accumulator(int64_t row, int column) const;
  template <class T, class Number>
  void PutInOrder(std::vector<T>& ordered, const Number& number) const;

  const PanelOrder& order_;
  const bool fuses_;
  const Way way_;
  const Sums& sums_;
  Clamps clamps_;
  std::vector<PanelColumn> columns_;
  std::vector<int32_t> row_terms_;
  int8_t exception_counts_[kernels::kMaxVectors];
  // In the panel's order.
  std::vector<int32_t> offsets_, bases_, exceptions_, weight_zero_points_;
  std::vector<float> slopes_, intercepts_, bias_, multipliers_;
};

// check(numbers) for each way, until one fails.
template <class Check>
void ForEachWay(const std::vector<Way>& ways, const kernels::KernelTable& table,
                const PanelOrder& order, const Sums& sums, std::mt19937& random,
                const Check& check) {
  for (const Way way : ways) {
    SCOPED_TRACE(testing::PrintToString(way));
    check(PanelNumbers(table, order, way, sums, random));
    if (testing::Test::HasFailure()) return;
  }
}

// Runs a kernel that writes the columns of each row of `sums` from output[at(row)] on, nothing
// where that is negative, and compares each byte of the output.
template <class At, class Run>
void CheckOutput(std::vector<uint8_t>& output, const Sums& sums, const PanelNumbers& numbers,
                 const At& at, const Run& run) {
  constexpr uint8_t kUntouched = 77;
  std::fill(output.begin(), output.end(), kUntouched);
  std::vector<uint8_t> expected = output;
  for (int64_t row = 0; row < sums.rows; ++row) {
    const int64_t begin = at(row);
    for (int c = 0; begin >= 0 && c < sums.columns; ++c) {
      expected[static_cast<size_t>(begin + c)] = numbers.Expected(row, c);
    }
  }
  run();
  ASSERT_EQ(output, expected);
}

// Byte `i` of depth group `group` of a column.
using QuadByte = std::function<int16_t(int64_t group, int column, int i)>;

// Depth groups as weights and spread input lie in memory.
pack::AlignedVector<std::byte> LayOutQuads(const kernels::KernelTable& table,
                                           const PanelOrder& order, int64_t groups,
                                           const QuadByte& byte);

// Runs about as long as the even tiles of a shape are high; none if it has no such tiles.
std::vector<kernels::RowRuns> RunsOfEvenTiles(const kernels::PanelShape& shape, int64_t step);

// Where rows begin that come in such runs, a few bytes more between one and the next.
std::vector<int64_t> InputsOf(const kernels::RowRuns& runs, int64_t rows);

// Runs a kernel on rows that begin at `inputs` of the task's input, and compares each byte of the
// output, those around the columns of each row too; with rows of output apart, and with such as
// touch.
void CheckKernel(kernels::PanelKernel kernel, const kernels::PanelTask& task,
                 const std::vector<int64_t>& inputs, const PanelNumbers& numbers);

}  // namespace qconv::test
