// One run at a time writes to an output.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "app/log.hpp"

namespace strata::app {

// The file of an output that a run locks while it lasts; it names the run's process.
inline constexpr std::string_view lock_name = ".lock";

// The lock of an output's folder, which it makes where it is missing. The kernel lets it go with
// the process, however that ends: a file that a killed run left locks nothing. Several ranks share
// an output, and rank 0 alone has its lock.
class OutputLock {
 public:
  // Throws Error, with the other's process, where a run has the lock, and where the folder cannot
  // be made or written. Where the file system has no locks, a line of the log says so.
  OutputLock(const std::string& output, const Log& log);
  // Removes the file, and the folder if it was made here and holds nothing.
  ~OutputLock();
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;

 private:
  class Held;
  std::unique_ptr<Held> held_;
};

}  // namespace strata::app
