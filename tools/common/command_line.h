// What the commands qconv and qconv-bench share: numbers and filters of their command lines, and a
// last look at what they have printed.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <regex>
#include <string>

namespace qconv::command_line {

// For CLI::Option::transform: a number from `least` to `most`, in decimal. (CLI::Range takes what
// has overflowed, nan, and 010 for 8.)
CLI::Validator Integer(int64_t least, int64_t most);
CLI::Validator Number(double least, double most);

// For what std::regex_search is to find in titles. Throws std::invalid_argument that names --filter
// unless `pattern` is a regular expression (ECMAScript) of at most 1000 characters: std::regex
// recurses.
std::regex Filter(const std::string& pattern);

// Throws std::runtime_error if something printed to the standard output has not arrived there.
void CheckOutput();

}  // namespace qconv::command_line
