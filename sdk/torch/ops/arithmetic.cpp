#include "torch/ops/arithmetic.hpp"

#include <array>
#include <cstddef>

namespace strata::torch {

Arithmetic& arithmetic_of(const shape::Op& op) {
  static constexpr auto table = [] {
    std::array<Arithmetic*, shape::op_numbers> made{};
#define STRATA_OP(name) made[offsetof(strata_ops, name) / sizeof(void*)] = arithmetic::name;
#include "core/ops/list.inc"
#undef STRATA_OP
    return made;
  }();
  return *table[op.number];
}

}  // namespace strata::torch
