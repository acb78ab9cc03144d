#include "core/text/tokenizer_config.hpp"

#include <charconv>
#include <unordered_map>

#include "core/error.hpp"
#include "core/text/json_fields.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

constexpr auto remedy = "give the model's own tokenizer_config.json";

// "<s>", or an object with the content and flags.
std::optional<std::string> content_of(const json& value, const std::string& key,
                                      const std::string& file) {
  if (value.is_null()) return std::nullopt;
  const auto* text = value.is_object() && value.contains("content") ? &value["content"] : &value;
  if (!text->is_string() || text->get_ref<const std::string&>().empty())
    throw Error(file, "'" + printable(key, 60) + "' is no token", remedy);
  return text->get<std::string>();
}

bool flag_of(const json& config, const char* key, bool otherwise, const std::string& file) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return otherwise;
  if (!found->is_boolean())
    throw Error(file, std::string("'") + key + "' is neither true nor false", remedy);
  return found->get<bool>();
}

void read_added(const json& tokens, TokenizerConfig& out) {
  if (!tokens.is_object()) throw Error(out.file, "'added_tokens_decoder' is no object", remedy);
  for (const auto& [key, value] : tokens.items()) {
    int32_t id = -1;
    const auto read = std::from_chars(key.data(), key.data() + key.size(), id);
    const auto content = content_of(value, "added_tokens_decoder." + key, out.file);
    if (read.ec != std::errc() || read.ptr != key.data() + key.size() || id < 0 || !content)
      throw Error(out.file, "'added_tokens_decoder." + printable(key, 60) + "' is no token's id",
                  remedy);
    auto token = added_token(id, *content, false);
    for (const auto* flag : {"single_word", "lstrip", "rstrip", "normalized", "special"})
      token[flag] = value.is_object() && flag_of(value, flag, false, out.file);
    out.added[id] = std::move(token);
  }
}

void read_special(const json& config, TokenizerConfig& out) {
  const auto read = [&](const char* key) -> std::optional<std::string> {
    const auto found = config.find(key);
    auto token = found == config.end() ? std::nullopt : content_of(*found, key, out.file);
    if (token) out.special.push_back(*token);
    return token;
  };
  out.bos = read("bos_token");
  out.eos = read("eos_token");
  for (const auto* key : {"unk_token", "sep_token", "pad_token", "cls_token", "mask_token"})
    read(key);
  for (const auto* key : {"additional_special_tokens", "extra_special_tokens"}) {
    const auto list = config.find(key);
    if (list == config.end() || !list->is_array()) continue;
    for (const auto& one : *list)
      if (auto token = content_of(one, key, out.file)) out.special.push_back(std::move(*token));
  }
}

}  // namespace

TokenizerConfig parse_tokenizer_config(std::string_view bytes, const std::string& file) {
  TokenizerConfig out;
  out.file = file;
  if (bytes.empty()) return out;
  const auto config = read_json(bytes, file);
  if (!config.is_object()) throw Error(file, "it is no JSON object", remedy);
  if (const auto type = config.find("tokenizer_class"); type != config.end() && type->is_string())
    out.type = type->get<std::string>();
  if (out.type.ends_with("Fast")) out.type.resize(out.type.size() - 4);
  if (const auto added = config.find("added_tokens_decoder"); added != config.end())
    read_added(*added, out);
  read_special(config, out);
  out.add_bos = flag_of(config, "add_bos_token", false, file);
  out.add_eos = flag_of(config, "add_eos_token", false, file);
  if (const auto space = config.find("add_prefix_space");
      space != config.end() && !space->is_null())
    out.add_prefix_space = flag_of(config, "add_prefix_space", false, file);
  out.legacy = flag_of(config, "legacy", false, file);
  return out;
}

void add_tokens(const TokenizerConfig& config, std::vector<std::string> special,
                std::span<const std::string> tokens, Description& out) {
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
  special.insert(special.begin(), config.special.begin(), config.special.end());
  for (const auto& token : special) {
    const auto [entry, fresh] = ids.emplace(token, next);
    if (fresh) ++next;
    added[entry->second] = added_token(entry->second, token, true);
  }
  for (auto& [id, token] : added) out["added_tokens"].push_back(std::move(token));
  const auto marker = [&](bool wanted, const std::optional<std::string>& token) {
    return wanted && token ? std::optional(Marker{*token, ids.at(*token)}) : std::nullopt;
  };
  out["post_processor"] =
      template_of(marker(config.add_bos, config.bos), marker(config.add_eos, config.eos));
}

}  // namespace strata::text
