#include "core/optim/adafactor.hpp"

#include <catch2/catch.hpp>

#include "tests/sdk/core/optim/each_target.hpp"
#include "tests/sdk/core/optim/plain.hpp"

using namespace strata;
using namespace strata::optim;
using plain::Array;

namespace {

const AdafactorSettings settings{.rate = 1e-2, .weight_decay = 0.1, .factor = 0.3};

struct Weight {
  AdafactorShape shape;
  Array gradient, master, moments, copy;

  Weight(const AdafactorShape& of, strata_dtype gradients, strata_dtype copies)
      : shape(of), gradient(gradients, of.elements(), 1), master(f32, of.elements(), 3),
        moments(f32, of.states(), 1), copy(copies, of.elements(), 1) {
    gradient.fill(1, 1e-2);
    master.fill(2, 1);
  }
  void update(Workers& workers, uint64_t steps = 2) {
    Adafactor optimizer;
    for (uint64_t step = 1; step <= steps; ++step)
      optimizer.update(settings, step, shape,
                       {.gradient_dtype = gradient.dtype(),
                        .gradient = gradient.data(),
                        .master = master.floats(),
                        .moments = moments.floats(),
                        .copy_dtype = copy.dtype(),
                        .copy = copy.data()},
                       workers);
  }
  bool same_result(const Weight& other) const {
    return master == other.master && moments == other.moments && copy == other.copy;
  }
};

}  // namespace

TEST_CASE("Adafactor has the same bits on every kind of vectors and with any threads", "[optim]") {
  const auto shape = GENERATE(AdafactorShape{1, 131, 67}, AdafactorShape{3, 5, 40},
                              AdafactorShape{1, 200, 1}, AdafactorShape{1, 0, 1003});
  const auto gradients = GENERATE(f32, bf16, f16);
  const auto copies = GENERATE(bf16, f32);
  Workers alone(1);
  Weight expected(shape, gradients, copies);
  hwy::GetChosenTarget().Update(HWY_STATIC_TARGET);
  expected.update(alone);
  on_each_target([&] {
    for (const uint32_t threads : {1, 3}) {
      Workers workers(threads);
      Weight given(shape, gradients, copies);
      given.update(workers);
      REQUIRE(given.same_result(expected));
    }
  });
}

TEST_CASE("the run dtype's copy is the weight rounded", "[optim]") {
  Workers alone(1);
  Weight weight({1, 9, 31}, f32, bf16);
  weight.update(alone);
  for (uint64_t at = 0; at < weight.master.count(); ++at) {
    Array rounded(bf16, 1);
    rounded.set(0, weight.master.get(at));
    REQUIRE(weight.copy.get(at) == rounded.get(0));
  }
}
