#include "host/process/interrupts.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <string>

namespace strata::host {
namespace {

// Standard error is a pipe while it lives.
class Captured {
 public:
  Captured() : before_(::dup(STDERR_FILENO)) {
    REQUIRE(::pipe2(ends_.data(), O_NONBLOCK | O_CLOEXEC) == 0);
    ::dup2(ends_[1], STDERR_FILENO);
  }
  ~Captured() {
    ::dup2(before_, STDERR_FILENO);
    for (const int one : {before_, ends_[0], ends_[1]}) ::close(one);
  }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  std::string text() const {
    std::array<char, 256> bytes{};
    const auto count = ::read(ends_[0], bytes.data(), bytes.size());
    return {bytes.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
  }

 private:
  int before_;
  std::array<int, 2> ends_{};
};

TEST_CASE("the words of an end are printed while the signal is handled, once", "[host]") {
  const Captured captured;
  const Interrupts interrupts("ending\n");
  CHECK(captured.text().empty());
  for (int i = 0; i < 2; ++i) std::raise(SIGTERM);  // so soon, the second one is the first again
  CHECK(captured.text() == "ending\n");
  CHECK(Interrupts::noted() == SIGTERM);
}

TEST_CASE("without words a signal is noted in silence", "[host]") {
  const Captured captured;
  { const Interrupts with("ending\n"); }
  const Interrupts interrupts;
  std::raise(SIGINT);
  CHECK(captured.text().empty());
  CHECK(Interrupts::noted() == SIGINT);
}

}  // namespace
}  // namespace strata::host
