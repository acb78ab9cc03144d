#include "core/run/model.hpp"

#include <algorithm>
#include <set>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/source/dtype.hpp"

namespace strata::run {
namespace {

template <typename Count>
uint64_t sum_once(const plugin::Family& family, Count count) {
  std::set<std::string> seen;
  uint64_t sum = 0;
  for (const auto& unit : family.units())
    for (const auto& weight : unit.weights) {
      if (!seen.insert(weight.name).second) continue;
      if (weight.experts == 0) sum += count(weight.name, weight);
      for (uint32_t e = 0; e < weight.experts; ++e)
        sum += count(source::numbered(weight.name, e), weight);
    }
  return sum;
}

// The dtype of the first file's first floating tensor by name, as transformers finds it where
// nothing names the dtype; 8 bits are no dtype to run in. In a GGUF file only matrices count: norms
// are always float32 there.
strata_dtype first_dtype(const source::Checkpoint& checkpoint) {
  const bool matrices = checkpoint.kind() == source::Kind::gguf;
  const source::Tensor* first = nullptr;
  for (const auto& tensor : checkpoint.tensors()) {
    const auto dtype = tensor.stored.dtype();
    const bool floating = dtype.code == STRATA_FLOAT || dtype.code == STRATA_BFLOAT;
    if (tensor.stored.file().file != 0 || !floating || dtype.bits < 16 || !tensor.stored.dense() ||
        (matrices && tensor.shape.size() < 2))
      continue;
    if (!first || tensor.name < first->name) first = &tensor;
  }
  return first ? first->stored.dtype() : source::f16;
}

source::Wanted wanted_of(const plugin::DeclaredUnit& unit, const plugin::DeclaredWeight& weight) {
  source::Wanted out{weight.name, weight.shape, weight.in_out, weight.also, weight.experts};
  const auto rows = shape::fused_rows(unit, weight);
  out.also_first = rows.first;
  out.also_rows = rows.all;
  out.also_step = rows.step;
  return out;
}

}  // namespace

void Model::resolve() {
  std::vector<source::Wanted> wanted;
  std::set<std::string> seen;
  for (const auto& unit : family->units())
    for (const auto& weight : unit.weights)
      if (seen.insert(weight.name).second) {
        wanted.push_back(wanted_of(unit, weight));
        wanted.back().tied = weight.role == STRATA_TABLE && tied();
      }
  // A critic may come from a language model, whose head stays unused.
  const bool critic = seen.contains(std::string(plugin::value_head));
  tensors =
      source::resolve(*checkpoint, wanted,
                      critic ? std::span(source::head_names) : std::span<const std::string_view>(),
                      family->passed_over());
}

std::string_view Model::named_dtype() const {
  const std::string_view none;
  return config->text("dtype|torch_dtype|text_config.dtype|text_config.torch_dtype", &none);
}

strata_dtype Model::dtype() const {
  const auto name = named_dtype();
  if (name.empty() && quantized && quantized->dtype) return *quantized->dtype;
  if (name.empty()) return checkpoint ? first_dtype(*checkpoint) : source::f16;
  if (name == "float32") return {STRATA_FLOAT, 32, 1};
  if (name == "bfloat16") return {STRATA_BFLOAT, 16, 1};
  if (name == "float16") return {STRATA_FLOAT, 16, 1};
  throw Error(config->name(), "dtype is '" + std::string(name) + "'",
              "use --dtype float32, bfloat16 or float16");
}

zero::FindTensor Model::find(strata_dtype dtype) const {
  if (tensors)
    return [this](const plugin::DeclaredWeight& weight, int64_t first, int64_t count) {
      const auto& tensor = tensors->at(weight.name);
      return count == 0 ? tensor : source::rows(tensor, first, count);
    };
  return [dtype](const plugin::DeclaredWeight& weight, int64_t, int64_t count) {
    source::Tensor tensor;
    tensor.name = weight.name;
    tensor.shape = weight.shape;
    if (count > 0) tensor.shape[0] = count;
    if (weight.in_out) source::transpose(tensor.steps);
    tensor.stored = source::dense_form(dtype, tensor.shape);
    return tensor;
  };
}

uint64_t Model::stored_bytes() const {
  const uint64_t each = element_bytes(tensors ? strata_dtype{} : dtype());
  return sum_once(*family, [&](const std::string& name, const plugin::DeclaredWeight& weight) {
    if (!tensors) return element_count(weight.shape) * each;
    const auto& tensor = tensors->at(name);
    const auto* slice = tensor.step<source::Slice>();
    if (!slice) return tensor.stored.bytes;
    return tensor.stored.bytes / static_cast<uint64_t>(slice->all) *
           static_cast<uint64_t>(weight.shape[0]);
  });
}

uint64_t Model::run_bytes(strata_dtype dtype) const {
  return sum_once(*family, [&](const std::string&, const plugin::DeclaredWeight& weight) {
    const uint64_t each = element_bytes(dtype);
    return element_count(weight.shape) * (weight.float32 ? std::max(each, sizeof(float)) : each);
  });
}

bool Model::tied() const {
  std::string table;
  for (const auto& unit : family->units())
    for (const auto& weight : unit.weights) {
      if (weight.role == STRATA_TABLE) table = weight.name;
      if (weight.role == STRATA_HEAD && weight.name == table) return true;
    }
  return false;
}

bool Model::critic() const {
  return std::ranges::any_of(family->units().back().weights,
                             [](const auto& weight) { return weight.name == plugin::value_head; });
}

}  // namespace strata::run
