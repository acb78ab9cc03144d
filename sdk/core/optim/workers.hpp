// Threads that share the arithmetic of the host's optimizer.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace strata::optim {

// Threads that wait, without spinning, until work is run. One thread at a time calls run, and a
// function that runs does not call it.
class Workers {
 public:
  // `threads` includes the thread that calls run; at least 1.
  explicit Workers(uint32_t threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  uint32_t threads() const { return static_cast<uint32_t>(threads_.size()) + 1; }

  // Calls f(first, count) for the ranges [0, grain), [grain, 2 * grain), ... of [0, count), each
  // once, on any of the threads, and returns when all are done. The ranges do not depend on the
  // number of threads. Rethrows the first exception; ranges that have not begun by then are left
  // out. Allocates nothing.
  template <class F>
  void run(uint64_t count, uint64_t grain, const F& f) {
    run_all({[](const void* what, uint64_t first, uint64_t some) {
               (*static_cast<const F*>(what))(first, some);
             },
             &f, count, grain});
  }

 private:
  struct Work {
    void (*call)(const void*, uint64_t first, uint64_t count) = nullptr;
    const void* what = nullptr;
    uint64_t count = 0, grain = 1;
  };
  void stop();
  void run_all(const Work& work);
  void wait_for_work();
  void take_ranges();

  Work work_;                      // of the current run; written while nothing is busy
  std::atomic<uint64_t> next_{0};  // the next range's number
  std::mutex mutex_;
  std::condition_variable begun_, idle_;
  uint64_t runs_ = 0;  // begun so far
  uint32_t busy_ = 0;  // threads of threads_ that are in the current run
  bool open_ = false;  // whether a thread may still join the current run
  bool stop_ = false;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;  // last: they use the others
};

}  // namespace strata::optim
