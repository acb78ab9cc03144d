// Turns a ds_config into Strata's settings, and reports the use of each key.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/deepspeed/ds_config.hpp"
#include "host/deepspeed/precision.hpp"

namespace strata::deepspeed {

// The dtypes that the configuration asks for, or `given` unless it is "". communication_data_type
// is the dtype of reductions.
Precision precision_of(const DsConfig& config, Semantics semantics, const std::string& given = "");

// The dtype, the offload, its folder and the options of its tier, and the size below which a unit
// is whole on every rank, as a document of run.toml. If the
// user gave a dtype, the file's flags are not read and therefore never refused. The sizes of the
// batch must be those of so many ranks.
nlohmann::json settings_of(const DsConfig& config, Semantics semantics, bool dtype_given = false,
                           std::int64_t ranks = 1);

// One line for each difference from what the file's author may expect: a stage below 3, keys that
// are unknown, renamed or ignored.
std::vector<std::string> warnings(const DsConfig& config);

// {understood: {key: value}, defaults: {key: value}, ignored: [{key, value, words}], replaced and
// unknown: [{key, words}], stage, precision, batch}
// for a model of this hidden size, which "auto" values follow from. `dtype` is the one that the
// user gave and replaces the file's; "" keeps the file's. The batch is that of so many ranks.
nlohmann::json report(const DsConfig& config, Semantics semantics, std::int64_t hidden_size,
                      const std::string& dtype = "", std::int64_t ranks = 1);

}  // namespace strata::deepspeed
