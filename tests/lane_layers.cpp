#include "lane_layers.h"

#include <algorithm>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>

#include "lane_shapes.h"
#include "testing.h"

namespace qconv::test {
namespace {

using cases::Layer;

ConvParams Depthwise(int64_t channels, int64_t multiplier, const Spatial& kernel) {
  return {.in_channels = channels,
          .out_channels = channels * multiplier,
          .groups = channels,
          .kernel = kernel};
}

std::vector<Layer> Kernels() {
  std::vector<Spatial> kernels = {{1, 3}, {3, 1},  {2, 3},  {4, 3}, {5, 3}, {6, 5},
                                  {4, 7}, {1, 11}, {11, 1}, {7, 2}, {1, 61}};
  for (int64_t k = 1; k <= 11; ++k) kernels.push_back({k, k});
  Turns channels({16, 3, 33, 8, 64, 20, 2, 70}), height({7, 1, 13, 9, 6}), width({7, 1, 15});
  Turns batch({1, 1, 2});
  std::vector<Layer> layers;
  for (const Spatial& kernel : kernels) {
    for (int64_t stride = 1; stride <= 3; ++stride) {
      for (int64_t dilation = 1; dilation <= 3; ++dilation) {
        ConvParams params = Depthwise(channels.Next(), 1, kernel);
        const auto turn = static_cast<int64_t>(layers.size());
        params.stride = {stride, turn % 5 == 4 ? 3 - stride / 2 : stride};
        params.dilation = {dilation, turn % 7 == 6 ? 4 - dilation : dilation};
        layers.push_back(
            Finish(params, {.batch = batch.Next(), .size = {height.Next(), width.Next()}}, turn));
      }
    }
  }
  return layers;
}

std::vector<Layer> Channels() {
  std::vector<Layer> layers;
  for (int64_t channels = 2; channels <= 72; ++channels) {
    const int64_t count = channels == 71 ? 96 : channels == 72 ? 255 : channels;
    for (const Spatial& kernel : {Spatial{3, 3}, Spatial{5, 5}, Spatial{2, 3}, Spatial{1, 4}}) {
      ConvParams params = Depthwise(count, 1, kernel);
      if (kernel[0] == 2) params.stride = {2, 2};
      layers.push_back(Finish(params, {.size = {5, 6}}, static_cast<int64_t>(layers.size()) / 4));
    }
  }
  // Rows of a vector of 512 bits, whose stores are put together.
  for (const Spatial& kernel : {Spatial{1, 2}, Spatial{1, 5}, Spatial{1, 61}, Spatial{3, 2}}) {
    for (const Spatial& size : {Spatial{3, 7}, Spatial{2, 9}, Spatial{5, 10}, Spatial{4, 13}}) {
      layers.push_back(
          Finish(Depthwise(16, 1, kernel), {.size = size}, static_cast<int64_t>(layers.size())));
    }
  }
  return layers;
}

std::vector<Layer> Multipliers() {
  Turns size({7, 1, 9, 4, 5});
  std::vector<Layer> layers;
  for (const int64_t multiplier : {2, 3, 4, 5, 17}) {
    for (const int64_t channels : {2, 3, 5, 8, 15, 16, 17, 33, 64, 70}) {
      for (const int64_t stride : {1, 2, 3}) {
        const int64_t k = stride == 1 ? 3 : stride == 2 ? 5 : 1;
        ConvParams params = Depthwise(channels, multiplier, {k, k + 1});
        params.stride = {stride, stride};
        const auto turn = static_cast<int64_t>(layers.size());
        layers.push_back(Finish(params, {.size = {size.Next(), size.Next()}}, turn));
      }
    }
  }
  return layers;
}

std::vector<Layer> OneDimension() {
  Turns channels({16, 5, 40, 3, 65, 96}), length({50, 7, 1, 133});
  std::vector<Layer> layers;
  for (const int64_t k : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 31, 64, 75, 127, 128}) {
    for (int64_t stride = 1; stride <= 3; ++stride) {
      for (const int64_t dilation : {1, 2, 3}) {
        const auto turn = static_cast<int64_t>(layers.size());
        ConvParams params = Depthwise(channels.Next(), 1 + turn % 8 / 7, {k});
        params.stride = {stride};
        params.dilation = {dilation};
        layers.push_back(Finish(params, {.size = {length.Next()}}, turn));
      }
    }
  }
  // Taps so far apart that pixels that share them are, too.
  for (const int64_t k : {31, 32, 75}) {
    ConvParams params = Depthwise(channels.Next(), 1, {k});
    params.dilation = {16};
    layers.push_back(Finish(params, {.size = {400}}, static_cast<int64_t>(layers.size())));
  }
  return layers;
}

std::vector<Layer> ThreeDimensions() {
  Turns channels({8, 17, 3, 36}), size({5, 1, 4, 3, 6, 2, 7});
  std::vector<Layer> layers;
  for (const Spatial& kernel :
       {Spatial{1, 1, 1}, Spatial{3, 3, 3}, Spatial{2, 3, 1}, Spatial{3, 1, 2}, Spatial{2, 5, 4}}) {
    for (int64_t stride = 1; stride <= 3; ++stride) {
      for (int64_t dilation = 1; dilation <= 3; ++dilation) {
        const auto turn = static_cast<int64_t>(layers.size());
        ConvParams params = Depthwise(channels.Next(), 1 + turn % 5 / 4, kernel);
        if (turn % 4 == 3) {
          params = {.in_channels = 18, .out_channels = 18, .groups = 6, .kernel = kernel};
        }
        params.stride = {stride, 1 + turn % 3, stride};
        params.dilation = {dilation, dilation, 1 + turn % 2};
        const Spatial image = {size.Next(), size.Next(), size.Next()};
        layers.push_back(Finish(params, {.batch = 1 + turn % 2, .size = image}, turn));
      }
    }
  }
  return layers;
}

// Images of several tiles; a pixel whose spread input is beyond the scratch of a block. Twice, with
// other numbers.
std::vector<Layer> Tiles() {
  ConvParams strided = Depthwise(64, 1, {3, 3});
  strided.stride = {2, 2};
  const ConvParams groups = {.in_channels = 96, .out_channels = 96, .groups = 24, .kernel = {3, 3}};
  std::vector<Layer> layers;
  for (const int64_t turn : {0, 2}) {
    layers.push_back(Finish(Depthwise(8, 1, {9000}), {.size = {9004}}, 3));
    layers.push_back(Finish(Depthwise(67, 1, {3, 3}), {.size = {31, 33}}, turn));
    layers.push_back(Finish(Depthwise(64, 1, {5, 5}), {.size = {19, 40}}, turn));
    layers.push_back(Finish(Depthwise(9, 1, {7, 7}), {.size = {40, 31}}, turn));
    layers.push_back(Finish(strided, {.size = {41, 37}}, turn));
    layers.push_back(Finish(groups, {.size = {17, 23}}, turn));
    layers.push_back(Finish(Depthwise(48, 1, {9}), {.size = {1300}}, turn));
    layers.push_back(Finish(Depthwise(20, 1, {3, 3, 3}), {.size = {9, 10, 11}}, turn));
  }
  return layers;
}

// Kernels that slide, on images of all widths, from those that are too narrow for it; also a plane
// at a time, some of them all padding.
std::vector<Layer> Slides() {
  Turns channels({16, 3, 64, 33, 144, 8, 48, 70, 1, 24, 58, 15, 112, 2, 17, 32, 5});
  Turns width({7, 1, 12, 3, 20, 5, 9, 2, 17, 14, 4, 11, 28, 6, 19, 8, 15, 10, 13, 16, 1, 18, 2});
  Turns height({5, 1, 9, 2, 14, 3, 7, 4}), batch({1, 2, 1, 3, 1});
  std::vector<Layer> layers;
  for (const int round : {0, 1, 2}) {
    for (const Spatial& kernel : {Spatial{3, 3}, Spatial{5, 5}, Spatial{2, 3}, Spatial{1, 5, 5},
                                  Spatial{5, 5}, Spatial{3, 3}, Spatial{1, 3, 3}}) {
      const bool planes = kernel.rank() == 3;
      for (const auto& [sh, sw] :
           {std::pair{1, 1}, {2, 2}, {1, 2}, {2, 1}, {3, 2}, {3, 3}, {1, 3}}) {
        for (const auto& [dh, dw] :
             {std::pair{1, 1}, {1, 1}, {2, 2}, {1, 1}, {1, 3}, {3, 2}, {2, 1}}) {
          const auto turn = static_cast<int64_t>(layers.size());
          ConvParams params = Depthwise(channels.Next(), 1, kernel);
          const int64_t h = height.Next(), w = width.Next();
          params.stride = planes ? Spatial{1 + round % 2, sh, sw} : Spatial{sh, sw};
          params.dilation = planes ? Spatial{1, dh, dw} : Spatial{dh, dw};
          const Spatial size = planes ? Spatial{3, h, w} : Spatial{h, w};
          layers.push_back(Finish(params, {.batch = batch.Next(), .size = size}, turn));
          if (planes) layers.back().params.padding[0] = 1;
        }
      }
    }
  }
  for (int64_t turn = 0; turn < 22; ++turn) {  // each kind of numbers, twice
    for (const int64_t most : {64, 32}) {
      for (const int64_t side : {3, 5}) {
        for (const int64_t stride : {2, 3}) {
          ConvParams params = Depthwise(most - turn % 9, 1, {side, side});
          params.stride = {2, stride};
          layers.push_back(Finish(params, {.size = {4, 9}}, turn));
        }
      }
    }
  }
  for (const int64_t turn : {0, 2}) {  // rows longer than other blocks
    layers.push_back(Finish(Depthwise(40, 1, {5, 5}), {.size = {5, 130}}, turn));
    layers.push_back(Finish(Depthwise(7, 1, {3, 3}), {.size = {6, 301}}, turn));
  }
  return layers;
}

}  // namespace

