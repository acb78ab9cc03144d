#include "core/train/weight_files.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/run/tiers.hpp"

namespace strata::train {
namespace {

constexpr uint32_t slots = 3;

uint64_t largest(std::span<const uint64_t> bytes) {
  return bytes.empty() ? 1 : std::max<uint64_t>(1, *std::ranges::max_element(bytes));
}

}  // namespace

WeightFiles::WeightFiles(tier::Tier& tier, std::span<const uint64_t> bytes, uint64_t window)
    : exchange_(tier), reading_(exchange_.open_port()), writing_(exchange_.open_port()),
      ring_(writing_, tier, std::min(window, largest(bytes)), slots) {
  uint64_t all = 0;
  for (const auto one : bytes) {
    places_.push_back({all, one});
    all += ring_.up(one);
  }
  if (all > 0) region_ = tier.new_region(all);
  const auto grain = run::grain_of(tier);
  for (const auto& place : places_) {
    routes_.push_back(tier::packed_route(region_, place.at, place.bytes, grain));
    routes_.back().tier = &reading_;
  }
}

void WeightFiles::begin(uint32_t unit) {
  unit_ = unit;
  open_ = false;
}

std::span<std::byte> WeightFiles::part(uint64_t at, uint64_t bytes) {
  const auto size = ring_.slot_bytes();
  if (!open_ || at >= window_ + size) {
    if (open_) write_window();
    slot_ = ring_.next();
    window_ = at / size * size;
    open_ = true;
  }
  if (at < window_)
    throw Error("weights", "they are not written in their order", "this is a mistake in Strata");
  return {ring_.memory(slot_) + (at - window_),
          static_cast<std::size_t>(std::min(bytes, window_ + size - at))};
}

void WeightFiles::write_window() {
  const auto& place = places_[unit_];
  ring_.start(STRATA_WRITE, slot_, region_, place.at + window_,
              std::min(ring_.slot_bytes(), ring_.up(place.bytes) - window_));
}

void WeightFiles::end() {
  if (open_) write_window();
  open_ = false;
  ring_.wait_all();
}

}  // namespace strata::train
