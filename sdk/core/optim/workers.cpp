#include "core/optim/workers.hpp"

#include <algorithm>
#include <utility>

namespace strata::optim {

Workers::Workers(uint32_t threads) {
  threads_.reserve(threads - 1);
  try {
    for (uint32_t n = 1; n < threads; ++n) threads_.emplace_back([this] { wait_for_work(); });
  } catch (...) {  // the system has no more threads
    stop();
    throw;
  }
}

Workers::~Workers() { stop(); }

void Workers::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  begun_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Workers::run_all(const Work& work) {
  const uint64_t grain = std::max<uint64_t>(1, work.grain);
  if (threads_.empty() || work.count <= grain) {
    for (uint64_t first = 0; first < work.count; first += grain)
      work.call(work.what, first, std::min(grain, work.count - first));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    work_ = work;
    work_.grain = grain;
    next_ = 0;
    open_ = true;
    ++runs_;
  }
  begun_.notify_all();
  take_ranges();
  // A thread that wakes later finds the run closed, so nobody waits for it.
  std::unique_lock lock(mutex_);
  open_ = false;
  idle_.wait(lock, [this] { return busy_ == 0; });
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Workers::wait_for_work() {
  uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  for (;;) {
    begun_.wait(lock, [&] { return stop_ || (open_ && runs_ != seen); });
    if (stop_) return;
    seen = runs_;
    ++busy_;
    lock.unlock();
    take_ranges();
    lock.lock();
    if (--busy_ == 0) idle_.notify_one();
  }
}

void Workers::take_ranges() {
  const uint64_t ranges = (work_.count - 1) / work_.grain + 1;
  try {
    for (;;) {
      const uint64_t range = next_.fetch_add(1, std::memory_order_relaxed);
      if (range >= ranges) return;
      const uint64_t first = range * work_.grain;
      work_.call(work_.what, first, std::min(work_.grain, work_.count - first));
    }
  } catch (...) {
    next_ = ranges;
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

}  // namespace strata::optim
