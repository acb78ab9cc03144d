#include "text/description.hpp"

#include <algorithm>
#include <unordered_map>

#include "text/byte_level.hpp"

namespace strata::text {
namespace {

// No training makes longer tokens; a longer, hostile one would have as many cuts as bytes.
constexpr std::size_t longest_merged = 1024;

}  // namespace

Description empty_description() {
  return {{"version", "1.0"},          {"truncation", nullptr},
          {"padding", nullptr},        {"added_tokens", Description::array()},
          {"normalizer", nullptr},     {"pre_tokenizer", nullptr},
          {"post_processor", nullptr}, {"decoder", nullptr},
          {"model", nullptr}};
}

Description byte_level_step(bool words, bool prefix_space) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", prefix_space},
          {"trim_offsets", true},
          {"use_regex", words}};
}

Description split_step(std::string_view pattern) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", pattern}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

Description metaspace_step(std::string_view scheme) {
  return {{"type", "Metaspace"},
          {"replacement", "\u2581"},
          {"prepend_scheme", scheme},
          {"split", false}};
}

Description sequence(std::string_view key, Description steps) {
  Description out{{"type", "Sequence"}};
  out[std::string(key)] = std::move(steps);
  return out;
}

Description replace_step(std::string_view what, std::string_view with) {
  return {{"type", "Replace"}, {"pattern", {{"String", what}}}, {"content", with}};
}

Description sentencepiece_decoder(bool strip, bool bytes) {
  auto steps = Description::array({replace_step("\u2581", " ")});
  if (bytes) steps.push_back({{"type", "ByteFallback"}});
  steps.push_back({{"type", "Fuse"}});
  if (strip) steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return sequence("decoders", std::move(steps));
}

Description added_token(int64_t id, std::string_view content, bool special) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", special}};
}

Description template_of(const std::optional<Marker>& begin, const std::optional<Marker>& end) {
  if (!begin && !end) return nullptr;
  auto single = Description::array();
  auto pair = Description::array();
  auto tokens = Description::object();
  const auto add = [&](const std::optional<Marker>& marker) {
    if (!marker) return;
    tokens[marker->token] = {
        {"id", marker->token}, {"ids", {marker->id}}, {"tokens", {marker->token}}};
    single.push_back({{"SpecialToken", {{"id", marker->token}, {"type_id", 0}}}});
    pair.push_back(single.back());
  };
  add(begin);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  pair.push_back(single.back());
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  add(end);
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"pair", pair},
          {"special_tokens", tokens}};
}

Description vocabulary_object(std::span<const std::string> tokens) {
  auto out = Description::object();
  // An ordered object searches all of its keys for each new one.
  auto& entries = out.get_ref<Description::object_t&>();
  for (std::size_t id = 0; id < tokens.size(); ++id)
    entries.Description::object_t::Container::emplace_back(tokens[id], id);
  return out;
}

Description bpe_model(const BpeDescription& options, Description vocabulary, Description merges) {
  Description out{{"type", "BPE"},
                  {"dropout", nullptr},
                  {"unk_token", nullptr},
                  {"continuing_subword_prefix", nullptr},
                  {"end_of_word_suffix", nullptr},
                  {"fuse_unk", options.fuse_unknown},
                  {"byte_fallback", options.byte_fallback},
                  {"ignore_merges", options.ignore_merges}};
  if (options.unknown) out["unk_token"] = *options.unknown;
  out["vocab"] = std::move(vocabulary);
  out["merges"] = std::move(merges);
  return out;
}

Description merges_of(std::span<const std::string> tokens, std::span<const int32_t> order,
                      Cuts cuts, PairOrder pair_order) {
  std::unordered_map<std::string_view, int32_t> ids;
  ids.reserve(tokens.size());
  for (std::size_t id = 0; id < tokens.size(); ++id)
    ids.emplace(tokens[id], static_cast<int32_t>(id));
  const auto spelled = [&](std::string_view part) {
    return cuts == Cuts::bytes ? spell(part) : std::string(part);
  };
  auto out = Description::array();
  std::vector<std::pair<int32_t, int32_t>> pairs;
  for (const auto id : order) {
    const std::string_view token = tokens[static_cast<std::size_t>(id)];
    if (token.size() > longest_merged) continue;
    pairs.clear();
    for (std::size_t at = 1; at < token.size(); ++at) {
      if (cuts == Cuts::characters && (static_cast<unsigned char>(token[at]) >> 6) == 2) continue;
      const auto left = ids.find(token.substr(0, at));
      if (left == ids.end()) continue;
      const auto right = ids.find(token.substr(at));
      if (right != ids.end()) pairs.emplace_back(left->second, right->second);
    }
    // The texts before the cut begin alike, so the shorter sorts first: the order they are in.
    if (pair_order == PairOrder::ids) std::sort(pairs.begin(), pairs.end());
    for (const auto& [left, right] : pairs)
      out.push_back({spelled(tokens[static_cast<std::size_t>(left)]),
                     spelled(tokens[static_cast<std::size_t>(right)])});
  }
  return out;
}

}  // namespace strata::text
