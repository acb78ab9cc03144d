#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

#include "tests/gpu/same_unpacked.hpp"
#include "tests/sdk/torch/plugins.hpp"

namespace strata::test {

namespace {

struct Scheme {
  const char* name;
  int64_t elements, bytes;      // of a block
  std::vector<int64_t> scales;  // where its halves lie
};
const Scheme schemes[] = {
    {"Q4_0", 32, 18, {0}},     {"Q4_1", 32, 20, {0, 2}},   {"Q5_0", 32, 22, {0}},
    {"Q5_1", 32, 24, {0, 2}},  {"Q8_0", 32, 34, {0}},      {"Q2_K", 256, 84, {80, 82}},
    {"Q3_K", 256, 110, {108}}, {"Q4_K", 256, 144, {0, 2}}, {"Q5_K", 256, 176, {0, 2}},
    {"Q6_K", 256, 210, {208}}, {"IQ4_NL", 32, 18, {0}},    {"IQ4_XS", 256, 136, {0}},
    {"TQ1_0", 256, 54, {52}},  {"TQ2_0", 256, 66, {64}},   {"MXFP4", 32, 17, {}},
    {"IQ1_S", 256, 50, {0}},   {"IQ1_M", 256, 56, {}},     {"IQ2_XXS", 256, 66, {0}},
    {"IQ2_XS", 256, 74, {0}},  {"IQ2_S", 256, 82, {0}},    {"IQ3_XXS", 256, 98, {0}},
    {"IQ3_S", 256, 110, {0}},  {"NVFP4", 64, 36, {}}};

// Any codes; scales of any finite half, subnormal ones and zeros of both signs among them.
std::vector<std::byte> random_blocks(const Scheme& scheme, int64_t count) {
  std::mt19937 random(7);
  std::vector<std::byte> out(static_cast<std::size_t>(scheme.bytes * count));
  for (auto& byte : out) byte = static_cast<std::byte>(random());
  constexpr uint16_t edges[] = {0, 0x8000, 1, 0x3ff, 0x7bff};
  for (int64_t b = 0; b < count; ++b) {
    // Its half lies in four quarters; without this bit it is finite.
    if (scheme.name == std::string_view("IQ1_M"))
      out[static_cast<std::size_t>(b * 56 + 55)] &= std::byte{0xbf};
    for (const auto at : scheme.scales) {
      auto half = static_cast<uint16_t>(random() % 0x7c00 | (random() & 1) << 15);
      if (b < 5) half = edges[b];
      std::memcpy(out.data() + b * scheme.bytes + at, &half, 2);
    }
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
  const auto dtype = GENERATE(from_range(std::begin(dense_dtypes), std::end(dense_dtypes)));
  const int64_t count = GENERATE(1, 7, 256, 257, 10000);
  const std::size_t shift = GENERATE(0, 2);  // of the blocks: whole words can be read, or not
  CAPTURE(scheme.name, int{dtype.code}, int{dtype.bits}, count, shift);
  const auto codec = codec_of(scheme);
  const auto blocks = random_blocks(scheme, count);
  require_same_unpacked(codec, {dtype, {count, scheme.elements}}, {blocks}, shift);
}

TEST_CASE("packing on the GPU is refused", "[gpu][gguf]") {
  const auto codec = codec_of(schemes[0]);
  const DeviceMemory dense(128), blocks(18);
  void* part = blocks.data();
  REQUIRE_THROWS_WITH(codec.pack({{STRATA_FLOAT, 32, 1}, {1, 32}}, dense.data(), {&part, 1},
                                 {STRATA_CUDA, 0}, nullptr),
                      Catch::Contains("host memory"));
}

}  // namespace strata::test
