#include "app/extra_files.hpp"

#include <algorithm>
#include <filesystem>

#include "app/open_tokenizer.hpp"
#include "core/source/file.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::uintmax_t longest = 256u << 20;
constexpr auto more_templates = "additional_chat_templates";

std::string text(const Json& object) { return object.dump(2, ' ', false) + "\n"; }

// Adds a single template as a text, several templates by their names.
void add_templates(const std::map<std::string, std::string>& templates, Json& tokenizer) {
  if (templates.size() == 1 && templates.contains("default")) {
    tokenizer["chat_template"] = templates.at("default");
    return;
  }
  for (const auto& [name, text] : templates)
    tokenizer["chat_template"].push_back({{"name", name}, {"template", text}});
}

// Adds tokenizer_config.json and generation_config.json, made from GGUF metadata.
void add_configs(const source::GgufVocabulary& vocabulary, std::vector<source::ExtraFile>& out) {
  Json tokenizer{{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"clean_up_tokenization_spaces", false}},
      generation{{"_from_model_config", true}};
  const auto add = [&](const std::string& name, const std::optional<int32_t>& id) {
    if (!id || *id < 0 || static_cast<std::size_t>(*id) >= vocabulary.tokens.size()) return;
    tokenizer[name] = vocabulary.tokens[static_cast<std::size_t>(*id)];
    if (name == "eos_token" || name == "unk_token") return;
    generation[name + "_id"] = *id;
  };
  add("bos_token", vocabulary.bos);
  add("eos_token", vocabulary.eos);
  add("pad_token", vocabulary.pad);
  add("unk_token", vocabulary.unk);
  if (vocabulary.ends.size() == 1)
    generation["eos_token_id"] = vocabulary.ends[0];
  else if (!vocabulary.ends.empty())
    generation["eos_token_id"] = vocabulary.ends;
  add_templates(vocabulary.chat_templates, tokenizer);
  out.push_back({"tokenizer_config.json", text(tokenizer)});
  out.push_back({"generation_config.json", text(generation)});
}

}  // namespace

std::vector<source::ExtraFile> extra_files(const source::Checkpoint& checkpoint, const Log& log) {
  std::vector<source::ExtraFile> out;
  if (checkpoint.vocabulary()) {
    out.push_back({"tokenizer.json", open_tokenizer(checkpoint, log).to_json()});
    add_configs(*checkpoint.vocabulary(), out);
    return out;
  }
  const fs::path folder = checkpoint.folder();
  std::error_code error;
  const auto take = [&](const fs::path& from, const std::string& name) {
    if (fs::exists(from, error))
      out.push_back({name, source::File::open(from.string())->text(longest)});
  };
  for (const auto* name :
       {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "merges.txt", "tokenizer.model", "generation_config.json"})
    take(folder / name, name);
  for (const auto& entry : fs::directory_iterator(folder / more_templates, error))
    if (entry.path().extension() == ".jinja")
      take(entry.path(),
           std::string(more_templates).append("/").append(entry.path().filename().string()));
  const auto own = folder / "chat_template.jinja";
  take(fs::exists(own, error) ? own : folder / "chat_templates/default.jinja",
       "chat_template.jinja");
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".tiktoken") take(entry.path(), entry.path().filename());
  return out;
}

}  // namespace strata::app
