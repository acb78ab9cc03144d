// A LoRA adapter: its configuration, up to the first zero byte, and the header of its weights.
// covers: sdk/core/adapter/lora_config.cpp sdk/core/adapter/targets.cpp
// covers: sdk/core/adapter/pattern.cpp sdk/core/adapter/resolve.cpp sdk/core/adapter/modules.cpp
#include <cstdlib>

#include "core/adapter/resolve.hpp"
#include "core/error.hpp"
#include "core/source/safetensors.hpp"
#include "tests/sdk/core/adapter/units.hpp"

using namespace strata;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto units = declared::mixture();
  static const adapter::Modules modules(units, false);
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const auto end = std::min(all.find('\0'), all.size());
  const auto json = all.substr(std::min(end + 1, all.size()));
  constexpr std::uint64_t room = 1 << 14;
  try {
    const auto config = adapter::LoraConfig::parse(all.substr(0, end), "fuzz");
    const auto tensors = source::parse_safetensors(json, 8 + json.size() + room, "fuzz", 0);
    const auto made = adapter::resolve("fuzz", config, tensors, modules);
    // Every tensor is used, once.
    if (2 * made.low_rank.size() + made.whole.size() != tensors.size()) std::abort();
    for (const auto& one : made.low_rank)
      if (source::elements(one.a) != static_cast<std::int64_t>(one.elements_of_a()) ||
          source::elements(one.b) != static_cast<std::int64_t>(one.elements_of_b()))
        std::abort();
  } catch (const Error&) {
  }
  return 0;
}
