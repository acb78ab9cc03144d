#include "core/source/recognized_weights.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "core/error.hpp"
#include "core/source/dtype.hpp"
#include "core/source/quantization.hpp"

namespace strata::source {
namespace {

using ByName = std::map<std::string_view, const Tensor*>;

// Whether a tensor's bytes lie in a file as its shape says, so that they can be a part.
bool can_be_part(const Tensor& tensor) {
  const auto& stored = tensor.stored;
  return tensor.steps.empty() && tensor.pieces.empty() && stored.parts.size() == 1 &&
         stored.bytes > 0 && (stored.dense() || opaque_type(stored.scheme));
}

// Elements that nothing here reads are bytes.
Part part_of(const FoundPart& found) {
  const auto& stored = found.tensor->stored;
  if (stored.dense()) return {found.role, stored.dtype(), found.tensor->shape, stored.file()};
  auto shape = found.tensor->shape;
  if (element_count(shape) != stored.bytes) shape = {static_cast<int64_t>(stored.bytes)};
  return {found.role, u8, std::move(shape), stored.file()};
}

// The parts of the weight with that stem which are there; none where a required one is not.
std::vector<FoundPart> find_parts(const PackedName& names, const std::string& stem,
                                  const ByName& by_name, const std::set<const Tensor*>& used) {
  std::vector<FoundPart> out;
  for (const auto& name : names.parts) {
    const auto found = by_name.find(filled(name.tensor, stem));
    const bool there =
        found != by_name.end() && !used.contains(found->second) && can_be_part(*found->second);
    if (there)
      out.push_back({.role = name.role, .tensor = found->second, .bytes = {}});
    else if (!name.optional)
      return {};
  }
  return out;
}

// Reads the parts that the manifest wants read.
void read_parts(std::vector<FoundPart>& parts, const PackedName& names, const ReadPart& read) {
  for (auto& part : parts) {
    const auto name = std::ranges::find(names.parts, part.role, &PartTensor::role);
    if (!name->read) continue;
    if (part.tensor->stored.bytes > longest_read)
      throw Error("tensor '" + printable(part.tensor->name) + "'",
                  "it has " + std::to_string(part.tensor->stored.bytes) +
                      " bytes, too many for what it says of a weight",
                  "use another file of the model");
    part.bytes = read(*part.tensor);
  }
}

Tensor weight_of(const std::string& name, const RecognizedWeight& weight,
                 std::span<const FoundPart> found) {
  Tensor out{.name = name, .shape = weight.shape};
  std::vector<Part> parts;
  for (const auto& part : found) parts.push_back(part_of(part));
  out.stored = packed_form(weight.scheme, std::move(parts));
  out.stored.by_rows = weight.by_rows;
  out.as_used = true;
  return out;
}

// The required parts of the weight with that stem which are not there.
std::vector<std::string> missing_of(const PackedName& names, const std::string& stem,
                                    const ByName& by_name) {
  std::vector<std::string> out;
  for (const auto& name : names.parts)
    if (auto tensor = filled(name.tensor, stem); !name.optional && !by_name.contains(tensor))
      out.push_back(std::move(tensor));
  return out;
}

}  // namespace

std::vector<MissingPart> missing_parts(std::span<const Tensor> tensors, const PackedNames& names) {
  ByName by_name;
  for (const auto& tensor : tensors) by_name.emplace(tensor.name, &tensor);
  std::map<std::string, std::set<std::string>> missing;  // by weight
  for (const auto& [key, packed] : names) {
    if (packed.block > 0) continue;
    for (const auto& part : packed.parts)
      for (const auto& tensor : tensors) {
        const bool plain = part.tensor == packed.weight && !holds_codes(tensor);
        const auto stem = part.optional || plain ? std::nullopt : stem_of(part.tensor, tensor.name);
        if (!stem) continue;
        const auto lacks = missing_of(packed, *stem, by_name);
        auto& of_weight = missing[filled(packed.weight, *stem)];
        if (lacks.size() == 1) of_weight.insert(lacks.front());
        if (lacks.empty()) of_weight.insert("");  // it is whole, and its plugin does not take it
      }
  }
  std::vector<MissingPart> out;
  for (const auto& [weight, lacks] : missing)
    if (lacks.size() == 1 && !lacks.begin()->empty()) out.push_back({*lacks.begin(), weight});
  return out;
}

void join_recognized(std::vector<Tensor>& tensors, const PackedNames& names,
                     const Recognize& recognize, const ReadPart& read) {
  ByName by_name;
  for (const auto& tensor : tensors) by_name.emplace(tensor.name, &tensor);
  std::vector<Tensor> made;
  std::set<const Tensor*> used;
  for (const auto& [key, packed] : names) {
    if (packed.block > 0) continue;
    for (const auto& tensor : tensors) {
      const auto stem = stem_of(packed.parts.front().tensor, tensor.name);
      if (!stem || used.contains(&tensor)) continue;
      auto parts = find_parts(packed, *stem, by_name, used);
      if (parts.empty()) continue;
      const auto name = filled(packed.weight, *stem);
      const auto same_name = by_name.find(name);
      const bool is_part = std::ranges::any_of(
          parts, [&](const FoundPart& part) { return part.tensor->name == name; });
      if (same_name != by_name.end() && !is_part) continue;
      read_parts(parts, packed, read);
      const auto weight = recognize(key, name, parts);
      if (!weight) continue;
      made.push_back(weight_of(name, *weight, parts));
      for (const auto& part : parts) used.insert(part.tensor);
    }
  }
  replace_parts(tensors, used, std::move(made));
}

}  // namespace strata::source
