#include <algorithm>

#include "core/shape/check.hpp"

namespace strata::shape {

void split(const Scope& scope, std::span<const uint32_t> widths, const strata_view& x,
           std::span<Value> out) {
  takes(scope, "split", "x", x, 0);
  auto dims = dims_of(x);
  const auto last = dims.size() - 1;
  int64_t sum = 0;
  for (const auto width : widths) sum += width;
  if (widths.size() != out.size() || sum != dims[last] ||
      std::find(widths.begin(), widths.end(), 0u) != widths.end()) {
    std::string listed;
    for (const auto width : widths) listed.append(" ").append(std::to_string(width));
    refuse(scope, "split", "x " + words(x) + " is not in parts of" + listed);
  }
  for (std::size_t i = 0; i < widths.size(); ++i) {
    dims[last] = widths[i];
    out[i] = {x.dtype, dims};
  }
}

}  // namespace strata::shape
