#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "core/plugin/codec.hpp"
#include "tests/gpu/device_memory.hpp"
#include "tests/gpu/plugins.hpp"

namespace strata::test {

namespace {

struct Scheme {
  const char* name;
  int64_t bytes, scales;
};
constexpr Scheme schemes[] = {{"Q4_0", 18, 1}, {"Q4_1", 20, 2}, {"Q8_0", 34, 1}};
constexpr strata_dtype dtypes[] = {
    {STRATA_FLOAT, 16, 1}, {STRATA_BFLOAT, 16, 1}, {STRATA_FLOAT, 32, 1}, {STRATA_FLOAT, 64, 1}};

// Any codes; scales of any finite half, subnormal ones and zeros of both signs among them.
std::vector<std::byte> random_blocks(const Scheme& scheme, int64_t count) {
  std::mt19937 random(7);
  std::vector<std::byte> out(static_cast<std::size_t>(scheme.bytes * count));
  for (auto& byte : out) byte = static_cast<std::byte>(random());
  constexpr uint16_t edges[] = {0, 0x8000, 1, 0x3ff, 0x7bff};
  for (int64_t b = 0; b < count; ++b)
    for (int64_t s = 0; s < scheme.scales; ++s) {
      auto half = static_cast<uint16_t>(random() % 0x7c00 | (random() & 1) << 15);
      if (b < 5) half = edges[b];
      std::memcpy(out.data() + b * scheme.bytes + 2 * s, &half, 2);
    }
  return out;
}

plugin::Codec codec_of(const Scheme& scheme) {
  return {plugin_table<strata_quant>("strata-quant-gguf", "strata.quant/1"), "gguf",
          the_host().table(), scheme.name};
}

}  // namespace

TEST_CASE("blocks unpacked on the GPU are those of the CPU to the last bit", "[gpu][gguf]") {
  const auto& scheme = GENERATE(from_range(std::begin(schemes), std::end(schemes)));
  const auto dtype = GENERATE(from_range(std::begin(dtypes), std::end(dtypes)));
  const int64_t count = GENERATE(1, 7, 256, 257, 10000);
  const std::size_t shift = GENERATE(0, 2);  // of the blocks: whole words can be read, or not
  CAPTURE(scheme.name, int{dtype.code}, int{dtype.bits}, count, shift);
  const auto codec = codec_of(scheme);
  const auto blocks = random_blocks(scheme, count);
  const shape::Value weight{dtype, {count, 32}};
  std::vector<std::byte> expected(static_cast<std::size_t>(count) * 32 * dtype.bits / 8);
  void* part = const_cast<std::byte*>(blocks.data());
  codec.unpack({&part, 1}, weight, expected.data(), {STRATA_CPU, 0}, nullptr);

  std::vector<std::byte> shifted(shift);
  shifted.insert(shifted.end(), blocks.begin(), blocks.end());
  const DeviceMemory from(shifted), to(expected.size());
  cudaStream_t stream = nullptr;
  succeed(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  void* there = from.data() + shift;
  codec.unpack({&there, 1}, weight, to.data(), {STRATA_CUDA, 0}, stream);
  const auto made = to.read(stream);
  succeed(cudaStreamDestroy(stream));
  const auto apart = std::mismatch(made.begin(), made.end(), expected.begin());
  CAPTURE(apart.first - made.begin());
  REQUIRE(apart.first == made.end());
}

TEST_CASE("packing on the GPU is refused", "[gpu][gguf]") {
  const auto codec = codec_of(schemes[0]);
  const DeviceMemory dense(128), blocks(18);
  void* part = blocks.data();
  REQUIRE_THROWS_WITH(codec.pack({{STRATA_FLOAT, 32, 1}, {1, 32}}, dense.data(), {&part, 1},
                                 {STRATA_CUDA, 0}, nullptr),
                      Catch::Contains("host memory"));
}

// Not a test: ./run bin/gpu-tests '[rate]' prints what the kernels move.
TEST_CASE("rates of unpacking", "[.][rate]") {
  constexpr int64_t count = 8 << 20;
  for (const auto& scheme : schemes)
    for (const auto dtype : dtypes) {
      const auto codec = codec_of(scheme);
      const auto dense = static_cast<std::size_t>(count) * 32 * dtype.bits / 8;
      const DeviceMemory from(static_cast<std::size_t>(count * scheme.bytes)), to(dense);
      void* part = from.data();
      cudaEvent_t begin = nullptr, end = nullptr;
      succeed(cudaEventCreate(&begin));
      succeed(cudaEventCreate(&end));
      std::vector<float> times;
      for (int i = 0; i < 12; ++i) {
        succeed(cudaEventRecord(begin, nullptr));
        codec.unpack({&part, 1}, {dtype, {count, 32}}, to.data(), {STRATA_CUDA, 0}, nullptr);
        succeed(cudaEventRecord(end, nullptr));
        succeed(cudaEventSynchronize(end));
        succeed(cudaEventElapsedTime(&times.emplace_back(), begin, end));
      }
      std::sort(times.begin(), times.end());
      const double moved = static_cast<double>(dense) + static_cast<double>(count * scheme.bytes);
      WARN(scheme.name << " to " << int{dtype.bits} << (dtype.code == STRATA_BFLOAT ? "b" : "")
                       << " bits: " << moved / times[6] / 1e6 << " GB/s");
      succeed(cudaEventDestroy(begin));
      succeed(cudaEventDestroy(end));
    }
}

}  // namespace strata::test
