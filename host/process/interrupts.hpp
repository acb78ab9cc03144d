// Handles Ctrl-C and SIGTERM while work runs that can end early and keep its result.
#pragma once
#include <csignal>

namespace strata::host {

// While it lives, SIGINT and SIGTERM are noted and do not end the program; a second one ends it as
// if there were no such object. A signal that the parent has ignored stays ignored. One lives at a
// time. [main-thread]
class Interrupts {
 public:
  // `said` is written to standard error, as it is, at the first signal; null: nothing is. It
  // outlives this.
  explicit Interrupts(const char* said = nullptr);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  // The signal that was noted; 0: none.
  static int noted();
  // Forgets a SIGINT.
  static void forget();
  // Throws Ended with 128 plus the noted signal's number, if one was noted.
  static void end_if_noted();

 private:
  struct sigaction interrupt_before_ {
  }, terminate_before_{};
};

}  // namespace strata::host
