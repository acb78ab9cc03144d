// Libraries beside the program that are opened when their function is needed.
#pragma once
#include <string>

namespace strata::host {

// A function of lib/LIBRARY. The library is never closed: its threads and allocators live to the
// end of the process. Throws Error: `who`, what is missing, and `remedy`.
void* function_of(const std::string& library, const char* name, const std::string& who,
                  const std::string& remedy);

}  // namespace strata::host
