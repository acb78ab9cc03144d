// Threads that are not ended by a peer's end.
#pragma once
#include <csignal>

namespace strata::torch {

// Blocks SIGPIPE for the calling thread, and so for the threads that it starts, which keep it
// blocked: a write to a connection that the peer has closed is then an error of the write. The
// program keeps the signal for its own output.
class NoPipeSignal {
 public:
  NoPipeSignal();
  // Unblocks it for the calling thread, without those that came.
  ~NoPipeSignal();
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace strata::torch
