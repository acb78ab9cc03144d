#include "core/source/tensor.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/source/dtype.hpp"

namespace strata::source {

std::string stored_name(const Stored& stored) {
  return stored.scheme.empty() ? std::string(dtype_name(stored.dtype)) : stored.scheme;
}

std::int64_t elements(const Tensor& tensor) {
  return static_cast<std::int64_t>(element_count(tensor.shape));
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

std::int64_t run_row(const Tensor& tensor, std::int64_t row) {
  const auto& order = tensor.order;
  if (order.blocks == 0) return row;
  const std::int64_t inner = order.inner, wide = order.wide, parts = order.parts();
  const auto block = tensor.shape.at(0) / order.blocks;
  const auto rest = block / (inner * parts);
  const auto within = row % block, stored = within / rest;  // of the block; the rest's number
  const auto run = stored < inner * wide ? stored / wide * parts + stored % wide
                                         : stored % inner * parts + stored / inner;
  return row - within + run * rest + within % rest;
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
