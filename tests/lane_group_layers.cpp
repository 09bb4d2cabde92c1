// Lane layers with narrow groups.
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "lane_shapes.h"
#include "pack/integers.h"

namespace qconv::test {
namespace {

using cases::Layer;

ConvParams Grouped(int64_t groups, int64_t inputs, int64_t outputs, const Spatial& kernel) {
  return {.in_channels = groups * inputs,
          .out_channels = groups * outputs,
          .groups = groups,
          .kernel = kernel};
}

// Outputs for groups of so many inputs: as many, fewer, more.
std::vector<int64_t> OutputsBeside(int64_t inputs) {
  constexpr int64_t kFewer[] = {1, 2, 4, 3}, kMore[] = {16, 8, 32, 17, 16, 48, 15};
  const int64_t fewer = kFewer[inputs % 4], more = kMore[inputs % 7];
  return {inputs, std::min(inputs - 1, fewer), more > inputs ? more : 16};
}

// Strides and dilations in turn.
ConvParams WithSteps(ConvParams params, int64_t turn) {
  constexpr std::pair<int64_t, int64_t> kStrides[] = {{1, 1}, {2, 2}, {1, 1}, {3, 2}, {1, 2},
                                                      {2, 1}, {3, 3}, {2, 2}, {4, 4}};
  constexpr std::pair<int64_t, int64_t> kDilations[] = {
      {1, 1}, {1, 1}, {2, 2}, {1, 1}, {3, 1}, {1, 3}, {1, 1}, {2, 1}, {1, 1}, {1, 2}, {2, 4}};
  const auto& [stride_h, stride_w] = kStrides[turn % 9];
  const auto& [dilation_h, dilation_w] = kDilations[turn % 11];
  params.stride = {stride_h, stride_w};
  params.dilation = {dilation_h, dilation_w};
  return params;
}

}  // namespace

std::vector<Layer> Groups() {
  Turns groups({2, 9, 3, 16, 5, 40, 8, 17}), size({7, 1, 4, 9, 3, 6, 5});
  std::vector<Layer> layers;
  for (const int64_t inputs : {2, 3, 4, 5, 6, 7, 8, 12}) {
    for (const int64_t outputs :
         {inputs, int64_t{1}, int64_t{2}, inputs + 1, int64_t{4}, inputs / 2 + 4}) {
      for (const int64_t k : {1, 2, 3}) {
        const int64_t count = groups.Next();
        ConvParams params = {.in_channels = count * inputs,
                             .out_channels = count * outputs,
                             .groups = count,
                             .kernel = {k, 4 - k}};
        const auto turn = static_cast<int64_t>(layers.size());
        params.stride = {1 + turn % 5 / 3, 1 + turn % 5 / 3};
        params.dilation = {1 + turn % 3, 1 + turn % 2};
        layers.push_back(
            Finish(params, {.batch = 1 + turn % 4 / 3, .size = {size.Next(), size.Next()}}, turn));
      }
    }
  }
  // Of many taps: in place without weight zero points, with them spread on all ISAs.
  for (const int64_t rows : {4, 5, 6, 7}) {
    layers.push_back(Finish(Grouped(8, 4, 4, {rows, 3}), {.size = {size.Next(), size.Next()}},
                            static_cast<int64_t>(layers.size())));
  }
  return layers;
}

std::vector<Layer> SpreadGroups() {
  Turns size({7, 1, 4, 9, 3, 6, 5, 12}), batch({1, 1, 2});
  std::vector<Layer> layers;
  for (const auto& [inputs, outputs] : {std::pair{2, 2},
                                        {4, 4},
                                        {8, 8},
                                        {2, 1},
                                        {4, 2},
                                        {3, 3},
                                        {5, 5},
                                        {2, 5},
                                        {7, 4},
                                        {4, 8},
                                        {6, 1},
                                        {12, 2}}) {
    for (const int64_t channels : {9, 16, 31, 48, 64, 70, 130}) {  // about as many outputs
      for (const Spatial& kernel : {Spatial{3, 2}, Spatial{1, 4}, Spatial{3, 1}}) {
        const auto turn = static_cast<int64_t>(layers.size());
        ConvParams params =
            Grouped(std::max<int64_t>(channels / outputs, 2), inputs, outputs, kernel);
        params.stride = {1 + turn % 4 / 3, 1 + turn % 5 / 4};
        params.dilation = {1 + turn % 3 / 2, 1 + turn % 7 / 6};
        layers.push_back(
            Finish(params, {.batch = batch.Next(), .size = {size.Next(), size.Next()}}, turn));
      }
    }
  }
  // Groups of many inputs are spread for kernels of many taps only; on AVX-VNNI those of few, too.
  for (const auto& [inputs, outputs] :
       {std::pair{12, 2}, {16, 4}, {14, 4}, {10, 3}, {16, 1}, {4, 4}, {2, 2}}) {
    for (const Spatial& kernel : {Spatial{5, 5}, Spatial{4, 7}, Spatial{7, 7}}) {
      const auto turn = static_cast<int64_t>(layers.size());
      layers.push_back(Finish(Grouped(16 / outputs + turn % 2, inputs, outputs, kernel),
                              {.size = {size.Next(), size.Next()}}, turn));
    }
  }
  // Several tiles.
  layers.push_back(Finish(Grouped(24, 4, 4, {3, 2}), {.size = {17, 23}}, 0));
  layers.push_back(Finish(Grouped(24, 4, 4, {3, 2}), {.size = {17, 23}}, 2));
  return layers;
}

std::vector<Layer> GroupsInPlace() {
  Turns groups({2, 5, 3, 8, 9, 4, 2, 7, 16, 6, 3}), height({5, 1, 9, 2, 14, 3, 7, 4});
  Turns width({7, 1, 12, 3, 20, 5, 9, 2, 17, 14, 4, 11, 6, 19, 8, 15, 10, 13, 16, 1, 18, 2});
  Turns batch({1, 2, 1, 1, 2});
  std::vector<Layer> layers;
  for (int64_t inputs = 2; inputs <= 16; ++inputs) {
    for (const int64_t outputs : OutputsBeside(inputs)) {
      for (int64_t rows = 1; rows <= 4; ++rows) {
        for (const int round : {0, 1}) {
          const auto turn = static_cast<int64_t>(layers.size());
          ConvParams params = Grouped(groups.Next(), inputs, outputs, {rows, 3});
          // Too many for a shuffle: some fill vectors.
          if (inputs * params.groups > 16 && inputs > 8 && turn % 3 > 0) {
            params.out_channels = params.groups * pack::RoundUp(outputs, 16);
          }
          params = WithSteps(params, turn + round);
          const int64_t h = height.Next(), w = width.Next();
          layers.push_back(Finish(params, {.batch = batch.Next(), .size = {h, w}}, turn));
        }
      }
    }
  }
  // The same for groups that fill vectors, of up to eight depth groups.
  for (const int64_t inputs : {16, 20, 24, 28, 32, 36}) {
    for (const int64_t outputs : {8, 16, 32, 48, 64}) {
      for (const int round : {0, 1}) {
        const auto turn = static_cast<int64_t>(layers.size());
        const ConvParams params =
            WithSteps(Grouped(2 + turn % 2, inputs, outputs, {1 + turn % 3, 3}), turn + round);
        layers.push_back(Finish(params, {.size = {height.Next() / 2 + 1, width.Next()}}, turn));
      }
    }
  }
  // Vectors of outputs that all read the same; with each stride, each kind of numbers.
  for (const int64_t stride : {1, 2}) {
    for (int64_t turn = 0; turn < 11; ++turn) {
      ConvParams params = Grouped(2 + turn % 3, 8, 16 + 16 * (turn % 2), {1 + turn % 4, 3});
      params.stride = {1, stride};
      layers.push_back(Finish(params, {.size = {height.Next(), width.Next()}}, turn));
    }
  }
  // Vectors of several groups; with each stride but 1, each kind of numbers.
  for (const int64_t stride : {2, 3}) {
    for (int64_t turn = 0; turn < 11; ++turn) {
      ConvParams params = Grouped(3 + turn % 5, 4, 4 - turn % 3, {1 + turn % 4, 3});
      params.stride = {1 + turn % 3, stride};
      layers.push_back(Finish(params, {.size = {height.Next(), width.Next()}}, turn));
    }
  }
  // Vectors of channels whose groups have as many outputs as inputs: whole panels of them, and what
  // is left; with each stride, each kind of numbers.
  Turns channels({64, 64, 80, 64, 128}), of_group({4, 8});
  for (const int64_t stride : {1, 2, 3}) {
    for (int64_t turn = 0; turn < 11; ++turn) {
      const int64_t inputs = of_group.Next();
      ConvParams params = Grouped(channels.Next() / inputs, inputs, inputs, {1 + turn % 4, 3});
      params.stride = {1 + turn % 2, stride};
      layers.push_back(Finish(params, {.size = {height.Next() / 2 + 1, width.Next()}}, turn));
    }
    ConvParams deep = Grouped(5, 16, 16, {3, 3});
    deep.stride = {1, stride};
    layers.push_back(Finish(deep, {.size = {4, 9}}, stride));
  }
  // The same with idle lanes in the last panel; with each stride, each kind of numbers.
  Turns idle({15, 12, 7, 15, 31, 11}), of_idle({8, 4, 8, 4});
  for (const int64_t stride : {1, 2, 3}) {
    for (int64_t turn = 0; turn < 22; ++turn) {
      const int64_t inputs = of_idle.Next();
      ConvParams params = Grouped(idle.Next(), inputs, inputs, {1 + turn % 4, 3});
      params.stride = {1 + turn % 2, stride};
      params.dilation = {1, 1 + turn % 5 / 4};
      layers.push_back(Finish(params, {.size = {height.Next() / 2 + 1, width.Next()}}, turn));
    }
  }
  // Fewer bytes than kernels read at once.
  layers.push_back(Finish(Grouped(12, 4, 4, {3, 3}), {.size = {1, 1}}, 0));
  layers.push_back(Finish(Grouped(7, 4, 4, {3, 3}), {.size = {1, 1}}, 1));
  layers.push_back(Finish(Grouped(8, 8, 8, {6, 3}), {.size = {9, 31}}, 0));
  // Rows longer than other blocks.
  layers.push_back(Finish(Grouped(16, 4, 4, {3, 3}), {.size = {6, 301}}, 0));
  layers.push_back(Finish(Grouped(16, 4, 4, {1, 3, 3}), {.size = {4, 5, 9}}, 2));
  for (const int64_t turn : {0, 2, 3}) {
    for (const auto& [inputs, outputs] : {std::pair{4, 4}, {2, 2}, {4, 16}, {3, 5}}) {
      ConvParams line = Grouped(5, inputs, outputs, {3}),
                 planes = Grouped(3, inputs, outputs, {1, 3, 3});
      line.stride = {1 + turn / 2};
      planes.stride = {2, 1, 1 + turn / 3};
      layers.push_back(Finish(line, {.batch = 2, .size = {21}}, turn));
      layers.push_back(Finish(planes, {.batch = 1 + turn / 2, .size = {4, 5, 9}}, turn));
      layers.back().params.padding[0] = 1;  // a plane of nothing else
    }
    // More pixels than a table holds, more rows than it holds, more kernel rows than it takes.
    layers.push_back(Finish(WithSteps(Grouped(2, 4, 4, {1, 3}), turn), {.size = {2, 8300}}, turn));
    layers.push_back(Finish(WithSteps(Grouped(3, 2, 2, {2, 3}), turn), {.size = {4, 4200}}, turn));
    layers.push_back(Finish(Grouped(2, 4, 5, {127, 3}), {.size = {7, 70}}, turn));
    layers.push_back(Finish(Grouped(5, 2, 2, {64, 3}), {.batch = 2, .size = {9, 97}}, turn));
    layers.push_back(Finish(Grouped(5, 4, 4, {30, 3}), {.size = {70, 2}}, turn));
    layers.push_back(Finish(Grouped(2, 4, 4, {128, 3}), {.size = {7, 20}}, turn));
  }
  // The same where none but rotated groups of 4 are in place (AVX2), and with phases.
  layers.push_back(Finish(Grouped(8, 4, 4, {1, 3}), {.size = {2, 300}}, 1));
  layers.push_back(Finish(Grouped(16, 4, 4, {6, 3}), {.size = {9, 31}}, 0));
  for (const int64_t stride : {1, 2, 3}) {
    ConvParams dilated = Grouped(16, 4, 4, {2, 3});
    dilated.stride = {1, stride};
    dilated.dilation = {1, 2};
    layers.push_back(Finish(dilated, {.size = {6, 27}}, stride));
  }
  return layers;
}

}  // namespace qconv::test
