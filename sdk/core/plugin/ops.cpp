#include "core/plugin/ops.hpp"

#include "core/error.hpp"

namespace strata::plugin {

void Ops::run(const shape::Op& op, const shape::Args&, std::span<Handle>) {
  throw Error(op.name, "there is no arithmetic in this call", "it needs the compute half");
}

}  // namespace strata::plugin
