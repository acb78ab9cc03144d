// The arithmetic on states that lie on a GPU, with the bits that the processor's gives.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <memory>
#include <string>

#include "core/error.hpp"
#include "core/optim/gradient.hpp"
#include "core/optim/one_element.hpp"
#include "core/train/state_kernels.hpp"

namespace strata::torch {
namespace {

namespace one = optim::one;

constexpr unsigned threads = 256;        // of a block
constexpr uint64_t most_blocks = 65536;  // of a grid, whose threads take several elements then
constexpr unsigned lanes = 32;           // of a warp, and sums of a block of squares

__device__ uint64_t own_first() { return uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ uint64_t own_step() { return uint64_t{gridDim.x} * blockDim.x; }

template <class Type>
__global__ void accumulate_all(float* sum, const typename Type::Stored* from, uint64_t count,
                               bool first) {
  for (auto i = own_first(); i < count; i += own_step()) {
    const float x = Type::load(from[i]);
    sum[i] = first ? x : one::add(sum[i], x);
  }
}

// A warp sums a block: its lane n the elements n, n + 32, ..., and then the 32 sums pairwise, which
// is the order of core/optim.
template <class Type>
__global__ void square_all(const typename Type::Stored* values, uint64_t count, uint64_t blocks,
                           double* partials) {
  const auto lane = threadIdx.x % lanes;
  for (auto block = own_first() / lanes; block < blocks; block += own_step() / lanes) {
    const uint64_t begin = block * optim::square_block;
    const uint64_t end = min(count, begin + optim::square_block);
    double sum = 0;
#pragma unroll 8
    for (auto i = begin + lane; i < end; i += lanes) {
      const double x = Type::load(values[i]);
      sum = __dadd_rn(sum, __dmul_rn(x, x));
    }
    for (unsigned width = lanes / 2; width > 0; width /= 2)
      sum = __dadd_rn(sum, __shfl_down_sync(0xffffffffU, sum, width));
    if (lane == 0) partials[block] = sum;
  }
}

template <class Gradient, class Copy>
__global__ void adam_all(const train::UpdateNumbers* numbers, bool matrix,
                         const typename Gradient::Stored* gradient, float* master, float* moment1,
                         float* moment2, typename Copy::Stored* copy, uint64_t count) {
  if (numbers->finite == 0) return;
  const optim::AdamStep step = matrix ? numbers->decayed : numbers->plain;
  for (auto i = own_first(); i < count; i += own_step()) {
    float p = master[i], m = moment1[i], v = moment2[i];
    one::advance(step, Gradient::load(gradient[i]), p, m, v);
    master[i] = p;
    moment1[i] = m;
    moment2[i] = v;
    if (copy) copy[i] = Copy::store(p);
  }
}

// Calls f(type) with the element type of a dtype.
template <class F>
void with_type(strata_dtype dtype, const F& f) {
  if (same(dtype, optim::f32)) return f(one::F32{});
  if (same(dtype, optim::bf16)) return f(one::Bf16{});
  f(one::F16{});
}

unsigned blocks_of(uint64_t work) {
  return static_cast<unsigned>(std::min(most_blocks, (work + threads - 1) / threads));
}

template <class Type>
const typename Type::Stored* elements(const void* at) {
  return static_cast<const typename Type::Stored*>(at);
}

class CudaKernels final : public train::StateKernels {
 public:
  explicit CudaKernels(cudaStream_t stream) : stream_(stream) {}

  void accumulate(float* sum, strata_dtype dtype, const std::byte* from, uint64_t count,
                  bool first) override {
    if (count == 0) return;
    with_type(dtype, [&](auto type) {
      using Type = decltype(type);
      accumulate_all<Type>
          <<<blocks_of(count), threads, 0, stream_>>>(sum, elements<Type>(from), count, first);
    });
    check("a sum of gradients");
  }

  void square(strata_dtype dtype, const std::byte* values, uint64_t count,
              double* partials) override {
    if (count == 0) return;
    const auto blocks = optim::square_blocks(count);
    with_type(dtype, [&](auto type) {
      using Type = decltype(type);
      square_all<Type><<<blocks_of(blocks * lanes), threads, 0, stream_>>>(elements<Type>(values),
                                                                           count, blocks, partials);
    });
    check("a sum of squares");
  }

  void adam(const train::UpdateNumbers* numbers, bool matrix, const optim::AdamArrays& arrays,
            uint64_t count) override {
    if (count == 0) return;
    with_type(arrays.gradient_dtype, [&](auto gradient) {
      with_type(arrays.copy_dtype, [&](auto copy) {
        using Gradient = decltype(gradient);
        using Copy = decltype(copy);
        adam_all<Gradient, Copy><<<blocks_of(count), threads, 0, stream_>>>(
            numbers, matrix, elements<Gradient>(arrays.gradient), arrays.master, arrays.moment1,
            arrays.moment2, static_cast<typename Copy::Stored*>(arrays.copy), count);
      });
    });
    check("an update of weights");
  }

 private:
  static void check(const char* what) {
    if (const auto error = cudaGetLastError(); error != cudaSuccess)
      throw Error("cuda", std::string(what) + ": " + cudaGetErrorString(error), "");
  }

  cudaStream_t stream_;
};

}  // namespace
}  // namespace strata::torch

extern "C" __attribute__((visibility("default"))) std::unique_ptr<strata::train::StateKernels>
strata_open_cuda_kernels(void* stream) {
  return std::make_unique<strata::torch::CudaKernels>(static_cast<cudaStream_t>(stream));
}
