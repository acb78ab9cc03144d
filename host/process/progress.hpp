// The progress of long work: one line that rewrites itself on a terminal, elsewhere a plain line
// now and then.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include "host/process/status_line.hpp"

namespace strata::host {

// Prints on standard error, and nothing for work that ends within a second.
class Progress {
 public:
  // `unit` is the unit of the counts; bytes are shown in MiB. One that is not `shown` prints
  // nothing.
  Progress(std::string what, std::string unit, bool shown = true);
  void at(uint64_t done, uint64_t all);
  void end();

 private:
  std::string what_, unit_;
  uint64_t shift_;
  bool shown_;
  std::chrono::steady_clock::time_point begin_;
  StatusLine line_;
};

}  // namespace strata::host
