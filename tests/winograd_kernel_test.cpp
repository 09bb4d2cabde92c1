// Winograd kernels: the multiplication of tiles by panels over all shapes, counts of tiles, chunks,
// pairs and columns, in all ways to requantize.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "dispatch/registry.h"
#include "kernels/kernel_table.h"
#include "testing.h"
#include "winograd_problem.h"

namespace qconv {
namespace {

using kernels::KernelTable;
using kernels::PanelShape;

class WinogradKernel : public testing::TestWithParam<std::string> {
 protected:
  // Of every shape of the table.
  template <class SizesOf>
  void ForEachSize(const SizesOf& sizes_of) {
    const KernelTable& table = dispatch::SelectKernels(GetParam());
    uint32_t seed = 1;
    for (int i = 0; i < table.shape_count; ++i) {
      const PanelShape& shape = table.shapes[i];
      EXPECT_EQ(shape.transformed.multiply[kernels::kWinograd] != nullptr,
                table.transforms[kernels::kWinograd] != nullptr &&
                    shape.vectors <= kernels::kTransformedVectors);
      if (shape.transformed.multiply[kernels::kWinograd] == nullptr) continue;
      for (const test::WinogradSize& size : sizes_of(table, shape)) {
        SCOPED_TRACE(testing::Message() << shape.vectors << " vectors, "
                                        << testing::PrintToString(size) << ", seed " << seed);
        test::WinogradProblem(table, shape, size, seed++).Check();
        if (HasFailure()) return;
      }
    }
  }
};

constexpr int kMostTiles = 33;  // more than Run takes, three register tiles of the tallest

TEST_P(WinogradKernel, Tiles) {
  ForEachSize([](const KernelTable& table, const PanelShape& shape) {
    std::vector<test::WinogradSize> sizes;
    for (int tiles = 1; tiles <= kMostTiles; ++tiles) {
      for (const test::WinogradValues values :
           {test::WinogradValues::kSmall, test::WinogradValues::kEnds}) {
        const int chunks = tiles < 10 ? 1 + tiles % 3 : 1;
        sizes.push_back({tiles, shape.columns - tiles % 2, chunks, 0, table.lanes, values});
      }
    }
    return sizes;
  });
}

TEST_P(WinogradKernel, ColumnsAndPairs) {
  ForEachSize([](const KernelTable& table, const PanelShape& shape) {
    std::vector<test::WinogradSize> sizes;
    for (int columns = 1; columns <= shape.columns; ++columns) {
      for (int turn = 0; turn < 4; ++turn) {
        const int pairs = 1 + (2 * columns + turn) % table.lanes;
        const int begin = columns % (2 * (table.lanes - pairs) + 1);
        sizes.push_back(
            {1 + columns % 7, columns, 1 + turn / 2, begin, pairs, test::WinogradValues::kSmall});
      }
    }
    return sizes;
  });
}

TEST_P(WinogradKernel, Parts) {
  ForEachSize([](const KernelTable& table, const PanelShape& shape) {
    std::vector<test::WinogradSize> sizes;
    for (int chunks = 2; chunks <= 7; ++chunks) {
      for (int part = 1; part <= chunks; ++part) {
        for (const test::WinogradValues values :
             {test::WinogradValues::kSmall, test::WinogradValues::kEnds}) {
          const int pairs = part % 2 == 0 ? table.lanes : 2 + chunks % 3;
          sizes.push_back(
              {chunks + part, shape.columns - part % 3, chunks, 0, pairs, values, part});
        }
      }
    }
    return sizes;
  });
}

// Planes of several chunks, of whose last one not all channels are multiplied; parts that begin and
// end anywhere in a plane.
TEST_P(WinogradKernel, KernelPlanes) {
  ForEachSize([](const KernelTable& table, const PanelShape& shape) {
    std::vector<test::WinogradSize> sizes;
    for (int planes = 1; planes <= 3; ++planes) {
      for (int plane_chunks = 2; plane_chunks <= 4; ++plane_chunks) {
        const int chunks = planes * plane_chunks;
        for (int part = 1; part <= chunks; ++part) {
          const int pairs = 1 + (7 * chunks + part) % table.lanes;
          const int begin = 2 * (table.lanes - pairs);
          const auto values =
              part % 2 == 0 ? test::WinogradValues::kSmall : test::WinogradValues::kEnds;
          sizes.push_back({1 + part, shape.columns - part % 3, chunks, begin, pairs, values, part,
                           plane_chunks});
        }
      }
    }
    return sizes;
  });
}

TEST_P(WinogradKernel, SumsThatWrap) {
  constexpr int kChannels = 576;
  static_assert(int64_t{kChannels} * 5 * 510 * 36 * (test::WinogradProblem::kWrappingWeight - 9) >
                std::numeric_limits<int32_t>::max());
  ForEachSize(
      [](const KernelTable& table, const PanelShape& shape) -> std::vector<test::WinogradSize> {
        const int chunks = kChannels / (2 * table.lanes);
        return {{3, shape.columns, chunks, 0, table.lanes, test::WinogradValues::kWrapping},
                {4, shape.columns, chunks, 0, table.lanes, test::WinogradValues::kWrapping}};
      });
}

INSTANTIATE_TEST_SUITE_P(Isa, WinogradKernel, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
