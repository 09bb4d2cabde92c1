// Refusals of single numbers and counts, for the argument checks of the reference.
//
// Layer: reference. Read next: checks.h.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "qconv/spatial.h"

namespace qconv::reference {

// Limit of every number in a shape, so that the product of two of them fits in int64; and of the
// elements of a tensor.
inline constexpr int64_t kLargestExtent = int64_t{1} << 31;
inline constexpr int64_t kLargestTensor = int64_t{1} << 46;

// The shortest text that stands for no other number.
template <typename Value>
std::string Text(Value value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

inline std::string Text(const char* words) { return words; }
inline std::string Text(const std::string& words) { return words; }

template <typename Value>
[[noreturn]] void Refuse(const std::string& field, const Value& value, const std::string& want) {
  throw std::invalid_argument("qconv: " + field + " is " + Text(value) + "; want " + want);
}

template <typename T>
void CheckMemory(std::string_view field, std::span<T> values) {
  if (!values.empty() && values.data() == nullptr) {
    Refuse(std::string(field) + ".data()", "null", "memory of " + Text(values.size()) + " entries");
  }
}

// `meaning` is what is counted.
template <typename T>
void CheckCount(std::string_view field, std::span<T> values, int64_t want,
                std::string_view meaning) {
  if (static_cast<int64_t>(values.size()) != want) {
    Refuse(std::string(field) + ".size()", values.size(),
           Text(want) + " (" + std::string(meaning) + ")");
  }
  CheckMemory(field, values);
}

inline std::string Indexed(const std::string& field, int64_t index) {
  return field + "[" + Text(index) + "]";
}

inline void CheckRange(const std::string& field, int64_t value, int64_t minimum) {
  if (value < minimum || value > kLargestExtent) {
    Refuse(field, value, Text(minimum) + ".." + Text(kLargestExtent));
  }
}

inline void CheckIndex(const std::string& field, int64_t index, int64_t count) {
  if (index < 0 || index >= count) Refuse(field, index, "0 or more and below " + Text(count));
}

// a * b for non-negative factors, or INT64_MAX if that is more.
inline int64_t SaturatingProduct(int64_t a, int64_t b) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  return b != 0 && a > kMax / b ? kMax : a * b;
}

// `count` times the product of the entries.
inline int64_t Volume(int64_t count, const Spatial& spatial) {
  for (const int64_t value : spatial) count = SaturatingProduct(count, value);
  return count;
}

// Refuses a tensor of more than kLargestTensor elements: `first` * `spatial` * `last`.
inline void CheckElements(std::string_view field, std::string_view elements, int64_t first,
                          const Spatial& spatial, int64_t last) {
  const int64_t count = SaturatingProduct(Volume(first, spatial), last);
  if (count <= kLargestTensor) return;
  std::string factors = Text(first);
  for (const int64_t value : spatial) factors += " * " + Text(value);
  factors += " * " + Text(last);
  if (count < std::numeric_limits<int64_t>::max()) factors += " = " + Text(count);
  Refuse(std::string(field), factors,
         "at most 2^46 = " + Text(kLargestTensor) + " " + std::string(elements));
}

}  // namespace qconv::reference
