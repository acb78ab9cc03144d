// Any text as run.toml: settings, or a UsageError; nothing else.
#include "host/cli/toml.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    strata::cli::Settings settings;
    strata::cli::apply_toml(settings, strata::cli::parse_toml(text, "run.toml"), "run.toml");
  } catch (const strata::UsageError&) {
  }
  return 0;
}
