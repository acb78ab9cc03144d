#include "core/text/tokenizer_config.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <unordered_map>

#include "core/error.hpp"
#include "core/text/json_fields.hpp"
#include "core/text/tokenizer_classes.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

constexpr auto remedy = "give the model's own tokenizer_config.json";

bool flag_of(const json& config, const char* key, bool otherwise, const std::string& file) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return otherwise;
  if (!found->is_boolean())
    throw Error(file, std::string("'") + key + "' is neither true nor false", remedy);
  return found->get<bool>();
}

// "<s>", or an object with the content and flags, as added_token() without an id. Nothing where it
// is null.
std::optional<Description> token_of(const json& value, const std::string& key,
                                    const std::string& file) {
  if (value.is_null()) return std::nullopt;
  const auto* text = value.is_object() && value.contains("content") ? &value["content"] : &value;
  if (!text->is_string() || text->get_ref<const std::string&>().empty())
    throw Error(file, "'" + printable(key, 60) + "' is no token", remedy);
  auto token = added_token(0, text->get_ref<const std::string&>(), false);
  for (const auto* flag : {"single_word", "lstrip", "rstrip", "normalized", "special"})
    token[flag] = value.is_object() && flag_of(value, flag, false, file);
  return token;
}

void read_added(const json& tokens, TokenizerConfig& out) {
  if (!tokens.is_object()) throw Error(out.file, "'added_tokens_decoder' is no object", remedy);
  for (const auto& [key, value] : tokens.items()) {
    int32_t id = -1;
    const auto read = std::from_chars(key.data(), key.data() + key.size(), id);
    auto token = token_of(value, "added_tokens_decoder." + key, out.file);
    if (read.ec != std::errc() || read.ptr != key.data() + key.size() || id < 0 || !token)
      throw Error(out.file, "'added_tokens_decoder." + printable(key, 60) + "' is no token's id",
                  remedy);
    out.added[id] = std::move(*token);
  }
}

constexpr auto list_key = "extra_special_tokens";
constexpr std::string_view known_names[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                            "pad_token", "cls_token", "mask_token"};

void read_special(const json& config, TokenizerConfig& out) {
  const auto add = [&](const json& value, const std::string& key, std::vector<Description>& to) {
    auto token = token_of(value, key, out.file);
    if (!token) return std::optional<std::string>();
    (*token)["special"] = true;
    to.push_back(std::move(*token));
    return std::optional(to.back()["content"].get<std::string>());
  };
  for (const auto name : known_names) {
    const std::string key(name);
    const auto found = config.find(key);
    const auto token = found == config.end() ? std::nullopt : add(*found, key, out.named);
    if (key == "bos_token") out.bos = token;
    if (key == "eos_token") out.eos = token;
    if (key == "unk_token") out.unk = token;
  }
  for (const auto& [key, value] : config.items())
    if (key.ends_with("_token") && std::ranges::find(known_names, key) == std::end(known_names) &&
        (value.is_string() || value.is_object()))
      add(value, key, out.named);
  if (const auto list = config.find(list_key); list != config.end() && list->is_structured())
    for (const auto& one : *list) add(one, list_key, list->is_object() ? out.named : out.listed);
}

// The list's older name, which stands where the newer one is missing.
void rename_list(json& config) {
  const auto list = config.find("additional_special_tokens");
  if (list == config.end()) return;
  const auto value = *list;
  config.erase(list);
  if (!config.contains(list_key)) config[list_key] = value;
}

// What added tokens are special by.
std::set<std::string> special_contents(const json& config, const std::string& file) {
  std::set<std::string> out;
  const auto add = [&](const json& value, const std::string& key) {
    if (const auto token = token_of(value, key, file))
      out.insert((*token)["content"].get<std::string>());
  };
  for (const auto name : known_names)
    if (const auto found = config.find(name); found != config.end()) add(*found, std::string(name));
  if (const auto list = config.find(list_key); list != config.end() && list->is_array())
    for (const auto& one : *list) add(one, list_key);
  return out;
}

