// Case: a layer with all its numbers, ready to run, and the ways to make one: real layers with
// drawn numbers, random layers, golden files.
//
// Shared by the qconv command, the bench and the tests; knows only the public API.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/layer.h"
#include "qconv/conv.h"
#include "qconv/reference.h"
#include "qconv/saturation.h"

namespace qconv::cases {

struct Case {
  Layer layer;
  Affine input_quantization;
  Affine output_quantization;
  std::vector<float> weight_scales;
  std::vector<int32_t> weight_zero_points;
  std::vector<int8_t> weights;  // [out][kernel...][in / groups]
  std::vector<float> bias;      // or empty
  Activation activation;
  int32_t input_maximum = 255;    // declared
  bool transforms = true;         // as PrepackOptions::transforms
  std::vector<uint8_t> input;     // channels-last
  std::vector<uint8_t> expected;  // golden output, empty if there is none

  Quantization quantization() const;  // refers to this case
  Conv Prepack(const std::string& isa = "") const;
  ReferenceConv Reference() const;
  SaturatingConv Saturating() const;
  std::vector<uint8_t> Run(const Conv& conv, const Executor& executor = Executor::Current()) const;
};

enum class Weights {
  kLaplace,   // like trained ones: each channel scaled so that its largest magnitude is 127
  kUniform,   // -128..127
  kExtremes,  // only -128 and 127, with inputs of only 0 and the input maximum
};

// Fills a layer with numbers; the same for the same arguments, everywhere. Weights are symmetric
// and scaled per channel; there is a bias and no activation. Inputs span 0..input_maximum, which is
// declared; the output scale is chosen so that outputs spread over the whole range without clipping
// most of them.
Case MakeCase(const Layer& layer, Weights weights, uint64_t seed, int32_t input_maximum = 255);

// A random small layer over the whole parameter space: ranks 1..3, kernels, strides, dilations,
// paddings (also asymmetric), groups, odd channel counts, per-tensor and per-channel quantization,
// weight zero points, bias or none, activations, declared input maxima, batch 0..3. At most 4 MMAC.
// With `input_maximum` this one is declared, whatever would have been. The same for the same
// arguments, everywhere.
Case RandomCase(uint64_t seed, std::optional<int32_t> input_maximum = {});

// Reads a golden file: one JSON object a line, fields as in tests/golden/README.md. Throws
// std::runtime_error naming the file, the line and the field.
std::vector<Case> ReadGolden(const std::filesystem::path& file);

}  // namespace qconv::cases
