// Images so low that a first layer takes less time if it skips the kernel rows in the padding.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include "pack/strips.h"
#include "panel_columns.h"
#include "plan.h"

namespace qconv {
namespace {

// What PrefersRuns needs to know of a layer of three channels.
pack::PackedLayer Layer(int64_t kernel, int64_t stride, int64_t dilation, int64_t padding) {
  pack::PackedLayer layer;
  layer.geometry = {.rank = 2,
                    .in_channels = 3,
                    .out_channels = 32,
                    .groups = 1,
                    .kernel = {1, kernel, 3},
                    .stride = {1, stride, 1},
                    .dilation = {1, dilation, 1},
                    .padding = {0, padding, 1},
                    .padding_end = {0, padding, 1}};
  layer.strips = pack::MakeStripLayout(layer.geometry);
  return layer;
}

int64_t OutputRows(const pack::Geometry& g, int64_t height) {
  return (height + 2 * g.padding[1] - g.dilation[1] * (g.kernel[1] - 1) - 1) / g.stride[1] + 1;
}

bool Prefers(const pack::PackedLayer& layer, int64_t height) {
  return PrefersRuns(layer, {1, height, 50}, {1, OutputRows(layer.geometry, height), 50});
}

TEST(LowImage, IsOneOfFewKernelRows) {
  EXPECT_TRUE(Prefers(Layer(7, 1, 1, 3), 1));
  EXPECT_TRUE(Prefers(Layer(7, 1, 1, 3), 4));
  EXPECT_FALSE(Prefers(Layer(7, 1, 1, 3), 40));
  EXPECT_FALSE(Prefers(Layer(7, 1, 1, 0), 7));  // no padding: nothing to skip
  EXPECT_TRUE(Prefers(Layer(3, 1, 9, 9), 12));
  EXPECT_FALSE(Prefers(Layer(3, 1, 9, 9), 120));
}

// The kernel rows inside the image, counted one by one.
TEST(LowImage, TakesFewerDepthGroupsRowByRow) {
  std::mt19937 random(1);
  int preferred = 0, others = 0;
  for (int i = 0; i < 3000; ++i) {
    const int64_t kernel = test::Draw(random, 2, 11), stride = test::Draw(random, 1, 4);
    const int64_t dilation = test::Draw(random, 1, 4), padding = test::Draw(random, 0, 20);
    const int64_t reach = dilation * (kernel - 1) + 1;
    const int64_t height = test::Draw(random, 1, 60);
    if (height + 2 * padding < reach) continue;
    const pack::PackedLayer layer = Layer(kernel, stride, dilation, padding);
    const int64_t rows = OutputRows(layer.geometry, height);
    int64_t inside = 0;
    for (int64_t y = 0; y < rows; ++y) {
      for (int64_t tap = 0; tap < kernel; ++tap) {
        const int64_t row = y * stride - padding + tap * dilation;
        if (row >= 0 && row < height) ++inside;
      }
    }
    constexpr int64_t kGroupsOfRow = 3;  // of nine bytes
    const bool fewer = inside * kGroupsOfRow < rows * layer.strips.DepthGroups();
    EXPECT_EQ(Prefers(layer, height), fewer)
        << "kernel " << kernel << ", stride " << stride << ", dilation " << dilation << ", padding "
        << padding << ", height " << height;
    ++(fewer ? preferred : others);
  }
  EXPECT_GT(preferred, 300);
  EXPECT_GT(others, 300);
}

}  // namespace
}  // namespace qconv
