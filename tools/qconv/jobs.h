// What `qconv verify` and `qconv explain` are asked to do, and the cases that follow from it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/case.h"

namespace qconv::command {

struct JobOptions {
  std::string isa;  // a name, "all", or "" for the default one
  std::vector<std::string> golden_files;
  std::string layer_file;
  std::string net;                  // of the layer file; "" for all
  std::string filter;               // regular expression on titles; "" for all
  int64_t random = 0;               // number of random cases
  uint64_t seed = 1;                // of the first random case, and of every layer's numbers
  std::string weights = "laplace";  // of layers: a key of WeightKinds()
  // Declared for layers and random cases; none: 255 for layers, random cases draw theirs.
  std::optional<int32_t> input_maximum;
};

struct VerifyOptions {
  JobOptions jobs;
  int threads = 0;          // 0: all cores
  bool saturation = false;  // tell of saturation too
};

// One case, made when its turn comes: all layers of a list together need not fit in memory.
struct Job {
  std::string title;   // "net layer", "random seed 7"
  std::string replay;  // options of `qconv verify` that do it again
  uint64_t seed = 0;   // of the sample, if only a sample is checked
  bool many = false;   // one of very many: printed only if it fails or has more to tell
  std::function<cases::Case()> make;
};

// Names of weights on the command line.
const std::vector<std::pair<std::string, cases::Weights>>& WeightKinds();

// Throws std::runtime_error for files that cannot be read and std::invalid_argument for a bad
// filter or when there is nothing to do.
std::vector<Job> MakeJobs(const JobOptions& options);

// The ISAs that --isa stands for. Throws std::invalid_argument for one that cannot be used.
std::vector<std::string> ChosenIsas(const std::string& option);

}  // namespace qconv::command
