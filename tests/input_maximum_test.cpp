// A declared input maximum: Run and the reference refuse every byte beyond it, wherever it lies,
// and write nothing; inputs within it give the bytes that they give undeclared.
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "common/case.h"
#include "errors.h"
#include "testing.h"

namespace qconv {
namespace {

constexpr int32_t kMaximum = 127;

// 5 -> 3 channels, 3x3, padding 1, two images of 6x7: 420 bytes in, odd rows and pixels.
cases::Case Valid(int32_t maximum = kMaximum) {
  return cases::MakeCase(
      test::MakeLayer({.in_channels = 5, .out_channels = 3, .kernel = {3, 3}, .padding = {1, 1}},
                      {.batch = 2, .size = {6, 7}}),
      cases::Weights::kUniform, /*seed=*/3, maximum);
}

// Where byte `byte` of a 2D case's input lies, as errors say it.
std::string Place(const cases::Case& c, size_t byte) {
  const auto at = static_cast<int64_t>(byte);
  const int64_t channels = c.layer.params.in_channels;
  const Spatial& size = c.layer.image.size;
  const int64_t pixel = at / channels;
  return "batch " + std::to_string(pixel / (size[0] * size[1])) + ", position [" +
         std::to_string(pixel / size[1] % size[0]) + "][" + std::to_string(pixel % size[1]) +
         "], channel " + std::to_string(at % channels);
}

// The error of a case whose first byte beyond the maximum is `byte`.
std::vector<std::string> Words(const cases::Case& c, size_t byte) {
  return {Place(c, byte) + " is " + std::to_string(c.input[byte]) + ";", "input_maximum",
          std::to_string(c.input_maximum)};
}

// `run` is Run of a Conv or a ReferenceConv.
template <class Run>
void ExpectRefused(const cases::Case& c, size_t byte, const Run& run) {
  constexpr uint8_t kPattern = 0xa5;
  std::vector<uint8_t> output(static_cast<size_t>(c.layer.OutputBytes()), kPattern);
  test::ExpectInvalid([&] { run(output); }, Words(c, byte));
  EXPECT_EQ(output, std::vector<uint8_t>(output.size(), kPattern));
}

void ExpectConvRefuses(const cases::Case& c, size_t byte, const Conv& conv,
                       const Executor& executor) {
  ExpectRefused(c, byte, [&](std::vector<uint8_t>& output) {
    conv.Run(c.layer.image, c.input, output, executor);
  });
}

class InputMaximumTest : public ::testing::TestWithParam<std::string> {};

TEST_P(InputMaximumTest, RefusesAnyByteBeyondIt) {
  cases::Case c = Valid();
  const Conv conv = test::PrepackFor(c, GetParam());
  for (size_t byte = 0; byte < c.input.size(); ++byte) {
    SCOPED_TRACE(byte);
    const uint8_t valid = c.input[byte];
    c.input[byte] = byte % 2 == 0 ? kMaximum + 1 : 255;
    ExpectConvRefuses(c, byte, conv, Executor::Serial());
    c.input[byte] = valid;
  }
  EXPECT_EQ(test::Difference(test::RunReference(c), c.Run(conv)), "");
}

// Each length and each place in memory that a vector may have.
TEST_P(InputMaximumTest, RefusesTheLastByteAtAnyAlignment) {
  cases::Case c = test::PixelRow(300, 0);
  c.input_maximum = 8;
  const Conv conv = test::PrepackFor(c, GetParam());
  std::vector<uint8_t> memory(400, 255), output(300);
  for (size_t begin = 1; begin <= 64; ++begin) {
    for (const size_t count : {1, 15, 16, 31, 63, 64, 65, 127, 128, 129, 255, 299}) {
      SCOPED_TRACE(testing::Message() << count << " bytes from " << begin << " on");
      const auto input = std::span(memory).subspan(begin, count);
      const auto result = std::span(output).first(count);
      const Image image = {.size = {static_cast<int64_t>(count)}};
      std::fill(input.begin(), input.end(), uint8_t{8});
      EXPECT_NO_THROW(conv.Run(image, input, result, Executor::Serial()));
      input.back() = 9;
      test::ExpectInvalid([&] { conv.Run(image, input, result, Executor::Serial()); },
                          {"position [" + std::to_string(count - 1) + "], channel 0 is 9;"});
      std::fill(input.begin(), input.end(), uint8_t{255});
    }
  }
}

TEST_P(InputMaximumTest, NamesTheFirstOfSeveral) {
  cases::Case c = Valid();
  for (const size_t byte : {419, 300, 77}) c.input[byte] = static_cast<uint8_t>(128 + byte % 100);
  ExpectConvRefuses(c, 77, test::PrepackFor(c, GetParam()), Executor::Current());
}

TEST_P(InputMaximumTest, NamesThePlaceInEveryRank) {
  struct {
    Spatial kernel, size;
    const char* place;
  } constexpr kRanks[] = {{{1}, {30}, "batch 1, position [14], channel 2"},
                          {{1, 1}, {5, 6}, "batch 1, position [2][2], channel 2"},
                          {{1, 1, 1}, {2, 3, 5}, "batch 1, position [0][2][4], channel 2"}};
  for (const auto& rank : kRanks) {
    cases::Case c = cases::MakeCase(
        test::MakeLayer({.in_channels = 3, .out_channels = 2, .kernel = rank.kernel},
                        {.batch = 2, .size = rank.size}),
        cases::Weights::kUniform, /*seed=*/1, kMaximum);
    c.input[(30 + 14) * 3 + 2] = 200;
    const std::vector<std::string> words = {std::string(rank.place) + " is 200;", "127"};
    const Conv conv = test::PrepackFor(c, GetParam());
    test::ExpectInvalid([&] { c.Run(conv); }, words);
    test::ExpectInvalid([&] { test::RunReference(c); }, words);
  }
}

// Large enough to be checked in many tasks.
TEST_P(InputMaximumTest, RefusesWithThreads) {
  cases::Case c = cases::MakeCase(
      test::MakeLayer({.in_channels = 33, .out_channels = 1, .kernel = {1, 1}, .stride = {64, 64}},
                      {.batch = 3, .size = {97, 101}}),
      cases::Weights::kUniform, /*seed=*/5, kMaximum);
  const Conv conv = test::PrepackFor(c, GetParam());
  const std::vector<uint8_t> valid = c.input, expected = test::RunReference(c);
  const size_t last = c.input.size() - 1;
  for (const int threads : {1, 2, 3, 8}) {
    const auto executor = Executor::Threads(threads);
    // Also where one task ends and the next begins.
    std::vector<size_t> places;
    for (size_t at = 0; at < last; at += 23'456) places.push_back(at);
    for (size_t at = 1 << 16; at + 1 < last; at += 1 << 16) {
      places.insert(places.end(), {at - 1, at, at + 1});
    }
    for (const size_t first : places) {
      c.input[first] = 128;
      c.input[last] = 255;
      ExpectConvRefuses(c, first, conv, *executor);
      c.input[first] = valid[first];
      ExpectConvRefuses(c, last, conv, *executor);
      c.input[last] = valid[last];
    }
    EXPECT_EQ(test::Difference(expected, c.Run(conv, *executor)), "");
  }
}

// The same bytes as without a declaration; the maximum itself is within, and so is its zero point.
TEST_P(InputMaximumTest, InputsWithinGiveTheReferencesBytes) {
  for (const int32_t maximum : {0, 1, 63, 127, 128, 254}) {
    for (const int32_t zero_point : {0, maximum}) {
      SCOPED_TRACE(testing::Message() << maximum << ", zero point " << zero_point);
      cases::Case c = Valid(maximum);
      c.input_quantization.zero_point = zero_point;
      std::fill_n(c.input.begin(), 200, static_cast<uint8_t>(maximum));
      const Conv conv = test::PrepackFor(c, GetParam());
      EXPECT_EQ(conv.Describe().input_maximum, maximum);
      const std::vector<uint8_t> bytes = c.Run(conv);
      EXPECT_EQ(test::Difference(test::RunReference(c), bytes), "");
      c.input_maximum = 255;
      EXPECT_EQ(test::Difference(test::RunReference(c), bytes), "");
    }
  }
}

TEST_P(InputMaximumTest, WithoutADeclarationEverythingIsAccepted) {
  cases::Case c = Valid(255);
  std::fill(c.input.begin(), c.input.end(), uint8_t{255});
  const Conv conv = test::PrepackFor(c, GetParam());
  EXPECT_EQ(conv.Describe().input_maximum, 255);
  EXPECT_EQ(test::Difference(test::RunReference(c), c.Run(conv)), "");
}

TEST_P(InputMaximumTest, NoInputAtAll) {
  cases::Case c = Valid();
  c.layer.image.batch = 0;
  c.input.clear();
  EXPECT_TRUE(c.Run(test::PrepackFor(c, GetParam())).empty());
}

INSTANTIATE_TEST_SUITE_P(Isa, InputMaximumTest, ::testing::ValuesIn(test::UsableIsas()),
                         test::IsaName);

TEST(ReferenceInputMaximumTest, RefusesAnyByteBeyondIt) {
  cases::Case c = Valid();
  const ReferenceConv reference = c.Reference();
  for (const size_t byte : {0, 5, 77, 209, 210, 419}) {
    const uint8_t valid = c.input[byte];
    c.input[byte] = 128;
    ExpectRefused(c, byte, [&](std::vector<uint8_t>& output) {
      reference.Run(c.layer.image, c.input, output);
    });
    c.input[byte] = valid;
  }
}

TEST(ReferenceInputMaximumTest, PixelsAreCheckedUnderTheirWindow) {
  cases::Case c = Valid();
  const ReferenceConv reference = c.Reference();
  const size_t byte = ((6 + 2) * 7 + 3) * 5 + 4;  // batch 1, position [2][3], channel 4
  c.input[byte] = 128;
  std::vector<uint8_t> pixel(3, 0xa5);
  for (const int64_t h : {1, 3}) {
    test::ExpectInvalid([&] { reference.RunPixel(c.layer.image, c.input, 1, {h, 4}, pixel); },
                        Words(c, byte));
    test::ExpectInvalid([&] { reference.Accumulators(c.layer.image, c.input, 1, {h, 4}); },
                        Words(c, byte));
  }
  EXPECT_EQ(pixel, std::vector<uint8_t>(3, 0xa5));
  EXPECT_NO_THROW(reference.RunPixel(c.layer.image, c.input, 1, {2, 5}, pixel));
  EXPECT_NO_THROW(reference.RunPixel(c.layer.image, c.input, 0, {2, 3}, pixel));
}

}  // namespace
}  // namespace qconv
