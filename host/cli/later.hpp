// Words that are known and do nothing yet.
#pragma once
#include <span>
#include <string_view>

namespace strata::cli {

// The name ("--ranks", "doctor"), and what to do instead.
struct Later {
  std::string_view name, remedy;
};
std::span<const Later> later();

}  // namespace strata::cli
