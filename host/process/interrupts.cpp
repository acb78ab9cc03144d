#include "host/process/interrupts.hpp"

#include <signal.h>
#include <unistd.h>

#include "core/plugin/calling.hpp"
#include "host/process/ended.hpp"

namespace strata::host {
namespace {

volatile std::sig_atomic_t signal_noted = 0;
struct sigaction before[2];  // former actions of SIGINT and SIGTERM, for the second signal

struct sigaction& before_of(int signal) {
  return before[signal == SIGINT ? 0 : 1];
}

void note(int signal, siginfo_t* info, void* context) {
  // A signal that a plugin sends is no wish of the user's: the former handler names the plugin.
  const bool own = info->si_pid == getpid() && plugin::running();
  if (signal_noted == 0 && !own) {
    signal_noted = signal;
    return;
  }
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

Interrupts::Interrupts() {
  signal_noted = 0;
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
