// What the tests share: the ISAs to run on, small layers, and a comparison of bytes that tells
// where they part.
//
// Read next: random_test.cpp for the usual shape of a test.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "common/case.h"
#include "qconv/qconv.h"

namespace qconv::test {

// Names of the ISAs that this machine can run. Nothing else may choose the ISAs of a test.
std::vector<std::string> UsableIsas();

// Names a test instance after its ISA.
std::string IsaName(const ::testing::TestParamInfo<std::string>& info);

// "" if equal, else where the first difference is and how many there are; for
// EXPECT_EQ(Difference(expected, actual), "").
std::string Difference(std::span<const uint8_t> expected, std::span<const uint8_t> actual);

// The layer's shape, in one line of a failure message.
std::string Text(const cases::Case& layer_case);

// A shape to run on every ISA, for a test on UsableIsas() x shapes.
struct Shape {
  const char* name;
  ConvParams params;
  Image image;
};
using IsaAndShape = std::tuple<std::string, Shape>;

void PrintTo(const Shape& shape, std::ostream* out);
std::string IsaAndShapeName(const ::testing::TestParamInfo<IsaAndShape>& info);

cases::Layer MakeLayer(const ConvParams& params, const Image& image);

// A case of 1x1 weights on one pixel, one output channel; every scale is 1, every zero point 0. The
// weights of `inputs` that are beyond `weights` are 0.
cases::Case OnePixel(std::vector<uint8_t> inputs, std::vector<int8_t> weights);

// A 1D row of pixels of one channel, 0, 1, 2, ..., each multiplied by a weight of 1: accumulators
// -zero_point, 1 - zero_point, ...
cases::Case PixelRow(int pixels, int32_t zero_point);

// A 5x5 layer of one output, from a question asked in a forum: with all inputs 200 or 255, its taps
// (4, 5) and (10, 11) saturate in int16. The input is for the test to fill in.
cases::Case ForumLayer();

// A depthwise layer of 8 inputs and 16 outputs on an image as large as the (odd) kernel, so that
// the pixel in the middle sees it all. One weight and one input throughout; the zero points are one
// or 16.
cases::Case Depthwise(const Spatial& kernel, int8_t weight, std::vector<int32_t> zero_points,
                      uint8_t input);

SaturationReport Analyze(const cases::Case& layer_case, int32_t input_maximum = 255);

// Weight zero points 1, -2, 3, ... for a case: these need sums over the input.
void SetWeightZeroPoints(cases::Case& layer_case);

// Gives every third channel of a case another scale, for some kinds: multipliers that are too small
// for a single step (3, 6, 10), results beyond s16 (2, 9) or beyond s32 (1, 8, 12).
void ScaleSomeChannels(int kind, cases::Case& layer_case);

std::vector<uint8_t> RunReference(const cases::Case& layer_case);

// Packs for the ISA, checking that it is this ISA that was packed for.
Conv PrepackFor(const cases::Case& layer_case, const std::string& isa);

// Cuts work as for some threads, without any, the last task first. Thousands of short runs would
// wait for workers to get a CPU, many times as long as they compute where there are few.
class InTurn final : public Executor {
 public:
  explicit InTurn(int concurrency) : concurrency_(concurrency) {}
  int Concurrency() const override { return concurrency_; }
  void ParallelFor(int64_t count, Task task, const void* context) const override {
    for (int64_t i = count; i-- > 0;) task(context, i);
  }

 private:
  int concurrency_;
};

// Packs for the ISA and runs on the calling thread.
std::vector<uint8_t> RunOn(const cases::Case& layer_case, const std::string& isa);

// Both the reference and the ISA must give these bytes.
void ExpectOutput(const std::string& isa, const cases::Case& layer_case,
                  const std::vector<uint8_t>& expected);

}  // namespace qconv::test
