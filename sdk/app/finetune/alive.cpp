#include "app/finetune/alive.hpp"

#include <chrono>

namespace strata::app {
namespace {

constexpr std::chrono::milliseconds between{500};  // below the least --rank-timeout, a second

}  // namespace

Alive::Alive(run::Group* group, uint64_t steps) {
  if (!group) return;
  thread_ = std::jthread([this, group, steps](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      group->progress(steps, 0);
      changed_.wait_for(lock, stop, between, [] { return false; });
    }
  });
}

}  // namespace strata::app
