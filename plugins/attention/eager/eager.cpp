// Attention as its formula reads, on host ops: every mask, cap and bias that a request can name.
#include <strata/attention.hpp>

namespace {

using strata::attention::Steps, strata::attention::Value;

struct Eager {
  strata_attention_request request;
  std::string visibility, scale;

  static std::int32_t score(const strata_attention_request& r) {
    const bool dense = r.kv_codec.n == 0;
    return dense && !(r.need & STRATA_NEED_GRAPH) ? 10 : 0;
  }

  explicit Eager(const strata_attention_request& r)
      : request(r), visibility(strata::attention::visibility(r)),
        scale(strata::attention::number("scale", r.scale)) {}

  Value run(const Steps& s) const {
    auto scores = s.scores(s.pad(s.args().q), s.keys(), scale);
    if (request.soft_cap != 0) scores = s.soft_cap(scores, request.soft_cap);
    auto p = s.softmax(scores, s.mask(visibility));
    if (request.dropout != 0) p = s.dropout(p, request.dropout);
    return s.unpad(s.weighted_sum(p, s.values()));
  }
};

}  // namespace

STRATA_ATTENTION_PLUGIN(Eager, "eager", "1.0.0");
