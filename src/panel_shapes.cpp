#include "panel_shapes.h"

#include <algorithm>

#include "pack/integers.h"

namespace qconv {

std::vector<int> ChoosePanels(const kernels::KernelTable& table, int64_t channels,
                              int most_vectors) {
  const int widest = std::min(table.shape_count, most_vectors) - 1;
  const kernels::PanelShape& wide = table.shapes[widest];
  std::vector<int> panels(static_cast<size_t>(channels / wide.columns), widest);
  // The rest is less than one wide panel: the narrowest shape that holds it does not waste a
  // vector.
  const int64_t rest = channels % wide.columns;
  if (rest > 0) panels.push_back(static_cast<int>(pack::CeilDiv(rest, table.lanes)) - 1);
  return panels;
}

std::vector<int> ChooseLanePanels(const kernels::KernelTable& table, int64_t channels,
                                  int64_t most_vectors) {
  std::vector<int> panels;
  int64_t vectors = pack::CeilDiv(channels, table.lanes);
  for (int shape = table.shape_count - 1; vectors > 0; --shape) {
    if (table.shapes[shape].lanes.multiply == nullptr) continue;
    const int width = table.shapes[shape].vectors;
    if (width > most_vectors && shape > 0) continue;
    panels.insert(panels.end(), static_cast<size_t>(vectors / width), shape);
    vectors %= width;
  }
  return panels;
}

}  // namespace qconv
