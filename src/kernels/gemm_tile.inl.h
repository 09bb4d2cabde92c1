// The micro-kernel: one register tile of int32 accumulators over taps x depth, then the epilogue.
//
// Layer: kernels, compiled once per ISA. Knows nothing of images, padding or threads: a tile is m
// rows (pixels, given by their offsets) times nv vectors of output channels (a packed panel). How
// activations come to the lanes is its Input's business: pixel_input.inl.h (dense layers) or
// lane_input.inl.h (depthwise, narrow groups); chain_input.inl.h is for dense layers whose weights
// admit faster arithmetic.
//
// What Simd (isa_*.cpp) supplies: the table in HACKING.md, "How to add an ISA".
// Read next: pixel_input.inl.h, then epilogue.inl.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/epilogue.inl.h"
#include "kernels/hide.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/row_pointers.inl.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

// Dot products have a latency of about five cycles and a rate of two a cycle: a tile of fewer than
// `in_flight` accumulators (ten for these) sums in several of them, each over its own depth groups,
// and adds them up.
template <int in_flight, int m, int nv>
constexpr int PartialSums() {
  constexpr int kMost = 4;
  constexpr int kSums = in_flight / (m * nv);
  return kSums < 1 ? 1 : kSums > kMost ? kMost : kSums;
}

// `tiles` tiles of m rows each, from row `row`.
template <class Simd, class Input, template <int> class RowsOf, int m, int nv>
__attribute__((flatten)) void GemmTiles(const PanelTask& task, const Input& input, int64_t row,
                                        int64_t tiles) {
  using Width = typename Simd::Width;
  using Register = typename Width::Register;
  constexpr int kSums = PartialSums<Input::kInFlight, m, nv>();
  const PanelTask* epilogue_task = &task;
  for (const Row* rows = task.rows + row; tiles > 0; --tiles, rows += m) {
    Register acc[kSums][m][nv];
    Unroll<nv>([&](auto v) {
      const Register offset = Width::LoadInts(task.epilogue.offsets + v * Width::kLanes);
      Unroll<m>([&](auto r) {
        acc[0][r][v] = offset;
        Unroll<kSums - 1>([&](auto c) { acc[c + 1][r][v] = Register{}; });
      });
    });
    RowsOf<m> a(task, rows);
    input.Accumulate(acc, a);
    Unroll<kSums - 1>([&](auto c) {
      Unroll<m>([&](auto r) {
        Unroll<nv>([&](auto v) { acc[0][r][v] = Width::Add(acc[0][r][v], acc[c + 1][r][v]); });
      });
    });
    // Hides from the compiler that this does not change from tile to tile: it would keep the
    // vectors of the epilogue in registers that the accumulators need.
    HideInRegister(epilogue_task);
    OutputTask<Simd, nv>(epilogue_task->epilogue, epilogue_task->columns)
        .template Write<m>(acc[0], epilogue_task->output, rows, rows - task.rows);
  }
}

// Cuts `count` rows from `first` on into tiles of at most `most`.
template <class Simd, class Input, template <int> class RowsOf, int most, int nv>
void RunTiles(const PanelTask& task, const Input& input, int64_t first, int64_t count) {
  const EvenTiles tiles(count, most);
  const auto run = [&](int64_t height, int64_t row, int64_t tile_count) {
    WithConstant<most>(height, [&](auto m) {
      GemmTiles<Simd, Input, RowsOf, m.kValue, nv>(task, input, row, tile_count);
    });
  };
  run(tiles.height, first, tiles.tall);
  if (tiles.tall < tiles.count) {
    run(tiles.height - 1, first + tiles.tall * tiles.height, tiles.count - tiles.tall);
  }
}

// A block: runs one by one, where they are long, or all its rows alike.
template <class Simd, template <class, int> class InputOf, int nv>
void RunPanel(const PanelTask& task) {
  using Input = InputOf<Simd, nv>;
  const Input input(task);
  if constexpr (Input::kEvenTileRows > 0) {
    if (task.runs.count > Input::kTileRows) {
      int64_t run = task.runs.first;
      for (int64_t row = 0; row < task.row_count; row += run, run = task.runs.count) {
        const int64_t left = task.row_count - row;
        RunTiles<Simd, Input, EvenRows, Input::kEvenTileRows, nv>(task, input, row,
                                                                  run < left ? run : left);
      }
      return;
    }
  }
  RunTiles<Simd, Input, ScatteredRows, Input::kTileRows, nv>(task, input, 0, task.row_count);
}

}  // namespace
}  // namespace qconv::kernels
