// Unpacks and regroups on a GPU. The definition is in mxfp4.cu, or in no_cuda.cpp in a build
// without CUDA.
#pragma once
#include <cstdint>

namespace mxfp4 {

enum class Element : uint8_t { half, brain, single, twice };  // of the dense weight: 16 to 64 bits

struct OnDevice {
  Element element = Element::single;
  int64_t blocks = 0;
  const void *codes = nullptr, *scales = nullptr;  // codes at a multiple of 4 bytes
  void* to = nullptr;
  int32_t device = 0;
  void* stream = nullptr;  // cudaStream_t: the work is queued there without waiting
};

// Values equal those of the CPU to the last bit. Returns null, or why nothing was done.
const char* unpack_on_device(const OnDevice& work);

// Brings the work's codes and scales into groups: the codes go to `to`, the scales, bfloat16, to
// `scales`. Returns null, or why nothing was done.
const char* regroup_on_device(const OnDevice& work, void* scales);

// Whether this build has kernels.
bool unpacks_on_device();

}  // namespace mxfp4
