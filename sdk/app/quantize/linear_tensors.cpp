#include "app/quantize/linear_tensors.hpp"

#include <algorithm>
#include <set>

#include "app/quantize/position_table.hpp"

namespace strata::app {
namespace {

constexpr std::string_view tail = ".weight";

// A matrix as a linear module has it, alone in its tensor.
bool is_linear(const source::Checkpoint& checkpoint, const source::Tensor& weight) {
  const auto* stored = checkpoint.find(weight.name);
  return stored && stored->shape.size() == 2 && stored->shape[0] > 1 &&
         stored->name.ends_with(tail) && !weight.step<source::Transpose>() &&
         weight.pieces.empty() && source::elements(*stored) > 0;
}

// The names of a declared weight's tensors, one for each expert.
std::vector<std::string> names_of(const shape::DeclaredWeight& weight) {
  if (weight.experts == 0) return {weight.name};
  std::vector<std::string> out;
  for (std::uint32_t e = 0; e < weight.experts; ++e)
    out.push_back(source::numbered(weight.name, e));
  return out;
}

}  // namespace

LinearTensors linear_tensors(const run::Model& model) {
  LinearTensors out;
  std::set<std::string> tables, others;  // a name is in `others` if any unit uses it otherwise
  const auto& units = model.family->units();
  for (std::uint32_t u = 0; u < units.size(); ++u) {
    const bool body = units[u].kind == STRATA_UNIT_BODY;
    const auto positions = body ? position_table(*model.family, u) : units[u].weights.size();
    for (std::size_t w = 0; w < units[u].weights.size(); ++w) {
      const auto& weight = units[u].weights[w];
      const bool matrix = body && weight.role == STRATA_MATRIX && positions != w;
      for (const auto& name : names_of(weight)) {
        const auto& tensor = model.tensors->at(name);
        if (matrix && is_linear(*model.checkpoint, tensor))
          out.quantized.try_emplace(tensor.name, name);
        else
          others.insert(tensor.name);
        if (weight.role == STRATA_TABLE || positions == w) tables.insert(tensor.name);
      }
    }
  }
  for (const auto& name : others) out.quantized.erase(name);
  std::set<std::string> ignored;
  for (const auto& tensor : model.checkpoint->tensors())
    if (tensor.shape.size() == 2 && tensor.name.ends_with(tail) &&
        !out.quantized.contains(tensor.name) && !tables.contains(tensor.name))
      ignored.insert(tensor.name.substr(0, tensor.name.size() - tail.size()));
  // A tied head is a module without a tensor.
  if (model.tied())
    for (const auto name : source::head_names)
      ignored.insert(std::string(name.substr(0, name.size() - tail.size())));
  out.ignored.assign(ignored.begin(), ignored.end());
  return out;
}

}  // namespace strata::app
