// A tokenizer.json under construction, into which other formats are converted.
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

// A description with every key, all empty.
Description empty_description();

// GPT-2's alphabet as a step or a decoder; with `words` it also cuts GPT-2's words.
Description byte_level_step(bool words, bool prefix_space = false);
// A step that makes pieces of a pattern's matches and of the text between them.
Description split_step(std::string_view pattern);
// Signs for spaces, and one in front by the scheme: "always", "first" or "never".
Description metaspace_step(std::string_view scheme);
Description sequence(std::string_view key, Description steps);
Description replace_step(std::string_view what, std::string_view with);
// A decoder that turns signs into spaces and byte tokens into characters; `strip` removes the first
// space.
Description sentencepiece_decoder(bool strip, bool bytes);

Description added_token(int64_t id, std::string_view content, bool special);

struct Marker {
  std::string token;
  int64_t id;
};
// A post-processor template that adds a beginning and an end, null where there is neither.
Description template_of(const std::optional<Marker>& begin, const std::optional<Marker>& end);

// The object of a vocab from tokens by id.
Description vocabulary_object(std::span<const std::string> tokens);

struct BpeDescription {
  std::optional<std::string> unknown = std::nullopt;
  bool fuse_unknown = false, byte_fallback = false, ignore_merges = false;
};
Description bpe_model(const BpeDescription& options, Description vocabulary, Description merges);

// All ways to make a token of two others, which are the merges of a model that stores none. Those
// of the first token in `order` (ids) come first, and those of one token are sorted by the ids or
// the texts of the two. An empty token takes no part.
enum class Cuts { characters, bytes };
enum class PairOrder { ids, texts };
Description merges_of(std::span<const std::string> tokens, std::span<const int32_t> order,
                      Cuts cuts, PairOrder pairs = PairOrder::ids);

}  // namespace strata::text
