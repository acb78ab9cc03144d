#include "core/train/whole_units.hpp"

#include <algorithm>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/optim/cast.hpp"

namespace strata::train {

WholeUnits::WholeUnits(const TrainingPlan& plan, const HostUnits& host, device::Device& device,
                       device::Collective* collective, std::span<std::byte> room, uint32_t event)
    : plan_(plan), host_(host), device_(device), collective_(collective), room_(room),
      event_(event) {}

std::span<const float> WholeUnits::masters(uint32_t unit) {
  const auto elements = plan_.flats[unit].elements;
  const auto& own = host_[unit];
  if (own.share.whole)
    if (const auto* memory = host_.memory(unit, AdamState::master)) return {memory, elements};
  if (unit_ == unit) return values_;
  unit_ = no_unit;
  values_.resize(elements);
  if (!own.share.whole)
    gather(unit);
  else if (own.bf16)
    read(unit, 0, values_);
  else
    host_.masters(unit, [&](const Bucket& bucket) {
      std::copy_n(bucket.master, bucket.count,
                  values_.begin() + static_cast<std::ptrdiff_t>(bucket.first));
    });
  unit_ = unit;
  return values_;
}

// Weights that are held in bfloat16 alone are widened.
void WholeUnits::read(uint32_t unit, uint64_t first, std::span<float> out) const {
  const auto& own = host_[unit];
  if (!own.bf16) return host_.read(unit, AdamState::master, first, out);
  for (const auto& piece : plan_.flats[unit].pieces) {
    const auto begin = std::max(piece.first, first);
    const auto end = std::min(piece.first + piece.count, first + out.size());
    if (begin >= end) continue;
    const auto& run = plan_.units[unit].weights[piece.weight].run;
    const auto at = run.at + (begin - piece.first) * element_bytes(run.dtype()) - own.share.from;
    optim::cast(optim::f32, out.data() + (begin - first), run.dtype(), own.weights + at, 0,
                end - begin);
  }
}

// Each rank's next elements, at its place in the room, until all parts are through.
void WholeUnits::gather(uint32_t unit) {
  const auto& share = host_[unit].share;
  const auto ranks = collective_->ranks();
  const auto fitting = room_.size() / (ranks * sizeof(float)) / flat_align * flat_align;
  if (fitting == 0)
    throw Error("training", "the device has no room in which ranks complete a unit",
                "this is a mistake in Strata");
  const auto some =
      std::min<uint64_t>(fitting, (share.each + flat_align - 1) / flat_align * flat_align);
  std::vector<float> parts(ranks * some);
  auto* own = room_.data() + collective_->rank() * some * sizeof(float);
  for (uint64_t at = 0; at < share.each; at += some) {
    const auto count = share.count > at ? std::min(some, share.count - at) : 0;
    read(unit, share.first + at, {parts.data(), static_cast<std::size_t>(count)});
    device_.copy_at_once(own, reinterpret_cast<const std::byte*>(parts.data()),
                         count * sizeof(float));
    device_.gather(*collective_, room_.data(), some * sizeof(float));
    device_.record(device::Lane::comm, event_, ++gathers_);
    device_.synchronize(event_, gathers_);
    device_.copy_at_once(reinterpret_cast<std::byte*>(parts.data()), room_.data(),
                         parts.size() * sizeof(float));
    for (uint32_t rank = 0; rank < ranks; ++rank) {
      const auto first = rank * share.each + at;
      if (first >= values_.size()) break;
      const auto there = std::min({some, share.each - at, values_.size() - first});
      std::copy_n(parts.begin() + static_cast<std::ptrdiff_t>(rank * some), there,
                  values_.begin() + static_cast<std::ptrdiff_t>(first));
    }
  }
}

}  // namespace strata::train
