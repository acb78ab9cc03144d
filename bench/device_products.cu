// Times products with weights in groups on a GPU, beside copies of the same bytes.
//
// usage: bench-device-products "groups CODE GROUP ZERO SCALE" ROWS COLUMNS TOKENS ROUNDS
// Prints the packed bytes of a weight, and for each round the seconds of a product and the bytes a
// second that a copy reads and writes. The weights in turn are more than the caches hold.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <stdexcept>
#include <vector>

#include "kernels/group_codec.hpp"

namespace {

using strata::Memory;

constexpr strata_device gpu{STRATA_CUDA, 0};
constexpr strata_dtype brain{STRATA_BFLOAT, 16, 1};
constexpr std::size_t beyond_caches = std::size_t{1} << 30;

void succeed(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
}

void* device_memory(std::size_t bytes) {
  void* out = nullptr;
  succeed(cudaMalloc(&out, bytes));
  succeed(cudaMemset(out, 0x3c, bytes));
  return out;
}

// The seconds of what `work` queues.
template <class Work>
double timed(cudaStream_t stream, Work work) {
  cudaEvent_t begin = nullptr, end = nullptr;
  succeed(cudaEventCreate(&begin));
  succeed(cudaEventCreate(&end));
  succeed(cudaEventRecord(begin, stream));
  work();
  succeed(cudaEventRecord(end, stream));
  succeed(cudaEventSynchronize(end));
  float milliseconds = 0;
  succeed(cudaEventElapsedTime(&milliseconds, begin, end));
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return milliseconds / 1e3;
}

void run(char** words) {
  const strata::kernels::GroupCodec codec{std::string_view(words[1])};
  const int64_t rows = std::atoll(words[2]), columns = std::atoll(words[3]),
                tokens = std::atoll(words[4]);
  const int64_t shape[]{rows, columns}, x_shape[]{tokens, columns}, y_shape[]{tokens, rows};
  const auto parts = codec.parts(brain, shape);
  std::size_t bytes = 0;
  for (const auto& part : parts)
    bytes += static_cast<std::size_t>(part.shape[0] * part.shape[1]) * part.dtype.bits / 8;
  std::deque<std::vector<Memory>> weights(beyond_caches / bytes + 1);
  for (auto& weight : weights)
    for (const auto& part : parts)
      weight.push_back({device_memory(static_cast<std::size_t>(part.shape[0] * part.shape[1]) *
                                      part.dtype.bits / 8),
                        gpu, part.dtype, part.shape});
  const strata::Product product{
      {device_memory(static_cast<std::size_t>(tokens * columns) * 2), gpu, brain, x_shape},
      {device_memory(static_cast<std::size_t>(tokens * rows) * 2), gpu, brain, y_shape}};
  void *const from = device_memory(beyond_caches), *const to = device_memory(beyond_caches);
  cudaStream_t stream = nullptr;
  succeed(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  strata_call call{};
  call.stream = stream;
  std::printf("%zu\n", bytes);
  for (int round = 0; round < std::atoi(words[5]); ++round) {
    const auto copy = timed(stream, [&] {
      succeed(cudaMemcpyAsync(to, from, beyond_caches, cudaMemcpyDeviceToDevice, stream));
    });
    const auto all = timed(stream, [&] {
      for (const auto& weight : weights) codec.linear(call, weight, product);
    });
    std::printf("%.9g %.9g\n", all / static_cast<double>(weights.size()),
                2.0 * static_cast<double>(beyond_caches) / copy);
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 6) {
    std::fprintf(stderr, "usage: bench-device-products FORM ROWS COLUMNS TOKENS ROUNDS\n");
    return 2;
  }
  try {
    run(words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: bench-device-products: %s: see the message\n", error.what());
    return 1;
  }
  return 0;
}
