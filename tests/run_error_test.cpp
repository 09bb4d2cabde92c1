// Every bad argument of Run is refused with its field and its value, before anything is written.
#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "common/case.h"
#include "errors.h"
#include "testing.h"

namespace qconv {
namespace {

constexpr int64_t kHuge = int64_t{1} << 62;

// 3 -> 5 channels, 3x3, padding 1. The image is 4x4: 48 bytes in, 80 out.
cases::Case Valid() {
  return cases::MakeCase(
      test::MakeLayer({.in_channels = 3, .out_channels = 5, .kernel = {3, 3}, .padding = {1, 1}},
                      {.size = {4, 4}}),
      cases::Weights::kUniform, /*seed=*/1);
}

struct BadRun {
  const char* name;
  Image image;
  size_t input_bytes;
  size_t output_bytes;
  std::vector<std::string> words;
};

void PrintTo(const BadRun& bad, std::ostream* out) { *out << bad.name; }

const BadRun kBadRuns[] = {
    {"Batch", {.batch = -7, .size = {4, 4}}, 48, 80, {"Image.batch is -7; want 0..2147483648"}},
    {"BatchHuge",
     {.batch = kHuge, .size = {4, 4}},
     48,
     80,
     {"Image.batch is 4611686018427387904; want 0..2147483648"}},
    {"BatchTimesSizeIsZeroModulo64Bits",
     {.batch = int64_t{1} << 31, .size = {1 << 30, 1 << 30}},
     0,
     0,
     {"Image.batch * size * in_channels is 2147483648 * 1073741824 * 1073741824 * 3; want at "
      "most "}},
    {"RankZero", {.size = {}}, 48, 80, {"Image.size.rank() is 0; want the layer's rank 2"}},
    {"RankOne", {.size = {4}}, 48, 80, {"Image.size.rank() is 1; want the layer's rank 2"}},
    {"RankThree", {.size = {1, 4, 4}}, 48, 80, {"Image.size.rank() is 3; want the layer's rank 2"}},
    {"RankFour",
     {.size = {1, 1, 4, 4}},
     48,
     80,
     {"Image.size.rank() is 4; want the layer's rank 2"}},
    {"SizeZero", {.size = {4, 0}}, 48, 80, {"Image.size[1] is 0; want 1..2147483648"}},
    {"Size", {.size = {-7, 4}}, 48, 80, {"Image.size[0] is -7; want 1..2147483648"}},
    {"SizeHuge", {.size = {kHuge, 4}}, 48, 80, {"Image.size[0] is 4611686018427387904; want 1.."}},
    {"InputEmpty",
     {.size = {4, 4}},
     0,
     80,
     {"input.size() is 0; want 48 (batch * size * in_channels)"}},
    {"InputShort",
     {.size = {4, 4}},
     47,
     80,
     {"input.size() is 47; want 48 (batch * size * in_channels)"}},
    {"InputLong",
     {.size = {4, 4}},
     49,
     80,
     {"input.size() is 49; want 48 (batch * size * in_channels)"}},
    {"OutputEmpty",
     {.size = {4, 4}},
     48,
     0,
     {"output.size() is 0; want 80 (batch * output size * out_channels)"}},
    {"OutputShort",
     {.size = {4, 4}},
     48,
     79,
     {"output.size() is 79; want 80 (batch * output size * out_channels)"}},
    {"OutputLong",
     {.size = {4, 4}},
     48,
     81,
     {"output.size() is 81; want 80 (batch * output size * out_channels)"}},
    {"InputOfBatchZero",
     {.batch = 0, .size = {4, 4}},
     48,
     0,
     {"input.size() is 48; want 0 (batch * size * in_channels)"}},
    {"OutputOfBatchZero",
     {.batch = 0, .size = {4, 4}},
     0,
     80,
     {"output.size() is 80; want 0 (batch * output size * out_channels)"}},
};

// Runs both on tensors that lie in one block of memory, which must stay as it is.
void ExpectRefused(const cases::Case& layer_case, const Image& image, size_t input_begin,
                   size_t input_bytes, size_t output_begin, size_t output_bytes,
                   const std::vector<std::string>& words) {
  constexpr uint8_t kPattern = 0xa5;
  std::vector<uint8_t> memory(std::max(input_begin + input_bytes, output_begin + output_bytes) + 1,
                              kPattern);
  const std::span<uint8_t> all = memory;
  const auto input = all.subspan(input_begin, input_bytes);
  const auto output = all.subspan(output_begin, output_bytes);
  for (const std::string& isa : test::UsableIsas()) {
    const Conv conv = test::PrepackFor(layer_case, isa);
    test::ExpectInvalid([&] { conv.Run(image, input, output); }, words);
  }
  const ReferenceConv reference = layer_case.Reference();
  const Conv conv = layer_case.Prepack();
  EXPECT_EQ(test::ExpectInvalid([&] { reference.Run(image, input, output); }, words),
            test::ExpectInvalid([&] { conv.Run(image, input, output); }, words));
  EXPECT_EQ(memory, std::vector<uint8_t>(memory.size(), kPattern));
}

class RunErrorTest : public ::testing::TestWithParam<BadRun> {};

TEST_P(RunErrorTest, NamesTheFieldAndItsValueAndWritesNothing) {
  const BadRun& bad = GetParam();
  ExpectRefused(Valid(), bad.image, 0, bad.input_bytes, bad.input_bytes, bad.output_bytes,
                bad.words);
}

INSTANTIATE_TEST_SUITE_P(Argument, RunErrorTest, ::testing::ValuesIn(kBadRuns),
                         [](const auto& test_info) { return std::string(test_info.param.name); });

TEST(RunErrorTest, OverlappingTensors) {
  const cases::Case valid = Valid();
  const Image image = {.size = {4, 4}};
  struct {
    size_t input, output;
    const char* distance;
  } constexpr kBegins[] = {
      {0, 0, "+ 0;"}, {0, 47, "+ 47;"}, {79, 0, "- 79;"}, {10, 0, "- 10;"}, {0, 10, "+ 10;"}};
  for (const auto& begin : kBegins) {
    ExpectRefused(
        valid, image, begin.input, 48, begin.output, 80,
        {std::string("output overlaps input: output.data() is input.data() ") + begin.distance});
  }
}

TEST(RunErrorTest, TensorsMayTouch) {
  const cases::Case valid = Valid();
  const Conv conv = valid.Prepack();
  const std::vector<uint8_t> expected = test::RunReference(valid);
  for (const size_t input_begin : {0, 80}) {
    std::vector<uint8_t> memory(128);
    const std::span<uint8_t> all = memory;
    std::copy(valid.input.begin(), valid.input.end(), memory.begin() + input_begin);
    const auto output = all.subspan(input_begin == 0 ? 48 : 0, 80);
    conv.Run(valid.layer.image, all.subspan(input_begin, 48), output);
    EXPECT_EQ(test::Difference(expected, output), "");
  }
}

TEST(RunErrorTest, KernelThatDoesNotFit) {
  cases::Case valid = Valid();
  valid.layer.params.dilation = {1, 3};  // an extent of 3x7 on an image of 1x5 and more, padded
  const Image narrow = {.size = {1, 4}};
  ExpectRefused(valid, narrow, 0, 12, 12, 0, {"size[1]", "4"});
  test::ExpectInvalid([&] { valid.Prepack().OutputImage(narrow); }, {"size[1]", "4"});
  test::ExpectInvalid([&] { valid.Reference().OutputImage(narrow); }, {"size[1]", "4"});
  EXPECT_EQ(valid.Prepack().OutputImage({.size = {1, 5}}), (Image{.size = {1, 1}}));
}

TEST(RunErrorTest, SizesOfTensors) {
  const Conv conv = Valid().Prepack();
  EXPECT_EQ(conv.InputBytes({.size = {4, 4}}), 48);
  EXPECT_EQ(conv.OutputBytes({.size = {4, 4}}), 80);
  EXPECT_EQ(conv.OutputBytes({.batch = 0, .size = {4, 4}}), 0);
  EXPECT_THROW(conv.InputBytes({.batch = -1, .size = {4, 4}}), std::invalid_argument);
  EXPECT_THROW(conv.InputBytes({.size = {4}}), std::invalid_argument);
  EXPECT_THROW(conv.OutputBytes({.size = {4, 0}}), std::invalid_argument);
}

TEST(ReferenceErrorTest, PixelsOutsideTheOutput) {
  const cases::Case valid = Valid();
  const ReferenceConv reference = valid.Reference();
  const Image image = valid.layer.image;
  std::vector<uint8_t> pixel(5, 0xa5);
  struct {
    int64_t batch;
    Spatial position;
    size_t bytes;
    std::vector<std::string> words;
  } const kBad[] = {{-7, {0, 0}, 5, {"batch", "-7"}},     {1, {0, 0}, 5, {"batch", "1"}},
                    {0, {0}, 5, {"position", "1", "2"}},  {0, {-7, 0}, 5, {"position[0]", "-7"}},
                    {0, {0, 4}, 5, {"position[1]", "4"}}, {0, {0, 0}, 4, {"output", "4", "5"}}};
  for (const auto& bad : kBad) {
    const auto output = std::span<uint8_t>(pixel).first(bad.bytes);
    test::ExpectInvalid(
        [&] { reference.RunPixel(image, valid.input, bad.batch, bad.position, output); },
        bad.words);
    if (bad.bytes != pixel.size()) continue;
    test::ExpectInvalid(
        [&] { reference.Accumulators(image, valid.input, bad.batch, bad.position); }, bad.words);
  }
  EXPECT_EQ(pixel, std::vector<uint8_t>(5, 0xa5));
}

}  // namespace
}  // namespace qconv
