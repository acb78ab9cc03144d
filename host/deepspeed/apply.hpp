// A ds_config as Strata's settings, and what became of its keys.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/deepspeed/ds_config.hpp"
#include "host/deepspeed/precision.hpp"

namespace strata::deepspeed {

// The dtypes that the configuration asks for; communication_data_type is that of reducing.
Precision precision_of(const DsConfig& config, Semantics semantics);

// The dtype, the offload, its folder and the options of its tier, as a document of run.toml.
nlohmann::json settings_of(const DsConfig& config, Semantics semantics);

// One line each on what is done otherwise than the file's reader may expect: a stage below 3, keys
// that are unknown, renamed or ignored.
std::vector<std::string> warnings(const DsConfig& config);

// {understood: {key: value}, defaults: {key: value}, ignored: [{key, value, words}],
// replaced and unknown: [{key, words}], stage, precision, batch}
// for a model of this hidden size, which "auto" values follow from.
nlohmann::json report(const DsConfig& config, Semantics semantics, std::int64_t hidden_size);

}  // namespace strata::deepspeed
