#include "settings.hpp"

#include <algorithm>
#include <cmath>

#include "reading.hpp"

namespace generic {
namespace {

constexpr std::int64_t most_layers = 1024;

void read_ends(const Reader& r, Settings& out) {
  out.embedding = r.text("embedding.name");
  out.embedding_norm = r.text("embedding.norm", "");
  out.embedding_scale = r.number("embedding.scale", 1);
  out.embedding_dropout = read_rate(r, "embedding.dropout");
  out.embedding_rounded = r.flag("embedding.rounded", false);
  out.positions = r.text("embedding.positions", "");
  if (!out.positions.empty()) {
    out.position_offset = r.size("embedding.position_offset", 0);
    out.position_count = r.size("embedding.position_count") + out.position_offset;
  }
  out.head = r.text("head.name");
  out.head_norm = r.text("head.norm", "");
  out.head_bias = r.flag("head.bias", false);
  out.head_scale = r.number("head.scale", 1);
  out.head_soft_cap = r.number("head.soft_cap", 0);
  if (!r.flag("head.tied", false)) return;
  if (out.head_bias)
    throw r.invalid("head.tied", "a head that is the embedding has no bias: fix config.json");
  out.head = out.embedding;
}

std::string layer_prefix(const Reader& r, std::int64_t layer) {
  auto text = r.text("model.layer");
  if (text.find("{}") == text.npos)
    throw r.invalid("model.layer", "it has no {} for the layer's number");
  return numbered(text, layer);
}

// Reads model.pass_over: the text as it is, or once for each number of a layer after the last.
void read_passed_over(const Reader& r, std::int64_t layers, Settings& out) {
  const auto text = r.text("model.pass_over", "");
  const auto at = text.find("{}");
  if (at == text.npos) {
    if (!text.empty()) out.passed_over.push_back(text);
    return;
  }
  const auto behind =
      std::clamp<std::int64_t>(read_count(r, "model.layers_behind", 1), 1, most_layers);
  for (auto layer = layers; layer < layers + behind; ++layer)
    out.passed_over.push_back(numbered(text, layer));
}

}  // namespace

std::string numbered(std::string name, std::int64_t number) {
  return name.replace(name.find("{}"), 2, std::to_string(number));
}

Branch read_branch(const Reader& r, const std::string& section) {
  return {r.text(section + ".norm", ""), r.text(section + ".post_norm", ""),
          r.text(section + ".sum_norm", ""), read_rate(r, section + ".residual_dropout")};
}

std::int64_t read_count(const Reader& r, std::string_view key, double fallback) {
  constexpr double most = 1 << 30;
  const auto value = r.number(key, fallback);
  if (!(value >= 0 && value <= most && value == std::trunc(value)))
    throw r.invalid(key, "it is no whole number from 0 on: fix config.json");
  return static_cast<std::int64_t>(value);
}

double read_rate(const Reader& r, std::string_view key) {
  const auto rate = r.number(key, 0);
  if (!(rate >= 0 && rate < 1))
    throw r.invalid(key,
                    std::to_string(rate) + " is not at least 0 and less than 1: fix config.json");
  return rate;
}

Settings read_settings(const Description& description, const Values& values) {
  description.check(values);
  const Reader whole(description, values);
  Settings out;
  out.V = whole.size("model.vocabulary");
  out.D = whole.size("model.hidden");
  out.parallel = whole.flag("model.parallel", false);
  out.in_out = whole.flag("model.in_out", false);
  out.residual_scale = whole.number("model.residual_scale", 1);
  out.residual_dropout = read_rate(whole, "model.residual_dropout");
  out.norm.rms = whole.choice("norm.kind", {"rms", "layer"}) == 0;
  out.norm.eps = whole.number("norm.eps", 1e-6);
  out.norm.offset = whole.number("norm.offset", 0);
  out.norm.affine = whole.flag("norm.affine", true);
  out.norm.bias = whole.flag("norm.bias", false);
  if (out.norm.bias && (out.norm.rms || !out.norm.affine))
    throw whole.invalid("norm.bias", "only a layer norm with a weight has a bias");
  if (out.norm.offset != 0 && !out.norm.affine)
    throw whole.invalid("norm.offset", "only a norm with a weight has an offset");
  read_ends(whole, out);
  const auto layers = whole.size("model.layers");
  if (layers > most_layers)
    throw whole.invalid("model.layers", std::to_string(layers) + " layers are more than " +
                                            std::to_string(2 * most_layers) +
                                            " units: fix config.json");
  read_passed_over(whole, layers, out);
  for (std::int64_t l = 0; l < layers; ++l) {
    const Reader r(description, values, l);
    out.layers.push_back(
        {layer_prefix(r, l), read_attention(r, out), read_mlp_branch(r, out.in_out)});
    const auto& made = out.layers.back();
    if (out.parallel && !(made.attention.post_norm + made.attention.sum_norm + made.mlp.post_norm +
                          made.mlp.sum_norm)
                             .empty())
      throw r.invalid("model.parallel", "parallel branches have no post_norm or sum_norm");
  }
  return out;
}

}  // namespace generic
