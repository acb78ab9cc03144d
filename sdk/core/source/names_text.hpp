// Names in a message.
#pragma once
#include <span>
#include <string>

namespace strata::source {

// "'a', 'b' and 3 more": as many as fit about `length` bytes, and at least one.
std::string first_of(std::span<const std::string> names, std::size_t length = 100);

}  // namespace strata::source
