#include "common/command_line.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <type_traits>

namespace qconv::command_line {
namespace {

constexpr size_t kLongestFilter = 1000;

// `type` and `range` are for the help.
template <typename T>
CLI::Validator Within(T least, T most, const std::string& type) {
  const std::string range =
      "in [" + CLI::detail::to_string(least) + " - " + CLI::detail::to_string(most) + "]";
  return {[=](std::string& text) -> std::string {
            T value{};
            const auto [end, error] =
                std::from_chars(text.data(), text.data() + text.size(), value);
            const bool whole = error == std::errc() && end == text.data() + text.size();
            if (!whole || !(value >= least && value <= most)) {
              return "\"" + text + "\" is no " + type + " " + range;
            }
            if constexpr (std::is_integral_v<T>) text = std::to_string(value);
            return "";
          },
          type + " " + range};
}

}  // namespace

CLI::Validator Integer(int64_t least, int64_t most) { return Within(least, most, "INT"); }

CLI::Validator Number(double least, double most) { return Within(least, most, "FLOAT"); }

std::regex Filter(const std::string& pattern) {
  if (pattern.size() > kLongestFilter) {
    throw std::invalid_argument("--filter is of " + std::to_string(pattern.size()) +
                                " characters; want at most " + std::to_string(kLongestFilter));
  }
  try {
    return std::regex(pattern);
  } catch (const std::regex_error& error) {
    throw std::invalid_argument("--filter \"" + pattern + "\": " + error.what());
  }
}

void CheckOutput() {
  const std::string stream = "standard output: ";
  if (std::fflush(stdout) != 0) throw std::runtime_error(stream + std::strerror(errno));
  if (std::ferror(stdout) != 0) throw std::runtime_error(stream + "could not be written");
}

}  // namespace qconv::command_line
