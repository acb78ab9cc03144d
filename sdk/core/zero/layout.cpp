#include "core/zero/layout.hpp"

#include <algorithm>
#include <variant>

#include "core/dtype.hpp"
#include "core/error.hpp"

namespace strata::zero {
namespace {

constexpr uint64_t stored_align = 256;

uint64_t up(uint64_t at, uint64_t align) { return (at + align - 1) / align * align; }

// Whether both weights come from the same bytes of the file.
bool read_as_one(const source::Tensor& a, const source::Tensor& b) {
  return a.step<source::Slice>() && b.step<source::Slice>() && a.stored.file() == b.stored.file();
}

// Gives the weights places in both forms; a unit whose forms are the same has one set of places.
void give_places(Unit& unit, uint64_t align) {
  uint64_t run = 0, stored = 0;
  uint32_t group = 0;
  const Weight* before = nullptr;
  for (auto& weight : unit.weights) {
    if (!weight.is_held()) continue;
    unit.expands = unit.expands || weight.expands();
    const bool alike =
        before && before->run.scheme == weight.run.scheme && weight.run.parts.size() <= 1;
    if (weight.group == 0 || weight.group != group || !alike) run = up(run, align);
    group = weight.group;
    weight.run.at = run;
    run += weight.run.bytes;
    auto& form = weight.source.stored;
    if (before && read_as_one(before->source, weight.source)) {
      form.at = before->source.stored.at;
    } else {
      form.at = up(stored, stored_align);
      stored = form.at + form.bytes;
    }
    before = &weight;
  }
  unit.run_bytes = up(run, align);
  unit.stored_bytes = up(stored, stored_align);
  if (unit.expands) return;
  unit.stored_bytes = unit.run_bytes;
  for (auto& weight : unit.weights) weight.source.stored.at = weight.run.at;
}

// The part of a declared unit that a unit is made from: all of it, rows of its head, or one of its
// experts. The weights keep their indices in each.
struct Share {
  int64_t first = 0, rows = 0;
  uint32_t expert = no_expert;
};

strata_dtype run_dtype(const shape::DeclaredWeight& weight, strata_dtype dtype) {
  constexpr strata_dtype wide{STRATA_FLOAT, 32, 1};
  return weight.float32 && element_bytes(dtype) < element_bytes(wide) ? wide : dtype;
}

// Whether its steps move whole rows, which a codec's form can do as the dense one.
bool moves_rows(const source::Tensor& from) {
  return from.pieces.empty() && std::ranges::all_of(from.steps, [](const source::Step& step) {
           return std::holds_alternative<source::Reorder>(step) ||
                  std::holds_alternative<source::Slice>(step);
         });
}

// Whether the rows of each part are the weight's.
bool has_rows_in_parts(const source::Tensor& from, int64_t rows) {
  const auto* slice = from.step<source::Slice>();
  return from.stored.by_rows &&
         std::ranges::all_of(from.stored.parts, [&](const source::Part& part) {
           return part.shape.size() == 2 && part.shape.front() == (slice ? slice->all : rows);
         });
}

// The run form of a weight of that shape: a codec's parts where the ops use them, else dense.
source::Form run_form(const shape::DeclaredWeight& weight, const std::vector<int64_t>& shape,
                      const source::Tensor& from, const LayoutOptions& options) {
  const bool matrix =
      weight.role == STRATA_MATRIX || weight.role == STRATA_HEAD || weight.role == STRATA_TABLE;
  const auto& stored = from.stored;
  const auto dense = source::dense_form(run_dtype(weight, options.dtype), shape);
  if (!options.coded || !matrix || weight.float32 || shape.size() != 2 || !moves_rows(from))
    return dense;
  const auto coded = options.coded(stored, shape);
  const bool repacked = coded && !stored.dense() && coded->scheme != stored.scheme;
  // Rows are looked up one by one in memory, where a row is one piece.
  const bool looked_up = weight.role == STRATA_HEAD && options.looked_up;
  if (coded && looked_up && coded->parts.size() > 1) return dense;
  return coded && (repacked || has_rows_in_parts(from, shape[0])) ? *coded : dense;
}

// Refuses tables and heads whose rows, which are read apart, do not lie in one piece.
void check_rows(const source::Tensor& from, const shape::DeclaredWeight& weight) {
  if (weight.role != STRATA_TABLE && weight.role != STRATA_HEAD) return;
  const bool transposed = from.step<source::Transpose>() != nullptr;
  if (transposed != weight.in_out)
    throw Error(from.name, "is stored column by column, and its rows are read apart",
                "make a folder of the model with `strata import`");
}

// Makes the forms of a table those of one row, which is gathered from where the table lies.
void gather_rows(Weight& table, strata_dtype dtype) {
  table.source = source::rows(table.source, 0, 1);
  auto row = table.shape;
  row[0] = 1;
  table.run = source::dense_form(dtype, std::move(row));
  table.run.at = table.source.stored.at = not_held;
}

Unit make_unit(const shape::DeclaredUnit& declared, uint32_t index, const FindTensor& find,
               const LayoutOptions& options, const Share& share) {
  Unit unit;
  unit.name = declared.name;
  unit.declared = index;
  unit.kind = declared.kind;
  unit.first_row = share.first;
  unit.expert = share.expert;
  if (unit.is_expert()) unit.name += " expert " + std::to_string(share.expert);
  for (const auto& w : declared.weights) {
    Weight weight;
    weight.name = w.name;
    weight.shape = w.shape;
    weight.role = w.role;
    weight.group = w.group;
    if (unit.is_expert() != (w.experts != 0)) {
      weight.run = source::dense_form(run_dtype(w, options.dtype), {0});
      weight.run.at = weight.source.stored.at = not_held;
      unit.weights.push_back(std::move(weight));
      continue;
    }
    const bool tiled = share.rows > 0 && w.role == STRATA_HEAD;
    if (tiled) weight.shape[0] = share.rows;
    if (unit.is_expert()) {
      auto one = w;
      one.name = weight.name = source::numbered(w.name, share.expert);
      weight.source = find(one, 0, 0);
    } else {
      weight.source = find(w, tiled ? share.first : 0, tiled ? share.rows : 0);
    }
    check_rows(weight.source, w);
    weight.run = run_form(w, weight.shape, weight.source, options);
    if (w.role == STRATA_TABLE && options.rows) gather_rows(weight, options.dtype);
    unit.weights.push_back(std::move(weight));
  }
  give_places(unit, options.align);
  return unit;
}

// The rows of one tile of the head, or 0 where the head stays whole.
int64_t tile_rows(const shape::DeclaredUnit& unit, const FindTensor& find,
                  const LayoutOptions& options) {
  if (unit.kind != STRATA_UNIT_HEAD || options.tile == 0) return 0;
  for (const auto& weight : unit.weights) {
    if (weight.role != STRATA_HEAD) continue;
    if (!find(weight, 0, 0).stored.by_rows) return 0;
    auto one = weight.shape;
    one[0] = 1;
    const auto row = options.coded ? run_form(weight, one, find(weight, 0, 1), options).bytes
                                   : element_count(one) * element_bytes(options.dtype);
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

bool Weight::expands() const {
  const auto& stored = source.stored;
  if (!source.steps.empty()) return true;
  // A codec's form may be the dense elements themselves.
  if (stored.dense() && !run.dense())
    return run.parts.size() != 1 || !same(run.parts.front().dtype, stored.dtype());
  return stored.scheme != run.scheme || !same(stored.dtype(), run.dtype());
}

bool Weight::repacks() const {
  const auto& stored = source.stored;
  return !run.dense() && !stored.dense() && run.scheme != stored.scheme;
}

std::vector<Unit> lay_out(std::span<const shape::DeclaredUnit> declared, const FindTensor& find,
                          const LayoutOptions& options) {
  std::vector<Unit> out;
  for (uint32_t index = 0; index < declared.size(); ++index) {
    const auto& unit = declared[index];
    const auto rows = tile_rows(unit, find, options);
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
