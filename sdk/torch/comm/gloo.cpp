// The torch package exports c10d's Gloo without gloo's headers. The system's headers declare the
// same base classes; the system's gloo itself is not linked.
#include "torch/comm/gloo.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstdlib>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "torch/comm/address.hpp"

namespace strata::torch {

namespace {

// The interface that the environment names, as PyTorch reads it, or else the one that leads to rank
// 0: where the ranks meet on this host itself, or one is alone, no traffic leaves it.
std::shared_ptr<::gloo::transport::Device> device_for(const run::Ranks& ranks) {
  if (const char* name = std::getenv("GLOO_SOCKET_IFNAME"); name && *name)
    return c10d::ProcessGroupGloo::createDeviceForInterface(name);
  const auto first = ranks.ranks == 1 ? std::string("127.0.0.1") : ranks.address;
  if (const auto own = address_towards(first); !own.empty())
    return c10d::ProcessGroupGloo::createDeviceForHostname(own);
  return c10d::ProcessGroupGloo::createDefaultDevice();
}

at::Tensor bytes_at(std::byte* at, uint64_t bytes) {
  return at::from_blob(at, {static_cast<int64_t>(bytes)}, at::kByte);
}

}  // namespace

Gloo::Gloo(const run::Ranks& ranks, const Store& store, const std::string& name,
           std::chrono::milliseconds limit)
    : rank_(ranks.rank), ranks_(ranks.ranks) {
  const auto how = c10d::ProcessGroupGloo::Options::create(ranks.patience);
  how->devices.push_back(device_for(ranks));
  how->threads = 1;  // one call at a time
  auto made = c10::make_intrusive<c10d::ProcessGroupGloo>(
      c10::make_intrusive<c10d::PrefixStore>(name, store), static_cast<int>(ranks.rank),
      static_cast<int>(ranks.ranks), how);
  made->setTimeout(limit);
  group_ = std::move(made);
}

// [Note: gather in place] Gloo gathers into memory of its own and copies from there to the parts of
// `base`: this rank's part comes back to its own place.
void Gloo::all_gather(std::byte* base, uint64_t shard) {
  if (shard == 0) return;
  std::vector<std::vector<at::Tensor>> parts(1);
  for (uint32_t rank = 0; rank < ranks_; ++rank)
    parts[0].push_back(bytes_at(base + shard * rank, shard));
  std::vector<at::Tensor> own{parts[0][rank_]};
  group_->allgather(parts, own)->wait();
}

void Gloo::all_to_all(std::byte* from, std::byte* to, uint64_t shard) {
  if (shard == 0) return;
  auto sent = bytes_at(from, shard * ranks_), received = bytes_at(to, shard * ranks_);
  std::vector<int64_t> equal;  // shards
  group_->alltoall_base(received, sent, equal, equal)->wait();
}

void Gloo::broadcast(std::byte* base, uint64_t bytes, uint32_t from) {
  if (bytes == 0) return;
  std::vector<at::Tensor> all{bytes_at(base, bytes)};
  c10d::BroadcastOptions options;
  options.rootRank = from;
  group_->broadcast(all, options)->wait();
}

void all_reduce(Gloo& gloo, const run::Ranks& ranks, double* values, uint32_t count) {
  std::vector<double> all(std::size_t{count} * ranks.ranks);
  std::copy_n(values, count, all.data() + std::size_t{count} * ranks.rank);
  gloo.all_gather(reinterpret_cast<std::byte*>(all.data()), count * sizeof(double));
  std::copy_n(all.data(), count, values);
  for (uint32_t rank = 1; rank < ranks.ranks; ++rank)
    for (uint32_t i = 0; i < count; ++i) values[i] += all[std::size_t{count} * rank + i];
}

}  // namespace strata::torch
