// A scheme with its codec's options, in the one text that names the form of a weight.
#pragma once
#include <strata/app.hpp>
#include <string>

#include "core/json.hpp"

namespace strata::app {

// "int4", or with options "int4 {"group_size":64,"symmetric":true}".
std::string scheme_text(const QuantScheme& scheme);

// The text in its parts. `key` finds the plugin; `scheme` is for its create: the text up to the
// options, whatever else it has behind the key. `options` is null where there are none.
struct ReadScheme {
  std::string key, scheme;
  Json options;
};
// Throws Error for options that are no JSON object.
ReadScheme read_scheme(const std::string& text);

}  // namespace strata::app
