#include <cuda_runtime.h>

// Tables lie on the GPU; the functions that read them are called only in kernels.
#pragma nv_diag_suppress 20091
#include "formats.hpp"
#include "kernels.hpp"
#include "regroup.hpp"

namespace gguf {

namespace {

constexpr int threads = 256;
constexpr int elements_at_once =
    8192;  // of one thread block: its blocks are a multiple of 16 bytes

template <class Word>
__device__ void load_words(const uint8_t* from, int64_t bytes, uint8_t* to) {
  const auto* source = reinterpret_cast<const Word*>(from);
  auto* target = reinterpret_cast<Word*>(to);
  const auto words = static_cast<int>(bytes / static_cast<int64_t>(sizeof(Word)));
  for (int i = static_cast<int>(threadIdx.x); i < words; i += threads) target[i] = source[i];
  for (int64_t i = words * static_cast<int64_t>(sizeof(Word)) + threadIdx.x; i < bytes;
       i += threads)
    to[i] = from[i];
}

// Loads in words as wide as the alignment allows.
__device__ void load(const uint8_t* from, int64_t bytes, uint8_t* to) {
  if (reinterpret_cast<uintptr_t>(from) % 16 == 0)
    load_words<uint4>(from, bytes, to);
  else
    load_words<uint8_t>(from, bytes, to);
}

// Blocks are loaded and values are stored coalesced; shared memory lies between them. The functions
// that compute the values are the same as on the CPU.
template <class Block, class T>
__global__ void __launch_bounds__(threads) unpack(const uint8_t* from, int64_t count, T* to) {
  constexpr int wide = 16 / static_cast<int>(sizeof(T));  // elements in one store
  constexpr int64_t blocks_at_once = elements_at_once / Block::elements;
  static_assert(Block::group % wide == 0 && blocks_at_once * Block::bytes % 16 == 0);
  __shared__ alignas(16) uint8_t held[blocks_at_once * Block::bytes];
  const int64_t first = static_cast<int64_t>(blockIdx.x) * blocks_at_once;
  const int64_t mine = min(blocks_at_once, count - first);
  load(from + first * Block::bytes, mine * Block::bytes, held);
  __syncthreads();
  const int stores = static_cast<int>(mine) * (Block::elements / wide);
  for (int store = static_cast<int>(threadIdx.x); store < stores; store += threads) {
    const int element = store * wide;
    const uint8_t* block = held + element / Block::elements * Block::bytes;
    const int g = element % Block::elements / Block::group, k = element % Block::group;
    const auto scale = Block::scale(block, g);
    struct alignas(16) Store {
      T value[wide];
    } out;
#pragma unroll
    for (int i = 0; i < wide; ++i)
      out.value[i] = from_float<T>(Block::value(block, g, k + i, scale));
    reinterpret_cast<Store*>(to + first * Block::elements)[store] = out;
  }
}

template <class Block, class T>
void launch(const OnDevice& work) {
  constexpr int64_t blocks_at_once = elements_at_once / Block::elements;
  const auto* from = static_cast<const uint8_t*>(work.from);
  const auto grid = static_cast<unsigned>((work.blocks + blocks_at_once - 1) / blocks_at_once);
  auto* stream = static_cast<cudaStream_t>(work.stream);
  unpack<Block><<<grid, threads, 0, stream>>>(from, work.blocks, static_cast<T*>(work.to));
}

template <class Block>
void launch_for(const OnDevice& work) {
  switch (work.element) {
    case Element::half:
      return launch<Block, Half>(work);
    case Element::brain:
      return launch<Block, Brain>(work);
    case Element::single:
      return launch<Block, float>(work);
    case Element::twice:
      return launch<Block, double>(work);
  }
}

// A thread has a group.
template <class Block>
__global__ void __launch_bounds__(threads)
    regroup_blocks(const uint8_t* blocks, int64_t groups, GroupBytes to) {
  const int64_t at = static_cast<int64_t>(blockIdx.x) * threads + threadIdx.x;
  if (at < groups) regroup<Block>(blocks, at, to);
}

}  // namespace

const char* regroup_on_device(const OnDevice& work, const GroupBytes& to) {
  if (work.blocks == 0) return nullptr;
  if (work.blocks > int64_t{threads} / 16 * 0x7fffffff) return "more blocks than a grid has";
  if (const auto error = cudaSetDevice(work.device)) return cudaGetErrorString(error);
  const char* why = "its numbers are in no groups along rows";
  AllFormats::at(work.format, [&]<class Block>(Block) {
    if constexpr (regroups<Block>) {
      const auto groups = work.blocks * groups_of_block<Block>;
      const auto grid = static_cast<unsigned>((groups + threads - 1) / threads);
      regroup_blocks<Block><<<grid, threads, 0, static_cast<cudaStream_t>(work.stream)>>>(
          static_cast<const uint8_t*>(work.from), groups, to);
      const auto error = cudaGetLastError();
      why = error ? cudaGetErrorString(error) : nullptr;
    }
  });
  return why;
}

const char* unpack_on_device(const OnDevice& work) {
  if (work.blocks == 0) return nullptr;
  if (work.blocks > int64_t{elements_at_once} / 256 * 0x7fffffff)
    return "more blocks than a grid has";
  if (reinterpret_cast<uintptr_t>(work.to) % 16 != 0) return "the weight is not at 16 bytes";
  if (const auto error = cudaSetDevice(work.device)) return cudaGetErrorString(error);
  AllFormats::at(work.format, [&](auto block) { launch_for<decltype(block)>(work); });
  const auto error = cudaGetLastError();
  return error ? cudaGetErrorString(error) : nullptr;
}

bool unpacks_on_device() { return true; }

}  // namespace gguf
