// A tier of new regions that it does not map.
#pragma once
#include "tests/sdk/core/tier/queued_tier.hpp"

namespace made {

class ScratchTier : public QueuedTier {
 public:
  explicit ScratchTier(const strata::Config& c)
      : QueuedTier(c, {{}, 512, 64 << 10, 1u << 30, 0, 5}) {}
  std::uint64_t region_new(std::uint64_t bytes) { return add(std::vector<char>(bytes)); }
};

}  // namespace made
