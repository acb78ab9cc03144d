#include "rotary.hpp"

#include <cmath>

namespace generic {

strata::Rope rope_of(const strata::Config& c, const AttentionBranch& a) {
  const auto& how = a.rope;
  const auto head = a.layout == Layout::latent ? a.latent.turning : a.E;
  const bool there = how.path.empty() || c.has(how.path);
  const auto path = there ? how.path : std::string();
  strata::Rope out{};
  if (!there && how.plain) {
    out.hdr = strata::header<strata_op_rope>();
    out.type = {STRATA_STR("default")};
    out.theta = how.theta, out.factor = out.attention_factor = 1;
  } else {
    out = c.rope(path, how.theta, static_cast<std::uint32_t>(head));
  }
  const auto within = path.empty() ? "rope_parameters.partial_rotary_factor|partial_rotary_factor"
                                   : path + ".partial_rotary_factor|partial_rotary_factor";
  if (how.dim > 0)
    out.dim = static_cast<std::uint32_t>(how.dim);
  else if (!c.has(within))
    out.dim = static_cast<std::uint32_t>(static_cast<double>(head) * how.fraction);
  out.layout = how.interleaved ? STRATA_ROPE_INTERLEAVED : STRATA_ROPE_HALVES;
  if (out.dim % 2 != 0 || out.dim > head)
    throw strata::Failure(STRATA_INVALID, std::to_string(out.dim) + " dimensions of heads of " +
                                              std::to_string(head) +
                                              " cannot turn in pairs: mend config.json");
  return out;
}

double score_scale(const strata::Config& c, const AttentionBranch& a, const strata::Rope& rope) {
  const auto base = a.scale != 0 ? a.scale : 1 / std::sqrt(static_cast<double>(a.E));
  const auto all = c.f64("rope_parameters.mscale_all_dim|rope_scaling.mscale_all_dim", 0);
  if (strata::text_of(rope.type) == "default" || all == 0 || rope.factor <= 1) return base;
  const auto mscale = 0.1 * all * std::log(rope.factor) + 1;
  return base * mscale * mscale;
}

}  // namespace generic
