// Built plugins beside this program, as an installation has them.
#pragma once
#include <strata/abi/draft/attention.h>

#include <string>
#include <string_view>

#include "core/plugin/host.hpp"

namespace strata::test {

// The host that plugins are opened with; it lives to the end of the process, as they do.
const plugin::Host& the_host();

// The table behind `id` of lib/strata/<file>.so, which is opened for it.
const void* query_plugin(const std::string& file, std::string_view id);
template <class Table>
const Table* plugin_table(const std::string& file, std::string_view id) {
  return static_cast<const Table*>(query_plugin(file, id));
}

// The table of an attention backend.
const strata_attention* attention_table(const std::string& name);

}  // namespace strata::test
