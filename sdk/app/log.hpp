// Lines about the work, for the program to show.
#pragma once
#include <cstdint>
#include <strata/app.hpp>
#include <string_view>

namespace strata::app {

class Log {
 public:
  // Without a function the lines go nowhere.
  explicit Log(LogLine write = {}) : write_(std::move(write)) {}

  // `level` is STRATA_DEBUG to STRATA_ERROR. A line is cut after 280 characters, and bytes that a
  // terminal would interpret are replaced. [any-thread]
  void line(std::int32_t level, std::string_view words) const;

 private:
  LogLine write_;
};

}  // namespace strata::app
