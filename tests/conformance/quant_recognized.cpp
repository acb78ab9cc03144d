// The promises of strata.quant/1 about weights that a checkpoint holds in several tensors. Each
// [[recognized]] of conformance.toml has the tensors, {role, type, shape, below}, where integers
// are below `below`, and the quantization's `config`; then the weight's scheme and shape, or words
// of the refusal, `says`, or neither for tensors that are no weight of the plugin.
#include <strata/abi/draft/quant.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <deque>
#include <optional>
#include <random>
#include <thread>

#include "core/json.hpp"
#include "core/ops/op_table.hpp"
#include "core/plugin/calling.hpp"
#include "core/plugin/codec.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/host.hpp"
#include "core/plugin/lent.hpp"
#include "core/plugin/plain.hpp"
#include "core/plugin/words.hpp"
#include "tests/conformance/computes.hpp"

using namespace strata;

namespace {

constexpr strata_dtype f64{STRATA_FLOAT, 64, 1};

struct Found {
  std::string scheme;
  std::vector<int64_t> shape;
  strata_dtype dtype;
};

// A row of conformance.toml, and the plugin's answer to it.
class Recognized {
 public:
  explicit Recognized(const Configuration& from)
      : json(Json::parse(from.json)), options_(json["config"], from.name) {
    REQUIRE(computes().plugin->open(host_.table()) == STRATA_OK);
  }
  ~Recognized() { computes().plugin->close(); }
  Recognized(const Recognized&) = delete;
  Recognized& operator=(const Recognized&) = delete;

  const strata_quant& table() const {
    return *static_cast<const strata_quant*>(
        computes().plugin->query({STRATA_STR("strata.quant/1")}));
  }
  plugin::Codec codec(const std::string& scheme) const {
    return {&table(), plugin_name(), host_.table(), scheme};
  }
  const strata_host* host() const { return host_.table(); }

  std::pair<strata_status, std::optional<Found>> ask() const {
    REQUIRE(STRATA_HAS(strata_quant, &table(), recognize));
    std::deque<std::string> texts;
    std::deque<std::vector<int64_t>> shapes;
    std::vector<strata_weight_tensor> tensors;
    for (const auto& one : json["tensors"]) {
      const auto& role = texts.emplace_back(one["role"].get<std::string>());
      const auto& type = texts.emplace_back(one["type"].get<std::string>());
      const auto& shape = shapes.emplace_back(one["shape"].get<std::vector<int64_t>>());
      tensors.push_back({{sizeof(strata_weight_tensor), 0},
                         abi_str(role),
                         abi_str(type),
                         shape.data(),
                         nullptr,
                         static_cast<uint32_t>(shape.size()),
                         0});
    }
    const strata_weight_tensors all{{sizeof(strata_weight_tensors), 0},
                                    {STRATA_STR("layers.0.weight")},
                                    tensors.data(),
                                    tensors.size()};
    const strata_config options{&options_};
    std::optional<Found> found;
    const auto emit = [](void* to, const strata_packed_weight* weight) {
      static_cast<std::optional<Found>*>(to)->emplace(
          Found{std::string(text_of(weight->scheme)),
                {weight->shape, weight->shape + weight->ndim},
                weight->dtype});
    };
    const auto status = table().recognize(host_.table(), &options, &all, emit, &found);
    return {status, found};
  }

  const Json json;

