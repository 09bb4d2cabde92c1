// ChoosePanels: how the output channels of a layer are cut into panels. A pure function.
//
// Layer: middle end. Read next: layer.h.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"

namespace qconv {

// Cuts `channels` output channels (>= 1) into panels of at most `most_vectors`, widest first;
// returns indices into table.shapes. All but the last panel are full.
std::vector<int> ChoosePanels(const kernels::KernelTable& table, int64_t channels,
                              int most_vectors = kernels::kMaxVectors);

// The same for lane layers: shapes that have lane kernels only, of at most `most_vectors` (but one
// at least), and of those the ones that waste the fewest vectors.
std::vector<int> ChooseLanePanels(const kernels::KernelTable& table, int64_t channels,
                                  int64_t most_vectors);

}  // namespace qconv
