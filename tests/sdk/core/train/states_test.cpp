#include "core/train/states.hpp"

#include <strata/abi/model.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>
#include <string>

#include "core/dtype.hpp"
#include "core/optim/adam8.hpp"
#include "core/train/update.hpp"
#include "tests/sdk/core/train/made_unit.hpp"

namespace strata::train {

namespace {

constexpr strata_dtype f32{STRATA_FLOAT, 32, 1}, bf16{STRATA_BFLOAT, 16, 1};

using made::unit_of;

const std::vector<std::vector<int64_t>> shapes{{50}, {70, 60}, {4095}, {3, 40, 41}, {4096}, {9, 1}};

uint64_t states_bytes(Rule rule, const std::vector<int64_t>& shape) {
  const auto unit = unit_of({shape});
  return states_of(rule, unit, flat_of(unit)).bytes;
}

std::vector<float> numbers(uint64_t count, float from) {
  std::vector<float> out(count);
  for (uint64_t n = 0; n < count; ++n)
    out[n] = from + std::sin(static_cast<float>(n) * 0.7F) * 0.01F;
  return out;
}

// One weight with memory for its states.
struct Updated {
  zero::Unit unit;
  UnitStates layout;
  std::vector<std::byte> states;
  std::vector<float> gradient, master;
  std::vector<uint16_t> copy;

  Updated(Rule rule, const std::vector<int64_t>& shape)
      : unit(unit_of({shape})), layout(states_of(rule, unit, flat_of(unit))),
        states(layout.bytes + 64), gradient(numbers(element_count(shape), 0)),
        master(numbers(element_count(shape), 1)), copy(element_count(shape)) {}