 private:
  plugin::Host host_{plugin::config_table(), ops::op_table()};
  source::Config options_;
};

const Configuration* each_row() {
  const auto& all = computes().recognized;
  if (all.empty()) return nullptr;
  const auto& one = all[GENERATE_COPY(range<std::size_t>(0, all.size()))];
  UNSCOPED_INFO("recognized: " << one.name);
  return &one;
}

// The parts of a weight in memory of their own.
struct Memory {
  Memory(const plugin::Codec& codec, const Found& weight) {
    for (const auto& part : codec.layout({weight.dtype, shape::Dims(weight.shape)})) {
      values.push_back(part.value);
      bytes.emplace_back(plugin::PlainTensor::bytes_of(part.value));
    }
    for (auto& one : bytes) data.push_back(one.data());
  }
  std::vector<shape::Value> values;
  std::vector<std::vector<std::byte>> bytes;
  std::vector<void*> data;
};

// Random bits, small numbers where the type is a float, integers below a bound where there is one.
void fill(std::vector<std::byte>& bytes, const Json& tensor, std::mt19937& random) {
  const auto type = tensor["type"].get<std::string>();
  std::normal_distribution<float> small(0, 0.05F);
  for (std::size_t i = 0; i < bytes.size(); i += type == "F16" || type == "BF16" ? 2 : 4) {
    auto word = static_cast<uint32_t>(random());
    if (tensor.contains("below")) word %= tensor["below"].get<uint32_t>();
    if (type == "F32" || type == "BF16") {
      const float x = small(random);
      std::memcpy(&word, &x, sizeof x);
      if (type == "BF16") word >>= 16;
    }
    if (type == "F16") word &= 0xafffU;               // below 2^-3
    if (type.starts_with("F8")) word &= 0xbfbfbfbfU;  // none is NaN
    std::memcpy(bytes.data() + i, &word, std::min<std::size_t>(bytes.size() - i, 4));
  }
}

std::vector<double> unpacked(const plugin::Codec& codec, const Memory& from, const Found& weight) {
  const shape::Value value{f64, shape::Dims(weight.shape)};
  std::vector<double> out(static_cast<std::size_t>(value.dims.elements()), -1);
  codec.unpack(from.data, value, out.data(), {STRATA_CPU, 0}, nullptr);
  return out;
}

// The scheme that products of one token with such a weight use; "" where they use the parts.
std::string run_scheme(const plugin::Codec& codec, const Found& weight) {
  const auto& table = *codec.table();
  if (!STRATA_HAS(strata_quant, &table, run_scheme)) return "";
  const strata_product_kind kind{{sizeof(strata_product_kind), 0},
                                 weight.shape.data(),
                                 1,
                                 static_cast<uint32_t>(weight.shape.size()),
                                 0,
                                 {STRATA_CPU, 0},
                                 {STRATA_FLOAT, 32, 1},
                                 0};
  std::string out;
  const auto emit = [](void* to, strata_str scheme) {
    *static_cast<std::string*>(to) = text_of(scheme);
  };
  plugin::succeeds(codec.who(), "run_scheme",
                   [&] { return table.run_scheme(codec.self(), &kind, emit, &out); });
  return out;
}

void repack(const plugin::Codec& codec, const Found& weight, const Memory& from, const Memory& to) {
  std::deque<plugin::Lent> tensors;
  const auto lend = [&](const Memory& memory) {
    std::vector<strata_tensor*> out;
    for (std::size_t i = 0; i < memory.data.size(); ++i)
      out.push_back(tensors
                        .emplace_back(plugin::Handle(
                            new plugin::PlainTensor(memory.values[i], memory.data[i])))
                        .get());
    return out;
  };
  auto held = lend(from), run = lend(to);
  const strata_parts held_parts{held.data(), held.size()}, run_parts{run.data(), run.size()};
  plugin::PlainOps ops;
  plugin::Call call{{{sizeof(strata_call), 0}, codec.host(), nullptr, {STRATA_CPU, 0}}, &ops};
  plugin::succeeds(codec.who(), "repack", [&] {
    return codec.table()->repack(codec.self(), &call.seen,
                                 static_cast<uint32_t>(weight.shape.size()), weight.shape.data(),
                                 &held_parts, &run_parts);
  });
}

}  // namespace

TEST_CASE("a checkpoint's tensors are recognized, or refused, or nobody's", "[recognized]") {
  const auto* row = each_row();
  if (!row) return;
  const Recognized given(*row);
  const auto [status, found] = given.ask();
  if (given.json.contains("says")) {
    REQUIRE(status != STRATA_OK);
    REQUIRE_THAT(plugin::take_words(), Catch::Contains(given.json["says"].get<std::string>()));
    return;
  }
  REQUIRE(status == STRATA_OK);
  REQUIRE(found.has_value() == given.json.contains("scheme"));
  if (!found) return;
  REQUIRE(found->scheme == given.json["scheme"].get<std::string>());
  REQUIRE(found->shape == given.json["shape"].get<std::vector<int64_t>>());
  REQUIRE(given.table().score(abi_str(found->scheme), nullptr) > 0);

  const auto parts = given.codec(found->scheme).layout({found->dtype, shape::Dims(found->shape)});
  REQUIRE(parts.size() == given.json["tensors"].size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& tensor = given.json["tensors"][i];
    REQUIRE(parts[i].role == tensor["role"].get<std::string>());
    REQUIRE(std::vector(parts[i].value.dims.begin(), parts[i].value.dims.end()) ==
            tensor["shape"].get<std::vector<int64_t>>());
  }
}

TEST_CASE("a recognized weight has the same numbers on any thread and for products",
          "[recognized]") {
  const auto* row = each_row();
  if (!row) return;
  const Recognized given(*row);
  const auto found = given.ask().second;
  plugin::take_words();
  if (!found) return;
  const auto codec = given.codec(found->scheme);
  Memory held(codec, *found);
  std::mt19937 random(5);
  for (std::size_t i = 0; i < held.bytes.size(); ++i)
    fill(held.bytes[i], given.json["tensors"][i], random);
  const auto expected = unpacked(codec, held, *found);
  for (const auto x : expected) REQUIRE(std::isfinite(x));

  std::vector<std::vector<double>> got(3);
  std::vector<std::thread> threads;
  for (auto& one : got) threads.emplace_back([&] { one = unpacked(codec, held, *found); });
  for (auto& thread : threads) thread.join();
  for (const auto& one : got) REQUIRE(one == expected);

  const auto scheme = run_scheme(codec, *found);
  if (scheme.empty()) return;
  const auto run = given.codec(scheme);
  const Memory to(run, *found);
  for (const auto& part : to.values) REQUIRE(*part.dims.begin() == found->shape[0]);
  repack(codec, *found, held, to);
  const auto exact = unpacked(run, to, *found);
  // Unpacking may round to the weight's dtype, which products do not.
  const bool half = found->dtype.bits == 16 && found->dtype.code == STRATA_FLOAT;
  const double step = found->dtype.bits == 32 ? 0x1p-23 : half ? 0x1p-11 : 0x1p-8;
  for (std::size_t i = 0; i < exact.size(); ++i)
    REQUIRE(std::fabs(exact[i] - expected[i]) <= std::fabs(exact[i]) * step + (half ? 0x1p-25 : 0));
}
