// The three batch sizes of a ds_config, which follow from each other.
#pragma once
#include <cstdint>
#include <optional>

#include "host/deepspeed/ds_config.hpp"

namespace strata::deepspeed {

struct Batch {
  std::int64_t train, micro, accumulation;  // train = micro x accumulation x world
};

// A size that is absent or "auto" follows from the others; without a train_batch_size, micro and
// accumulation are 1. `micro` and `accumulation` replace those of the file where they have a value.
// Throws UsageError if the sizes contradict each other or do not divide.
Batch batch_of(const DsConfig& config, std::int64_t world, std::optional<std::int64_t> micro = {},
               std::optional<std::int64_t> accumulation = {});

}  // namespace strata::deepspeed
