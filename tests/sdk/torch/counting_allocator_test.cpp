#include "torch/counting_allocator.hpp"

#include <c10/core/CPUAllocator.h>

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

TEST_CASE("freed memory is used again, within its limit and uncounted", "[torch][memory]") {
  count_allocations();
  const auto before = held_bytes().now;
  constexpr int64_t wide = 1 << 20;
  const auto make = [&] { return at::empty({wide}, at::kByte).data_ptr(); };
  keep_freed(before + wide);
  const auto* first = make();
  const auto kept = at::empty({wide}, at::kByte);
  REQUIRE(kept.data_ptr() == first);
  REQUIRE(held_bytes().now == before + wide);
  make();  // beyond the limit: given back at once
  REQUIRE(held_bytes().now == before + wide);
  keep_freed(0);
}

TEST_CASE("memory is freed by its pointer alone", "[torch][memory]") {
  count_allocations();
  const auto before = held_bytes().now;
  auto* allocator = c10::GetCPUAllocator();
  auto* memory = allocator->raw_allocate(1000);
  REQUIRE(held_bytes().now == before + 1000);
  allocator->raw_deallocate(memory);
  REQUIRE(held_bytes().now == before);
}

}  // namespace strata::torch
