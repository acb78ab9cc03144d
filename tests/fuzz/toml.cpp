// A run.toml, and after a form feed an assignment of --set: options or a UsageError, nothing else.
// covers: host/cli/toml.cpp host/cli/toml_settings.cpp host/cli/values.cpp sdk/core/parse_size.cpp
#include "host/cli/toml.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto end = text.find('\f');
  try {
    const auto call = strata::cli::find_command("generate")->call();
    if (end != text.npos) strata::cli::apply_set(*call, text.substr(end + 1));
    const auto document = strata::cli::parse_toml(text.substr(0, end), "run.toml");
    strata::cli::apply_toml(*call, document, "run.toml");
  } catch (const strata::UsageError&) {
  }
  return 0;
}
