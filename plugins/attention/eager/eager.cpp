// Attention by its plain formula, on host ops. It supports every mask, cap and bias that a request
// can name.
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

  // Workspace in bytes: matrices of scores, one of them in the dtype of q (the scores, the masked
  // ones, their softmax, and those of the cap between); the mask itself; q, k and v of one
  // sequence, and copies of k and v in the layout of the matrix products.
  std::uint64_t holds(const strata::attention::Bounds& b) const {
    const std::uint64_t element = strata::attention::bytes_of(request.dtype),
                        wide = element > 4 ? element : 4, h = request.heads,
                        padded = b.sequences * b.max_query(), pairs = padded * b.max_keys,
                        cap = request.soft_cap != 0 ? element : 0, sink = request.sinks ? wide : 0,
                        masks = request.mask & STRATA_MASK_ALIBI ? 2 * h : 2;
    const auto queries = padded * h * (2 * request.dim_qk + 2 * request.dim_v) * element;
    const auto keys = b.sequences * b.max_keys * request.kv_heads *
                      (2 * request.dim_qk + 2 * request.dim_v) * element;
    return pairs * h * (element + 2 * wide + cap + sink) + pairs * masks * 4 + queries + keys;
  }

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
