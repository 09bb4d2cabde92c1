// Strassen tiles: every output pixel is in one tile, beside the input that it is computed from; and
// it does not matter where a piece of the tiles begins.
#include "pack/strassen_tiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "kernels/kernel_table.h"
#include "pack/packed_layer.h"
#include "validate.h"

namespace qconv {
namespace {

using pack::Dims;

void Check(const ConvParams& params, int64_t batch, const Dims& in) {
  for (const int transform : {kernels::kWidened, kernels::kStrassen, kernels::kStrassenTwice}) {
    pack::PackedLayer layer = {};
    layer.geometry = ValidateParams(params);
    layer.transform = transform;
    const Dims out = OutputSize(layer.geometry, in);
    const std::vector<uint8_t> input(
        static_cast<size_t>(batch * in[0] * in[1] * in[2] * params.in_channels));
    const pack::StrassenTiles tiles(layer, batch, in, out, input.data());
    const int64_t side = kernels::kTransforms[transform].outputs;
    const int64_t count = pack::CountTiles(layer, batch, out);
    const int64_t outputs = batch * out[0] * out[1] * out[2];
    ASSERT_EQ(count, (outputs + side - 1) / side);
    std::vector<const uint8_t*> pixels(static_cast<size_t>(count * side));
    std::vector<kernels::Row> rows(pixels.size());
    tiles.Place(0, count, 0, pixels.data(), rows.data());
    size_t at = 0;
    for (int64_t image = 0; image < batch; ++image) {
      for (int64_t z = 0; z < out[0]; ++z) {
        for (int64_t y = 0; y < out[1]; ++y) {
          for (int64_t x = 0; x < out[2]; ++x, ++at) {
            const Dims& s = layer.geometry.stride;
            const int64_t pixel =
                ((image * in[0] + z * s[0]) * in[1] + y * s[1]) * in[2] + x * s[2];
            ASSERT_EQ(pixels[at], input.data() + pixel * params.in_channels);
            ASSERT_EQ(rows[at].output, static_cast<int64_t>(at) * params.out_channels);
          }
        }
      }
    }
    for (; at < pixels.size(); ++at) {
      ASSERT_EQ(pixels[at], pixels[static_cast<size_t>(outputs - 1)]);
      ASSERT_LT(rows[at].output, 0);
    }
    for (int64_t first = 0; first < count; ++first) {
      const int64_t some = 1 + first * 7 % std::min<int64_t>(count - first, 9);
      std::vector<const uint8_t*> piece(static_cast<size_t>(some * side));
      std::vector<kernels::Row> piece_rows(piece.size());
      tiles.Place(first, some, 0, piece.data(), piece_rows.data());
      ASSERT_TRUE(std::equal(piece.begin(), piece.end(), pixels.begin() + first * side));
      ASSERT_TRUE(std::equal(piece_rows.begin(), piece_rows.end(), rows.begin() + first * side,
                             [](const auto& a, const auto& b) { return a.output == b.output; }));
    }
  }
}

TEST(StrassenTiles, EverySize) {
  const ConvParams params = {.in_channels = 12, .out_channels = 8, .kernel = {1, 1}};
  for (int64_t h = 1; h <= 6; ++h) {
    for (int64_t w = 1; w <= 9; ++w) {
      for (int64_t batch = 1; batch <= 3; ++batch) Check(params, batch, {1, h, w});
    }
  }
}

TEST(StrassenTiles, Strides) {
  for (int64_t d = 1; d <= 3; ++d) {
    for (int64_t h = 1; h <= 3; ++h) {
      for (int64_t w = 1; w <= 4; ++w) {
        const ConvParams params = {
            .in_channels = 4, .out_channels = 4, .kernel = {1, 1, 1}, .stride = {d, h, w}};
        Check(params, 2, {4, 5, 7});
        Check(params, 1, {d, h, w});
      }
    }
  }
}

}  // namespace
}  // namespace qconv
