#include <catch2/catch.hpp>

#include "tests/sdk/torch/close.hpp"
#include "tests/sdk/torch/reference.hpp"
#include "tests/sdk/torch/tiny_model.hpp"
#include "tests/sdk/torch/train/taught.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

TEST_CASE("loss and gradients of llama are those of transformers", "[torch][train]") {
  const auto attention = GENERATE(as<std::string>(), "eager", "sdpa");
  constexpr strata_dtype real64{STRATA_FLOAT, 64, 1};
  const test::TinyModel model(attention, real64, 0);
  test::Taught taught(model.family(), model.host(), {.attention = attention});
  const auto& reference = test::reference().at("llama");
  const auto tensor = [&](const std::string& name, const char* what) {
    const auto& data = reference.at("weights").at(name);
    return at::tensor(data.at(what).get<std::vector<double>>(), at::kDouble)
        .view(data.at("shape").get<std::vector<int64_t>>());
  };
  for (const auto& [name, data] : reference.at("weights").items())
    taught.set(name, tensor(name, "data"));

  const auto ids = reference.at("prompts").at(0).get<std::vector<int32_t>>();
  std::vector<int64_t> targets(ids.begin() + 1, ids.end());
  targets.push_back(-100);
  train::StepSettings settings;
  settings.scale = 1 / static_cast<double>(ids.size() - 1);
  const auto loss =
      taught.step({{{ids}, {0}, {targets}, {std::vector<float>(ids.size(), 1)}}}, settings);
  CHECK(loss.tokens == Approx(reference.at("loss").get<double>()).epsilon(1e-6));
  REQUIRE(taught.gradients().size() == reference.at("weights").size());
  for (const auto& [name, made] : taught.gradients()) {
    CAPTURE(name);
    // transformers normalises and turns in float32.
    CHECK(test::apart(made, tensor(name, "gradient")) < 1e-5);
  }
}

}  // namespace strata::torch
