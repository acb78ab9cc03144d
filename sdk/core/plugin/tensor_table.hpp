// The ABI's tensor table.
#pragma once
#include <strata/abi/core.h>

namespace strata::plugin {

// The static table "strata.host.tensor/1". No exception crosses it: a refusal becomes a status,
// with words kept for the calling thread and outputs untouched.
const strata_host_tensor* tensor_table();

}  // namespace strata::plugin
