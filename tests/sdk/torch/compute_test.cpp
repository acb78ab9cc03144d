#include "torch/compute/compute.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "tests/sdk/torch/close.hpp"
#include "tests/sdk/torch/reference.hpp"
#include "tests/sdk/torch/tiny_model.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

constexpr strata_dtype real32{STRATA_FLOAT, 32, 1}, real64{STRATA_FLOAT, 64, 1};

std::vector<std::vector<int32_t>> prompts() { return test::reference().at("llama").at("prompts"); }

run::Sequence sequence(uint32_t slot, int64_t first, std::size_t count) {
  const auto n = static_cast<uint32_t>(count);
  return {slot, first, n, first + n};
}

at::Tensor rows(const std::vector<float>& logits) {
  return at::tensor(logits, at::kFloat).view({-1, 61});
}

at::Tensor expected(std::size_t prompt) {
  const auto& all = test::reference().at("llama").at("logits").at(prompt);
  return at::tensor(all.get<std::vector<double>>(), at::kDouble).view({-1, 61});
}

}  // namespace

TEST_CASE("a ragged batch has the logits that transformers has for each prompt",
          "[torch][compute]") {
  const auto attention = GENERATE(as<std::string>(), "eager", "sdpa");
  const auto tile = GENERATE(uint64_t{0}, uint64_t{4096});
  test::TinyModel model(attention, real32, tile);
  const auto all = prompts();
  const auto made =
      rows(model.pass(all, {sequence(2, 0, all[0].size()), sequence(0, 0, all[1].size()),
                            sequence(1, 0, all[2].size())}));
  int64_t first = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto n = static_cast<int64_t>(all[i].size());
    CHECK(test::apart(made.narrow(0, first, n), expected(i)) < 2e-4);
    first += n;
  }
}

TEST_CASE("a prompt in parts, then token by token, is the prompt at once", "[torch][compute]") {
  const auto attention = GENERATE(as<std::string>(), "eager", "sdpa");
  test::TinyModel model(attention, real32, 0);
  const auto ids = prompts()[0];
  const auto part = [&](std::size_t from, std::size_t to) {
    const std::vector<int32_t> some(ids.begin() + static_cast<std::ptrdiff_t>(from),
                                    ids.begin() + static_cast<std::ptrdiff_t>(to));
    const auto made =
        rows(model.pass({some}, {sequence(3, static_cast<int64_t>(from), to - from)}));
    return test::apart(
        made, expected(0).narrow(0, static_cast<int64_t>(from), static_cast<int64_t>(to - from)));
  };
  CHECK(part(0, 4) < 2e-4);
  CHECK(part(4, 7) < 2e-4);
  CHECK(part(7, 8) < 2e-4);
  CHECK(part(8, 9) < 2e-4);
}

TEST_CASE("a sequence in a batch is what it is alone", "[torch][compute]") {
  test::TinyModel model("sdpa", real64, 0);
  const auto all = prompts();
  const auto batch = rows(
      model.pass({all[0], all[2]}, {sequence(0, 0, all[0].size()), sequence(1, 0, all[2].size())}));
  const auto alone = rows(model.pass({all[2]}, {sequence(2, 0, all[2].size())}));
  const auto n = static_cast<int64_t>(all[2].size());
  REQUIRE(test::apart(batch.narrow(0, batch.size(0) - n, n), alone) < 1e-7);
}

TEST_CASE("a batch that does not fit the cache is refused", "[torch][compute]") {
  test::TinyModel model("eager", real32, 0);
  const std::vector<int32_t> ids(33, 1);
  REQUIRE_THROWS_WITH(model.pass({ids}, {sequence(0, 0, 33)}), Catch::Contains("33 tokens"));
  REQUIRE_THROWS_AS(model.pass({{1}}, {sequence(4, 0, 1)}), Error);
  REQUIRE_THROWS_AS(model.pass({{1, 2}}, {sequence(0, 0, 1)}), Error);
}

TEST_CASE("an id beyond the vocabulary is an error with the unit's name", "[torch][compute]") {
  test::TinyModel model("eager", real32, 0);
  REQUIRE_THROWS_AS(model.pass({{61}}, {sequence(0, 0, 1)}), Error);
}

}  // namespace strata::torch
