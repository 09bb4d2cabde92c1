// ColumnDrawer: numbers of a column of a panel, for the accumulators of a test.
//
// Such that they lead to many different bytes, and some of them to bytes that only exceptions
// explain. Read next: panel_numbers.h, for whom.
#pragma once

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "kernels/kernel_table.h"
#include "requantization.h"

namespace qconv::test {

// low..high, both included.
int Draw(std::mt19937& random, int low, int high);

// Of a column without outputs, to begin with.
struct PanelColumn {
  static constexpr int32_t kNoException = std::numeric_limits<int32_t>::min();

  int32_t offset = 0;  // without base
  int32_t base = 0;
  float slope = 0, intercept = 0;
  int32_t exceptions[kernels::kMaxExceptions] = {kNoException, kNoException};
  float bias = 0, multiplier = 0;
  int32_t weight_zero_point = 0;
  bool takes_single_step = false;  // always
};

class ColumnDrawer {
 public:
  // Accumulators without base; in registers, they and 0 are less than 2^23 apart.
  ColumnDrawer(const Clamps& clamps, std::vector<int64_t> accumulators, std::mt19937& random);

  // For steps one by one, not in registers. Numbers for registers too, which nobody must look at.
  void DrawAny(PanelColumn& column);

  // For steps one by one in registers: without base, some results far beyond s16; or with one.
  void DrawSteps(bool with_base, PanelColumn& column);

  // For a single step. Other steps lead to other bytes.
  void DrawSingleStep(PanelColumn& column);

  // For a single step with up to `count` exceptions: at least one of the accumulators is one, or
  // none is. The exceptions go up on one side of an accumulator step by step and on its other side
  // in a single step.
  void DrawWithExceptions(int count, bool hit, PanelColumn& column);

 private:
  int Draw(int low, int high) { return test::Draw(random_, low, high); }
  int64_t LeastShift() const;
  int64_t MostShift() const;
  int64_t DrawShift();
  float DrawMultiplier(int most_results, double most);
  void AimAtTie(PanelColumn& column);
  bool TryExceptions(int64_t accumulator, PanelColumn& column);
  std::vector<int32_t> Exceptions(const PanelColumn& column) const;

  const Clamps& clamps_;
  const std::vector<int64_t> accumulators_;
  std::mt19937& random_;
  int64_t least_, most_;
};

}  // namespace qconv::test
