// "strata.host.config/1": a configuration for plugins, through the C ABI.
#pragma once
#include <strata/abi/core.h>

#include <string>
#include <vector>

#include "core/source/config.hpp"

// The struct behind the ABI's opaque handle; its owner outlives every use.
struct strata_config {
  const strata::source::Config* values;
  // The keys for which a null means absent; a null at another key is refused. Null: all keys.
  const std::vector<std::string>* null_keys = nullptr;
};

namespace strata::plugin {

// The static table. Its functions throw nothing: words of errors go to plugin::keep_words.
const strata_host_config* config_table();

}  // namespace strata::plugin
