#include "core/error.hpp"
#include "core/shape/check.hpp"

namespace strata::shape {

void call(const Scope& scope, std::string_view name) {
  refuse(scope, "call",
         "no op '" + printable(name, 60) +
             "'; there are weight, embedding, positions, linear, norm, rope, attention, moe, "
             "activation, gated, elementwise, heads, dropout, split, concat, each by its own "
             "function");
}

}  // namespace strata::shape
