// The names that the source of every op uses. Each source defines one row: a function that checks
// the arguments and gives the shapes of the results, one that counts the cost if there is more than
// the results, and the C function that plugins call.
#pragma once
#include <cstddef>

#include "core/ops/list.hpp"
#include "core/plugin/thunk.hpp"
#include "core/shape/check.hpp"

namespace strata::ops {

using plugin::alive, plugin::at, plugin::enter, plugin::known;
using shape::Args, shape::Cost, shape::Request, shape::Scope, shape::Value;
using shape::bytes_of, shape::dims_of, shape::twice_in_float32, shape::words;
using shape::takes, shape::takes_table, shape::takes_tokens, shape::takes_weight;

// The bytes that a backward needs of the function f besides its argument and its result.
inline uint64_t kept_by_function(int32_t f, const Value& result) {
  const bool in_steps = f == STRATA_QUICK_GELU || f == STRATA_RELU_SQUARED ||
                        f == STRATA_GELU_CLIPPED || f == STRATA_LAPLACE;
  return in_steps ? bytes_of(result) : 0;
}

// Defines the row of the op `name`, from its shape function, its cost function or nullptr, and its
// C function.
#define STRATA_OP_ROW(name, shape_of, cost_of, entry)                             \
  constinit const shape::Row<&strata_ops::name> rows::name {                      \
    {#name, offsetof(strata_ops, name) / sizeof(void*), shape_of, cost_of}, entry \
  }

}  // namespace strata::ops
