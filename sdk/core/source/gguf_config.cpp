#include "core/source/gguf_config.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.hpp"
#include "core/source/gguf_ends.hpp"
#include "core/source/gguf_rope.hpp"

namespace strata::source {
namespace {

Json json_of(const GgufValue& value) {
  return std::visit([](const auto& held) { return Json(held); }, value);
}

bool has_tensor(const Gguf& file, const std::string& name) {
  return std::any_of(file.tensors.begin(), file.tensors.end(),
                     [&](const Tensor& tensor) { return tensor.name == name; });
}

std::size_t length_of(const Gguf& file, const std::string& key) {
  const auto* value = file.find(key);
  if (!value) return 0;
  return std::visit(
      [](const auto& held) -> std::size_t {
        if constexpr (requires { held.begin(); }) return held.size();
        return 0;
      },
      *value);
}

Json whole_if_it_is(double value) {
  constexpr double most = 1 << 30;
  if (value == std::trunc(value) && std::abs(value) < most) return static_cast<std::int64_t>(value);
  return value;
}

std::optional<double> product(const Gguf& file, const std::vector<std::string>& keys) {
  double out = 1;
  for (const auto& key : keys) {
    const auto factor = file.number(key);
    if (!factor) return std::nullopt;
    out *= *factor;
  }
  return out;
}

Json less(const Gguf& file, const GgufRule& rule, const GgufValue& value) {
  const auto whole = json_of(value);
  if (rule.minus.empty()) return whole;
  const auto less = file.number(rule.minus);
  if (!less || !whole.is_number())
    throw Error(file.path, "no number in metadata '" + rule.minus + "' to take away",
                "convert the model again");
  return whole_if_it_is(whole.get<double>() - *less);
}

// The rule's value; null where the file has no answer.
Json answer(const Gguf& file, const GgufRule& rule, const Json& config) {
  for (const auto& key : rule.keys)
    if (const auto* value = file.find(key)) return less(file, rule, *value);
  if (!rule.count.empty())
    if (const auto length = length_of(file, rule.count)) return length;
  if (!rule.present.empty()) return has_tensor(file, rule.present);
  if (!rule.absent.empty()) return !has_tensor(file, rule.absent);
  const auto holds = [&](const auto& one) { return file.integer(one.first) == one.second; };
  if (!rule.times.empty() && std::all_of(rule.only.begin(), rule.only.end(), holds))
    if (const auto times = product(file, rule.times), over = product(file, rule.over);
        times && over && *over != 0)
      return whole_if_it_is(*times / *over);
  if (!rule.same.empty() && config.contains(rule.same)) return config[rule.same];
  if (rule.fallback) return Json::parse(*rule.fallback);
  return nullptr;
}

void check_equal(const Gguf& file, const GgufMapping& mapping) {
  for (const auto& [a, b] : mapping.equal) {
    const auto *left = file.find(a), *right = file.find(b);
    if (left && right && *left != *right)
      throw Error(file.path, "metadata '" + a + "' and '" + b + "' differ, which is not supported",
                  "use another file of the model");
  }
}

// The value at "a.b": b of the object a.
void place(Json& config, std::string_view key, Json value) {
  auto* at = &config;
  for (auto dot = key.find('.'); dot != key.npos; dot = key.find('.')) {
    at = &(*at)[std::string(key.substr(0, dot))];
    key.remove_prefix(dot + 1);
  }
  (*at)[std::string(key)] = std::move(value);
}

std::string asked(const GgufRule& rule) {
  std::string out;
  for (const auto& key : rule.keys) out.append(out.empty() ? "'" : " or '").append(key).append("'");
  if (!rule.count.empty()) out.append(out.empty() ? "'" : " or '").append(rule.count).append("'");
  return out.empty() ? "a value" : out;
}

}  // namespace

std::string gguf_config(const Gguf& file, const GgufMapping& mapping,
                        const GgufRopeFactors& factors) {
  check_equal(file, mapping);
  Json config{{"model_type", mapping.model_type}, {"architectures", mapping.architectures}};
  for (const auto& [key, rule] : mapping.config) {
    auto value = answer(file, rule, config);
    if (!value.is_null() || rule.null)
      place(config, key, std::move(value));
    else if (!rule.optional)
      throw Error(file.path, "no metadata " + asked(rule) + ", which " + key + " needs",
                  "convert the model again");
  }
  if (!mapping.rope_prefix.empty()) add_gguf_rope(file, mapping, factors, config);
  return config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

namespace {

std::map<std::string, std::string> chat_templates_of(const Gguf& file) {
  const std::string key = "tokenizer.chat_template", named = key + ".";
  std::map<std::string, std::string> out;
  for (auto at = file.metadata.lower_bound(key); at != file.metadata.end(); ++at) {
    const bool plain = at->first == key;
    if (!plain && !at->first.starts_with(named)) {
      if (!at->first.starts_with(key)) break;
      continue;
    }
    auto text = file.text(at->first).value_or("");
    if (!text.empty()) out[plain ? "default" : at->first.substr(named.size())] = std::move(text);
  }
  return out;
}

}  // namespace

source::GgufVocabulary gguf_vocabulary(const Gguf& file) {
  source::GgufVocabulary out;
  const std::string prefix = "tokenizer.ggml.";
  out.model = file.text(prefix + "model").value_or("");
  out.pre = file.text(prefix + "pre").value_or("");
  if (const auto* tokens = file.texts(prefix + "tokens")) out.tokens = *tokens;
  if (const auto* merges = file.texts(prefix + "merges")) out.merges = *merges;
  if (const auto* scores = file.numbers(prefix + "scores")) out.scores = *scores;
  if (const auto* types = file.integers(prefix + "token_type"))
    for (const auto type : *types) {
      if (type < INT32_MIN || type > INT32_MAX)
        throw Error(file.path, "a token's type is out of range", "convert the model again");
      out.types.push_back(static_cast<std::int32_t>(type));
    }
  else
    out.types.assign(out.tokens.size(), 1);  // tokens like others
  const auto id = [&](const char* key) -> std::optional<std::int32_t> {
    const auto value = file.integer(prefix + key);
    if (!value) return std::nullopt;
    if (*value < 0 || static_cast<std::uint64_t>(*value) >= out.tokens.size())
      throw Error(file.path,
                  "metadata '" + prefix + key + "' is " + std::to_string(*value) + ", not one of " +
                      std::to_string(out.tokens.size()) + " tokens",
                  "convert the model again");
    return static_cast<std::int32_t>(*value);
  };
  out.bos = id("bos_token_id");
  out.eos = id("eos_token_id");
  out.unk = id("unknown_token_id");
  out.pad = id("padding_token_id");
  out.add_bos = file.flag(prefix + "add_bos_token");
  out.add_eos = file.flag(prefix + "add_eos_token");
  out.add_space_prefix = file.flag(prefix + "add_space_prefix");
  // An id that is no token's ends nothing, as in the program that writes these files.
  std::vector<std::int32_t> ends;
  for (const auto* key :
       {"eot_token_id", "eom_token_id", "fim_pad_token_id", "fim_rep_token_id", "fim_sep_token_id"})
    if (const auto one = file.integer(prefix + key);
        one && *one >= 0 && static_cast<std::uint64_t>(*one) < out.tokens.size())
      ends.push_back(static_cast<std::int32_t>(*one));
  source::find_ends(ends, out);
  out.chat_templates = chat_templates_of(file);
  return out;
}

}  // namespace strata::source
