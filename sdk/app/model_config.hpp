// config.json with the user's changes, and values in it that have several names.
#pragma once
#include <cstdint>
#include <string>

#include "app/log.hpp"
#include "core/source/config.hpp"

namespace strata::app {

// The JSON of a config.json's `bytes`, its keys replaced by those of the JSON object `keys_text`
// (objects are merged; "": none), and each dropout rate by `dropout` unless that is below 0. Rates
// that it leaves to the defaults of its class are then there too. Lines in the log say what was
// replaced.
Json configured(const std::string& bytes, const std::string& name, const std::string& keys_text,
                double dropout, const Log& log);

// The hidden size, of the text model if there are several; 0 if the configuration does not say.
std::int64_t hidden_size_of(const source::Config& config);

}  // namespace strata::app
