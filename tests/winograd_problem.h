// WinogradProblem: tiles times a panel, for a Winograd kernel to solve.
//
// What a tile gives is held against the convolution itself. Read next: winograd_kernel_test.cpp.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <ostream>
#include <random>
#include <vector>

#include "guarded.h"
#include "kernels/kernel_table.h"
#include "panel_numbers.h"
#include "winograd_formula.h"

namespace qconv::test {

enum class WinogradValues {
  kSmall,     // results between the clamps
  kEnds,      // inputs of 0 and 255, transformed weights up to +-32732, sums up to +-2^25
  kWrapping,  // sums of position 0 beyond int32, results small
};

struct WinogradSize {
  int tiles, columns, chunks;
  int begin, pairs;  // in the last chunk of each kernel plane; others are whole
  WinogradValues values;
  int part_chunks = chunks;
  int plane_chunks = 1;
};

inline void PrintTo(const WinogradSize& size, std::ostream* out) {
  *out << size.tiles << " tiles, " << size.columns << " columns, " << size.chunks << " chunks, "
       << size.pairs << " pairs from " << size.begin << ", values " << static_cast<int>(size.values)
       << ", parts of " << size.part_chunks << ", planes of " << size.plane_chunks;
}

class WinogradProblem {
 public:
  WinogradProblem(const kernels::KernelTable& table, const kernels::PanelShape& shape,
                  const WinogradSize& size, uint32_t seed)
      : table_(table),
        shape_(shape),
        size_(size),
        random_(seed),
        chunk_(2 * table.lanes),
        places_(PlaceChannels(size, chunk_)),
        channels_(std::ssize(places_)),
        order_(PanelOrder::Any(table, shape.vectors, random_)) {
    for (int i = 0; i < size.tiles * size.chunks * chunk_ * kernels::kWinogradPositions; ++i) {
      inputs_.push_back(DrawInput(i % kernels::kWinogradPositions));
    }
    constexpr int64_t kMostSum = ((1 << 25) - 1) / 255;
    constexpr int64_t kMost = std::numeric_limits<int16_t>::max() / 49;
    const int64_t part_channels = std::min(channels_, size.part_chunks * chunk_);
    const auto ends = static_cast<int>(std::min(kMost, kMostSum / (9 * part_channels)));
    for (int64_t i = 0; i < shape.columns * channels_ * 9; ++i) {
      const int tap = static_cast<int>(i % 9);
      const int sign = Draw(0, 1) == 1 ? 1 : -1;
      weights_.push_back(size.values == WinogradValues::kSmall  ? Draw(-9, 9)
                         : size.values == WinogradValues::kEnds ? sign * ends
                         : tap == 0                             ? Draw(0, 9) - kWrappingWeight
                                                                : 0);
    }
    if (size.values == WinogradValues::kEnds) {  // the first output is the largest there is
      std::fill_n(inputs_.begin(), size.chunks * chunk_ * kernels::kWinogradPositions,
                  uint8_t{255});
      std::fill_n(weights_.begin(), channels_ * 9, ends);
    }
  }

  void Check() {
    const int64_t step = size_.chunks * size_.tiles * chunk_ + Draw(0, 3) * 8;
    const Guarded<int16_t> input(LayOutInput(step), Edge::kBack);
    const Guarded<int16_t> weights(LayOutWeights(), Edge::kBack);
    const int64_t product_step = size_.tiles * shape_.columns + Draw(0, 3) * 4;
    constexpr int32_t kNoProduct = 1234567890;
    const int positions = kernels::kWinogradPositions +
                          (size_.part_chunks < size_.chunks ? kernels::kWinogradOutputs : 0);
    const Guarded<int32_t> room(
        std::vector<int32_t>(static_cast<size_t>(positions * product_step), kNoProduct),
        Edge::kBack);
    const std::span<int32_t> products = room.span();
    PlaceOutputs();
    std::vector<uint8_t> output(static_cast<size_t>(size_.tiles * kernels::kWinogradOutputs + 1) *
                                kPitch);
    kernels::TransformedTask task = {
        .input = input.span().data() + (size_.plane_chunks == 1 ? size_.begin : 0),
        .input_step = step,
        .tiles = size_.tiles,
        .chunks = size_.chunks,
        .plane_chunks = size_.plane_chunks,
        .part_chunks = size_.part_chunks,
        .pairs = chunk_ / 2,
        .last_pairs = size_.pairs,
        .last_begin = size_.plane_chunks == 1 ? 0 : size_.begin / 2,
        .weights = reinterpret_cast<const std::byte*>(weights.span().data()),
        .weight_step = channels_ * shape_.columns * int64_t{sizeof(int16_t)},
        .products = products.data(),
        .product_step = product_step,
        .output = output.data() + kBefore,
        .block_step = 0,
        .rows = rows_.data(),
        .epilogues = {},
        .columns = size_.columns,
    };
    const Sums sums(std::ssize(rows_), size_.columns,
                    [this](int64_t row, int column) { return Sum(static_cast<int>(row), column); });
    std::vector<Way> ways = Ways(table_, /*with_row_terms=*/false);
    // Those are beyond what there is room for in registers.
    if (size_.values == WinogradValues::kEnds) std::erase_if(ways, InRegisters);
    const auto at = [&](int64_t row) {
      const int64_t begin = rows_[static_cast<size_t>(row)].output;
      return begin < 0 ? begin : kBefore + begin;
    };
    ForEachWay(ways, table_, order_, sums, random_, [&](const PanelNumbers& numbers) {
      const kernels::PanelEpilogue epilogue = numbers.Epilogue();
      task.epilogues[0] = &epilogue;
      CheckOutput(output, sums, numbers, at,
                  [&] { shape_.transformed.multiply[kernels::kWinograd](task); });
    });
    if (testing::Test::HasFailure()) return;
    for (size_t i = 0; i < products.size(); ++i) {
      const bool between = static_cast<int64_t>(i) % product_step >= size_.tiles * shape_.columns;
      if (between) {
        ASSERT_EQ(products[i], kNoProduct);
      }
    }
  }

