// The largest byte, of every ISA: every length around its vectors, every place of the largest, and
// no byte beyond the ends.
#include <gtest/gtest.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dispatch/registry.h"
#include "guarded.h"
#include "testing.h"

namespace qconv {
namespace {

using test::Edge;
using test::Guarded;

class LargestByteTest : public ::testing::TestWithParam<std::string> {
 protected:
  int Largest(std::span<const uint8_t> bytes) const {
    return table_.largest_byte(bytes.data(), static_cast<int64_t>(bytes.size()));
  }

 private:
  const kernels::KernelTable& table_ = dispatch::SelectKernels(GetParam());
};

TEST_P(LargestByteTest, OfNone) { EXPECT_EQ(Largest({}), 0); }

// Memory around the bytes is beyond them in value: what is read too much shows in the result, or
// ends the process where the page ends.
TEST_P(LargestByteTest, EveryPlaceInEveryLength) {
  for (size_t count = 1; count <= 4 * 64 + 1; ++count) {
    const std::vector<uint8_t> zeros(count);
    for (const Edge edge : {Edge::kFront, Edge::kBack}) {
      const Guarded<uint8_t> guarded(zeros, edge);
      const std::span<uint8_t> bytes = guarded.span();
      ASSERT_EQ(Largest(bytes), 0) << count << " bytes";
      for (size_t i = 0; i < count; ++i) {
        const int value = 1 + static_cast<int>(i % 100);
        bytes[i] = static_cast<uint8_t>(value);
        ASSERT_EQ(Largest(bytes), value) << "byte " << i << " of " << count;
        bytes[i] = 0;
      }
    }
  }
}

// Unsigned: 128 exceeds 127.
TEST_P(LargestByteTest, EveryValue) {
  std::vector<uint8_t> bytes(200);
  for (int value = 0; value < 256; ++value) {
    bytes[static_cast<size_t>(value % 200)] = static_cast<uint8_t>(value);
    EXPECT_EQ(Largest(bytes), value);
  }
}

TEST_P(LargestByteTest, AnyAlignment) {
  std::vector<uint8_t> bytes(64 + 333, 9);
  for (size_t begin = 0; begin < 64; ++begin) {
    const auto part = std::span(bytes).subspan(begin, 333);
    part.back() = 200;
    EXPECT_EQ(Largest(part), 200);
    EXPECT_EQ(Largest(part.first(332)), 9);
    part.back() = 9;
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, LargestByteTest, ::testing::ValuesIn(test::UsableIsas()),
                         test::IsaName);

}  // namespace
}  // namespace qconv
