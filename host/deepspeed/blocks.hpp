// The blocks of a ds_config that DeepSpeed hands to the constructors of optimizers and schedules.
#pragma once
#include <nlohmann/json.hpp>

#include "host/deepspeed/ds_config.hpp"

namespace strata::deepspeed {

// Adds the keys of [train] that the blocks "optimizer" and "scheduler" give, with the defaults of
// DeepSpeed's own classes. A parameter "auto" adds nothing. Throws UsageError for a type or a
// parameter that training does not have, by its name.
void add_optimizer(const DsConfig& config, nlohmann::json& train);
void add_schedule(const DsConfig& config, nlohmann::json& train);

}  // namespace strata::deepspeed
