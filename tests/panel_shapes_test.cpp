// Panels: every output channel lies in exactly one, and every column order is a permutation.
#include "panel_shapes.h"

#include <gtest/gtest.h>

#include <set>

#include "dispatch/registry.h"
#include "pack/weights.h"
#include "testing.h"

namespace qconv {
namespace {

class PanelShapes : public testing::TestWithParam<std::string> {
 protected:
  const kernels::KernelTable& table() const { return dispatch::SelectKernels(GetParam()); }
};

TEST_P(PanelShapes, PanelsHoldEveryChannelWithoutAnIdleVector) {
  for (int64_t channels = 1; channels <= 300; ++channels) {
    int64_t columns = 0;
    for (const int shape : ChoosePanels(table(), channels)) {
      ASSERT_LT(shape, table().shape_count);
      columns += table().shapes[shape].columns;
    }
    EXPECT_GE(columns, channels);
    EXPECT_LT(columns - channels, table().lanes) << channels << " channels";
  }
}

TEST_P(PanelShapes, ShapesAreConsistent) {
  for (int i = 0; i < table().shape_count; ++i) {
    const kernels::PanelShape& shape = table().shapes[i];
    EXPECT_EQ(shape.vectors, i + 1);
    EXPECT_EQ(shape.columns, shape.vectors * table().lanes);
    EXPECT_LE(shape.columns, kernels::kMaxColumns);
    EXPECT_GE(shape.rows, 1);
  }
}

TEST_P(PanelShapes, ColumnOrderIsAPermutation) {
  for (int vectors = 1; vectors <= table().shape_count; ++vectors) {
    std::set<int> columns;
    for (int v = 0; v < vectors; ++v) {
      for (int lane = 0; lane < table().lanes; ++lane) {
        columns.insert(pack::ColumnInPanel(vectors, v, lane));
      }
    }
    EXPECT_EQ(*columns.begin(), 0);
    EXPECT_EQ(*columns.rbegin(), vectors * table().lanes - 1);
    EXPECT_EQ(static_cast<int>(columns.size()), vectors * table().lanes);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, PanelShapes, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
