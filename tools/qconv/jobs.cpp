#include "jobs.h"

#include <fmt/core.h>

#include <algorithm>
#include <regex>
#include <stdexcept>
#include <utility>

#include "common/command_line.h"
#include "common/layer.h"
#include "qconv/isa.h"

namespace qconv::command {
namespace {

// As an argument for a shell.
std::string Quoted(const std::string& text) {
  static const std::regex quote("'");
  return "'" + std::regex_replace(text, quote, R"('\'')") + "'";
}

// The option that takes the case with this title alone.
std::string FilterOption(const std::string& title) {
  static const std::regex special(R"([.^$|()\[\]{}*+?\\])");
  return " --filter " + Quoted("^" + std::regex_replace(title, special, R"(\$&)") + "$");
}

void AddGolden(const std::string& file, std::vector<Job>& jobs) {
  for (cases::Case& golden : cases::ReadGolden(file)) {
    Job job;
    job.title = golden.layer.net + " " + golden.layer.name;
    job.replay = "--golden " + Quoted(file) + FilterOption(job.title);
    job.make = [golden = std::move(golden)] { return golden; };
    jobs.push_back(std::move(job));
  }
}

// The option that repeats a case with the same maximum.
std::string MaximumOption(const JobOptions& options) {
  return options.input_maximum ? fmt::format(" --input-maximum {}", *options.input_maximum) : "";
}

void AddLayers(const JobOptions& options, std::vector<Job>& jobs) {
  const auto& kinds = WeightKinds();
  const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                 [&](const auto& entry) { return entry.first == options.weights; });
  if (kind == kinds.end()) {
    throw std::invalid_argument("unknown weights: " + options.weights);
  }
  for (const cases::Layer& layer : cases::ReadLayers(options.layer_file, options.net)) {
    const std::string title = layer.net + " " + layer.name;
    jobs.push_back({.title = title,
                    .replay = fmt::format("--layers {} --weights {} --seed {}{}{}",
                                          Quoted(options.layer_file), options.weights, options.seed,
                                          MaximumOption(options), FilterOption(title)),
                    .seed = options.seed,
                    .make = [layer, weights = kind->second, seed = options.seed,
                             maximum = options.input_maximum.value_or(255)] {
                      return cases::MakeCase(layer, weights, seed, maximum);
                    }});
  }
}

void AddRandom(const JobOptions& options, std::vector<Job>& jobs) {
  for (int64_t i = 0; i < options.random; ++i) {
    const uint64_t seed = options.seed + static_cast<uint64_t>(i);
    jobs.push_back({.title = fmt::format("random seed {}", seed),
                    .replay = fmt::format("--random 1 --seed {}{}", seed, MaximumOption(options)),
                    .seed = seed,
                    .many = true,
                    .make = [seed, maximum = options.input_maximum] {
                      return cases::RandomCase(seed, maximum);
                    }});
  }
}

}  // namespace

const std::vector<std::pair<std::string, cases::Weights>>& WeightKinds() {
  static const std::vector<std::pair<std::string, cases::Weights>> kinds = {
      {"laplace", cases::Weights::kLaplace},
      {"uniform", cases::Weights::kUniform},
      {"extremes", cases::Weights::kExtremes}};
  return kinds;
}

std::vector<Job> MakeJobs(const JobOptions& options) {
  if (options.input_maximum && options.layer_file.empty() && options.random == 0) {
    throw std::invalid_argument(
        "--input-maximum is for --layers and --random; golden files have "
        "their own");
  }
  std::vector<Job> jobs;
  for (const std::string& file : options.golden_files) AddGolden(file, jobs);
  if (!options.layer_file.empty()) AddLayers(options, jobs);
  AddRandom(options, jobs);
  if (jobs.empty())
    throw std::invalid_argument("nothing to do; give --golden, --layers or --random");
  const std::regex filter = command_line::Filter(options.filter);
  std::erase_if(jobs, [&](const Job& job) { return !std::regex_search(job.title, filter); });
  if (jobs.empty()) {
    throw std::invalid_argument(fmt::format("no case matches --filter \"{}\"", options.filter));
  }
  return jobs;
}

std::vector<std::string> ChosenIsas(const std::string& option) {
  if (option != "all") return {ResolveIsa(option)};
  std::vector<std::string> names;
  for (const IsaInfo& isa : Isas()) {
    if (isa.usable) names.push_back(isa.name);
  }
  return names;
}

}  // namespace qconv::command
