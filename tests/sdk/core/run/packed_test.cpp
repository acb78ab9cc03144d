// Units in blocks: which of them a device gets as they are stored, and the tiles of products.
#include "core/run/packed.hpp"

#include <catch2/catch.hpp>

#include "tests/sdk/core/plugin/bare_codec.hpp"

using namespace strata;
using namespace strata::run;

namespace {

strata_quant table_with(int32_t (*unpacks)(strata_self*, strata_device)) {
  auto out = made::bare_codec();
  out.unpacks = unpacks;
  return out;
}

constexpr strata_device gpu{STRATA_CUDA, 0};

// A unit whose weight [4,8] has codes of 4 bits, and is float32 where ops use it.
zero::Unit packed_unit() {
  zero::Weight weight;
  weight.name = "weight";
  weight.role = STRATA_MATRIX;
  weight.shape = weight.source.shape = {4, 8};
  weight.source.stored = source::packed_form("mine", {{"codes", {STRATA_UINT, 8, 1}, {4, 4}}});
  weight.run = source::dense_form({STRATA_FLOAT, 32, 1}, {4, 8});
  zero::Unit out;
  out.kind = STRATA_UNIT_BODY;
  out.weights = {weight};
  out.stored_bytes = 16;
  out.run_bytes = 128;
  return out;
}

}  // namespace

TEST_CASE("a codec unpacks on the CPU, and elsewhere where it says so", "[run][packed]") {
  auto table = table_with(nullptr);
  const plugin::Codec silent(&table, "mine", nullptr, "mine");
  CHECK(silent.unpacks({STRATA_CPU, 0}));
  CHECK(silent.unpacks({STRATA_PINNED, 0}));
  CHECK_FALSE(silent.unpacks(gpu));
  auto saying = table_with(
      [](strata_self*, strata_device device) { return int32_t{device.type == STRATA_CUDA}; });
  const plugin::Codec there(&saying, "mine", nullptr, "mine");
  CHECK(there.unpacks(gpu));
  CHECK_FALSE(there.unpacks({7, 0}));
  // A plugin of an earlier build has a shorter table.
  saying.hdr.size = offsetof(strata_quant, unpacks);
  CHECK_FALSE(there.unpacks(gpu));
}

TEST_CASE("a device gets blocks as they are stored only where their plugin unpacks them there",
          "[run][packed]") {
  const auto unit = packed_unit();
  const bool unpacks = GENERATE(false, true);
  const auto table = unpacks ? table_with([](strata_self*, strata_device) { return int32_t{1}; })
                             : table_with(nullptr);
  const plugin::Codec codec(&table, "mine", nullptr, "mine");
  const FindCodec find = [&](const std::string& scheme) -> const plugin::Codec& {
    REQUIRE(scheme == "mine");
    return codec;
  };
  CHECK(stays_packed(unit, find, false));
  CHECK(stays_packed(unit, find, true) == unpacks);
  CHECK(stays_packed(unit, {}, true));
}

TEST_CASE("a tier holds repacked parts unless the device makes larger ones of less",
          "[run][packed]") {
  auto unit = packed_unit();
  unit.weights[0].run =
      source::packed_form("mine groups", {{"codes", {STRATA_UINT, 8, 1}, {4, 4}}});
  const bool there = GENERATE(false, true);
  const auto table = there ? table_with([](strata_self*, strata_device) { return int32_t{1}; })
                           : table_with(nullptr);
  const plugin::Codec codec(&table, "mine", nullptr, "mine");
  const FindCodec find = [&](const std::string&) -> const plugin::Codec& { return codec; };
  unit.run_bytes = 18;  // an eighth more
  CHECK_FALSE(stays_packed(unit, find, true));
  CHECK_FALSE(stays_packed(unit, find, false));
  unit.run_bytes = 19;
  CHECK(stays_packed(unit, find, true) == there);
  CHECK(stays_packed(unit, find, false));  // the CPU repacks everything
}

TEST_CASE("tiles of products have whole multiples of rows where they have many", "[run][packed]") {
  CHECK(tile_rows(5120, false) == 768);
  CHECK(tile_rows(5120, true) == 6528);
  CHECK(tile_rows(1 << 16, false) == 64);
  CHECK(tile_rows(1 << 23, false) == 1);
  CHECK(tile_rows(0, true) == 1 << 25);
}
