// The interfaces that plugins implement: their ids by kind and their required functions.
#pragma once
#include <strata/abi/core.h>

#include <string>
#include <string_view>

namespace strata::registry {

// Returns "strata.model/1" for "model"; the kind must be a known one.
std::string interface_id(std::string_view kind);

// The first required function of the kind's table that is missing (NULL, or beyond hdr.size), by
// name; empty if none is missing. `table` begins with strata_hdr.
std::string missing_function(std::string_view kind, const void* table);

}  // namespace strata::registry
