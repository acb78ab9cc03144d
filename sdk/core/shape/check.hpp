// Helpers that the shape functions share: refusals and lookups of weights.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/shape/op.hpp"

namespace strata::shape {

inline constexpr std::string_view correct_family = "correct the family or its configuration";

// Throws Error: "<unit>: <op>: <fact>: <remedy>".
[[noreturn]] void refuse(const Scope& scope, std::string_view op, const std::string& fact,
                         std::string_view remedy = correct_family);

// Returns the weight of that index; refuses one out of range. `what` names the argument.
const shape::DeclaredWeight& declared(const Scope& scope, std::string_view op,
                                      std::string_view what, uint32_t index);

// Checks that the weight has exactly this shape and no experts.
void takes_weight(const Scope& scope, std::string_view op, std::string_view what, uint32_t index,
                  const Dims& dims);

// Checks that the weight is a table [rows,D] without experts, and returns D.
int64_t takes_table(const Scope& scope, std::string_view op, uint32_t index);

// Checks that f is a function, such as STRATA_SILU.
void takes_function(const Scope& scope, std::string_view op, int32_t f);

// Checks that x has the hidden state's dtype and `rank` dimensions (0: any, but at least one).
void takes(const Scope& scope, std::string_view op, std::string_view what, const strata_view& x,
           int32_t rank);

// Checks the same as takes, and that x has one row for each token of the call.
void takes_tokens(const Scope& scope, std::string_view op, std::string_view what,
                  const strata_view& x, int32_t rank);

// "weight 4 'self_attn.q_proj.weight' [64,64]".
std::string words(const shape::DeclaredWeight& weight, uint32_t index);

}  // namespace strata::shape
