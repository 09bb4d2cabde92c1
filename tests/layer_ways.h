// How the panels of a packed layer are requantized, in the words of panel_numbers.h.
//
// For tests that ask whether their layers exercise all of it.
#pragma once

#include <set>
#include <string>

#include "pack/packed_layer.h"

namespace qconv::test {

inline std::set<std::string> WaysOf(const pack::PackedLayer& layer, const pack::Panel& panel) {
  if (!panel.epilogue.in_registers)
    return {layer.needs_row_terms ? "with row terms" : "step by step"};
  if (!layer.kernels->fuses) return {"in registers"};
  std::set<std::string> ways;
  for (int v = 0; v < layer.kernels->shapes[panel.shape].vectors; ++v) {
    const int count = panel.epilogue.exception_counts[v];
    ways.insert(count == kernels::kNotFused ? "in registers"
                : count == 0                ? "single step"
                                            : "exceptions");
  }
  return ways;
}

inline std::set<std::string> WaysOf(const pack::PackedLayer& layer) {
  std::set<std::string> ways;
  for (const pack::Panel& panel : layer.panels) ways.merge(WaysOf(layer, panel));
  return ways;
}

// All that there are; row terms are for dense layers.
inline std::set<std::string> AllWays(const kernels::KernelTable& table, bool with_row_terms) {
  std::set<std::string> ways = {"step by step", "in registers"};
  if (with_row_terms) ways.insert("with row terms");
  if (table.fuses) ways.insert({"single step", "exceptions"});
  return ways;
}

}  // namespace qconv::test
