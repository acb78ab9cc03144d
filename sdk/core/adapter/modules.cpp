#include "core/adapter/modules.hpp"

#include <algorithm>
#include <charconv>

#include "core/source/source_map.hpp"
#include "core/source/tensor.hpp"

namespace strata::adapter {
namespace {

using shape::DeclaredUnit, shape::DeclaredWeight;

std::string without_weight(const std::string& name) {
  return name.ends_with(".weight") ? name.substr(0, name.size() - 7) : name;
}

// The columns of the embedding's table.
std::int64_t table_width(const DeclaredUnit& unit) {
  for (const auto& weight : unit.weights)
    if (weight.role == STRATA_TABLE) return weight.shape.back();
  return 0;
}

// Whether a matrix of the unit is a linear layer. In the embedding's unit one that takes the
// table's rows is, and a table of positions, as wide as the hidden state, is not.
bool is_linear(const DeclaredUnit& unit, const DeclaredWeight& weight) {
  if (weight.role != STRATA_MATRIX) return weight.role == STRATA_ROUTER;
  if (unit.kind != STRATA_UNIT_EMBEDDING) return true;
  return weight.shape[1] == table_width(unit) && weight.shape[0] != weight.shape[1];
}

}  // namespace

Modules::Modules(std::span<const DeclaredUnit> units, bool tied) {
  for (const auto& unit : units)
    for (const auto& weight : unit.weights) {
      if (weight.shape.size() != 2) continue;
      if (weight.experts != 0)
        add_experts(unit, weight);
      else
        add(weight, tied, is_linear(unit, weight));
    }
}

void Modules::keep(Module module, const std::string& other_name) {
  const auto [at, is_new] = by_name_.try_emplace(module.name, all_.size());
  if (!is_new) return;  // a weight that several units share
  if (!other_name.empty()) by_name_.try_emplace(other_name, all_.size());
  all_.push_back(std::move(module));
}

// [Note: names] A weight's other name is that of transformers' own module where the checkpoint's is
// an older one; PEFT knows the module's.
void Modules::add(const DeclaredWeight& weight, bool tied, bool linear) {
  Module module;
  module.linear = linear;
  module.router = weight.role == STRATA_ROUTER;
  module.in_out = weight.in_out;
  module.out = weight.shape[0];
  module.in = weight.shape[1];
  module.kind = weight.role == STRATA_TABLE  ? Kind::table
                : weight.role == STRATA_HEAD ? Kind::head
                                             : Kind::matrix;
  // A product with a table takes a row's number, and gives the row.
  if (module.kind == Kind::table) std::swap(module.in, module.out);
  module.uses = {{.weight = weight.name, .count = module.out}};
  const auto own = without_weight(weight.name);
  if (module.kind == Kind::head && tied) {
    module.name = "lm_head";
    return keep(std::move(module), "embed_out");
  }
  module.name = weight.also.ends_with(".weight") ? without_weight(weight.also) : own;
  keep(std::move(module), own);
}

void Modules::add_experts(const DeclaredUnit& unit, const DeclaredWeight& weight) {
  single_.try_emplace(without_weight(weight.name),
                      Single{weight.name, weight.experts, weight.shape[1], weight.shape[0]});
  if (weight.also.empty()) return;
  const auto rows = shape::fused_rows(unit, weight);
  if (!by_name_.contains(weight.also)) {
    Module module;
    module.name = weight.also;
    module.parameter = true;
    module.experts = weight.experts;
    module.in = weight.shape[1];
    module.out = rows.all;
    stacked_[weight.also.substr(0, weight.also.rfind('.'))].push_back(all_.size());
    keep(std::move(module), "");
  }
  auto& uses = all_[by_name_.at(weight.also)].uses;
  for (std::uint32_t e = 0; e < weight.experts; ++e)
    uses.push_back({source::numbered(weight.name, e), e, rows.first, weight.shape[0], rows.step});
}

std::optional<Module> Modules::find(std::string_view name) const {
  for (const auto& spelling : source::spellings(std::string(name))) {
    if (const auto at = by_name_.find(spelling); at != by_name_.end()) return all_[at->second];
    if (auto one = find_single(spelling)) return one;
  }
  return std::nullopt;
}

// Tries each number in the name as that of an expert.
std::optional<Module> Modules::find_single(const std::string& name) const {
  for (std::size_t begin = 0; begin < name.size();) {
    const auto end = std::min(name.find('.', begin), name.size());
    std::uint32_t number = 0;
    const auto* last = name.data() + end;
    const auto read = std::from_chars(name.data() + begin, last, number);
    if (read.ec == std::errc() && read.ptr == last) {
      auto common = name;
      common.replace(begin, end - begin, "{}");
      const auto at = single_.find(common);
      if (at != single_.end() && number < at->second.experts) {
        const auto& single = at->second;
        Module module{.name = name, .linear = true, .in = single.in, .out = single.out, .uses = {}};
        module.uses = {{.weight = source::numbered(single.weight, number), .count = single.out}};
        return module;
      }
    }
    begin = end + 1;
  }
  return std::nullopt;
}

std::vector<const Module*> Modules::parameters(std::string_view module) const {
  std::vector<const Module*> out;
  for (const auto& spelling : source::spellings(std::string(module)))
    if (const auto at = stacked_.find(spelling); at != stacked_.end()) {
      for (const auto index : at->second) out.push_back(&all_[index]);
      return out;
    }
  return out;
}

}  // namespace strata::adapter
