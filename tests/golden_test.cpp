// Layers computed by FBGEMM on a VNNI machine: every ISA must give its bytes, and so must the
// reference.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/case.h"
#include "testing.h"

namespace qconv {
namespace {

const std::vector<cases::Case>& Golden() {
  static const std::vector<cases::Case> golden = cases::ReadGolden(QCONV_GOLDEN_FILE);
  return golden;
}

class GoldenTest : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenTest, EveryLayer) {
  for (cases::Case golden : Golden()) {
    SCOPED_TRACE(test::Text(golden));
    for (const bool transforms : {true, false}) {
      golden.transforms = transforms;
      EXPECT_EQ(test::Difference(golden.expected, test::RunOn(golden, GetParam())), "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, GoldenTest, ::testing::ValuesIn(test::UsableIsas()), test::IsaName);

TEST(GoldenReferenceTest, EveryLayer) {
  for (const cases::Case& golden : Golden()) {
    SCOPED_TRACE(test::Text(golden));
    EXPECT_EQ(test::Difference(golden.expected, test::RunReference(golden)), "");
  }
}

// The file is whole, and hard enough to be worth comparing with.
TEST(GoldenFileTest, CoversTheParameterSpace) {
  int three_d = 0, grouped = 0, depthwise = 0, weight_zero_points = 0, relu = 0, without_bias = 0;
  for (const cases::Case& golden : Golden()) {
    const ConvParams& params = golden.layer.params;
    three_d += params.kernel.rank() == 3;
    grouped += params.groups > 1;
    depthwise += params.groups > 1 && params.groups == params.in_channels;
    bool any = false;
    for (const int32_t zero_point : golden.weight_zero_points) any |= zero_point != 0;
    weight_zero_points += any;
    relu += golden.activation.lower == 0.0f;
    without_bias += golden.bias.empty();
    EXPECT_EQ(golden.expected.size(), static_cast<size_t>(golden.layer.OutputBytes()));
  }
  EXPECT_EQ(Golden().size(), 60u);
  EXPECT_GT(three_d, 0);
  EXPECT_GT(grouped, 0);
  EXPECT_GT(depthwise, 0);
  EXPECT_GT(weight_zero_points, 0);
  EXPECT_GT(relu, 0);
  EXPECT_GT(without_bias, 0);
}

}  // namespace
}  // namespace qconv
