#include "torch/unit_weights.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

zero::Weight weight(const char* name, std::vector<int64_t> shape, uint32_t group, uint64_t offset) {
  zero::Weight w;
  w.name = name;
  w.shape = std::move(shape);
  w.group = group;
  w.run = source::dense_form({STRATA_FLOAT, 32, 1}, w.shape);
  w.run.at = offset;
  return w;
}

}  // namespace

TEST_CASE("members of a group are slices of one product's weight", "[torch][weights]") {
  std::vector<float> memory(512);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<float>(i);
  zero::Unit unit;
  unit.name = "layers.0";
  unit.weights = {weight("norm", {4}, 0, 0), weight("q", {6, 4}, 1, 256),
                  weight("k", {2, 4}, 1, 256 + 96), weight("o", {4, 6}, 0, 512),
                  weight("table", {9, 4}, 0, zero::not_held)};
  const UnitWeights made(unit, reinterpret_cast<const std::byte*>(memory.data()), at::kCPU, false);
  const auto both = made.packed(1, 2);
  REQUIRE(both.has_value());
  REQUIRE(both->sizes() == at::IntArrayRef({8, 4}));
  REQUIRE(both->narrow(0, 6, 2).equal(made.at(2)));
  REQUIRE(made.at(2)[0][0].item<float>() == 64 + 24);
  REQUIRE(made.at(3)[0][0].item<float>() == 128);
  REQUIRE_FALSE(made.packed(2, 2).has_value());
  REQUIRE_THROWS_WITH(made.at(4), Catch::Contains("'table'"));
  REQUIRE_THROWS_AS(made.at(5), Error);
}

TEST_CASE("members of one scheme are one weight in their codec's form", "[torch][weights]") {
  std::vector<uint8_t> memory(1024);
  for (std::size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<uint8_t>(i % 251);
  const auto blocks = [](const char* name, int64_t rows, uint64_t offset) {
    auto w = weight(name, {rows, 32}, 1, offset);
    w.run = source::packed_form("Q8_0", {source::block_part("blocks", w.shape, 32, 34, {})});
    w.run.at = offset;
    return w;
  };
  zero::Unit unit;
  unit.name = "layers.0";
  unit.weights = {blocks("q", 6, 0), blocks("k", 2, 6 * 34), weight("v", {2, 32}, 1, 512)};
  const UnitWeights made(unit, reinterpret_cast<const std::byte*>(memory.data()), at::kCPU, false);
  const auto* both = made.coded(0, 2);
  REQUIRE(both);
  CHECK(both->rows() == 8);
  CHECK(both->columns == 32);
  REQUIRE(made.coded(1));
  CHECK(made.coded(1)->parts[0].equal(both->parts[0].narrow(0, 6, 2)));
  CHECK(made.coded(1)->parts[0][0][0].item<int>() == 6 * 34);
  CHECK(made.coded(1)->name == "k");
  CHECK(made.rows(1) == 2);
  CHECK(made.rows(2) == 2);
  CHECK_FALSE(made.coded(2));
  CHECK_FALSE(made.coded(0, 3));
  CHECK_FALSE(made.packed(0, 3).has_value());
  CHECK(made.at(2).size(1) == 32);
  CHECK_THROWS_WITH(made.at(0), Catch::Contains("'q'") && Catch::Contains("codec"));
}

}  // namespace strata::torch
