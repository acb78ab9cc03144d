#include "core/train/states.hpp"

#include <utility>

#include "core/dtype.hpp"
#include "core/optim/adam8.hpp"

namespace strata::train {
namespace {

constexpr strata_dtype f32{STRATA_FLOAT, 32, 1}, u8{STRATA_UINT, 8, 1};
constexpr uint64_t page = 4096, line = 64;

uint64_t up(uint64_t at, uint64_t to) { return (at + to - 1) / to * to; }

class Layout {
 public:
  Layout(const zero::Unit& unit, const Flat& flat, uint64_t own)
      : unit_(unit), flat_(flat), own_(own) {
    out_.pieces.resize(flat.pieces.size());
  }

  void adam() {
    const auto half = up(own_ * sizeof(float), page);
    for (uint32_t p = 0; p < count(); ++p) {
      out_.pieces[p].moment1 = flat_.pieces[p].first * sizeof(float);
      out_.pieces[p].moment2 = half + out_.pieces[p].moment1;
      list("moment1", p, f32, shape_of(p), out_.pieces[p].moment1);
    }
    for (uint32_t p = 0; p < count(); ++p)
      list("moment2", p, f32, shape_of(p), out_.pieces[p].moment2);
    out_.bytes = 2 * half;
  }

  // Float32 arrays go first, so that all of them are aligned in a file too.
  void adam8() {
    for (uint32_t p = 0; p < count(); ++p) {
      auto& piece = out_.pieces[p];
      piece.codes = flat_.pieces[p].count >= least_adam8;
      const auto blocks = static_cast<int64_t>(optim::moment_blocks(flat_.pieces[p].count));
      if (piece.codes) {
        piece.scale1 = append("scale1", p, f32, {blocks});
        piece.scale2 = append("scale2", p, f32, {blocks});
      } else {
        piece.moment1 = append("moment1", p, f32, shape_of(p));
        piece.moment2 = append("moment2", p, f32, shape_of(p));
      }
    }
    for (uint32_t p = 0; p < count(); ++p) {
      if (!out_.pieces[p].codes) continue;
      out_.pieces[p].moment1 = append("moment1", p, u8, shape_of(p));
      out_.pieces[p].moment2 = append("moment2", p, u8, shape_of(p));
    }
  }

  // The columns' moments follow those of the rows without a gap, as optim::Adafactor has them.
  void adafactor() {
    for (uint32_t p = 0; p < count(); ++p) {
      auto whole = shape_of(p);
      out_.bytes = up(out_.bytes, line);
      if (whole.size() < 2) {
        out_.pieces[p].moment2 = append("moment2", p, f32, whole);
        continue;
      }
      auto columns = whole;
      columns.erase(columns.end() - 2);
      whole.pop_back();
      out_.pieces[p].moment2 = append("row_moment2", p, f32, whole);
      append("column_moment2", p, f32, columns, sizeof(float));
    }
  }

  UnitStates finish() {
    out_.bytes = up(out_.bytes, page);
    return std::move(out_);
  }

 private:
  uint32_t count() const { return static_cast<uint32_t>(flat_.pieces.size()); }
  const std::vector<int64_t>& shape_of(uint32_t piece) const {
    return unit_.weights[flat_.pieces[piece].weight].shape;
  }

  void list(const char* kind, uint32_t piece, strata_dtype dtype, std::vector<int64_t> shape,
            uint64_t at) {
    const auto bytes = element_count(shape) * element_bytes(dtype);
    out_.arrays.push_back({.kind = kind,
                           .piece = piece,
                           .dtype = dtype,
                           .shape = std::move(shape),
                           .at = at,
                           .bytes = bytes});
  }

  // Makes room for an array and returns where it begins.
  uint64_t append(const char* kind, uint32_t piece, strata_dtype dtype, std::vector<int64_t> shape,
                  uint64_t align = line) {
    const auto at = up(out_.bytes, align);
    list(kind, piece, dtype, std::move(shape), at);
    out_.bytes = at + out_.arrays.back().bytes;
    return at;
  }

  const zero::Unit& unit_;
  const Flat& flat_;
  uint64_t own_;  // elements
  UnitStates out_;
};

}  // namespace

UnitStates states_of(Rule rule, const zero::Unit& unit, const Flat& flat, uint64_t own) {
  Layout layout(unit, flat, own);
  switch (rule) {
    case Rule::adam:
      layout.adam();
      break;
    case Rule::adam8:
      layout.adam8();
      break;
    case Rule::adafactor:
      layout.adafactor();
      break;
  }
  return layout.finish();
}

bool has_flat_form(const zero::Unit& unit, const Flat& flat) {
  if (flat.pieces.empty()) return false;
  const auto dtype = unit.weights[flat.pieces.front().weight].run.dtype();
  for (const auto& piece : flat.pieces) {
    const auto& run = unit.weights[piece.weight].run;
    if (!same(run.dtype(), dtype) || run.at != piece.first * element_bytes(dtype)) return false;
  }
  return unit.run_bytes == flat.elements * element_bytes(dtype);
}

bool is_master(const zero::Unit& unit, const Flat& flat) {
  for (const auto& piece : flat.pieces) {
    const auto& run = unit.weights[piece.weight].run;
    if (!same(run.dtype(), f32) || run.at != piece.first * sizeof(float)) return false;
  }
  return true;
}

}  // namespace strata::train
