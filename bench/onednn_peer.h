// oneDNN as a peer. Read next: onednn_peer.cpp for how a layer is set up, onednn_library.h for
// threads and instructions.
#pragma once

#include <memory>

#include "peer.h"

namespace qconv::bench {

// Throws std::invalid_argument when oneDNN cannot be held to our ISA or to the number of threads.
std::unique_ptr<Peer> MakeOneDnnPeer(const PeerSettings& settings);

}  // namespace qconv::bench
