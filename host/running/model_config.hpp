// config.json as the user wants it, and numbers of it that have several names.
#pragma once
#include <cstdint>
#include <string>

#include "core/source/config.hpp"
#include "host/cli/settings.hpp"
#include "host/log.hpp"

namespace strata::host {

// `bytes` of a config.json with the keys of [config] in the place of its own, objects merged, and
// --dropout in the place of each dropout that is there; unchanged where neither is given. Lines for
// the log say what was replaced.
std::string configured(std::string bytes, const std::string& name, const cli::Settings& settings,
                       const Log& log);

// The width of a hidden state, that of the text model where there are several; 0: not said.
std::int64_t hidden_size_of(const source::Config& config);

}  // namespace strata::host
