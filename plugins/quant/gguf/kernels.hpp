// Unpacks and regroups blocks on a GPU. The definition is in gguf.cu, or in no_cuda.cpp in a build
// without CUDA.
#pragma once
#include <cstdint>

namespace gguf {

enum class Element : uint8_t { half, brain, single, twice };  // of the dense weight: 16 to 64 bits

struct OnDevice {
  int format = 0;  // number in AllFormats
  Element element = Element::single;
  int64_t blocks = 0;
  const void* from = nullptr;  // the blocks, at any alignment
  void* to = nullptr;          // at a multiple of 16 bytes
  int32_t device = 0;
  void* stream = nullptr;  // cudaStream_t: the work is queued there without waiting
};

// Values equal those of the CPU to the last bit. Returns null, or why nothing was done.
const char* unpack_on_device(const OnDevice& work);

struct GroupBytes;

// Brings the work's blocks into groups (regroup.hpp) that lie on the same GPU; the work has no
// weight. Returns null, or why nothing was done.
const char* regroup_on_device(const OnDevice& work, const GroupBytes& to);

// Whether this build has kernels.
bool unpacks_on_device();

}  // namespace gguf
