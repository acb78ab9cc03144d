#include "torch/compute/compute.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/gpu/random_llama.hpp"

namespace strata::test {

namespace {

constexpr strata_dtype real32{STRATA_FLOAT, 32, 1}, brain{STRATA_BFLOAT, 16, 1};
const std::vector<strata_device> gpu{{STRATA_CUDA, 0}}, cpu{{STRATA_CPU, 0}},
    both{{STRATA_CUDA, 0}, {STRATA_CPU, 0}};

const std::vector<std::vector<int32_t>> prompts{{3, 14, 15, 92, 65, 35, 89}, {79, 32, 38}, {46}};

std::vector<run::Sequence> first_pass() { return {{2, 0, 7, 7}, {0, 0, 3, 3}, {1, 0, 1, 1}}; }
std::vector<run::Sequence> next_pass() { return {{2, 7, 1, 8}, {0, 3, 1, 4}, {1, 1, 1, 2}}; }

// A pass over ragged prompts, then one for a next token of each.
std::vector<float> logits(RandomLlama& model) {
  auto all = model.pass(prompts, first_pass());
  const auto next = model.pass({{6}, {2}, {64}}, next_pass());
  all.insert(all.end(), next.begin(), next.end());
  return all;
}

// The largest difference over the largest value.
double apart(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0, difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) return 1;
    most = std::max(most, static_cast<double>(std::fabs(b[i])));
    difference = std::max(difference, static_cast<double>(std::fabs(a[i] - b[i])));
  }
  return difference / most;
}

}  // namespace

TEST_CASE("a pass on the GPU has the logits of the CPU", "[gpu][compute]") {
  const auto attention = GENERATE(as<std::string>(), "eager", "sdpa");
  CAPTURE(attention);
  RandomLlama there(attention, real32, gpu), here(attention, real32, cpu);
  REQUIRE(apart(logits(there), logits(here)) < 2e-4);
}

TEST_CASE("a pass in bfloat16 on the GPU is near float32", "[gpu][compute]") {
  const auto attention = GENERATE(as<std::string>(), "eager", "sdpa");
  CAPTURE(attention);
  RandomLlama there(attention, brain, gpu), here(attention, real32, cpu);
  REQUIRE(apart(logits(there), logits(here)) < 0.05);
}

TEST_CASE("units on the CPU between those of the GPU change no logits", "[gpu][compute]") {
  const auto attention = GENERATE(as<std::string>(), "eager", "sdpa");
  CAPTURE(attention);
  RandomLlama mixed(attention, real32, both), here(attention, real32, cpu);
  REQUIRE(apart(logits(mixed), logits(here)) < 2e-4);
}

TEST_CASE("the same pass on the GPU has the same bits", "[gpu][compute]") {
  RandomLlama one("sdpa", brain, gpu), other("sdpa", brain, gpu);
  REQUIRE(logits(one) == logits(other));
}

TEST_CASE("what the GPU's tensors hold is counted", "[gpu][compute]") {
  RandomLlama model("sdpa", real32, gpu);
  logits(model);
  const auto held = model.compute().held();
  REQUIRE(held.now > 0);
  REQUIRE(held.peak >= held.now);
  // Keys and values of three layers at least, and far less than a gibibyte.
  REQUIRE(held.now >= 3UL * 2 * 4 * 32 * 2 * 16 * 4);
  REQUIRE(held.peak < (1u << 30));
}

}  // namespace strata::test
