// Adam and AdamW over flat arrays, as torch.optim.AdamW and Adam compute them, in float32.
#pragma once
#include <strata/abi/core.h>

#include <cstdint>

#include "core/optim/dtypes.hpp"

namespace strata::optim {

struct AdamSettings {
  double rate = 0;  // the learning rate of this step
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;
  bool decoupled = true;  // AdamW; false: the decay is added to the gradient, as in Adam with L2
  double factor = 1;      // multiplies the gradient first: clipping, 1 / the scale of the loss
};

// The constants of one step, each rounded once from float64.
struct AdamStep {
  float factor = 1;
  float l2 = 0;     // of Adam: gradient += l2 * weight
  float keep = 1;   // of AdamW: weight *= keep
  float take1 = 0;  // 1 - beta1
  float beta2 = 0, take2 = 0;
  float root = 0;  // 1 / sqrt(1 - beta2^step)
  float eps = 0;
  float size = 0;  // rate / (1 - beta1^step)
};

// `step` counts from 1.
AdamStep adam_step(const AdamSettings& settings, uint64_t step);

// Arrays with the same places. None overlaps another.
struct AdamArrays {
  strata_dtype gradient_dtype = f32;  // f32, bf16 or f16
  const void* gradient = nullptr;     // null: zero, and nothing is read
  float* master = nullptr;            // the weights
  float* moment1 = nullptr;
  float* moment2 = nullptr;
  strata_dtype copy_dtype = bf16;  // f32, bf16 or f16
  void* copy = nullptr;            // the new weights in the run dtype; null: none
};

// Updates the elements [first, first + count). Any division into ranges, any number of threads and
// any processor give the same bits. On return all stores are visible to other threads that
// synchronize with this one.
void adam(const AdamStep& step, const AdamArrays& arrays, uint64_t first, uint64_t count);

}  // namespace strata::optim
