// A thread that does the work of one lane in order.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include "core/device/device.hpp"

namespace strata::device {

// Jobs are added by one thread. A job that throws fails the lane: no work is done after it, but
// events still happen, with the failure.
class Worker {
 public:
  // Blocks until the occurrence of the event has happened; returns its failure, if any.
  using Await = std::function<std::exception_ptr(uint32_t event, uint64_t occurrence)>;
  // Tells everyone that the occurrence has happened, or failed.
  using Happen = std::function<void(uint32_t event, uint64_t occurrence, std::exception_ptr)>;

  Worker(Await await, Happen happen);
  // Does the work that was added.
  ~Worker();

  void copy(std::byte* to, const std::byte* from, uint64_t bytes);
  // Calls it; what it refers to outlives the work.
  void collect(std::function<void()> work);
  void call(HostWork& work, uint32_t item);
  void record(uint32_t event, uint64_t occurrence);
  void wait(uint32_t event, uint64_t occurrence);
  void fail(std::exception_ptr failure);
  void note(double* at);

 private:
  struct Job {
    enum class Kind : uint8_t { copy, collect, call, record, wait, fail, note } kind = Kind::copy;
    uint32_t event = 0;   // or the item of a call
    uint64_t number = 0;  // bytes, or the event's occurrence
    std::byte* to = nullptr;
    const std::byte* from = nullptr;
    std::function<void()> collect{};
    HostWork* host_work = nullptr;
    double* at = nullptr;
    std::exception_ptr failure{};
  };

  void add(Job job);
  void work();
  void carry_out(const Job& job, std::exception_ptr& failure);

  Await await_;
  Happen happen_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<Job> jobs_;
  bool stop_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace strata::device
