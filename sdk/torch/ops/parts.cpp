#include "torch/ops/parts.hpp"

#include <algorithm>

#include "torch/pch.hpp"
#include "torch/run_parts.hpp"

namespace strata::torch {

void in_parts(int64_t n, int64_t steps, c10::function_ref<void(int64_t, int64_t)> f) {
  constexpr int64_t least = 1 << 15;  // the fewest steps for which it pays to wake a thread
  const auto threads = static_cast<int64_t>(at::get_num_threads());
  const auto parts = std::min({threads, n, std::max<int64_t>(1, n * steps / least)});
  if (parts <= 1) return f(0, n);
  run_parts(static_cast<int>(parts),
            [&](int part) { f(n * part / parts, n * (part + 1) / parts); });
}

}  // namespace strata::torch
