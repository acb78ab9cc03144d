// The promises of strata.quant/1, held against any codec over plain host memory.
#include <strata/abi/draft/quant.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <optional>
#include <random>
#include <span>
#include <thread>
#include <vector>

#include "core/ops/op_table.hpp"
#include "core/plugin/codec.hpp"
#include "core/plugin/codec_product.hpp"
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

// A configuration's scheme and options, its block's length, whether a row may end within a block,
// and the error of a weight packed and unpacked, in parts of the largest element.
struct Subject {
  explicit Subject(const Configuration& from) : values(from.json, from.name) {
    REQUIRE(computes().plugin->open(host.table()) == STRATA_OK);
    scheme = values.text("scheme");
    if (values.count("options") != 0) options.emplace(values.root().at("options"), "options");
    if (options) given.values = &*options;
  }
  ~Subject() { computes().plugin->close(); }
  plugin::Codec codec() const {
    return {table_of(*computes().plugin), plugin_name(), host.table(), scheme,
            options ? &given : nullptr};
  }
  bool partial() const { return values.flag("partial", false); }
  // The elements of a row of so many blocks, with a few more if it may end within one.
  int64_t columns(int64_t blocks) const {
    return blocks * values.i64("block") + (partial() ? 5 : 0);
  }

  plugin::Host host{plugin::config_table(), ops::op_table()};
  source::Config values;
  std::string scheme;
  std::optional<source::Config> options;
  strata_config given{};
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

// Ways to run the items of a product.
strata_threads in_order() {
  return {{sizeof(strata_threads), 0},
          [](const strata_threads*, int64_t count, void (*item)(void*, int64_t), void* user) {
            for (int64_t i = 0; i < count; ++i) item(user, i);
          }};
}
strata_threads reversed() {
  return {{sizeof(strata_threads), 0},
          [](const strata_threads*, int64_t count, void (*item)(void*, int64_t), void* user) {
            while (count-- > 0) item(user, count);
          }};
}
strata_threads on_threads() {
  return {{sizeof(strata_threads), 0},
          [](const strata_threads*, int64_t count, void (*item)(void*, int64_t), void* user) {
            std::atomic<int64_t> next{0};
            std::vector<std::thread> threads;
            for (int i = 0; i < 3; ++i)
              threads.emplace_back([&] {
                for (auto at = next++; at < count; at = next++) item(user, at);
              });
            for (auto& thread : threads) thread.join();
          }};
}

// Products of 8 tokens with a weight in parts.
class Products {
 public:
  Products(const plugin::Codec& codec, int64_t out, int64_t in, bool fast, unsigned seed = 3)
      : rows(out), codec_(codec), fast_(fast), shape_{out, in},
        weight_(random_numbers({f32, {out, in}}, seed)), x_(random_numbers({f32, {8, in}}, 4)),
        parts_(codec, {f32, {out, in}}) {
    codec.pack({f32, {out, in}}, weight_.data(), parts_.data(), {STRATA_CPU, 0}, nullptr);
    codec.unpack(parts_.data(), {f32, {out, in}}, weight_.data(), {STRATA_CPU, 0}, nullptr);
  }

  bool can(int64_t tokens, strata_dtype dtype = f32) const {
    auto asked = kind(tokens);
    asked.dtype = dtype;
    return plugin::can_multiply(codec_, asked);
  }

  // The product of the tokens from `first` on.
  std::vector<float> product(int64_t first, int64_t tokens, const strata_threads& threads) const {
    const auto count = static_cast<std::size_t>(tokens * rows);
    auto x = std::vector(x_.begin() + first * shape_[1], x_.begin() + (first + tokens) * shape_[1]);
    Guarded y(count * sizeof(float));
    plugin::multiply(codec_, kind(tokens), parts_.data(), x.data(), y.data(), threads);
    REQUIRE(y.whole());
    REQUIRE(parts_.whole());
    const auto* made = static_cast<const float*>(y.data());
    return {made, made + count};
  }

  bool can_group() const { return plugin::can_group(codec_, kind(8)); }

  // The products of all tokens: those before `end` with this weight, the others with that one.
  std::vector<float> grouped(int64_t end, const Products& with,
                             const strata_threads& threads) const {
    const auto count = static_cast<std::size_t>(8 * rows);
    auto x = x_;
    Guarded y(count * sizeof(float));
    const std::array<plugin::GroupedMemory, 2> weights{
        {{parts_.data(), end}, {with.parts_.data(), 8}}};
    plugin::multiply_grouped(codec_, kind(8), weights, x.data(), y.data(), threads);
    REQUIRE(y.whole());
    const auto* made = static_cast<const float*>(y.data());
    return {made, made + count};
  }

