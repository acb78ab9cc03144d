#include "torch/draws.hpp"

#include <ATen/ops/randint.h>

#include <catch2/catch.hpp>

#include "torch/pch.hpp"

namespace strata::torch {

namespace {

Draws draws_of(uint64_t seed, int64_t tokens) {
  std::vector<uint64_t> rows(static_cast<std::size_t>(tokens), 5);
  std::vector<int64_t> positions;
  for (int64_t t = 0; t < tokens; ++t) positions.push_back(t);
  Draws draws;
  draws.begin(seed, 2, rows, positions);
  return draws;
}

double share(const at::Tensor& kept) { return kept.to(at::kDouble).mean().item<double>(); }

}  // namespace

TEST_CASE("the loop and LibTorch's ops keep the same", "[torch][draws]") {
  std::vector<int64_t> keys{0, -1, 1, INT64_MIN, INT64_MAX};
  const auto more = at::randint(INT64_MIN, INT64_MAX, {60}, at::kLong);
  for (int64_t i = 0; i < 60; ++i) keys.push_back(more[i].item<int64_t>());
  const auto columns = at::arange(700, at::kLong);
  for (const auto p : {0.0, 0.1, 0.5, 0.999})
    CHECK(kept_by_loop(keys, 700, p)
              .equal(kept_by_ops(at::tensor(keys, at::kLong).unsqueeze(1), columns, p)));
}

TEST_CASE("as many are kept as the probability says", "[torch][draws]") {
  const auto draws = draws_of(1, 400);
  for (const auto p : {0.1, 0.5, 0.9}) {
    const auto kept = draws.kept({3, 0}, p, 500, at::kCPU);
    // Five standard deviations of 200000 draws are less than 0.006.
    CHECK(share(kept) == Approx(1 - p).margin(0.006));
    CHECK(share(kept.narrow(1, 0, 1)) == Approx(1 - p).margin(0.13));
    const auto pairs = draws.kept_pairs({3, 0}, p, {100, 200, 10, 100}, at::kCPU);
    CHECK(share(pairs) == Approx(1 - p).margin(0.006));
  }
  CHECK(share(draws.kept({3, 0}, 0, 10, at::kCPU)) == 1);
}

TEST_CASE("draws of another unit, op, token or column are independent", "[torch][draws]") {
  const auto draws = draws_of(1, 400);
  const auto kept = draws.kept({3, 0}, 0.5, 500, at::kCPU);
  const auto alike = [&](const at::Tensor& other) { return share(kept.eq(other)); };
  CHECK(alike(draws.kept({4, 0}, 0.5, 500, at::kCPU)) == Approx(0.5).margin(0.006));
  CHECK(alike(draws.kept({3, 1}, 0.5, 500, at::kCPU)) == Approx(0.5).margin(0.006));
  CHECK(alike(draws_of(2, 400).kept({3, 0}, 0.5, 500, at::kCPU)) == Approx(0.5).margin(0.006));
  CHECK(alike(kept.roll({1}, {0})) == Approx(0.5).margin(0.006));
  CHECK(alike(kept.roll({1}, {1})) == Approx(0.5).margin(0.006));
}

TEST_CASE("pairs do not depend on the number of keys, chosen tokens on their neighbors",
          "[torch][draws]") {
  auto draws = draws_of(1, 30);
  const auto few = draws.kept_pairs({3, 0}, 0.5, {10, 5, 2, 7}, at::kCPU),
             many = draws.kept_pairs({3, 0}, 0.5, {10, 5, 2, 9}, at::kCPU);
  CHECK(few.equal(many.narrow(2, 0, 7)));
  const auto all = draws.kept({3, 0}, 0.5, 40, at::kCPU);
  draws.choose(std::vector<int64_t>{4, 17});
  const auto two = draws.kept({3, 0}, 0.5, 40, at::kCPU);
  CHECK(two[0].equal(all[4]));
  CHECK(two[1].equal(all[17]));
  draws.all();
  CHECK(draws.kept({3, 0}, 0.5, 40, at::kCPU).equal(all));
}

TEST_CASE("what is kept is divided by its probability", "[torch][draws]") {
  const auto x = at::ones({4, 8}, at::kBFloat16);
  const auto kept = draws_of(1, 4).kept({0, 0}, 0.9, 8, at::kCPU);
  const auto y = dropped(x, kept, 0.9);
  CHECK(y.scalar_type() == at::kBFloat16);
  CHECK(y.equal(kept.to(at::kFloat).mul(10).to(at::kBFloat16)));
}

}  // namespace strata::torch
