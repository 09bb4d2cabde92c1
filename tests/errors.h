// ExpectInvalid: something must throw std::invalid_argument, with a message that says certain
// words. Returns the message.
#pragma once

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace qconv::test {

template <typename Call>
std::string ExpectInvalid(Call call, const std::vector<std::string>& words) {
  try {
    call();
    ADD_FAILURE() << "no exception";
  } catch (const std::invalid_argument& error) {
    const std::string message = error.what();
    for (const std::string& word : words) {
      EXPECT_NE(message.find(word), std::string::npos)
          << '"' << word << "\" is not in: " << message;
    }
    return message;
  }
  return "";
}

}  // namespace qconv::test
