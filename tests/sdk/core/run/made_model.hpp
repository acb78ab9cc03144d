// A model of random shape with random bytes, written as safetensors shards: what runs of it must
// see is known without the code that reads it.
#pragma once
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/run/model.hpp"
#include "tests/sdk/core/shape/family.hpp"
#include "tests/sdk/core/source/made.hpp"

namespace made {

// A decoder of `layers` layers without attention: an embedding, halves of two shapes, a head.
struct Plain {
  int64_t V, D, F, L;
  bool tied;
  explicit Plain(const strata::Config& c)
      : V(c.i64("vocab")), D(c.i64("hidden")), F(c.i64("ffn")), L(c.i64("layers")),
        tied(c.flag("tied")) {}
  std::string head() const { return tied ? "embed" : "head"; }
  void declare(strata::Declarer& d) const {
    d.embedding().weight("embed.weight", {V, D});
    for (int64_t l = 0; l < L; ++l) {
      d.unit("layers." + std::to_string(l) + ".");
      d.weight("norm.weight", {D});
      if (l % 2) d.group({{"gate.weight", {F, D}}, {"up.weight", {F, D}}});
      d.weight("in.weight", {F, D}).weight("out.weight", {D, F});
    }
    d.head().weight("norm.weight", {D}).weight(head() + ".weight", {V, D});
  }
  strata::Tensor forward(const strata::Ops& op, int64_t unit, strata::Tensor x) const {
    if (unit == 0) return op.embedding(x, "embed");
    x = op.norm(x, "norm", strata::RmsNorm{});
    if (unit == L + 1) return op.linear(x, head());
    return op.linear(op.linear(x, "in"), "out");
  }
};

struct MadeModel {
  Folder folder;
  std::map<std::string, std::string> stored;  // by name, the bytes in the files
  std::map<std::string, bool> narrow;         // stored in 16 bits, else in 32
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
                        "}";
    folder.write("config.json", config);
    family = std::make_unique<Opened<Plain>>(config);
    const int kinds = from(0, 2);  // all wide, all narrow, mixed
    const int shards = from(1, 3);
    std::vector<std::string> header(static_cast<std::size_t>(shards)), data(header);
    std::string index;
    for (const auto& unit : (*family)->units())
      for (const auto& weight : unit.weights) {
        if (stored.contains(weight.name)) continue;
        narrow[weight.name] = kinds == 1 || (kinds == 2 && random() % 2);
        std::string bytes(elements(weight.shape) * (narrow[weight.name] ? 2 : 4), '\0');
        for (auto& byte : bytes) byte = static_cast<char>(random());
        const auto shard = random() % static_cast<std::uint32_t>(shards);
        add(header[shard], data[shard], weight, bytes);
        index += (index.empty() ? "" : ",") + ("\"" + weight.name) + "\":\"" + name(shard) + "\"";
        stored[weight.name] = std::move(bytes);
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

  // What the fake arithmetic makes of 16 bits.
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
  void add(std::string& header, std::string& data, const strata::plugin::DeclaredWeight& weight,
           const std::string& bytes) {
    header += (header.empty() ? "\"" : ",\"") + weight.name + R"(":{"dtype":")" +
              (narrow[weight.name] ? "BF16" : "F32") + R"(","shape":[)";
    for (std::size_t d = 0; d < weight.shape.size(); ++d)
      header += (d ? "," : "") + std::to_string(weight.shape[d]);
    header += R"(],"data_offsets":[)" + std::to_string(data.size()) + "," +
              std::to_string(data.size() + bytes.size()) + "]}";
    data += bytes;
  }
};

}  // namespace made
