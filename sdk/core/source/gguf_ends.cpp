#include "core/source/gguf_ends.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>

namespace strata::source {
namespace {

// Rule: https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp (special_eog_ids).
constexpr std::string_view spelled[] = {"<|eot_id|>",
                                        "<|im_end|>",
                                        "<|end|>",
                                        "<|return|>",
                                        "<|call|>",
                                        "<|flush|>",
                                        "<|calls|>",
                                        "<end_of_turn>",
                                        "<|endoftext|>",
                                        "</s>",
                                        "<|eom_id|>",
                                        "<EOT>",
                                        "_<EOT>",
                                        "[EOT]",
                                        "[EOS]",
                                        "<eos>",
                                        "<|end_of_text|>",
                                        "<end_of_utterance>",
                                        "<turn|>",
                                        "<|tool_response>",
                                        "<\uff5cend\u2581of\u2581sentence\uff5c>",
                                        "[e~["};

// The tokens between files in a row: padding, a repository's name and a file's. The first one found
// of each kind ends a text.
constexpr std::array<std::string_view, 5> of_files[] = {
    {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"},
    {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"},
    {"<|file_sep|>"}};

constexpr int32_t control = 3;

}  // namespace

void find_ends(std::span<const int32_t> named, GgufVocabulary& vocabulary) {
  std::unordered_map<std::string_view, int32_t> ids;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
    ids.emplace(vocabulary.tokens[id], static_cast<int32_t>(id));
  const auto find = [&](std::string_view token) {
    const auto found = ids.find(token);
    return found == ids.end() ? -1 : found->second;
  };
  auto& ends = vocabulary.ends;
  ends.clear();
  const auto add = [&](int32_t id) {
    if (id >= 0 && std::ranges::find(ends, id) == ends.end()) ends.push_back(id);
  };
  const auto add_spelled = [&](int32_t id) {
    add(id);
    if (id >= 0 && static_cast<std::size_t>(id) < vocabulary.types.size())
      vocabulary.types[static_cast<std::size_t>(id)] = control;
  };
  if (vocabulary.eos) add(*vocabulary.eos);
  for (const auto id : named) add(id);
  for (const auto token : spelled) add_spelled(find(token));
  for (const auto& kind : of_files) {
    const auto* token =
        std::ranges::find_if(kind, [&](auto one) { return !one.empty() && find(one) >= 0; });
    if (token != kind.end()) add_spelled(find(*token));
  }
  const auto drop = [&](std::string_view token) { std::erase(ends, find(token)); };
  const auto ends_with = [&](std::string_view token) {
    return std::ranges::find(ends, find(token)) != ends.end();
  };
  // In these formats <|end|> ends a message, not the turn.
  const bool calls = ends_with("<|call|>") || ends_with("<|calls|>");
  if (calls && (ends_with("<|return|>") || ends_with("<|flush|>"))) drop("<|end|>");
  if (ends_with("<|tool_response>")) drop("</s>");
}

}  // namespace strata::source
