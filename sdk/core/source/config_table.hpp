// "strata.host.config/1": a configuration as a plugin asks it, through the C ABI.
#pragma once
#include <strata/abi/core.h>

#include <string>
#include <vector>

#include "core/source/config.hpp"

// What the ABI's opaque handle points at; whoever owns it outlives every use.
struct strata_config {
  const strata::source::Config* values;
  // The keys whose null is as if they were not there; null in another is refused. Null: in all.
  const std::vector<std::string>* null_keys = nullptr;
};

namespace strata::source {

// Static. Its functions throw nothing: words of errors go to plugin::keep_words.
const strata_host_config* config_table();

}  // namespace strata::source
