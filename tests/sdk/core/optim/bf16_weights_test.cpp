#include "core/optim/bf16_weights.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "core/optim/adafactor.hpp"
#include "core/optim/workers.hpp"
#include "tests/sdk/core/optim/each_target.hpp"
#include "tests/sdk/core/optim/plain.hpp"

using namespace strata;
using namespace strata::optim;
using plain::Array;

namespace {

constexpr uint64_t key = 77, number = 640;

// Weights in bfloat16, and the same ones in float32.
struct Weights {
  Array held, wide;

  explicit Weights(uint64_t count, uint64_t skip = 0) : held(bf16, count, skip), wide(f32, count) {
    held.fill(2, 1);
    for (uint64_t at = 0; at < count; ++at) wide.set(at, held.get(at));
  }
  uint16_t* values() { return reinterpret_cast<uint16_t*>(held.data()); }
  Bf16Weights arrays() { return {.values = values(), .key = key, .first = number}; }
  // The float32 weights, rounded as the update rounds.
  std::vector<uint16_t> rounded() {
    std::vector<uint16_t> out(wide.count());
    round_stochastically(wide.floats(), out.data(), key, number, wide.count());
    return out;
  }
  std::vector<uint16_t> got() { return {values(), values() + held.count()}; }
};

struct Moments {
  Array one, two;

  explicit Moments(uint64_t count) : one(f32, count), two(f32, count) {
    one.fill(3, 1e-3);
    two.fill(4, 1e-4).absolute();
  }
};

struct Moments8 {
  std::vector<uint8_t> one, two;
  std::vector<float> scale1, scale2;

  explicit Moments8(uint64_t count)
      : one(count, 200), two(count, 150), scale1(moment_blocks(count), 1e-3F),
        scale2(moment_blocks(count), 1e-4F) {}
  Adam8Arrays arrays(Array& gradient) {
    return {.gradient_dtype = gradient.dtype(),
            .gradient = gradient.data(),
            .moment1 = one.data(),
            .moment2 = two.data(),
            .scale1 = scale1.data(),
            .scale2 = scale2.data()};
  }
  bool operator==(const Moments8&) const = default;
};

AdamArrays arrays_of(Array& gradient, Moments& moments, bool has_gradient = true) {
  return {.gradient_dtype = gradient.dtype(),
          .gradient = has_gradient ? gradient.data() : nullptr,
          .moment1 = moments.one.floats(),
          .moment2 = moments.two.floats()};
}

const auto step = adam_step({.rate = 1e-2, .weight_decay = 0.1, .factor = 0.37}, 3);

}  // namespace

TEST_CASE("an update of bfloat16 weights is that of float32 ones, rounded", "[optim]") {
  const auto gradients = GENERATE(f32, bf16, f16);
  const bool has_gradient = GENERATE(true, false);
  for (const uint64_t count : {1, 203, 2048, 5001})
    for (const uint64_t skip : {0, 3}) {
      Array gradient(gradients, count);
      gradient.fill(1, 1e-2);
      on_each_target([&] {
        Weights weights(count, skip);
        Moments wide(count), held(count);
        auto expected = arrays_of(gradient, wide, has_gradient);
        expected.master = weights.wide.floats();
        adam(step, expected, 0, count);
        adam(step, arrays_of(gradient, held, has_gradient), weights.arrays(), 0, count);
        INFO(count << " elements, skipped " << skip);
        REQUIRE(weights.got() == weights.rounded());
        REQUIRE(held.one == wide.one);
        REQUIRE(held.two == wide.two);
      });
    }
}

TEST_CASE("an update without bfloat16 weights is that of float32 ones", "[optim]") {
  Array gradient(f32, 500);
  gradient.fill(1, 1e-2);
  Weights one(500), other(500);
  Moments first(500), second(500);
  auto arrays = arrays_of(gradient, first);
  arrays.master = one.wide.floats();
  adam(step, arrays, 0, 500);
  arrays = arrays_of(gradient, second);
  arrays.master = other.wide.floats();
  adam(step, arrays, Bf16Weights{}, 0, 500);
  CHECK(one.wide == other.wide);
}

