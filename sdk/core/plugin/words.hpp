// The words of a failure on the host's side of the ABI: one slot a thread.
//
// A function of the host's tables ends with `return keep_words(status, words)`; a plugin's failure
// arrives by strata_host.fail, which is the same. Who sees the status takes the words.
#pragma once
#include <strata/abi/core.h>

#include <string>
#include <string_view>

namespace strata::plugin {

// Keeps the words for the calling thread and returns `status`. Replaces what was there.
strata_status keep_words(strata_status status, std::string_view words) noexcept;

// The words kept last on this thread, one printable line; empty if there are none. Empties the
// slot.
std::string take_words();

// In a catch block of a function that a plugin called: keeps what() and returns its status.
strata_status report_exception() noexcept;

}  // namespace strata::plugin
