#include "core/source/gguf_mapping.hpp"

#include <algorithm>
#include <initializer_list>

#include "core/error.hpp"
#include "core/json.hpp"

namespace strata::source {
namespace {

constexpr auto remedy = "fix the manifest's \"gguf\"";

// One object of the mapping; refuses a missing or wrong value and names its place.
class Node {
 public:
  Node(std::string_view who, std::string where, const Json& value)
      : who_(who), where_(std::move(where)), value_(value) {
    if (!value.is_object()) refuse("is not an object");
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(who_, "gguf" + where_ + " " + what, remedy);
  }
  void only(std::initializer_list<std::string_view> known) const {
    for (const auto& [key, value] : value_.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        refuse("has an unknown key '" + printable(key) + "'");
  }
  const Json* find(const char* key) const {
    const auto at = value_.find(key);
    return at == value_.end() ? nullptr : &*at;
  }
  Node object(const char* key) const {
    static const Json none = Json::object();
    const auto* value = find(key);
    return {who_, where_ + "." + key, value ? *value : none};
  }
  std::string text(const char* key) const {
    const auto* value = find(key);
    return value ? text_of(*value, key) : std::string();
  }
  std::string text_of(const Json& value, const std::string& key) const {
    if (!value.is_string()) refuse("has a '" + printable(key) + "' that is not text");
    return value.get<std::string>();
  }
  std::vector<std::string> texts(const char* key) const {
    const auto* list = find(key);
    return list ? texts_of(*list, key) : std::vector<std::string>();
  }
  std::vector<std::string> texts_of(const Json& list, const std::string& key) const {
    std::vector<std::string> out;
    if (!list.is_array()) refuse("has '" + printable(key) + "' that are not a list");
    for (const auto& value : list) out.push_back(text_of(value, key));
    return out;
  }
  bool flag(const char* key) const {
    const auto* value = find(key);
    if (value && !value->is_boolean()) refuse("has '" + std::string(key) + "' that is not a flag");
    return value && value->get<bool>();
  }
  double number(const char* key, double fallback) const {
    const auto* value = find(key);
    if (!value) return fallback;
    if (!value->is_number()) refuse("has a '" + std::string(key) + "' that is no number");
    return value->get<double>();
  }
  const Json& value() const { return value_; }
  Node child(const std::string& key, const Json& value) const {
    return {who_, where_ + "." + printable(key), value};
  }

 private:
  std::string_view who_;
  std::string where_;
  const Json& value_;
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find('|', at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

GgufRule rule_of(const Node& node) {
  node.only({"key", "minus", "count", "present", "absent", "same", "times", "over", "only",
             "default", "optional", "null"});
  GgufRule rule;
  rule.times = node.texts("times");
  rule.over = node.texts("over");
  const auto only = node.object("only");
  for (const auto& [key, value] : only.value().items()) {
    if (!value.is_number_integer())
      only.refuse("has a '" + printable(key) + "' that is no integer");
    rule.only[key] = value.get<std::int64_t>();
  }
  rule.keys = split(node.text("key"));
  rule.minus = node.text("minus");
  rule.count = node.text("count");
  rule.present = node.text("present");
  rule.absent = node.text("absent");
  rule.same = node.text("same");
  if (const auto* value = node.find("default")) rule.fallback = value->dump();
  rule.optional = node.flag("optional");
  rule.null = node.flag("null");
  return rule;
}

std::map<std::string, std::string> texts_of(const Node& node) {
  std::map<std::string, std::string> out;
  for (const auto& [key, value] : node.value().items()) out[key] = node.text_of(value, key);
  return out;
}

std::map<std::string, GgufHeads> heads_of(const Node& node) {
  std::map<std::string, GgufHeads> out;
  for (const auto& [key, value] : node.value().items()) {
    if (!value.is_array()) {
      const auto heads = node.text_of(value, key);
      out[key] = {heads, heads};
      continue;
    }
    if (value.size() != 2) node.refuse("has a '" + printable(key) + "' that is not of two keys");
    out[key] = {node.text_of(value[0], key), node.text_of(value[1], key)};
  }
  return out;
}

void read_equal(const Node& node, GgufMapping& out) {
  const auto* equal = node.find("equal");
  if (!equal) return;
  if (!equal->is_array()) node.refuse("has an 'equal' that is not a list");
  for (const auto& pair : *equal) {
    if (!pair.is_array() || pair.size() != 2) node.refuse("has an 'equal' that is not of pairs");
    out.equal.emplace_back(node.text_of(pair[0], "equal"), node.text_of(pair[1], "equal"));
  }
}

GgufMapping mapping_of(const std::string& architecture, const Node& node) {
  node.only({"model_type", "architectures", "config", "equal", "rope", "names", "permuted", "fused",
             "added", "one_row", "turned", "joined"});
  GgufMapping out;
  out.architecture = architecture;
  out.model_type = node.text("model_type");
  if (out.model_type.empty()) node.refuse("has no model_type");
  out.architectures = node.texts("architectures");
  const auto config = node.object("config");
  for (const auto& [key, value] : config.value().items())
    out.config[key] = rule_of(config.child(key, value));
  read_equal(node, out);
  const auto rope = node.object("rope");
  rope.only({"prefix", "factors", "short", "long", "truncate", "mscale"});
  out.rope_prefix = rope.text("prefix");
  out.rope_factors = rope.text("factors");
  out.rope_short = rope.text("short");
  out.rope_long = rope.text("long");
  out.rope_truncate = rope.value().value("truncate", Json(true)) != false;
  out.rope_mscale = rope.number("mscale", 0);
  for (const auto& [theirs, all] : texts_of(node.object("names")))
    for (const auto& ours : split(all))
      if (!out.names.emplace(ours, theirs).second) node.refuse("maps '" + ours + "' twice");
  out.permuted = texts_of(node.object("permuted"));
  out.fused = heads_of(node.object("fused"));
  out.one_row = node.texts("one_row");
  out.transposed = node.texts("turned");
  const auto joined = node.object("joined");
  for (const auto& [key, value] : joined.value().items())
    out.joined[key] = joined.texts_of(value, key);
  const auto added = node.object("added");
  for (const auto& [key, value] : added.value().items()) {
    if (!value.is_number()) added.refuse("has a '" + printable(key) + "' that is no number");
    out.added[key] = value.get<double>();
  }
  return out;
}

void put_architecture(Json& value, std::string_view architecture) {
  constexpr std::string_view hole = "{arch}";
  if (value.is_object()) {
    Json renamed = Json::object();
    for (auto& [key, inner] : value.items()) {
      Json name = key;
      put_architecture(name, architecture);
      put_architecture(inner, architecture);
      renamed[name.get<std::string>()] = std::move(inner);
    }
    value = std::move(renamed);
  }
  if (value.is_array())
    for (auto& inner : value) put_architecture(inner, architecture);
  if (!value.is_string()) return;
  auto& text = value.get_ref<std::string&>();
  for (auto at = text.find(hole); at != text.npos; at = text.find(hole, at + architecture.size()))
    text.replace(at, hole.size(), architecture);
}

// The mapping `name`, merged over those that it is like.
Json whole_mapping(const Json& all, const std::string& name, std::string_view who, int depth = 0) {
  constexpr int deepest = 4;
  const auto found = all.find(name);
  if (found == all.end() || depth > deepest)
    throw Error(who, "gguf: nothing is like '" + printable(name) + "'", remedy);
  Json own = *found;
  if (!own.is_object() || !own.contains("like")) return own;
  const auto like = own["like"];
  if (!like.is_string()) throw Error(who, "gguf: a 'like' is not text", remedy);
  own.erase("like");
  auto out = whole_mapping(all, like.get<std::string>(), who, depth + 1);
  out.merge_patch(own);
  return out;
}

// Takes a number of digits from the beginning of `name`; empty where there is none.
std::string_view take_number(std::string_view& name) {
  const auto end = std::min(name.find_first_not_of("0123456789"), name.size());
  const auto number = name.substr(0, end);
  name.remove_prefix(end);
  return number;
}

// The numbers in `name` at the places of the pattern's {}; nothing where `name` does not match.
std::optional<std::vector<std::string_view>> numbers_in(std::string_view pattern,
                                                        std::string_view name) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto hole = std::min(pattern.find("{}"), pattern.size());
    if (!name.starts_with(pattern.substr(0, hole))) return std::nullopt;
    name.remove_prefix(hole);
    if (hole == pattern.size()) return name.empty() ? std::optional(std::move(out)) : std::nullopt;
    pattern.remove_prefix(hole + 2);
    out.push_back(take_number(name));
    if (out.back().empty()) return std::nullopt;
  }
}

}  // namespace

GgufMappings gguf_mappings(const Json& value, std::string_view who) {
  const Node root(who, "", value);
  GgufMappings out;
  for (const auto& [architecture, own] : value.items()) {
    auto whole = whole_mapping(value, architecture, who);
    put_architecture(whole, std::string_view(architecture).substr(0, architecture.find('+')));
    out[architecture] = mapping_of(architecture, root.child(architecture, whole));
  }
  return out;
}

MappedName mapped_name(const GgufMapping& mapping, std::string_view name) {
  for (const auto& [ours, theirs] : mapping.names)
    if (auto out = renamed(ours, name, theirs); !out.empty()) return {std::move(out), theirs};
  return {};
}

std::string renamed(std::string_view from, std::string_view name, std::string to) {
  const auto numbers = numbers_in(from, name);
  if (!numbers) return {};
  for (const auto number : *numbers)
    if (const auto hole = to.find("{}"); hole != std::string::npos) to.replace(hole, 2, number);
  return to;
}

}  // namespace strata::source
