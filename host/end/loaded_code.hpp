// Which plugin an address of code belongs to.
#pragma once
#include <string>

namespace strata::end {

// Remembers the library that holds `symbol` as the plugin `id` ("offload/mine"). [main-thread]
void add_loaded_code(const void* symbol, const std::string& id);

// The plugin whose library holds the address, or null. Safe in a signal handler.
const char* owner_of(const void* address) noexcept;

// The plugin whose code the calling thread is in, by its stack, or null.
const char* owner_of_stack() noexcept;

}  // namespace strata::end
