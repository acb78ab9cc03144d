// The use of states and weights wherever they lie.
#include <algorithm>
#include <cstring>

#include "core/error.hpp"
#include "core/train/host_units.hpp"

namespace strata::train {

void HostUnits::update(uint32_t unit, uint32_t next, const StateFiles::Use& use) const {
  const auto& own = units_[unit];
  if (!state_files_)
    return use({.first = 0,
                .count = own.elements,
                .master = own.master,
                .moment1 = own.moment1,
                .moment2 = own.moment2});
  state_files_->update(unit, next, [&](const Bucket& bucket) {
    auto whole = bucket;
    if (own.master) whole.master = own.master + bucket.first;
    use(whole);
  });
}

void HostUnits::masters(uint32_t unit, const StateFiles::Use& use) const {
  if (on_device(unit)) return device_states_->masters(unit, use);
  const auto& own = units_[unit];
  if (own.master) return use({.first = 0, .count = own.elements, .master = own.master});
  if (own.bf16) throw Error("weights", "there are none in float32", "this is a mistake in Strata");
  state_files_->masters(unit, use);
}

void HostUnits::fill_states(uint32_t unit, const float* master) const {
  if (on_device(unit)) return device_states_->fill(unit, master);
  const auto fill = [&](const Bucket& bucket) {
    if (master && bucket.master) std::copy_n(master + bucket.first, bucket.count, bucket.master);
    std::fill_n(bucket.moment1, bucket.count, 0.0F);
    std::fill_n(bucket.moment2, bucket.count, 0.0F);
  };
  if (state_files_) return state_files_->fill(unit, fill);
  update(unit, no_unit, fill);
}

float* HostUnits::memory(uint32_t unit, AdamState array) const {
  const auto& own = units_[unit];
  if (array == AdamState::master) return own.master;
  return array == AdamState::moment1 ? own.moment1 : own.moment2;
}

void HostUnits::read(uint32_t unit, AdamState array, uint64_t first, std::span<float> out) const {
  if (const auto* from = memory(unit, array))
    std::copy_n(from + first, out.size(), out.data());
  else if (on_device(unit))
    device_states_->read(unit, array, first, out);
  else
    state_files_->read(unit, array, first, out);
}

void HostUnits::write(uint32_t unit, AdamState array, uint64_t first,
                      std::span<const float> values) const {
  if (auto* to = memory(unit, array))
    std::copy_n(values.data(), values.size(), to + first);
  else if (on_device(unit))
    device_states_->write(unit, array, first, values);
  else
    state_files_->write(unit, array, first, values);
}

void HostUnits::begin_weights(uint32_t unit) const {
  if (route(unit)) weight_files_->begin(unit);
}

std::span<std::byte> HostUnits::weights(uint32_t unit, uint64_t at, uint64_t bytes) const {
  if (route(unit)) return weight_files_->part(at, bytes);
  return {units_[unit].weights + at, static_cast<std::size_t>(bytes)};
}

void HostUnits::end_weights(uint32_t unit) const {
  if (route(unit)) weight_files_->end();
}

void HostUnits::put_weights(uint32_t unit, std::span<const std::byte> bytes) const {
  begin_weights(unit);
  for (uint64_t at = 0; at < bytes.size();) {
    const auto to = weights(unit, at, bytes.size() - at);
    std::memcpy(to.data(), bytes.data() + at, to.size());
    at += to.size();
  }
  end_weights(unit);
}

const tier::Route* HostUnits::route(uint32_t unit) const {
  return weight_files_ && weight_files_->has(unit) ? &weight_files_->route(unit) : nullptr;
}

}  // namespace strata::train
