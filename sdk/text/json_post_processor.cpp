#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "text/json_steps.hpp"

namespace strata::text {
namespace {

using nlohmann::json;
using HasToken = std::function<bool(int64_t)>;

// Puts `outer` around the ids that earlier steps add.
void wrap(const AddedIds& outer, AddedIds& inner) {
  inner.before.insert(inner.before.begin(), outer.before.begin(), outer.before.end());
  inner.after.insert(inner.after.end(), outer.after.begin(), outer.after.end());
}

// The ids that a special token of a template stands for.
std::vector<int32_t> template_ids(const JsonFields& fields, const std::string& name,
                                  const HasToken& has_token) {
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
                    const HasToken& has_token, AddedIds& out) {
  const JsonFields fields(value, path, file, {"type", "single", "pair", "special_tokens"});
  const auto& single = fields.array("single");
  AddedIds added;
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
    auto& side = passed ? added.after : added.before;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  if (!passed) fields.refuse(fields.path("single") + " has no sequence A");
  wrap(added, out);
}

// The id of ["<s>", 0].
int32_t marker(const JsonFields& fields, std::string_view key, const HasToken& has_token) {
  const auto& pair = fields.array(key);
  if (pair.size() != 2 || !pair[0].is_string() || !pair[1].is_number_integer())
    fields.refuse("'" + fields.path(key) + "' is no token with its id");
  if (!has_token(pair[1].get<int64_t>()))
    fields.refuse("'" + fields.path(key) + "' has the id " + printable(pair[1].dump(), 40) +
                  ", which is no token");
  return pair[1].get<int32_t>();
}

}  // namespace

AddedIds parse_post_processor(const json& value, const std::string& file,
                              const HasToken& has_token) {
  AddedIds out;
  each_step(value, "post_processor", file, "processors", [&](const json& step, const auto& path) {
    const auto type = type_of(step, path, file);
    if (type == "ByteLevel") return;  // moves offsets, which nothing here has
    if (type == "TemplateProcessing") return parse_template(step, path, file, has_token, out);
    if (type != "BertProcessing" && type != "RobertaProcessing")
      refuse_type(type, path, file,
                  "ByteLevel, TemplateProcessing, BertProcessing, RobertaProcessing and Sequence");
    const JsonFields fields(step, path, file,
                            {"type", "sep", "cls", "trim_offsets", "add_prefix_space"});
    wrap({{marker(fields, "cls", has_token)}, {marker(fields, "sep", has_token)}}, out);
  });
  return out;
}

}  // namespace strata::text
