#include "text/tokenizer_config.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "core/error.hpp"
#include "core/json.hpp"
#include "text/description.hpp"
#include "text/json_fields.hpp"
#include "text/name_lists.hpp"
#include "text/sentencepiece.hpp"
#include "text/tokenizer_classes.hpp"

namespace strata::text {
namespace {

using Json = Description;  // keeps the order of keys, which numbers new tokens

constexpr auto remedy = "give the model's own tokenizer_config.json";
constexpr auto list_key = "extra_special_tokens";
constexpr auto old_list_key = "additional_special_tokens";
constexpr auto added_key = "added_tokens_decoder";
constexpr std::array<std::string_view, 7> standard{
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

bool is_standard(std::string_view key) {
  return std::ranges::find(standard, key) != standard.end();
}

// Whether a value is false in Python.
bool nothing(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() || (found->is_structured() && found->empty()) ||
         *found == "" || *found == false || *found == 0;
}

Json object_of(const std::string& bytes, const std::string& file) {
  auto value = bytes.empty() ? Json::object() : read_ordered_json(bytes, file);
  if (!value.is_object()) throw Error(file, "it is no JSON object", remedy);
  return value;
}

// Whether a folder's tokenizer.json may have the wrong pattern that such models had before
// transformers 5.
bool has_wrong_regex(std::string_view model_type, std::string_view version) {
  const bool mistral =
      model_type.empty() || among(model_type, "mistral mistral3 voxtral ministral pixtral");
  const auto major = version.substr(0, version.find('.'));
  return mistral && (major.empty() || (major.size() == 1 && major < "5"));
}

class Reader {
 public:
  Reader(const TokenizerFiles& files, const nlohmann::json* json)
      : files_(files), json_(json),
        config_(object_of(files.config, file_of("tokenizer_config.json"))) {
    out_.file = file_of("tokenizer_config.json");
  }

  TokenizerConfig read() {
    out_.type = class_name();
    // The tokens that a tokenizer.json puts around a text are its own decision.
    if (json_)
      for (const auto* key : {"add_bos_token", "add_eos_token"}) config_.erase(key);
    if (config_.contains(old_list_key) && nothing(config_, list_key)) rename_list();
    take_other_names();
    if (const auto added = config_.find(added_key); added != config_.end() && !added->is_null())
      read_added(*added);
    else
      read_older();
    if (config_.contains(old_list_key) && !config_.contains(list_key)) rename_list();
    add_defaults();
    read_named();
    if (!nothing(config_, list_key))
      for (const auto& one : config_[list_key])
        if (auto token = token_of(one, list_key)) out_.listed.push_back(std::move(*token));
    read_flags();
    return std::move(out_);
  }

 private:
  std::string file_of(const char* name) const { return files_.folder + "/" + name; }

  std::optional<bool> flag(const char* key) const { return config_flag(config_, key, out_.file); }
  std::optional<ConfigToken> token_of(const Json& value, std::string_view key) const {
    return config_token(value, key, out_.file);
  }

  // The class that tokenizer_config.json names, else config.json's, else the model_type's.
  std::string class_name() {
    const auto text = [](const auto& object, const char* key) -> std::string {
      const auto found = object.find(key);
      return found != object.end() && found->is_string() ? found->template get<std::string>() : "";
    };
    const auto shape = files_.shape.empty() ? strata::Json::object()
                                            : parse_settings(files_.shape, file_of("config.json"));
    const auto named = text(config_, "tokenizer_class"),
               configured = text(shape, "tokenizer_class"), model = text(shape, "model_type");
    out_.mistral_regex = flag("fix_mistral_regex").value_or(false) &&
                         has_wrong_regex(model, text(shape, "transformers_version"));
    const auto code = config_.find("auto_map");
    ClassClues clues{.named = named, .configured = configured, .model_type = model};
    clues.own_code = code != config_.end() &&
                     (code->is_array() || (code->is_object() && code->contains("AutoTokenizer")));
    clues.byte_level = files_.json.find("\"ByteLevel\"") != std::string::npos;
    const auto out = tokenizer_class_of(clues);
    // The plain class takes its steps from a tokenizer.json or a sentencepiece model.
    const bool lost =
        !json_ && !is_sentencepiece(files_.model) && out == plain_class && !named.empty();
    return lost ? tokenizer_class_of({.named = named}) : out;
  }

  void rename_list() {
    config_[list_key] = config_[old_list_key];
    config_.erase(old_list_key);
  }

  // Takes special tokens with other names than the standard ones: the file's, then those of a list
  // by name.
  void take_other_names() {
    for (const auto& [key, value] : config_.items())
      if (key.ends_with("_token") && !is_standard(key) && value.is_string()) others_[key] = value;
    for (const auto& [key, unused] : others_.items()) config_.erase(key);
    take_list_by_name();
  }

  void take_list_by_name() {
    if (const auto list = config_.find(list_key); list != config_.end() && list->is_object()) {
      others_.update(*list);
      config_.erase(list_key);
    }
  }

  // A later token takes the id of an earlier one, whose flags still count for special tokens.
  void take(int64_t id, ConfigToken token) {
    by_content_[token.content] = token;
    out_.added[id] = std::move(token);
  }

  void read_added(const Json& tokens) {
    if (!tokens.is_object())
      throw Error(out_.file, std::string("'") + added_key + "' is no object", remedy);
    for (const auto& [key, value] : tokens.items()) {
      int32_t id = -1;
      const auto read = std::from_chars(key.data(), key.data() + key.size(), id);
      auto token = token_of(value, added_key + ("." + key));
      if (read.ec != std::errc() || read.ptr != key.data() + key.size() || id < 0 || !token)
        throw Error(out_.file,
                    std::string("'") + added_key + "." + printable(key, 60) + "' is no token's id",
                    remedy);
      take(id, std::move(*token));
    }
  }

  // Reads the older form of added_tokens_decoder: the files that older versions wrote, and the
  // tokenizer.json's own tokens.
  void read_older() {
    const auto special = object_of(files_.special, file_of("special_tokens_map.json"));
    for (const auto& [key, given] : special.items()) {
      auto value = given;
      if (value.is_object() && key != list_key) value["special"] = true;
      if (key == list_key && value.is_array() && !nothing(config_, list_key)) {
        auto both = config_[list_key];
        for (const auto& one : value)
          if (std::ranges::find(both, one) == both.end()) both.push_back(one);
        value = std::move(both);
      }
      config_[key] = std::move(value);
    }
    take_list_by_name();
    // At this point transformers does not see the contents of tokenizer_config.json's objects.
    std::set<std::string> contents;
    for (const auto name : standard)
      if (const auto found = config_.find(name);
          found != config_.end() && (found->is_string() || special.contains(name)))
        if (const auto token = token_of(*found, name)) contents.insert(token->content);
    if (!nothing(config_, list_key))
      for (const auto& one : config_[list_key])
        if (one.is_string()) contents.insert(one.get<std::string>());
    const auto added_file = file_of("added_tokens.json");
    const auto added = object_of(files_.added, added_file);
    for (const auto& [content, id] : added.items()) {
      if (content.empty() || !id.is_number_unsigned() || id > INT32_MAX)
        throw Error(added_file, "'" + printable(content, 60) + "' has no token's id", remedy);
      const bool special_one = contents.contains(content);
      take(
          id.get<int32_t>(),
          {.content = content, .plain = false, .special = special_one, .normalized = !special_one});
    }
    const auto listed = json_ ? json_->find("added_tokens") : nlohmann::json::const_iterator();
    if (!json_ || listed == json_->end() || !listed->is_array()) return;
    for (const auto& one : *listed) {
      const auto id = one.is_object() ? one.find("id") : one.end();
      if (!one.is_object() || id == one.end() || !id->is_number_unsigned()) continue;
      if (auto token = token_of(one, "added_tokens")) take(id->get<int64_t>(), std::move(*token));
    }
  }

  // Adds the defaults of the class, or of the tokenizer.json's padding, for keys that no file has.
  void add_defaults() {
    const auto* known = tokenizer_class(out_.type);
    if (known)
      for (const auto& [key, content] : known->tokens)
        if (!config_.contains(key)) config_[std::string(key)] = content;
    if (known && known->add_bos && !config_.contains("add_bos_token"))
      config_["add_bos_token"] = true;
    const auto padding = json_ ? json_->find("padding") : nlohmann::json::const_iterator();
    // Byte-level classes and those with signs have a pad_token of their own, or none.
    const bool own_pad =
        known && (known->kind == TokenizerClass::bytes || known->kind == TokenizerClass::signs);
    if (own_pad || !json_ || padding == json_->end() || !padding->is_object()) return;
    if (const auto token = padding->find("pad_token");
        token != padding->end() && token->is_string() && !config_.contains("pad_token"))
      config_["pad_token"] = token->get<std::string>();
  }

  void read_named() {
    const auto add = [&](const std::string& key, const Json& value) {
      auto token = token_of(value, key);
      if (!token) return;
      const auto entry = by_content_.find(token->content);
      if (is_standard(key) && entry != by_content_.end()) token = entry->second;
      out_.named.emplace_back(key, std::move(*token));
    };
    for (const auto name : standard)
      if (const auto found = config_.find(name); found != config_.end())
        add(std::string(name), *found);
    for (const auto& [key, value] : config_.items())
      if (key.ends_with("_token") && !is_standard(key) && !others_.contains(key) &&
          (value.is_string() || (value.is_object() && value.contains("content"))))
        add(key, value);
    for (const auto& [key, value] : others_.items()) add(key, value);
  }

  void read_flags() {
    out_.add_bos = flag("add_bos_token");
    out_.add_eos = flag("add_eos_token");
    out_.add_prefix_space = flag("add_prefix_space");
    out_.legacy = flag("legacy");
    if (!out_.legacy && config_.contains("legacy")) out_.legacy = false;  // null
    out_.split_special = flag("split_special_tokens").value_or(false);
  }

  const TokenizerFiles& files_;
  const nlohmann::json* json_;
  Json config_, others_ = Json::object();
  std::map<std::string, ConfigToken> by_content_;
  TokenizerConfig out_;
};

}  // namespace

std::optional<std::string> TokenizerConfig::find(std::string_view name) const {
  const auto at = std::ranges::find(named, name, &std::pair<std::string, ConfigToken>::first);
  return at == named.end() ? std::nullopt : std::optional(at->second.content);
}

TokenizerConfig parse_tokenizer_config(const TokenizerFiles& files, const nlohmann::json* json) {
  return Reader(files, json).read();
}

}  // namespace strata::text
