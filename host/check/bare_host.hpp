// A host without tables, enough to open and close a plugin.
#pragma once
#include <strata/abi/core.h>

namespace strata::check {

// Lives as long as the program.
const strata_host* bare_host();

}  // namespace strata::check
