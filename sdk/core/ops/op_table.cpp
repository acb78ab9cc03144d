#include "core/ops/op_table.hpp"

#include "core/ops/list.hpp"

namespace strata::ops {

const strata_ops* op_table() {
  static const strata_ops table = [] {
    strata_ops made{};
    made.hdr = {sizeof made, 0};
#define STRATA_OP(name) made.name = rows::name.entry;
#include "core/ops/list.inc"
#undef STRATA_OP
    return made;
  }();
  return &table;
}

const std::array<const shape::Op*, shape::op_numbers>& by_number() {
  static const auto table = [] {
    std::array<const shape::Op*, shape::op_numbers> made{};
#define STRATA_OP(name) made[rows::name.number] = &rows::name;
#include "core/ops/list.inc"
#undef STRATA_OP
    return made;
  }();
  return table;
}

}  // namespace strata::ops
