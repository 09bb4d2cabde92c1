// Copies of layers, and layers moved from.
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/case.h"
#include "qconv/qconv.h"
#include "testing.h"

namespace qconv {
namespace {

// All three classes behave alike.
template <typename Layer>
void ExpectWhole(const cases::Case& c, Layer layer) {
  const auto output = [&](const Layer& of) {
    std::vector<uint8_t> bytes(1);
    of.Run(c.layer.image, c.input, bytes);
    return bytes;
  };
  const std::vector<uint8_t> expected = {11};
  std::optional<Layer> copy = layer;
  Layer moved = std::move(layer);
  EXPECT_EQ(output(layer), expected);  // NOLINT(bugprone-use-after-move): what is tested
  EXPECT_EQ(output(moved), expected);
  layer = std::move(moved);
  EXPECT_EQ(output(moved), expected);  // NOLINT(bugprone-use-after-move)
  copy.reset();
  EXPECT_EQ(output(layer), expected);
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<Layer>);
  EXPECT_TRUE(std::is_nothrow_move_assignable_v<Layer>);
}

TEST(CopyTest, NoneIsWithoutALayer) {
  const cases::Case c = test::OnePixel({1, 2}, {3, 4});
  ExpectWhole(c, c.Prepack());
  ExpectWhole(c, c.Reference());
  ExpectWhole(c, c.Saturating());
}

}  // namespace
}  // namespace qconv
