// Layer: a convolution of a network, as listed in bench/workloads/*.csv.
//
// Shared by the qconv command, the bench and the tests; knows only the public API.
// Read next: case.h, which fills a layer with numbers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "qconv/params.h"

namespace qconv::cases {

// Number of pixels in the whole batch.
int64_t Pixels(const Image& image);

// Batch and position of a pixel, outermost first; pixels are counted [n][d][h][w].
std::vector<int64_t> PixelPosition(const Image& image, int64_t pixel);

struct Layer {
  std::string net;
  std::string name;
  int64_t count = 1;  // how often the net runs it
  ConvParams params;
  Image image;

  // Multiply-accumulates of one run, taps in the padding counted, as is customary.
  int64_t Macs() const;
  Image OutputImage() const;
  int64_t InputBytes() const;
  int64_t OutputBytes() const;
  int64_t WeightCount() const;

  // The first of these that fits: "depthwise", "depthwise1d", "grouped", "first" (at most 4 input
  // channels), "3d", "dilated", "se" (a 1x1 kernel on one pixel), "1x1" and "kxk" (1D ones too).
  std::string Class() const;

  // One line: "64x56x56 -> 128, 3x3, stride 2, pad 1". Asymmetric padding reads "pad 0/1".
  std::string Shape() const;
};

// What makes no layer of numbers that are each in range: groups that do not divide the channels
// (G does not divide IC), a kernel that does not fit, more work than anybody can wait for. Empty if
// nothing does. For the readers: everything else here takes a shape without problems.
std::string ShapeProblem(const Layer& layer);

// Reads a layer list. Columns (found by their header, in any order, others ignored):
//   net,layer,count,N,IC,ID,IH,IW,OC,KD,KH,KW,SD,SH,SW,PD,PH,PW,PH2,PW2,DD,DH,DW,G
// PH/PW pad the top and left, PH2/PW2 the bottom and right, PD both ends of the depth; dilation 1
// means none. A layer takes the smallest rank that holds it: 3 if ID or KD exceed 1 or the depth is
// padded, else 1 if IH = KH = 1, the height is not padded and IW > 1, else 2. Keeps only `net`
// unless it is empty.
// Throws std::runtime_error naming the file, the line and what is wrong with which column.
std::vector<Layer> ReadLayers(const std::filesystem::path& file, const std::string& net = "");

}  // namespace qconv::cases
