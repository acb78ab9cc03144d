#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>

#include <array>
#include <catch2/catch.hpp>

#include "core/ops/list.hpp"
#include "torch/compute/torch_ops.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

namespace {

// The ops of a unit without weights, over tensors of three tokens.
struct Opened {
  plugin::Handle concat(at::Tensor a, at::Tensor b) {
    TorchTensor one(std::move(a)), other(std::move(b));
    strata_tensor* const both[] = {&one, &other};
    plugin::Handle made;
    plugin::run(ops, ops::rows::concat, {&made, 1}, both, 2);
    return made;
  }

  run::ComputeOptions options;
  Shared shared{options};
  zero::Unit unit;
  UnitWeights weights{unit, nullptr, at::kCPU, false};
  plugin::Call call{};
  TorchOps ops{shared, weights, 0, nullptr, 3, at::kCPU, call};
};

}  // namespace

TEST_CASE("parts of a tensor lie in it, and put together are it again", "[torch][split]") {
  Opened opened;
  TorchTensor x(at::randn({3, 4, 10}, at::kFloat));
  const uint32_t widths[] = {7, 3};
  std::array<plugin::Handle, 2> parts;
  plugin::run(opened.ops, ops::rows::split, parts, widths, 2, &x);
  const auto &first = value_of(*parts[0].get()), &second = value_of(*parts[1].get());
  REQUIRE(first.equal(x.value.narrow(2, 0, 7)));
  REQUIRE(second.equal(x.value.narrow(2, 7, 3)));
  REQUIRE(second.is_alias_of(x.value));
  const auto made = opened.concat(first, second);
  REQUIRE(value_of(*made.get()).equal(x.value));
}

TEST_CASE("what one head has is put to each of several", "[torch][split]") {
  Opened opened;
  const auto several = at::randn({3, 4, 5}, at::kFloat), one = at::randn({3, 1, 2}, at::kFloat);
  const auto made = opened.concat(several, one), turned = opened.concat(one, several);
  for (int64_t h = 0; h < 4; ++h) {
    const auto of_head = several.select(1, h), shared = one.select(1, 0);
    REQUIRE(value_of(*made.get()).select(1, h).equal(at::cat({of_head, shared}, 1)));
    REQUIRE(value_of(*turned.get()).select(1, h).equal(at::cat({shared, of_head}, 1)));
  }
}

TEST_CASE("the gradient of what was repeated is the sum of its uses", "[torch][split]") {
  const at::AutoGradMode recording(true);
  const auto several = at::randn({3, 4, 5}, at::kDouble).requires_grad_(),
             one = at::randn({3, 1, 2}, at::kDouble).requires_grad_();
  const auto by = at::randn({3, 4, 7}, at::kDouble);
  Opened opened;
  opened.shared.dtype = at::kDouble;
  const auto made = opened.concat(several, one);
  value_of(*made.get()).mul(by).sum().backward();
  REQUIRE(several.grad().equal(by.narrow(2, 0, 5)));
  REQUIRE(one.grad().allclose(by.narrow(2, 5, 2).sum(1, true)));
}

}  // namespace strata::torch
