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
//     registers
// Read next: epilogue.inl.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/epilogue.inl.h"
#include "kernels/kernel_table.h"
#include "kernels/unroll.inl.h"

namespace qconv::kernels {
namespace {

constexpr int kDepthUnroll = QCONV_DEPTH_UNROLL;  // 4; under sanitizers 1 (cmake/isa.cmake)

constexpr int kRowPointers = 8;  // of a tile, in general registers

// Dot products have a latency of about five cycles and a rate of two a cycle: a tile of fewer than
// ten accumulators runs several chains of them, each over its own depth groups, and adds them up.
template <int m, int nv>
constexpr int Chains() {
  constexpr int kInFlight = 10, kMost = 4;
  constexpr int kChains = kInFlight / (m * nv);
  return kChains < 1 ? 1 : kChains > kMost ? kMost : kChains;
}

// One depth group: acc[r][v] += the four bytes of row r times the weights of vector v.
template <class Simd, int m, int nv>
inline __attribute__((always_inline)) void AccumulateGroup(
    typename Simd::Width::Register (&acc)[m][nv], const uint8_t* (&a)[m], int64_t k,
    const std::byte* weights) {
  // Not all pointers fit the general registers. GCC would keep the others in vector registers, and
  // get them back with instructions that take the place of dot products; these stay in memory.
  constexpr int kInMemory = m > kRowPointers ? m - kRowPointers : 0;
  Unroll<kInMemory>([&](auto r) { asm("" : "+m"(a[kRowPointers + r])); });
  typename Simd::Weights b[nv];
  Unroll<nv>([&](auto v) { b[v] = Simd::LoadWeights(weights + v * Simd::kWeightVectorBytes); });
  Unroll<m>([&](auto r) {
    const typename Simd::Activations x = Simd::Broadcast(a[r] + k);
    Unroll<nv>([&](auto v) { acc[r][v] = Simd::Dot(acc[r][v], x, b[v]); });
  });
}

// One tap: input bytes [k, end) of each row.
template <class Simd, int m, int nv, int chains>
inline __attribute__((always_inline)) void AccumulateTap(
    typename Simd::Width::Register (&acc)[chains][m][nv], const uint8_t* (&a)[m], int64_t k,
    int64_t end, const std::byte* weights) {
  constexpr int64_t kGroupBytes = nv * Simd::kWeightVectorBytes;
  if constexpr (chains > 1) {
    for (; k + chains * kDepthGroup <= end; k += chains * kDepthGroup) {
      Unroll<chains>([&](auto c) {
        AccumulateGroup<Simd>(acc[c], a, k + c * kDepthGroup, weights + c * kGroupBytes);
      });
      weights += chains * kGroupBytes;
    }
  }
  // Unrolled by 4, 6x64 tiles on AVX-512 VNNI reach 98 % of the ceiling at a depth of 1024; not
  // unrolled, 94 %.
#pragma GCC unroll kDepthUnroll
  for (; k < end; k += kDepthGroup) {
    AccumulateGroup<Simd>(acc[0], a, k, weights);
    weights += kGroupBytes;
  }
}

// The depth groups of all taps in one list, for kernels of many shallow taps: the nest of loops
// over taps costs 3x3 windows of 3 channels (3 taps of 3 groups) a fifth of their time.
class GroupList {
 public:
  struct Group {
    int64_t input;  // bytes from the row
    const std::byte* weights;
  };

  GroupList(const PanelTask& task, int64_t group_bytes) {
    const TapLoop &d = task.taps[0], &h = task.taps[1], &w = task.taps[2];
    const int64_t taps = d.count * h.count * w.count;
    if (taps == 1 || task.depth_groups > kMostPerTap || taps * task.depth_groups > kMost) return;
    for (int64_t i = 0; i < d.count; ++i) {
      for (int64_t j = 0; j < h.count; ++j) {
        for (int64_t l = 0; l < w.count; ++l) {
          AddTap(i * d.input_stride + j * h.input_stride + l * w.input_stride,
                 task.weights + i * d.weight_stride + j * h.weight_stride + l * w.weight_stride,
                 task.depth_groups, group_bytes);
        }
      }
    }
  }

