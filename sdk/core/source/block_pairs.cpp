#include "core/source/block_pairs.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace strata::source {
namespace {

constexpr std::string_view blocks_tail = "_blocks", scales_tail = "_scales";
constexpr std::int64_t block_bytes = 16, block_elements = 32;

bool holds_bytes(const Tensor& tensor) {
  const auto& [code, bits, lanes] = tensor.stored.dtype;
  return tensor.stored.scheme.empty() && code == STRATA_UINT && bits == 8 && lanes == 1;
}

bool are_pair(const Tensor& blocks, const Tensor& scales) {
  if (!holds_bytes(blocks) || !holds_bytes(scales) || blocks.shape.size() < 2 ||
      blocks.shape.back() != block_bytes || scales.at.bytes == 0)
    return false;
  return std::equal(blocks.shape.begin(), blocks.shape.end() - 1, scales.shape.begin(),
                    scales.shape.end());
}

Tensor joined(const Tensor& blocks, const Tensor& scales, std::string name) {
  Tensor out = blocks;
  out.name = std::move(name);
  out.shape.pop_back();
  out.shape.back() *= block_elements;
  out.stored = {{STRATA_FLOAT, 32, 1},
                "MXFP4_SPLIT",
                static_cast<std::uint32_t>(block_elements),
                static_cast<std::uint32_t>(block_bytes)};
  out.scales = scales.at;
  return out;
}

}  // namespace

void join_block_pairs(std::vector<Tensor>& tensors) {
  std::map<std::string_view, const Tensor*> by_name;
  for (const auto& tensor : tensors) by_name.emplace(tensor.name, &tensor);
  std::vector<Tensor> made;
  std::set<const Tensor*> used;
  for (const auto& tensor : tensors) {
    if (!tensor.name.ends_with(blocks_tail)) continue;
    const auto name = tensor.name.substr(0, tensor.name.size() - blocks_tail.size());
    const auto scales = by_name.find(std::string(name).append(scales_tail));
    if (scales == by_name.end() || by_name.contains(name) || !are_pair(tensor, *scales->second))
      continue;
    made.push_back(joined(tensor, *scales->second, name));
    used.insert({&tensor, scales->second});
  }
  if (made.empty()) return;
  std::vector<Tensor> out;
  for (auto& tensor : tensors)
    if (!used.contains(&tensor)) out.push_back(std::move(tensor));
  std::ranges::move(made, std::back_inserter(out));
  tensors = std::move(out);
}

}  // namespace strata::source
