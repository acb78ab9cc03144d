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

}  // namespace strata::torch
