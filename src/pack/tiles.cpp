#include "pack/tiles.h"

#include "pack/integers.h"
#include "pack/winograd_tiles.h"

namespace qconv::pack {

int64_t CountTiles(const PackedLayer& layer, int64_t batch, const Dims& output_size) {
  const int64_t planes = batch * output_size[0];
  if (layer.transform == kernels::kWinograd) {
    return planes * CountWinogradTiles(layer.geometry, 1, output_size[1]) *
           CountWinogradTiles(layer.geometry, 2, output_size[2]);
  }
  return CeilDiv(planes * output_size[1] * output_size[2], layer.Algorithm().outputs);
}

}  // namespace qconv::pack
