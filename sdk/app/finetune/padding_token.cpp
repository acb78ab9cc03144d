#include "app/finetune/padding_token.hpp"

#include <algorithm>
#include <filesystem>

#include "core/error.hpp"
#include "core/json.hpp"

namespace strata::app {
namespace {

constexpr auto vocabulary_file = "tokenizer.json", config_file = "tokenizer_config.json",
               special_file = "special_tokens_map.json";

bool has_padding(const run::Model& model, const text::Tokenizer& tokenizer) {
  if (const auto& vocabulary = model.checkpoint->vocabulary()) return vocabulary->pad.has_value();
  return std::ranges::any_of(tokenizer.special_tokens(),
                             [](const auto& one) { return one.first == "pad_token"; });
}

source::ExtraFile* find(std::vector<source::ExtraFile>& files, const char* name) {
  const auto at = std::ranges::find(files, name, &source::ExtraFile::name);
  return at == files.end() ? nullptr : &*at;
}

template <class Change>
void change(source::ExtraFile& file, const Change& made) {
  auto object = parse_ordered_json(file.bytes, file.name);
  if (!object.is_object()) throw Error(file.name, "is not a JSON object", "check the file");
  made(object);
  file.bytes = object.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

OrderedJson entry_of(const PaddingToken& token) {
  return {{"content", token.content}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false},          {"normalized", false},  {"special", true}};
}

}  // namespace

std::optional<PaddingToken> added_padding(const run::Model& model, const text::Tokenizer& tokenizer,
                                          const Plugins& plugins) {
  if (has_padding(model, tokenizer)) return {};
  for (const auto* one : plugins.registry().of_kind("model")) {
    const auto& manifest = one->manifest;
    if (manifest.name != model.family->name()) continue;
    if (manifest.padding.empty() || model.path.find(manifest.name) == std::string::npos) return {};
    std::error_code error;
    const auto folder = model.checkpoint->folder();
    if (!model.checkpoint->vocabulary() &&
        !std::filesystem::exists(std::filesystem::path(folder) / vocabulary_file, error))
      throw Error(folder, "has no tokenizer.json to which '" + manifest.padding + "' can be added",
                  "save its tokenizer with transformers");
    const auto found = tokenizer.find(manifest.padding);
    return PaddingToken{.content = manifest.padding,
                        .id = found ? *found : tokenizer.vocab_size(),
                        .is_new = !found.has_value()};
  }
  return {};
}

void add_padding(const PaddingToken& token, std::vector<source::ExtraFile>& files) {
  auto* vocabulary = find(files, vocabulary_file);
  if (!vocabulary)
    throw Error(vocabulary_file, "it is not there any more", "train the model again");
  if (token.is_new)
    change(*vocabulary, [&](OrderedJson& object) {
      OrderedJson entry{{"id", token.id}};
      entry.update(entry_of(token));
      if (!object["added_tokens"].is_array()) object["added_tokens"] = OrderedJson::array();
      object["added_tokens"].push_back(std::move(entry));
    });
  if (!find(files, config_file))
    files.push_back({config_file, R"({"tokenizer_class": "PreTrainedTokenizerFast"})"});
  change(*find(files, config_file), [&](OrderedJson& object) {
    object["pad_token"] = token.content;
    const auto decoder = object.find("added_tokens_decoder");
    if (token.is_new && decoder != object.end() && decoder->is_object())
      (*decoder)[std::to_string(token.id)] = entry_of(token);
  });
  if (auto* special = find(files, special_file))
    change(*special, [&](OrderedJson& object) { object["pad_token"] = token.content; });
}

}  // namespace strata::app
