#include "core/device/sum_shards.hpp"

#include <bit>
#include <cmath>
#include <cstring>

namespace strata::device {
namespace {

struct Float32 {
  using Stored = float;
  static float wide(float value) { return value; }
  static float narrow(float value) { return value; }
};

struct BFloat16 {
  using Stored = uint16_t;
  static float wide(uint16_t value) { return std::bit_cast<float>(uint32_t{value} << 16); }
  static uint16_t narrow(float value) {
    const auto bits = std::bit_cast<uint32_t>(value);
    if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);  // stays quiet
    return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
};

template <class Kind>
void sum(std::byte* to, const std::byte* parts, uint32_t ranks, uint64_t shard) {
  using Stored = typename Kind::Stored;
  for (uint64_t at = 0; at < shard; at += sizeof(Stored)) {
    Stored one{};
    std::memcpy(&one, parts + at, sizeof one);
    float total = Kind::wide(one);
    for (uint32_t rank = 1; rank < ranks; ++rank) {
      std::memcpy(&one, parts + shard * rank + at, sizeof one);
      total += Kind::wide(one);
    }
    one = Kind::narrow(total);
    std::memcpy(to + at, &one, sizeof one);
  }
}

}  // namespace

void sum_shards(std::byte* to, const std::byte* parts, uint32_t ranks, uint64_t shard,
                Element element) {
  if (element == Element::float32) return sum<Float32>(to, parts, ranks, shard);
  sum<BFloat16>(to, parts, ranks, shard);
}

}  // namespace strata::device