  // The exact product, and how far float32 sums may be from it; with x rounded to 8 bits more.
  struct Expected {
    double value = 0, bound = 0;
  };
  Expected expected(int64_t token, int64_t row) const {
    Expected out;
    double absolute = 0, of_weights = 0, largest = 0;
    for (int64_t k = 0; k < shape_[1]; ++k) {
      const double x = x_[static_cast<std::size_t>(token * shape_[1] + k)],
                   w = weight_[static_cast<std::size_t>(row * shape_[1] + k)];
      out.value += x * w;
      absolute += std::fabs(x * w);
      of_weights += std::fabs(w);
      largest = std::max(largest, std::fabs(x));
    }
    out.bound = absolute * 1e-5 + (fast_ ? of_weights * largest / 127 : 0);
    return out;
  }

  const int64_t rows;

 private:
  plugin::ProductKind kind(int64_t tokens) const {
    return {.weight = shape_, .tokens = tokens, .fast = fast_};
  }

  const plugin::Codec& codec_;
  bool fast_;
  std::array<int64_t, 2> shape_;
  std::vector<float> weight_, x_;
  Parts parts_;
};

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
  const plugin::Host host{plugin::config_table(), ops::op_table()};
  REQUIRE(computes().plugin->open(host.table()) == STRATA_OK);
  for (const auto& scheme : {std::string(), std::string("\0\xff", 2), std::string(100000, 'Q')})
    REQUIRE(table_of(*computes().plugin)->score(abi_str(scheme), nullptr) <= 0);
  computes().plugin->close();
}

TEST_CASE("a weight packed and unpacked is itself within the scheme's error", "[round]") {
  if (computes().taken.empty()) return;  // it packs no weights
  const Subject subject(each(computes().taken));
  const auto codec = subject.codec();
  const int64_t rows = GENERATE(1, 3), blocks = GENERATE(1, 5);
  const shape::Value weight{f32, {rows, subject.columns(blocks)}};
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
  if (computes().taken.empty()) return;  // it packs no weights
  const Subject subject(each(computes().taken));
  const auto codec = subject.codec();
  const shape::Value weight{f32, {16, subject.columns(4)}};
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

TEST_CASE("a product straight from the parts is the one with the unpacked weight", "[linear]") {
  if (computes().taken.empty()) return;  // it packs no weights
  const Subject subject(each(computes().taken));
  const auto codec = subject.codec();
  const bool fast = GENERATE(false, true);
  const Products made(codec, 67, subject.columns(3), fast);
  if (!made.can(1)) return;  // the host unpacks first
  REQUIRE_FALSE(made.can(1, {STRATA_INT, 64, 1}));
  for (const int64_t tokens : {1, 3, 8}) {
    if (!made.can(tokens)) continue;
    const auto y = made.product(0, tokens, reversed());
    REQUIRE(y.size() == static_cast<std::size_t>(tokens * made.rows));
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t n = 0; n < made.rows; ++n) {
        const auto expected = made.expected(t, n);
        CHECK(std::fabs(y[static_cast<std::size_t>(t * made.rows + n)] - expected.value) <=
              expected.bound);
      }
  }
}

TEST_CASE("a row of a product has the same bits beside others and on any threads", "[linear]") {
  if (computes().taken.empty()) return;  // it packs no weights
  const Subject subject(each(computes().taken));
  const auto codec = subject.codec();
  const bool fast = GENERATE(false, true);
  const Products made(codec, 67, subject.columns(3), fast);
  if (!made.can(8)) return;
  const auto together = made.product(0, 8, reversed());
  for (int64_t t = 0; t < 8; ++t) {
    const auto alone = made.product(t, 1, in_order());
    REQUIRE(std::equal(alone.begin(), alone.end(), together.begin() + t * made.rows));
  }
  REQUIRE(made.product(0, 8, on_threads()) == together);
}

TEST_CASE("a product with several weights has the bits of each one's own", "[linear]") {
  if (computes().taken.empty()) return;  // it packs no weights
  const Subject subject(each(computes().taken));
  const auto codec = subject.codec();
  const bool fast = GENERATE(false, true);
  const auto in = subject.columns(3);
  const Products first(codec, 67, in, fast), second(codec, 67, in, fast, 5);
  if (!first.can_group()) return;  // the host multiplies one by one
  for (const int64_t end : {0, 1, 3, 8}) {
    auto want = end > 0 ? first.product(0, end, in_order()) : std::vector<float>();
    if (end < 8) {
      const auto rest = second.product(end, 8 - end, in_order());
      want.insert(want.end(), rest.begin(), rest.end());
    }
    REQUIRE(first.grouped(end, second, reversed()) == want);
    REQUIRE(first.grouped(end, second, on_threads()) == want);
  }
}

TEST_CASE("a row that is no whole blocks is refused", "[layout]") {
  if (computes().taken.empty()) return;  // it packs no weights
  const Subject subject(each(computes().taken));
  const auto block = subject.values.i64("block");
  if (block == 1 || subject.partial()) return;
  REQUIRE_THROWS_WITH(subject.codec().layout({f32, {2, block + 1}}),
                      Catch::Contains(std::to_string(block + 1)));
}

TEST_CASE("an unknown scheme or option is refused with the words that help", "[refused]") {
  if (computes().refused.empty()) return;
  const auto& from = each(computes().refused);
  const Subject subject(from);
  REQUIRE_THROWS_WITH(subject.codec(), Catch::Contains(from.says));
}
