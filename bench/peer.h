// Peer: another library that runs the same layers, to be timed next to ours.
//
// A new peer is one file that derives from Peer and one line in peer.cpp. Read next: onednn_peer.h.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "common/case.h"

namespace qconv::bench {

// A layer that is ready to run on the peer.
class PeerLayer {
 public:
  virtual ~PeerLayer() = default;

  virtual void Run() = 0;

  // u8, channels-last; valid after Run.
  virtual std::span<const uint8_t> output() const = 0;

  // Which of its implementations the peer chose; for the reader.
  virtual std::string Implementation() const = 0;
};

class Peer {
 public:
  virtual ~Peer() = default;

  // The library's name and version, its instructions and its threads; for the reader.
  virtual std::string Describe() const = 0;

  // Everything that a user of the peer does once per layer. The layer reads `input` (64-byte
  // aligned, as long as the case's) while it runs. Throws std::runtime_error when the peer does not
  // have such a layer.
  virtual std::unique_ptr<PeerLayer> Prepare(const cases::Case& numbers,
                                             std::span<const uint8_t> input) = 0;

  // Stops worker threads that spin for more work.
  virtual void Rest() = 0;
};

struct PeerSettings {
  std::string isa;       // ours
  bool any_isa = false;  // false: the peer may use no other instructions than our ISA has
  int threads = 1;
};

// The peer of that name. Throws std::invalid_argument for an unknown one, and for one that this
// build lacks or that cannot be set as asked.
std::unique_ptr<Peer> MakePeer(const std::string& name, const PeerSettings& settings);

}  // namespace qconv::bench
