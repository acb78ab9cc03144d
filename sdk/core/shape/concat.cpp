#include "core/shape/check.hpp"

namespace strata::shape {

Value concat(const Scope& scope, std::span<const strata_view> in) {
  if (in.empty()) refuse(scope, "concat", "there is nothing to put together");
  takes(scope, "concat", "in", in[0], 0);
  auto dims = dims_of(in[0]);
  const auto last = dims.size() - 1;
  for (std::size_t i = 1; i < in.size(); ++i) {
    takes(scope, "concat", "in", in[i], in[0].ndim);
    for (std::size_t d = 0; d < last; ++d) {
      const auto length = in[i].shape[d];
      if (length != dims[d] && length != 1 && dims[d] != 1)
        refuse(scope, "concat", words(in[0]) + " and " + words(in[i]) + " do not fit each other");
      if (dims[d] == 1) dims[d] = length;
    }
    if (__builtin_add_overflow(dims[last], in[i].shape[last], &dims[last]))
      refuse(scope, "concat", words(in[i]) + " is larger than any tensor");
  }
  return {in[0].dtype, dims};
}

}  // namespace strata::shape
