// The rows of all ops. The build writes list.inc from the names of this folder's sources.
#pragma once
#include "core/shape/op.hpp"

namespace strata::ops::rows {

// NOLINTNEXTLINE(bugprone-macro-parentheses): the macro declares the name
#define STRATA_OP(name) extern const shape::Row<&strata_ops::name> name;
#include "core/ops/list.inc"
#undef STRATA_OP

}  // namespace strata::ops::rows
