#include <nlohmann/json.hpp>

#include "text/byte_level.hpp"
#include "text/json_steps.hpp"
#include "text/metaspace.hpp"
#include "text/split.hpp"

namespace strata::text {
namespace {

using nlohmann::json;

constexpr auto punctuation = R"([\p{P}!-/:-@\[-`{-~])";
// Runs of a word's characters, which count joiners, and runs of others that are no white space.
constexpr auto words =
    R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]+|[^\s\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d]+)";

std::unique_ptr<PreTokenizer> split(std::string_view pattern, SplitBehavior behavior,
                                    bool invert = false) {
  return std::make_unique<Split>(Regex(pattern, Regex::Kind::pattern), behavior, invert);
}

SplitBehavior behavior_of(const JsonFields& fields, const std::string& otherwise = "") {
  const auto& name = fields.text("behavior", otherwise);
  const auto behavior = split_behavior(name);
  if (!behavior) fields.unsupported("behavior", name);
  return *behavior;
}

std::unique_ptr<PreTokenizer> metaspace(const JsonFields& fields) {
  return std::make_unique<Metaspace>(fields.character("replacement"), prepend_scheme(fields),
                                     fields.flag("split", true));
}

void parse_step(const json& value, const std::string& path, const std::string& file,
                PreTokenizers& out) {
  const auto type = type_of(value, path, file);
  const auto fields = [&](std::initializer_list<std::string_view> known) {
    return JsonFields(value, path, file, known);
  };
  if (type == "Split") {
    const auto step = fields({"type", "pattern", "behavior", "invert"});
    out.push_back(std::make_unique<Split>(parse_pattern(step), behavior_of(step),
                                          step.flag("invert", false)));
  } else if (type == "Digits") {
    const bool single = fields({"type", "individual_digits"}).flag("individual_digits");
    out.push_back(split(R"(\p{N})", single ? SplitBehavior::isolated : SplitBehavior::contiguous));
  } else if (type == "ByteLevel") {
    const auto step = fields({"type", "add_prefix_space", "trim_offsets", "use_regex"});
    out.push_back(
        std::make_unique<ByteLevel>(step.flag("add_prefix_space"), step.flag("use_regex", true)));
  } else if (type == "Metaspace") {
    out.push_back(metaspace(
        fields({"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"})));
  } else if (type == "Punctuation") {
    out.push_back(split(punctuation, behavior_of(fields({"type", "behavior"}), "Isolated")));
  } else if (type == "Whitespace") {
    fields({"type"});
    out.push_back(split(words, SplitBehavior::removed, true));
  } else if (type == "WhitespaceSplit") {
    fields({"type"});
    out.push_back(split(R"(\s)", SplitBehavior::removed));
  } else if (type == "BertPreTokenizer") {
    fields({"type"});
    out.push_back(split(R"(\s)", SplitBehavior::removed));
    out.push_back(split(punctuation, SplitBehavior::isolated));
  } else if (type == "CharDelimiterSplit") {
    out.push_back(std::make_unique<Split>(
        Regex(fields({"type", "delimiter"}).character("delimiter"), Regex::Kind::literal),
        SplitBehavior::removed));
  } else {
    refuse_type(type, path, file,
                "Split, Digits, ByteLevel, Metaspace, Punctuation, Whitespace, WhitespaceSplit, "
                "BertPreTokenizer, CharDelimiterSplit and Sequence");
  }
}

}  // namespace

PreTokenizers parse_pre_tokenizer(const json& value, const std::string& file) {
  PreTokenizers out;
  each_step(value, "pre_tokenizer", file, "pretokenizers",
            [&](const json& step, const auto& path) { parse_step(step, path, file, out); });
  return out;
}

}  // namespace strata::text
