// Which layers to time. Read next: runner.h.
#pragma once

#include <filesystem>
#include <vector>

#include "common/layer.h"
#include "options.h"

namespace qconv::bench {

// The layer list that comes with the bench. Throws std::runtime_error when it is not there.
std::filesystem::path DefaultLayerFile();

// The layers that the options ask for, of a list or of --cliffs, in their order there, with the
// batch size set. Throws std::runtime_error when there are none, naming a net or class that the
// list does not have.
std::vector<cases::Layer> SelectLayers(const Options& options);

}  // namespace qconv::bench
