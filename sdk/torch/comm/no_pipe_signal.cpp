#include "torch/comm/no_pipe_signal.hpp"

#include <pthread.h>

#include <ctime>

namespace strata::torch {
namespace {

sigset_t pipe_signal() {
  sigset_t out;
  sigemptyset(&out);
  sigaddset(&out, SIGPIPE);
  return out;
}

}  // namespace

NoPipeSignal::NoPipeSignal() {
  const auto pipe = pipe_signal();
  pthread_sigmask(SIG_BLOCK, &pipe, &before_);
}

NoPipeSignal::~NoPipeSignal() {
  const auto pipe = pipe_signal();
  const timespec none{};
  if (sigismember(&before_, SIGPIPE) == 0)
    while (sigtimedwait(&pipe, nullptr, &none) == SIGPIPE) continue;
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace strata::torch
