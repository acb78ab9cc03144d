// The ABI's op and tensor tables: every function leads to the Ops of its call.
#pragma once
#include <strata/abi/ops.h>

namespace strata::plugin {

// The static tables "strata.host.ops/1" and "strata.host.tensor/1". No exception crosses them: a
// refusal by Ops becomes a status, with words kept for the calling thread and outputs untouched.
const strata_ops* op_table();
const strata_host_tensor* tensor_table();

}  // namespace strata::plugin
