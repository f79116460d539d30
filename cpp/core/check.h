#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace lamella {

// Joins its arguments into one message: fail<std::invalid_argument>("n is ", n).
template <typename Error, typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(message.str());
}

template <typename... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) fail<std::invalid_argument>(parts...);
}

}  // namespace lamella
