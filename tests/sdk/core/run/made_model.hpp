// A model of random shape with random bytes, written as safetensors shards. The bytes that its runs
// must see are known without the code that reads them.
#pragma once
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/run/model.hpp"
#include "tests/sdk/core/shape/family.hpp"
#include "tests/sdk/core/source/made.hpp"

namespace made {

// A decoder of `layers` layers without attention: an embedding, halves of two shapes, every third
// one of experts where there are some, a head.
struct Plain {
  int64_t V, D, F, L, X;
  bool tied;
  explicit Plain(const strata::Config& c)
      : V(c.i64("vocab")), D(c.i64("hidden")), F(c.i64("ffn")), L(c.i64("layers")),
        X(c.i64("experts")), tied(c.flag("tied")) {}
  bool mixes(int64_t layer) const { return X > 0 && layer % 3 == 0; }
  std::string head() const { return tied ? "embed" : "head"; }
  void declare(strata::Declarer& d) const {
    d.embedding().weight("embed.weight", {V, D});
    for (int64_t l = 0; l < L; ++l) {
      d.unit("layers." + std::to_string(l) + ".");
      d.weight("norm.weight", {D});
      if (mixes(l)) {
        const auto experts = static_cast<uint32_t>(X);
        const strata::WeightOptions of{
            .experts = experts, .also = "experts.gate_up", .by_turns = true};
        d.weight("router.weight", {X, D}, {.router = true});
        d.group({{"experts.{}.gate.weight", {F, D}, of}, {"experts.{}.up.weight", {F, D}, of}});
        d.weight("experts.{}.down.weight", {D, F}, {.experts = experts});
        continue;
      }
      if (l % 2) d.group({{"gate.weight", {F, D}}, {"up.weight", {F, D}}});
      d.weight("in.weight", {F, D}).weight("out.weight", {D, F});
    }
    d.head().weight("norm.weight", {D}).weight(head() + ".weight", {V, D});
  }
  strata::Tensor forward(const strata::Ops& op, int64_t unit, strata::Tensor x) const {
    if (unit == 0) return op.embedding(x, "embed");
    x = op.norm(x, "norm", strata::RmsNorm{});
    if (unit == L + 1) return op.linear(x, head());
    if (mixes(unit - 1))
      return op.moe(x, {.router = "router",
                        .gate = "experts.{}.gate",
                        .up = "experts.{}.up",
                        .down = "experts.{}.down"});
    return op.linear(op.linear(x, "in"), "out");
  }
};

struct MadeModel {
  Folder folder;
  std::map<std::string, std::string> stored;  // by name, the bytes in the files
  std::map<std::string, bool> narrow;         // stored in 16 bits, else in 32
  std::map<std::string, std::string> shared;  // the whole tensor of alternating weights
  std::unique_ptr<Opened<Plain>> family;
  strata::run::Model model;

