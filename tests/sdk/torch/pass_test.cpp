#include "torch/pass.hpp"

#include <catch2/catch.hpp>

#include "core/error.hpp"
#include "torch/pch.hpp"

namespace strata::torch {
namespace {

using run::Sequence;

std::vector<int64_t> numbers(const at::Tensor& tensor) {
  const auto wide = tensor.to(at::kLong).contiguous();
  return {wide.data_ptr<int64_t>(), wide.data_ptr<int64_t>() + wide.numel()};
}

// Begins a pass over these sequences, with as many ids as they have tokens.
void begin(Pass& pass, const std::vector<Sequence>& sequences) {
  std::vector<int32_t> ids;
  for (const auto& s : sequences)
    for (uint32_t t = 0; t < s.count; ++t) ids.push_back(static_cast<int32_t>(100 + ids.size()));
  pass.begin({ids, sequences, {}});
}

const at::Device cpu{at::DeviceType::CPU};

}  // namespace

TEST_CASE("a pass knows the place of each token and of its key", "[torch][pass]") {
  // Ten tokens take three blocks of four: sequence s begins at cache row 12 s.
  Pass pass({.sequences = 3, .tokens = 10, .block = 4});
  REQUIRE(pass.blocks() == 3);
  begin(pass, {{.slot = 2, .first = 0, .count = 3}, {.slot = 0, .first = 7, .count = 1}});
  const auto& on = pass.on(cpu);
  CHECK(numbers(on.ids) == std::vector<int64_t>{100, 101, 102, 103});
  CHECK(numbers(on.positions) == std::vector<int64_t>{0, 1, 2, 7});
  CHECK(numbers(on.starts) == std::vector<int64_t>{0, 3, 4});
  CHECK(numbers(on.lengths) == std::vector<int64_t>{3, 8});
  CHECK(numbers(on.cache_rows) == std::vector<int64_t>{24, 25, 26, 7});
  CHECK(numbers(on.table) == std::vector<int64_t>{6, 7, 8, 0, 1, 2});
  const auto& ragged = pass.ragged();
  CHECK(ragged.tokens == 4);
  CHECK(ragged.max_query == 3);
  CHECK(ragged.max_keys == 8);
  CHECK(ragged.sequences[1].start == 3);
  CHECK(ragged.sequences[1].cache_row == 0);
  CHECK(ragged.sequences[0].cache_row == 24);
}

TEST_CASE("a pass without a cache sees its own tokens alone", "[torch][pass]") {
  Pass pass({.sequences = 1, .tokens = 0});
  begin(pass, {{.count = 2}, {.count = 3}});
  CHECK(pass.ragged().max_keys == 3);
  CHECK(pass.ragged().sequences[1].cache_row == -1);
  CHECK_FALSE(pass.on(cpu).table.defined());
  CHECK_THROWS_AS(begin(pass, {{.first = 1, .count = 2}}), Error);
}

TEST_CASE("tensors of a pass are made once, found again, and gone with it", "[torch][pass]") {
  Pass pass({.sequences = 1, .tokens = 8, .block = 8});
  begin(pass, {{.count = 2}});
  auto& made = pass.on(cpu);
  CHECK(&pass.on(cpu) == &made);
  const auto starts = made.starts;
  CHECK(pass.of(starts) == &made);
  CHECK(pass.of(starts.clone()) == nullptr);
  begin(pass, {{.first = 2, .count = 1}});
  CHECK(pass.of(starts) == nullptr);
  CHECK(numbers(pass.on(cpu).positions) == std::vector<int64_t>{2});
}

TEST_CASE("a batch that does not fit the cache is refused, and leaves the pass as it was",
          "[torch][pass]") {
  Pass pass({.sequences = 2, .tokens = 6, .block = 4});
  begin(pass, {{.count = 6}});
  const auto [sequence, words] = GENERATE(table<Sequence, const char*>({
      {{.slot = 0, .first = 0, .count = 7}, "needs room for 7 tokens, the cache has 6"},
      {{.slot = 1, .first = 6, .count = 1}, "needs room for 7 tokens, the cache has 6"},
      {{.slot = 2, .first = 0, .count = 1}, "sequence 2 needs room"},
      {{.slot = 0, .first = 0, .count = 0}, "a sequence without tokens"},
      {{.slot = 0, .first = -1, .count = 1}, "begins at no position"},
  }));
  CHECK_THROWS_WITH(begin(pass, {sequence}), Catch::Contains(words));
  CHECK(pass.ragged().tokens == 6);
}

TEST_CASE("sequences of more or fewer tokens than the batch has ids are refused", "[torch][pass]") {
  Pass pass({.sequences = 1, .tokens = 6, .block = 4});
  const auto count = GENERATE(1u, 3u);
  const std::vector<Sequence> sequences{{.count = count}};
  const std::vector<int32_t> ids{1, 2};
  CHECK_THROWS_WITH(pass.begin({ids, sequences, {}}), Catch::Contains("are not the ids"));
}

}  // namespace strata::torch
