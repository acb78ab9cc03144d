// Flags of a checkpoint's configuration.
#pragma once
#include <strata/plugin.hpp>
#include <string>
#include <string_view>

namespace packed {

// A flag: true or false, also 1 or 0, as some programs write it. `otherwise` where the
// configuration has none.
inline bool flag_of(const strata::Config& options, std::string_view path, bool otherwise) {
  try {
    const auto value = options.i64(path, otherwise ? 1 : 0);
    if (value == 0 || value == 1) return value == 1;
  } catch (const strata::Failure&) {  // a value of another kind, about which more is said below
  }
  throw strata::Failure(STRATA_INVALID, "quantization_config: " + std::string(path) +
                                            " is neither true nor false: fix config.json");
}

}  // namespace packed
