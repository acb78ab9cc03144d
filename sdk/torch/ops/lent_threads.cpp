#include "torch/ops/lent_threads.hpp"

#include <algorithm>
#include <atomic>

#include "core/plugin/calling.hpp"
#include "torch/pch.hpp"
#include "torch/run_parts.hpp"

namespace strata::torch {

void LentThreads::run_items(const strata_threads* self, int64_t count, void (*item)(void*, int64_t),
                            void* user) noexcept {
  const auto& here = *static_cast<const LentThreads*>(self);
  std::atomic<int64_t> next{0};
  const auto take_items = [&](int) {
    plugin::called(
        here.who_, here.function_,
        [&] {
          for (auto i = next++; i < count; i = next++) item(user, i);
        },
        plugin::Pace::slow);
  };
  try {
    const auto lanes = std::min<int64_t>(count, at::get_num_threads());
    if (lanes > 1)
      run_parts(static_cast<int>(lanes), take_items);
    else
      take_items(0);
  } catch (...) {
    here.failure_ = std::current_exception();
  }
}

}  // namespace strata::torch
