#include "torch/ops/coded_linear.hpp"

#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/sdk/torch/close.hpp"
#include "tests/sdk/torch/ops/rows_codec.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

using test::dense_of;

// A weight of random bytes, its codec, and the calls that need them.
struct Made {
  Made(int64_t rows, int64_t columns)
      : codec(test::rows_table(), "rows", reinterpret_cast<const strata_host*>(&state), "rows"),
        find([this](const std::string&) -> const plugin::Codec& { return codec; }) {
    weight = {"weight",
              "rows",
              columns,
              {at::randint(0, 255, {rows, columns}, at::kByte), at::randn({rows, 1}, at::kFloat)}};
  }
  at::Tensor product(const at::Tensor& x, const at::Tensor& bias = {}, bool fast = false) {
    return coded_linear(x, weight, bias, {&find, &call, fast});
  }
  at::Tensor expected(const at::Tensor& x, const at::Tensor& bias) const {
    const auto y = at::matmul(x.to(at::kDouble), dense_of(weight.parts[0], weight.parts[1]).t());
    return bias.defined() ? y.add(bias) : y;
  }

  test::Rows state;
  plugin::Codec codec;
  run::FindCodec find;
  strata_call call{};
  CodedWeight weight;
};

}  // namespace

TEST_CASE("a plugin multiplies a weight as it lies where it can, else tiles are unpacked",
          "[torch][coded]") {
  const c10::InferenceMode unrecorded;
  const auto tokens = GENERATE(1, 4, 5, 70);
  const bool biased = GENERATE(false, true);
  Made made(37, 24);
  const auto x = at::randn({tokens, 24}, at::kFloat);
  const auto bias = biased ? at::randn({37}, at::kFloat) : at::Tensor();
  CHECK(test::apart(made.product(x, bias), made.expected(x, bias)) < 1e-5);
  CHECK(made.state.products == (tokens <= made.state.most ? 1 : 0));
  CHECK((made.state.unpacked > 0) == (tokens > made.state.most));
}

TEST_CASE("a weight of more than one tile is unpacked tile by tile", "[torch][coded]") {
  const c10::InferenceMode unrecorded;
  Made made(9, 1 << 20);  // four rows are a tile
  made.state.most = 0;
  const auto x = at::randn({2, 1 << 20}, at::kFloat), bias = at::randn({9}, at::kFloat);
  CHECK(test::apart(made.product(x, bias), made.expected(x, bias)) < 1e-4);
}

TEST_CASE("the rows of a coded weight are cut and chosen as those of a dense one",
          "[torch][coded]") {
  const c10::InferenceMode unrecorded;
  Made made(30, 16);
  const auto dense = dense_of(made.weight.parts[0], made.weight.parts[1]).to(at::kFloat);
  const CodecCall how{&made.find, &made.call};
  CHECK(unpacked(made.weight, at::kFloat, how).equal(dense));
  CHECK(unpacked(made.weight.narrow(7, 11), at::kFloat, how).equal(dense.narrow(0, 7, 11)));
  const auto ids = at::tensor({29, 3, 3, 0}, at::kLong);
  CHECK(unpacked(made.weight.select(ids), at::kFloat, how).equal(dense.index_select(0, ids)));
}

TEST_CASE("a plugin is told whether x may be rounded, and its failure is its own",
          "[torch][coded]") {
  const c10::InferenceMode unrecorded;
  Made made(5, 8);
  const auto x = at::randn({1, 8}, at::kFloat);
  made.product(x);
  CHECK_FALSE(made.state.fast);
  made.product(x, {}, true);
  CHECK(made.state.fast);
  made.state.fails = true;
  CHECK_THROWS_WITH(made.product(x), Catch::Contains("quant/rows") && Catch::Contains("linear"));
}

}  // namespace strata::torch
