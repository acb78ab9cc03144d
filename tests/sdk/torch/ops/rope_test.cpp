#include "torch/ops/rope.hpp"

#include <ATen/ops/randn.h>

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/sdk/torch/close.hpp"
#include "tests/sdk/torch/reference.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

// An op as the host makes it from rope_parameters.
struct Op {
  explicit Op(const nlohmann::json& c) {
    const auto& p = c.at("parameters");
    type = p.at("rope_type");
    short_factors = p.value("short_factor", std::vector<double>());
    long_factors = p.value("long_factor", std::vector<double>());
    value.type = {type.data(), type.size()};
    value.max_positions = c.at("max_positions");
    value.original_positions = p.value("original_max_position_embeddings", 0u);
    value.theta = p.at("rope_theta");
    value.factor = p.value("factor", 1.0);
    value.attention_factor = c.at("attention_factor");
    value.low_freq_factor = p.value("low_freq_factor", 0.0);
    value.high_freq_factor = p.value("high_freq_factor", 0.0);
    value.beta_fast = p.value("beta_fast", 32.0);
    value.beta_slow = p.value("beta_slow", 1.0);
    value.truncate = p.value("truncate", true);
    value.factors = static_cast<uint32_t>(short_factors.size());
    if (value.factors) {
      value.short_factors = short_factors.data();
      value.long_factors = long_factors.data();
    }
  }
  std::string type;
  std::vector<double> short_factors, long_factors;
  strata_op_rope value{};
};

at::Tensor list(const nlohmann::json& values) {
  return at::tensor(values.get<std::vector<double>>(), at::kDouble);
}

}  // namespace

TEST_CASE("every rope scaling turns as transformers does", "[torch][rope]") {
  const auto& all = test::reference().at("ropes");
  REQUIRE(all.size() == 9);
  for (const auto& c : all) {
    CAPTURE(c.at("name").get<std::string>());
    const Op op(c);
    const int64_t length = c.at("length"), dim = c.at("dim");
    const auto made =
        turn(op.value, dim, at::kFloat, at::arange(length, at::kLong), {{length, length}});
    REQUIRE(test::apart(made.cos.view({length, dim}), list(c.at("cos")).view({length, dim})) <
            1e-6);
    REQUIRE(test::apart(made.sin.view({length, dim}), list(c.at("sin")).view({length, dim})) <
            1e-6);
  }
}

TEST_CASE("a scaling by length sees each sequence of a batch alone", "[torch][rope]") {
  for (const auto& c : test::reference().at("ropes")) {
    if (c.at("name") != "dynamic beyond" && c.at("name") != "longrope beyond") continue;
    const Op op(c);
    const int64_t dim = c.at("dim"), length = c.at("length");
    const auto far = at::arange(length, at::kLong), near = at::arange(20, at::kLong);
    const auto both =
        turn(op.value, dim, at::kFloat, at::cat({far, near}), {{length, length}, {20, 20}});
    const auto alone = turn(op.value, dim, at::kFloat, near, {{20, 20}});
    REQUIRE(both.cos.narrow(0, length, 20).equal(alone.cos));
    REQUIRE_FALSE(both.cos.narrow(0, 0, 20).equal(alone.cos));
  }
}

TEST_CASE("heads are turned by halves or by neighbours, in part or whole", "[torch][rope]") {
  const Op op(test::reference().at("ropes").at(0));
  auto with = op.value;
  with.layout = GENERATE(0u + STRATA_ROPE_HALVES, 0u + STRATA_ROPE_INTERLEAVED);
  with.dim = GENERATE(0u, 8u);
  const int64_t e = 16, dim = with.dim ? with.dim : e, n = 7;
  const auto x = at::randn({n, 3, e}, at::kDouble);
  const auto positions = at::arange(n, at::kLong).add(5);
  const auto made = rope(x, turn(with, e, at::kDouble, positions, {{n, n}}));
  for (int64_t t = 0; t < n; ++t)
    for (int64_t i = 0; i < dim / 2; ++i) {
      const double angle =
          static_cast<double>(t + 5) *
          std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(dim));
      const bool halves = with.layout == STRATA_ROPE_HALVES;
      const auto a = halves ? i : 2 * i, b = halves ? i + dim / 2 : 2 * i + 1;
      const auto from = x[t][1], to = made[t][1];
      const auto p = from[a].item<double>(), q = from[b].item<double>();
      REQUIRE(to[a].item<double>() ==
              Approx(p * std::cos(angle) - q * std::sin(angle)).margin(1e-5));
      REQUIRE(to[b].item<double>() ==
              Approx(q * std::cos(angle) + p * std::sin(angle)).margin(1e-5));
    }
  REQUIRE(made.narrow(2, dim, e - dim).equal(x.narrow(2, dim, e - dim)));
}

TEST_CASE("an unknown scaling is refused by name", "[torch][rope]") {
  strata_op_rope op{};
  op.type = {STRATA_STR("ring")};
  REQUIRE_THROWS_WITH(rope_frequencies(op, 16, 0), Catch::Contains("'ring'"));
}

}  // namespace strata::torch
