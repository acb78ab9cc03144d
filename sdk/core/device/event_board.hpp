// A board of events that have happened, for threads to wait on.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <vector>

namespace strata::device {

// A numbered event happens again and again: its occurrences are counted from 1. Any thread may
// call.
class EventBoard {
 public:
  explicit EventBoard(uint32_t events) : events_(events) {}

  // Marks the occurrence as happened, or as failed: a failure stays with its event.
  void happen(uint32_t event, uint64_t occurrence, std::exception_ptr failure);
  // Blocks until the occurrence has happened; returns its failure, if any.
  std::exception_ptr await(uint32_t event, uint64_t occurrence);
  // Ends all waiting from now on: a thread that would wait gets this failure.
  void close(std::exception_ptr failure);

 private:
  struct State {
    uint64_t occurrence = 0;
    std::exception_ptr failure;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<State> events_;
  std::exception_ptr closed_;
};

}  // namespace strata::device
