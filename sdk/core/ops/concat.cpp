#include "core/ops/op.hpp"

namespace strata::ops {
namespace {

// At least one input; all of one rank, other dimensions than the last equal or 1 -> [..,the sum of
// the last ones].
void shape_of(const Scope& scope, const Args& args, std::span<Value> out) {
  const auto& [in, count] = args.of<&strata_ops::concat>();
  if (count == 0) refuse(scope, "concat", "there is nothing to put together");
  const auto first = in[0]->view();
  takes(scope, "concat", "in", first, 0);
  auto dims = dims_of(first);
  const auto last = dims.size() - 1;
  for (uint32_t i = 1; i < count; ++i) {
    const auto next = in[i]->view();
    takes(scope, "concat", "in", next, first.ndim);
    for (std::size_t d = 0; d < last; ++d) {
      const auto length = next.shape[d];
      if (length != dims[d] && length != 1 && dims[d] != 1)
        refuse(scope, "concat", words(first) + " and " + words(next) + " do not fit each other");
      if (dims[d] == 1) dims[d] = length;
    }
    if (__builtin_add_overflow(dims[last], next.shape[last], &dims[last]))
      refuse(scope, "concat", words(next) + " is larger than any tensor");
  }
  out[0] = {first.dtype, dims};
}

strata_status entry(strata_call* call, strata_tensor* const* in, uint32_t count,
                    strata_tensor** out) noexcept {
  return enter(rows::concat, call, out, [&](auto run) {
    if (!in) plugin::refuse("concat", "in is null");
    if (count > shape::most_results)
      plugin::refuse("concat", std::to_string(count) + " tensors, more than " +
                                   std::to_string(shape::most_results));
    for (uint32_t i = 0; i < count; ++i) at("concat", "in[" + std::to_string(i) + "]", in[i]);
    run(1, in, count);
  });
}

}  // namespace

STRATA_OP_ROW(concat, shape_of, nullptr, entry);

}  // namespace strata::ops
