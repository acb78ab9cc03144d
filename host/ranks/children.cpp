#include "host/ranks/children.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/error.hpp"

namespace strata::host {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const auto& one : texts) out.push_back(const_cast<char*>(one.c_str()));
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void refuse(const char* fact) {
  throw Error("--ranks", std::string(fact) + ": " + strerror(errno), "raise the limits (ulimit)");
}

// Becomes the rank's program; only calls that are safe after fork.
[[noreturn]] void become(int listener, pid_t parent, int errors, char* const* arguments,
                         char* const* environment, const sigset_t& mask) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  dup2(errors, STDERR_FILENO);
  if (listener >= 0) {
    fcntl(listener, F_SETFD, 0);
  } else {
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
  }
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  execve("/proc/self/exe", arguments, environment);
  constexpr char words[] = "error: --ranks: /proc/self/exe cannot be started: mount /proc\n";
  if (write(STDERR_FILENO, words, sizeof words - 1) < 0) _exit(1);
  _exit(1);
}

}  // namespace

Child start_rank(std::uint32_t rank, const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment, const sigset_t& mask, int listener) {
  const auto argv = pointers(arguments), envp = pointers(environment);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) refuse("no pipe");
  const auto parent = getpid();
  const auto process = fork();
  if (process < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    errno = error;
    refuse("no process");
  }
  if (process == 0)
    become(rank == 0 ? listener : -1, parent, ends[1], argv.data(), envp.data(), mask);
  close(ends[1]);
  Child out;
  out.rank = rank;
  out.process = process;
  out.pipe = ends[0];
  out.output = ChildOutput(rank);
  return out;
}

void look_at(Child& child) {
  int status = 0;
  while (!child.ended &&
         waitpid(child.process, &status, WNOHANG | WUNTRACED | WCONTINUED) == child.process) {
    if (WIFSTOPPED(status)) {
      child.stopped = Clock::now();
    } else if (WIFCONTINUED(status)) {
      child.stopped.reset();
    } else {
      child.ended = true;
      child.status = status;
    }
  }
}

void send(Child& child, int signal) {
  if (!child.ended) kill(child.process, signal);
}

}  // namespace strata::host
