// The promises of strata.quant/1, held against any codec over plain host memory.
#include <strata/abi/draft/quant.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include "core/ops/op_table.hpp"
#include "core/plugin/codec.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/host.hpp"
#include "core/plugin/plain.hpp"
#include "core/plugin/words.hpp"
#include "tests/conformance/computes.hpp"

using namespace strata;

namespace {

constexpr strata_dtype f32{STRATA_FLOAT, 32, 1};

const strata_quant* table_of(const strata_plugin& plugin) {
  return static_cast<const strata_quant*>(plugin.query({STRATA_STR("strata.quant/1")}));
}

// A configuration's scheme, its block's length and the error of a weight packed and unpacked, in
// parts of the largest element.
struct Subject {
  explicit Subject(const Configuration& from) : values(from.json, from.name) {
    REQUIRE(computes().plugin->open(host.table()) == STRATA_OK);
    scheme = values.text("scheme");
  }
  ~Subject() { computes().plugin->close(); }
  plugin::Codec codec() const {
    return {table_of(*computes().plugin), plugin_name(), host.table(), scheme};
  }

  plugin::Host host{plugin::config_table(), ops::op_table()};
  source::Config values;
  std::string scheme;
};

const Configuration& each(const std::vector<Configuration>& all) {
  const auto& one = all[GENERATE_COPY(range<std::size_t>(0, all.size()))];
  UNSCOPED_INFO("configuration: " << one.name);
  return one;
}

// Memory with bytes around it that nobody may touch.
class Guarded {
 public:
  explicit Guarded(std::size_t bytes) : bytes_(bytes + 2 * guard, std::byte{0x5a}) {}
  void* data() { return bytes_.data() + guard; }
  bool whole() const {
    for (std::size_t i = 0; i < guard; ++i)
      if (bytes_[i] != std::byte{0x5a} || bytes_[bytes_.size() - 1 - i] != std::byte{0x5a})
        return false;
    return true;
  }

 private:
  static constexpr std::size_t guard = 64;
  std::vector<std::byte> bytes_;
};

// The memory of a weight's parts.
class Parts {
 public:
  Parts(const plugin::Codec& codec, const shape::Value& weight) {
    for (const auto& part : codec.layout(weight))
      memory_.emplace_back(plugin::PlainTensor::bytes_of(part.value));
    for (auto& one : memory_) data_.push_back(one.data());
  }
  std::span<void* const> data() const { return data_; }
  bool whole() const { return std::ranges::all_of(memory_, &Guarded::whole); }

 private:
  std::vector<Guarded> memory_;
  std::vector<void*> data_;
};

std::vector<float> random_numbers(const shape::Value& weight, unsigned seed) {
  std::vector<float> out(static_cast<std::size_t>(weight.dims.elements()));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (auto& x : out) x = normal(random);
  return out;
}

}  // namespace

TEST_CASE("the entry says what the plugin is", "[entry]") {
  const auto& p = *computes().plugin;
  REQUIRE(p.magic == STRATA_MAGIC);
  REQUIRE(text_of(p.kind) == "quant");
  for (const std::string id : {"", "strata.quant/", "strata.quant/2", "strata.model/1"})
    REQUIRE(p.query(abi_str(id)) == nullptr);
  REQUIRE(table_of(p) != nullptr);
}

TEST_CASE("a score of garbage is 0", "[score]") {
  const Subject subject(computes().taken.front());
  for (const auto& scheme : {std::string(), std::string("\0\xff", 2), std::string(100000, 'Q')})
    REQUIRE(table_of(*computes().plugin)->score(abi_str(scheme), nullptr) <= 0);
}

TEST_CASE("a weight packed and unpacked is itself within the scheme's error", "[round]") {
  const Subject subject(each(computes().taken));
  const auto codec = subject.codec();
  const int64_t rows = GENERATE(1, 3), blocks = GENERATE(1, 5);
  const shape::Value weight{f32, {rows, blocks * subject.values.i64("block")}};
  auto from = random_numbers(weight, 7);
  float most = 0;
  for (const auto x : from) most = std::max(most, std::fabs(x));

  Parts parts(codec, weight);
  Guarded dense(from.size() * sizeof(float));
  codec.pack(weight, from.data(), parts.data(), {STRATA_CPU, 0}, nullptr);
  codec.unpack(parts.data(), weight, dense.data(), {STRATA_CPU, 0}, nullptr);
  REQUIRE(dense.whole());
  REQUIRE(parts.whole());
  const auto* to = static_cast<const float*>(dense.data());
  for (std::size_t i = 0; i < from.size(); ++i)
    REQUIRE(std::fabs(to[i] - from[i]) <= subject.values.f64("error") * most);
}

TEST_CASE("several threads unpack at once what one would", "[threads]") {
  const Subject subject(each(computes().taken));
  const auto codec = subject.codec();
  const shape::Value weight{f32, {16, 4 * subject.values.i64("block")}};
  constexpr int count = 4, turns = 20;
  std::vector<std::vector<float>> dense(count), once(count);
  std::vector<Parts> parts;
  for (unsigned i = 0; i < count; ++i) {
    dense[i] = once[i] = random_numbers(weight, i);
    parts.emplace_back(codec, weight);
    codec.pack(weight, dense[i].data(), parts[i].data(), {STRATA_CPU, 0}, nullptr);
    codec.unpack(parts[i].data(), weight, once[i].data(), {STRATA_CPU, 0}, nullptr);
  }
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      for (int turn = 0; turn < turns; ++turn)
        codec.unpack(parts[i].data(), weight, dense[i].data(), {STRATA_CPU, 0}, nullptr);
    });
  for (auto& thread : threads) thread.join();
  REQUIRE(dense == once);
}

TEST_CASE("a row that is no whole blocks is refused", "[layout]") {
  const Subject subject(each(computes().taken));
  const auto block = subject.values.i64("block");
  if (block == 1) return;
  REQUIRE_THROWS_WITH(subject.codec().layout({f32, {2, block + 1}}),
                      Catch::Contains(std::to_string(block + 1)));
}

TEST_CASE("an unknown scheme is refused with the words that help", "[refused]") {
  if (computes().refused.empty()) return;
  const auto& from = each(computes().refused);
  const Subject subject(from);
  REQUIRE_THROWS_WITH(subject.codec(), Catch::Contains(from.says));
}
