// Weights for runs without a checkpoint; see core/run/dummy.cpp.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "core/run/loader.hpp"
#include "core/source/elements.hpp"

using namespace strata;
using namespace strata::run;

namespace {

constexpr std::size_t period = 1 << 16;  // numbers until they repeat

}  // namespace

TEST_CASE("dummy numbers look like weights in each dtype", "[run][dummy]") {
  const auto dtype = GENERATE(strata_dtype{STRATA_FLOAT, 32, 1}, strata_dtype{STRATA_FLOAT, 16, 1},
                              strata_dtype{STRATA_BFLOAT, 16, 1});
  const std::size_t width = dtype.bits / 8u, count = period + 100;
  std::vector<std::byte> memory(count * width + 1, std::byte{0x55});
  fill_dummy({memory.data(), count * width}, dtype);
  std::size_t negative = 0, odd = 0;
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = source::element(dtype, memory.data() + i * width);
    odd += std::abs(value) >= 1.0 / 128 && std::abs(value) < 1.0 / 64 ? 0 : 1;
    negative += value < 0 ? 1 : 0;
    sum += value;
  }
  CHECK(odd == 0);
  CHECK(std::abs(static_cast<double>(negative) / static_cast<double>(count) - 0.5) < 0.02);
  CHECK(std::abs(sum / static_cast<double>(count)) < 1e-3);
  CHECK(std::memcmp(memory.data(), memory.data() + period * width, 100 * width) == 0);
  CHECK(memory.back() == std::byte{0x55});  // nothing is written past the end
}

TEST_CASE("dummy numbers are the same in every call, at any length", "[run][dummy]") {
  constexpr strata_dtype bf16{STRATA_BFLOAT, 16, 1};
  std::vector<std::byte> long_one(1 << 18), short_one(777);
  fill_dummy(long_one, bf16);
  fill_dummy(short_one, bf16);
  REQUIRE(std::equal(short_one.begin(), short_one.end(), long_one.begin()));
}

TEST_CASE("dummy weights fill every target and say how far they are", "[run][dummy]") {
  constexpr strata_dtype f32{STRATA_FLOAT, 32, 1};
  std::vector<zero::Unit> units(3);
  std::vector<std::vector<std::byte>> memory;
  std::vector<Target> targets;
  for (std::size_t u = 0; u < units.size(); ++u) {
    units[u].run_bytes = 256 * (u + 1);
    memory.emplace_back(units[u].run_bytes);
  }
  for (std::size_t u = 0; u < units.size(); ++u)
    targets.push_back({&units[u], memory[u].data(), {}, {}});
  std::vector<uint64_t> done;
  load_dummy(targets, f32, {}, {}, [&](uint64_t now, uint64_t all) {
    CHECK(all == 256 * 6);
    done.push_back(now);
  });
  CHECK(done == std::vector<uint64_t>{256, 768, 1536});
  std::vector<std::byte> expected(768);
  fill_dummy(expected, f32);
  for (const auto& one : memory) CHECK(std::equal(one.begin(), one.end(), expected.begin()));
  REQUIRE_THROWS_WITH(load_dummy(targets, {STRATA_FLOAT, 64, 1}, {}, {}, {}),
                      Catch::Contains("weights of 64 bits"));
}
