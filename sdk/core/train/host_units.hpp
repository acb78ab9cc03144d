// The host's memory of training: weights, gradients, master weights and states of every unit.
#pragma once
#include <memory>
#include <vector>

#include "core/device/device.hpp"
#include "core/tier/client.hpp"
#include "core/train/prepare.hpp"
#include "core/train/states.hpp"

namespace strata::train {

// One unit's memory; all but `weights` and `states` have the places of its Flat.
struct HostUnit {
  std::byte* weights = nullptr;  // the run form, in the dtype that computes
  float* master = nullptr;       // may be the weights themselves, where they are float32
  UnitStates layout;             // of the optimizer's states
  std::byte* states = nullptr;   // in the places of `layout`
  float* moment1 = nullptr;      // under Rule::adam; they lie in `states`
  float* moment2 = nullptr;
  // The sum of the step's gradients; of an embedding with room behind it for the gradient of
  // looked-up rows.
  std::byte* gradient = nullptr;
  strata_dtype gradient_dtype{STRATA_FLOAT, 32, 1};  // held_gradient
  std::byte* input = nullptr;                        // where kept inputs are stored in host memory
  bool own_master = true;  // the weights are a copy of it in another dtype
};

class HostUnits {
 public:
  // `weights` and `states` map the memory of their regions; they outlive this, as does `device`,
  // which gives the memory that it copies gradients to.
  HostUnits(const TrainingPlan& plan, const TrainingRequest& request, tier::Tier& weights,
            tier::Tier& states, device::Device& device);

  const HostUnit& operator[](std::size_t unit) const { return units_[unit]; }
  std::size_t size() const { return units_.size(); }
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
  std::vector<HostUnit> units_;
  tier::Region weights_, states_;
  std::byte* stagings_ = nullptr;
  uint64_t staging_bytes_ = 0;
  std::byte* expert_stagings_ = nullptr;
  uint64_t expert_staging_bytes_ = 0;
};

}  // namespace strata::train
