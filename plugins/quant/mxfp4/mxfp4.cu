#include <cuda_runtime.h>

#include "../gguf/exponent.hpp"
#include "block.hpp"
#include "kernels.hpp"

namespace mxfp4 {
namespace {

constexpr int threads = 256;

// A thread unpacks one word: eight numbers of one block.
template <class T>
__global__ void __launch_bounds__(threads)
    unpack(const uint32_t* codes, const uint8_t* scales, int64_t words, T* to) {
  constexpr int of_block = bytes / 4;
  const int64_t at = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (at >= words) return;
  const float half = half_scale(scales[at / of_block]);
  const uint32_t word = codes[at];
#pragma unroll
  for (int i = 0; i < 8; ++i)
    to[8 * at + i] = number<T>(static_cast<int>(word >> (4 * i) & 15), half);
}

template <class T>
void launch(const OnDevice& work) {
  const int64_t words = work.blocks * (bytes / 4);
  const auto grid = static_cast<unsigned>((words + threads - 1) / threads);
  unpack<T><<<grid, threads, 0, static_cast<cudaStream_t>(work.stream)>>>(
      static_cast<const uint32_t*>(work.codes), static_cast<const uint8_t*>(work.scales), words,
      static_cast<T*>(work.to));
}

__global__ void __launch_bounds__(threads)
    widen_scales(const uint8_t* from, int64_t count, gguf::Brain* to) {
  const int64_t at = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (at < count) to[at] = gguf::power_of_two(from[at]);
}

}  // namespace

const char* regroup_on_device(const OnDevice& work, void* scales) {
  if (work.blocks == 0) return nullptr;
  if (work.blocks > int64_t{threads} * 0x7fffffff) return "more blocks than a grid has";
  if (const auto error = cudaSetDevice(work.device)) return cudaGetErrorString(error);
  auto* const stream = static_cast<cudaStream_t>(work.stream);
  if (const auto error =
          cudaMemcpyAsync(work.to, work.codes, static_cast<std::size_t>(work.blocks) * bytes,
                          cudaMemcpyDeviceToDevice, stream))
    return cudaGetErrorString(error);
  const auto grid = static_cast<unsigned>((work.blocks + threads - 1) / threads);
  widen_scales<<<grid, threads, 0, stream>>>(static_cast<const uint8_t*>(work.scales), work.blocks,
                                             static_cast<gguf::Brain*>(scales));
  const auto error = cudaGetLastError();
  return error ? cudaGetErrorString(error) : nullptr;
}

const char* unpack_on_device(const OnDevice& work) {
  if (work.blocks == 0) return nullptr;
  if (work.blocks > int64_t{threads} / (bytes / 4) * 0x7fffffff)
    return "more blocks than a grid has";
  if (reinterpret_cast<uintptr_t>(work.codes) % 4 != 0) return "the codes are not at 4 bytes";
  if (const auto error = cudaSetDevice(work.device)) return cudaGetErrorString(error);
  switch (work.element) {
    case Element::half:
      launch<gguf::Half>(work);
      break;
    case Element::brain:
      launch<gguf::Brain>(work);
      break;
    case Element::single:
      launch<float>(work);
      break;
    case Element::twice:
      launch<double>(work);
      break;
  }
  const auto error = cudaGetLastError();
  return error ? cudaGetErrorString(error) : nullptr;
}

bool unpacks_on_device() { return true; }

}  // namespace mxfp4
