// Layers that can be transformed: 3x3 and n x 3 x 3 layers of stride 1 (Winograd) and pointwise
// ones (Strassen), a systematic list, with numbers that show mistakes.
//
// Read next: transformed_test.cpp.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "common/case.h"
#include "layer.h"

namespace qconv::test {

// A part of the list, so that failures and times have names.
struct TransformedFamily {
  const char* name;
  std::vector<cases::Layer> (*layers)();
  bool large = false;  // many multiply-accumulates
};

const std::vector<TransformedFamily>& TransformedFamilies();
void PrintTo(const TransformedFamily& family, std::ostream* out);

// The numbers of layer `index` of a family: weights, zero points, inputs, output scales and
// activations take turns, so that each kind meets each kind of shape.
cases::Case MakeTransformedCase(const cases::Layer& layer, int index);

// Calls visit(case) for each layer of a family.
template <class Visit>
void ForEachTransformedCase(const TransformedFamily& family, const Visit& visit) {
  int index = 0;
  for (const cases::Layer& layer : family.layers()) visit(MakeTransformedCase(layer, index++));
}

pack::PackedLayer Pack(const cases::Case& c, const std::string& isa);

// By all transforms that are for the layer, whether or not they take less time.
std::vector<pack::PackedLayer> PackTransformed(const cases::Case& c, const std::string& isa);

// Sizes in three dimensions.
struct Sizes {
  pack::Dims input, output;
};
Sizes SizesOf(const cases::Case& c);

}  // namespace qconv::test
