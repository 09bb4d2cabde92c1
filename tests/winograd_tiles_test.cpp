// Winograd tiles: every output is in one tile, whose pixels are those that its taps fall on; and it
// does not matter where a piece of the tiles begins.
#include "pack/winograd_tiles.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "kernels/kernel_table.h"
#include "pack/packed_layer.h"
#include "validate.h"

namespace qconv {
namespace {

using kernels::kWinogradOutputs;
using kernels::kWinogradPositions;
using pack::Dims;

constexpr int kSide = 6, kOutputSide = 4, kKernel = 3;

struct Placed {
  std::vector<const uint8_t*> pixels;
  std::vector<kernels::Row> rows;
};

class Walk {
 public:
  Walk(const ConvParams& params, int64_t batch, const Dims& input) : batch_(batch), in_(input) {
    layer_.geometry = ValidateParams(params);
    layer_.padding.resize(static_cast<size_t>(layer_.geometry.in_channels));
    out_ = OutputSize(layer_.geometry, input);
    input_.resize(static_cast<size_t>(batch * in_[0] * in_[1] * in_[2] * params.in_channels));
  }

  void Check() const {
    const pack::WinogradTiles tiles(layer_, in_, out_, input_.data());
    const int64_t count = pack::CountTiles(layer_, batch_, out_);
    ASSERT_EQ(count, batch_ * out_[0] * CountTiles(1) * CountTiles(2));
    for (int64_t plane = 0; plane < layer_.geometry.kernel[0]; ++plane) {
      CheckPlane(tiles, count, plane);
    }
  }

 private:
  void CheckPlane(const pack::WinogradTiles& tiles, int64_t count, int64_t kernel_plane) const {
    const Placed all = Place(tiles, 0, count, kernel_plane);
    CheckOutputs(all, kernel_plane);
    for (int64_t first = 0; first < count; ++first) {
      const int64_t some = 1 + first * 7 % std::min<int64_t>(count - first, 32);
      const Placed piece = Place(tiles, first, some, kernel_plane);
      const auto pixels = all.pixels.begin() + first * kWinogradPositions;
      ASSERT_TRUE(std::equal(piece.pixels.begin(), piece.pixels.end(), pixels));
      const auto rows = all.rows.begin() + first * kWinogradOutputs;
      ASSERT_TRUE(std::equal(piece.rows.begin(), piece.rows.end(), rows,
                             [](const auto& a, const auto& b) { return a.output == b.output; }));
    }
  }

  // As many for each phase that has outputs as the first one needs.
  int64_t CountTiles(size_t i) const {
    const int64_t dilation = layer_.geometry.dilation[i];
    int64_t phases = 0, outputs = 0;
    for (int64_t output = 0; output < out_[i]; ++output) {
      if (output < dilation) ++phases;
      if (output % dilation == 0) ++outputs;
    }
    return phases * ((outputs + kOutputSide - 1) / kOutputSide);
  }

  static Placed Place(const pack::WinogradTiles& tiles, int64_t first, int64_t count,
                      int64_t kernel_plane) {
    Placed placed;
    placed.pixels.resize(static_cast<size_t>(count * kWinogradPositions));
    placed.rows.resize(static_cast<size_t>(count * kWinogradOutputs));
    tiles.Place(first, count, kernel_plane, placed.pixels.data(), placed.rows.data());
    return placed;
  }

  void CheckOutputs(const Placed& all, int64_t kernel_plane) const {
    std::vector<int> times(static_cast<size_t>(batch_ * out_[0] * out_[1] * out_[2]));
    const int64_t channels = layer_.geometry.out_channels;
    for (size_t i = 0; i < all.rows.size(); ++i) {
      const size_t tile = i / kWinogradOutputs, first = tile * kWinogradOutputs;
      const int64_t output = all.rows[i].output;
      if (output < 0) {
        // Kernels write the rest of a row of the tile no more.
        const size_t next = i + 1;
        if (next % kOutputSide != 0) {
          ASSERT_LT(all.rows[next].output, 0);
        }
        // Where outputs are neighbours no tile is beyond them.
        if (layer_.geometry.dilation == Dims{1, 1, 1}) {
          ASSERT_NE(i, first);
        }
        continue;
      }
      ASSERT_EQ(output % channels, 0);
      ASSERT_LT(output / channels, static_cast<int64_t>(times.size()));
      ++times[static_cast<size_t>(output / channels)];
      CheckTaps(all.pixels.data() + tile * kWinogradPositions, static_cast<int>(i - first),
                output / channels, kernel_plane);
    }
    ASSERT_EQ(times, std::vector<int>(times.size(), 1));
    for (const uint8_t* pixel : all.pixels) ASSERT_TRUE(IsPixel(pixel));
  }

