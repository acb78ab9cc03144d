// The rotary embedding of a layer's heads.
#pragma once
#include <strata/model.hpp>

#include "settings.hpp"

namespace generic {

// The rope of one layer's heads; for latent heads, of their rotary part. Throws if config.json asks
// for an impossible rope.
strata::Rope rope_of(const strata::Config& c, const AttentionBranch& a);

// The scale of the attention scores, times the square of yarn's mscale for mscale_all_dim and the
// rope's factor, as in DeepSeek's code.
double score_scale(const AttentionBranch& a, const strata::Rope& rope);

}  // namespace generic
