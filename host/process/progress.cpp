#include "host/process/progress.hpp"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace strata::host {

using std::chrono::seconds;
using std::chrono::steady_clock;

Progress::Progress(std::string what, std::string unit)
    : what_(std::move(what)), unit_(unit == "bytes" ? "MiB" : std::move(unit)),
      shift_(unit_ == "MiB" ? 20 : 0), terminal_(isatty(STDERR_FILENO) == 1),
      begin_(steady_clock::now()), last_(begin_) {}

void Progress::at(uint64_t done, uint64_t all) {
  const auto now = steady_clock::now();
  if (now - last_ < (terminal_ ? seconds(1) : seconds(10))) return;
  last_ = now;
  shown_ = true;
  const double took = std::chrono::duration<double>(now - begin_).count();
  const double left =
      done > 0 ? took * static_cast<double>(all - done) / static_cast<double>(done) : 0;
  std::fprintf(stderr, "%s%s: %llu of %llu %s, %.0f s left%s", terminal_ ? "\r\x1b[K" : "",
               what_.c_str(), static_cast<unsigned long long>(done >> shift_),
               static_cast<unsigned long long>(all >> shift_), unit_.c_str(), left,
               terminal_ ? "" : "\n");
}

void Progress::end() {
  if (shown_ && terminal_) std::fputs("\r\x1b[K", stderr);
}

}  // namespace strata::host
