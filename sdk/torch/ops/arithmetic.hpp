// The arithmetic of every op of the op table. It lies in the source of the op's name.
#pragma once
#include "core/shape/op.hpp"
#include "torch/unit_call.hpp"

namespace strata::torch {

using shape::Args;
using Results = std::span<plugin::Handle>;

// Computes an op and fills its results. The op's shape function has checked the arguments.
using Arithmetic = void(UnitCall& on, const Args& args, Results out);

// The arithmetic of the op with that number.
Arithmetic& arithmetic_of(const shape::Op& op);

namespace arithmetic {

#define STRATA_OP(name) Arithmetic name;
#include "core/ops/list.inc"
#undef STRATA_OP

}  // namespace arithmetic

}  // namespace strata::torch