// What special_tokens_map.json and added_tokens.json say becomes a part of `config` and `out`.
void read_older(const TokenizerFiles& files, json& config, TokenizerConfig& out) {
  const auto object = [&](const std::string& bytes, const char* name) {
    const auto file = files.folder + "/" + name;
    auto value = bytes.empty() ? json::object() : read_json(bytes, file);
    if (!value.is_object()) throw Error(file, "it is no JSON object", remedy);
    return value;
  };
  config.update(object(files.special, "special_tokens_map.json"));
  const auto special = special_contents(config, out.file);
  const auto added = object(files.added, "added_tokens.json");
  for (const auto& [content, id] : added.items()) {
    if (content.empty() || !id.is_number_unsigned() || id > INT32_MAX)
      throw Error(files.folder + "/added_tokens.json",
                  "'" + printable(content, 60) + "' has no token's id", remedy);
    auto token = added_token(0, content, special.count(content) > 0);
    token["normalized"] = special.count(content) == 0;
    out.added[id.get<int32_t>()] = std::move(token);
  }
}

// The class that tokenizer_config.json names, else config.json, else that of the model_type.
std::string class_name(const json& config, const TokenizerFiles& files) {
  const auto text = [](const json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
  };
  auto name = text(config, "tokenizer_class");
  if (name.empty() && !files.shape.empty()) {
    const auto shape = read_json(files.shape, files.folder + "/config.json");
    name = text(shape, "tokenizer_class");
    const auto* known = tokenizer_class_of_model(text(shape, "model_type"));
    if (name.empty() && known) name = known->names.substr(0, known->names.find(' '));
  }
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return name;
}

}  // namespace

TokenizerConfig parse_tokenizer_config(const TokenizerFiles& files) {
  TokenizerConfig out;
  const auto& file = out.file = files.folder + "/tokenizer_config.json";
  auto config = files.config.empty() ? json::object() : read_json(files.config, file);
  if (!config.is_object()) throw Error(file, "it is no JSON object", remedy);
  out.type = class_name(config, files);
  rename_list(config);
  if (const auto added = config.find("added_tokens_decoder"); added != config.end())
    read_added(*added, out);
  else
    read_older(files, config, out);
  rename_list(config);
  if (const auto* known = tokenizer_class(out.type); known && files.model.empty())
    for (const auto& [key, content] : known->tokens)
      if (!config.contains(key)) config[std::string(key)] = content;
  read_special(config, out);
  out.add_bos = flag_of(config, "add_bos_token", false, file);
  out.add_eos = flag_of(config, "add_eos_token", false, file);
  if (const auto space = config.find("add_prefix_space");
      space != config.end() && !space->is_null())
    out.add_prefix_space = flag_of(config, "add_prefix_space", false, file);
  out.legacy = flag_of(config, "legacy", false, file);
  return out;
}

void add_tokens(const TokenizerConfig& config, std::span<const std::string> tokens,
                Description& out) {
  std::unordered_map<std::string, int64_t> ids;
  for (std::size_t id = 0; id < tokens.size(); ++id)
    ids.emplace(tokens[id], static_cast<int64_t>(id));
  std::map<int64_t, Description> added;
  auto next = static_cast<int64_t>(tokens.size());
  // A token of the vocabulary keeps its id, whatever the configuration says.
  for (const auto& [id, token] : config.added) {
    const auto entry = ids.emplace(token["content"].get<std::string>(), id).first;
    added[entry->second] = token;
    added[entry->second]["id"] = entry->second;
    next = std::max(next, entry->second + 1);
  }
  std::map<std::string, int64_t> known;
  for (const auto& [id, token] : added) known.emplace(token["content"].get<std::string>(), id);
  const auto add = [&](const Description& token, bool named) {
    const auto& content = token["content"].get_ref<const std::string&>();
    if (const auto found = known.find(content); found != known.end()) {
      // An added token is as its own entry says, but special where it has a name.
      if (named) added[found->second]["special"] = true;
      return;
    }
    const auto [entry, fresh] = ids.emplace(content, next);
    if (fresh) ++next;
    known.emplace(content, entry->second);
    added[entry->second] = token;
    added[entry->second]["id"] = entry->second;
  };
  for (const auto& token : config.named) add(token, true);
  for (const auto& token : config.listed) add(token, false);
  for (auto& [id, token] : added) out["added_tokens"].push_back(std::move(token));
  const auto marker = [&](bool wanted, const std::optional<std::string>& token) {
    return wanted && token ? std::optional(Marker{*token, ids.at(*token)}) : std::nullopt;
  };
  out["post_processor"] =
      template_of(marker(config.add_bos, config.bos), marker(config.add_eos, config.eos));
}

}  // namespace strata::text
