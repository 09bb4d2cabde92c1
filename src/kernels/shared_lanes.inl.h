// RunSharedLanes: lane kernels where several outputs share the positions of spread input, each with
// weights of its own (../pack/spread_layout.h).
//
// Layer: kernels, compiled once per ISA. A vector of spread input is loaded once for all of them,
// where lane_input.inl.h loads one for each dot product. So that registers hold enough outputs, a
// tile is summed vector by vector, and the sums wait in memory for the epilogue.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/epilogue.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

// One vector of m rows: sums[share][row], `step` int32s from row to row. `offsets` and `weights`
// are those of the vector, `group_bytes` the weights of all vectors.
template <class Simd, int m, int sharing>
__attribute__((flatten, noinline)) void SumSharedLanes(const PanelTask& task, const Row* rows,
                                                       int64_t input, const int32_t* offsets,
                                                       const std::byte* weights,
                                                       int64_t group_bytes, int32_t* sums,
                                                       int64_t step) {
  using Width = typename Simd::Width;
  using Register = typename Width::Register;
  Register acc[sharing][m];
  Unroll<sharing>(
      [&](auto i) { Unroll<m>([&](auto r) { acc[i][r] = Width::LoadInts(offsets); }); });
  const uint8_t* a[m];
  Unroll<m>([&](auto r) { a[r] = task.input + rows[r].input + input; });
  const int64_t *k = task.group_inputs, *const end = k + task.group_count;
  for (; k < end; ++k, weights += group_bytes) {
    typename Simd::Weights w[sharing];
    Unroll<sharing>(
        [&](auto i) { w[i] = Simd::LoadWeights(weights + i * task.share_weight_step); });
    Unroll<m>([&](auto r) {
      const auto x = Simd::LoadSpread(a[r] + *k);
      Unroll<sharing>([&](auto i) { acc[i][r] = Simd::Dot(acc[i][r], x, w[i]); });
    });
  }
  Unroll<sharing>([&](auto i) {
    Unroll<m>([&](auto r) { Width::StoreInts(sums + (i * m + r) * step, acc[i][r]); });
  });
}

// The outputs of a tile of m rows, one for each.
template <class Simd, int m, int nv>
__attribute__((flatten, noinline)) void WriteSums(const OutputTask<Simd, nv>& output_task,
                                                  const int32_t* sums, uint8_t* output,
                                                  const Row* rows) {
  using Width = typename Simd::Width;
  using Register = typename Width::Register;
  Register acc[m][nv];
  Unroll<m>([&](auto r) {
    Unroll<nv>([&](auto v) { acc[r][v] = Width::LoadInts(sums + (r * nv + v) * Width::kLanes); });
  });
  output_task.template Write<m>(acc, output, rows, /*first_row=*/0);
}

template <class Simd, int nv, int sharing>
void RunSharedLaneTiles(const PanelTask& task) {
  using Width = typename Simd::Width;
  constexpr int kMost = TileRows(Simd::kSharedTileRows[sharing / 4]);
  constexpr int64_t kRowSums = nv * Width::kLanes;
  const OutputTask<Simd, nv> output_task(task.epilogue, task.columns);
  alignas(sizeof(typename Width::Register)) int32_t sums[sharing * kMost * kRowSums];
  const EvenTiles tiles(task.row_count, kMost);
  const Row* rows = task.rows;
  for (int64_t tile = 0; tile < tiles.count; ++tile) {
    WithConstant<kMost>(tiles.HeightOf(tile), [&](auto m) {
      for (int v = 0; v < nv; ++v) {
        SumSharedLanes<Simd, m.kValue, sharing>(
            task, rows, v * int64_t{Simd::kSpreadVectorBytes},
            task.epilogue.offsets + v * Width::kLanes,
            task.weights + v * int64_t{Simd::kWeightVectorBytes},
            nv * int64_t{Simd::kWeightVectorBytes}, sums + v * Width::kLanes, kRowSums);
      }
      for (int i = 0; i < sharing; ++i) {
        WriteSums<Simd, m.kValue>(output_task, sums + i * m.kValue * kRowSums,
                                  task.output + i * task.share_output_step, rows);
      }
    });
    rows += tiles.HeightOf(tile);
  }
}

template <class Simd, int nv>
void RunSharedLanes(const PanelTask& task) {
  if (task.sharing == 2) return RunSharedLaneTiles<Simd, nv, 2>(task);
  RunSharedLaneTiles<Simd, nv, 4>(task);
}

}  // namespace
}  // namespace qconv::kernels
