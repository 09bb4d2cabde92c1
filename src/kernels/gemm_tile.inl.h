// The micro-kernel: one register tile of int32 accumulators over taps x depth, then the epilogue.
//
// Layer: kernels, compiled once per ISA. Knows nothing of images, padding or threads: a tile is m
// rows (pixels, given by their offsets) times nv vectors of output channels (a packed panel).
//
//   Simd (see isa_*.cpp) supplies
//     Width          the register width: its types, narrowing and stores (width_256/512.inl.h)
//     Int32, Float   xsimd batches of that width
//     Activations    four u8 of one pixel, broadcast;    Broadcast(pointer)
//     Weights        four s8 of each of kLanes channels; LoadWeights(pointer), kWeightVectorBytes
//     Dot            acc + sum of four u8 * s8 products per lane, exact
//     kWeightFormat  how the packer lays a lane's four weights out
//     kTileRows      the tallest tile for 1, 2, ... vectors (2 or 4 of them) that stays in
//                    registers
//     kLaneTileRows, LoadSpread(pointer), StoreSpread(pointer, quads), kSpreadVectorBytes
//                    the same for lane kernels: activations of a quad per lane, in memory
// Read next: epilogue.inl.h; spread.inl.h for the input of lane kernels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/epilogue.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

constexpr int kDepthUnroll = QCONV_DEPTH_UNROLL;  // 4; under sanitizers 1 (cmake/isa.cmake)

// Dot products have a latency of about five cycles and a rate of two a cycle: a tile of fewer than
// ten accumulators runs several chains of them, each over its own depth groups, and adds them up.
template <int m, int nv>
constexpr int Chains() {
  constexpr int kInFlight = 10, kMost = 4;
  constexpr int kChains = kInFlight / (m * nv);
  return kChains < 1 ? 1 : kChains > kMost ? kMost : kChains;
}

// The input of a tile: four bytes of a pixel are a depth group, for all output channels alike.
template <class Simd, int nv>
struct PixelInput {
  static constexpr int64_t kGroupBytes = kDepthGroup;
  static constexpr int kTileRows = Simd::kTileRows[nv - 1];
  static constexpr bool kSpread = false;

  // acc[r][v] += the four bytes of row r times the weights of vector v.
  template <int m>
  static inline __attribute__((always_inline)) void Accumulate(
      typename Simd::Width::Register (&acc)[m][nv], const uint8_t* const (&a)[m], int64_t k,
      const std::byte* weights) {
    typename Simd::Weights b[nv];
    Unroll<nv>([&](auto v) { b[v] = Simd::LoadWeights(weights + v * Simd::kWeightVectorBytes); });
    Unroll<m>([&](auto r) {
      const typename Simd::Activations x = Simd::Broadcast(a[r] + k);
      Unroll<nv>([&](auto v) { acc[r][v] = Simd::Dot(acc[r][v], x, b[v]); });
    });
  }
};

// Spread input (see kernel_table.h): a depth group is four bytes for each lane.
template <class Simd, int nv>
struct LaneInput {
  static constexpr int64_t kGroupBytes = nv * Simd::kSpreadVectorBytes;
  static constexpr int kTileRows = Simd::kLaneTileRows[nv - 1];
  static constexpr bool kSpread = true;

  template <int m>
  static inline __attribute__((always_inline)) void Accumulate(
      typename Simd::Width::Register (&acc)[m][nv], const uint8_t* const (&a)[m], int64_t k,
      const std::byte* weights) {
    Unroll<nv>([&](auto v) {
      const auto b = Simd::LoadWeights(weights + v * Simd::kWeightVectorBytes);
      Unroll<m>([&](auto r) {
        const auto x = Simd::LoadSpread(a[r] + k + v * Simd::kSpreadVectorBytes);
        acc[r][v] = Simd::Dot(acc[r][v], x, b);
      });
    });
  }
};

// One tap: input bytes [k, end) of each row.
template <class Simd, class Input, int m, int nv, int chains>
inline __attribute__((always_inline)) void AccumulateTap(
    typename Simd::Width::Register (&acc)[chains][m][nv], const uint8_t* const (&a)[m], int64_t k,
    int64_t end, const std::byte* weights) {
  constexpr int64_t kWeightBytes = nv * Simd::kWeightVectorBytes;
  if constexpr (Input::kSpread) {  // mostly a single group
    for (; k < end; k += Input::kGroupBytes, weights += kWeightBytes) {
      Input::Accumulate(acc[0], a, k, weights);
    }
    return;
  }
  if constexpr (chains > 1) {
    for (; k + chains * Input::kGroupBytes <= end; k += chains * Input::kGroupBytes) {
      Unroll<chains>([&](auto c) {
        Input::Accumulate(acc[c], a, k + c * Input::kGroupBytes, weights + c * kWeightBytes);
      });
      weights += chains * kWeightBytes;
    }
  }
  // Unrolled by 4, 6x64 tiles on AVX-512 VNNI reach 98 % of the ceiling at a depth of 1024; not
  // unrolled, 94 %.
#pragma GCC unroll kDepthUnroll
  for (; k < end; k += Input::kGroupBytes) {
    Input::Accumulate(acc[0], a, k, weights);
    weights += kWeightBytes;
  }
}

