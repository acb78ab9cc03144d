#include "torch/comm/deadline.hpp"

#include <utility>

namespace strata::torch {

Deadline::Deadline(std::chrono::milliseconds limit, std::function<void()> late)
    : thread_([this, limit, late = std::move(late)] {
        std::unique_lock lock(mutex_);
        if (changed_.wait_for(lock, limit, [this] { return kept_; })) return;
        lock.unlock();
        late();
      }) {}

Deadline::~Deadline() {
  {
    const std::lock_guard lock(mutex_);
    kept_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

}  // namespace strata::torch
