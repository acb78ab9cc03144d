#include "core/source/tensor.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/source/dtype.hpp"

namespace strata::source {

std::string stored_name(const Stored& stored) {
  return stored.scheme.empty() ? std::string(dtype_name(stored.dtype)) : stored.scheme;
}

std::int64_t elements(const Tensor& tensor) {
  std::int64_t product = 1;
  for (const auto dim : tensor.shape) product *= dim;
  return product;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    out.append(i ? "," : "").append(std::to_string(shape[i]));
  return out + "]";
}

std::string numbered(const std::string& name, uint32_t expert) {
  return std::string(name).replace(name.find("{}"), 2, std::to_string(expert));
}

namespace {

constexpr uint64_t part_align = 64;  // readers of the next part's elements want them aligned

// The index of `row` after a move of its rest: `place` maps the rest's number in its block.
template <class Place>
std::int64_t moved(const Tensor& tensor, std::int64_t row, Place&& place) {
  const auto& order = tensor.order;
  if (order.blocks == 0) return row;
  const auto block = tensor.shape.at(0) / order.blocks;
  const auto rest = block / (std::int64_t{order.inner} * order.parts());
  const auto within = row % block;
  return row - within + place(within / rest) * rest + within % rest;
}

}  // namespace

std::span<const Tensor> forms(const Tensor& tensor) {
  return tensor.parts.empty() ? std::span(&tensor, 1) : std::span(tensor.parts);
}

std::vector<uint64_t> places(const Tensor& tensor) {
  std::vector<uint64_t> out;
  uint64_t end = 0;
  for (const auto& form : forms(tensor)) {
    end = (end + part_align - 1) / part_align * part_align;
    out.push_back(end);
    end += form.at.bytes + form.scales.bytes;
  }
  out.push_back(end);
  return out;
}

uint64_t held_bytes(const Tensor& tensor) { return places(tensor).back(); }

bool in_blocks(const Tensor& tensor) {
  return std::ranges::any_of(forms(tensor),
                             [](const Tensor& form) { return !form.stored.scheme.empty(); });
}

std::int64_t stored_row(const Tensor& tensor, std::int64_t row) {
  const std::int64_t inner = tensor.order.inner, wide = tensor.order.wide,
                     parts = tensor.order.parts();
  return moved(tensor, row, [&](std::int64_t rest) {
    const auto at = rest / parts, part = rest % parts;
    return part < wide ? at * wide + part : part * inner + at;
  });
}

std::int64_t run_row(const Tensor& tensor, std::int64_t row) {
  const std::int64_t inner = tensor.order.inner, wide = tensor.order.wide,
                     parts = tensor.order.parts();
  return moved(tensor, row, [&](std::int64_t rest) {
    if (rest < inner * wide) return rest / wide * parts + rest % wide;
    return rest % inner * parts + rest / inner;
  });
}

Tensor rows(const Tensor& tensor, std::int64_t first, std::int64_t count) {
  const auto refuse = [&](const std::string& what) {
    throw Error("tensor '" + printable(tensor.name) + "'",
                "rows " + std::to_string(first) + " to " + std::to_string(first + count) + " of " +
                    shape_text(tensor.shape) + " " + what,
                "cut it elsewhere");
  };
  if (tensor.shape.empty() || first < 0 || count < 0 || first > tensor.shape[0] ||
      count > tensor.shape[0] - first)
    refuse("are not there");
  Tensor out = tensor;
  out.shape[0] = count;
  if (tensor.by_columns && count != tensor.shape[0])
    refuse("lie apart: it is stored column by column");
  if (!tensor.parts.empty()) refuse("lie apart: it is stored in parts");
  if (tensor.shape[0] == 0) return out;
  const auto row = elements(tensor) / tensor.shape[0];
  if (row % tensor.stored.block_elements != 0)
    refuse("would cut a block of " + tensor.stored.scheme);
  if (tensor.order.blocks != 0) {
    const auto block = tensor.shape[0] / tensor.order.blocks;
    if (first % block != 0 || count % block != 0) refuse("would cut a block of reordered rows");
    out.order.blocks = static_cast<std::uint32_t>(count / block);
  }
  const auto row_blocks = static_cast<std::uint64_t>(row / tensor.stored.block_elements);
  const auto row_bytes = row_blocks * tensor.stored.block_bytes;
  out.at.offset += static_cast<std::uint64_t>(first) * row_bytes;
  out.at.bytes = static_cast<std::uint64_t>(count) * row_bytes;
  if (tensor.scales.bytes == 0) return out;
  out.scales.offset += static_cast<std::uint64_t>(first) * row_blocks;
  out.scales.bytes = static_cast<std::uint64_t>(count) * row_blocks;
  return out;
}

Tensor slice(const Tensor& stack, std::int64_t at) {
  auto one = rows(stack, at, 1);
  one.shape.erase(one.shape.begin());
  return one;
}

}  // namespace strata::source
