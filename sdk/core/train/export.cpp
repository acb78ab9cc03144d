#include "core/train/export.hpp"

#include <algorithm>
#include <utility>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/source/elements.hpp"
#include "core/source/source_map.hpp"

namespace strata::train {
namespace {

// The tensor of the checkpoint that has the weight's bytes.
const source::Tensor* holder_of(const source::Checkpoint& checkpoint, const source::Extent& bytes) {
  for (const auto& tensor : checkpoint.tensors()) {
    const auto& all = tensor.stored.file();
    if (tensor.pieces.empty() && all.file == bytes.file && all.offset <= bytes.offset &&
        bytes.offset + bytes.bytes <= all.offset + all.bytes)
      return &tensor;
  }
  return nullptr;
}

bool transposed(const source::Tensor& tensor) {
  return tensor.step<source::Transpose>() != nullptr;
}

}  // namespace

Export::Export(const run::Model& model, const TrainingPlan& plan, Values values)
    : values_(std::move(values)) {
  for (uint32_t u = 0; u < plan.units.size(); ++u)
    for (const auto& piece : plan.flats[u].pieces)
      add(model, plan.units[u].weights[piece.weight], u, piece.first);
  if (!plan.tied) return;
  const auto& table = plan.units[plan.table_unit].weights[plan.table_weight];
  const auto* held = holder_of(*model.checkpoint, table.source.stored.file());
  if (!held) return;
  for (const auto* twin : source::twins_of(*model.checkpoint, *held))
    regions_.emplace(twin->name, regions_.at(held->name));
}

void Export::add(const run::Model& model, const zero::Weight& weight, uint32_t unit,
                 uint64_t from) {
  const auto& source = weight.source;
  if (!source.pieces.empty())
    throw Error(weight.name, "it is stored in several tensors, which are not written back",
                "train a folder that `strata import` made of the model");
  const auto& extent = source.stored.file();
  const auto* holder = holder_of(*model.checkpoint, extent);
  if (!holder)
    throw Error(weight.name, "no tensor of the checkpoint holds it", "this is a mistake in Strata");
  const auto& all = holder->stored.file();
  const auto count = static_cast<uint64_t>(source::elements(*holder));
  const auto rows = static_cast<uint64_t>(weight.shape.at(0));
  const auto columns = element_count(weight.shape) / rows;
  Region region{.unit = unit, .from = from};
  // Blocks and dense elements alike lie in proportion to their bytes.
  region.base = static_cast<uint64_t>(static_cast<long double>(extent.offset - all.offset) /
                                          static_cast<long double>(all.bytes) *
                                          static_cast<long double>(count) +
                                      0.5L);
  source::Slice own{.all = static_cast<int64_t>(rows)};
  if (const auto* slice = source.step<source::Slice>()) own = *slice;
  const auto step = static_cast<uint64_t>(own.step), first = static_cast<uint64_t>(own.first);
  if (transposed(source) != transposed(*holder)) {
    // The tensor has the weight's columns as rows.
    region.base += first;
    region.outer = columns;
    region.inner = rows;
    region.outer_step = static_cast<uint64_t>(own.all);
    region.inner_step = step;
    region.outer_from = 1;
    region.inner_from = columns;
  } else {
    region.base += first * columns;
    region.outer = rows;
    region.inner = columns;
    region.outer_step = step * columns;
    region.outer_from = columns;
  }
  regions_[holder->name].push_back(region);
}

FillTensor Export::of(const source::Tensor& tensor) const {
  const auto found = regions_.find(tensor.name);
  if (found == regions_.end()) return {};
  return [this, &regions = found->second](strata_dtype dtype, uint64_t first,
                                          std::span<std::byte> out) {
    for (const auto& region : regions) fill(region, dtype, first, out);
  };
}

void Export::fill(const Region& region, strata_dtype dtype, uint64_t first,
                  std::span<std::byte> out) const {
  const uint64_t width = element_bytes(dtype), end = first + out.size() / width;
  const auto last = (region.inner - 1) * region.inner_step;
  // The first row that reaches into the range.
  uint64_t row = 0;
  if (first > region.base + last && region.outer_step > 0)
    row = (first - region.base - last + region.outer_step - 1) / region.outer_step;
  const float* values = nullptr;
  for (; row < region.outer; ++row) {
    const auto begin = region.base + row * region.outer_step;
    if (begin >= end) break;
    uint64_t column = 0;
    if (first > begin) column = (first - begin + region.inner_step - 1) / region.inner_step;
    for (; column < region.inner; ++column) {
      const auto at = begin + column * region.inner_step;
      if (at >= end) break;
      if (!values) values = values_(region.unit) + region.from;
      source::set_element(dtype, &out[(at - first) * width],
                          double{values[row * region.outer_from + column * region.inner_from]});
    }
  }
}

}  // namespace strata::train
