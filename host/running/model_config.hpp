// config.json as the user wants it, and numbers of it that have several names.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "core/source/config.hpp"
#include "host/log.hpp"

namespace strata::host {

// `bytes` of a config.json with `keys`, those of [config], in the place of its own, objects merged,
// and `dropout`, unless it is below 0, in the place of each dropout that is there; unchanged where
// neither is given. Lines for
// the log say what was replaced.
std::string configured(std::string bytes, const std::string& name, const nlohmann::json& keys,
                       double dropout, const Log& log);

// The width of a hidden state, that of the text model where there are several; 0: not said.
std::int64_t hidden_size_of(const source::Config& config);

}  // namespace strata::host
