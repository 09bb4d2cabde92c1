// Chains: which products may be summed in int16. The proof, and the arrangement that makes the most
// of it.
//
// Layer: pack. Kernels without an exact dot product of quads (chain_input.inl.h) sum pairs of
// products in int16, four links to a chain at most. Such a sum is exact, whatever the input, if
//
//   input maximum * (sum of its positive weights)  <= 32767  and the same for the negative ones,
//
// a sum of 128 for inputs up to 255, of 258 for inputs up to 127 (reduce_range). No pair with more
// may be in a link, and no chain may have more in any pair of any channel:
//
//   bytes of a tap     w0  w1  w2  w3  w4  w5  w6  w7  w8      one channel; the panel has as many
//                      70  40 -33  90  80  12 -60 -70  -5      as a vector has lanes
//   links              [70  40|-33  90]                        four bytes from anywhere: the
//                                      [80  12|-60   0]        third begins where it does so
//                                                 [-70  -5| ]  that -60 and -70 are no pair
//   chain, room 128    [70  40|-33  90] + [-70 -5|0 0]         pairs 110 - 75, 90 - 33
//
// A weight alone is in s8, so that there is room for every single one: there are no weights without
// chains. Where these take more instructions than widening everything to 16 bits, packing prefers
// that (../panels.cpp). Read next: ../kernels/chain_input.inl.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernel_table.h"
#include "pack/packed_layer.h"
#include "pack/weights.h"

namespace qconv::pack {

// How much weight of one sign a sum in int16 may have if inputs are 0..input_maximum: >= 128.
int32_t ChainRoom(int32_t input_maximum);

struct Link {
  int64_t tap, input;           // where its four input bytes begin: tap, and bytes from there
  std::vector<int8_t> weights;  // [lane][4]
};
using Chain = std::vector<Link>;  // 1..kMaxLinks of them

// Covers the weights [byte][lane] of a tap with as few links, each of neighbouring bytes, as there
// can be without a pair that exceeds the room; bytes without weights need none. The number of bytes
// is a multiple of four. Never takes more links than half the bytes and one.
std::vector<Link> CoverTap(int64_t tap, std::span<const int8_t> weights, int lanes, int32_t room);

// Puts links in as few chains as it finds.
std::vector<Chain> MakeChains(std::vector<Link> links, int32_t room);

// Whether panels have a list of chains for blocks that have all taps, beside those of each tap.
bool HasWholeChains(const PackedLayer& layer);

// A panel's weights in chains.
struct PanelChains {
  std::vector<kernels::ChainList> lists;  // of all taps, if there is one; of each
  std::vector<int32_t> inputs;            // of the links of all lists
  std::vector<int16_t> taps;
  std::vector<int8_t> weights;
  // For a row with all taps: of its lists, and what a panel takes besides.
  int64_t instructions = 0;
};

// Whether the inputs of a channel group can be told in the int32 of chains.
bool FitsChains(const ChannelGroup& group);

// Of a panel of shape kChainedShape.
PanelChains MakePanelChains(const PackedLayer& layer, const WeightReader& reader,
                            const Panel& panel);

// What multiplying takes for a row, in vector instructions beside loads: of a list, and of a panel
// without chains.
int64_t ListInstructions(const kernels::ChainList& list);
int64_t DotInstructions(const PackedLayer& layer, const Panel& panel);

}  // namespace qconv::pack
