// The steps around the model: the normalizer NFC, the pre-tokenizers Split, Digits and, as the
// last, ByteLevel, the post-processors ByteLevel (which adds nothing) and TemplateProcessing, the
// decoder ByteLevel, and sequences of these.
#include "core/text/json_steps.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/error.hpp"
#include "core/text/json_fields.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

// Calls `step` with each element of a sequence (`key` holds them), else with the value itself. A
// sequence in a sequence is a step like others, which none supports.
template <typename Step>
void each_step(const json& value, const std::string& path, const std::string& file,
               std::string_view key, Step step) {
  if (type_of(value, path, file) != "Sequence") return step(value, path);
  const JsonFields fields(value, path, file, {"type", key});
  const auto& steps = fields.array(key);
  for (std::size_t i = 0; i < steps.size(); ++i) step(steps[i], fields.path(key, i));
}

Split parse_split(const json& value, const std::string& path, const std::string& file) {
  const JsonFields fields(value, path, file, {"type", "pattern", "behavior", "invert"});
  const JsonFields pattern(fields.at("pattern"), fields.path("pattern"), file, {"Regex", "String"});
  const bool literal = pattern.find("String");
  if (literal && pattern.find("Regex")) pattern.refuse(fields.path("pattern") + " is two");
  const auto behavior = split_behavior(fields.text("behavior"));
  if (!behavior) fields.unsupported("behavior", fields.text("behavior"));
  try {
    Regex regex(pattern.text(literal ? "String" : "Regex"),
                literal ? Regex::Kind::literal : Regex::Kind::pattern);
    return {std::move(regex), *behavior, fields.flag("invert", false)};
  } catch (const std::invalid_argument& error) {
    throw Error(file, fields.path("pattern") + ": " + error.what() + " is not supported",
                "write the pattern without it");
  }
}

// The ids that a special token of a template stands for.
std::vector<int32_t> template_ids(const JsonFields& fields, const std::string& name,
                                  const std::function<bool(int64_t)>& has_token) {
  const auto& tokens = fields.at("special_tokens");
  const auto found = tokens.find(name);
  if (!tokens.is_object() || found == tokens.end())
    fields.refuse(fields.path("special_tokens") + " has no '" + printable(name, 60) + "'");
  const JsonFields token(*found, fields.path("special_tokens." + printable(name, 60)),
                         fields.file(), {"id", "ids", "tokens"});
  std::vector<int32_t> ids;
  for (const auto& id : token.array("ids")) {
    if (!id.is_number_integer() || !has_token(id.get<int64_t>()))
      token.refuse(token.path("ids") + " has " + printable(id.dump(), 40) + ", which is no token");
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

void parse_template(const json& value, const std::string& path, const std::string& file,
                    const std::function<bool(int64_t)>& has_token, AddedIds& out) {
  const JsonFields fields(value, path, file, {"type", "single", "pair", "special_tokens"});
  const auto& single = fields.array("single");
  bool passed = false;
  for (std::size_t i = 0; i < single.size(); ++i) {
    const JsonFields piece(single[i], fields.path("single", i), file, {"SpecialToken", "Sequence"});
    const bool sequence = piece.find("Sequence");
    const auto key = sequence ? "Sequence" : "SpecialToken";
    const JsonFields named(piece.at(key), piece.path(key), file, {"id", "type_id"});
    const auto& name = named.text("id");
    if (sequence) {
      if (passed || name != "A") named.unsupported("id", name);
      passed = true;
      continue;
    }
    const auto ids = template_ids(fields, name, has_token);
    auto& side = passed ? out.after : out.before;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  if (!passed) fields.refuse(fields.path("single") + " has no sequence A");
}

}  // namespace

std::string_view type_of(const json& value, std::string_view path, const std::string& file) {
  const auto found = value.find("type");
  if (!value.is_object() || found == value.end() || !found->is_string())
    throw Error(file, std::string(path) + " has no type", "give a whole tokenizer.json");
  return found->get_ref<const std::string&>();
}

void refuse_type(std::string_view type, std::string_view path, const std::string& file,
                 std::string_view known) {
  throw Error(file, std::string(path) + " of type '" + printable(type, 60) + "' is not supported",
              "known are " + std::string(known));
}

bool parse_normalizer(const json& value, const std::string& file) {
  bool nfc = false;
  each_step(value, "normalizer", file, "normalizers", [&](const json& step, const auto& path) {
    const auto type = type_of(step, path, file);
    if (type != "NFC") refuse_type(type, path, file, "NFC and Sequence");
    const JsonFields only_its_type(step, path, file, {"type"});
    nfc = true;
  });
  return nfc;
}

PreTokenizer parse_pre_tokenizer(const json& value, const std::string& file) {
  PreTokenizer out;
  bool ended = false;
  each_step(value, "pre_tokenizer", file, "pretokenizers", [&](const json& step, const auto& path) {
    const auto type = type_of(step, path, file);
    if (ended)
      throw Error(file, path + " comes after ByteLevel", "only ByteLevel may be the last step");
    if (type == "Split") {
      out.add(parse_split(step, path, file));
    } else if (type == "Digits") {
      const JsonFields fields(step, path, file, {"type", "individual_digits"});
      out.add_digits(fields.flag("individual_digits"));
    } else if (type == "ByteLevel") {
      const JsonFields fields(step, path, file,
                              {"type", "add_prefix_space", "trim_offsets", "use_regex"});
      out.byte_level(fields.flag("add_prefix_space"), fields.flag("use_regex", true));
      ended = true;
    } else {
      refuse_type(type, path, file, "Split, Digits, ByteLevel and Sequence");
    }
  });
  if (!ended)
    throw Error(file, "pre_tokenizer has no ByteLevel step",
                "give a tokenizer.json of a byte-level BPE model");
  return out;
}

void parse_decoder(const json& value, const std::string& file) {
  std::size_t steps = 0;
  each_step(value, "decoder", file, "decoders", [&](const json& step, const auto& path) {
    const auto type = type_of(step, path, file);
    if (type != "ByteLevel") refuse_type(type, path, file, "ByteLevel and Sequence");
    ++steps;
  });
  if (steps != 1)
    throw Error(file, "decoder has " + std::to_string(steps) + " steps", "it needs one ByteLevel");
}

AddedIds parse_post_processor(const json& value, const std::string& file,
                              const std::function<bool(int64_t)>& has_token) {
  AddedIds out;
  bool templated = false;
  each_step(value, "post_processor", file, "processors", [&](const json& step, const auto& path) {
    const auto type = type_of(step, path, file);
    if (type == "ByteLevel") return;  // moves offsets, which nothing here has
    if (type != "TemplateProcessing")
      refuse_type(type, path, file, "ByteLevel, TemplateProcessing and Sequence");
    if (templated)
      throw Error(file, path + " is a second template", "give one TemplateProcessing at most");
    parse_template(step, path, file, has_token, out);
    templated = true;
  });
  return out;
}

}  // namespace strata::text