  // Of output `index` of a tile, which is pixel `output`.
  void CheckTaps(const uint8_t* const* pixels, int index, int64_t output,
                 int64_t kernel_plane) const {
    const pack::Geometry& g = layer_.geometry;
    const int64_t plane = output / (out_[1] * out_[2]);
    const int64_t z = plane % out_[0] * g.stride[0] - g.padding[0] + kernel_plane * g.dilation[0];
    const int64_t first_plane = plane / out_[0] * in_[0];
    for (int tap = 0; tap < kKernel * kKernel; ++tap) {
      const int i = tap / kKernel, j = tap % kKernel;
      const int64_t h = output / out_[2] % out_[1] - g.padding[1] + i * g.dilation[1];
      const int64_t w = output % out_[2] - g.padding[2] + j * g.dilation[2];
      const bool inside = z >= 0 && z < in_[0] && h >= 0 && h < in_[1] && w >= 0 && w < in_[2];
      const uint8_t* expected =
          inside ? input_.data() + (((first_plane + z) * in_[1] + h) * in_[2] + w) * g.in_channels
                 : layer_.padding.data();
      ASSERT_EQ(pixels[(index / kOutputSide + i) * kSide + index % kOutputSide + j], expected)
          << "output " << output << ", tap " << tap;
    }
  }

  // Kernels read all pixels of a tile, needed or not.
  bool IsPixel(const uint8_t* pixel) const {
    const int64_t at = pixel - input_.data();
    return pixel == layer_.padding.data() || (at >= 0 && at < static_cast<int64_t>(input_.size()) &&
                                              at % layer_.geometry.in_channels == 0);
  }

  pack::PackedLayer layer_ = {};
  const int64_t batch_;
  const Dims in_;
  Dims out_;
  std::vector<uint8_t> input_;
};

void Check(const ConvParams& params, int64_t batch, const Dims& input) {
  SCOPED_TRACE(testing::Message() << "batch " << batch << ", input "
                                  << testing::PrintToString(input) << ", rank "
                                  << params.kernel.rank());
  Walk(params, batch, input).Check();
}

TEST(WinogradTiles, EverySize) {
  for (int64_t h = 1; h <= 9; ++h) {
    for (int64_t w = 1; w <= 9; ++w) {
      ConvParams params = {
          .in_channels = 3, .out_channels = 5, .kernel = {3, 3}, .padding = {1, 1}};
      Check(params, 1 + h % 3, {1, h, w});
      if (h < 3 || w < 3) continue;
      params.padding = {0, 0};
      Check(params, 1 + w % 3, {1, h, w});
    }
  }
}

TEST(WinogradTiles, Paddings) {
  for (int paddings = 0; paddings < 256; ++paddings) {
    const ConvParams params = {.in_channels = 2,
                               .out_channels = 3,
                               .kernel = {3, 3},
                               .padding = {paddings % 4, paddings / 4 % 4},
                               .padding_end = {paddings / 16 % 4, paddings / 64}};
    Check(params, 2, {1, 3, 4});
    Check(params, 1, {1, 4, 3});
  }
}

TEST(WinogradTiles, Dilations) {
  for (int64_t h = 1; h <= 5; ++h) {
    for (int64_t w = 1; w <= 5; ++w) {
      SCOPED_TRACE(testing::Message() << "dilation " << h << ", " << w);
      for (int64_t size = 1; size <= 12; ++size) {
        ConvParams params = {.in_channels = 2,
                             .out_channels = 3,
                             .kernel = {3, 3},
                             .dilation = {h, w},
                             .padding = {h, w}};
        Check(params, 2, {1, size, 13 - size});
        params.padding = {h + 1, 0};
        params.padding_end = {h, 2 * w};
        Check(params, 1, {1, size, size});
      }
    }
  }
}

TEST(WinogradTiles, Planes) {
  for (int64_t planes = 1; planes <= 4; ++planes) {
    for (int64_t batch = 1; batch <= 3; ++batch) {
      const ConvParams params = {.in_channels = 7,
                                 .out_channels = 4,
                                 .kernel = {1, 3, 3},
                                 .dilation = {3, 1, 2},
                                 .padding = {0, 1, 2}};
      Check(params, batch, {planes, 5, 6});
      for (int64_t kernel = 2; kernel <= 4; ++kernel) {
        for (int64_t stride = 1; stride <= 3; ++stride) {
          Check({.in_channels = 7,
                 .out_channels = 4,
                 .kernel = {kernel, 3, 3},
                 .stride = {stride, 1, 1},
                 .dilation = {1 + batch % 2, 1, 1},
                 .padding = {kernel, 1, 1},
                 .padding_end = {kernel, 0, 1}},
                batch, {planes, 3, 4});
        }
      }
    }
  }
}

}  // namespace
}  // namespace qconv
