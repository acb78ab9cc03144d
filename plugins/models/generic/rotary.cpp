#include "rotary.hpp"

#include <cmath>

namespace generic {

strata::Rope rope_of(const strata::Config& c, const AttentionBranch& a) {
  const auto& how = a.rope;
  const auto head = a.layout == Layout::latent ? a.latent.turning : a.E;
  const auto whole = static_cast<std::uint32_t>(head);
  auto out = c.rope(how.parameters, 0, whole);
  if (how.dim > 0)
    out.dim = static_cast<std::uint32_t>(how.dim);
  else if (!how.part && out.dim != whole)
    throw strata::Failure(STRATA_INVALID,
                          "partial_rotary_factor: this model rotates whole heads: fix config.json");
  out.layout = how.interleaved ? STRATA_ROPE_INTERLEAVED : STRATA_ROPE_HALVES;
  if (out.dim % 2 != 0 || out.dim > head)
    throw strata::Failure(STRATA_INVALID, std::to_string(out.dim) + " dimensions of heads of " +
                                              std::to_string(head) +
                                              " cannot rotate in pairs: fix config.json");
  return out;
}

double score_scale(const AttentionBranch& a, const strata::Rope& rope) {
  const auto base = a.scale != 0 ? a.scale : 1 / std::sqrt(static_cast<double>(a.E));
  if (strata::text_of(rope.type) == "default" || rope.factor <= 1) return base;
  const auto mscale = 0.1 * a.rope.mscale * std::log(rope.factor) + 1;
  return base * mscale * mscale;
}

}  // namespace generic
