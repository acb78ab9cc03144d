#include "torch/comm/store.hpp"

#include <c10/util/Logging.h>

#include <algorithm>
#include <cstdlib>
#include <torch/csrc/distributed/c10d/HashStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace strata::torch {
namespace {

// LibTorch writes a line with its stack for each broken connection. Each one reaches the user as an
// error of ours.
void silence_log() {
  constexpr int fatal = 3;  // of glog's levels
  if (!std::getenv("TORCH_CPP_LOG_LEVEL"))
    FLAGS_caffe2_log_level = std::max(FLAGS_caffe2_log_level, fatal);
}

Store open(const run::Ranks& ranks, bool first) {
  c10d::TCPStoreOptions options;
  options.port = ranks.port;
  options.isServer = first && ranks.rank == 0;
  if (options.isServer && ranks.listener >= 0) options.masterListenFd = ranks.listener;
  if (first) options.numWorkers = ranks.ranks;
  options.waitWorkers = first;
  options.timeout = ranks.patience;
  return as_rank(
      ranks, "no meeting at " + ranks.address + ":" + std::to_string(ranks.port),
      [&]() -> Store { return c10::make_intrusive<c10d::TCPStore>(ranks.address, options); });
}

// A second process with the same number would wait for messages that the first one gets.
void claim(c10d::Store& store, const run::Ranks& ranks) {
  const auto key = "rank/" + std::to_string(ranks.rank);
  const auto claims = as_rank(ranks, "rank 0 is lost", [&] { return store.add(key, 1); });
  if (claims > 1)
    throw Error("rank " + std::to_string(ranks.rank), "another process has this rank, too",
                "give each process a rank of its own");
}

}  // namespace

Store open_store(const run::Ranks& ranks) {
  silence_log();
  if (ranks.ranks == 1) return c10::make_intrusive<c10d::HashStore>();
  auto out = open(ranks, true);
  claim(*out, ranks);
  return out;
}

Store join_store(const run::Ranks& ranks) { return open(ranks, false); }

}  // namespace strata::torch