// All taps of the rows at `a`.
template <class Simd, class Input, int m, int nv, int chains>
inline __attribute__((always_inline)) void AccumulateTaps(
    typename Simd::Width::Register (&acc)[chains][m][nv], const PanelTask& task,
    const uint8_t* const (&a)[m], const std::byte* first_weights) {
  const TapLoop &d = task.taps[0], &h = task.taps[1], &w = task.taps[2];
  const int64_t depth = task.depth_groups * Input::kGroupBytes;
  // Shallow pointwise layers are short of instruction slots, not of arithmetic: without the loops a
  // 12x16 tile of depth 16 takes 15 % less time.
  if (d.count == 1 && h.count == 1 && w.count == 1) {
    return AccumulateTap<Simd, Input>(acc, a, 0, depth, first_weights);
  }
  for (int64_t i = 0; i < d.count; ++i) {
    for (int64_t j = 0; j < h.count; ++j) {
      int64_t k = i * d.input_stride + j * h.input_stride;
      const std::byte* weights = first_weights + i * d.weight_stride + j * h.weight_stride;
      for (int64_t l = 0; l < w.count; ++l) {
        AccumulateTap<Simd, Input>(acc, a, k, k + depth, weights);
        k += w.input_stride;
        weights += w.weight_stride;
      }
    }
  }
}

// The tile at `rows`.
template <class Simd, class Input, int m, int nv, int chains>
inline __attribute__((always_inline)) void AccumulateTile(
    typename Simd::Width::Register (&acc)[chains][m][nv], const PanelTask& task, const Row* rows) {
  const uint8_t* a[m];
  Unroll<m>([&](auto r) {
    a[r] = task.input + rows[r].input;
    asm("" : "+r"(a[r]));  // a pointer in a register, not a sum to be formed anew at each use
  });
  if constexpr (Input::kSpread) {
    const std::byte* weights = task.weights;
    for (int64_t part = 0; part < task.weight_parts; ++part, weights += task.weight_part_bytes) {
      AccumulateTaps<Simd, Input>(acc, task, a, weights);
    }
  } else {
    AccumulateTaps<Simd, Input>(acc, task, a, task.weights);
  }
}

// `tiles` tiles of m rows each, from row `row`.
template <class Simd, class Input, template <class, int> class Epilogue, int m, int nv>
void GemmTiles(const PanelTask& task, int64_t row, int64_t tiles) {
  using Width = typename Simd::Width;
  using Register = typename Width::Register;
  constexpr int kChains = Chains<m, nv>();
  const PanelTask* epilogue_task = &task;
  for (const Row* rows = task.rows + row; tiles > 0; --tiles, rows += m) {
    Register acc[kChains][m][nv];
    Unroll<nv>([&](auto v) {
      const auto offset = reinterpret_cast<Register>(static_cast<typename Width::Native>(
          Simd::Int32::load_unaligned(task.epilogue.offsets + v * Width::kLanes)));
      Unroll<m>([&](auto r) {
        acc[0][r][v] = offset;
        Unroll<kChains - 1>([&](auto c) { acc[c + 1][r][v] = Register{}; });
      });
    });
    AccumulateTile<Simd, Input>(acc, task, rows);
    Unroll<kChains - 1>([&](auto c) {
      Unroll<m>([&](auto r) {
        Unroll<nv>([&](auto v) { acc[0][r][v] = Width::Add(acc[0][r][v], acc[c + 1][r][v]); });
      });
    });
    // Hides from the compiler that this does not change from tile to tile: it would keep the
    // vectors of the epilogue in registers that the accumulators need.
    asm("" : "+r"(epilogue_task));
    OutputTask<Simd, Epilogue, nv>(*epilogue_task)
        .template Write<m>(acc[0], rows, rows - task.rows);
  }
}

template <class Simd, class Input, template <class, int> class Epilogue, int nv,
          int m = Input::kTileRows>
void GemmTilesOfHeight(int64_t height, const PanelTask& task, int64_t row, int64_t tiles) {
  if constexpr (m > 1) {
    if (height != m) {
      return GemmTilesOfHeight<Simd, Input, Epilogue, nv, m - 1>(height, task, row, tiles);
    }
  }
  GemmTiles<Simd, Input, Epilogue, m, nv>(task, row, tiles);
}

// Cuts the rows of a block into tiles of nearly equal height: 25 rows in tiles of at most 6 are
// five tiles of 5, not four of 6 and one of 1.
template <class Simd, template <class, int> class InputOf, template <class, int> class Epilogue,
          int nv>
void RunPanel(const PanelTask& task) {
  using Input = InputOf<Simd, nv>;
  const int64_t tiles = (task.row_count + Input::kTileRows - 1) / Input::kTileRows;
  const int64_t height = (task.row_count + tiles - 1) / tiles;
  const int64_t tall_tiles = task.row_count - tiles * (height - 1);
  GemmTilesOfHeight<Simd, Input, Epilogue, nv>(height, task, 0, tall_tiles);
  if (tall_tiles < tiles) {
    GemmTilesOfHeight<Simd, Input, Epilogue, nv>(height - 1, task, tall_tiles * height,
                                                 tiles - tall_tiles);
  }
}

}  // namespace
}  // namespace qconv::kernels
