#include "panel_numbers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <set>

#include "pack/integers.h"

namespace qconv::test {

void PrintTo(Way way, std::ostream* out) {
  constexpr const char* kNames[] = {"step by step", "with row terms", "in registers",
                                    "single step",  "exceptions",     "mixed"};
  *out << kNames[static_cast<int>(way)];
}

bool InRegisters(Way way) { return way != Way::kStepByStep && way != Way::kWithRowTerms; }

std::vector<Way> Ways(const kernels::KernelTable& table, bool with_row_terms) {
  std::vector<Way> ways;
  for (const Way way : {Way::kStepByStep, Way::kWithRowTerms, Way::kInRegisters, Way::kSingleStep,
                        Way::kExceptions, Way::kMixed}) {
    if (way == Way::kWithRowTerms && !with_row_terms) continue;
    if (way > Way::kInRegisters && !table.fuses) continue;
    ways.push_back(way);
  }
  return ways;
}

PanelNumbers::PanelNumbers(const kernels::KernelTable& table, const PanelOrder& order, Way way,
                           const Sums& sums, std::mt19937& random)
    : order_(order),
      fuses_(table.fuses),
      way_(way),
      sums_(sums),
      clamps_({.zero_point = Draw(random, 0, 255),
               .lower = Draw(random, 0, 50),
               .upper = Draw(random, 200, 255)}),
      columns_(static_cast<size_t>(order.vectors() * order.lanes())) {
  for (int64_t r = 0; r < sums.rows; ++r) row_terms_.push_back(Draw(random, -5000, 5000));
  for (int column = 0; column < sums.columns; ++column) {
    PanelColumn& c = columns_[static_cast<size_t>(column)];
    c.offset = Draw(random, -100000, 100000);
    if (InRegisters(way)) continue;
    Drawer(column, random).DrawAny(c);
    if (way == Way::kWithRowTerms) c.weight_zero_point = Draw(random, -20, 20);
    if (fuses_) c.base = static_cast<int32_t>(random());
  }
  for (int v = 0; v < kernels::kMaxVectors; ++v) {
    const int count = DrawCount(random);
    exception_counts_[v] = static_cast<int8_t>(count);
    if (InRegisters(way) && v < order_.vectors()) DrawVector(v, count, random);
  }
  PutInOrder(offsets_, [](const PanelColumn& c) {
    return static_cast<int32_t>(static_cast<uint32_t>(c.base) + static_cast<uint32_t>(c.offset));
  });
  PutInOrder(bases_, [](const PanelColumn& c) { return c.base; });
  PutInOrder(slopes_, [](const PanelColumn& c) { return c.slope; });
  PutInOrder(intercepts_, [](const PanelColumn& c) { return c.intercept; });
  PutInOrder(bias_, [](const PanelColumn& c) { return c.bias; });
  PutInOrder(multipliers_, [](const PanelColumn& c) { return c.multiplier; });
  PutInOrder(weight_zero_points_, [](const PanelColumn& c) { return c.weight_zero_point; });
  std::vector<int32_t> exceptions[kernels::kMaxExceptions];
  for (int i = 0; i < kernels::kMaxExceptions; ++i) {
    PutInOrder(exceptions[i], [i](const PanelColumn& c) { return c.exceptions[i]; });
  }
  for (int v = 0; v < order_.vectors(); ++v) {
    for (const std::vector<int32_t>& of_columns : exceptions) {
      const auto begin = of_columns.begin() + v * order_.lanes();
      exceptions_.insert(exceptions_.end(), begin, begin + order_.lanes());
    }
  }
}

template <class T, class Number>
void PanelNumbers::PutInOrder(std::vector<T>& ordered, const Number& number) const {
  for (int v = 0; v < order_.vectors(); ++v) {
    for (int lane = 0; lane < order_.lanes(); ++lane) {
      ordered.push_back(number(columns_[static_cast<size_t>(order_.Column(v, lane))]));
    }
  }
}

int64_t PanelNumbers::Accumulator(int64_t row, int column) const {
  return sums_.At(row, column) + columns_[static_cast<size_t>(column)].offset;
}

ColumnDrawer PanelNumbers::Drawer(int column, std::mt19937& random) const {
  std::vector<int64_t> accumulators;
  for (int64_t row = 0; row < sums_.rows; ++row) accumulators.push_back(Accumulator(row, column));
  return ColumnDrawer(clamps_, std::move(accumulators), random);
}

// The exceptions of a vector, or what kernels that know none must not look at.
int PanelNumbers::DrawCount(std::mt19937& random) const {
  if (fuses_ && way_ == Way::kInRegisters) return kernels::kNotFused;
  if (way_ == Way::kSingleStep) return 0;
  const int fewest = way_ == Way::kExceptions ? 1 : kernels::kNotFused;
  return Draw(random, fewest, kernels::kMaxExceptions);
}

// Where there are exceptions, accumulators of one column hit them, seldom those of another.
void PanelNumbers::DrawVector(int vector, int exceptions, std::mt19937& random) {
  std::vector<int> valid;
  for (int lane = 0; lane < order_.lanes(); ++lane) {
    const int column = order_.Column(vector, lane);
    if (column < sums_.columns) valid.push_back(column);
  }
  if (valid.empty()) return;
  const int hit = valid[random() % valid.size()];
  for (const int column : valid) {
    PanelColumn& c = columns_[static_cast<size_t>(column)];
    ColumnDrawer drawer = Drawer(column, random);
    if (!fuses_ || exceptions == kernels::kNotFused) {
      drawer.DrawSteps(/*with_base=*/fuses_, c);
    } else if (exceptions == 0) {
      drawer.DrawSingleStep(c);
    } else {
      drawer.DrawWithExceptions(exceptions, column == hit || Draw(random, 0, 15) == 0, c);
    }
  }
}

kernels::PanelEpilogue PanelNumbers::Epilogue() const {
  kernels::PanelEpilogue epilogue = {
      .offsets = offsets_.data(),
      .slopes = slopes_.data(),
      .intercepts = intercepts_.data(),
      .exceptions = exceptions_.data(),
      .exception_counts = {},
      .in_registers = InRegisters(way_),
      .byte_order = order_.bytes(),
      .bases = bases_.data(),
      .bias = bias_.data(),
      .multipliers = multipliers_.data(),
      .weight_zero_points = weight_zero_points_.data(),
      .row_terms = way_ == Way::kWithRowTerms ? row_terms_.data() : nullptr,
      .output_zero_point = static_cast<int16_t>(clamps_.zero_point),
      .lower = static_cast<uint8_t>(clamps_.lower),
      .upper = static_cast<uint8_t>(clamps_.upper)};
  std::copy_n(exception_counts_, kernels::kMaxVectors, epilogue.exception_counts);
  return epilogue;
}

uint8_t PanelNumbers::Expected(int64_t row, int column) const {
  const PanelColumn& c = columns_[static_cast<size_t>(column)];
  int64_t raw = Accumulator(row, column);
  if (c.takes_single_step) {
    return SingleStep(static_cast<int32_t>(c.base + raw), c.slope, c.intercept, clamps_);
  }
  if (way_ == Way::kWithRowTerms) {
    raw -= int64_t{c.weight_zero_point} * row_terms_[static_cast<size_t>(row)];
  }
  return StepByStep(raw, c.bias, c.multiplier, clamps_);
}

pack::AlignedVector<std::byte> LayOutQuads(const kernels::KernelTable& table,
                                           const PanelOrder& order, int64_t groups,
                                           const QuadByte& byte) {
  const bool widened = table.weight_format == kernels::WeightFormat::kS16EvenOdd;
  const int halves = widened ? 2 : 1;  // even bytes, then odd ones
  pack::AlignedVector<std::byte> bytes;
  for (int64_t group = 0; group < groups; ++group) {
    for (int v = 0; v < order.vectors(); ++v) {
      for (int half = 0; half < halves; ++half) {
        for (int lane = 0; lane < table.lanes; ++lane) {
          const int column = order.Column(v, lane);
          for (int i = half; i < kernels::kDepthGroup; i += halves) {
            const int16_t value = byte(group, column, i);
            bytes.push_back(static_cast<std::byte>(value & 0xff));
            if (widened) bytes.push_back(static_cast<std::byte>(value >> 8 & 0xff));
          }
        }
      }
    }
  }
  return bytes;
}

std::vector<kernels::RowRuns> RunsOfEvenTiles(const kernels::PanelShape& shape, int64_t step) {
  std::vector<kernels::RowRuns> all;
  for (int64_t count = shape.rows; count <= 2 * shape.even_rows + 1; ++count) {
    for (const int64_t first : {int64_t{1}, count - 1, count}) {
      all.push_back({.first = first, .count = count, .step = step});
    }
  }
  return all;
}

std::vector<int64_t> InputsOf(const kernels::RowRuns& runs, int64_t rows) {
  constexpr int64_t kBetweenRuns = 5;
  std::vector<int64_t> inputs;
  int64_t input = 0, end = runs.first;
  for (int64_t row = 0; row < rows; ++row, input += runs.step) {
    if (row == end) {
      input += kBetweenRuns;
      end += runs.count;
    }
    inputs.push_back(input);
  }
  return inputs;
}

namespace {

// With the outputs of rows `pitch` >= task.columns bytes apart.
void CheckKernelAt(int64_t pitch, kernels::PanelKernel kernel, kernels::PanelTask task,
                   const std::vector<int64_t>& inputs, const PanelNumbers& numbers) {
  SCOPED_TRACE(testing::Message() << "rows of output " << pitch << " bytes apart");
  constexpr int64_t kMargin = 1;  // nobody's bytes before and after
  constexpr uint8_t kUntouched = 77;
  std::vector<kernels::Row> rows;
  for (const int64_t input : inputs) {
    rows.push_back({input, static_cast<int64_t>(rows.size()) * pitch});
  }
  const auto outputs = static_cast<int64_t>(rows.size()) * std::max(task.sharing, 1);
  std::vector<uint8_t> output(static_cast<size_t>(outputs * pitch + 2 * kMargin), kUntouched);
  task.output = output.data() + kMargin;
  task.rows = rows.data();
  task.row_count = static_cast<int64_t>(rows.size());
  task.share_output_step = task.row_count * pitch;
  kernel(task);
  for (int64_t i = 0; i < static_cast<int64_t>(output.size()); ++i) {
    const int64_t at = i - kMargin, row = at / pitch, column = at % pitch;
    const bool valid = at >= 0 && row < outputs && column < task.columns;
    const uint8_t want = valid ? numbers.Expected(row, static_cast<int>(column)) : kUntouched;
    ASSERT_EQ(+output[static_cast<size_t>(i)], +want) << "row " << row << ", column " << column;
  }
}

}  // namespace

void CheckKernel(kernels::PanelKernel kernel, const kernels::PanelTask& task,
                 const std::vector<int64_t>& inputs, const PanelNumbers& numbers) {
  // Far apart; touching, as several may be stored at once; and as whole vectors would touch.
  constexpr int64_t kWhole = 16;
  const std::set<int64_t> pitches = {kernels::kMaxColumns + 2, task.columns,
                                     pack::RoundUp(int64_t{task.columns}, kWhole)};
  for (const int64_t pitch : pitches) {
    CheckKernelAt(pitch, kernel, task, inputs, numbers);
  }
}

}  // namespace qconv::test
