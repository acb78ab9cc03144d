#include "torch/counting_allocator.hpp"

#include <catch2/catch.hpp>

#include "torch/pch.hpp"

namespace strata::torch {

TEST_CASE("tensors are counted while they live, and at their most", "[torch][memory]") {
  count_allocations();
  held_bytes();
  const auto before = held_bytes().now;
  {
    const auto kept = at::empty({1000}, at::kDouble);
    { const auto passing = at::empty({5000}, at::kDouble); }
    const auto held = held_bytes();
    REQUIRE(held.now == before + 8000);
    REQUIRE(held.peak == before + 48000);
    REQUIRE(held_bytes().peak == before + 8000);
  }
  REQUIRE(held_bytes().now == before);
}

}  // namespace strata::torch