  const Group* begin() const { return groups_; }
  const Group* end() const { return groups_ + count_; }  // an empty list: too many groups for one

 private:
  static constexpr int64_t kMostPerTap = 8, kMost = 128;

  void AddTap(int64_t input, const std::byte* weights, int64_t groups, int64_t group_bytes) {
    for (int64_t g = 0; g < groups; ++g) {
      groups_[count_++] = {input, weights};
      input += kDepthGroup;
      weights += group_bytes;
    }
  }

  Group groups_[kMost];
  int64_t count_ = 0;
};

// All taps of the tile at `rows`.
template <class Simd, int m, int nv, int chains>
inline __attribute__((always_inline)) void AccumulateTile(
    typename Simd::Width::Register (&acc)[chains][m][nv], const PanelTask& task,
    const GroupList& groups, const Row* rows) {
  const TapLoop &d = task.taps[0], &h = task.taps[1], &w = task.taps[2];
  const int64_t depth = task.depth_groups * kDepthGroup;
  const uint8_t* a[m];
  Unroll<m>([&](auto r) {
    a[r] = task.input + rows[r].input;
    asm("" : "+r"(a[r]));  // a pointer in a register, not a sum to be formed anew at each use
  });
  if (groups.begin() != groups.end()) {
#pragma GCC unroll 1
    for (const GroupList::Group& group : groups) {
      AccumulateGroup<Simd>(acc[0], a, group.input, group.weights);
    }
    return;
  }
  // Shallow pointwise layers are short of instruction slots, not of arithmetic: without the loops a
  // 12x16 tile of depth 16 takes 15 % less time.
  if (d.count == 1 && h.count == 1 && w.count == 1) {
    return AccumulateTap<Simd>(acc, a, 0, depth, task.weights);
  }
  for (int64_t i = 0; i < d.count; ++i) {
    for (int64_t j = 0; j < h.count; ++j) {
      int64_t k = i * d.input_stride + j * h.input_stride;
      const std::byte* weights = task.weights + i * d.weight_stride + j * h.weight_stride;
      for (int64_t l = 0; l < w.count; ++l) {
        AccumulateTap<Simd>(acc, a, k, k + depth, weights);
        k += w.input_stride;
        weights += w.weight_stride;
      }
    }
  }
}

// `tiles` tiles of m rows each, from row `row`.
template <class Simd, template <class, int> class Epilogue, int m, int nv>
void GemmTiles(const PanelTask& task, const GroupList& groups, int64_t row, int64_t tiles) {
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
    AccumulateTile<Simd>(acc, task, groups, rows);
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

template <class Simd, template <class, int> class Epilogue, int nv, int m = Simd::kTileRows[nv - 1]>
void GemmTilesOfHeight(int64_t height, const PanelTask& task, const GroupList& groups, int64_t row,
                       int64_t tiles) {
  if constexpr (m > 1) {
    if (height != m) {
      return GemmTilesOfHeight<Simd, Epilogue, nv, m - 1>(height, task, groups, row, tiles);
    }
  }
  GemmTiles<Simd, Epilogue, m, nv>(task, groups, row, tiles);
}

// Cuts the rows of a block into tiles of nearly equal height: 25 rows in tiles of at most 6 are
// five tiles of 5, not four of 6 and one of 1.
template <class Simd, template <class, int> class Epilogue, int nv>
void RunPanel(const PanelTask& task) {
  constexpr int mr = Simd::kTileRows[nv - 1];
  const GroupList groups(task, nv * Simd::kWeightVectorBytes);
  const int64_t tiles = (task.row_count + mr - 1) / mr;
  const int64_t height = (task.row_count + tiles - 1) / tiles;
  const int64_t tall_tiles = task.row_count - tiles * (height - 1);
  GemmTilesOfHeight<Simd, Epilogue, nv>(height, task, groups, 0, tall_tiles);
  if (tall_tiles < tiles) {
    GemmTilesOfHeight<Simd, Epilogue, nv>(height - 1, task, groups, tall_tiles * height,
                                          tiles - tall_tiles);
  }
}

}  // namespace
}  // namespace qconv::kernels
