// PanelNumbers: what tests of panel kernels need beside input and weights, dense or lanes.
//
// By the formulas in kernels/kernel_table.h and pack/packed_layer.h, in plain loops: shares no code
// with what it checks but the order of columns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "kernels/kernel_table.h"
#include "pack/packed_layer.h"

namespace qconv::test {

// low..high, both included.
int Draw(std::mt19937& random, int low, int high);

// The numbers of a panel's epilogue, drawn, in both orders.
class PanelNumbers {
 public:
  PanelNumbers(const kernels::KernelTable& table, const kernels::PanelShape& shape, int64_t rows,
               bool general, std::mt19937& random);

  // Refers to this object.
  kernels::PanelEpilogue Epilogue() const;

  // What a kernel must make of an accumulator that began with zero.
  uint8_t Expected(int64_t sum, int64_t row, int column) const;

 private:
  static constexpr int16_t kZeroPoint = 100;
  static constexpr uint8_t kLower = 30;

  bool general_;
  uint8_t upper_;
  std::vector<int32_t> offsets_, zero_points_, row_terms_;
  std::vector<float> bias_, multipliers_;
  std::vector<int32_t> ordered_offsets_, ordered_zero_points_;
  std::vector<float> ordered_bias_, ordered_multipliers_;
};

// Byte `i` of depth group `group` of a column.
using QuadByte = std::function<int16_t(int64_t group, int column, int i)>;

// Depth groups as weights and spread input lie in memory.
pack::AlignedVector<std::byte> LayOutQuads(const kernels::KernelTable& table, int vectors,
                                           int64_t groups, const QuadByte& byte);

// Runs a kernel on rows that begin at `inputs` of the task's input, and compares each byte of the
// output, those around the columns of each row too.
using ExpectedByte = std::function<uint8_t(int64_t row, int column)>;
void CheckKernel(kernels::PanelKernel kernel, kernels::PanelTask task,
                 const std::vector<int64_t>& inputs, const ExpectedByte& expected);

}  // namespace qconv::test
