#include "core/source/part_names.hpp"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <set>

#include "core/error.hpp"
#include "core/source/dtype.hpp"

namespace strata::source {
namespace {

constexpr std::string_view hole = "{}";
constexpr int64_t longest = 1 << 20;  // elements of a block

class Entry {
 public:
  Entry(std::string_view who, std::string where, const Json& value,
        std::initializer_list<std::string_view> known)
      : who_(who), where_(std::move(where)), value_(value) {
    if (!value.is_object()) refuse("is not an object");
    for (const auto& [key, inner] : value.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        refuse("has an unknown key '" + printable(key) + "'");
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(who_, "parts." + where_ + " " + what, "fix the manifest's \"parts\"");
  }
  const Json& at(const char* key) const {
    const auto found = value_.find(key);
    if (found == value_.end()) refuse("has no '" + std::string(key) + "'");
    return *found;
  }
  bool has(const char* key) const { return value_.contains(key); }
  std::string text(const char* key) const {
    if (!at(key).is_string()) refuse("has a '" + std::string(key) + "' that is not text");
    return at(key).get<std::string>();
  }
  std::string pattern(const char* key) const {
    auto out = text(key);
    if (out.find(hole) == out.npos) refuse("has a '" + std::string(key) + "' without {}");
    return out;
  }
  int64_t count(const Json& value, const char* key) const {
    if (!value.is_number_integer() || value < 1 || value > longest)
      refuse("has a '" + std::string(key) + "' that is no count");
    return value.get<int64_t>();
  }
  const Json& list(const char* key) const {
    if (!at(key).is_array()) refuse("has '" + std::string(key) + "' that are not a list");
    return at(key);
  }

 private:
  std::string_view who_;
  std::string where_;
  const Json& value_;
};

PartTensor part_of(const Entry& entry) {
  PartTensor out{entry.text("role"), entry.pattern("tensor"), {}, {}};
  const auto dtype = dtype_named(entry.text("dtype"));
  if (!dtype) entry.refuse("has an unknown dtype");
  out.dtype = *dtype;
  if (entry.has("per_block"))
    for (const auto& length : entry.list("per_block"))
      out.per_block.push_back(entry.count(length, "per_block"));
  return out;
}

// The text in the place of the pattern's {}; nothing where `name` does not match.
std::optional<std::string> stem_of(std::string_view pattern, std::string_view name) {
  const auto at = pattern.find(hole);
  const auto head = pattern.substr(0, at), tail = pattern.substr(at + hole.size());
  if (name.size() < head.size() + tail.size() || !name.starts_with(head) || !name.ends_with(tail))
    return std::nullopt;
  return std::string(name.substr(head.size(), name.size() - head.size() - tail.size()));
}

std::string filled(std::string pattern, const std::string& stem) {
  return pattern.replace(pattern.find(hole), hole.size(), stem);
}

using ByName = std::map<std::string_view, const Tensor*>;

// The weight's shape in blocks, [..,n], where the tensor can be that part of it.
std::optional<std::vector<int64_t>> blocks_of(const Tensor& tensor, const PartTensor& name) {
  const auto& [scheme, parts, at, bytes] = tensor.stored;
  if (!scheme.empty() || !tensor.steps.empty() || bytes == 0 || parts.size() != 1 ||
      !same(parts[0].dtype, name.dtype) || tensor.shape.size() <= name.per_block.size())
    return std::nullopt;
  const auto own = tensor.shape.end() - static_cast<std::ptrdiff_t>(name.per_block.size());
  if (!std::equal(own, tensor.shape.end(), name.per_block.begin())) return std::nullopt;
  return std::vector(tensor.shape.begin(), own);
}

// The part with one row of it for each row of the weight.
Part in_rows(const Tensor& tensor, const PartTensor& name, std::vector<int64_t> blocks) {
  for (const auto length : name.per_block) blocks.back() *= length;
  return {name.role, name.dtype, std::move(blocks), tensor.stored.file()};
}

// Makes the weight of that stem where all of its parts are there, which `used` then has too.
std::optional<Tensor> weight_of(const std::string& scheme, const PackedName& names,
                                const std::string& stem, const ByName& by_name,
                                std::set<const Tensor*>& used) {
  Tensor out{.name = filled(names.weight, stem), .shape = {}};
  if (by_name.contains(out.name)) return std::nullopt;
  std::vector<Part> parts;
  std::vector<const Tensor*> from;
  for (const auto& name : names.parts) {
    const auto found = by_name.find(filled(name.tensor, stem));
    if (found == by_name.end()) return std::nullopt;
    const auto blocks = blocks_of(*found->second, name);
    if (!blocks || (!from.empty() && *blocks != out.shape)) return std::nullopt;
    out.shape = *blocks;
    parts.push_back(in_rows(*found->second, name, *blocks));
    from.push_back(found->second);
  }
  out.shape.back() *= names.block;
  out.stored = packed_form(scheme, std::move(parts));
  used.insert(from.begin(), from.end());
  return out;
}

}  // namespace

PackedNames packed_names(const Json& value, std::string_view who) {
  PackedNames out;
  for (const auto& [scheme, object] : value.items()) {
    const Entry entry(who, printable(scheme), object, {"weight", "block", "parts"});
    auto& names = out[scheme];
    names.weight = entry.pattern("weight");
    names.block = entry.count(entry.at("block"), "block");
    for (const auto& part : entry.list("parts"))
      names.parts.push_back(part_of(
          {who, printable(scheme) + ".parts", part, {"role", "tensor", "dtype", "per_block"}}));
    if (names.parts.empty()) entry.refuse("has no parts");
  }
  return out;
}

void join_parts(std::vector<Tensor>& tensors, const PackedNames& names) {
  ByName by_name;
  for (const auto& tensor : tensors) by_name.emplace(tensor.name, &tensor);
  std::vector<Tensor> made;
  std::set<const Tensor*> used;
  for (const auto& [scheme, packed] : names)
    for (const auto& tensor : tensors) {
      const auto stem = stem_of(packed.parts.front().tensor, tensor.name);
      if (!stem || used.contains(&tensor)) continue;
      if (auto weight = weight_of(scheme, packed, *stem, by_name, used))
        made.push_back(std::move(*weight));
    }
  if (made.empty()) return;
  std::vector<Tensor> out;
  for (auto& tensor : tensors)
    if (!used.contains(&tensor)) out.push_back(std::move(tensor));
  std::ranges::move(made, std::back_inserter(out));
  tensors = std::move(out);
}

}  // namespace strata::source
