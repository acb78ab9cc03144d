// The micro-batches of a step over several ranks, and what is put together from all of them.
#include "app/finetune/rank_batches.hpp"

#include <catch2/catch.hpp>

#include "app/finetune/run_ranks.hpp"

using namespace strata;
using namespace strata::app;

namespace {

// So many micro-batches of one token, its id the number of the micro-batch.
std::vector<data::MicroBatchTokens> numbered(int32_t count) {
  std::vector<data::MicroBatchTokens> out;
  for (int32_t one = 0; one < count; ++one) {
    auto& tokens = out.emplace_back();
    tokens.ids = {one};
    tokens.sequences = {{0, 0, 1, 1}};
    tokens.rows = {static_cast<uint64_t>(one)};
    tokens.targets = {-1};
    tokens.weights = {0};
  }
  return out;
}

// The number of each micro-batch; -1: it has no tokens.
std::vector<int32_t> numbers(const std::vector<train::MicroBatch>& batches) {
  std::vector<int32_t> out;
  for (const auto& one : batches) {
    out.push_back(one.ids.empty() ? -1 : one.ids.front());
    CHECK(one.sequences.size() == one.ids.size());
    CHECK(one.targets.size() == one.ids.size());
  }
  return out;
}

std::vector<int32_t> numbers(const std::vector<std::span<const int32_t>>& ids) {
  std::vector<int32_t> out;
  for (const auto one : ids) out.push_back(one.empty() ? -1 : one.front());
  return out;
}

using Numbers = std::vector<int32_t>;

}  // namespace

TEST_CASE("micro-batch g of rank r is number g * ranks + r of the step", "[app][finetune]") {
  const auto tokens = numbered(6);
  CHECK(numbers(split_over_ranks(tokens, 0, 2).own) == Numbers{0, 2, 4});
  CHECK(numbers(split_over_ranks(tokens, 1, 2).own) == Numbers{1, 3, 5});
  CHECK(numbers(split_over_ranks(tokens, 1, 2).all_ids) == Numbers{0, 1, 2, 3, 4, 5});
  CHECK(numbers(split_over_ranks(tokens, 2, 3).own) == Numbers{2, 5});
}

TEST_CASE("ranks without a micro-batch take part with one that is empty", "[app][finetune]") {
  const auto tokens = numbered(4);
  CHECK(numbers(split_over_ranks(tokens, 0, 3).own) == Numbers{0, 3});
  CHECK(numbers(split_over_ranks(tokens, 1, 3).own) == Numbers{1, -1});
  CHECK(numbers(split_over_ranks(tokens, 2, 3).own) == Numbers{2, -1});
  CHECK(numbers(split_over_ranks(tokens, 2, 3).all_ids) == Numbers{0, 1, 2, 3, -1, -1});
  const auto one = numbered(1);
  CHECK(numbers(split_over_ranks(one, 3, 4).own) == Numbers{-1});
}

TEST_CASE("one rank has all micro-batches, and no list of ids", "[app][finetune]") {
  const auto tokens = numbered(3);
  const auto alone = split_over_ranks(tokens, 0, 1);
  CHECK(numbers(alone.own) == Numbers{0, 1, 2});
  CHECK(alone.all_ids.empty());
}

TEST_CASE("a training's report of ranks has the bytes of all and the slowest one's loading",
          "[app][finetune]") {
  const auto report = [](double seconds, uint64_t bytes, const char* cpus) {
    return OrderedJson{{"plugins", "p"},
                       {"load_s", seconds},
                       {"moved", {{"load", bytes}, {"to_device", 2 * bytes}}},
                       {"peak", {{"device", {{"bytes", bytes}}}}},
                       {"cores", {{"cpus", cpus}}},
                       {"bound", {{"seconds", 1}}}};
  };
  const auto all = joined_training_report({report(1, 10, "0"), report(3, 20, "1")});
  CHECK(all["load_s"] == 3);
  CHECK(all["moved"]["load"] == 30);
  CHECK(all["moved"]["to_device"] == 60);
  CHECK_FALSE(all.contains("cores"));
  REQUIRE(all["ranks"].size() == 2);
  CHECK(all["ranks"][1]["peak"]["device"]["bytes"] == 20);
  CHECK(all["ranks"][1]["cores"]["cpus"] == "1");
  CHECK(all["ranks"][1]["moved"]["load"] == 20);
  CHECK_FALSE(all["ranks"][1].contains("plugins"));
  CHECK_FALSE(all["ranks"][1].contains("bound"));
  CHECK(joined_training_report({report(1, 10, "0")}) == report(1, 10, "0"));
}
