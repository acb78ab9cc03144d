// The use of states and weights wherever they lie.
#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "core/train/host_units.hpp"

namespace strata::train {

void HostUnits::update(uint32_t unit, uint32_t next, const StateFiles::Use& use) const {
  const auto& own = units_[unit];
  if (!state_files_)
    return use({.first = own.share.first,
                .count = own.share.count,
                .master = own.master,
                .moment1 = own.moment1,
                .moment2 = own.moment2});
  state_files_->update(unit, next, [&](const Bucket& bucket) {
    auto whole = bucket;
    if (own.master) whole.master = own.master + bucket.first;
    whole.first += own.share.first;
    use(whole);
  });
}

void HostUnits::masters(uint32_t unit, const StateFiles::Use& use) const {
  if (on_device(unit)) return device_states_->masters(unit, use);
  const auto& own = units_[unit];
  const auto first = own.share.first;
  if (own.master) return use({.first = first, .count = own.share.count, .master = own.master});
  if (own.bf16) throw Error("weights", "there are none in float32", "this is a mistake in Strata");
  state_files_->masters(unit, [&](const Bucket& bucket) {
    auto whole = bucket;
    whole.first += first;
    use(whole);
  });
}

void HostUnits::fill_states(uint32_t unit, const float* master) const {
  if (on_device(unit)) return device_states_->fill(unit, master);
  const auto fill = [&](const Bucket& bucket) {
    if (master && bucket.master) std::copy_n(master + bucket.first, bucket.count, bucket.master);
    std::fill_n(bucket.moment1, bucket.count, 0.0F);
    std::fill_n(bucket.moment2, bucket.count, 0.0F);
  };
  const auto first = units_[unit].share.first;
  if (state_files_)
    return state_files_->fill(unit, [&](const Bucket& bucket) {
      auto whole = bucket;
      if (auto* own = units_[unit].master) whole.master = own + bucket.first;
      whole.first += first;
      fill(whole);
    });
  update(unit, no_unit, fill);
}

float* HostUnits::memory(uint32_t unit, AdamState array) const {
  const auto& own = units_[unit];
  if (array == AdamState::master) return own.master;
  return array == AdamState::moment1 ? own.moment1 : own.moment2;
}

void HostUnits::read(uint32_t unit, AdamState array, uint64_t first, std::span<float> out) const {
  const auto here = first - units_[unit].share.first;
  if (const auto* from = memory(unit, array))
    std::copy_n(from + here, out.size(), out.data());
  else if (on_device(unit))
    device_states_->read(unit, array, here, out);
  else
    state_files_->read(unit, array, here, out);
}

void HostUnits::write(uint32_t unit, AdamState array, uint64_t first,
                      std::span<const float> values) const {
  const auto here = first - units_[unit].share.first;
  if (auto* to = memory(unit, array))
    std::copy_n(values.data(), values.size(), to + here);
  else if (on_device(unit))
    device_states_->write(unit, array, here, values);
  else
    state_files_->write(unit, array, here, values);
}

void HostUnits::begin_weights(uint32_t unit) const {
  if (route(unit)) weight_files_->begin(unit);
}

std::span<std::byte> HostUnits::weights(uint32_t unit, uint64_t at, uint64_t bytes) const {
  const auto here = at - units_[unit].share.from;
  if (route(unit)) return weight_files_->part(here, bytes);
  return {units_[unit].weights + here, static_cast<std::size_t>(bytes)};
}

void HostUnits::end_weights(uint32_t unit) const {
  if (route(unit)) weight_files_->end();
}

void HostUnits::put_weights(uint32_t unit, std::span<const std::byte> bytes) const {
  begin_weights(unit);
  const auto& share = units_[unit].share;
  const auto end = std::min<uint64_t>(bytes.size(), share.from + share.bytes);
  for (auto at = share.from; at < end;) {
    const auto to = weights(unit, at, end - at);
    std::memcpy(to.data(), bytes.data() + at, to.size());
    at += to.size();
  }
  end_weights(unit);
}

const tier::Route* HostUnits::route(uint32_t unit) const {
  return weight_files_ && weight_files_->has(unit) ? &weight_files_->route(unit) : nullptr;
}

}  // namespace strata::train
