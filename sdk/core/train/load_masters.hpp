// Loading for training: the checkpoint's weights become master weights in host memory, in the
// storage dtype, or frozen ones in the forms in which they are held.
#pragma once
#include <functional>
#include <span>

#include "core/run/loader.hpp"
#include "core/train/prepare.hpp"

namespace strata::train {

inline constexpr uint32_t load_events = run::staging_chunks + 2;

struct MasterParts {
  const run::Model* model = nullptr;
  const TrainingPlan* plan = nullptr;
  strata_dtype dtype{STRATA_FLOAT, 32, 1};  // of the masters
  std::span<std::byte* const>
      masters;  // by unit: where a frozen one's weights go; null: given to `take`
  // Takes the master weights of a unit, or a frozen one's, which has no memory for them.
  std::function<void(uint32_t unit, std::span<const std::byte>)> take{};
  // Gives them back, for a unit with weights that no file has.
  std::function<void(uint32_t unit, std::span<std::byte>)> give{};
  tier::Tier* files = nullptr;  // reads the checkpoint; null: weights are made up
  device::Device* device = nullptr;
  std::byte* arena = nullptr;  // free for the plan's scratch
  uint32_t first_event = 0;    // of the device, load_events of them
  bool separate_device = false;
  const run::ComputeOptions* compute = nullptr;  // for another dtype: it expands
  std::function<run::OpenCompute> open_compute;
};

// Fills the masters of all units, or all frozen weights; returns the bytes read from files.
uint64_t load_masters(const MasterParts& parts, const run::Progress& progress);

}  // namespace strata::train
