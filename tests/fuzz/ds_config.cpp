// A ds_config: settings and a report, or a UsageError, nothing else.
// covers: host/deepspeed/ds_config.cpp host/deepspeed/apply.cpp host/deepspeed/batch.cpp
// covers: host/deepspeed/precision.cpp host/deepspeed/hjson.cpp host/deepspeed/lax_values.cpp
// covers: host/deepspeed/training.cpp host/deepspeed/block.cpp host/deepspeed/blocks.cpp
// covers: host/deepspeed/weight_quantization.cpp
#include "host/deepspeed/ds_config.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/error.hpp"
#include "host/cli/toml.hpp"
#include "host/deepspeed/apply.hpp"
#include "host/deepspeed/training.hpp"
#include "host/options/finetune_options.hpp"

using namespace strata;

namespace {

void train_nothing(const host::FinetuneCommand&) {}

// Lays the file over the options of training.
void train(const deepspeed::DsConfig& config, deepspeed::Semantics semantics) {
  try {
    const auto call = cli::make_call<host::FinetuneCommand, host::add_finetune,
                                     host::check_finetune, train_nothing>();
    cli::apply_toml(*call, deepspeed::training_settings_of(config, semantics, {}), "fuzz");
    call->check();
  } catch (const UsageError&) {
  }
}

}  // namespace

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
      train(config, semantics);
    } catch (const UsageError&) {
    }
  }
  return 0;
}
