// The processes of ranks that this process starts.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/ranks/child_output.hpp"

namespace strata::host {

using Clock = std::chrono::steady_clock;

struct Child {
  std::uint32_t rank = 0;
  pid_t process = -1;
  int pipe = -1;  // reads its standard error; -1: that is closed
  ChildOutput output{0};
  bool ended = false, asked = false;         // asked: this process sent it a signal that ends it
  int status = 0;                            // as waitpid gives it
  std::optional<Clock::time_point> stopped;  // since then
};

// Starts this program once more with the arguments and the environment. Rank 0 has this process's
// standard input and output and the socket `listener`, the others have none. It is killed when this
// process's main thread ends. Signals of this process that are blocked have `mask` there. Throws
// Error. [main-thread]
Child start_rank(std::uint32_t rank, const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment, const sigset_t& mask, int listener);

// Notes whether the process has ended, stopped or continued since the last call.
void look_at(Child& child);

// Sends a signal to the child, if it has not ended.
void send(Child& child, int signal);

}  // namespace strata::host
