#include "core/source/tensor.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "core/source/dtype.hpp"

namespace strata::source {

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

Tensor joined(std::string name, uint32_t blocks, std::vector<Tensor> pieces) {
  constexpr uint64_t align = 64;  // readers of the next piece's elements want them aligned
  Tensor out{.name = std::move(name), .shape = pieces.front().shape, .steps = {Join{blocks}}};
  out.shape[0] = 0;
  for (auto& piece : pieces) {
    out.shape[0] += piece.shape[0];
    piece.stored.at = (out.stored.bytes + align - 1) / align * align;
    out.stored.bytes = piece.stored.at + piece.stored.bytes;
  }
  out.pieces = std::move(pieces);
  return out;
}

std::span<const Tensor> forms(const Tensor& tensor) {
  return tensor.pieces.empty() ? std::span(&tensor, 1) : std::span(tensor.pieces);
}

bool in_blocks(const Tensor& tensor) {
  return std::ranges::any_of(forms(tensor),
                             [](const Tensor& form) { return !form.stored.dense(); });
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
  if (tensor.step<Transpose>() && count != tensor.shape[0])
    refuse("lie apart: it is stored column by column");
  if (!tensor.pieces.empty()) refuse("lie apart: it is stored in parts");
  if (tensor.shape[0] == 0) return out;
  for (auto& step : out.steps)
    if (auto* order = std::get_if<Reorder>(&step)) {
      const auto block = tensor.shape[0] / order->blocks;
      if (first % block != 0 || count % block != 0) refuse("would cut a block of reordered rows");
      order->blocks = static_cast<std::uint32_t>(count / block);
    }
  auto parts = tensor.stored.parts;
  if (!tensor.stored.by_rows && count != tensor.shape[0])
    refuse("lie apart: it is " + tensor.stored.scheme);
  for (auto& part : parts) {
    if (count == tensor.shape[0]) break;
    if (part.shape[0] != tensor.shape[0]) refuse("would cut a block of " + tensor.stored.scheme);
    part.shape[0] = count;
    const auto row = part.file.bytes / static_cast<std::uint64_t>(tensor.shape[0]);
    part.file.offset += static_cast<std::uint64_t>(first) * row;
    part.file.bytes = static_cast<std::uint64_t>(count) * row;
  }
  out.stored = packed_form(tensor.stored.scheme, std::move(parts));
  out.stored.by_rows = tensor.stored.by_rows;
  return out;
}

Tensor slice(const Tensor& stack, std::int64_t at) {
  auto one = rows(stack, at, 1);
  one.shape.erase(one.shape.begin());
  for (auto& part : one.stored.parts) part.shape.erase(part.shape.begin());
  return one;
}

}  // namespace strata::source
