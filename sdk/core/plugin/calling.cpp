#include "core/plugin/calling.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "core/error.hpp"
#include "core/plugin/ops.hpp"
#include "core/plugin/words.hpp"

namespace strata::plugin {
namespace {

// The stack of one thread's SIGSEGV handler: a stack that overflowed has no room for it.
class SignalStack {
 public:
  SignalStack() {
    stack_t before{};
    if (sigaltstack(nullptr, &before) != 0 || (before.ss_flags & SS_DISABLE) == 0) return;
    memory_ = std::make_unique<std::byte[]>(bytes);
    const stack_t mine{memory_.get(), 0, bytes};
    sigaltstack(&mine, nullptr);
  }
  ~SignalStack() {
    if (!memory_) return;
    const stack_t none{nullptr, SS_DISABLE, 0};
    sigaltstack(&none, nullptr);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  static constexpr std::size_t bytes = 64 << 10;
  std::unique_ptr<std::byte[]> memory_;
};

struct Thread;

struct Threads {
  std::mutex mutex;
  std::vector<Thread*> all;
};

// Never destroyed: threads may outlive the static objects.
Threads& threads() {
  static auto* one = new Threads;
  return *one;
}

struct Thread {
  Thread() {
    const std::lock_guard lock(threads().mutex);
    threads().all.push_back(this);
  }
  ~Thread() {
    const std::lock_guard lock(threads().mutex);
    std::erase(threads().all, this);
  }
  SignalStack stack;
  std::mutex mutex;  // guards the object of `innermost` against watchers
};

// A signal handler reads it, so it is not a member of an object with a constructor.
thread_local const Calling* innermost = nullptr;

struct Seen : Thread {
  const Calling** at = &innermost;
};

Seen& this_thread() {
  thread_local Seen seen;
  return seen;
}

std::atomic<End> the_end{nullptr};
std::mutex late_mutex;
std::string late_words;

}  // namespace

Calling::Calling(const std::string& who, const char* function, Pace pace)
    : who_(who.c_str()), function_(function), pace_(pace), since_(std::chrono::steady_clock::now()),
      outer_(innermost) {
  take_words();
  const std::lock_guard lock(this_thread().mutex);
  innermost = this;
}

Calling::~Calling() {
  {
    const std::lock_guard lock(this_thread().mutex);
    innermost = outer_;
  }
  if (!outer_) drop_shells();
}

void Calling::refuse_exception() const {
  std::string words = "an exception of an unknown type";
  try {
    throw;
  } catch (const std::bad_alloc&) {
    words = "out of host memory";
  } catch (const std::exception& e) {
    words = e.what();
  } catch (...) {
  }
  throw Error(who_, std::string(function_) + " threw an exception: " + words,
              "report this to the plugin's vendor");
}

void Calling::refuse_unwinding() const noexcept {
  char words[300];
  std::snprintf(words, sizeof words, "%s: %s ended its thread: report this to the plugin's vendor",
                who_, function_);
  end_program(words);
}

const Calling* running() noexcept { return innermost; }

void keep_late_failure(std::string_view words) noexcept {
  try {
    const std::lock_guard lock(late_mutex);
    if (late_words.empty()) late_words = words;
  } catch (...) {  // no memory for the words
  }
}

std::string take_late_failure() {
  const std::lock_guard lock(late_mutex);
  return std::exchange(late_words, {});
}

void set_end(End end) noexcept { the_end = end; }

void end_program(const char* words) noexcept {
  if (const auto end = the_end.load()) end(words);
  const auto line = std::string_view(words);
  for (const auto text : {std::string_view("error: "), line, std::string_view("\n")})
    if (write(STDERR_FILENO, text.data(), text.size()) < 0) break;
  _exit(1);
}

void each_running(const std::function<void(const Calling&)>& see) {
  const std::lock_guard lock(threads().mutex);
  for (auto* thread : threads().all) {
    const std::lock_guard one(thread->mutex);
    const auto* calling = *static_cast<Seen*>(thread)->at;
    if (calling) see(*calling);
  }
}

}  // namespace strata::plugin
