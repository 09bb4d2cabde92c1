// LayerResult: what was measured of one layer. Made by runner.cpp; read by report.cpp, summary.cpp
// and csv.cpp.
#pragma once

#include <optional>
#include <string>

#include "common/layer.h"

namespace qconv::bench {

struct PeerResult {
  double ms = 0;     // median
  double ratio = 0;  // peer / ours: above 1, ours is faster
  double wrong = 0;  // share of the output bytes that are not ours, 0..1
  std::string implementation;
};

struct LayerResult {
  cases::Layer layer;
  double ms = 0;       // median of one run
  double wrong = 0;    // share of the bytes of a sample that are not the reference's, 0..1
  double ceiling = 0;  // of the ISA, MAC/s on all threads, measured around this layer
  std::string implementation;
  std::optional<PeerResult> peer;
  std::string peer_error;  // why the peer did not run, if it should have

  double gmac() const { return static_cast<double>(layer.Macs()) * 1e-9; }
  double gmacs() const { return gmac() / (ms * 1e-3); }
  double ceiling_pct() const { return 100 * gmacs() * 1e9 / ceiling; }
};

}  // namespace qconv::bench
