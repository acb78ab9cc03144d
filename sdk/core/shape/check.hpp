// What the shape functions share: refusing, and looking a weight up.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/shape/ops.hpp"

namespace strata::shape {

// Throws Error: "<unit>: <op>: <fact>: fix the family's plugin or its configuration".
[[noreturn]] void refuse(const Scope& scope, std::string_view op, const std::string& fact);

// The weight of that index; refuses one out of range. `what` names the argument.
const plugin::DeclaredWeight& declared(const Scope& scope, std::string_view op,
                                       std::string_view what, uint32_t index);

// The same, of exactly this shape and no experts.
void takes_weight(const Scope& scope, std::string_view op, std::string_view what, uint32_t index,
                  const Dims& dims);

// x is of the hidden state's dtype and has `rank` dimensions (0: any, but at least one).
void takes(const Scope& scope, std::string_view op, std::string_view what, const strata_view& x,
           int32_t rank);

// As takes, and one row for each token of the call.
void takes_tokens(const Scope& scope, std::string_view op, std::string_view what,
                  const strata_view& x, int32_t rank);

// "weight 4 'self_attn.q_proj.weight' [64,64]".
std::string words(const plugin::DeclaredWeight& weight, uint32_t index);

}  // namespace strata::shape
