#include "core/run/logprobs.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace strata::run {

TokenLogprobs logprobs(std::span<const float> logits, int32_t id, std::size_t count) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const auto logit : logits) sum += std::exp(static_cast<double>(logit) - largest);
  const auto of = [&](int32_t one) {
    return static_cast<double>(logits[static_cast<std::size_t>(one)]) - largest - std::log(sum);
  };
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto end = ids.begin() + static_cast<std::ptrdiff_t>(std::min(count, ids.size()));
  std::partial_sort(ids.begin(), end, ids.end(), [&](int32_t a, int32_t b) {
    const auto left = logits[static_cast<std::size_t>(a)],
               right = logits[static_cast<std::size_t>(b)];
    return left > right || (left == right && a < b);
  });
  TokenLogprobs out{of(id), {}};
  for (auto at = ids.begin(); at != end; ++at) out.top.push_back({*at, of(*at)});
  return out;
}

}  // namespace strata::run
