#include "tests/sdk/torch/comm/processes.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

extern "C" std::unique_ptr<strata::run::Group> strata_open_group(
    const strata::run::GroupOptions& options);

namespace made {
namespace {

// Rank 0 inherits the socket, whose port no other process can take before it listens.
int listening() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(socket, SOMAXCONN) != 0)
    throw std::runtime_error("no free port");
  return socket;
}

uint16_t port_of(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no port");
  return ntohs(address.sin_port);
}

[[noreturn]] void be_process(const Rank& rank, const Processes::Be& be) {
  try {
    be(rank);
  } catch (const std::exception& e) {
    rank.say(std::string("error ") + e.what());
    _exit(1);
  }
  _exit(0);
}

}  // namespace

std::unique_ptr<strata::run::Group> Rank::open() const {
  auto own = options;
  own.on_lost = [this](const strata::run::Lost& lost) {
    say("lost " + std::to_string(lost.rank) + " " + lost.reason);
    _exit(3);
  };
  return strata_open_group(own);
}

void Rank::say(const std::string& line) const {
  const auto text = line + "\n";
  if (write(pipe, text.data(), text.size()) != static_cast<ssize_t>(text.size())) _exit(4);
}

Processes::Processes(uint32_t ranks, std::chrono::milliseconds heartbeat,
                     std::chrono::milliseconds stall, const Be& be)
    : all_(ranks) {
  Rank one{.options = {.ranks = {.ranks = ranks, .locals = ranks, .address = "127.0.0.1"},
                       .device = "cpu",
                       .heartbeat = heartbeat,
                       .stall = stall,
                       .on_lost = {}}};
  const int listener = listening();
  one.options.ranks.port = port_of(listener);
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("no pipe");
    one.options.ranks.rank = one.options.ranks.local = rank;
    one.options.ranks.listener = rank == 0 ? listener : -1;
    one.pipe = ends[1];
    const auto pid = fork();
    if (pid < 0) throw std::runtime_error("no process");
    if (pid == 0) {
      for (const auto& earlier : all_)
        if (earlier.pid > 0) close(earlier.pipe);
      if (rank > 0) close(listener);
      be_process(one, be);
    }
    close(ends[1]);
    all_[rank].pid = pid;
    all_[rank].pipe = ends[0];
  }
  close(listener);
}

Processes::~Processes() {
  for (const auto& process : all_) {
    if (process.pid <= 0) continue;
    kill(process.pid, SIGKILL);
    waitpid(process.pid, nullptr, 0);
    close(process.pipe);
  }
}

// The pipe closes with the process.
std::string Processes::end_of(Process& process) {
  int status = 0;
  if (process.pid > 0) waitpid(process.pid, &status, 0);
  process.pid = 0;
  close(process.pipe);
  return WIFSIGNALED(status) ? "ended by signal " + std::to_string(WTERMSIG(status)) : "ended";
}

std::string Processes::line(uint32_t rank) {
  auto& process = all_[rank];
  for (;;) {
    if (const auto end = process.read.find('\n'); end != std::string::npos) {
      auto out = process.read.substr(0, end);
      process.read.erase(0, end + 1);
      return out;
    }
    pollfd wait{process.pipe, POLLIN, 0};
    if (poll(&wait, 1, 60'000) <= 0) return "silent";
    char buffer[4096];
    const auto got = read(process.pipe, buffer, sizeof buffer);
    if (got <= 0) return end_of(process);
    process.read.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace made
