// The arithmetic on gradients and on states, where they lie.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/optim/adam.hpp"
#include "core/optim/workers.hpp"

namespace strata::train {

// The numbers of a step's updates, as the device reads them.
struct UpdateNumbers {
  optim::AdamStep decayed, plain;  // of matrices, and of others
  uint32_t finite = 0;             // 0: the weights stay as they are
};

// Each function enqueues work on lane compute, on the computing thread. Pointers are memory of the
// device. The results have the bits that the functions of core/optim give.
class StateKernels {
 public:
  virtual ~StateKernels() = default;
  // Adds an array of f32, bf16 or f16 to the sum; the first one becomes the sum.
  virtual void accumulate(float* sum, strata_dtype dtype, const std::byte* from, uint64_t count,
                          bool first) = 0;
  // optim::square_sums of all blocks of an array.
  virtual void square(strata_dtype dtype, const std::byte* values, uint64_t count,
                      double* partials) = 0;
  // optim::adam of the elements [0, count); nothing where the numbers are not finite.
  virtual void adam(const UpdateNumbers* numbers, bool matrix, const optim::AdamArrays& arrays,
                    uint64_t count) = 0;
};

// Those of a device in host memory, whose lane is the calling thread. `workers` outlives them, and
// works for nobody else meanwhile.
std::unique_ptr<StateKernels> host_kernels(optim::Workers& workers);

}  // namespace strata::train
