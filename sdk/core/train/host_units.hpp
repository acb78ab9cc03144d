// Weights, gradients, master weights and states of every unit, in the host's memory or in files; it
// finds those on the device, too.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/device/device.hpp"
#include "core/tier/client.hpp"
#include "core/train/device_states.hpp"
#include "core/train/prepare.hpp"
#include "core/train/state_files.hpp"
#include "core/train/states.hpp"
#include "core/train/weight_files.hpp"

namespace strata::train {

// One unit's memory; all but `weights` and `states` have the places of its Flat, from the first
// element of this rank's share on. Memory of what lies in files or on the device is null.
struct HostUnit {
  // In the form that the plan's placement says, from the first byte of this rank's share on; null
  // if the unit is resident.
  std::byte* weights = nullptr;
  std::byte* table = nullptr;  // the first byte of the whole form, where that is looked up
  // May be the weights themselves, where they are float32; null where they are bfloat16 and the
  // only ones.
  float* master = nullptr;
  UnitStates layout;            // of the optimizer's states
  std::byte* states = nullptr;  // in the places of `layout`
  float* moment1 = nullptr;     // under Rule::adam; they lie in `states`
  float* moment2 = nullptr;
  // The sum of the step's gradients; of an embedding with room behind it for the gradient of
  // looked-up rows.
  std::byte* gradient = nullptr;
  strata_dtype gradient_dtype{STRATA_FLOAT, 32, 1};  // held_gradient
  std::byte* input = nullptr;                        // where kept inputs are stored in host memory
  bool own_master = true;                            // the weights are a copy of it, in their dtype
  bool bf16 = false;      // the weights are bfloat16, and there are no others
  uint64_t elements = 0;  // of the Flat
  Share share;

  // Sets the memory of the weights.
  void hold(std::byte* memory) {
    table = memory;
    weights = memory + (share.looked_up ? share.from : 0);
  }
};

// Bytes of weights and of states, in the host's memory and in files.
struct HostBytes {
  uint64_t weights = 0, states = 0;
  uint64_t file_weights = 0, file_states = 0;
};

class HostUnits {
 public:
  // `weights` and `states` map the memory of their regions, unless the request says that they are
  // files; they outlive this, as does `device`, which gives the memory that it copies gradients to.
  HostUnits(const TrainingPlan& plan, const TrainingRequest& request, tier::Tier& weights,
            tier::Tier& states, device::Device& device);

  const HostUnit& operator[](std::size_t unit) const { return units_[unit]; }
  std::size_t size() const { return units_.size(); }
  HostBytes bytes() const { return bytes_; }
  // Sets the states that lie on the device, which outlive all use of theirs.
  void use(DeviceStates& device) { device_states_ = &device; }
  // They; null if all states are on the host.
  DeviceStates* device_states() const { return device_states_; }
  bool on_device(uint32_t unit) const { return device_states_ && device_states_->has(unit); }

  // The following are for one thread at a time, of which lane host is one; but read and write may
  // be called by another thread, for a unit that nobody updates meanwhile.

  // Elements are counted in the whole unit; those of other ranks are not here.

  // Calls `use` for the unit's states, bucket by bucket, and keeps what it makes of them. `next` is
  // the unit whose update follows at once, or no_unit. In memory there is one bucket. The unit's
  // states are not on the device.
  void update(uint32_t unit, uint32_t next, const StateFiles::Use& use) const;
  // The same for its master weights alone, which are not kept.
  void masters(uint32_t unit, const StateFiles::Use& use) const;
  // Fills the states anew: moments are zero, and `master` has all master weights of the unit; null:
  // they are where they belong.
  void fill_states(uint32_t unit, const float* master) const;
  // This rank's part of an array in memory; null where it lies in files, and is read and written in
  // parts.
  float* memory(uint32_t unit, AdamState array) const;
  void read(uint32_t unit, AdamState array, uint64_t first, std::span<float> out) const;
  void write(uint32_t unit, AdamState array, uint64_t first, std::span<const float> values) const;

  // Weights are written as train::WeightFiles says, also those in memory. Bytes are counted in the
  // whole form.
  void begin_weights(uint32_t unit) const;
  std::span<std::byte> weights(uint32_t unit, uint64_t at, uint64_t bytes) const;
  void end_weights(uint32_t unit) const;
  // Writes this rank's part of a unit's held form, of which all bytes are given.
  void put_weights(uint32_t unit, std::span<const std::byte> bytes) const;
  // The route of weights that lie in files; null for those in memory.
  const tier::Route* route(uint32_t unit) const;

  // The memory that the gradient of a use arrives in.
  std::byte* arrival(const zero::Use& use) const {
    return use.staging == zero::no_object ? units_[use.unit].gradient
                                          : stagings_ + use.staging * staging_bytes_;
  }

  // The memory that the gradient of an expert arrives in.
  std::byte* expert_staging(uint32_t number) const {
    return expert_stagings_ + number * expert_staging_bytes_;
  }

 private:
  void open_weights(const TrainingPlan& plan, const TrainingRequest& request, tier::Tier& tier,
                    device::Device& device);
  void open_states(const TrainingPlan& plan, const TrainingRequest& request, tier::Tier& tier);

  std::vector<HostUnit> units_;
  tier::Region weights_, states_;
  std::unique_ptr<StateFiles> state_files_;
  std::unique_ptr<WeightFiles> weight_files_;
  DeviceStates* device_states_ = nullptr;
  HostBytes bytes_;
  std::byte* stagings_ = nullptr;
  uint64_t staging_bytes_ = 0;
  std::byte* expert_stagings_ = nullptr;
  uint64_t expert_staging_bytes_ = 0;
};

}  // namespace strata::train
