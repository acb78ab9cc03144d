// The ranks' connections on CPUs: c10d's Gloo over the store where they met.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <vector>

#include "core/run/group.hpp"
#include "torch/comm/store.hpp"

namespace strata::torch {

// One set of connections between all ranks. Used by one thread at a time; a call returns when this
// rank's part is done. A broken connection throws c10d's own exception.
class Gloo {
 public:
  // `name` tells the sets of one group apart. Waits for the others as long as the patience of the
  // ranks, later for each call as long as `limit`.
  Gloo(const run::Ranks& ranks, const Store& store, const std::string& name,
       std::chrono::milliseconds limit);

  // `base` holds ranks x `shard` bytes, this rank's in its place.
  void all_gather(std::byte* base, uint64_t shard);
  // Sends shard r of `from` to rank r; the shards that arrive lie by rank at `to`.
  void all_to_all(std::byte* from, std::byte* to, uint64_t shard);
  void broadcast(std::byte* base, uint64_t bytes, uint32_t from);

 private:
  uint32_t rank_, ranks_;
  c10::intrusive_ptr<c10d::Backend> group_;
};

// Sums each number in the order of the ranks.
void all_reduce(Gloo& gloo, const run::Ranks& ranks, double* values, uint32_t count);

}  // namespace strata::torch
