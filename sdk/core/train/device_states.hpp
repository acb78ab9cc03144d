// Master weights, moments and gradients of the units that the device updates itself.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/device/device.hpp"
#include "core/train/prepare.hpp"
#include "core/train/state_files.hpp"
#include "core/train/state_kernels.hpp"

namespace strata::train {

// Everything that it points to outlives it. Reading and writing are for any thread, for a unit that
// no lane uses meanwhile; they take a bucket of host memory.
class DeviceStates {
 public:
  // `arena` has the places of the plan's step.
  DeviceStates(const TrainingPlan& plan, const TrainingRequest& request, std::byte* arena,
               device::Device& device, StateKernels& kernels);

  bool has(uint32_t unit) const { return units_[unit].has_value(); }
  uint64_t bytes() const { return bytes_; }  // of all states on the device

  // On lane compute. Adds the gradient that a rerun left at `arrived` to those of earlier
  // micro-batches, unless the step lacks its own; behind the last one sends the partial sums of the
  // squares to the host.
  void reduce(const zero::Use& use, const std::byte* arrived, bool there);
  // Brings the numbers that lane host has written.
  void bring_numbers();
  void update(uint32_t unit);

  // On lane host, behind the last reduction and before the numbers are brought.
  std::span<const double> squares(uint32_t unit) const { return units_[unit]->arrived; }
  UpdateNumbers& numbers() { return *numbers_; }

  void read(uint32_t unit, AdamState array, uint64_t first, std::span<float> out) const;
  void write(uint32_t unit, AdamState array, uint64_t first, std::span<const float> values);
  // Calls `use` for the master weights, bucket by bucket.
  void masters(uint32_t unit, const std::function<void(const Bucket&)>& use) const;
  // Sets the moments to zero, and the master weights to `master`.
  void fill(uint32_t unit, const float* master);
  // Makes the weights anew from their master.
  void fill_weights(uint32_t unit);

 private:
  struct Unit {
    bool own_master = true;
    uint64_t elements = 0;
    std::byte* weights = nullptr;
    float* master = nullptr;  // may be the weights themselves
    float* moment1 = nullptr;
    float* moment2 = nullptr;
    strata_dtype gradient_dtype{STRATA_FLOAT, 32, 1};
    std::byte* gradient = nullptr;  // the sum of the step
    double* squares = nullptr;
    std::span<double> arrived{};  // the squares, in page-locked host memory
  };
  float* array(uint32_t unit, AdamState which) const;

  const TrainingPlan& plan_;
  strata_dtype reduce_;
  uint32_t micro_batches_;
  device::Device& device_;
  StateKernels& kernels_;
  std::vector<std::optional<Unit>> units_;  // by unit
  UpdateNumbers* numbers_ = nullptr;        // in page-locked host memory
  UpdateNumbers* brought_ = nullptr;        // on the device
  uint64_t bytes_ = 0;
};

}  // namespace strata::train
