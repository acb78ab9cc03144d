#include "app/quantize/packing.hpp"

#include <strata/abi/model.h>

#include <algorithm>
#include <optional>
#include <set>

#include "core/dry_run/measure.hpp"
#include "core/error.hpp"
#include "core/source/dtype.hpp"
#include "core/source/elements.hpp"

namespace strata::app {
namespace {

// The dtype of a weight that stays dense: the file's, or float32 where its pieces differ.
strata_dtype dense_dtype(const source::Tensor& from) {
  const auto all = source::forms(from);
  const auto first = all.front().stored.dtype();
  const auto alike = [&](const source::Tensor& form) { return same(form.stored.dtype(), first); };
  return std::ranges::all_of(all, alike) && source::is_floating(first) ? first : source::f32;
}

// The parts of a weight of that shape by the codec's layout; nothing where it refuses the shape.
std::optional<std::vector<source::Part>> parts_of(const plugin::Codec& codec,
                                                  const std::vector<int64_t>& shape,
                                                  std::string& refusal) {
  std::vector<plugin::CodecPart> layout;
  try {
    layout = codec.layout({source::f32, shape::Dims(shape)});
  } catch (const Error& error) {
    refusal = error.what();
    return std::nullopt;
  }
  std::vector<source::Part> out;
  for (const auto& part : layout)
    out.push_back({part.role, part.value.dtype, {part.value.dims.begin(), part.value.dims.end()}});
  return out;
}

// Refuses a codec whose parts cannot be packed and expanded some rows at a time.
void check_rows(const plugin::Codec& codec, const std::vector<source::Part>& parts,
                const std::vector<int64_t>& shape) {
  std::string refusal;
  const auto row = parts_of(codec, {1, shape[1]}, refusal);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto& part = parts[i];
    const bool rows = part.shape.size() == 2 && part.shape[0] == shape[0] && row &&
                      row->size() == parts.size() && (*row)[i].role == part.role &&
                      (*row)[i].shape == std::vector<int64_t>{1, part.shape[1]};
    if (!rows)
      throw Error(codec.who(),
                  "its part '" + printable(part.role) + "' " + source::shape_text(part.shape) +
                      " has no row for each row of a weight " + source::shape_text(shape),
                  "choose another quantization");
    if (source::dtype_name(part.dtype) == "?")
      throw Error(codec.who(), "its part '" + printable(part.role) + "' is of no type of a file",
                  "choose another quantization");
  }
}

// The role by which rules choose: the matrices of the embedding's and the head's unit stand under
// their rules, and learned positions, which are declared as a matrix, are no product's.
std::uint32_t rule_role(std::uint32_t role, std::uint32_t kind, bool positions) {
  if (positions) return STRATA_VECTOR;
  if (role != STRATA_MATRIX || kind == STRATA_UNIT_BODY) return role;
  return kind == STRATA_UNIT_HEAD ? std::uint32_t{STRATA_HEAD} : std::uint32_t{STRATA_VECTOR};
}

class Planner {
 public:
  Planner(const run::Model& model, QuantRules& rules, const run::FindCodec& codec)
      : model_(model), rules_(rules), codec_(codec),
        dtype_(model.tensors ? strata_dtype{} : model.dtype()), find_(model.find(dtype_)) {}

  Packing run() {
    std::set<std::string> seen;
    std::uint32_t index = 0;
    for (const auto& unit : model_.family->units()) {
      const auto measured = dry_run::measure(*model_.family, index++, {.dtype = source::f32});
      for (std::size_t w = 0; w < unit.weights.size(); ++w) {
        auto weight = unit.weights[w];
        if (!seen.insert(weight.name).second) continue;
        const bool positions = measured.positions > 0 && w == measured.position_table;
        weight.role = rule_role(weight.role, unit.kind, positions);
        add_each(weight);
      }
    }
    rules_.check_used();
    return std::move(out_);
  }

 private:
  void add_each(const plugin::DeclaredWeight& weight) {
    if (weight.experts == 0) add(weight);
    for (std::uint32_t e = 0; e < weight.experts; ++e) {
      auto one = weight;
      one.name = source::numbered(weight.name, e);
      add(one);
    }
  }

  void add(const plugin::DeclaredWeight& weight) {
    auto& made = out_.weights.emplace_back();
    made.from = find_(weight, 0, 0);
    made.to.name = weight.name;
    made.to.shape = weight.shape;
    made.to.as_used = true;
    if (source::in_blocks(made.from))
      throw UsageError("--quant",
                       "'" + printable(weight.name) + "' is quantized already, as " +
                           source::form_name(source::forms(made.from).front().stored),
                       "leave it out: the model runs as it is quantized");
    if (!pack(weight, made))
      made.to.stored = source::dense_form(dense_dtype(made.from), weight.shape);
    out_.bytes += made.to.stored.bytes;
  }

  bool pack(const plugin::DeclaredWeight& weight, WeightPacking& made) {
    if (weight.shape.size() != 2 || weight.shape[0] < 1 || weight.shape[1] < 1 || weight.float32)
      return false;
    const auto scheme = rules_.scheme_of(weight.name, weight.role);
    if (scheme.empty()) return false;
    const auto& codec = codec_(scheme);
    std::string refusal;
    auto parts = parts_of(codec, weight.shape, refusal);
    if (!parts) {
      if (out_.refused++ == 0) out_.refusal = refusal;
      return false;
    }
    check_rows(codec, *parts, weight.shape);
    if (weight.role == STRATA_TABLE && parts->size() > 1)
      throw UsageError("--quant-rule",
                       "'" + printable(weight.name) +
                           "' is a table, whose rows are looked up, and " + scheme +
                           " keeps a row in several parts",
                       "leave it as it is");
    made.codec = &codec;
    made.to.stored = source::packed_form(scheme, std::move(*parts));
    ++out_.packed;
    return true;
  }

  const run::Model& model_;
  QuantRules& rules_;
  const run::FindCodec& codec_;
  strata_dtype dtype_;
  zero::FindTensor find_;
  Packing out_;
};

}  // namespace

std::vector<source::Tensor> Packing::tensors() const {
  std::vector<source::Tensor> out;
  for (const auto& weight : weights) out.push_back(weight.to);
  return out;
}

Packing plan_packing(const run::Model& model, QuantRules& rules, const run::FindCodec& codec) {
  return Planner(model, rules, codec).run();
}

void check_parts(const source::Tensor& tensor, const plugin::Codec& codec) {
  std::string refusal;
  const auto wanted = parts_of(codec, tensor.shape, refusal);
  const auto& held = tensor.stored.parts;
  const auto alike = [](const source::Part& one, const source::Part& other) {
    return one.role == other.role && same(one.dtype, other.dtype) && one.shape == other.shape;
  };
  if (!wanted || !std::ranges::equal(*wanted, held, alike))
    throw Error(codec.who(),
                "its parts of '" + printable(tensor.name) + "' are not those of the file",
                "it is made again");
  check_rows(codec, held, tensor.shape);
}

}  // namespace strata::app