  optim::AdamArrays arrays() {
    return {.gradient_dtype = f32,
            .gradient = gradient.data(),
            .master = master.data(),
            .copy_dtype = bf16,
            .copy = copy.data()};
  }
  // Memory with the alignment that a tier's has.
  std::byte* memory() {
    auto at = reinterpret_cast<uintptr_t>(states.data());
    return states.data() + (64 - at % 64) % 64;
  }
  void run(Rule rule, uint32_t threads, uint64_t steps) {
    optim::Workers workers(threads);
    WeightUpdate update(rule, workers);
    const auto& shape = unit.weights[0].shape;
    update.reserve(shape);
    for (uint64_t step = 1; step <= steps; ++step)
      update.run({.adam = optim::adam_step({.rate = 0.01, .weight_decay = 0.1}, step),
                  .adafactor = {.rate = 0.01, .weight_decay = 0.1},
                  .number = step},
                 shape, layout.pieces[0], memory(), arrays());
  }
  // The values of an array of this kind.
  template <class T>
  std::vector<T> values(const std::string& kind) {
    for (const auto& array : layout.arrays)
      if (array.kind == kind) {
        const auto* first = reinterpret_cast<const T*>(memory() + array.at);
        return {first, first + array.bytes / sizeof(T)};
      }
    return {};
  }
};

}  // namespace

TEST_CASE("the arrays of a unit's states have room of their own", "[train][states]") {
  const auto rule = GENERATE(Rule::adam, Rule::adam8, Rule::adafactor);
  const auto unit = unit_of(shapes);
  auto layout = states_of(rule, unit, flat_of(unit));
  CHECK(layout.bytes % 4096 == 0);
  REQUIRE(layout.pieces.size() == shapes.size());
  std::set<std::pair<std::string, uint32_t>> names;
  std::ranges::sort(layout.arrays, {}, &StateArray::at);
  uint64_t end = 0;
  for (const auto& array : layout.arrays) {
    CAPTURE(array.kind, array.piece);
    CHECK(array.at >= end);
    CHECK(array.at % element_bytes(array.dtype) == 0);
    CHECK(array.bytes == element_count(array.shape) * element_bytes(array.dtype));
    CHECK(names.emplace(array.kind, array.piece).second);
    end = array.at + array.bytes;
  }
  CHECK(end <= layout.bytes);
}

TEST_CASE("the moments of Adam have the places of the flat array", "[train][states]") {
  const auto unit = unit_of(shapes);
  const auto flat = flat_of(unit);
  const auto layout = states_of(Rule::adam, unit, flat);
  REQUIRE(layout.arrays.size() == 2 * shapes.size());
  for (uint32_t p = 0; p < shapes.size(); ++p) {
    CHECK(layout.pieces[p].moment1 == flat.pieces[p].first * sizeof(float));
    CHECK(layout.pieces[p].moment2 == layout.bytes / 2 + flat.pieces[p].first * sizeof(float));
    CHECK(layout.arrays[p].kind == std::string("moment1"));
    CHECK(layout.arrays[shapes.size() + p].kind == std::string("moment2"));
    CHECK(layout.arrays[p].shape == shapes[p]);
  }
}

TEST_CASE("a large matrix has 2.04 bytes of 8-bit moments a parameter, and Adafactor few",
          "[train][states]") {
  const std::vector<int64_t> large{1000, 3000};
  CHECK(states_bytes(Rule::adam, large) >= 24'000'000);
  CHECK(states_bytes(Rule::adam8, large) < 3'000'000 * 204 / 100);
  CHECK(states_bytes(Rule::adam8, {4095}) >= 8 * 4095);
  CHECK(states_bytes(Rule::adam8, {4096}) < 3 * 4096 + 4096);
  CHECK(states_bytes(Rule::adafactor, large) < 4 * 4096 + 4096);
  CHECK(states_bytes(Rule::adafactor, {4096}) == 4 * 4096);
}

TEST_CASE("what Adafactor sees of a shape", "[train][states]") {
  const auto is = [](const std::vector<int64_t>& shape, uint64_t matrices, uint64_t rows,
                     uint64_t columns) {
    const auto got = factored(shape);
    return got.matrices == matrices && got.rows == rows && got.columns == columns;
  };
  CHECK(is({7}, 1, 0, 7));
  CHECK(is({}, 1, 0, 1));
  CHECK(is({5, 3}, 1, 5, 3));
  CHECK(is({2, 4, 5, 3}, 8, 5, 3));
  for (const auto& shape : shapes) {
    const auto unit = unit_of({shape});
    uint64_t elements = 0;
    for (const auto& array : states_of(Rule::adafactor, unit, flat_of(unit)).arrays)
      elements += element_count(array.shape);
    CHECK(elements == factored(shape).states());
  }
}

TEST_CASE("a large weight is updated with 8-bit moments, a small one as by Adam",
          "[train][states]") {
  constexpr uint64_t steps = 3;
  Updated large(Rule::adam8, {70, 60}), small(Rule::adam8, {65, 63});
  Updated plain_large(Rule::adam8, {70, 60}), plain_small(Rule::adam8, {65, 63});
  std::vector<uint8_t> codes1(4200), codes2(4200);
  std::vector<float> scales1(17), scales2(17), moments1(4095), moments2(4095);
  for (uint64_t step = 1; step <= steps; ++step) {
    const auto how = optim::adam_step({.rate = 0.01, .weight_decay = 0.1}, step);
    optim::adam8(how,
                 {.gradient_dtype = f32,
                  .gradient = plain_large.gradient.data(),
                  .master = plain_large.master.data(),
                  .moment1 = codes1.data(),
                  .moment2 = codes2.data(),
                  .scale1 = scales1.data(),
                  .scale2 = scales2.data(),
                  .copy_dtype = bf16,
                  .copy = plain_large.copy.data()},
                 0, 4200);
    auto arrays = plain_small.arrays();
    arrays.moment1 = moments1.data();
    arrays.moment2 = moments2.data();
    optim::adam(how, arrays, 0, 4095);
  }
  const auto threads = GENERATE(1u, 3u);
  large.run(Rule::adam8, threads, steps);
  small.run(Rule::adam8, threads, steps);
  CHECK(large.master == plain_large.master);
  CHECK(large.copy == plain_large.copy);
  CHECK(large.values<uint8_t>("moment1") == codes1);
  CHECK(large.values<uint8_t>("moment2") == codes2);
  CHECK(large.values<float>("scale1") == scales1);
  CHECK(large.values<float>("scale2") == scales2);
  CHECK(small.master == plain_small.master);
  CHECK(small.copy == plain_small.copy);
  CHECK(small.values<float>("moment1") == moments1);
  CHECK(small.values<float>("moment2") == moments2);
}

TEST_CASE("Adafactor's states are its rows' and columns' moments", "[train][states]") {
  constexpr uint64_t steps = 3;
  Updated given(Rule::adafactor, {3, 40, 41}), plain(Rule::adafactor, {3, 40, 41});
  const optim::AdafactorShape shape{.matrices = 3, .rows = 40, .columns = 41};
  std::vector<float> moments(shape.states());
  optim::Workers alone(1);
  optim::Adafactor optimizer;
  for (uint64_t step = 1; step <= steps; ++step)
    optimizer.update({.rate = 0.01, .weight_decay = 0.1}, step, shape,
                     {.gradient_dtype = f32,
                      .gradient = plain.gradient.data(),
                      .master = plain.master.data(),
                      .moments = moments.data(),
                      .copy_dtype = bf16,
                      .copy = plain.copy.data()},
                     alone);
  given.run(Rule::adafactor, GENERATE(1u, 3u), steps);
  CHECK(given.master == plain.master);
  CHECK(given.copy == plain.copy);
  CHECK(given.values<float>("row_moment2") == std::vector(moments.begin(), moments.begin() + 120));
  CHECK(given.values<float>("column_moment2") == std::vector(moments.begin() + 120, moments.end()));
}

}  // namespace strata::train
