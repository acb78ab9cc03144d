// The standard error of a rank that this process started.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace strata::host {

// The end of the line that a rank prints because another one is lost.
inline constexpr std::string_view look_there = ": look at what it said";

class ChildOutput {
 public:
  explicit ChildOutput(std::uint32_t rank);

  // Takes the next bytes and returns the text to show: complete lines, those of a rank above 0 with
  // "rank 2: " before them, once. Lines that begin with "error: " are not shown but kept.
  std::string take(std::string_view bytes);
  // Takes the rest as a line.
  std::string end();

  // The last error line without "error: " and line break; empty: there was none.
  const std::string& error() const { return error_; }

 private:
  void add_line(std::string_view line, std::string& out);

  std::string before_, rest_, error_;
};

}  // namespace strata::host
