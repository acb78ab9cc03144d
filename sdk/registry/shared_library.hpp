// Opens libraries beside the program when one of their functions is needed.
#pragma once
#include <string>

namespace strata::registry {

// Returns a function of lib/LIBRARY. The library is never closed: its threads and allocators live
// to the end of the process. Throws an Error with `who`, the missing part, and `remedy`.
void* function_of(const std::string& library, const char* name, const std::string& who,
                  const std::string& remedy);

}  // namespace strata::registry
