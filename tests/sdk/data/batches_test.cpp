#include "data/batches.hpp"

#include <catch2/catch.hpp>
#include <numeric>

#include "core/error.hpp"
#include "data/order.hpp"
#include "made.hpp"

using namespace strata;
using namespace strata::data;

namespace {

std::vector<std::uint32_t> all(std::size_t rows) {
  return unsplit(static_cast<std::uint32_t>(rows)).training;
}

// The rows of an epoch in the order of its micro-batches.
std::vector<std::uint32_t> epoch(Batches& batches, std::uint64_t number) {
  std::vector<std::uint32_t> out;
  const auto steps = batches.steps_per_epoch();
  for (auto step = number * steps; step < (number + 1) * steps; ++step)
    for (std::uint32_t index = 0; index < batches.micro_batches(step); ++index)
      for (const auto row : batches.rows_of(step, index)) out.push_back(row);
  return out;
}

}  // namespace

TEST_CASE("an epoch has each row once, and steps are counted as transformers counts", "[data]") {
  const auto rows = GENERATE(range<std::uint32_t>(1, 12));
  const auto batch_size = GENERATE(1U, 3U, 20U);
  const auto accumulation = GENERATE(1U, 2U, 5U);
  const auto data = rows_of(std::vector<std::uint32_t>(rows, 3));
  Batches batches(data, all(rows),
                  {.batch_size = batch_size, .accumulation = accumulation, .epochs = 2.5});
  const auto micro = (rows + batch_size - 1) / batch_size;
  const auto steps = micro / accumulation + (micro % accumulation > 0 ? 1 : 0);
  REQUIRE(batches.steps_per_epoch() == steps);
  REQUIRE(batches.steps() == static_cast<std::uint64_t>(std::ceil(2.5 * steps)));
  for (const std::uint64_t number : {0, 1, 7}) {
    auto order = epoch(batches, number);
    std::ranges::sort(order);
    REQUIRE(order == all(rows));
  }
}

TEST_CASE("a step has the same batches whenever it is asked for", "[data]") {
  const auto data = rows_of({3, 4, 5, 6, 7, 8, 9});
  const BatchOptions options{.batch_size = 2, .accumulation = 2, .seed = 7};
  Batches batches(data, all(7), options), again(data, all(7), options);
  for (const std::uint64_t step : {5, 0, 3, 5, 1})
    for (std::uint32_t index = 0; index < batches.micro_batches(step); ++index) {
      Batches fresh(data, all(7), options);
      REQUIRE(batches.micro_batch(step, index).ids == fresh.micro_batch(step, index).ids);
      REQUIRE(batches.rows_of(step, index) == again.rows_of(step, index));
    }
  REQUIRE(epoch(batches, 0) != epoch(batches, 1));
  Batches other(data, all(7), {.batch_size = 2, .accumulation = 2, .seed = 8});
  REQUIRE(epoch(batches, 0) != epoch(other, 0));
  Batches in_order(data, all(7), {.batch_size = 2, .shuffle = false});
  REQUIRE(epoch(in_order, 3) == all(7));
}

TEST_CASE("an order is that of the keys that its header defines", "[data]") {
  // From the formula, computed with Python's integers.
  REQUIRE(shuffled(6, 42, 0) == std::vector<std::uint32_t>{3, 0, 4, 1, 2, 5});
  REQUIRE(shuffled(6, 42, 1) == std::vector<std::uint32_t>{0, 1, 5, 3, 4, 2});
}

