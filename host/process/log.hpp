// Lines about what the program does, on standard error.
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>

namespace strata::host {

class Log {
 public:
  // Warnings and errors are always shown, the rest where `verbose`.
  explicit Log(bool verbose);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // `level` is STRATA_DEBUG to STRATA_ERROR. [any-thread]
  void line(std::int32_t level, std::string_view words) const;

 private:
  struct Sink;
  std::unique_ptr<Sink> sink_;
};

}  // namespace strata::host
