// The ABI's op table: every function leads to the Ops of its call.
#pragma once
#include <strata/abi/ops.h>

#include <array>

#include "core/shape/op.hpp"

namespace strata::ops {

// The static table "strata.host.ops/1". No exception crosses it: a refusal by Ops becomes a status,
// with words kept for the calling thread and outputs untouched.
const strata_ops* op_table();

// The rows by number. Null where a number is of no op.
const std::array<const shape::Op*, shape::op_numbers>& by_number();

}  // namespace strata::ops
