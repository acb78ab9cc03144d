#include "core/optim/adam8.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "core/optim/levels.hpp"
#include "core/optim/workers.hpp"
#include "tests/sdk/core/optim/each_target.hpp"
#include "tests/sdk/core/optim/plain.hpp"

using namespace strata;
using namespace strata::optim;
using plain::Array;

namespace {

struct Case {
  Array gradient, master, copy;
  std::vector<uint8_t> moment1, moment2;
  std::vector<float> scale1, scale2;

  Case(uint64_t count, strata_dtype gradients, strata_dtype copies)
      : gradient(gradients, count, 1), master(f32, count, 3), copy(copies, count, 1),
        moment1(count), moment2(count), scale1(moment_blocks(count)), scale2(moment_blocks(count)) {
    gradient.fill(1, 1e-2);
    master.fill(2, 1);
  }
  Adam8Arrays arrays(bool has_gradient = true) {
    return {.gradient_dtype = gradient.dtype(),
            .gradient = has_gradient ? gradient.data() : nullptr,
            .master = master.floats(),
            .moment1 = moment1.data(),
            .moment2 = moment2.data(),
            .scale1 = scale1.data(),
            .scale2 = scale2.data(),
            .copy_dtype = copy.dtype(),
            .copy = copy.data()};
  }
  bool operator==(const Case& other) const = default;
};

// The level of `levels`, of `count`, that is nearest to x in [0, 1].
int nearest(const float* levels, int count, float x) {
  const auto* above = std::lower_bound(levels, levels + count, x);
  if (above == levels) return 0;
  if (above == levels + count) return count - 1;
  const int n = static_cast<int>(above - levels);
  return x > (levels[n - 1] + levels[n]) / 2 ? n : n - 1;
}

// The update one element at a time.
void plain_update(const AdamStep& s, Case& c, bool has_gradient) {
  const float *values1 = Levels::of_moment1().values(), *values2 = Levels::of_moment2().values();
  const uint64_t count = c.master.count();
  std::vector<float> moments1(count), moments2(count);
  for (uint64_t at = 0; at < count; ++at) {
    float& p = c.master.floats()[at];
    float m = values1[c.moment1[at]] * c.scale1[at / 256];
    float v = values2[c.moment2[at]] * c.scale2[at / 256];
    const float g = (has_gradient ? static_cast<float>(c.gradient.get(at)) : 0) * s.factor;
    m = m + (g - m) * s.take1;
    v = v * s.beta2 + g * s.take2 * g;
    p = p * s.keep - m * s.size / (std::sqrt(v) * s.root + s.eps);
    moments1[at] = m, moments2[at] = v;
    c.copy.set(at, p);
  }
  for (uint64_t block = 0; block < moment_blocks(count); ++block) {
    float &most1 = c.scale1[block] = 0, &most2 = c.scale2[block] = 0;
    const uint64_t end = std::min(count, (block + 1) * 256);
    for (uint64_t at = block * 256; at < end; ++at) {
      most1 = std::max(most1, std::abs(moments1[at]));
      most2 = std::max(most2, moments2[at]);
    }
    for (uint64_t at = block * 256; at < end; ++at) {
      const int n =
          most1 == 0 ? 0 : nearest(values1 + 127, 129, std::abs(moments1[at]) * (1 / most1));
      c.moment1[at] = static_cast<uint8_t>(moments1[at] < 0 ? 127 - std::min(127, n) : 127 + n);
      const int n2 = most2 == 0 ? 0 : nearest(values2, 256, moments2[at] * (1 / most2));
      c.moment2[at] = static_cast<uint8_t>(std::max(n2, moments2[at] > 0 ? 1 : 0));
    }
  }
}

const AdamSettings usual{.rate = 1e-2, .weight_decay = 0.1, .factor = 0.7};
// The moments become the gradient and its square.
const AdamSettings forgetful{.rate = 0, .beta1 = 0, .beta2 = 0};

}  // namespace

TEST_CASE("an update with 8-bit moments has the bits of plain arithmetic", "[optim]") {
  const auto gradients = GENERATE(f32, bf16, f16);
  const auto copies = GENERATE(f32, bf16, f16);
  const bool has_gradient = GENERATE(true, false);
  for (const uint64_t count : {1, 255, 256, 1000}) {
    Case expected(count, gradients, copies);
    for (const uint64_t step : {1, 2, 3})
      plain_update(adam_step(usual, step), expected, step == 1 || has_gradient);
    on_each_target([&] {
      Case given(count, gradients, copies);
      for (const uint64_t step : {1, 2, 3})
        adam8(adam_step(usual, step), given.arrays(step == 1 || has_gradient), 0, count);
      REQUIRE(given == expected);
    });
  }
}

TEST_CASE("neither ranges nor threads change the bits of 8-bit moments", "[optim]") {
  constexpr uint64_t count = 10'007;
  const auto step = adam_step(usual, 1);
  Case expected(count, bf16, bf16);
  adam8(step, expected.arrays(), 0, count);
  Workers workers(3);
  for (const uint64_t blocks : {1, 3, 100}) {
    Case given(count, bf16, bf16);
    const auto arrays = given.arrays();
    workers.run(count, blocks * moment_block,
                [&](uint64_t first, uint64_t some) { adam8(step, arrays, first, some); });
    REQUIRE(given == expected);
  }
}

