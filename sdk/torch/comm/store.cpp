#include "torch/comm/store.hpp"

#include <c10/util/Logging.h>

#include <algorithm>
#include <cstdlib>

namespace strata::torch {
namespace {

// LibTorch writes a warning with its stack for each broken connection. Each one reaches the user as
// an error of ours.
void silence_warnings() {
  constexpr int error = 2;  // of glog's levels
  if (!std::getenv("TORCH_CPP_LOG_LEVEL"))
    FLAGS_caffe2_log_level = std::max(FLAGS_caffe2_log_level, error);
}

Store open(const run::Ranks& ranks, bool first) {
  c10d::TCPStoreOptions options;
  options.port = ranks.port;
  options.isServer = first && ranks.rank == 0;
  if (first) options.numWorkers = ranks.ranks;
  options.waitWorkers = first;
  options.timeout = ranks.patience;
  return as_rank(ranks, "no meeting at " + ranks.address + ":" + std::to_string(ranks.port),
                 [&] { return c10::make_intrusive<c10d::TCPStore>(ranks.address, options); });
}

}  // namespace

Store open_store(const run::Ranks& ranks) {
  silence_warnings();
  return open(ranks, true);
}

Store join_store(const run::Ranks& ranks) { return open(ranks, false); }

}  // namespace strata::torch
