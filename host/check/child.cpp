#include "host/check/child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "core/error.hpp"

namespace strata::check {
namespace {

using Clock = std::chrono::steady_clock;

// Blocks SIGCHLD while it lives, so that sigtimedwait can wait for the signal with a time limit.
class ChildSignal {
 public:
  ChildSignal() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set_, &before_);
  }
  ~ChildSignal() { sigprocmask(SIG_SETMASK, &before_, nullptr); }
  ChildSignal(const ChildSignal&) = delete;
  ChildSignal& operator=(const ChildSignal&) = delete;

  const sigset_t& before() const { return before_; }
  void wait(std::chrono::nanoseconds most) const {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(most);
    const timespec time{static_cast<time_t>(seconds.count()),
                        static_cast<long>((most - seconds).count())};
    sigtimedwait(&set_, nullptr, &time);
  }

 private:
  sigset_t set_{}, before_{};
};

pid_t spawn(const std::vector<std::string>& arguments, int report, const sigset_t& mask) {
  std::vector<char*> argv;
  for (const auto& one : arguments) argv.push_back(const_cast<char*>(one.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, report, report_fd);
  posix_spawn_file_actions_adddup2(&files, 2, 1);
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &broken_pipe);
  posix_spawnattr_setsigmask(&attributes, &mask);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  pid_t child = -1;
  const int error =
      posix_spawn(&child, arguments.front().c_str(), &files, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (error != 0)
    throw Error(arguments.front(), std::string("cannot be started: ") + strerror(error), "");
  return child;
}

// Passes on lines until the other side closes or the time is over.
void read_lines(int fd, Clock::time_point end, const std::function<void(std::string_view)>& line) {
  std::string text;
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd ready{fd, POLLIN, 0};
    if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) == 0) return;
    char block[4096];
    const auto count = read(fd, block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 || text.size() > (1 << 20)) return;
    text.append(block, static_cast<std::size_t>(count));
    for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n')) {
      line(std::string_view(text).substr(0, at));
      text.erase(0, at + 1);
    }
  }
}

// Waits for the child and returns its status; kills it when the time is over.
int wait_for(pid_t child, const ChildSignal& signal, Clock::time_point end, bool& late) {
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    const auto left = end - Clock::now();
    if (left.count() > 0) {
      signal.wait(left);
      continue;
    }
    late = true;
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    break;
  }
  return status;
}

}  // namespace

std::string run_child(const std::vector<std::string>& arguments, std::chrono::milliseconds limit,
                      const std::function<void(std::string_view)>& on_line) {
  const ChildSignal signal;
  const auto end = Clock::now() + limit;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    throw Error("plugins", std::string("no pipe: ") + strerror(errno), "close other programs");
  pid_t child = -1;
  try {
    child = spawn(arguments, ends[1], signal.before());
  } catch (...) {
    close(ends[0]);
    close(ends[1]);
    throw;
  }
  close(ends[1]);
  read_lines(ends[0], end, on_line);
  close(ends[0]);
  bool late = false;
  const int status = wait_for(child, signal, end, late);
  if (late) return "did not end within " + std::to_string(limit.count() / 1000) + " s";
  if (WIFSIGNALED(status)) {
    const char* name = sigabbrev_np(WTERMSIG(status));
    return std::string("crashed: SIG") + (name ? name : std::to_string(WTERMSIG(status)).c_str());
  }
  if (WEXITSTATUS(status) != 0) return "ended with status " + std::to_string(WEXITSTATUS(status));
  return {};
}

}  // namespace strata::check
