// Maps an address of code to the plugin that it belongs to.
#pragma once
#include <string>

namespace strata::registry {

// Remembers the library that holds `symbol` as the plugin `id` ("offload/mine"). [main-thread]
void add_loaded_code(const void* symbol, const std::string& id);

// The plugin whose library holds the address, or null. Safe in a signal handler.
const char* owner_of(const void* address) noexcept;

// The plugin whose code is on the calling thread's stack, or null.
const char* owner_of_stack() noexcept;

}  // namespace strata::registry