  explicit MadeModel(std::uint32_t seed) {
    std::mt19937 random(seed);
    const auto from = [&](int low, int high) {
      return low + static_cast<int>(random() % static_cast<std::uint32_t>(high - low + 1));
    };
    const auto config = R"({"model_type": "test", "vocab": )" + std::to_string(from(5, 90)) +
                        R"(, "hidden": )" + std::to_string(from(1, 60)) + R"(, "ffn": )" +
                        std::to_string(from(1, 90)) + R"(, "layers": )" +
                        std::to_string(from(1, 6)) + R"(, "tied": )" + std::to_string(from(0, 1)) +
                        R"(, "experts": )" + std::to_string(seed % 3 == 1 ? 1 + seed % 7 : 0) + "}";
    folder.write("config.json", config);
    family = std::make_unique<Opened<Plain>>(config);
    const int kinds = from(0, 2);  // all wide, all narrow, mixed
    const int shards = from(1, 3);
    const bool by_turns = seed % 4 == 3;
    std::string first_of_two;
    std::vector<std::string> header(static_cast<std::size_t>(shards)), data(header);
    std::string index;
    for (const auto& unit : (*family)->units())
      for (const auto& weight : unit.weights) {
        if (stored.contains(weight.name)) continue;
        const auto count = std::max(weight.experts, 1u);
        const bool second = by_turns && !weight.also.empty() && !first_of_two.empty();
        const bool is_narrow = second ? narrow.at(strata::source::numbered(first_of_two, 0))
                                      : kinds == 1 || (kinds == 2 && random() % 2);
        const auto each = elements(weight.shape) * (is_narrow ? 2 : 4);
        std::string bytes(count * each, '\0');
        for (auto& byte : bytes) byte = static_cast<char>(random());
        const auto shard = random() % static_cast<std::uint32_t>(shards);
        const auto write = [&](const std::string& tensor, std::vector<std::int64_t> shape,
                               const std::string& held) {
          add(header[shard], data[shard], {tensor, std::move(shape)}, held, is_narrow);
          index += (index.empty() ? "" : ",") + ("\"" + tensor) + "\":\"" + name(shard) + "\"";
        };
        const auto keep = [&](const std::string& tensor, std::string held) {
          narrow[tensor] = is_narrow;
          stored[tensor] = std::move(held);
        };
        if (by_turns && !weight.also.empty()) {
          for (uint32_t e = 0; e < count; ++e)
            keep(strata::source::numbered(weight.name, e), bytes.substr(e * each, each));
          if (!second) {
            first_of_two = weight.name;
            continue;
          }
          const auto rows = static_cast<std::size_t>(weight.shape[0]), row = each / rows;
          std::string both;
          for (uint32_t e = 0; e < count; ++e) {
            const auto one = strata::source::numbered(first_of_two, e);
            const auto other = strata::source::numbered(weight.name, e);
            std::string turns;
            for (std::size_t at = 0; at < each; at += row)
              turns += stored.at(one).substr(at, row) + stored.at(other).substr(at, row);
            both += shared[one] = shared[other] = turns;
          }
          write(weight.also, {weight.experts, 2 * weight.shape[0], weight.shape[1]}, both);
          first_of_two.clear();
          continue;
        }
        const bool stacked = weight.experts > 0 && seed % 2 == 0;
        auto whole = weight.shape;
        if (stacked) {
          whole.insert(whole.begin(), weight.experts);
          write(std::string(weight.name).erase(weight.name.find("{}."), 3), whole, bytes);
        }
        if (weight.experts == 0) {
          write(weight.name, whole, bytes);
          keep(weight.name, bytes);
        }
        for (uint32_t e = 0; e < weight.experts; ++e) {
          const auto one = strata::source::numbered(weight.name, e);
          if (!stacked) write(one, weight.shape, bytes.substr(e * each, each));
          keep(one, bytes.substr(e * each, each));
        }
      }
    for (std::size_t s = 0; s < header.size(); ++s)
      if (!data[s].empty()) folder.write(name(s), sized("{" + header[s] + "}") + data[s]);
    folder.write("model.safetensors.index.json", "{\"weight_map\":{" + index + "}}");
    model.path = folder.path();
    model.checkpoint = strata::source::Checkpoint::open(folder.path());
    model.config = std::make_shared<strata::source::Config>(config, "config.json");
    model.family = {&**family, [](const strata::plugin::Family*) {}};
    model.resolve();
  }

  // Rows [first, first + count) of a weight in its run form (float32), or as stored.
  std::string rows(const std::string& weight, std::int64_t width, std::int64_t first,
                   std::int64_t count, bool as_stored) const {
    const auto each = static_cast<std::size_t>(width) * (narrow.at(weight) ? 2 : 4);
    const auto bytes = stored.at(weight).substr(static_cast<std::size_t>(first) * each,
                                                static_cast<std::size_t>(count) * each);
    return as_stored || !narrow.at(weight) ? bytes : widened(bytes);
  }

  // The result of the fake arithmetic for 16-bit elements.
  static std::string widened(const std::string& bytes) {
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += 2)
      out += std::string(2, '\0') + bytes.substr(at, 2);
    return out;
  }

 private:
  static std::size_t elements(const std::vector<std::int64_t>& shape) {
    std::size_t n = 1;
    for (const auto d : shape) n *= static_cast<std::size_t>(d);
    return n;
  }
  static std::string name(std::size_t shard) {
    return "model-" + std::to_string(shard) + ".safetensors";
  }
  struct Tensor {
    std::string name;
    std::vector<std::int64_t> shape;
  };
  static void add(std::string& header, std::string& data, const Tensor& tensor,
                  const std::string& bytes, bool is_narrow) {
    header += (header.empty() ? "\"" : ",\"") + tensor.name + R"(":{"dtype":")" +
              (is_narrow ? "BF16" : "F32") + R"(","shape":[)";
    for (std::size_t d = 0; d < tensor.shape.size(); ++d)
      header += (d ? "," : "") + std::to_string(tensor.shape[d]);
    header += R"(],"data_offsets":[)" + std::to_string(data.size()) + "," +
              std::to_string(data.size() + bytes.size()) + "]}";
    data += bytes;
  }
};

}  // namespace made
