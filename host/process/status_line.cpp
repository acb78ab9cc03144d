#include "host/process/status_line.hpp"

#include <sys/ioctl.h>

#include <cerrno>
#include <string>

namespace strata::host {
namespace {

constexpr const char* erase = "\r\x1b[K";

// The longest beginning that fits a row, so that the next line can erase all of it.
std::string_view fitting(std::string_view line, int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return line;
  const auto most = std::size_t{size.ws_col} - 1;
  if (line.size() <= most) return line;
  auto end = most;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
  return line.substr(0, end);
}

// A line that cannot be written is lost: it is no result.
void put(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const auto done = ::write(descriptor, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(done));
  }
}

}  // namespace

using std::chrono::steady_clock;

StatusLine::StatusLine(std::chrono::milliseconds on_terminal, std::chrono::milliseconds elsewhere,
                       bool wait, int descriptor)
    : descriptor_(descriptor), terminal_(::isatty(descriptor) == 1),
      between_(terminal_ ? on_terminal : elsewhere), next_(steady_clock::now()) {
  if (wait) next_ += between_;
}

bool StatusLine::due() const { return steady_clock::now() >= next_; }

void StatusLine::show(std::string_view line) {
  next_ = steady_clock::now() + between_;
  shown_ = true;
  std::string text;
  if (terminal_) text = erase + std::string(fitting(line, descriptor_));
  if (!terminal_) text = std::string(line) + "\n";
  put(descriptor_, text);
}

void StatusLine::clear() {
  if (shown_ && terminal_) put(descriptor_, erase);
  shown_ = false;
}

}  // namespace strata::host
