// Attention by the fused kernels of the host's tensor library, sequence by sequence.
#include <strata/attention.hpp>

namespace {

using strata::attention::Steps, strata::attention::Value;

struct Sdpa {
  std::string attributes;

  static std::int32_t score(const strata_attention_request& r) {
    const bool plain =
        r.kv_codec.n == 0 && r.sinks == 0 && r.soft_cap == 0 && !(r.mask & STRATA_MASK_ALIBI);
    return plain && !(r.need & STRATA_NEED_GRAPH) ? 50 : 0;
  }

  explicit Sdpa(const strata_attention_request& r) : attributes(strata::attention::visibility(r)) {
    // One object: what is visible, the scale, the dropout.
    for (const auto& more : {strata::attention::number("scale", r.scale),
                             strata::attention::number("dropout", r.dropout)}) {
      attributes.back() = ',';
      attributes += more.substr(1);
    }
  }

  Value run(const Steps& s) const { return s.fused(attributes); }
};

}  // namespace

STRATA_ATTENTION_PLUGIN(Sdpa, "sdpa", "1.0.0");
