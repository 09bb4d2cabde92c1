// The transform of the input for Winograd kernels: over all counts of channels up to several
// chunks, against plain loops.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "dispatch/registry.h"
#include "guarded.h"
#include "kernels/kernel_table.h"
#include "panel_numbers.h"
#include "testing.h"
#include "winograd_formula.h"

namespace qconv {
namespace {

using kernels::KernelTable;
using kernels::kWinogradPositions;

// Pixels that lie anywhere. No byte may be read beside their channels.
void CheckInput(const KernelTable& table, int64_t channels, int tiles, test::Edge edge,
                std::mt19937& random) {
  const int64_t chunk = 2 * table.lanes, chunks = (channels + chunk - 1) / chunk;
  const int64_t channel = test::Draw(random, 0, 20);
  constexpr int kPlaces = 40;
  std::vector<uint8_t> bytes(static_cast<size_t>(kPlaces + channels));
  for (uint8_t& byte : bytes) byte = test::DrawWinogradByte(random);
  const test::Guarded<uint8_t> input(bytes, edge);
  std::vector<const uint8_t*> drawn;
  for (int i = 0; i < tiles * kWinogradPositions; ++i) {
    const int place = i == 0 ? 0 : i == 1 ? kPlaces : test::Draw(random, 0, kPlaces);
    drawn.push_back(input.span().data() + place - channel);
  }
  const test::Guarded<const uint8_t*> pixels(drawn, test::Edge::kBack);
  const int64_t step = chunks * tiles * chunk + test::Draw(random, 0, 3) * 8;
  constexpr int16_t kUntouched = 12345;
  std::vector<int16_t> output(static_cast<size_t>(kWinogradPositions * step), kUntouched);
  std::vector<int16_t> expected = output;
  for (int p = 0; p < kWinogradPositions; ++p) {
    for (int64_t at = 0; at < chunks * chunk; ++at) {
      const int64_t from = at / chunk == chunks - 1 ? channels - chunk + at % chunk : at;
      for (int tile = 0; tile < tiles; ++tile) {
        const int64_t to = p * step + (at / chunk * tiles + tile) * chunk + at % chunk;
        expected[static_cast<size_t>(to)] =
            static_cast<int16_t>(test::WinogradElement(test::kInputTransform, p, [&](int i) {
              return drawn[static_cast<size_t>(tile * kWinogradPositions + i)][channel + from];
            }));
      }
    }
  }
  table.transforms[kernels::kWinograd]({.pixels = pixels.span().data(),
                                        .channel = channel,
                                        .channels = channels,
                                        .tiles = tiles,
                                        .output = output.data(),
                                        .position_step = step});
  ASSERT_EQ(output, expected);
}

class WinogradInput : public testing::TestWithParam<std::string> {};

TEST_P(WinogradInput, AllCountsOfChannels) {
  const KernelTable& table = dispatch::SelectKernels(GetParam());
  if (table.transforms[kernels::kWinograd] == nullptr) return;
  std::mt19937 random(1);
  const int chunk = 2 * table.lanes;
  for (int channels = chunk; channels <= 3 * chunk + 1; ++channels) {
    for (const test::Edge edge : {test::Edge::kFront, test::Edge::kBack}) {
      const int tiles = 1 + channels % 5;
      SCOPED_TRACE(testing::Message() << channels << " channels, " << tiles << " tiles");
      CheckInput(table, channels, tiles, edge, random);
      if (HasFatalFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, WinogradInput, testing::ValuesIn(test::UsableIsas()), test::IsaName);

}  // namespace
}  // namespace qconv
