// FloatText: a number for an error message, in as few digits as tell it from all others.
//
// Layer: pack; the middle end uses it, too. Read next: fold.cpp.
#pragma once

#include <charconv>
#include <string>

namespace qconv::pack {

inline std::string FloatText(float value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

}  // namespace qconv::pack
