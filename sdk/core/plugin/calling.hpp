// A call into a plugin. While it runs, its thread knows the plugin and the function: the program
// names that plugin when a signal arrives, the process ends or the call does not return. Anything
// that a plugin throws across the ABI becomes an Error with that name.
#pragma once
#include <cxxabi.h>
#include <strata/abi/core.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "core/plugin/pace.hpp"
#include "core/plugin/refusal.hpp"

namespace strata::plugin {

// Marks the calling thread as being in a plugin's function while it lives; the innermost one
// counts.
class Calling {
 public:
  // `who` ("model/mine") and `function` outlive it. Drops the words that an earlier call kept.
  Calling(const std::string& who, const char* function, Pace pace);
  Calling(const Calling&) = delete;
  Calling& operator=(const Calling&) = delete;
  ~Calling();

  const char* who() const { return who_; }
  const char* function() const { return function_; }
  Pace pace() const { return pace_; }
  std::chrono::steady_clock::time_point since() const { return since_; }

  // Call it in a catch block: throws Error with the words of the exception.
  [[noreturn]] void refuse_exception() const;
  // Ends the program: the plugin ends the thread that it was called on.
  [[noreturn]] void refuse_unwinding() const noexcept;

 private:
  const char *who_, *function_;
  Pace pace_;
  std::chrono::steady_clock::time_point since_;
  const Calling* outer_;
};

// The innermost call of this thread, or null. Safe in a signal handler.
const Calling* running() noexcept;

// Calls the plugin's function f() and returns its result.
template <class F>
auto called(const std::string& who, const char* function, F&& f, Pace pace = Pace::quick) {
  const Calling calling(who, function, pace);
  try {
    return f();
  } catch (const ::abi::__forced_unwind&) {
    calling.refuse_unwinding();
  } catch (...) {
    calling.refuse_exception();
  }
}

// Calls the plugin's function f(), which returns a status; throws Error unless that is STRATA_OK.
template <class F>
void succeeds(const std::string& who, const char* function, F&& f, Pace pace = Pace::quick) {
  refuse_failure(called(who, function, std::forward<F>(f), pace), who, function);
}

// Keeps the words of a failure that cannot be thrown, the first ones of a run: a plugin that fails
// while the host closes it fails the run.
void keep_late_failure(std::string_view words) noexcept;
// Returns those words and forgets them; empty where every plugin closed well. [main-thread]
std::string take_late_failure();

// Calls the plugin's function f(), which frees something. Its exception is a late failure.
template <class F>
void freed(const std::string& who, const char* function, F&& f) noexcept {
  try {
    called(who, function, std::forward<F>(f));
  } catch (const std::exception& e) {
    keep_late_failure(e.what());
  }
}

// The function that ends the program where it cannot go on: it prints "error: WORDS" and exits with
// status 1. The host sets one that also removes half-written files. Does not return.
using End = void (*)(const char* words) noexcept;
void set_end(End end) noexcept;
[[noreturn]] void end_program(const char* words) noexcept;

// Shows the innermost call of every thread, for a watcher. [any-thread]
void each_running(const std::function<void(const Calling&)>& see);

}  // namespace strata::plugin
