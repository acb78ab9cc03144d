#include "ct_weights/weight_settings.hpp"

#include <algorithm>
#include <cctype>
#include <string>

#include "packed/flag.hpp"
#include "packed/json.hpp"
#include "packed/tensors.hpp"

namespace compressed_tensors {
namespace {

using packed::Json;

strata::Failure wrong(const std::string& key) {
  return {STRATA_INVALID, "quantization_config: " + key + " is no valid value: fix config.json"};
}

// The strategy that block_structure belongs to; with another it means nothing.
constexpr std::string_view blocks = "block";

std::string in_lower_case(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void need_block(const packed::Block& block, const std::string& key) {
  if (block.rows < 1 || block.rows > packed::longest || block.columns < 1 ||
      block.columns > packed::longest)
    throw wrong(key);
}

// "128x128", as old versions write a block.
packed::Block block_of(std::string_view text, const std::string& key) {
  std::string spaced(text.substr(0, 40));
  for (auto& c : spaced)
    if (c == 'x') c = ' ';
  packed::Words words(spaced);
  packed::Block out;
  out.rows = words.integer(1, packed::longest);
  out.columns = words.integer(1, packed::longest);
  words.end();
  need_block(out, key);
  return out;
}

// Whether such an "actorder" leaves columns where they were, apart from others of their group, so
// that the package stores weight_g_idx; with the other names groups lie one after the other.
bool is_ordered(std::string text, const std::string& key) {
  text = in_lower_case(std::move(text));
  if (text == "group" || text == "dynamic") return true;
  if (text == "weight" || text == "static") return false;
  throw wrong(key);
}

// "actorder" is a text, or true for "group".
bool is_ordered(const strata::Config& options, const std::string& key) {
  std::string text;
  try {
    text = options.text(key, "weight");
  } catch (const strata::Failure&) {
    return packed::flag_of(options, key, false);
  }
  return is_ordered(std::move(text), key);
}

bool is_mx(std::string_view format) { return format.starts_with("mx"); }

// Where the groups are called group_0, group_1, ..., as the package calls them: long lists beside
// them are not read for that.
std::vector<WeightSettings> numbered(const strata::Config& options) {
  std::vector<WeightSettings> out;
  for (int n = 0;; ++n) {
    const auto group = "config_groups.group_" + std::to_string(n), weights = group + ".weights";
    if (!options.has(group)) return out;
    if (!options.has(weights)) continue;
    WeightSettings one{options.i64(weights + ".num_bits", 8),
                       packed::flag_of(options, weights + ".symmetric", true),
                       is_ordered(options, weights + ".actorder"), std::nullopt,
                       is_mx(options.text(group + ".format", ""))};
    const auto key = weights + ".block_structure";
    if (options.count(key) == 2)
      one.block = packed::Block{options.i64(key + ".0"), options.i64(key + ".1")};
    else if (options.has(key))
      one.block = block_of(options.text(key), key);
    if (one.block) need_block(*one.block, key);
    if (in_lower_case(options.text(weights + ".strategy", blocks)) != blocks) one.block.reset();
    out.push_back(one);
  }
}

std::vector<WeightSettings> named(const strata::Config& options) {
  std::vector<WeightSettings> out;
  const auto all = Json::parse(options.raw(), "quantization_config");
  const auto* groups = all.find("config_groups");
  if (!groups) return out;
  for (const auto& [name, group] : groups->members) {
    const auto* weights = group.find("weights");
    if (!weights) continue;
    WeightSettings one;
    const auto* format = group.find("format");
    one.mx = format && is_mx(format->text);
    if (const auto* bits = weights->find("num_bits")) {
      if (!bits->is_integer()) throw wrong(name + ".weights.num_bits");
      one.bits = bits->integer();
    }
    if (const auto* symmetric = weights->find("symmetric")) {
      if (!symmetric->is(Json::Kind::boolean)) throw wrong(name + ".weights.symmetric");
      one.symmetric = symmetric->flag;
    }
    if (const auto* order = weights->find("actorder")) {
      const auto order_key = name + ".weights.actorder";
      if (!order->is(Json::Kind::text) && !order->is(Json::Kind::boolean)) throw wrong(order_key);
      one.ordered = order->is(Json::Kind::text) ? is_ordered(order->text, order_key) : order->flag;
    }
    const auto key = name + ".weights.block_structure";
    if (const auto* block = weights->find("block_structure")) {
      if (block->is(Json::Kind::text)) {
        one.block = block_of(block->text, key);
      } else {
        if (block->items.size() != 2 || !block->items[0].is_integer() ||
            !block->items[1].is_integer())
          throw wrong(key);
        one.block = packed::Block{block->items[0].integer(), block->items[1].integer()};
      }
      need_block(*one.block, key);
    }
    const auto* strategy = weights->find("strategy");
    if (strategy && in_lower_case(strategy->text) != blocks) one.block.reset();
    out.push_back(one);
  }
  return out;
}

}  // namespace

std::vector<WeightSettings> weight_settings(const strata::Config* options) {
  if (!options || !options->has("config_groups")) return {};
  return options->has("config_groups.group_0") ? numbered(*options) : named(*options);
}

void need_mx(const packed::Tensors& tensors, const strata::WeightTensor& scale,
             const strata::Config* options, const std::vector<WeightSettings>& settings) {
  const auto format = options ? options->text("format", "") : std::string();
  if (!is_mx(format) &&
      std::none_of(settings.begin(), settings.end(), [](auto& one) { return one.mx; }))
    throw tensors.contradicted(
        packed::words_of(scale) + " has bytes, which are scales in MX formats alone",
        format.empty() ? "format is not there" : "format is '" + format.substr(0, 40) + "'");
}

}  // namespace compressed_tensors
