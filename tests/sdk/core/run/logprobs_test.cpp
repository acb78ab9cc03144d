#include "core/run/logprobs.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

using namespace strata::run;

TEST_CASE("log probabilities are those of the softmax", "[run][logprobs]") {
  // The weights 1, 2, 4 and 1 sum to 8.
  const std::vector<float> logits{0, std::log(2.0F), std::log(4.0F), 0};
  const auto out = logprobs(logits, 3, 4);
  CHECK(out.logprob == Approx(std::log(1.0 / 8)));
  REQUIRE(out.top.size() == 4);
  const std::vector<int32_t> ids{2, 1, 0, 3};  // the first of equal ones first
  const std::vector<double> of{4, 2, 1, 1};
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CHECK(out.top[i].id == ids[i]);
    CHECK(out.top[i].logprob == Approx(std::log(of[i] / 8)));
  }
}

TEST_CASE("as many likeliest tokens are named as asked for, and never more than there are",
          "[run][logprobs]") {
  const std::vector<float> logits{3, 1, 2};
  const auto count = GENERATE(as<std::size_t>(), 0, 1, 2, 3, 9);
  const auto out = logprobs(logits, 1, count);
  REQUIRE(out.top.size() == std::min<std::size_t>(count, 3));
  if (count > 0) CHECK(out.top[0].id == 0);
  if (count > 1) CHECK(out.top[1].id == 2);
}

TEST_CASE("logits of any size give finite log probabilities", "[run][logprobs]") {
  const auto base = GENERATE(-3e38F, -1000.0F, 1000.0F, 3e38F);
  const auto out = logprobs(std::vector<float>{base, base}, 0, 1);
  CHECK(out.logprob == Approx(std::log(0.5)));
  CHECK(out.top[0].logprob == out.logprob);
}
