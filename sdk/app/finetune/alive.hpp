// A sign of progress while a rank does something that takes long and is no step.
#pragma once
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/run/group.hpp"

namespace strata::app {

// While it lives, the group hears of progress twice a second, so that no rank is taken for one
// that is stuck: files are written as slowly as their disk is. A rank that dies is noticed all the
// same.
class Alive {
 public:
  // Without a group it does nothing. `steps` are those that are finished.
  Alive(run::Group* group, uint64_t steps);
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;  // last: it uses the others, and its destructor ends it
};

}  // namespace strata::app
