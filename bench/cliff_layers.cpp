// Which kinds there are, and why they are apart.
//
// Of each kind the slowest layer should be within 4 times of the median. That is a fair demand only
// where nothing differs but the oddness under test. Two things set the speed of a layer whoever
// writes the kernel, and kinds are cut along them:
//
// - Products per output (taps x input channels of the group). Each output costs a requantization
//   and a store besides, about as much as tens of products in full vectors: a layer of 3 products
//   cannot come near the speed of one of 30. Beyond a hundred it hardly matters.
// - Channels in all. A pixel of 3 channels cannot fill a vector of 16 lanes: below 8 channels the
//   speed is in proportion to their number at best.
//
// Beyond that a kind is what tends to have kernels of its own: depthwise, grouped, 1D, ... Channel
// counts are full vectors of 8 to 64 lanes, one more and one less, and what networks have: 24, 58
// (ShuffleNet), 70, 255 (YOLO).
#include "cliff_layers.h"

#include <string>

#include "cliff_kind.h"

namespace qconv::bench {
namespace {

using Layers = std::vector<cases::Layer>;

// At least 8 channels in and out, 72 products per output.
void AddDense(Layers& layers) {
  CliffKind dense("dense", 7e6, Dense(32, 32, {3, 3}), layers);
  dense.Kernels({{2, 2}, {4, 4}, {5, 5}, {6, 6}, {7, 7}, {8, 8}, {9, 9}});
  dense.Kernels({{1, 3}, {3, 1}, {2, 5}, {4, 7}, {9, 2}, {1, 9}, {9, 1}});
  dense.Inputs({8, 9, 17, 24, 31, 33, 58, 63, 65, 70, 255});
  dense.Outputs({8, 9, 17, 24, 31, 33, 58, 63, 65, 70, 255});
  dense.Steps();
  dense.Pads();
  dense.Images({{128, {7, 7}},
                {64, {14, 14}},
                {32, {28, 28}},
                {16, {56, 56}},
                {64, {3, 65}},
                {64, {65, 3}},
                {64, {9, 21}}});
}

// Products per output are input channels alone: at least 16 of them.
void AddPointwise(Layers& layers) {
  CliffKind pointwise("pointwise", 3e6, Dense(64, 64, {1, 1}), layers);
  pointwise.Inputs({16, 17, 24, 31, 33, 58, 63, 65, 70, 255});
  pointwise.Outputs({8, 9, 17, 24, 31, 33, 58, 63, 65, 70, 255});
  pointwise.Steps();
  pointwise.Pads();
  pointwise.Images({{256, {7, 7}}, {128, {14, 14}}, {64, {28, 28}}, {32, {56, 56}}});
}

// Fewer than 8 input channels, as in first layers: 9 to 147 products per output.
void AddFewInputs(Layers& layers) {
  CliffKind few("few_inputs", 3e6, Dense(3, 32, {3, 3}), layers);
  few.Inputs({1, 2, 3, 4, 5, 6, 7});
  few.Kernels({{4, 4}, {5, 5}, {6, 6}, {7, 7}, {3, 5}, {7, 1}});
  few.Outputs({9, 17, 58, 64, 70, 255});
  few.Steps();
  few.Add("1-input-7x7", Dense(1, 64, {7, 7}));
  few.Add("1d-10", Dense(1, 64, {10}));
  few.Add("3d-1-input", Dense(1, 32, {3, 3, 3}));
}

// Fewer than 8 output channels, which leave most lanes of a vector empty. The base has three, as an
// image has; one output can be a third as fast at best.
void AddFewOutputs(Layers& layers) {
  CliffKind few("few_outputs", 2e6, Dense(64, 3, {3, 3}), layers);
  few.Outputs({1, 2, 4, 5, 6, 7});
  few.Kernels({{1, 1}, {5, 5}, {2, 3}});
  few.Add("1d-5", Dense(64, 3, {5}));
  few.Add("3d-3x3x3", Dense(64, 3, {3, 3, 3}));
}

void AddDense1D(Layers& layers) {
  CliffKind line("1d", 8e6, Dense(32, 32, {5}), layers);
  line.Kernels({{2}, {3}, {4}, {7}, {8}, {9}, {16}, {31}, {33}, {64}, {127}, {128}});
  line.Inputs({16, 17, 31, 58, 70, 255});
  line.Outputs({8, 9, 17, 33, 70, 255});
  line.Steps();
  line.Pads();
}

void AddDense3D(Layers& layers) {
  CliffKind volume("3d", 7e6, Dense(16, 32, {3, 3, 3}), layers);
  volume.Kernels({{2, 2, 2}, {1, 3, 3}, {3, 3, 1}, {3, 1, 3}, {3, 1, 1}, {2, 3, 4}, {5, 5, 5}});
  volume.Inputs({8, 9, 31, 58});
  volume.Outputs({8, 9, 17, 70});
  volume.Steps();
  volume.Pads();
}

// Depthwise, 2D: one kind for each range of taps, as these are all the products there are.
void AddDepthwise(Layers& layers) {
  CliffKind few_taps("depthwise_few_taps", 5e5, Depthwise(64, {2, 2}), layers);  // 1 to 4
  few_taps.Kernels({{1, 1}, {1, 2}, {2, 1}, {1, 3}, {3, 1}, {1, 4}, {4, 1}});
  few_taps.Kernels({{2}, {3}, {4}});
  few_taps.Groups({8, 9, 17, 33, 58, 70, 255});
  few_taps.Steps();

  CliffKind depthwise("depthwise", 1e6, Depthwise(64, {3, 3}), layers);  // 5 to 18
  depthwise.Kernels(
      {{2, 3}, {3, 2}, {2, 4}, {4, 3}, {4, 4}, {1, 5}, {5, 1}, {7, 1}, {1, 9}, {9, 2}});
  depthwise.Groups({8, 9, 16, 17, 24, 31, 32, 33, 58, 63, 65, 70, 255});
  depthwise.Steps();
  depthwise.Pads();
  depthwise.Images({{1024, {7, 7}},
                    {576, {14, 14}},
                    {144, {28, 28}},
                    {32, {56, 56}},
                    {8, {112, 112}},
                    {64, {1, 1764}},
                    {64, {1764, 1}},
                    {70, {27, 61}}});

  CliffKind large("depthwise_large", 2e6, Depthwise(64, {5, 5}), layers);  // 20 to 81
  large.Kernels({{4, 5}, {5, 4}, {6, 6}, {7, 7}, {8, 8}, {9, 9}, {3, 9}, {9, 3}, {6, 7}});
  large.Groups({8, 9, 17, 33, 58, 70, 255});
  large.Steps();
  large.Pads();
  large.Images({{960, {7, 7}}, {480, {14, 14}}, {96, {28, 28}}});

  // Fewer than 8 channels in all. The base is in the middle, so that neither end sets the median.
  CliffKind narrow("depthwise_narrow", 3e5, Depthwise(4, {3, 3}), layers);
  narrow.Groups({1, 2, 3, 5, 6, 7});
  narrow.Add("multiplier-2", Depthwise(3, {3, 3}, 2));
  narrow.Add("1d-9", Depthwise(3, {9}));
}

void AddDepthwise1D(Layers& layers) {
  CliffKind line("depthwise1d", 1e6, Depthwise(64, {9}), layers);  // 5 to 17 products
  line.Kernels({{5}, {6}, {7}, {8}, {11}, {13}, {16}, {17}});
  line.Groups({8, 9, 17, 33, 58, 70, 255});
  line.Steps();
  line.Pads();

  CliffKind longer("depthwise1d_long", 2e6, Depthwise(64, {33}), layers);  // 24 to 128
  longer.Kernels({{24}, {31}, {32}, {39}, {51}, {63}, {64}, {65}, {75}, {87}, {127}, {128}});
  longer.Groups({8, 9, 17, 58, 70, 255});
  longer.Steps();
  longer.Pads();
}

void AddDepthwise3D(Layers& layers) {
  CliffKind volume("depthwise3d", 1e6, Depthwise(32, {3, 3, 3}), layers);  // 8 to 36 products
  volume.Kernels({{2, 2, 2}, {1, 3, 3}, {3, 3, 1}, {3, 1, 3}, {2, 3, 4}, {4, 3, 3}});
  volume.Groups({8, 9, 17, 33, 58, 70});
  volume.Steps();
  volume.Pads();
}

// Depthwise with several outputs for each channel.
void AddMultipliers(Layers& layers) {
  CliffKind twice("multiplier", 1e6, Depthwise(32, {3, 3}, 2), layers);
  twice.Kernels({{2, 3}, {4, 4}, {5, 5}, {9}, {3, 3, 3}});
  twice.Groups({8, 9, 17, 33, 58, 70, 255});
  twice.Steps();
  twice.Pads();
  for (const int64_t channels : {8, 9, 17, 32, 58, 255}) {
    twice.Add("multiplier-3-" + std::to_string(channels), Depthwise(channels, {3, 3}, 3));
  }
}

// Channels in groups. Apart by products per output: 18 to 75 and 72 to 630.
void AddGrouped(Layers& layers) {
  CliffKind small("grouped_small", 2e6, Grouped(16, 4, 4, {3, 3}), layers);
  for (const int64_t channels : {2, 3, 5, 7}) {
    const std::string name = "channels-" + std::to_string(channels);
    small.Add(name + "-groups-5", Grouped(5, channels, channels, {3, 3}));
    small.Add(name + "-groups-16", Grouped(16, channels, channels, {3, 3}));
  }
  small.Add("2-to-4", Grouped(16, 2, 4, {3, 3}));
  small.Add("5-to-3", Grouped(11, 5, 3, {3, 3}));
  small.Add("3-5x5", Grouped(16, 3, 3, {5, 5}));
  small.Add("1d-9", Grouped(16, 3, 3, {9}));
  small.Add("3d-3x3x3", Grouped(16, 2, 2, {3, 3, 3}));
  small.Steps();
  small.Pads();

  CliffKind large("grouped", 4e6, Grouped(4, 16, 16, {3, 3}), layers);
  for (const int64_t channels : {8, 17, 32, 58, 70}) {
    const std::string name = "channels-" + std::to_string(channels);
    large.Add(name + "-groups-2", Grouped(2, channels, channels, {3, 3}));
    large.Add(name + "-groups-5", Grouped(5, channels, channels, {3, 3}));
  }
  large.Add("58-to-8", Grouped(4, 58, 8, {3, 3}));
  large.Add("128-to-8", Grouped(4, 128, 8, {3, 3}));
  large.Add("8-to-58", Grouped(4, 8, 58, {3, 3}));
  large.Add("80-pointwise", Grouped(3, 80, 80, {1, 1}));
  large.Add("1d-48-128", Grouped(2, 48, 48, {128}));
  large.Add("3d-8-3x3x3", Grouped(4, 8, 8, {3, 3, 3}));
  large.Steps();
  large.Pads();
}

}  // namespace

std::vector<cases::Layer> CliffLayers() {
  Layers layers;
  AddDense(layers);
  AddPointwise(layers);
  AddFewInputs(layers);
  AddFewOutputs(layers);
  AddDense1D(layers);
  AddDense3D(layers);
  AddDepthwise(layers);
  AddDepthwise1D(layers);
  AddDepthwise3D(layers);
  AddMultipliers(layers);
  AddGrouped(layers);
  return layers;
}

}  // namespace qconv::bench
