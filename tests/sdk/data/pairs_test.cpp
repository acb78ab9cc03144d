#include "data/pairs.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "data/batches.hpp"
#include "data/order.hpp"

using namespace strata;
using namespace strata::data;

namespace {

using Ids = std::vector<std::int32_t>;

constexpr std::int32_t pad = 2;

TokenRows rows_of(const std::vector<Ids>& all) {
  TokenRows rows;
  for (const auto& ids : all) {
    TokenRow row;
    row.ids = ids;
    rows.add(row);
  }
  return rows;
}

}  // namespace

TEST_CASE("a pair is compared from where its rows differ to where the longer one ends", "[data]") {
  struct Case {
    const char* name;
    Ids chosen, rejected;
    std::int64_t at_beginning;
    PairWindow window;
  };
  // The windows are those of DeepSpeed-Chat's reward model over rows padded to a common length.
  const Case cases[] = {
      {"as long", {5, 6, 7, 2}, {5, 8, 9, 2}, 0, {1, 3, 2, 2}},
      {"chosen is longer", {5, 6, 7, 8, 9, 2}, {5, 6, 3, 2}, 0, {2, 5, 4, 2}},
      {"rejected is longer", {5, 6, 2}, {5, 3, 4, 4, 4, 2}, 0, {1, 5, 1, 4}},
      {"an empty answer", {5, 6, 2}, {5, 6, 7, 8, 2}, 0, {2, 4, 1, 3}},
      {"one begins the other", {5, 6, 7, 2}, {5, 6, 7, 8, 9, 2}, 0, {3, 5, 2, 4}},
      {"equal", {5, 6, 7, 2}, {5, 6, 7, 2}, 0, {2, 3, 2, 2}},
      {"cut, without an end", {5, 6, 7, 8}, {5, 6, 9, 8}, 0, {2, 4, 3, 3}},
      {"one is cut", {5, 6, 7, 8}, {5, 9, 2}, 0, {1, 4, 3, 1}},
      {"padding at the beginning", {2, 5, 6, 7, 2}, {2, 5, 8, 2}, 1, {2, 4, 3, 2}},
      {"cut behind padding at the beginning", {2, 5, 6, 7}, {2, 5, 8, 9}, 1, {2, 4, 3, 3}},
      {"turns that end alike", {5, 2, 6, 7, 2}, {5, 2, 6, 8, 9, 2}, 0, {3, 5, 3, 4}},
      {"different from the first token on", {6, 2}, {7, 8, 2}, 0, {0, 2, 0, 1}},
  };
  for (const auto& one : cases) {
    CAPTURE(one.name);
    const auto window = pair_window(one.chosen, one.rejected, {pad, one.at_beginning});
    CHECK(window.begin == one.window.begin);
    CHECK(window.end == one.window.end);
    CHECK(window.chosen_last == one.window.chosen_last);
    CHECK(window.rejected_last == one.window.rejected_last);
  }
}

TEST_CASE("rows without an end token end with their last token", "[data]") {
  const Ids chosen{5, 2, 7}, rejected{5, 2, 8, 9};
  const auto window = pair_window(chosen, rejected, {});
  CHECK(window.begin == 2);
  CHECK(window.end == 4);
  CHECK(window.chosen_last == 2);
}

TEST_CASE("the two rows of a pair are one behind the other, padded to the same end", "[data]") {
  const auto chosen = rows_of({{5, 6, 2}, {4, 4, 2}}),
             rejected = rows_of({{5, 3, 4, 8, 2}, {4, 2}});
  const PairRows pairs{&chosen, &rejected, {pad, 0}};
  const auto batch = batch_of(pairs, {0, 1});
  CHECK(batch.ids == Ids{5, 6, 2, 2, 5, 3, 4, 8, 4, 4, 4, 2});
  REQUIRE(batch.sequences.size() == 4);
  const std::uint32_t counts[] = {4, 4, 2, 2}, pads[] = {1, 0, 0, 0};
  for (std::size_t s = 0; s < 4; ++s) {
    CAPTURE(s);
    CHECK(batch.sequences[s].slot == s);
    CHECK(batch.sequences[s].count == counts[s]);
    CHECK(batch.sequences[s].length == counts[s]);
    CHECK(batch.sequences[s].pads == pads[s]);
  }
  CHECK(batch.rows == std::vector<std::uint64_t>{0, 1, 2, 3});
  CHECK(batch.targets == std::vector<std::int64_t>(12, -1));
  REQUIRE(batch.pairs.size() == 2);
  const auto& first = batch.pairs[0];
  CHECK((first.chosen == 1 && first.rejected == 5 && first.count == 3));
  CHECK((first.chosen_end == 1 && first.rejected_end == 7));
  const auto& second = batch.pairs[1];
  CHECK((second.chosen == 9 && second.rejected == 11 && second.count == 1));
  CHECK((second.chosen_end == 9 && second.rejected_end == 10));
  CHECK(batch.weight == 2);
  CHECK(batch.scored == 8);
}

TEST_CASE("a step of pairs weighs as much as it has pairs", "[data]") {
  const std::vector<Ids> five(5, Ids{5, 6, 2}), others(5, Ids{5, 7, 8, 2});
  const auto chosen = rows_of(five), rejected = rows_of(others);
  Batches batches(PairRows{&chosen, &rejected, {pad, 0}}, unsplit(5).training,
                  {.batch_size = 2, .accumulation = 2, .shuffle = false});
  REQUIRE(batches.steps() == 2);
  CHECK(batches.weight(0) == 4);
  CHECK(batches.weight(1) == 1);
  CHECK(batches.micro_batch(0, 1).rows == std::vector<std::uint64_t>{4, 5, 6, 7});
  CHECK(batches.micro_batch(1, 0).pairs.size() == 1);
}
