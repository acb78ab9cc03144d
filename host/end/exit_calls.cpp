// Replacements for the C library's quick exits. Plugins call these, because the program's symbols
// come before the library's. They are linked only into the program itself.
#include <unistd.h>

#include "host/end/ending.hpp"

extern "C" {

__attribute__((visibility("default"), noreturn)) void _exit(int status) {
  strata::end::quick_exit(status, __builtin_return_address(0));
}

__attribute__((visibility("default"), noreturn)) void _Exit(int status) noexcept {
  strata::end::quick_exit(status, __builtin_return_address(0));
}

}  // extern "C"
