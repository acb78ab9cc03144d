#include "torch/gradients.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "core/error.hpp"
#include "tests/sdk/torch/close.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

// A bias of 5, a group of two matrices [3,4] and [2,4], a table [6,4], a vector of 7.
train::Flat flat() {
  train::Flat made;
  made.pieces = {{0, 0, 5, false},
                 {1, 64, 12, true},
                 {2, 76, 8, true},
                 {3, 128, 24, true},
                 {5, 192, 7, false}};
  made.elements = made.rows = 256;
  made.row_width = 4;
  return made;
}

struct Filled {
  explicit Filled(at::ScalarType type)
      : memory(at::full({256 + 12}, NAN, at::TensorOptions().dtype(type))),
        gradients(places, static_cast<std::byte*>(memory.data_ptr()), type, at::kCPU) {}
  at::Tensor at(int64_t first, at::IntArrayRef shape) const {
    return memory.narrow(0, first, c10::multiply_integers(shape)).view(shape);
  }
  train::Flat places = flat();
  at::Tensor memory;
  Gradients gradients;
};

at::Tensor random(at::IntArrayRef shape, at::ScalarType type) {
  return at::randn(shape, at::kDouble).to(type);
}

}  // namespace

TEST_CASE("products, sums and gradients add up in their places", "[torch][gradients]") {
  const auto type = GENERATE(at::kFloat, at::kBFloat16, at::kDouble);
  const auto reduce = GENERATE(at::kFloat, at::kBFloat16, at::kDouble);
  Filled filled(reduce);
  auto expected = at::zeros({5, 4}, at::kDouble), bias = at::zeros({5}, at::kDouble);
  for (int i = 0; i < 2; ++i) {
    const auto dy = random({9, 5}, type), x = random({9, 4}, type);
    filled.gradients.add_product(1, 2, dy, x);
    filled.gradients.add_sum(0, 1, dy);
    expected.add_(at::matmul(dy.to(at::kDouble).t(), x.to(at::kDouble)));
    bias.add_(dy.to(at::kDouble).sum(0));
  }
  filled.gradients.finish();
  const bool narrow = reduce == at::kBFloat16;
  const double bound = narrow ? 2e-2 : type == at::kDouble && reduce == at::kDouble ? 1e-14 : 1e-6;
  CHECK(test::apart(filled.at(64, {5, 4}), expected) < bound);
  CHECK(test::apart(filled.at(0, {5}), bias) < bound);
  CHECK(filled.memory.narrow(0, 0, 256).isnan().any().item<bool>() == false);
  CHECK(filled.at(128, {24}).abs().max().item<double>() == 0);
  CHECK(filled.at(5, {59}).abs().max().item<double>() == 0);
}

TEST_CASE("a member that is used apart from its group is added to it", "[torch][gradients]") {
  Filled filled(at::kDouble);
  const auto one = random({2, 4}, at::kDouble), both = random({5, 4}, at::kDouble);
  filled.gradients.add(2, 1, one);
  filled.gradients.add(1, 2, both);
  auto expected = both.clone();
  expected.narrow(0, 3, 2).add_(one);
  CHECK(filled.at(64, {5, 4}).equal(expected));
}

TEST_CASE("rows of a table go to the table, or to their own place", "[torch][gradients]") {
  Filled filled(at::kDouble);
  const auto ids = at::tensor(std::vector<int32_t>{5, 0, 5}, at::kInt);
  const auto rows = random({3, 4}, at::kDouble);
  filled.gradients.add_rows(3, ids, rows);
  filled.gradients.add_rows(4, ids, rows);
  auto table = at::zeros({6, 4}, at::kDouble);
  table[0].copy_(rows[1]);
  table[5].copy_(rows[0].add(rows[2]));
  CHECK(filled.at(128, {6, 4}).equal(table));
  CHECK(filled.at(256, {3, 4}).equal(rows));
}

TEST_CASE("a weight without a place is refused", "[torch][gradients]") {
  Filled filled(at::kDouble);
  REQUIRE_THROWS_AS(filled.gradients.add(4, 1, random({3}, at::kDouble)), Error);
  REQUIRE_THROWS_AS(filled.gradients.add(3, 2, random({31}, at::kDouble)), Error);
}

}  // namespace strata::torch
