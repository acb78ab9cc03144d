// Multi-head latent attention (MLA): queries, keys and values are made from a token's low-rank
// states. The KV cache holds the keys and values themselves, not the states.
// Dims: T tokens, D hidden, H heads, E head, Ev value.
#pragma once
#include <strata/model.hpp>

#include "settings.hpp"

namespace generic {

// Declares the weights of q, k and v.
void declare_latent(strata::Declarer& d, const AttentionBranch& a, std::int64_t D, bool in_out);

// [T,D] -> q [T,H,E], k [T,H,E], v [T,H,Ev], after rope.
std::array<strata::Tensor, 3> latent_heads(const strata::Ops& op, const strata::Tensor& x,
                                           const AttentionBranch& a, const strata::Rope& rope);

}  // namespace generic
