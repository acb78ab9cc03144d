#include <cuda_runtime.h>

#include "floats.hpp"
#include "kernels.hpp"

namespace gguf {

namespace {

constexpr int threads = 256;
constexpr int64_t blocks_at_once = 256;  // of one thread block; their bytes are a multiple of 16
constexpr int elements = 32;             // of a block

__device__ uint16_t two_bytes(const uint8_t* p) { return *reinterpret_cast<const uint16_t*>(p); }
__device__ float scale_at(const uint8_t* p) { return to_float(Half{two_bytes(p)}); }

// Each value is rounded as on the CPU: no product is fused with a sum. `pair` are the two bytes
// that hold elements j and j + 1, where j is even.
struct Q4_0 {
  static constexpr int bytes = 18;
  __device__ static void values(const uint8_t* block, int j, float* out) {
    const float d = scale_at(block);
    const int pair = two_bytes(block + 2 + j % 16) >> (j < 16 ? 0 : 4);
    out[0] = __fmul_rn(d, static_cast<float>((pair & 15) - 8));
    out[1] = __fmul_rn(d, static_cast<float>((pair >> 8 & 15) - 8));
  }
};

struct Q4_1 {
  static constexpr int bytes = 20;
  __device__ static void values(const uint8_t* block, int j, float* out) {
    const float d = scale_at(block), m = scale_at(block + 2);
    const int pair = two_bytes(block + 4 + j % 16) >> (j < 16 ? 0 : 4);
    out[0] = __fadd_rn(__fmul_rn(d, static_cast<float>(pair & 15)), m);
    out[1] = __fadd_rn(__fmul_rn(d, static_cast<float>(pair >> 8 & 15)), m);
  }
};

struct Q8_0 {
  static constexpr int bytes = 34;
  __device__ static void values(const uint8_t* block, int j, float* out) {
    const float d = scale_at(block);
    const int pair = two_bytes(block + 2 + j);
    out[0] = __fmul_rn(static_cast<float>(static_cast<int8_t>(pair & 255)), d);
    out[1] = __fmul_rn(static_cast<float>(static_cast<int8_t>(pair >> 8)), d);
  }
};

// As wide as its alignment allows: Word is uint4 where `from` is at a multiple of 16.
template <class Word>
__device__ void load(const uint8_t* from, int64_t bytes, uint8_t* to) {
  const auto* source = reinterpret_cast<const Word*>(from);
  auto* target = reinterpret_cast<Word*>(to);
  const auto words = static_cast<int>(bytes / static_cast<int64_t>(sizeof(Word)));
  for (int i = static_cast<int>(threadIdx.x); i < words; i += threads) target[i] = source[i];
  for (int64_t i = words * static_cast<int64_t>(sizeof(Word)) + threadIdx.x; i < bytes;
       i += threads)
    to[i] = from[i];
}

// Blocks come in and values go out in whole rows of memory; between them lies shared memory.
template <class Block, class T, class Word>
__global__ void __launch_bounds__(threads) unpack(const uint8_t* from, int64_t count, T* to) {
  constexpr int wide = 16 / static_cast<int>(sizeof(T));  // elements of one store
  __shared__ alignas(16) uint8_t held[blocks_at_once * Block::bytes];
  const int64_t first = static_cast<int64_t>(blockIdx.x) * blocks_at_once;
  const int64_t mine = min(blocks_at_once, count - first);
  load<Word>(from + first * Block::bytes, mine * Block::bytes, held);
  __syncthreads();
  const int stores = static_cast<int>(mine) * (elements / wide);
  for (int store = static_cast<int>(threadIdx.x); store < stores; store += threads) {
    const int element = store * wide;
    const uint8_t* block = held + element / elements * Block::bytes;
    struct alignas(16) Store {
      T value[wide];
    } out;
#pragma unroll
    for (int k = 0; k < wide; k += 2) {
      float two[2];
      Block::values(block, element % elements + k, two);
      out.value[k] = from_float<T>(two[0]);
      out.value[k + 1] = from_float<T>(two[1]);
    }
    reinterpret_cast<Store*>(to + first * elements)[store] = out;
  }
}

template <class Block, class T>
void launch(const OnDevice& work) {
  const auto* from = static_cast<const uint8_t*>(work.from);
  const auto grid = static_cast<unsigned>((work.blocks + blocks_at_once - 1) / blocks_at_once);
  auto* stream = static_cast<cudaStream_t>(work.stream);
  auto* to = static_cast<T*>(work.to);
  if (reinterpret_cast<uintptr_t>(from) % 16 == 0)
    unpack<Block, T, uint4><<<grid, threads, 0, stream>>>(from, work.blocks, to);
  else
    unpack<Block, T, uint8_t><<<grid, threads, 0, stream>>>(from, work.blocks, to);
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

}  // namespace

const char* unpack_on_device(const OnDevice& work) {
  if (work.blocks == 0) return nullptr;
  if (work.blocks > blocks_at_once * 0x7fffffff) return "more blocks than a grid has";
  if (reinterpret_cast<uintptr_t>(work.to) % 16 != 0) return "the weight is not at 16 bytes";
  if (const auto error = cudaSetDevice(work.device)) return cudaGetErrorString(error);
  switch (work.scheme) {
    case Scheme::q4_0:
      launch_for<Q4_0>(work);
      break;
    case Scheme::q4_1:
      launch_for<Q4_1>(work);
      break;
    case Scheme::q8_0:
      launch_for<Q8_0>(work);
      break;
  }
  const auto error = cudaGetLastError();
  return error ? cudaGetErrorString(error) : nullptr;
}

}  // namespace gguf
