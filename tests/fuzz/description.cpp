// A description of a model and, behind a form feed, a config.json: settings of a decoder or a
// Failure.
// covers: plugins/models/generic/description.cpp plugins/models/generic/values.cpp
// covers: plugins/models/generic/gguf.cpp plugins/models/generic/settings.cpp
// covers: plugins/models/generic/settings_attention.cpp
// covers: plugins/models/generic/settings_mlp.cpp
#include "description.hpp"

#include <cstddef>

#include "settings.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto end = text.find('\f');
  const auto config = end == text.npos ? std::string_view("{}") : text.substr(end + 1);
  try {
    const generic::Description description(text.substr(0, end), "fuzz.toml");
    generic::read_settings(description, {config, description.defaults()});
  } catch (const strata::Failure&) {
  }
  return 0;
}
