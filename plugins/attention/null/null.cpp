// No attention: each token gets its own query back, cut to the width of a value. It shows the cost
// of a pass without attention, and is the file to copy for a backend on host ops.
#include <strata/attention.hpp>

namespace {

using strata::attention::Steps, strata::attention::Value;

struct Null {
  std::uint32_t heads, dim, rest;

  // The least score above 0: `--attention auto` prefers any other backend.
  static std::int32_t score(const strata_attention_request& r) { return r.dim_qk >= r.dim_v; }
  explicit Null(const strata_attention_request& r)
      : heads(r.heads), dim(r.dim_v), rest(r.dim_qk - r.dim_v) {}
  std::uint64_t holds(const strata::attention::Bounds&) const { return 0; }
  Value run(const Steps& s) const {
    if (rest == 0) return s.merged(s.args().q, heads, dim);
    return s.merged(s.split(s.args().q, dim, rest)[0].get(), heads, dim);
  }
};

}  // namespace

STRATA_ATTENTION_PLUGIN(Null, "null", "1.0.0");
