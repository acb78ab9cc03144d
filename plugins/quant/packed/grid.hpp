// Scales of the blocks that a weight [out,in] is divided into.
#pragma once
#include <optional>
#include <span>
#include <strata/quant.hpp>
#include <string>
#include <vector>

#include "packed/numbers.hpp"
#include "packed/words.hpp"

namespace packed {

// A block has so many rows and columns, those at the edges fewer; 0 stands for all.
struct Block {
  int64_t rows = 0, columns = 0;
  bool operator==(const Block&) const = default;
};

// An array of scales, one a block: [blocks down, blocks across]; where a block has whole rows also
// [out], and where it is the whole weight also [1] or [].
class Grid {
 public:
  Grid(Block block, int64_t ndim, Number number) : block_(block), ndim_(ndim), number_(number) {}

  // The part that an array of such a shape plays for a weight [out,in]. Its blocks are the first of
  // `known` that fit, else they divide the rows or columns evenly along a row. Nothing: it is no
  // such array.
  static std::optional<Grid> find(std::span<const int64_t> shape, int64_t out, int64_t in,
                                  Number number, std::span<const Block> known = {}) {
    const auto ndim = static_cast<int64_t>(shape.size());
    int64_t count = 1;
    for (const auto side : shape) {
      if (side < 1 || side > out * in) return std::nullopt;
      count *= side;
      if (count > out * in) return std::nullopt;
    }
    if (ndim > 2) return std::nullopt;
    const auto make = [&](Block block) { return Grid(block, ndim, number); };
    if (count == 1) return make({0, 0});
    if (ndim == 1) return shape[0] == out ? std::optional(make({1, 0})) : std::nullopt;
    for (const auto& block : known)
      if (const auto one = make(block); one.down(out) == shape[0] && one.across(in) == shape[1])
        return one;
    if (shape[0] != out || in % shape[1] != 0) return std::nullopt;
    return make({1, shape[1] == 1 ? 0 : in / shape[1]});
  }

  // The same for blocks that the configuration names: one scale stands for a weight of one block
  // alone.
  static std::optional<Grid> in_blocks(std::span<const int64_t> shape, int64_t out, int64_t in,
                                       Number number, Block block) {
    const Grid whole(block, 2, number);
    const auto down = whole.down(out), across = whole.across(in);
    if (down == 1 && across == 1) {
      const auto one = find(shape, out, in, number);
      return one && one->block_ == Block{} ? one : std::nullopt;
    }
    const bool fits = shape.size() == 2 && shape[0] == down && shape[1] == across;
    return fits ? std::optional(whole) : std::nullopt;
  }

  // "ROWS COLUMNS DIMENSIONS NUMBER"
  explicit Grid(Words& words) {
    block_.rows = words.integer(0, int64_t{1} << 30);
    block_.columns = words.integer(0, int64_t{1} << 30);
    ndim_ = words.integer(block_ == Block{} ? 0 : block_ == Block{1, 0} ? 1 : 2, 2);
    number_ = words.number();
  }
  std::string words() const {
    return std::to_string(block_.rows) + " " + std::to_string(block_.columns) + " " +
           std::to_string(ndim_) + " " + std::string(type_of(number_).word);
  }

  std::vector<int64_t> shape(int64_t out, int64_t in) const {
    if (ndim_ == 0) return {};
    if (ndim_ == 1) return {down(out)};
    return {down(out), across(in)};
  }
  int64_t down(int64_t out) const {
    return block_.rows ? (out + block_.rows - 1) / block_.rows : 1;
  }
  int64_t across(int64_t in) const { return (in + columns(in) - 1) / columns(in); }
  int64_t columns(int64_t in) const { return block_.columns ? block_.columns : in; }  // of a block
  Number number() const { return number_; }

  // The scale's position for a row and a block of its columns.
  int64_t position(int64_t row, int64_t group, int64_t in) const {
    return (block_.rows ? row / block_.rows : 0) * across(in) + group;
  }
  float at(const void* scales, int64_t row, int64_t group, int64_t in) const {
    return number_at(number_, scales, position(row, group, in));
  }

 private:
  Block block_;
  int64_t ndim_ = 0;
  Number number_ = Number::single;
};

}  // namespace packed
