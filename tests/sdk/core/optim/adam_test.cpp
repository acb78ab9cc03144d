#include "core/optim/adam.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "core/optim/workers.hpp"
#include "tests/sdk/core/optim/each_target.hpp"
#include "tests/sdk/core/optim/plain.hpp"

using namespace strata;
using namespace strata::optim;
using plain::Array;

namespace {

// The arrays of an update, and the update one element at a time in plain C++.
struct Case {
  Array gradient, master, moment1, moment2, copy;

  Case(uint64_t count, uint64_t skip, strata_dtype gradients, strata_dtype copies)
      : gradient(gradients, count, skip), master(f32, count, skip), moment1(f32, count, skip + 1),
        moment2(f32, count, skip + 2), copy(copies, count, skip) {
    gradient.fill(1, 1e-2);
    master.fill(2, 1);
    moment1.fill(3, 1e-3);
    moment2.fill(4, 1e-4).absolute();
  }

  AdamArrays arrays(bool has_gradient = true, bool has_copy = true) {
    return {.gradient_dtype = gradient.dtype(),
            .gradient = has_gradient ? gradient.data() : nullptr,
            .master = master.floats(),
            .moment1 = moment1.floats(),
            .moment2 = moment2.floats(),
            .copy_dtype = copy.dtype(),
            .copy = has_copy ? copy.data() : nullptr};
  }

  void plain_update(const AdamStep& s, bool has_gradient, bool has_copy) {
    for (uint64_t at = 0; at < master.count(); ++at) {
      float p = master.floats()[at], m = moment1.floats()[at], v = moment2.floats()[at];
      float g = has_gradient ? static_cast<float>(gradient.get(at)) : 0;
      g = g * s.factor;
      if (s.l2 != 0) g = g + p * s.l2;
      p = p * s.keep;
      m = m + (g - m) * s.take1;
      v = v * s.beta2 + g * s.take2 * g;
      p = p - m * s.size / (std::sqrt(v) * s.root + s.eps);
      master.floats()[at] = p, moment1.floats()[at] = m, moment2.floats()[at] = v;
      if (has_copy) copy.set(at, p);
    }
  }

  bool operator==(const Case& other) const = default;
};

const AdamSettings decoupled{.rate = 1e-2, .weight_decay = 0.1, .factor = 0.37};
const AdamSettings with_l2{.rate = 1e-2,
                           .beta1 = 0.8,
                           .beta2 = 0.95,
                           .eps = 1e-6,
                           .weight_decay = 0.1,
                           .decoupled = false};

}  // namespace

TEST_CASE("an update has the bits of plain arithmetic on every kind of vectors", "[optim]") {
  const auto settings = GENERATE(decoupled, with_l2);
  const auto gradients = GENERATE(f32, bf16, f16);
  const auto copies = GENERATE(f32, bf16, f16);
  const bool has_gradient = GENERATE(true, false), has_copy = GENERATE(true, false);
  const auto step = adam_step(settings, 3);
  for (const uint64_t count : {1, 15, 64, 203})
    for (const uint64_t skip : {0, 1, 5}) {
      Case expected(count, skip, gradients, copies);
      expected.plain_update(step, has_gradient, has_copy);
      on_each_target([&] {
        INFO(count << " elements, skipped " << skip);
        Case given(count, skip, gradients, copies);
        adam(step, given.arrays(has_gradient, has_copy), 0, count);
        REQUIRE(given == expected);
      });
    }
}

TEST_CASE("neither ranges nor threads change the bits of an update", "[optim]") {
  constexpr uint64_t count = 10'007;
  const auto step = adam_step(decoupled, 1);
  Case expected(count, 0, bf16, bf16);
  adam(step, expected.arrays(), 0, count);
  for (const uint32_t threads : {1, 2, 5})
    for (const uint64_t grain : {1, 13, 1000, 4096, 20'000}) {
      Workers workers(threads);
      Case given(count, 0, bf16, bf16);
      const auto arrays = given.arrays();
      workers.run(count, grain,
                  [&](uint64_t first, uint64_t some) { adam(step, arrays, first, some); });
      REQUIRE(given == expected);
    }
}

TEST_CASE("a missing gradient is a gradient of zeros", "[optim]") {
  const auto step = adam_step(decoupled, 7);
  Case zeros(77, 0, f32, bf16), missing(77, 0, f32, bf16);
  for (uint64_t at = 0; at < 77; ++at) zeros.gradient.set(at, 0), missing.gradient.set(at, 0);
  adam(step, zeros.arrays(), 0, 77);
  adam(step, missing.arrays(false), 0, 77);
  REQUIRE(zeros == missing);
}

TEST_CASE("an update touches its range alone", "[optim]") {
  Case untouched(100, 0, f32, f16), given(100, 0, f32, f16);
  adam(adam_step(decoupled, 1), given.arrays(), 30, 41);
  for (uint64_t at = 0; at < 100; ++at) {
    const bool inside = at >= 30 && at < 71;
    REQUIRE((given.master.get(at) != untouched.master.get(at)) == inside);
    REQUIRE((given.moment2.get(at) != untouched.moment2.get(at)) == inside);
    if (!inside) REQUIRE(given.copy.get(at) == 0);
  }
}
