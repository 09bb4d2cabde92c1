// The panels of a layer: its output channels, cut up, and room for their weights and numbers.
//
// Layer: middle end. Read next: panel_shapes.h, pack/packed_layer.h.
#pragma once

#include "pack/packed_layer.h"
#include "pack/weights.h"

namespace qconv {

// Of all channel groups; without an exact dot product, panels with chains where these take fewer
// instructions.
void AddDensePanels(const pack::WeightReader& reader, pack::PackedLayer& layer);

// Of a kTransformed layer, block by block: sets of a panel of each.
void AddTransformedPanels(pack::PackedLayer& layer);

// Of a kLanes layer; each panel gets a channel group of its own.
void AddLanePanels(pack::PackedLayer& layer);

// Lays the panels one behind the other and makes room for their weights and numbers.
void LayOutPanels(pack::PackedLayer& layer);

}  // namespace qconv
