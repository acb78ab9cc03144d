#include "torch/train/pair_loss.hpp"

#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/randn.h>

#include <catch2/catch.hpp>

#include "tests/sdk/torch/close.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

const std::vector<train::ComparedPair> pairs{
    {.chosen = 2, .rejected = 8, .count = 3, .chosen_end = 3, .rejected_end = 10},
    {.chosen = 12, .rejected = 15, .count = 1, .chosen_end = 12, .rejected_end = 14}};

}  // namespace

TEST_CASE("the tokens of pairs are those that are compared, and those that judge",
          "[torch][train]") {
  const auto tokens = tokens_of(pairs);
  CHECK(tokens.rows == std::vector<int64_t>{2, 3, 4, 12, 8, 9, 10, 15, 3, 12, 10, 14});
  CHECK(tokens.weights == std::vector<double>{1.0 / 3, 1.0 / 3, 1.0 / 3, 1});
  CHECK(tokens.pairs == 2);
  CHECK(tokens_of({}).pairs == 0);
}

TEST_CASE("the pairs' loss and its gradient are those of autograd", "[torch][train]") {
  const auto type = GENERATE(at::kFloat, at::kDouble);
  const auto tokens = tokens_of(pairs);
  const auto values = at::randn({16}, at::TensorOptions().dtype(type)).mul(4);
  const auto rewards = values.index_select(0, at::tensor(tokens.rows, at::kLong));
  const auto made = pair_loss(rewards, tokens);

  const c10::AutoGradMode recorded(true);
  auto leaf = values.detach().clone().requires_grad_(true);
  at::Tensor sum;
  int64_t right = 0;
  for (const auto& pair : pairs) {
    const auto above =
        leaf.narrow(0, pair.chosen, pair.count).sub(leaf.narrow(0, pair.rejected, pair.count));
    const auto loss = at::log_sigmoid(above).mean().neg();
    sum = sum.defined() ? sum.add(loss) : loss;
    right += values[pair.chosen_end].item<double>() > values[pair.rejected_end].item<double>();
  }
  sum.backward();
  const c10::NoGradGuard unrecorded;
  const double near = type == at::kFloat ? 1e-6 : 1e-14;
  CHECK(made.sum.scalar_type() == at::kDouble);
  CHECK(test::apart(made.sum, sum.detach()) < near);
  const auto compared = at::tensor(tokens.rows, at::kLong).narrow(0, 0, 2 * tokens.compared());
  CHECK(test::apart(made.gradient, leaf.grad().index_select(0, compared)) < near);
  CHECK(made.right.item<int64_t>() == right);
}

}  // namespace strata::torch
