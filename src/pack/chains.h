// Chains: which products may be summed in int16. The proof, and the arrangement that makes most of
// it.
//
// Layer: pack. Kernels without an exact dot product of quads (kernels::TapChains) sum pairs of
// products in int16, four links a chain at most. Such a sum is exact, whatever the input, if
//
//   input maximum * (sum of its positive weights)  <= 32767  and the same for the negative ones,
//
// which for inputs of up to 255 is a sum of 128, for inputs of up to 127 (reduce_range) of 258. So
// each lane of a chain has room for so much weight of either sign:
//
//   pair      0    1    2    3   ...      | a chain of three links, room for 128
//   room     128  128  128  128           |
//   group 5  -60  -31  -20   -3           | the depth groups of a tap are taken in any order, heavy
//   group 0  -40  -66   -9  -70           | and light ones together
//   group 3  -28   -0  -90  -11           | pair 1 of group 3 weighs 190: 31 here, 159 in others
//
// A group that fits no empty chain is shared out between several. So there is no weight that has no
// chains; where they are longer than the widened arithmetic, packing takes that instead
// (layer.cpp). Read next: ../kernels/chain_input.inl.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernel_table.h"
#include "pack/packed_layer.h"
#include "pack/weights.h"

namespace qconv::pack {

// How much weight of one sign a sum in int16 may have if inputs are 0..input_maximum.
int32_t ChainRoom(int32_t input_maximum);

// A depth group, or a part of its weights.
struct Link {
  int64_t group;
  std::vector<int8_t> weights;  // [lane][4]
};
using Chain = std::vector<Link>;  // 1..kMaxLinks of them

// Arranges the depth groups of a tap, weights [group][lane][4], in chains with the given room
// (>= 127) in each pair of a lane. The links of a group add up to its weights; groups of zeros have
// none. Tries to make 2 * links + chains small, the number of vector instructions.
std::vector<Chain> MakeChains(std::span<const int32_t> weights, int lanes, int32_t room);

// A panel's weights in chains.
struct PanelChains {
  std::vector<kernels::TapChains> taps;  // offsets into these:
  std::vector<int8_t> weights;
  std::vector<int32_t> inputs;
  int64_t instructions = 0;  // a row
};

// Of a panel of shape kChainedShape.
PanelChains MakePanelChains(const PackedLayer& layer, const WeightReader& reader,
                            const Panel& panel);

// Vector instructions that the plain shapes take for a row of a panel.
int64_t WidenedInstructions(const PackedLayer& layer, const Panel& panel);

}  // namespace qconv::pack
