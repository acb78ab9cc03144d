#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <random>

#include "tests/sdk/torch/comm/processes.hpp"

using namespace strata;
using namespace std::chrono_literals;
using device::Element;

namespace {

using Numbers = std::vector<float>;

// The numbers that rank `rank` gives to call `call`: whole numbers that bfloat16 holds, or any in
// float32.
Numbers given(uint32_t rank, uint32_t call, std::size_t count, bool whole) {
  std::mt19937 random(rank * 1000 + call);
  Numbers out(count);
  for (auto& one : out)
    one = whole ? static_cast<float>(static_cast<int>(random() % 401) - 200)
                : std::uniform_real_distribution<float>(-1, 1)(random);
  return out;
}

// The nearest number with eight significant bits, the even one of two.
float rounded(float value) {
  if (value == 0) return 0;
  const int unit = std::ilogb(value) - 7;
  return std::ldexp(std::nearbyint(std::ldexp(value, -unit)), unit);
}

std::vector<std::byte> stored(const Numbers& numbers, Element element) {
  std::vector<std::byte> out(numbers.size() * device::bytes_of(element));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto bits = std::bit_cast<uint32_t>(numbers[i]);
    const auto high = static_cast<uint16_t>(bits >> 16);
    if (element == Element::float32)
      std::memcpy(out.data() + 4 * i, &bits, 4);
    else
      std::memcpy(out.data() + 2 * i, &high, 2);
  }
  return out;
}

void expect(bool right, const std::string& what) {
  if (!right) throw std::runtime_error(what + " is wrong");
}

void gather(device::Collective& data, uint32_t call, uint64_t shard) {
  std::vector<std::byte> base(shard * data.ranks()), all;
  for (uint32_t rank = 0; rank < data.ranks(); ++rank) {
    const auto part = stored(given(rank, call, shard / 4, false), Element::float32);
    all.insert(all.end(), part.begin(), part.end());
    if (rank == data.rank())
      std::copy(part.begin(), part.end(), base.begin() + static_cast<int64_t>(shard * rank));
  }
  data.all_gather(base.data(), shard, nullptr);
  expect(base == all, "a gather of " + std::to_string(shard) + " bytes");
}

void sum(device::Collective& data, uint32_t call, uint64_t shard, Element element) {
  const bool wide = element == Element::float32;
  const auto each = shard / device::bytes_of(element), count = each * data.ranks();
  auto base = stored(given(data.rank(), call, count, !wide), element);
  auto total = given(0, call, count, !wide);
  for (uint32_t rank = 1; rank < data.ranks(); ++rank) {
    const auto next = given(rank, call, count, !wide);
    for (std::size_t i = 0; i < count; ++i) total[i] += next[i];
  }
  if (!wide)
    for (auto& one : total) one = rounded(one);
  data.reduce_scatter(base.data(), shard, element, nullptr);
  const auto all = stored(total, element);
  expect(
      std::memcmp(base.data() + shard * data.rank(), all.data() + shard * data.rank(), shard) == 0,
      (wide ? "a sum of float32, " : "a sum of bfloat16, ") + std::to_string(shard) + " bytes");
}

void messages(run::Control& control, const run::Ranks& ranks) {
  const auto text = [](uint32_t rank) {
    return std::string(rank * 70'000, static_cast<char>('a' + rank));
  };
  const auto all = control.all_gather(text(ranks.rank));
  for (uint32_t rank = 0; rank < ranks.ranks; ++rank) expect(all[rank] == text(rank), "a message");
  expect(control.all_gather("").back().empty(), "an empty message");
  expect(control.broadcast(ranks.rank == 0 ? "rank 0's" : "another") == "rank 0's",
         "a broadcast text");
  expect(control.broadcast("").empty(), "an empty broadcast");
}

void every_call(const made::Rank& rank) {
  const auto group = rank.open();
  auto& data = group->data();
  const auto ranks = data.ranks();
  messages(group->control(), group->ranks());
  for (uint32_t call = 0; call < 4; ++call) {
    for (const uint64_t shard : {16u, 48u, 99'984u}) {
      gather(data, call, shard);
      sum(data, call, shard, Element::float32);
      sum(data, call, shard, Element::bfloat16);
    }
    for (uint32_t from = 0; from < ranks; ++from) {
      auto bytes = stored(given(data.rank(), call, 999, false), Element::float32);
      data.broadcast(bytes.data(), bytes.size(), from, nullptr);
      expect(bytes == stored(given(from, call, 999, false), Element::float32), "a broadcast");
    }
    double values[2] = {1.0 + data.rank(), 0.1 * data.rank()};
    data.all_reduce(values, 2);
    double tenths = 0;
    for (uint32_t r = 0; r < ranks; ++r) tenths += 0.1 * r;
    expect(values[0] == ranks * (ranks + 1) / 2.0 && values[1] == tenths, "a sum of doubles");
  }
  sum(data, 9, (4u << 20) + 16, Element::float32);  // travels in several pieces
  rank.say("right");
}

}  // namespace

TEST_CASE("every collective gives what the test computes from all ranks' data", "[group]") {
  const uint32_t ranks = GENERATE(1u, 2u, 4u);
  made::Processes processes(ranks, 3s, 60s, every_call);
  for (uint32_t rank = 0; rank < ranks; ++rank) {
    CHECK(processes.line(rank) == "right");
    CHECK(processes.line(rank) == "ended");
  }
}

TEST_CASE("a group of one needs no place to meet, and its calls go through Gloo", "[group]") {
  made::Processes processes(1, 3s, 60s, [](const made::Rank& rank) {
    auto own = rank;
    own.options.ranks = {};
    const auto group = own.open();
    auto& data = group->data();
    messages(group->control(), group->ranks());
    gather(data, 0, 48);
    sum(data, 1, 48, Element::bfloat16);
    double value = 0.1;
    data.all_reduce(&value, 1);
    expect(value == 0.1, "a sum of doubles");
    const auto collected = data.collected();
    expect(collected.library == "gloo" && collected.all_gather.bytes == 48 &&
               collected.reduce_scatter.bytes == 48 && collected.all_reduce.bytes == sizeof value,
           "what was collected");
    rank.say("right");
  });
  CHECK(processes.line(0) == "right");
  CHECK(processes.line(0) == "ended");
}
