#include "host/end/last_line.hpp"

#include <unistd.h>

namespace strata::end {

LastLine::LastLine() { add("error: "); }

LastLine& LastLine::add(const char* text) noexcept {
  for (; *text && size_ < most; ++text) {
    const auto byte = static_cast<unsigned char>(*text);
    text_[size_++] = byte < 0x20 || byte == 0x7f ? '?' : *text;
  }
  return *this;
}

void LastLine::write() noexcept {
  text_[size_] = '\n';
  if (::write(STDERR_FILENO, text_.data(), size_ + 1) < 0) return;  // nobody reads it
}

}  // namespace strata::end
