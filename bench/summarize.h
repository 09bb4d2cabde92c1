// Summarize: results by what they have in common.
#pragma once

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "result.h"

namespace qconv::bench {

// Adds each result to the summary of its name; summaries in the order of first mention.
template <typename Summary, typename NameOf>
std::vector<Summary> Summarize(const std::vector<LayerResult>& results, NameOf name_of) {
  std::vector<Summary> summaries;
  for (const LayerResult& result : results) {
    const std::string name = name_of(result.layer);
    auto it = std::find_if(summaries.begin(), summaries.end(),
                           [&](const Summary& summary) { return summary.name == name; });
    if (it == summaries.end()) {
      summaries.emplace_back().name = name;
      it = std::prev(summaries.end());
    }
    it->Add(result);
  }
  return summaries;
}

}  // namespace qconv::bench
