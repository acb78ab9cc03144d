// Weights in groups on a GPU: the form is that of groups.hpp. The definitions are in *.cu, or in
// no_device.cpp in a build without CUDA.
#pragma once
#include <cstdint>

#include "kernels/groups.hpp"

namespace strata::kernels {

// Where the work is queued, without waiting: a stream (cudaStream_t) of a GPU, by its number.
struct DeviceQueue {
  int32_t device = 0;
  void* stream = nullptr;
};

// Products are computed for up to so many tokens: with more, an unpacked tile of the weight, which
// tensor cores use for all of them, costs less.
inline constexpr int64_t most_device_tokens = 64;

// Tells whether this build has products for such weights and vectors on a GPU: vectors are float16,
// bfloat16 or float32.
bool can_on_device(const GroupForm&, int64_t columns, strata_dtype x_dtype);

// Tells whether this build unpacks such weights on a GPU.
bool unpacks_on_device();

// Does what `unpack` does with all rows, with the same bits. Returns null, or why nothing was done.
const char* unpack_on_device(const GroupLinear&, void* to, strata_dtype to_dtype, DeviceQueue);

// Does what `linear_grouped` does, for shares of at most most_device_tokens each, whose parts lie
// on the GPU; x and y are contiguous. A sum depends on its row, its token and the shape alone.
// Numbers of a group are multiplied as they are and summed in float32, then scaled; those of nf4
// keep 16 bits. Returns null, or why nothing was done.
const char* linear_on_device(const GroupForm&, int64_t rows, int64_t columns,
                             const GroupShare* shares, int64_t count, const void* x, void* y,
                             strata_dtype dtype, DeviceQueue);

}  // namespace strata::kernels
