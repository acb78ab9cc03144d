#include "core/train/table_exchange.hpp"

#include <algorithm>

#include "core/zero/shard.hpp"

namespace strata::train {

// The parts go through the device piece by piece, since a gather moves the device's memory.
void TableExchange::run() {
  if (parts_.wait_updated) parts_.wait_updated();
  const auto ranks = parts_.collective->ranks(), rank = parts_.collective->rank();
  const auto part = zero::shard_bytes(parts_.bytes, ranks);
  const auto some =
      std::min<uint64_t>(part, parts_.room.size() / ranks / zero::shard_align * zero::shard_align);
  // The bytes of a rank's part from `at` on that are there and fit.
  const auto piece = [&](uint32_t of, uint64_t at) {
    const auto shard = zero::shard_of(parts_.bytes, of, ranks);
    return zero::Shard{shard.from + at, std::min(some, shard.bytes - std::min(shard.bytes, at))};
  };
  auto& device = *parts_.device;
  for (uint64_t at = 0; at < part; at += some) {
    const auto own = piece(rank, at);
    device.copy_at_once(parts_.room.data() + rank * some, parts_.table + own.from, own.bytes);
    device.gather(*parts_.collective, parts_.room.data(), some);
    device.record(device::Lane::comm, parts_.event, ++gathers_);
    device.synchronize(parts_.event, gathers_);
    for (uint32_t of = 0; of < ranks; ++of) {
      const auto other = piece(of, at);
      if (of != rank)
        device.copy_at_once(parts_.table + other.from, parts_.room.data() + of * some, other.bytes);
    }
  }
}

}  // namespace strata::train