  static constexpr int kWrappingWeight = 668;

 private:
  static constexpr int kPitch = kernels::kMaxColumns + 3, kBefore = 2;

  static std::vector<int64_t> PlaceChannels(const WinogradSize& size, int64_t chunk) {
    std::vector<int64_t> places;
    for (int i = 0; i < size.chunks; ++i) {
      const bool last = (i + 1) % size.plane_chunks == 0;
      const int64_t begin = last ? size.begin : 0, count = last ? 2 * size.pairs : chunk;
      for (int64_t at = 0; at < count; ++at) places.push_back(i * chunk + begin + at);
    }
    return places;
  }

  int Draw(int low, int high) { return test::Draw(random_, low, high); }

  // Of pixel `i` of a tile.
  uint8_t DrawInput(int i) {
    if (size_.values != WinogradValues::kWrapping) return DrawWinogradByte(random_);
    if (i == 16 || i == 26) return 255;  // what position 0 subtracts, and the first tap never meets
    return i < 12 ? static_cast<uint8_t>(Draw(0, 20) == 0 ? 1 : 0) : 0;
  }

  uint8_t InputAt(int tile, int64_t channel, int i) const {
    return inputs_[static_cast<size_t>(
        ((tile * size_.chunks * chunk_) + channel) * kernels::kWinogradPositions + i)];
  }
  int WeightAt(int column, int64_t channel, int tap) const {
    return weights_[static_cast<size_t>((column * channels_ + channel) * 9 + tap)];
  }

  std::vector<int16_t> LayOutInput(int64_t step) const {
    std::vector<int16_t> words(static_cast<size_t>(kernels::kWinogradPositions * step));
    for (int p = 0; p < kernels::kWinogradPositions; ++p) {
      for (int64_t at = 0; at < size_.chunks * chunk_; ++at) {
        for (int tile = 0; tile < size_.tiles; ++tile) {
          const int64_t to = p * step + (at / chunk_ * size_.tiles + tile) * chunk_ + at % chunk_;
          words[static_cast<size_t>(to)] = static_cast<int16_t>(
              WinogradElement(kInputTransform, p, [&](int i) { return InputAt(tile, at, i); }));
        }
      }
    }
    return words;
  }

  std::vector<int16_t> LayOutWeights() const {
    std::vector<int16_t> words;
    for (int p = 0; p < kernels::kWinogradPositions; ++p) {
      for (int64_t channel = 0; channel < channels_; channel += 2) {
        for (int at = 0; at < 2 * shape_.columns; ++at) {
          const int column = order_.Column(at / 2 / table_.lanes, at / 2 % table_.lanes);
          words.push_back(static_cast<int16_t>(WinogradElement(kWeightTransform, p, [&](int tap) {
            return WeightAt(column, channel + at % 2, tap);
          })));
        }
      }
    }
    return words;
  }

  // Anywhere, those of a tile not in order; of some tiles only the first rows or columns, or none.
  void PlaceOutputs() {
    std::vector<int64_t> places(static_cast<size_t>(size_.tiles * kernels::kWinogradOutputs));
    for (size_t i = 0; i < places.size(); ++i) places[i] = static_cast<int64_t>(i) * kPitch;
    std::shuffle(places.begin(), places.end(), random_);
    for (int tile = 0; tile < size_.tiles; ++tile) {
      const int kind = Draw(0, 8);
      const int height = kind == 0 ? 0 : kind < 3 ? Draw(1, 3) : 4;
      const int width = kind == 2 || kind == 3 ? Draw(1, 3) : 4;
      for (int i = 0; i < kernels::kWinogradOutputs; ++i) {
        const bool outside = i / 4 >= height || i % 4 >= width;
        rows_.push_back({0, outside ? -1 : places[rows_.size()]});
      }
    }
  }

  // By the definition of a convolution.
  int64_t Sum(int output, int column) const {
    const int tile = output / kernels::kWinogradOutputs, y = output / 4 % 4, x = output % 4;
    int64_t sum = 0;
    for (int64_t channel = 0; channel < channels_; ++channel) {
      const int64_t from = places_[static_cast<size_t>(channel)];
      for (int tap = 0; tap < 9; ++tap) {
        const int i = (y + tap / kWinogradKernel) * kWinogradSide + x + tap % kWinogradKernel;
        sum += InputAt(tile, from, i) * WeightAt(column, channel, tap);
      }
    }
    return sum;
  }

  const kernels::KernelTable& table_;
  const kernels::PanelShape& shape_;
  const WinogradSize size_;
  std::mt19937 random_;
  const int64_t chunk_;
  const std::vector<int64_t> places_;  // of the channels that are multiplied, in the input
  const int64_t channels_;
  const PanelOrder order_;
  std::vector<uint8_t> inputs_;  // [tile][channel][6][6]
  std::vector<int> weights_;     // [column][channel][3][3]
  std::vector<kernels::Row> rows_;
};

}  // namespace qconv::test
