#include "core/zero/layout.hpp"

#include <algorithm>

#include "core/dtype.hpp"
#include "core/error.hpp"

namespace strata::zero {
namespace {

constexpr uint64_t weight_align = 256;

uint64_t up(uint64_t at) { return (at + weight_align - 1) / weight_align * weight_align; }

strata_dtype run_dtype(const Weight& weight, strata_dtype dtype) {
  return weight.float32 ? strata_dtype{STRATA_FLOAT, 32, 1} : dtype;
}

bool differs(const Weight& weight, strata_dtype dtype) {
  const auto& stored = weight.source.stored;
  return !stored.scheme.empty() || !same(stored.dtype, dtype) || weight.source.order.blocks != 0 ||
         weight.source.turned || weight.source.share.all != 0 || weight.source.add != 0;
}

// Whether both weights come from the same bytes of the file.
bool read_as_one(const Weight& a, const Weight& b) {
  const auto &one = a.source.at, &other = b.source.at;
  return a.source.share.all != 0 && b.source.share.all != 0 && one.file == other.file &&
         one.offset == other.offset && one.bytes == other.bytes;
}

// Gives the weights places in both forms; a unit whose forms are the same has one set of places.
void give_places(Unit& unit, strata_dtype dtype) {
  uint64_t run = 0, stored = 0;
  uint32_t group = 0;
  const Weight* before = nullptr;
  for (auto& weight : unit.weights) {
    if (weight.run_offset == not_held) continue;
    const auto own = run_dtype(weight, dtype);
    unit.expands = unit.expands || differs(weight, own);
    weight.run_bytes = element_count(weight.shape) * element_bytes(own);
    weight.stored_bytes = source::held_bytes(weight.source);
    if (weight.group == 0 || weight.group != group) run = up(run);
    group = weight.group;
    weight.run_offset = run;
    run += weight.run_bytes;
    if (before && read_as_one(*before, weight)) {
      weight.stored_offset = before->stored_offset;
    } else {
      stored = up(stored);
      weight.stored_offset = stored;
      stored += weight.stored_bytes;
    }
    before = &weight;
  }
  unit.run_bytes = up(run);
  unit.stored_bytes = up(stored);
  if (unit.expands) return;
  unit.stored_bytes = unit.run_bytes;
  for (auto& weight : unit.weights) weight.stored_offset = weight.run_offset;
}

// The part of a declared unit that a unit is made from: all of it, rows of its head, or one of its
// experts. The weights keep their indices in each.
struct Part {
  int64_t first = 0, rows = 0;
  uint32_t expert = no_expert;
};

Unit make_unit(const shape::DeclaredUnit& declared, uint32_t index, const FindTensor& find,
               const LayoutOptions& options, const Part& part) {
  Unit unit;
  unit.name = declared.name;
  unit.declared = index;
  unit.kind = declared.kind;
  unit.first_row = part.first;
  unit.expert = part.expert;
  if (unit.is_expert()) unit.name += " expert " + std::to_string(part.expert);
  for (const auto& w : declared.weights) {
    Weight weight;
    weight.name = w.name;
    weight.shape = w.shape;
    weight.role = w.role;
    weight.group = w.group;
    weight.float32 = w.float32 && element_bytes(options.dtype) < sizeof(float);
    if (unit.is_expert() != (w.experts != 0)) {
      weight.run_offset = weight.stored_offset = not_held;
      unit.weights.push_back(std::move(weight));
      continue;
    }
    const bool tiled = part.rows > 0 && w.role == STRATA_HEAD;
    if (tiled) weight.shape[0] = part.rows;
    if (unit.is_expert()) {
      auto one = w;
      one.name = weight.name = source::numbered(w.name, part.expert);
      weight.source = find(one, 0, 0);
    } else {
      weight.source = find(w, tiled ? part.first : 0, tiled ? part.rows : 0);
    }
    if (weight.source.by_columns && (w.role == STRATA_TABLE || w.role == STRATA_HEAD))
      throw Error(weight.source.name, "is stored column by column, and its rows are read apart",
                  "make a folder of the model with `strata import`");
    if (w.role == STRATA_TABLE && options.rows) {
      weight.run_offset = weight.stored_offset = not_held;
      const auto count = static_cast<uint64_t>(w.shape[0]);
      weight.run_bytes =
          element_count(w.shape) / count * element_bytes(options.dtype);  // of one row
      weight.stored_bytes = weight.source.at.bytes / count;
    }
    unit.weights.push_back(std::move(weight));
  }
  give_places(unit, options.dtype);
  return unit;
}

// The rows of one tile of the head, or 0 where the head stays whole.
int64_t tile_rows(const shape::DeclaredUnit& unit, const LayoutOptions& options) {
  if (unit.kind != STRATA_UNIT_HEAD || options.tile == 0) return 0;
  for (const auto& weight : unit.weights) {
    if (weight.role != STRATA_HEAD) continue;
    const auto row = element_count(weight.shape) / static_cast<uint64_t>(weight.shape[0]) *
                     element_bytes(options.dtype);
    const auto rows = static_cast<int64_t>(std::max<uint64_t>(options.tile / row, 1));
    return rows < weight.shape[0] ? rows : 0;
  }
  return 0;
}

uint32_t experts_of(const shape::DeclaredUnit& unit) {
  uint32_t experts = 0;
  for (const auto& weight : unit.weights) experts = std::max(experts, weight.experts);
  return experts;
}

int64_t head_rows(const shape::DeclaredUnit& unit) {
  const auto head =
      std::ranges::find(unit.weights, uint32_t{STRATA_HEAD}, &shape::DeclaredWeight::role);
  return head == unit.weights.end() ? 0 : head->shape[0];
}

}  // namespace

std::vector<Unit> lay_out(std::span<const shape::DeclaredUnit> declared, const FindTensor& find,
                          const LayoutOptions& options) {
  std::vector<Unit> out;
  for (uint32_t index = 0; index < declared.size(); ++index) {
    const auto& unit = declared[index];
    const auto rows = tile_rows(unit, options);
    if (rows == 0) {
      out.push_back(make_unit(unit, index, find, options, {}));
      for (uint32_t e = 0, all = experts_of(unit); e < all; ++e)
        out.push_back(make_unit(unit, index, find, options, {.expert = e}));
      continue;
    }
    for (int64_t first = 0, all = head_rows(unit); first < all; first += rows) {
      out.push_back(make_unit(unit, index, find, options,
                              {.first = first, .rows = std::min(rows, all - first)}));
      out.back().name += " rows " + std::to_string(first);
    }
  }
  return out;
}

}  // namespace strata::zero
