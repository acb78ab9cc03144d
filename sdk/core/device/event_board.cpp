#include "core/device/event_board.hpp"

#include <algorithm>

namespace strata::device {

void EventBoard::happen(uint32_t event, uint64_t occurrence, std::exception_ptr failure) {
  {
    const std::lock_guard lock(mutex_);
    auto& state = events_[event];
    state.occurrence = std::max(state.occurrence, occurrence);
    if (!state.failure) state.failure = std::move(failure);
  }
  changed_.notify_all();
}

std::exception_ptr EventBoard::await(uint32_t event, uint64_t occurrence) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || events_[event].occurrence >= occurrence; });
  return events_[event].occurrence >= occurrence ? events_[event].failure : closed_;
}

void EventBoard::close(std::exception_ptr failure) {
  {
    const std::lock_guard lock(mutex_);
    closed_ = std::move(failure);
  }
  changed_.notify_all();
}

}  // namespace strata::device
