#include "host/end/ending.hpp"

#include <execinfo.h>
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

#include "core/plugin/calling.hpp"
#include "core/source/unfinished.hpp"
#include "host/end/last_line.hpp"
#include "registry/loaded_code.hpp"

namespace strata::end {
namespace {

constexpr const char* report_to_vendor = ": report this to the plugin's vendor";

std::atomic<bool> ending{false}, is_done{false};
pid_t program = 0;

[[noreturn]] void leave(int status) noexcept {
  syscall(SYS_exit_group, status);
  __builtin_unreachable();
}

// One thread ends the program; others wait for that.
void begin_ending() noexcept {
  if (!ending.exchange(true)) return;
  for (;;) pause();
}

[[noreturn]] void leave_with(LastLine& line) noexcept {
  source::remove_unfinished();
  line.write();
  leave(1);
}

// Adds the plugin whose code is running: with its function ("offload/mine: open"), or the plugin
// alone by `owner`. Adds nothing and returns false if no plugin's code is running.
bool add_plugin(LastLine& line, const char* owner) noexcept {
  if (const auto* calling = plugin::running()) {
    line.add(calling->who()).add(": ").add(calling->function()).add(" ");
    return true;
  }
  if (owner) line.add(owner).add(": its code ");
  return owner != nullptr;
}

const void* address_in(const void* context) noexcept {
#if defined(__x86_64__)
  const auto* machine = &static_cast<const ucontext_t*>(context)->uc_mcontext;
  return reinterpret_cast<const void*>(machine->gregs[REG_RIP]);
#else
  (void)context;
  return nullptr;
#endif
}

bool asks_to_stop(int signal) { return signal == SIGINT || signal == SIGTERM || signal == SIGHUP; }

// Whether the process sent the signal to itself, from the code that runs on this thread.
bool own(const siginfo_t& info) noexcept {
  return (info.si_code == SI_USER || info.si_code == SI_TKILL) && info.si_pid == getpid();
}

void on_signal(int signal, siginfo_t* info, void* context) noexcept {
  const int before = errno;
  if (asks_to_stop(signal) && !(own(*info) && plugin::running())) {
    begin_ending();
    source::remove_unfinished();
    leave(128 + signal);
  }
  begin_ending();
  LastLine line;
  const char* owner = registry::owner_of(address_in(context));
  // The stack is intact if code called abort or raise.
  if (!owner && !plugin::running() && (signal == SIGABRT || own(*info)))
    owner = registry::owner_of_stack();
  const char* name = sigabbrev_np(signal);
  if (add_plugin(line, owner)) {
    line.add(own(*info) ? "raised SIG" : "crashed: SIG")
        .add(name ? name : "?")
        .add(report_to_vendor);
    leave_with(line);
  }
  source::remove_unfinished();
  line.add("strata: ended by SIG").add(name ? name : "?").add(": report how it was run");
  line.write();
  errno = before;
  // Ends as the signal would have ended the program, with a core dump where the system keeps one.
  ::signal(signal, SIG_DFL);
  raise(signal);
}

[[noreturn]] void on_terminate() noexcept {
  begin_ending();
  LastLine line;
  const bool named = add_plugin(line, registry::owner_of_stack());
  if (named) line.add("ended the program: ");
  try {
    if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
    line.add(named ? "std::terminate" : "strata: std::terminate");
  } catch (const std::bad_alloc&) {
    line.add(named ? "out of host memory"
                   : "memory: the host has no more: give smaller budgets or batches");
  } catch (const std::exception& e) {
    line.add(named ? "" : "strata: ").add(e.what());
  } catch (...) {
    line.add(named ? "" : "strata: ").add("an exception of an unknown type");
  }
  if (named) line.add(report_to_vendor);
  leave_with(line);
}

void say_exit(const char* owner) noexcept {
  begin_ending();
  LastLine line;
  if (add_plugin(line, owner))
    line.add("ended the program").add(report_to_vendor);
  else
    line.add("strata: a library that it uses ended it: raise the limits of memory and processes");
  leave_with(line);
}

void on_exit() noexcept {
  if (!is_done && !ending && getpid() == program) say_exit(registry::owner_of_stack());
}

void end_with(const char* words) noexcept {
  begin_ending();
  LastLine line;
  line.add(words);
  leave_with(line);
}

void take(int signal) {
  struct sigaction now {};
  if (sigaction(signal, nullptr, &now) != 0 || now.sa_handler == SIG_IGN) return;
  struct sigaction mine {};
  mine.sa_sigaction = on_signal;
  mine.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&mine.sa_mask);
  sigaction(signal, &mine, nullptr);
}

}  // namespace

void install() {
  program = getpid();
  void* frame = nullptr;
  backtrace(&frame, 1);  // loads its library now: a signal handler may not
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2,
                           SIGXCPU, SIGPOLL, SIGSTKFLT, SIGTRAP, SIGSYS})
    take(signal);
#ifndef __SANITIZE_ADDRESS__
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) take(signal);
#endif
  // Writing past the limit of a file's size is then an error of the write, whose caller names the
  // file.
  ::signal(SIGXFSZ, SIG_IGN);
  std::set_terminate(on_terminate);
  std::atexit(on_exit);
  std::at_quick_exit(on_exit);
  plugin::set_end(end_with);
}

void done() noexcept { is_done = true; }

void quick_exit(int status, const void* caller) noexcept {
  if (!is_done && !ending && getpid() == program &&
      (plugin::running() || registry::owner_of(caller)))
    say_exit(registry::owner_of(caller));
  leave(status);
}

}  // namespace strata::end
