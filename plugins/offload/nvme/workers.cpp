#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "engine.hpp"

namespace {

std::int32_t carry_out(const Transfer& t) {
  const auto at = static_cast<off_t>(t.offset);
  const auto moved = t.write ? ::pwrite(t.descriptor, t.memory, t.bytes, at)
                             : ::pread(t.descriptor, t.memory, t.bytes, at);
  return moved < 0 ? -errno : static_cast<std::int32_t>(moved);
}

class Workers : public Engine {
 public:
  explicit Workers(unsigned threads) {
    try {
      for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
    } catch (...) {
      stop();
      throw;
    }
  }
  ~Workers() override { stop(); }

  void start(Transfer& t) override {
    const std::lock_guard lock(mutex_);
    todo_.push_back(&t);
    more_.notify_one();
  }
  void send() noexcept override {}

  std::uint32_t finish(std::span<Finished> out, std::int64_t ns) override {
    std::unique_lock lock(mutex_);
    const auto some = [&] { return !finished_.empty(); };
    if (ns < 0)
      one_finished_.wait(lock, some);
    else
      one_finished_.wait_for(lock, std::chrono::nanoseconds(ns), some);
    std::uint32_t n = 0;
    for (; n < out.size() && some(); ++n, finished_.pop_front()) out[n] = finished_.front();
    return n;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      more_.wait(lock, [&] { return stop_ || !todo_.empty(); });
      if (stop_) return;
      Transfer& t = *todo_.front();
      todo_.pop_front();
      lock.unlock();
      const auto result = carry_out(t);
      lock.lock();
      finished_.push_back({&t, result});
      one_finished_.notify_one();
    }
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      more_.notify_all();
    }
    for (auto& thread : threads_) thread.join();
  }

  std::mutex mutex_;  // guards all members below
  std::condition_variable more_, one_finished_;
  std::deque<Transfer*> todo_;
  std::deque<Finished> finished_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Engine> make_workers(unsigned threads) {
  return std::make_unique<Workers>(threads);
}
