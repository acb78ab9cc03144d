#include <nlohmann/json.hpp>
#include <stdexcept>

#include "text/base64.hpp"
#include "text/character_normalizers.hpp"
#include "text/json_steps.hpp"
#include "text/precompiled.hpp"
#include "text/replace.hpp"
#include "text/unicode_form.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

std::unique_ptr<Normalizer> bert(const JsonFields& fields) {
  BertOptions options{.clean_text = fields.flag("clean_text", true),
                      .handle_chinese_chars = fields.flag("handle_chinese_chars", true),
                      .lowercase = fields.flag("lowercase", true)};
  options.strip_accents = fields.flag("strip_accents", options.lowercase);
  return std::make_unique<BertNormalizer>(options);
}

std::unique_ptr<Normalizer> precompiled(const JsonFields& fields) {
  const auto table = from_base64(fields.text("precompiled_charsmap"));
  if (!table) fields.refuse("'" + fields.path("precompiled_charsmap") + "' is not base64");
  try {
    return std::make_unique<Precompiled>(*table);
  } catch (const std::invalid_argument& error) {
    fields.refuse(fields.path("precompiled_charsmap") + ": " + error.what() + " is not supported");
  }
}

std::unique_ptr<Normalizer> parse_step(const json& value, const std::string& path,
                                       const std::string& file) {
  const auto type = type_of(value, path, file);
  const auto fields = [&](std::initializer_list<std::string_view> known) {
    return JsonFields(value, path, file, known);
  };
  static constexpr std::pair<std::string_view, Form> forms[] = {
      {"NFC", Form::nfc}, {"NFD", Form::nfd}, {"NFKC", Form::nfkc}, {"NFKD", Form::nfkd}};
  for (const auto& [name, form] : forms)
    if (type == name) return fields({"type"}), std::make_unique<UnicodeForm>(form);
  if (type == "Lowercase") return fields({"type"}), std::make_unique<Lowercase>();
  if (type == "StripAccents") return fields({"type"}), std::make_unique<StripAccents>();
  if (type == "Nmt") return fields({"type"}), std::make_unique<Nmt>();
  if (type == "ByteLevel") return fields({"type"}), std::make_unique<SpellBytes>();
  if (type == "Strip") {
    const auto strip = fields({"type", "strip_left", "strip_right"});
    return std::make_unique<StripSpace>(strip.flag("strip_left"), strip.flag("strip_right"));
  }
  if (type == "Prepend")
    return std::make_unique<Prepend>(fields({"type", "prepend"}).text("prepend"));
  if (type == "Replace") {
    const auto replace = fields({"type", "pattern", "content"});
    return std::make_unique<Replace>(parse_pattern(replace), replace.text("content"));
  }
  if (type == "Precompiled") return precompiled(fields({"type", "precompiled_charsmap"}));
  if (type == "BertNormalizer")
    return bert(
        fields({"type", "clean_text", "handle_chinese_chars", "strip_accents", "lowercase"}));
  refuse_type(type, path, file,
              "NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Nmt, ByteLevel, Strip, Prepend, "
              "Replace, Precompiled, BertNormalizer and Sequence");
}

}  // namespace

Normalizers parse_normalizer(const json& value, const std::string& file) {
  Normalizers out;
  each_step(value, "normalizer", file, "normalizers", [&](const json& step, const auto& path) {
    out.push_back(parse_step(step, path, file));
  });
  return out;
}

}  // namespace strata::text
