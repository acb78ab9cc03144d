#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "tests/gpu/same_unpacked.hpp"
#include "tests/sdk/torch/plugins.hpp"

namespace strata::test {

namespace {

constexpr int64_t elements = 32, code_bytes = 16;  // of a block

std::vector<std::byte> random_bytes(int64_t count, unsigned most) {
  std::mt19937 random(11);
  std::vector<std::byte> out(static_cast<std::size_t>(count));
  for (auto& byte : out) byte = static_cast<std::byte>(random() % (most + 1));
  return out;
}

plugin::Codec codec() {
  return {plugin_table<strata_quant>("strata-quant-mxfp4", "strata.quant/1"), "mxfp4",
          the_host().table(), "MXFP4_SPLIT"};
}

}  // namespace

TEST_CASE("codes and scales unpacked on the GPU are those of the CPU to the last bit",
          "[gpu][mxfp4]") {
  const auto dtype = GENERATE(from_range(std::begin(dense_dtypes), std::end(dense_dtypes)));
  const int64_t count = GENERATE(1, 7, 64, 65, 10000);
  CAPTURE(int{dtype.code}, int{dtype.bits}, count);
  const auto one = codec();
  const auto codes = random_bytes(count * code_bytes, 255);
  const auto scales = random_bytes(count, 254);  // 255 is no number
  require_same_unpacked(one, {dtype, {count, elements}}, {codes, scales});
}

TEST_CASE("codes that do not lie at whole words are refused on the GPU", "[gpu][mxfp4]") {
  const DeviceMemory codes(32), scales(1), to(128);
  void* parts[] = {codes.data() + 1, scales.data()};
  REQUIRE_THROWS_WITH(codec().unpack(parts, {{STRATA_FLOAT, 32, 1}, {1, elements}}, to.data(),
                                     {STRATA_CUDA, 0}, nullptr),
                      Catch::Contains("4 bytes"));
}

}  // namespace strata::test
