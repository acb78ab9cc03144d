// A limit for waits that have none of their own.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace strata::torch {

// Calls `late` on a thread of its own, once, unless it is destroyed before the limit.
class Deadline {
 public:
  Deadline(std::chrono::milliseconds limit, std::function<void()> late);
  // Waits for a call that has begun.
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool kept_ = false;
  std::thread thread_;
};

}  // namespace strata::torch
