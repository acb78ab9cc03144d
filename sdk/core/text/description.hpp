// A tokenizer.json in the making: what formats that are not one are brought into.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata::text {

using Description = nlohmann::ordered_json;

// One with every key, and nothing in them.
Description empty_description();

// GPT-2's alphabet as a step or a decoder; with `words` its words too.
Description byte_level_step(bool words, bool prefix_space = false);
// The matches of a pattern and what is between them, as pieces.
Description split_step(std::string_view pattern);
Description sequence(std::string_view key, Description steps);
Description replace_step(std::string_view what, std::string_view with);
// Signs become spaces, byte tokens characters; `strip` takes the first space off.
Description sentencepiece_decoder(bool strip, bool bytes);

Description added_token(int64_t id, std::string_view content, bool special);

struct Marker {
  std::string token;
  int64_t id;
};
// The template that adds a beginning and an end, null where there is neither.
Description template_of(const std::optional<Marker>& begin, const std::optional<Marker>& end);

// Tokens by id as the object of a vocab.
Description vocabulary_object(std::span<const std::string> tokens);

struct BpeDescription {
  std::optional<std::string> unknown = std::nullopt;
  bool fuse_unknown = false, byte_fallback = false, ignore_merges = false;
};
Description bpe_model(const BpeDescription& options, Description vocabulary, Description merges);

// All ways in which a token is made of two others, those of the first token in `order` (ids) first,
// a token's by the ids or the texts of its two. It is what the merges of a model are that keeps
// none. An empty token takes no part.
enum class Cuts { characters, bytes };
enum class PairOrder { ids, texts };
Description merges_of(std::span<const std::string> tokens, std::span<const int32_t> order,
                      Cuts cuts, PairOrder pairs = PairOrder::ids);

}  // namespace strata::text
