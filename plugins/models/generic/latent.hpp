// Latent attention: queries, keys and values that are made from narrow states of a token. What is
// cached are the keys and values themselves.
// Dims: T tokens, D hidden, H heads, E head, Ev value.
#pragma once
#include <strata/model.hpp>

#include "settings.hpp"

namespace generic {

// The weights of q, k and v.
void declare_latent(strata::Declarer& d, const AttentionBranch& a, std::int64_t D, bool in_out);

// [T,D] -> q [T,H,E], k [T,H,E], v [T,H,Ev], turned.
std::array<strata::Tensor, 3> latent_heads(const strata::Ops& op, const strata::Tensor& x,
                                           const AttentionBranch& a, const strata::Rope& rope);

}  // namespace generic
