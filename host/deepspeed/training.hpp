// Turns a ds_config into the settings of a training run, by the rules of DeepSpeed's engine.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "host/deepspeed/ds_config.hpp"
#include "host/deepspeed/precision.hpp"

namespace strata::deepspeed {

// Settings that the user gave beside the file, and which therefore count.
struct Given {
  bool dtype = false;
  std::optional<std::int64_t> micro{}, accumulation{};  // --batch-size and its steps
  std::int64_t ranks = 1;                               // that train together
};

// As settings_of, with the section [train]. Throws UsageError for batch sizes that contradict each
// other, those that were given included, and for what would train otherwise than DeepSpeed does.
nlohmann::json training_settings_of(const DsConfig& config, Semantics semantics,
                                    const Given& given);

}  // namespace strata::deepspeed
