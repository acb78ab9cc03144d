// The exchange of an embedding's table among ranks, each of which updates a part of it and looks
// all rows up.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "core/device/device.hpp"

namespace strata::train {

// Everything outlives the exchange.
struct TableParts {
  std::byte* table = nullptr;   // in host memory, whole
  uint64_t bytes = 0;           // cut as zero::shard_of says
  std::span<std::byte> room{};  // of the device, for some bytes of each rank's part
  device::Device* device = nullptr;
  device::Collective* collective = nullptr;
  uint32_t event = 0;                    // of the device, and of nobody else
  std::function<void()> wait_updated{};  // returns when this rank's part is updated
};

// Called on the computing thread, on all ranks at the same point of a run.
class TableExchange {
 public:
  explicit TableExchange(TableParts parts) : parts_(std::move(parts)) {}
  // Brings the other ranks' parts.
  void run();

 private:
  TableParts parts_;
  uint64_t gathers_ = 0;
};

}  // namespace strata::train
