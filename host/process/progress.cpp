#include "host/process/progress.hpp"

#include <cstdio>
#include <utility>

namespace strata::host {

using std::chrono::seconds;
using std::chrono::steady_clock;

Progress::Progress(std::string what, std::string unit, bool shown)
    : what_(std::move(what)), unit_(unit == "bytes" ? "MiB" : std::move(unit)),
      shift_(unit_ == "MiB" ? 20 : 0), shown_(shown), begin_(steady_clock::now()),
      line_(seconds(1), seconds(10), true) {}

void Progress::at(uint64_t done, uint64_t all) {
  if (!shown_ || !line_.due()) return;
  const double took = std::chrono::duration<double>(steady_clock::now() - begin_).count();
  const double left =
      done > 0 ? took * static_cast<double>(all - done) / static_cast<double>(done) : 0;
  char rest[32];
  std::snprintf(rest, sizeof rest, ", %.0f s left", left);
  line_.show(what_ + ": " + std::to_string(done >> shift_) + " of " +
             std::to_string(all >> shift_) + " " + unit_ + rest);
}

void Progress::end() { line_.clear(); }

}  // namespace strata::host
