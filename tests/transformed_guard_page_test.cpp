// Transforms read whole chunks of a pixel's channels, and whole tiles of pixels: never beyond the
// tensor, wherever it ends.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/case.h"
#include "dispatch/registry.h"
#include "guarded.h"
#include "guarded_run.h"
#include "testing.h"
#include "transformed.h"
#include "transformed_layers.h"

namespace qconv {
namespace {

class TransformedGuardPageTest : public testing::TestWithParam<std::string> {
 protected:
  // Also where Run would not take these kernels.
  void Check(const cases::Case& c) {
    const std::vector<pack::PackedLayer> layers = test::PackTransformed(c, GetParam());
    if (layers.empty()) return;
    const auto [input_size, output_size] = test::SizesOf(c);
    const std::vector<uint8_t> expected = test::RunReference(c);
    for (const test::Edge edge : {test::Edge::kFront, test::Edge::kBack}) {
      test::CheckGuarded(c, expected, GetParam(), edge);
      const test::Guarded<uint8_t> input(c.input, edge);
      input.Protect(PROT_READ);
      for (const pack::PackedLayer& layer : layers) {
        const test::Guarded<uint8_t> output(std::vector<uint8_t>(expected.size()), edge);
        RunTransformed(layer, c.layer.image.batch, input_size, output_size, input.span().data(),
                       output.span().data(), test::InTurn(3));
        EXPECT_EQ(test::Difference(expected, output.span()), "");
        EXPECT_TRUE(output.PatternIntact());
        ++checked_[layer.transform];
      }
    }
  }

  // By each transform that there is.
  void ExpectChecked(int least) const {
    for (int i = 0; i < kernels::kTransformCount; ++i) {
      if (dispatch::SelectKernels(GetParam()).transforms[i] == nullptr) continue;
      EXPECT_GE(checked_[i], least) << kernels::kTransforms[i].name;
    }
  }

 private:
  int checked_[kernels::kTransformCount] = {};
};

// Every count of channels of one chunk, of two and of what is left.
TEST_P(TransformedGuardPageTest, Channels) {
  for (int64_t channels = 16; channels <= 132; ++channels) {
    const ConvParams params = {.in_channels = channels,
                               .out_channels = 1 + channels * 7 % 37,
                               .kernel = {3, 3},
                               .padding = {channels % 2, channels / 2 % 2}};
    const Image image = {.batch = 1 + channels % 3 / 2, .size = {4 + channels % 3, 5}};
    Check(test::MakeTransformedCase(test::MakeLayer(params, image), static_cast<int>(channels)));
    const ConvParams pointwise = {.in_channels = 2 * channels,
                                  .out_channels = 4 + 4 * (channels % 11),
                                  .kernel = {1, 1},
                                  .stride = {1, 1 + channels % 3 / 2}};
    Check(test::MakeTransformedCase(test::MakeLayer(pointwise, image), static_cast<int>(channels)));
  }
  ExpectChecked(50);
}

TEST_P(TransformedGuardPageTest, Families) {
  for (const test::TransformedFamily& family : test::TransformedFamilies()) {
    int index = 0;
    test::ForEachTransformedCase(family, [&](const cases::Case& c) {
      if (index++ % 3 == 0) Check(c);
    });
  }
  ExpectChecked(50);
}

INSTANTIATE_TEST_SUITE_P(Isa, TransformedGuardPageTest, testing::ValuesIn(test::UsableIsas()),
                         test::IsaName);

}  // namespace
}  // namespace qconv