Layer Finish(ConvParams params, Image image, int64_t turn) {
  const int rank = params.kernel.rank();
  if (params.stride.empty()) params.stride = Spatial::Filled(rank, 1);
  if (params.dilation.empty()) params.dilation = Spatial::Filled(rank, 1);
  params.padding = params.padding_end = Spatial::Filled(rank, 0);
  for (int i = 0; i < rank; ++i) {
    const int64_t reach = params.dilation[i] * (params.kernel[i] - 1);
    if (turn % 4 < 2) params.padding[i] = params.padding_end[i] = (reach + 1) / 2;
    if (turn % 4 == 2) {
      params.padding[i] = (reach + i) % (reach + 2);
      params.padding_end[i] = reach / 3;
    }
    const int64_t smallest = reach + 1 - params.padding[i] - params.padding_end[i];
    image.size[i] = std::max(image.size[i], smallest);
  }
  return MakeLayer(params, image);
}

void PrintTo(const LaneFamily& family, std::ostream* out) { *out << family.name; }

const std::vector<LaneFamily>& LaneFamilies() {
  static const std::vector<LaneFamily> families = {{"kernels", Kernels},
                                                   {"channels", Channels},
                                                   {"multipliers", Multipliers},
                                                   {"groups", Groups},
                                                   {"one_dimension", OneDimension},
                                                   {"three_dimensions", ThreeDimensions},
                                                   {"tiles", Tiles},
                                                   {"slides", Slides},
                                                   {"spread_groups", SpreadGroups},
                                                   {"groups_in_place", GroupsInPlace, false}};
  return families;
}

}  // namespace qconv::test
