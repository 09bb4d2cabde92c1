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

// Positions of some neighbouring outputs in one dimension. Divisions take most of the time of a
// plan: of a dimension with a single output there is one count only.
class PositionCount {
 public:
  PositionCount(const pack::SpreadSteps& steps, int64_t outputs)
      : steps_(steps), outputs_(outputs), one_(pack::MakeSpreadAxis(steps, 1).positions()) {}

  int64_t one() const { return one_; }
  int64_t Positions(int64_t outputs) const {
    return outputs == 1 ? one_ : pack::MakeSpreadAxis(steps_, outputs).positions();
  }
  // The most outputs, up to `most`, with at most so many positions.
  int64_t Largest(int64_t most, int64_t positions) const {
    if (outputs_ == 1) return positions >= one_ ? std::min<int64_t>(most, 1) : 0;
    return std::min({outputs_, most, pack::LargestExtent(steps_, positions)});
  }

 private:
  const pack::SpreadSteps& steps_;
  const int64_t outputs_, one_;
};

// The best tile whose spread input fits `bytes`.
Candidate BestTile(const pack::PackedLayer& layer, const Dims& output, int64_t rows,
                   int64_t bytes) {
  const int64_t most_positions = pack::SpreadPositions(layer, bytes);
  const pack::SpreadLayout& spread = layer.spread;
  const PositionCount d(spread.steps[0], output[0]), h(spread.steps[1], output[1]),
      w(spread.steps[2], output[2]);
  Candidate best;
  for (int64_t width = 2 * output[2]; width > 1;) {
    width = (width + 1) / 2;
    Candidate c;
    Dims& tile = c.tile;
    tile[2] = std::min(pack::RoundUp(Even(output[2], width), spread.output_columns), width);
    if (tile[2] > rows) continue;
    const int64_t columns = w.Positions(tile[2]);
    int64_t room = most_positions / columns;
    if (room < d.one() * h.one()) continue;
    const int64_t tallest = h.Largest(rows / tile[2], room / d.one());
    tile[1] = Even(output[1], tallest);
    tile[1] = std::min(pack::RoundUp(tile[1], spread.output_rows), tallest);
    const int64_t lines = h.Positions(tile[1]);
    room /= lines;
    tile[0] = d.Largest(rows / (tile[1] * tile[2]), room);
    tile[0] = Even(output[0], tile[0]);
    c.spread = d.Positions(tile[0]) * lines * (columns + kRowCost);
    c.pixels = tile[0] * tile[1] * tile[2];
    if (c.Beats(best, 4)) best = c;
    if (output[0] * output[1] == 1) break;  // less of a row only has more positions a pixel
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
