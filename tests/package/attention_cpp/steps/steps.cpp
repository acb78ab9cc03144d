// A stranger's attention backend, in C++, over the host's ops, which the host differentiates.
#include <algorithm>
#include <strata/attention.hpp>

namespace {

using strata::attention::Value;

struct Steps {
  std::string visibility, scale;
  std::uint64_t heads, kv_heads, dims, element;

  static std::int32_t score(const strata_attention_request& r) {
    const bool plain = r.kv_codec.n == 0 && r.soft_cap == 0 && r.sinks == 0 && r.dropout == 0;
    return plain && (r.mask & STRATA_MASK_ALIBI) == 0 && (r.need & STRATA_NEED_GRAPH) == 0 ? 1 : 0;
  }

  explicit Steps(const strata_attention_request& r)
      : visibility(strata::attention::visibility(r)),
        scale(strata::attention::number("scale", r.scale)), heads(r.heads), kv_heads(r.kv_heads),
        dims(r.dim_qk + r.dim_v), element(strata::attention::bytes_of(r.dtype)) {}

  // Queries and results by sequence, keys and values with copies, scores, masked ones, their
  // softmax, and the mask.
  std::uint64_t holds(const strata::attention::Bounds& b) const {
    const auto queries = b.sequences * b.max_query(), wide = std::max<std::uint64_t>(element, 4);
    return 2 * (queries * heads + b.sequences * b.max_keys * kv_heads) * dims * element +
           queries * b.max_keys * (heads * (element + 2 * wide) + 8);
  }

  Value run(const strata::attention::Steps& s) const {
    const auto scores = s.scores(s.pad(s.args().q), s.keys(), scale);
    const auto p = s.softmax(scores, s.mask(visibility));
    return s.unpad(s.weighted_sum(p, s.values()));
  }
};

}  // namespace

STRATA_ATTENTION_PLUGIN(Steps, "steps", "1.0.0");
