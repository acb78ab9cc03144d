// Compares the values of a codec's blocks unpacked on the GPU with those of the CPU.
#pragma once
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstddef>
#include <vector>

#include "core/plugin/codec.hpp"
#include "tests/gpu/device_memory.hpp"

namespace strata::test {

// Every dense dtype that weights are unpacked to.
inline constexpr strata_dtype dense_dtypes[] = {
    {STRATA_FLOAT, 16, 1}, {STRATA_BFLOAT, 16, 1}, {STRATA_FLOAT, 32, 1}, {STRATA_FLOAT, 64, 1}};

// Requires the same bits of both. On the GPU each part lies `shift` bytes behind an aligned place.
inline void require_same_unpacked(const plugin::Codec& codec, const shape::Value& weight,
                                  std::vector<std::vector<std::byte>> parts,
                                  std::size_t shift = 0) {
  int64_t bits = weight.dtype.bits;
  for (const auto n : weight.dims) bits *= n;
  std::vector<std::byte> expected(static_cast<std::size_t>(bits / 8));
  std::vector<void*> here, there;
  for (auto& part : parts) here.push_back(part.data());
  codec.unpack(here, weight, expected.data(), {STRATA_CPU, 0}, nullptr);

  std::vector<DeviceMemory> held;
  for (auto& part : parts) {
    part.insert(part.begin(), shift, std::byte{});
    there.push_back(held.emplace_back(part).data() + shift);
  }
  const DeviceMemory to(expected.size());
  cudaStream_t stream = nullptr;
  succeed(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  codec.unpack(there, weight, to.data(), {STRATA_CUDA, 0}, stream);
  const auto made = to.read(stream);
  succeed(cudaStreamDestroy(stream));
  const auto apart = std::mismatch(made.begin(), made.end(), expected.begin());
  CAPTURE(apart.first - made.begin());
  REQUIRE(apart.first == made.end());
}

}  // namespace strata::test
