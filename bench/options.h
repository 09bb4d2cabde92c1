// Options: the command line of qconv-bench.
//
// Knows CLI11 (options.cpp alone) and nothing of how layers are timed. Read next: runner.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "common/case.h"

namespace qconv::bench {

inline constexpr int kBadUsage = 2;  // exit status

struct Options {
  bool cliffs = false;               // the layers of CliffLayers() instead of a list
  std::filesystem::path layers;      // empty: the list that comes with the bench
  std::vector<std::string> nets;     // empty: all
  std::vector<std::string> classes;  // empty: all
  std::string filter;                // regular expression on "net/layer", empty: all
  int threads = 1;
  std::string isa;            // as PrepackOptions::isa
  std::string peer;           // "onednn", or empty
  bool peer_any_isa = false;  // else the peer is held to our ISA
  cases::Weights weights = cases::Weights::kLaplace;
  // 0 is what follows a ReLU, and what oneDNN 2.6 is fastest with: with another one it leaves its
  // best kernels for kxk layers.
  int32_t input_zero_point = 0;
  int32_t input_maximum = 255;  // declared; inputs are drawn within it
  bool transforms = true;       // as PrepackOptions::transforms
  int64_t batch = 0;            // 0: as in the list
  double min_time = 0.25;       // seconds per layer; 0.02 with --cliffs
  std::filesystem::path csv;    // empty: none
  bool verbose = false;
};

// Exits with a message after --help or on a wrong command line.
Options ParseOptions(int argc, char** argv);

}  // namespace qconv::bench
