// An attention backend without attention, with one fault.
#include <strata/attention.hpp>

#include "deed.hpp"

namespace {

using faulty::deed, faulty::is;
using strata::attention::Steps, strata::attention::Value;

struct Faulty {
  std::uint32_t heads, dim;

  static std::int32_t score(const strata_attention_request&) { return 1; }
  explicit Faulty(const strata_attention_request& r) : heads(r.heads), dim(r.dim_v) {}
  std::uint64_t holds(const strata::attention::Bounds&) const {
    return is("workspace:all") ? ~std::uint64_t{0} : 0;
  }
  Value run(const Steps& s) const {
    deed("run");
    if (is("run:nothing")) return Value();
    if (is("run:shape")) return s.pad(s.args().q);
    const auto* tensors = strata::host_table<strata_host_tensor>("strata.host.tensor/1");
    if (is("run:query")) return tensors->retain(s.args().q), Value(s.args().q);
    if (is("run:release")) tensors->release(s.args().q);
    return s.merged(s.args().q, heads, dim);
  }
};

}  // namespace

STRATA_ATTENTION_PLUGIN(Faulty, "faulty", "1.0.0");
