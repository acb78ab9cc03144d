#include <catch2/catch.hpp>

#include "tests/sdk/torch/close.hpp"
#include "tests/sdk/torch/train/drops.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

using test::row_of, test::settings, test::SmallFamily, test::some_rows;

const char* const with_dropout = R"(, "dropout": 0.3, "attention_dropout": 0.4)";

}  // namespace

TEST_CASE("dropout depends neither on packing nor on accumulation nor on threads",
          "[torch][train][dropout]") {
  const SmallFamily family(with_dropout);
  auto taught = family.taught({.attention = GENERATE(as<std::string>(), "eager", "sdpa")});
  const auto all = some_rows({6, 3, 8});
  const auto packed_loss = taught.step({all}, settings());
  const auto packed = taught.gradients();
  const auto threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  const auto loss = taught.step({row_of(all, 2), row_of(all, 0), row_of(all, 1)}, settings());
  at::set_num_threads(threads);
  CHECK(loss.tokens == Approx(packed_loss.tokens).epsilon(1e-13));
  for (const auto& [name, gradient] : taught.gradients()) {
    CAPTURE(name);
    CHECK(test::apart(packed.at(name), gradient) < 1e-12);
  }
}

TEST_CASE("both attention backends drop the same", "[torch][train][dropout]") {
  const SmallFamily family(with_dropout);
  auto eager = family.taught({.attention = "eager"}), sdpa = family.taught({.attention = "sdpa"});
  for (const auto& [name, value] : eager.weights()) sdpa.set(name, value);
  const auto rows = some_rows({6, 3, 8});
  const auto loss = eager.step({rows}, settings());
  CHECK(sdpa.step({rows}, settings()).tokens == Approx(loss.tokens).epsilon(1e-13));
  CHECK(test::apart(sdpa.gradients().at("a.q.weight"), eager.gradients().at("a.q.weight")) < 1e-12);
}

TEST_CASE("seed, step and row each change what is dropped, and validation drops nothing",
          "[torch][train][dropout]") {
  const SmallFamily family(with_dropout), plain;
  auto taught = family.taught(), dry = plain.taught();
  test::check_drops(taught, dry);
}

TEST_CASE("a unit that is run again drops what its run dropped", "[torch][train][dropout]") {
  const SmallFamily family(with_dropout);
  auto taught = family.taught({.attention = GENERATE(as<std::string>(), "eager", "sdpa")});
  const auto rows = some_rows({6, 8});
  taught.step({rows}, settings());
  // The loss's slope along a direction, by differences and by the gradient.
  for (const auto& name : {"embed.weight", "a.o.weight", "a.v.bias"}) {
    CAPTURE(name);
    const auto value = taught.weights().at(name), gradient = taught.gradients().at(name);
    constexpr double step = 1e-6;
    const auto loss_at = [&](double by) {
      taught.set(name, value.add(gradient.sign().mul(by)));
      return taught.score(rows, settings()).tokens;
    };
    const auto slope = (loss_at(step) - loss_at(-step)) / (2 * step);
    taught.set(name, value);
    CHECK(slope == Approx(gradient.abs().sum().item<double>()).epsilon(1e-6));
  }
}

}  // namespace strata::torch
