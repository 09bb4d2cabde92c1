// Tensors without memory and of more than 2^46 elements are refused, by Conv and ReferenceConv in
// the same words; those of 2^46 are not.
#include <gtest/gtest.h>

#include <span>
#include <string>
#include <vector>

#include "errors.h"
#include "qconv/conv.h"
#include "qconv/reference.h"

namespace qconv {
namespace {

constexpr int64_t k2To16 = 1 << 16, k2To30 = 1 << 30;

// The message of both, which say the same.
template <typename OfConv, typename OfReference>
std::string ExpectBoth(OfConv of_conv, OfReference of_reference, const std::string& words) {
  const std::string message = test::ExpectInvalid(of_conv, {words});
  EXPECT_EQ(test::ExpectInvalid(of_reference, {words}), message);
  return message;
}

void ExpectRefused(const ConvParams& params, const Quantization& quantization,
                   std::span<const int8_t> weights, std::span<const float> bias,
                   const std::string& words) {
  ExpectBoth([&] { Conv::Prepack(params, quantization, weights, bias); },
             [&] { ReferenceConv(params, quantization, weights, bias); }, words);
}

TEST(NoMemoryTest, Prepack) {
  constexpr const float* kNoFloats = nullptr;
  constexpr const int32_t* kNoIntegers = nullptr;
  constexpr const int8_t* kNoWeights = nullptr;
  const ConvParams params = {.in_channels = 2, .out_channels = 3, .kernel = {1, 1}};
  const std::vector<int8_t> weights(6, 1);
  const std::vector<float> scales(3, 1.0f);
  Quantization quantization = {.weight_scales = scales};
  ExpectRefused(params, quantization, {kNoWeights, 6}, {},
                "qconv: weights.data() is null; want memory of 6 entries");
  ExpectRefused(params, quantization, weights, {kNoFloats, 3},
                "qconv: bias.data() is null; want memory of 3 entries");
  quantization.weight_zero_points = {kNoIntegers, 1};
  ExpectRefused(params, quantization, weights, {},
                "qconv: Quantization.weight_zero_points.data() is null; want memory of 1 entries");
  ExpectRefused(params, {.weight_scales = {kNoFloats, 3}}, weights, {},
                "qconv: Quantization.weight_scales.data() is null; want memory of 3 entries");
}

void ExpectRefused(const ConvParams& params, const std::string& words) {
  const std::vector<float> scales = {1.0f};
  ExpectRefused(params, {.weight_scales = scales}, {}, {}, words);
}

TEST(SizeLimitTest, Weights) {
  ConvParams params = {.in_channels = k2To16, .out_channels = k2To16, .kernel = {128, 128}};
  ExpectRefused(params, "weights.size() is 0; want 70368744177664 (");  // 2^46 of them would do
  params.kernel = {128, 129};
  ExpectRefused(params,
                "qconv: ConvParams.out_channels * kernel * in_channels / groups is 65536 * 128 * "
                "129 * 65536 = 70918499991552; want at most 2^46 = 70368744177664 weights");
  params.kernel = {k2To30};  // 2^62
  ExpectRefused(params, "is 65536 * 1073741824 * 65536 = 4611686018427387904; want");
  params.kernel = {k2To30, 1, 2};  // beyond int64
  ExpectRefused(params, "is 65536 * 1073741824 * 1 * 2 * 65536; want at most 2^46");
  params = {.in_channels = 6, .out_channels = k2To30, .groups = 2, .kernel = {21846}};
  ExpectRefused(params, "is 1073741824 * 21846 * 3 = 70370891661312; want");
}

class ImageTest : public ::testing::Test {
 protected:
  // 1x1 with two pixels of padding in the last dimension, 2 -> 3 channels.
  ImageTest()
      : params_{.in_channels = 2, .out_channels = 3, .kernel = {1, 1}, .padding_end = {0, 2}},
        conv_(Conv::Prepack(params_, quantization(), weights_)),
        reference_(params_, quantization(), weights_) {}

  Quantization quantization() const { return {.weight_scales = scales_}; }

  void ExpectRunRefused(const Image& image, std::span<const uint8_t> input,
                        std::span<uint8_t> output, const std::string& words) const {
    ExpectBoth([&] { conv_.Run(image, input, output); },
               [&] { reference_.Run(image, input, output); }, words);
  }

  void ExpectRefused(const Image& image, const std::string& words) const {
    const std::string message = ExpectBoth([&] { conv_.OutputImage(image); },
                                           [&] { reference_.OutputImage(image); }, words);
    EXPECT_EQ(test::ExpectInvalid([&] { conv_.InputBytes(image); }, {}), message);
    EXPECT_EQ(test::ExpectInvalid([&] { conv_.OutputBytes(image); }, {}), message);
    EXPECT_EQ(test::ExpectInvalid([&] { conv_.RunsTransformed(image); }, {}), message);
    EXPECT_EQ(test::ExpectInvalid([&] { conv_.NeighboursAtOnce(image); }, {}), message);
    ExpectRunRefused(image, {}, {}, message);
  }

  const std::vector<float> scales_ = {1.0f};
  const std::vector<int8_t> weights_ = std::vector<int8_t>(6, 1);
  const ConvParams params_;
  const Conv conv_;
  const ReferenceConv reference_;
};

TEST_F(ImageTest, NoMemory) {
  std::vector<uint8_t> memory(12, 0xa5);
  uint8_t* const null = nullptr;
  const Image image = {.size = {1, 2}};
  ExpectRunRefused(image, std::span(null, 4), memory,
                   "input.data() is null; want memory of 4 entries");
  ExpectRunRefused(image, std::span(memory).first(4), std::span(null, 12),
                   "output.data() is null; want memory of 12 entries");
  EXPECT_EQ(memory, std::vector<uint8_t>(12, 0xa5));
  conv_.Run({.batch = 0, .size = {1, 2}}, {}, {});
  reference_.Run({.batch = 0, .size = {1, 2}}, {}, {});
}

TEST_F(ImageTest, Input) {
  ExpectRefused({.batch = 3, .size = {k2To30, 10923}},
                "qconv: Image.batch * size * in_channels is 3 * 1073741824 * 10923 * 2 = "
                "70370891661312; want at most 2^46 = 70368744177664 bytes");
  ExpectRefused({.batch = k2To30, .size = {k2To30, k2To30}},
                "is 1073741824 * 1073741824 * 1073741824 * 2; want");
  // A batch of 0 counts as 1.
  ExpectRefused({.batch = 0, .size = {k2To30, k2To16}}, "is 1 * 1073741824 * 65536 * 2 = ");
}

TEST_F(ImageTest, Output) {
  // 2^46 / 3 is 23456248059221 and a third.
  const Image largest = {.size = {int64_t{23456248059221} / 22369, 22367}};
  EXPECT_EQ(conv_.OutputImage(largest), reference_.OutputImage(largest));
  Image larger = largest;
  ++larger.size[0];
  const int64_t bytes = larger.size[0] * 22369 * 3;
  ExpectRefused(larger, "qconv: Image.batch * output size * out_channels is 1 * " +
                            std::to_string(larger.size[0]) + " * 22369 * 3 = " +
                            std::to_string(bytes) + "; want at most 2^46 = 70368744177664 bytes");
}

}  // namespace
}  // namespace qconv
