// The last line of a program that cannot continue.
#pragma once
#include <array>
#include <cstddef>

namespace strata::end {

// "error: ..." of at most 300 bytes, made without allocating: safe in a signal handler. Control
// bytes become '?'.
class LastLine {
 public:
  LastLine();
  LastLine& add(const char* text) noexcept;
  void write() noexcept;

 private:
  static constexpr std::size_t most = 300;
  std::array<char, most + 1> text_{};
  std::size_t size_ = 0;
};

}  // namespace strata::end
