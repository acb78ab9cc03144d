// How the heads of a layer turn.
#pragma once
#include <strata/model.hpp>

#include "settings.hpp"

namespace generic {

// What turns the heads of one layer; of latent ones their turning part. Throws where config.json
// has a rope that cannot be.
strata::Rope rope_of(const strata::Config& c, const AttentionBranch& a);

// The scale of the scores, times the square of what yarn's mscale_all_dim makes of the rope's
// factor, as deepseek's code has it.
double score_scale(const AttentionBranch& a, const strata::Rope& rope);

}  // namespace generic
