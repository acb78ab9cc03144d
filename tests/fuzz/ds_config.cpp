// A ds_config: settings and a report, or a UsageError, nothing else.
// covers: host/deepspeed/ds_config.cpp host/deepspeed/apply.cpp host/deepspeed/batch.cpp
// covers: host/deepspeed/precision.cpp host/deepspeed/hjson.cpp host/deepspeed/lax_values.cpp
#include "host/deepspeed/ds_config.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/error.hpp"
#include "host/cli/toml.hpp"
#include "host/deepspeed/apply.hpp"

using namespace strata;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const auto semantics :
       {deepspeed::Semantics::file, deepspeed::Semantics::merged, deepspeed::Semantics::first}) {
    try {
      const deepspeed::DsConfig config(std::string(reinterpret_cast<const char*>(data), size),
                                       "fuzz");
      deepspeed::warnings(config);
      const auto call = cli::find_command("plan")->call();
      cli::apply_toml(*call, deepspeed::settings_of(config, semantics), "fuzz");
      deepspeed::report(config, semantics, 4096);
    } catch (const UsageError&) {
    }
  }
  return 0;
}
