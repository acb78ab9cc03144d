#include "core/optim/sum_shards.hpp"

#include <algorithm>

#include "core/optim/cast.hpp"
#include "core/optim/gradient.hpp"

namespace strata::optim {

void sum_shards(std::byte* to, const std::byte* parts, uint32_t ranks, uint64_t shard,
                device::Element element) {
  constexpr uint64_t most = 4096;  // elements at a time: they stay in the first cache
  alignas(64) float block[most];
  const auto dtype = element == device::Element::float32 ? f32 : bf16;
  const auto width = device::bytes_of(element), count = shard / width;
  for (uint64_t at = 0; at < count; at += most) {
    const auto some = std::min(most, count - at);
    cast(f32, block, dtype, parts + at * width, 0, some);
    for (uint32_t rank = 1; rank < ranks; ++rank)
      add(block, dtype, parts + shard * rank + at * width, 0, some);
    cast(dtype, to + at * width, f32, block, 0, some);
  }
}

}  // namespace strata::optim
