#include "core/source/part_names.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "core/error.hpp"
#include "core/source/dtype.hpp"
#include "core/source/manifest_object.hpp"

namespace strata::source {
namespace {

constexpr std::string_view hole = "{}";
constexpr int64_t longest = 1 << 20;  // elements of a block

bool flag_of(const ManifestObject& entry, const char* key) {
  const auto* value = entry.find(key);
  if (value && !value->is_boolean())
    entry.refuse("has a '" + std::string(key) + "' that is no flag");
  return value && value->get<bool>();
}

int64_t count_of(const ManifestObject& entry, const Json* value, const std::string& key) {
  if (!value || !value->is_number_integer() || *value < 1 || *value > longest)
    entry.refuse("has a '" + key + "' that is no count");
  return value->get<int64_t>();
}

std::string pattern_of(const ManifestObject& entry, const char* key) {
  auto out = entry.text(key);
  if (out.find(hole) == out.npos) entry.refuse("has a '" + std::string(key) + "' without {}");
  return out;
}

PartTensor recognized_part(const ManifestObject& entry) {
  entry.only({"role", "tensor", "optional", "read"});
  return {.role = entry.text("role"),
          .tensor = pattern_of(entry, "tensor"),
          .dtype = {},
          .per_block = {},
          .optional = flag_of(entry, "optional"),
          .read = flag_of(entry, "read")};
}

PartTensor part_of(const ManifestObject& entry) {
  entry.only({"role", "tensor", "dtype", "per_block"});
  const auto dtype = dtype_named(entry.text("dtype"));
  if (!dtype) entry.refuse("has an unknown dtype");
  PartTensor out{.role = entry.text("role"),
                 .tensor = pattern_of(entry, "tensor"),
                 .dtype = *dtype,
                 .per_block = {}};
  for (const auto& length : entry.list("per_block"))
    out.per_block.push_back(count_of(entry, &length, "per_block"));
  return out;
}

using ByName = std::map<std::string_view, const Tensor*>;

// The weight's shape in blocks, [..,n], where the tensor can be that part of it.
std::optional<std::vector<int64_t>> blocks_of(const Tensor& tensor, const PartTensor& name) {
  const auto& stored = tensor.stored;
  if (!stored.dense() || !tensor.steps.empty() || stored.bytes == 0 || stored.parts.size() != 1 ||
      !same(stored.dtype(), name.dtype) || tensor.shape.size() <= name.per_block.size())
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

void replace_parts(std::vector<Tensor>& tensors, const std::set<const Tensor*>& used,
                   std::vector<Tensor> made) {
  if (made.empty()) return;
  std::vector<Tensor> out;
  for (auto& tensor : tensors)
    if (!used.contains(&tensor)) out.push_back(std::move(tensor));
  std::ranges::move(made, std::back_inserter(out));
  tensors = std::move(out);
}

PackedNames packed_names(const Json& value, std::string_view who) {
  const ManifestObject root(who, "parts", value);
  PackedNames out;
  for (const auto& [scheme, object] : value.items()) {
    const auto entry = root.child(scheme, object);
    entry.only({"weight", "block", "parts"});
    auto& names = out[scheme];
    names.weight = pattern_of(entry, "weight");
    if (entry.find("block")) names.block = count_of(entry, entry.find("block"), "block");
    for (const auto& part : entry.list("parts")) {
      const auto child = entry.child("parts", part);
      names.parts.push_back(names.block > 0 ? part_of(child) : recognized_part(child));
    }
    if (names.parts.empty()) entry.refuse("has no parts");
    if (names.parts.front().optional) entry.refuse("has an optional first part");
  }
  return out;
}

void join_parts(std::vector<Tensor>& tensors, const PackedNames& names) {
  ByName by_name;
  for (const auto& tensor : tensors) by_name.emplace(tensor.name, &tensor);
  std::vector<Tensor> made;
  std::set<const Tensor*> used;
  for (const auto& [scheme, packed] : names) {
    if (packed.block == 0) continue;
    for (const auto& tensor : tensors) {
      const auto stem = stem_of(packed.parts.front().tensor, tensor.name);
      if (!stem || used.contains(&tensor)) continue;
      if (auto weight = weight_of(scheme, packed, *stem, by_name, used))
        made.push_back(std::move(*weight));
    }
  }
  replace_parts(tensors, used, std::move(made));
}

}  // namespace strata::source