TEST_CASE("a batch has its rows one after the other, with the next id as the target", "[data]") {
  auto data = rows_of({3, 2});
  data.pad = 9;
  data.add({.ids = {5, 6, 7, 8}, .scored = {{1, 2, 0.5F}, {3, 4, 2}}, .pads = 0});
  data.add({.ids = {5}, .scored = {{1, 3, 1}}, .pads = 2});
  const auto batch = batch_of(data, {2, 0, 3});
  REQUIRE(batch.ids == std::vector<std::int32_t>{5, 6, 7, 8, 1, 2, 3, 5, 9, 9});
  REQUIRE(batch.targets == std::vector<std::int64_t>{6, -1, 8, -1, 2, 3, -1, 9, 9, -1});
  REQUIRE(batch.weights == std::vector<float>{0.5F, 0, 2, 0, 1, 1, 0, 1, 1, 0});
  REQUIRE(batch.rows == std::vector<std::uint64_t>{2, 0, 3});
  REQUIRE(batch.weight == 6.5);
  REQUIRE(batch.scored == 6);
  std::vector<std::uint32_t> counts;
  for (const auto& sequence : batch.sequences) {
    REQUIRE(sequence.slot == counts.size());
    REQUIRE((sequence.first == 0 && sequence.length == sequence.count));
    counts.push_back(sequence.count);
  }
  REQUIRE(counts == std::vector<std::uint32_t>{4, 3, 3});
}

TEST_CASE("packing fills rows by next fit and never splits a sequence", "[data]") {
  const auto data = rows_of({4, 3, 4, 8, 1, 6, 2, 1});
  const BatchOptions options{.shuffle = false, .packing = true, .max_length = 8};
  Batches batches(data, all(8), options);
  std::vector<std::vector<std::uint32_t>> packed;
  for (std::uint64_t step = 0; step < batches.steps(); ++step)
    packed.push_back(batches.rows_of(step, 0));
  REQUIRE(packed == std::vector<std::vector<std::uint32_t>>{{0, 1}, {2}, {3}, {4, 5}, {6, 7}});
  REQUIRE(batches.packed_rows() == 5);
  const auto batch = batches.micro_batch(0, 0);
  REQUIRE(batch.targets == std::vector<std::int64_t>{2, 3, 4, -1, 2, 3, -1});
  Batches shuffled_rows(data, all(8), {.packing = true, .max_length = 8});
  auto order = epoch(shuffled_rows, 4);
  std::ranges::sort(order);
  REQUIRE(order == all(8));
}

TEST_CASE("the weight of a step is that of its micro-batches", "[data]") {
  const auto data = rows_of({3, 4, 5, 6, 7});
  Batches batches(data, all(5), {.batch_size = 2, .accumulation = 2});
  double sum = 0;
  for (std::uint64_t step = 0; step < batches.steps(); ++step) {
    double weight = 0;
    for (std::uint32_t index = 0; index < batches.micro_batches(step); ++index)
      weight += batches.micro_batch(step, index).weight;
    REQUIRE(batches.weight(step) == weight);
    sum += weight;
  }
  REQUIRE(sum == 2 + 3 + 4 + 5 + 6);
}

TEST_CASE("a part of the rows is set apart for validation", "[data]") {
  const auto drawn = split_rows(10, 0.25, 42, true);
  REQUIRE(drawn.validation.size() == 3);
  auto together = drawn.training;
  together.insert(together.end(), drawn.validation.begin(), drawn.validation.end());
  std::ranges::sort(together);
  REQUIRE(together == all(10));
  REQUIRE(split_rows(10, 0.25, 42, true).validation == drawn.validation);
  const auto last = split_rows(10, 0.2, 42, false);
  REQUIRE(last.validation == std::vector<std::uint32_t>{8, 9});
  REQUIRE_THROWS_AS(split_rows(10, 1, 42, true), UsageError);
  REQUIRE_THROWS_AS(split_rows(10, 0.99, 42, true), UsageError);
  REQUIRE_THROWS_AS(split_rows(1, 0.1, 42, true), UsageError);
}

TEST_CASE("batches of nothing are refused", "[data]") {
  const auto data = rows_of({3});
  REQUIRE_THROWS_AS(Batches(data, all(1), {.batch_size = 0}), UsageError);
  REQUIRE_THROWS_AS(Batches(data, all(1), {.accumulation = 0}), UsageError);
  REQUIRE_THROWS_AS(Batches(data, all(1), {.epochs = 0}), UsageError);
  REQUIRE_THROWS_AS(Batches(data, {}, {}), UsageError);
}