TEST_CASE("a moment becomes its nearest level", "[optim]") {
  Case given(256 * 400, f32, f32);
  std::mt19937 random(4);
  std::uniform_real_distribution<double> exponent(-8, 0);
  for (uint64_t at = 0; at < given.gradient.count(); ++at)
    given.gradient.set(
        at, at % 256 == 0 ? 1 : std::pow(10, exponent(random)) * (random() % 2 == 0 ? 1 : -1));
  adam8(adam_step(forgetful, 1), given.arrays(), 0, given.gradient.count());
  const float *values1 = Levels::of_moment1().values(), *values2 = Levels::of_moment2().values();
  const auto distance = [](const float* values, uint8_t code, float x) {
    float least = 2;
    for (int n = 0; n < 256; ++n) least = std::min(least, std::abs(values[n] - x));
    return std::abs(values[code] - x) - least;
  };
  for (uint64_t at = 0; at < given.gradient.count(); at += 7) {
    const auto g = static_cast<float>(given.gradient.get(at));
    INFO("gradient " << g);
    REQUIRE(distance(values1, given.moment1[at], g) <= 1e-8F);
    if (g * g > values2[1]) REQUIRE(distance(values2, given.moment2[at], g * g) <= 1e-8F);
    REQUIRE(given.moment2[at] > 0);  // however small
  }
}

namespace {

// Numbers in [-1, 1) that are exact in float32.
std::vector<float> series(uint64_t seed) {
  std::vector<float> out(600);
  for (auto& x : out) {
    seed = (seed * 1103515245 + 12345) % (uint64_t{1} << 31);
    x = static_cast<float>(seed >> 8) / (1 << 22) - 1;
  }
  return out;
}

}  // namespace

// The numbers are what bitsandbytes 0.50.2's AdamW8bit gave on a CPU: lr 0.01, betas 0.9 and 0.99,
// weight decay 0.1, three steps, every 25th element. It takes a level beside the nearest one for
// some moments of less than a thousandth of the scale, so that weights differ by parts of a step.
TEST_CASE("8-bit moments follow bitsandbytes", "[optim]") {
  const std::vector<float> weights{
      0.0018606055527925491F, 0.8578794002532959F,   0.9174714684486389F,   -0.7005425691604614F,
      -0.7103514671325684F,   0.9817106127738953F,   -0.134950652718544F,   0.9284734129905701F,
      0.6069633364677429F,    0.5726610422134399F,   0.2066439390182495F,   0.5785937309265137F,
      -0.8224000930786133F,   0.493300199508667F,    -0.19592757523059845F, 0.2637804448604584F,
      0.7689778804779053F,    -0.13672159612178802F, 0.2225511074066162F,   0.2689087986946106F,
      0.3246976435184479F,    -0.8123014569282532F,  -0.7800585031509399F,  0.8428393006324768F};
  const std::vector<int> codes1{212, 53,  211, 211, 248, 200, 190, 194, 185, 31,  201, 50,
                                58,  195, 61,  194, 38,  77,  57,  53,  57,  209, 214, 190};
  const std::vector<int> codes2{134, 97, 255, 149, 192, 121, 58,  88, 74, 232, 103, 147,
                                133, 99, 70,  89,  142, 96,  110, 98, 89, 131, 133, 90};
  const std::vector<float> scales1{0.0018107874784618616F, 0.0024001330602914095F,
                                   0.0013786937342956662F};
  const std::vector<float> scales2{1.961720045073889e-06F, 2.3319876163441222e-06F,
                                   1.509937192167854e-06F};
  const auto signed_value = [](int code) { return Levels::of_moment1().values()[code]; };
  REQUIRE(signed_value(0) == Approx(-0.992968738079071).epsilon(1e-6));
  REQUIRE(signed_value(100) == Approx(-0.0074687497690320015).epsilon(1e-6));
  REQUIRE(signed_value(127) == 0);
  REQUIRE(signed_value(128) == Approx(5.500000384017767e-07).epsilon(1e-6));
  REQUIRE(signed_value(255) == 1);
  const auto value = [](int code) { return Levels::of_moment2().values()[code]; };
  REQUIRE(value(1) == Approx(3.2500003044333425e-07).epsilon(1e-6));
  REQUIRE(value(128) == Approx(0.11054687201976776).epsilon(1e-6));
  REQUIRE(value(254) == Approx(0.9964843988418579).epsilon(1e-6));

  auto weight = series(1);
  std::vector<uint8_t> moment1(600), moment2(600);
  std::vector<float> scale1(3), scale2(3);
  for (uint64_t step = 1; step <= 3; ++step) {
    auto gradient = series(step + 1);
    const auto other = series(step + 19);
    for (std::size_t n = 0; n < 600; ++n) gradient[n] = gradient[n] * 0.01F * other[n];
    adam8(adam_step({.rate = 1e-2, .beta2 = 0.99, .weight_decay = 0.1}, step),
          {.gradient = gradient.data(),
           .master = weight.data(),
           .moment1 = moment1.data(),
           .moment2 = moment2.data(),
           .scale1 = scale1.data(),
           .scale2 = scale2.data()},
          0, 600);
  }
  for (std::size_t n = 0; n < 24; ++n) {
    INFO("element " << n * 25);
    REQUIRE(weight[n * 25] == Approx(weights[n]).margin(1e-5));
    REQUIRE(moment1[n * 25] == codes1[n]);
    REQUIRE(moment2[n * 25] == codes2[n]);
  }
  for (std::size_t n = 0; n < 3; ++n) {
    REQUIRE(scale1[n] == Approx(scales1[n]).epsilon(1e-6));
    REQUIRE(scale2[n] == Approx(scales2[n]).epsilon(1e-6));
  }
}
