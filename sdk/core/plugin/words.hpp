// The words of a failure on the host's side of the ABI: one slot a thread.
//
// A function of the host's tables ends with `return keep_words(status, words)`; a plugin's failure
// arrives by strata_host.fail, which does the same. The code that sees the status takes the words.
#pragma once
#include <strata/abi/core.h>

#include <string>
#include <string_view>

namespace strata::plugin {

// Keeps the words for the calling thread, in place of earlier ones, and returns `status`.
strata_status keep_words(strata_status status, std::string_view words) noexcept;

// Returns the words kept last on this thread, one printable line, and empties the slot; empty if
// there are none.
std::string take_words();

// Call it in a catch block of a function that a plugin called: keeps what() and returns its status.
strata_status report_exception() noexcept;

}  // namespace strata::plugin
