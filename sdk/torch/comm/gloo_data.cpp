#include "torch/comm/gloo_data.hpp"

#include <algorithm>
#include <cstring>

#include "core/optim/sum_shards.hpp"

namespace strata::torch {

namespace {

constexpr uint64_t piece_bytes = 8u << 20;  // of all shards that travel at once

class GlooData final : public device::Collective {
 public:
  explicit GlooData(const Joined& joined)
      : joined_(joined), gloo_(joined.ranks, joined.store, "data", joined.limit) {}

  uint32_t rank() const override { return joined_.ranks.rank; }
  uint32_t ranks() const override { return joined_.ranks.ranks; }
  device::Collected collected() const override {
    device::Collected out;
    out.library = "gloo";
    return out;
  }

  void all_gather(std::byte* base, uint64_t shard, device::Stream) override {
    with_reason(joined_, [&] { gloo_.all_gather(base, shard); });
  }

  // [Note: order of sums] Gloo's own reduction adds in an order that depends on the place in the
  // array, and rounds bfloat16 at each step. Here each rank gets the addends of its shard from all
  // others, which moves no more bytes, and adds them in the order of the ranks.
  void reduce_scatter(std::byte* base, uint64_t shard, device::Element element,
                      device::Stream) override {
    with_reason(joined_, [&] {
      const uint64_t all = ranks(), piece = std::max<uint64_t>(piece_bytes / all / 16 * 16, 16);
      sent_.resize(std::min(piece, shard) * all);
      received_.resize(sent_.size());
      for (uint64_t at = 0; at < shard; at += piece) {
        const auto bytes = std::min(piece, shard - at);
        for (uint64_t to = 0; to < all; ++to)
          std::memcpy(sent_.data() + bytes * to, base + shard * to + at, bytes);
        gloo_.all_to_all(sent_.data(), received_.data(), bytes);
        optim::sum_shards(base + shard * rank() + at, received_.data(), ranks(), bytes, element);
      }
    });
  }

  void broadcast(std::byte* base, uint64_t bytes, uint32_t from, device::Stream) override {
    with_reason(joined_, [&] { gloo_.broadcast(base, bytes, from); });
  }

  void all_reduce(double* values, uint32_t count) override {
    with_reason(joined_, [&] { torch::all_reduce(joined_.sums, joined_.ranks, values, count); });
  }

 private:
  const Joined& joined_;
  Gloo gloo_;
  std::vector<std::byte> sent_, received_;
};

}  // namespace

std::unique_ptr<device::Collective> open_gloo_data(const Joined& joined) {
  return std::make_unique<GlooData>(joined);
}

}  // namespace strata::torch
