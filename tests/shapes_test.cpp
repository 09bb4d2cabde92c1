// Longer than 250 lines: mostly a list of layers.
// Sizes of outputs, and the shapes at the edge of what there is: no image, one pixel, more padding
// than image.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "common/case.h"
#include "layer.h"
#include "plan.h"
#include "testing.h"
#include "validate.h"

namespace qconv {
namespace {

struct Size {
  const char* name;
  ConvParams params;
  Image image;
  Image output;
};

void PrintTo(const Size& size, std::ostream* out) { *out << size.name; }

const Size kSizes[] = {
    {"pixel",
     {.in_channels = 5, .out_channels = 7, .kernel = {1, 1}},
     {.size = {1, 1}},
     {.size = {1, 1}}},
    {"no_images",
     {.in_channels = 5, .out_channels = 7, .kernel = {3, 3}, .padding = {1, 1}},
     {.batch = 0, .size = {8, 9}},
     {.batch = 0, .size = {8, 9}}},
    {"valid",
     {.in_channels = 3, .out_channels = 2, .kernel = {3, 5}},
     {.batch = 2, .size = {9, 9}},
     {.batch = 2, .size = {7, 5}}},
    {"kernel_is_image",
     {.in_channels = 3, .out_channels = 20, .kernel = {4, 6}},
     {.size = {4, 6}},
     {.size = {1, 1}}},
    {"kernel_beyond_image",
     {.in_channels = 3, .out_channels = 20, .kernel = {5, 5}, .padding = {2, 2}},
     {.size = {1, 2}},
     {.size = {1, 2}}},
    {"padding_end_defaults_to_padding",
     {.in_channels = 4, .out_channels = 4, .kernel = {2, 2}, .padding = {1, 0}},
     {.size = {5, 5}},
     {.size = {6, 4}}},
    {"padding_end_only",
     {.in_channels = 4,
      .out_channels = 4,
      .kernel = {3, 3},
      .stride = {2, 2},
      .padding_end = {1, 1}},
     {.size = {224, 8}},
     {.size = {112, 4}}},
    {"padding_end_of_zero",
     {.in_channels = 4, .out_channels = 4, .kernel = {3}, .padding = {2}, .padding_end = {0}},
     {.size = {6}},
     {.size = {6}}},
    {"more_padding_than_image",
     {.in_channels = 3, .out_channels = 17, .kernel = {3, 3}, .padding = {7, 5}},
     {.batch = 2, .size = {2, 1}},
     {.batch = 2, .size = {14, 9}}},
    {"stride_rounds_down",
     {.in_channels = 6, .out_channels = 6, .kernel = {3, 3}, .stride = {3, 4}},
     {.size = {10, 14}},
     {.size = {3, 3}}},
    {"stride_beyond_image",
     {.in_channels = 6, .out_channels = 6, .kernel = {1, 1}, .stride = {100, 9}},
     {.size = {5, 10}},
     {.size = {1, 2}}},
    {"dilated",
     {.in_channels = 6, .out_channels = 6, .kernel = {3, 3}, .dilation = {4, 2}, .padding = {4, 1}},
     {.size = {10, 12}},
     {.size = {10, 10}}},
    {"padded_groups",
     {.in_channels = 128, .out_channels = 96, .groups = 4, .kernel = {3, 3}, .padding = {1, 1}},
     {.batch = 2, .size = {7, 6}},
     {.batch = 2, .size = {7, 6}}},
    {"padded_groups_that_share_a_copy",
     {.in_channels = 128,
      .out_channels = 128,
      .groups = 8,
      .kernel = {3, 3},
      .dilation = {1, 2},
      .padding = {1, 2}},
     {.batch = 2, .size = {14, 14}},
     {.batch = 2, .size = {14, 14}}},
    {"many_taps_small_image",
     {.in_channels = 40, .out_channels = 40, .groups = 2, .kernel = {128}, .padding = {64}},
     {.batch = 2, .size = {49}},
     {.batch = 2, .size = {50}}},
    {"many_taps_large_image",
     {.in_channels = 40, .out_channels = 40, .groups = 2, .kernel = {64}, .padding = {32}},
     {.size = {300}},
     {.size = {301}}},
    {"many_taps_dilated",
     {.in_channels = 20,
      .out_channels = 40,
      .kernel = {5, 16},
      .stride = {1, 3},
      .dilation = {5, 3},
      .padding = {12, 30}},
     {.size = {40, 40}},
     {.size = {44, 19}}},
    {"strips_of_one_pixel",
     {.in_channels = 16,
      .out_channels = 16,
      .kernel = {94},
      .dilation = {3},
      .padding = {201},
      .padding_end = {263}},
     {.size = {266}},
     {.size = {451}}},
    {"taps_far_apart",
     {.in_channels = 64, .out_channels = 8, .kernel = {10}, .dilation = {200}, .padding = {900}},
     {.size = {1000}},
     {.size = {1000}}},
    {"pixels_without_taps",
     {.in_channels = 512, .out_channels = 4, .kernel = {5}, .dilation = {100}, .padding = {400}},
     {.size = {10}},
     {.size = {410}}},
    {"windows_apart",
     {.in_channels = 2001,
      .out_channels = 2,
      .kernel = {3, 3},
      .stride = {1, 7},
      .dilation = {1, 2}},
     {.size = {3, 33}},
     {.size = {1, 5}}},
    {"deep_edges",
     {.in_channels = 512, .out_channels = 8, .kernel = {1, 11}, .padding = {0, 5}},
     {.size = {20, 13}},
     {.size = {20, 13}}},
    {"joined_two_bytes",
     {.in_channels = 3, .out_channels = 33, .kernel = {6, 6}, .stride = {2, 2}, .padding = {2, 2}},
     {.batch = 2, .size = {20, 30}},
     {.batch = 2, .size = {10, 15}}},
    {"joined_three_by_three",
     {.in_channels = 3, .out_channels = 9, .kernel = {7, 7}, .padding = {3, 3}},
     {.size = {40, 30}},
     {.size = {40, 30}}},
    {"joined_one_pixel",
     {.in_channels = 7, .out_channels = 9, .kernel = {3, 3}, .padding = {0, 1}},
     {.batch = 2, .size = {3, 1}},
     {.batch = 2, .size = {1, 1}}},
    {"joined_column",
     {.in_channels = 5, .out_channels = 17, .kernel = {9, 1}, .stride = {2, 1}, .padding = {4, 1}},
     {.size = {20, 4}},
     {.size = {10, 6}}},
    {"first_layer_low_image",
     {.in_channels = 3, .out_channels = 33, .kernel = {7, 7}, .padding = {3, 3}},
     {.batch = 2, .size = {2, 30}},
     {.batch = 2, .size = {2, 30}}},
    {"first_layer_low_image_dilated",
     {.in_channels = 7,
      .out_channels = 33,
      .kernel = {9, 3},
      .stride = {2, 1},
      .dilation = {3, 1},
      .padding = {12, 1}},
     {.size = {16, 30}},
     {.size = {8, 30}}},
    {"first_layer_rows_apart",
     {.in_channels = 3, .out_channels = 9, .kernel = {3, 3}, .stride = {4, 2}, .padding = {1, 1}},
     {.batch = 2, .size = {21, 90}},
     {.batch = 2, .size = {6, 45}}},
    {"first_layer_rows_dilated",
     {.in_channels = 3, .out_channels = 9, .kernel = {3, 3}, .dilation = {2, 1}, .padding = {2, 1}},
     {.batch = 2, .size = {9, 90}},
     {.batch = 2, .size = {9, 90}}},
    {"first_layer_planes",
     {.in_channels = 3,
      .out_channels = 9,
      .kernel = {3, 3, 3},
      .stride = {1, 2, 2},
      .padding = {1, 1, 1}},
     {.size = {4, 9, 90}},
     {.size = {4, 5, 45}}},
    {"all_at_once",
     {.in_channels = 6,
      .out_channels = 9,
      .groups = 3,
      .kernel = {2, 3, 4},
      .stride = {1, 2, 3},
      .dilation = {3, 2, 1},
      .padding = {0, 1, 2},
      .padding_end = {1, 3, 0}},
     {.batch = 3, .size = {5, 6, 7}},
     {.batch = 3, .size = {3, 3, 2}}},
    {"dilated_1d",
     {.in_channels = 3, .out_channels = 3, .kernel = {33}, .dilation = {2}, .padding = {32}},
     {.size = {50}},
     {.size = {50}}},
};

class ShapesTest : public ::testing::TestWithParam<Size> {};

INSTANTIATE_TEST_SUITE_P(Shape, ShapesTest, ::testing::ValuesIn(kSizes),
                         [](const auto& test_info) { return std::string(test_info.param.name); });

TEST_P(ShapesTest, OutputImage) {
  const Size& size = GetParam();
  const cases::Case any = cases::MakeCase(test::MakeLayer(size.params, size.image),
                                          cases::Weights::kUniform, /*seed=*/1);
  EXPECT_EQ(any.Prepack().OutputImage(size.image), size.output);
  EXPECT_EQ(any.Reference().OutputImage(size.image), size.output);
  EXPECT_EQ(any.layer.OutputImage(), size.output);
}

TEST_P(ShapesTest, EveryIsaGivesTheReferencesBytes) {
  for (const uint64_t seed : {1, 2, 3}) {
    cases::Case any = cases::MakeCase(test::MakeLayer(GetParam().params, GetParam().image),
                                      cases::Weights::kUniform, seed);
    for (const bool weight_zero_points : {false, true}) {
      if (weight_zero_points) test::SetWeightZeroPoints(any);
      const std::vector<uint8_t> expected = test::RunReference(any);
      for (const std::string& isa : test::UsableIsas()) {
        SCOPED_TRACE(isa);
        EXPECT_EQ(test::Difference(expected, test::RunOn(any, isa)), "");
      }
    }
  }
}

// The layers above that are to join kernel rows do, on an ISA that does so.
TEST(FirstLayerTest, JoinsRows) {
  int joined = 0;
  for (const Size& size : kSizes) {
    if (!std::string(size.name).starts_with("joined")) continue;
    SCOPED_TRACE(size.name);
    const cases::Case c = cases::MakeCase(test::MakeLayer(size.params, size.image),
                                          cases::Weights::kUniform, /*seed=*/1);
    const pack::PackedLayer layer =
        BuildLayer(c.layer.params, c.quantization(), c.weights, c.bias, {.isa = "scalar"});
    const pack::Dims input = ValidateImage(layer.geometry, size.image);
    ASSERT_EQ(layer.feed, pack::Feed::kStrips);
    EXPECT_FALSE(PrefersRuns(layer, input, OutputSize(layer.geometry, input)));
    ++joined;
  }
  EXPECT_EQ(joined, 4);
}

// Output rows of a first layer share gathered input, and a block may have several or part of one.
TEST(FirstLayerTest, AnyWidth) {
  std::vector<int64_t> widths = {112, 113, 160, 161, 240, 241, 479, 480, 481, 500, 960, 961};
  for (int64_t width = 1; width <= 40; ++width) widths.push_back(width);
  for (const int64_t kernel : {2, 3, 6, 7}) {
    for (const int64_t stride : {1, 2}) {
      for (const int64_t width : widths) {
        const ConvParams params = {.in_channels = 3,
                                   .out_channels = 5,
                                   .kernel = {kernel, kernel},
                                   .stride = {stride, stride},
                                   .padding = {kernel / 2, kernel / 2}};
        cases::Case any =
            cases::MakeCase(test::MakeLayer(params, {.size = {9 * stride, width * stride}}),
                            cases::Weights::kUniform, /*seed=*/1);
        any.transforms = false;  // pixel by pixel
        const std::vector<uint8_t> expected = test::RunReference(any);
        for (const std::string& isa : test::UsableIsas()) {
          SCOPED_TRACE(testing::Message() << isa << ", kernel " << kernel << ", stride " << stride
                                          << ", " << width << " outputs");
          EXPECT_EQ(test::Difference(expected, test::RunOn(any, isa)), "");
        }
      }
    }
  }
}

// The batch and the image size belong to Run: one packed layer takes them all.
TEST(ImageTest, ChangesFromRunToRun) {
  const ConvParams params = {
      .in_channels = 19, .out_channels = 35, .kernel = {3, 3}, .stride = {2, 1}, .padding = {1, 1}};
  for (const std::string& isa : test::UsableIsas()) {
    SCOPED_TRACE(isa);
    cases::Case any = cases::MakeCase(test::MakeLayer(params, {.size = {12, 12}}),
                                      cases::Weights::kUniform, /*seed=*/1);
    const Conv conv = test::PrepackFor(any, isa);
    for (const Image& image : {Image{.size = {12, 12}}, Image{.batch = 3, .size = {2, 7}},
                               Image{.batch = 0, .size = {5, 5}}, Image{.size = {1, 1}},
                               Image{.batch = 2, .size = {31, 4}}}) {
      any.layer.image = image;
      any.input.assign(static_cast<size_t>(conv.InputBytes(image)), 0);
      for (size_t i = 0; i < any.input.size(); ++i)
        any.input[i] = static_cast<uint8_t>(i * i + i / 7);
      EXPECT_EQ(test::Difference(test::RunReference(any), any.Run(conv)), "");
    }
  }
}

// A pixel of the reference is the same alone as among all.
TEST(ReferencePixelTest, EqualsTheWholeRun) {
  for (const Size& size : kSizes) {
    const cases::Case any = cases::MakeCase(test::MakeLayer(size.params, size.image),
                                            cases::Weights::kUniform, /*seed=*/4);
    const ReferenceConv reference = any.Reference();
    const std::vector<uint8_t> whole = test::RunReference(any);
    std::vector<uint8_t> pixel(static_cast<size_t>(size.params.out_channels));
    if (whole.empty()) continue;
    Spatial last = size.output.size;
    for (int i = 0; i < last.rank(); ++i) --last[i];
    reference.RunPixel(any.layer.image, any.input, size.output.batch - 1, last, pixel);
    EXPECT_EQ(pixel, std::vector<uint8_t>(whole.end() - size.params.out_channels, whole.end()));
    reference.RunPixel(any.layer.image, any.input, 0, Spatial::Filled(last.rank(), 0), pixel);
    EXPECT_EQ(pixel, std::vector<uint8_t>(whole.begin(), whole.begin() + size.params.out_channels));
  }
}

}  // namespace
}  // namespace qconv
