// CSV: the results in a file.
#pragma once

#include <filesystem>
#include <vector>

#include "result.h"

namespace qconv::bench {

// Throws std::runtime_error unless WriteCsv could write there; so that this is known before hours
// of timing, not after.
void CheckCsvTarget(const std::filesystem::path& file);

// One line per result: net,layer,class,count,gmac,ms,gmacs,ceiling_pct,peer_ms,ratio; the last two
// are empty without a peer. The file appears whole or not at all. Throws std::runtime_error.
void WriteCsv(const std::filesystem::path& file, const std::vector<LayerResult>& results);

}  // namespace qconv::bench
