// Commands and options that are reserved and do nothing yet, in any command or in those that lack
// them.
#pragma once
#include <span>
#include <string_view>

namespace strata::cli {

// The name ("--ranks", "doctor"), and the remedy: what to do instead.
struct Later {
  std::string_view name, remedy;
};
std::span<const Later> later();

}  // namespace strata::cli
