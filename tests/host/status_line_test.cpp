#include "host/process/status_line.hpp"

#include <fcntl.h>
#include <pty.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <string>

namespace {

using std::chrono::hours;
using strata::host::StatusLine;

// Two ends of a pipe or of a terminal with the given columns.
struct Ends {
  int reader = -1, writer = -1;
  explicit Ends(unsigned short columns) {
    std::array<int, 2> made{};
    winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    if (columns == 0) {
      REQUIRE(::pipe(made.data()) == 0);
    } else {
      REQUIRE(::openpty(made.data(), &made[1], nullptr, nullptr, &size) == 0);
    }
    reader = made[0], writer = made[1];
    ::fcntl(reader, F_SETFL, O_NONBLOCK);
  }
  ~Ends() { ::close(reader), ::close(writer); }
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;

  std::string read() const {
    std::array<char, 4096> text{};
    const auto got = ::read(reader, text.data(), text.size());
    return got > 0 ? std::string(text.data(), static_cast<std::size_t>(got)) : "";
  }
};

}  // namespace

TEST_CASE("a terminal's line is replaced, and fits the terminal", "[host][process]") {
  const Ends ends(10);
  StatusLine line(hours(1), hours(1), false, ends.writer);
  CHECK(line.due());
  line.show("step 1");
  CHECK(ends.read() == "\r\x1b[Kstep 1");
  CHECK(!line.due());
  line.show("a long step 2");
  CHECK(ends.read() == "\r\x1b[Ka long st");
  line.show("12345678\xC3\xA9");  // the letter of two bytes would be cut
  CHECK(ends.read() == "\r\x1b[K12345678");
  line.clear();
  CHECK(ends.read() == "\r\x1b[K");
  line.clear();
  CHECK(ends.read().empty());
}

TEST_CASE("elsewhere than on a terminal lines are plain and whole", "[host][process]") {
  const Ends ends(0);
  StatusLine line(hours(1), hours(1), true, ends.writer);
  CHECK(!line.due());
  line.show("a step that is longer than ten");
  line.clear();
  CHECK(ends.read() == "a step that is longer than ten\n");
}
