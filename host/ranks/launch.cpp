#include "host/ranks/launch.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>

#include "core/error.hpp"
#include "core/run/ranks.hpp"
#include "host/process/output.hpp"
#include "host/ranks/child_output.hpp"
#include "host/ranks/children.hpp"
#include "host/ranks/environment.hpp"
#include "host/ranks/listener.hpp"
#include "host/ranks/verdict.hpp"

namespace strata::host {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds while_stopped{2'000};  // a rank may be stopped for so long
// After the first failure: the time for the others to end themselves, and the time until all are
// killed.
constexpr milliseconds until_asked{700}, until_killed{2'200};
constexpr milliseconds after_signal{10'000};  // the time to end after the user's signal
constexpr milliseconds look{250};             // between two looks at stopped ranks and times

std::vector<std::string> own_environment() {
  std::vector<std::string> out;
  for (char** one = environ; *one; ++one) out.emplace_back(*one);
  return out;
}

void write_error(std::string_view text) {
  while (!text.empty()) {
    const auto count = write(STDERR_FILENO, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;  // nobody reads it
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

bool is_ignored(int signal) {
  struct sigaction now {};
  return sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

// Blocks the signals while it lives, and reads them from a descriptor, which would get ignored ones
// too: those stay ignored, as under nohup.
class Signals {
 public:
  Signals() {
    signal(SIGCHLD, SIG_DFL);  // otherwise nobody could wait for the ranks
    sigemptyset(&set_);
    sigaddset(&set_, SIGCHLD);
    for (const int one : {SIGINT, SIGTERM, SIGHUP})
      if (!is_ignored(one)) sigaddset(&set_, one);
    sigprocmask(SIG_BLOCK, &set_, &before_);
    descriptor_ = signalfd(-1, &set_, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~Signals() {
    if (descriptor_ >= 0) close(descriptor_);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  const sigset_t& before() const { return before_; }
  int descriptor() const { return descriptor_; }
  std::optional<signalfd_siginfo> next() const {
    signalfd_siginfo out{};
    if (read(descriptor_, &out, sizeof out) != static_cast<ssize_t>(sizeof out)) return {};
    return out;
  }

 private:
  sigset_t set_{}, before_{};
  int descriptor_ = -1;
};

class Launch {
 public:
  Launch(const std::vector<std::string>& arguments, std::uint32_t count, bool finishes)
      : finishes_(finishes) {
    if (signals_.descriptor() < 0)
      throw Error("--ranks", "signals cannot be read", "raise the limits (ulimit)");
    run::Ranks ranks;
    ranks.ranks = ranks.locals = count;
    ranks.address = "127.0.0.1";
    Listener listener;
    ranks.port = listener.port();
    std::vector<std::string> all{"strata"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const auto own = own_environment();
    for (std::uint32_t rank = 0; rank < count; ++rank) {
      ranks.rank = ranks.local = rank;
      ranks.listener = rank == 0 ? listener.descriptor() : -1;
      children_.push_back(start_rank(rank, all, environment_of(own, ranks), signals_.before(),
                                     listener.descriptor()));
    }
  }
  // Where an exception passes, nothing stays behind.
  ~Launch() {
    for (auto& child : children_) {
      send(child, SIGKILL);
      if (!child.ended) waitpid(child.process, nullptr, 0);
      if (child.pipe >= 0) close(child.pipe);
    }
  }
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  int run() {
    while (!std::ranges::all_of(children_, &Child::ended)) {
      wait();
      for (auto& child : children_) see(child);
      end_others();
    }
    for (auto& child : children_) {
      while (read_from(child)) {
      }
      write_error(child.output.end());
    }
    const auto verdict = verdict_of(ends(), finishes_ && any_said_error() ? 0 : wished());
    if (!verdict.line.empty()) print_error(verdict.line);
    return verdict.status;
  }

 private:
  // Waits for output, signals, or a short time; passes them on.
  void wait() {
    std::vector<pollfd> ready{{signals_.descriptor(), POLLIN, 0}};
    for (const auto& child : children_)
      if (child.pipe >= 0) ready.push_back({child.pipe, POLLIN, 0});
    poll(ready.data(), ready.size(), static_cast<int>(look.count()));
    while (const auto one = signals_.next()) pass_on(*one);
    std::size_t at = 1;
    for (auto& child : children_)
      if (child.pipe >= 0 && ready[at++].revents != 0) read_from(child);
  }

  // A terminal sends its signals to the ranks too, which are in this process's group.
  void pass_on(const signalfd_siginfo& info) {
    const auto signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGCHLD) return;
    if (signal_ == 0) signalled_ = Clock::now();
    signal_ = signal;
    if (info.ssi_code != SI_KERNEL)
      for (auto& child : children_) send(child, signal);
  }

  // Reads what is there; returns false where nothing is.
  bool read_from(Child& child) {
    if (child.pipe < 0) return false;
    pollfd ready{child.pipe, POLLIN, 0};
    if (poll(&ready, 1, 0) <= 0) return false;
    std::array<char, 4096> block;
    const auto count = read(child.pipe, block.data(), block.size());
    if (count < 0 && errno == EINTR) return true;
    if (count <= 0) {
      close(child.pipe);
      child.pipe = -1;
      return false;
    }
    write_error(child.output.take({block.data(), static_cast<std::size_t>(count)}));
    return true;
  }

  void see(Child& child) {
    if (child.ended) return;
    look_at(child);
    if (child.ended) order_.push_back(child.rank);
    const bool failed = child.ended && !ended_well(child);
    const bool late = child.stopped && Clock::now() - *child.stopped > while_stopped;
    if ((failed || late) && !failed_) failed_ = Clock::now();
  }

  // Where the command finishes, one that ends by the user's signal is no failure, also if a single
  // rank got it: all of them end behind the same step.
  bool ended_well(const Child& child) const {
    if (!WIFEXITED(child.status))
      return finishes_ && signal_ != 0 && WTERMSIG(child.status) == signal_;
    const auto status = WEXITSTATUS(child.status);
    return status == 0 || (finishes_ && (status == 128 + SIGINT || status == 128 + SIGTERM));
  }

  // The user's signal, which this process or a rank got; 0: none. One that this process sent to a
  // rank by itself is none.
  int wished() const {
    if (signal_ != 0 || !finishes_) return signal_;
    for (const auto& child : children_)
      if (!child.asked && WIFEXITED(child.status) && WEXITSTATUS(child.status) > 128 &&
          ended_well(child))
        return WEXITSTATUS(child.status) - 128;
    return 0;
  }

  // Whether a rank has failed by itself, such as in its last checkpoint.
  bool any_said_error() const {
    return std::ranges::any_of(children_, [](const Child& child) {
      const auto& error = child.output.error();
      return !error.empty() && !error.ends_with(look_there);
    });
  }

  // Ends the ranks that are left some time after the first failure or the user's signal.
  void end_others() {
    const auto now = Clock::now();
    if (signal_ != 0 && !finishes_) {
      if (now - signalled_ > after_signal) kill_all();
      return;
    }
    if (!failed_) return;
    if (now - *failed_ > until_killed) return kill_all();
    if (now - *failed_ < until_asked) return;
    for (auto& child : children_)
      if (!child.ended && !child.asked) {
        child.asked = true;
        send(child, child.stopped ? SIGKILL : SIGTERM);  // one that is stopped takes no other
      }
  }

  void kill_all() {
    for (auto& child : children_) {
      child.asked = child.asked || !child.ended;
      send(child, SIGKILL);
    }
  }

  std::vector<RankEnd> ends() const {
    std::vector<RankEnd> out;
    for (const auto rank : order_) {
      const auto& child = children_[rank];
      out.push_back({.rank = rank,
                     .status = WIFEXITED(child.status) ? WEXITSTATUS(child.status) : 0,
                     .signal = WIFSIGNALED(child.status) ? WTERMSIG(child.status) : 0,
                     .asked = child.asked,
                     .stopped = child.stopped && WIFSIGNALED(child.status),
                     .error = child.output.error()});
    }
    return out;
  }

  bool finishes_;
  Signals signals_;
  std::vector<Child> children_;       // by rank
  std::vector<std::uint32_t> order_;  // of their ends
  int signal_ = 0;                    // the user's
  Clock::time_point signalled_;
  std::optional<Clock::time_point> failed_;  // the first failure
};

}  // namespace

int launch(const std::vector<std::string>& arguments, std::uint32_t ranks, bool finishes) {
  return Launch(arguments, ranks, finishes).run();
}

}  // namespace strata::host
