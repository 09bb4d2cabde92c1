// Drawing the numbers of a case whose layer is known. Internal to the cases library. Read next:
// case.h.
#pragma once

#include <vector>

#include "common/case.h"
#include "common/rng.h"

namespace qconv::cases {

// Input bytes over the whole range 0..input_maximum; kExtremes: only its two ends.
void DrawInput(Rng& rng, Weights kind, Case& drawn);

void DrawWeights(Rng& rng, Weights kind, Case& drawn);

// A bias for every output channel, of the order of the channel's products. Needs the weights and
// all of their and the input's quantization.
void DrawBias(Rng& rng, Case& drawn);

// Output scale and zero point such that the results without activation spread over 0..255 with few
// of them clipped, as far as can be told from means and variances.
void ChooseOutput(Case& drawn);

}  // namespace qconv::cases
