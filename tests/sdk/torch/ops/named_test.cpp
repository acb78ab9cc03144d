#include "torch/ops/named.hpp"

#include <ATen/ops/randn.h>

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "torch/pch.hpp"
#include "torch/tensor.hpp"

namespace strata::torch {

TEST_CASE("an unknown name is refused with the names that exist", "[torch][named]") {
  Pass pass({});
  REQUIRE_THROWS_WITH(call_named("conv", {}, pass, {}),
                      Catch::Contains("'conv'") && Catch::Contains("softmax") &&
                          Catch::Contains("scaled_dot_product_attention"));
}

TEST_CASE("a wrong number of tensors and a missing one are refused", "[torch][named]") {
  Pass pass({});
  TorchTensor x(at::randn({3, 2, 4}, at::kFloat));
  strata_tensor* one[] = {&x};
  REQUIRE_THROWS_WITH(call_named("pad", {}, pass, one), Catch::Contains("takes 2"));
  strata_tensor* absent[] = {&x, nullptr};
  REQUIRE_THROWS_WITH(call_named("pad", {}, pass, absent), Catch::Contains("argument 1"));
}

TEST_CASE("attributes are read once and unknown ones refused", "[torch][named]") {
  AttributeCache cache;
  const auto& read = cache.of(R"({"causal":true,"window":7,"scale":0.125})");
  REQUIRE(read.causal);
  REQUIRE(read.window == 7);
  REQUIRE(read.scale == 0.125);
  REQUIRE(&cache.of(R"({"causal":true,"window":7,"scale":0.125})") == &read);
  REQUIRE_THROWS_WITH(cache.of(R"({"windows":7})"), Catch::Contains("windows"));
  REQUIRE_THROWS_WITH(cache.of("{"), Catch::Contains("JSON"));
  REQUIRE_THROWS_AS(cache.of(R"({"window":-1})"), Error);
}

}  // namespace strata::torch