TEST_CASE("neither ranges nor threads change the bits of bfloat16 weights", "[optim]") {
  constexpr uint64_t count = 10'007;
  Array gradient(bf16, count);
  gradient.fill(1, 1e-2);
  Weights expected(count);
  Moments moments(count);
  adam(step, arrays_of(gradient, moments), expected.arrays(), 0, count);
  for (const uint32_t threads : {1, 2, 5})
    for (const uint64_t grain : {1, 1000, 4096}) {
      Workers workers(threads);
      Weights given(count);
      Moments own(count);
      const auto arrays = arrays_of(gradient, own);
      workers.run(count, grain, [&](uint64_t first, uint64_t some) {
        adam(step, arrays, given.arrays(), first, some);
      });
      REQUIRE(given.held == expected.held);
      REQUIRE(own.one == moments.one);
    }
  // Parts of the array, each with the number of its own first element.
  Weights given(count);
  Moments own(count);
  for (const auto& [first, some] : {std::pair<uint64_t, uint64_t>{0, 4000}, {4000, 6007}}) {
    auto arrays = arrays_of(gradient, own);
    arrays.gradient = gradient.data() + first * 2;
    arrays.moment1 += first, arrays.moment2 += first;
    adam(step, arrays, {given.values() + first, key, number + first}, 0, some);
  }
  CHECK(given.held == expected.held);
}

TEST_CASE("with 8-bit moments bfloat16 weights are float32 ones, rounded", "[optim]") {
  constexpr uint64_t count = 10'007;
  Array gradient(f32, count);
  gradient.fill(1, 1e-2);
  Weights expected(count);
  Moments8 wide(count);
  auto arrays = wide.arrays(gradient);
  arrays.master = expected.wide.floats();
  adam8(step, arrays, 0, count);
  for (const uint32_t threads : {1, 3})
    for (const uint64_t grain : {256, 4096, 65536}) {
      Workers workers(threads);
      Weights given(count);
      Moments8 held(count);
      workers.run(count, grain, [&](uint64_t first, uint64_t some) {
        adam8(step, held.arrays(gradient), given.arrays(), first, some);
      });
      REQUIRE(given.got() == expected.rounded());
      REQUIRE(held == wide);
    }
}

TEST_CASE("under Adafactor bfloat16 weights are float32 ones, rounded", "[optim]") {
  const auto shape = GENERATE(AdafactorShape{.matrices = 3, .rows = 70, .columns = 41},
                              AdafactorShape{.matrices = 1, .rows = 3, .columns = 5001},
                              AdafactorShape{.columns = 4099});
  const auto count = shape.elements();
  const bool has_gradient = GENERATE(true, false);
  Array gradient(bf16, count);
  gradient.fill(1, 1e-2);
  const AdafactorSettings settings{.rate = 0.01, .weight_decay = 0.1, .factor = 0.37};
  for (const uint32_t threads : {1, 3}) {
    Workers workers(threads);
    Adafactor one, other;
    Weights weights(count);
    std::vector<float> wide(shape.states(), 1e-5F), held = wide;
    AdafactorArrays arrays{.gradient_dtype = bf16,
                           .gradient = has_gradient ? gradient.data() : nullptr};
    arrays.master = weights.wide.floats();
    arrays.moments = wide.data();
    one.update(settings, 2, shape, arrays, workers);
    arrays.master = nullptr;
    arrays.moments = held.data();
    arrays.held = weights.arrays();
    other.update(settings, 2, shape, arrays, workers);
    REQUIRE(weights.got() == weights.rounded());
    REQUIRE(held == wide);
  }
}

TEST_CASE("updates far below the spacing of bfloat16 add up", "[optim]") {
  // The neighbors of 0.02 are 1.2e-4 away: rounding to nearest would leave each weight as it is.
  constexpr uint64_t count = 4096, steps = 500;
  Array gradient(f32, count);
  for (uint64_t at = 0; at < count; ++at) gradient.set(at, 1);
  Array weights(bf16, count);
  Moments moments(count);
  for (uint64_t at = 0; at < count; ++at) {
    weights.set(at, 0.02);
    moments.one.set(at, 0), moments.two.set(at, 0);
  }
  const auto begin = weights.get(0);
  for (uint64_t update = 1; update <= steps; ++update)
    adam(adam_step({.rate = 1e-5}, update), arrays_of(gradient, moments),
         {reinterpret_cast<uint16_t*>(weights.data()), rounding_key(1, update, 0), 0}, 0, count);
  double mean = 0;
  for (uint64_t at = 0; at < count; ++at) mean += weights.get(at) / count;
  // The sum of the updates is 500 * 1e-5; the mean of 4096 walks of this length is within 1e-4.
  CHECK(std::abs(begin - mean - 5e-3) < 1e-4);
}
