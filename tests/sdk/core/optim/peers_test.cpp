#include <catch2/catch.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/optim/adam.hpp"
#include "core/optim/cast.hpp"
#include "core/optim/gradient.hpp"
#include "core/optim/schedule.hpp"
#include "tests/sdk/core/source/made.hpp"

using namespace strata::optim;
using Floats = std::vector<float>;

namespace {

void require_near(const Floats& given, const Floats& expected, double relative) {
  REQUIRE(given.size() == expected.size());
  for (std::size_t at = 0; at < given.size(); ++at) {
    INFO("element " << at);
    REQUIRE(given[at] == Approx(expected[at]).epsilon(relative).margin(relative));
  }
}

// Weights of size 1 differ in the last places alone.
void adam_case(const nlohmann::json& c) {
  auto weight = c["before"].get<Floats>();
  Floats moment1(weight.size(), 0), moment2(weight.size(), 0);
  std::vector<uint16_t> packed(weight.size());
  uint64_t step = 0;
  for (const auto& gradients : c["gradients"]) {
    const auto gradient = gradients.get<Floats>();
    cast(bf16, packed.data(), f32, gradient.data(), 0, gradient.size());
    const auto settings = adam_step({.rate = c["rate"],
                                     .beta1 = c["betas"][0],
                                     .beta2 = c["betas"][1],
                                     .eps = c["eps"],
                                     .weight_decay = c["decay"],
                                     .decoupled = c["decoupled"],
                                     .factor = c["factor"]},
                                    ++step);
    adam(settings,
         {.gradient_dtype = bf16,
          .gradient = step == 3 ? nullptr : packed.data(),
          .master = weight.data(),
          .moment1 = moment1.data(),
          .moment2 = moment2.data()},
         0, weight.size());
    require_near(weight, c["after"][step - 1].get<Floats>(), 5e-7);
  }
  require_near(moment1, c["moment1"].get<Floats>(), 5e-7);
  require_near(moment2, c["moment2"].get<Floats>(), 5e-7);
}

void schedule_case(const nlohmann::json& c) {
  const std::string curve = c["curve"];
  const Schedule schedule{.curve = curve == "linear"   ? Curve::linear
                                   : curve == "cosine" ? Curve::cosine
                                                       : Curve::constant,
                          .rate = 0.03,
                          .steps = c["steps"],
                          .warm_up = c["warm_up"]};
  for (uint64_t step = 0; step < c["rates"].size(); ++step) {
    INFO(curve << ", warm-up " << schedule.warm_up << ", step " << step);
    REQUIRE(learning_rate(schedule, step) ==
            Approx(c["rates"][step].get<double>()).epsilon(1e-13).margin(1e-17));
  }
}

void clip_case(const nlohmann::json& c) {
  const auto values = c["values"].get<Floats>();
  std::vector<double> partials(square_blocks(values.size()));
  square_sums(f32, values.data(), values.size(), 0, partials.size(), partials.data());
  const double norm = std::sqrt(total(partials));
  REQUIRE(norm == Approx(c["norm"].get<double>()).epsilon(1e-12));
  REQUIRE(clip_factor(norm, c["most"]) == Approx(c["factor"].get<double>()).epsilon(1e-12));
}

void cast_cases(const nlohmann::json& c) {
  const auto bits = c["values"].get<std::vector<int32_t>>();
  const auto wide = c["wide"].get<std::vector<double>>();
  std::vector<int16_t> out(bits.size());
  for (const auto dtype : {f16, bf16}) {
    const auto* name = strata::same(dtype, f16) ? "f16" : "bf16";
    INFO(name);
    cast(dtype, out.data(), f32, bits.data(), 0, bits.size());
    REQUIRE(out == c["to"][name].get<std::vector<int16_t>>());
    cast(dtype, out.data(), f64, wide.data(), 0, wide.size());
    REQUIRE(out == c["wide_to"][name].get<std::vector<int16_t>>());
  }
}

}  // namespace

TEST_CASE("updates, schedules, clipping and casts are those of PyTorch and transformers",
          "[optim]") {
  const made::Folder folder;
  made::python("optim_cases.py", {folder.path("cases.json")});
  const auto cases = nlohmann::json::parse(made::read(folder.path("cases.json")));
  REQUIRE(cases["adam"].size() == 4);
  for (const auto& c : cases["adam"]) adam_case(c);
  REQUIRE(cases["schedules"].size() == 12);
  for (const auto& c : cases["schedules"]) schedule_case(c);
  REQUIRE(cases["clips"].size() == 3);
  for (const auto& c : cases["clips"]) clip_case(c);
  cast_cases(cases["casts"]);
}
