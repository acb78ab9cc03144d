#include "host/process/interrupts.hpp"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/plugin/calling.hpp"
#include "host/process/ended.hpp"

namespace strata::host {
namespace {

volatile std::sig_atomic_t signal_noted = 0;
volatile std::sig_atomic_t first_from_parent = 0;
volatile std::sig_atomic_t first_milliseconds = 0;  // of a clock, when the first one was noted
const char* words = nullptr;                        // for the first signal; null: none
struct sigaction before[2];  // former actions of SIGINT and SIGTERM, for the second signal

struct sigaction& before_of(int signal) {
  return before[signal == SIGINT ? 0 : 1];
}

int milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int>(now.tv_sec % 1'000'000 * 1000 + now.tv_nsec / 1'000'000);
}

// Whether it is the first signal once more: `timeout` and a group's `kill` reach a rank themselves
// and by its parent, which passes on what it got.
bool is_again(bool from_parent) {
  const auto passed = milliseconds() - static_cast<int>(first_milliseconds);
  return passed >= 0 && passed < (from_parent == (first_from_parent != 0) ? 200 : 3000);
}

void note(int signal, siginfo_t* info, void* context) {
  // A signal that a plugin sends is no wish of the user's: the former handler names the plugin.
  const bool own = info->si_pid == getpid() && plugin::running();
  const bool from_parent = info->si_pid == getppid();
  if (signal_noted == 0 && !own) {
    first_from_parent = from_parent ? 1 : 0;
    first_milliseconds = milliseconds();
    signal_noted = signal;
    const int number = errno;
    if (words) (void)!::write(STDERR_FILENO, words, std::strlen(words));
    errno = number;
    return;
  }
  if (signal_noted == signal && !own && is_again(from_parent)) return;
  const auto& former = before_of(signal);
  if (former.sa_flags & SA_SIGINFO) return former.sa_sigaction(signal, info, context);
  sigaction(signal, &former, nullptr);
  raise(signal);
}

// Reads are not restarted after the signal (no SA_RESTART), so that code that waits for a line
// notices it.
void take(int signal, struct sigaction& former) {
  sigaction(signal, nullptr, &former);
  before_of(signal) = former;
  if (former.sa_handler == SIG_IGN) return;
  struct sigaction mine {};
  mine.sa_sigaction = note;
  mine.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&mine.sa_mask);
  sigaction(signal, &mine, nullptr);
}

}  // namespace

Interrupts::Interrupts(const char* said) {
  signal_noted = 0;
  words = said;
  take(SIGINT, interrupt_before_);
  take(SIGTERM, terminate_before_);
}

Interrupts::~Interrupts() {
  sigaction(SIGINT, &interrupt_before_, nullptr);
  sigaction(SIGTERM, &terminate_before_, nullptr);
}

int Interrupts::noted() { return signal_noted; }

void Interrupts::forget() {
  if (signal_noted == SIGINT) signal_noted = 0;
}

void Interrupts::end_if_noted() {
  if (signal_noted != 0) throw Ended{128 + signal_noted};
}

}  // namespace strata::host
