#include "peer.h"

#include <fmt/format.h>

#include <stdexcept>

#ifdef QCONV_BENCH_ONEDNN
#include "onednn_peer.h"
#endif

namespace qconv::bench {

std::unique_ptr<Peer> MakePeer(const std::string& name, const PeerSettings& settings) {
  if (name != "onednn") {
    throw std::invalid_argument(fmt::format("--vs {}: unknown peer; there is: onednn", name));
  }
#ifdef QCONV_BENCH_ONEDNN
  return MakeOneDnnPeer(settings);
#else
  static_cast<void>(settings);
  throw std::invalid_argument(
      "--vs onednn: this build has no oneDNN; install libdnnl-dev (oneDNN 2.6 or later 2.x), then "
      "configure and build again");
#endif
}

}  // namespace qconv::bench
