#include "lane_tile.h"

#include <algorithm>

#include "pack/integers.h"
#include "pack/lane_feed.h"

namespace qconv {
namespace {

// What a row of positions costs beyond them, in positions.
constexpr int64_t kRowCost = 6;

// Spread input of this size stays in the first-level cache beside what goes in and out. (3x3,
// 56x56, 128 channels: 24 KB 1.23 times the speed of oneDNN; 10 KB 1.10, 40 KB 1.18.)
constexpr int64_t kCacheBytes = 24 * 1024;

using pack::Dims;

// `size` in equal parts of at most `most`.
int64_t Even(int64_t size, int64_t most) { return pack::CeilDiv(size, pack::CeilDiv(size, most)); }

struct Candidate {
  Dims tile = {1, 1, 1};
  int64_t spread = 0, pixels = 1;  // what is spread for how many

  // Whether it spreads less than `share` / 4 of what the other does, for each pixel.
  bool Beats(const Candidate& other, int64_t share) const {
    return other.spread == 0 || 4 * spread * other.pixels < share * other.spread * pixels;
  }
};

// The best tile whose spread input fits `bytes`.
Candidate BestTile(const pack::PackedLayer& layer, const Dims& output, int64_t rows,
                   int64_t bytes) {
  const int64_t most_positions = pack::SpreadPositions(layer, bytes);
  const auto positions = [&](size_t i, int64_t extent) {
    return pack::MakeSpreadAxis(layer.spread.steps[i], extent).positions();
  };
  const auto largest = [&](size_t i, int64_t most, int64_t room) {
    return std::min({output[i], most, pack::LargestExtent(layer.spread.steps[i], room)});
  };
  const int64_t sharing = layer.spread.output_rows;
  Candidate best;
  for (int64_t width = 2 * output[2]; width > 1;) {
    width = (width + 1) / 2;
    Candidate c;
    Dims& tile = c.tile;
    tile[2] = std::min(pack::RoundUp(Even(output[2], width), layer.spread.output_columns), width);
    int64_t room = most_positions / positions(2, tile[2]);
    if (tile[2] > rows || room < positions(0, 1) * positions(1, 1)) continue;
    const int64_t tallest = largest(1, rows / tile[2], room / positions(0, 1));
    tile[1] = Even(output[1], tallest);
    tile[1] = std::min(pack::RoundUp(tile[1], sharing), tallest);
    room /= positions(1, tile[1]);
    tile[0] = largest(0, rows / (tile[1] * tile[2]), room);
    tile[0] = Even(output[0], tile[0]);
    c.spread = positions(0, tile[0]) * positions(1, tile[1]) * (positions(2, tile[2]) + kRowCost);
    c.pixels = tile[0] * tile[1] * tile[2];
    if (c.Beats(best, 4)) best = c;
  }
  return best;
}

}  // namespace

Dims ChooseLaneTile(const pack::PackedLayer& layer, const Dims& output, int64_t rows,
                    int64_t bytes) {
  const Candidate small = BestTile(layer, output, rows, std::min(bytes, kCacheBytes));
  const Candidate large = BestTile(layer, output, rows, bytes);
  // Input from the second-level cache makes the kernel slower, by about a quarter.
  return large.spread > 0 && large.Beats(small, 3) ? large.tile : small.tile;
}

}  // namespace qconv
