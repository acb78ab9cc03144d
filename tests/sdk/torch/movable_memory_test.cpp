#include "torch/movable_memory.hpp"

#include <ATen/ops/full.h>

#include <catch2/catch.hpp>
#include <limits>

#include "torch/pch.hpp"

namespace strata::torch {

namespace {

const std::byte* bytes(const std::vector<float>& memory) {
  return reinterpret_cast<const std::byte*>(memory.data());
}

}  // namespace

TEST_CASE("tensors follow the memory that they stand on", "[torch][memory]") {
  std::vector<float> first(128), second(128);
  for (std::size_t i = 0; i < first.size(); ++i) {
    first[i] = static_cast<float>(i);
    second[i] = -static_cast<float>(i);
  }
  MovableMemory memory(512, at::kCPU);
  const auto whole = memory.tensor(256, {2, 3}, at::kFloat);
  const auto row = whole.narrow(0, 1, 1);
  memory.put(bytes(first));
  CHECK(row.equal(at::tensor({67.0F, 68.0F, 69.0F}).view({1, 3})));
  memory.put(bytes(second));
  CHECK(row.equal(at::tensor({-67.0F, -68.0F, -69.0F}).view({1, 3})));
  memory.put(nullptr);
  CHECK(whole.sizes() == at::IntArrayRef({2, 3}));
  CHECK_THROWS_AS(memory.tensor(500, {8}, at::kFloat), c10::Error);
}

TEST_CASE("a backward has the weights where they are then", "[torch][memory]") {
  const c10::AutoGradMode recorded(true);
  constexpr auto nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> before(64, 3), after(64, 3);
  MovableMemory memory(256, at::kCPU);
  const auto weight = memory.tensor(0, {4, 16}, at::kFloat).requires_grad_(true);
  const auto x = at::ones({2, 16}).requires_grad_(true);
  memory.put(bytes(before));
  const auto y = at::linear(x, weight).mul(weight.narrow(0, 0, 2).narrow(1, 0, 4));
  memory.put(nullptr);
  before.assign(64, nan);
  memory.put(bytes(after));
  y.sum().backward();
  // Each of 4 products has the factor 3 and its own weight of 3.
  CHECK(x.grad().equal(at::full({2, 16}, 4 * 3.0F * 3)));
  CHECK(weight.grad().isfinite().all().item<bool>());
}

}  // namespace strata::torch
