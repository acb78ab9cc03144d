#include "torch/ops/around_padding.hpp"

#include <algorithm>

#include "torch/form.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

void AttentionPart::add(int64_t row, int64_t count, int64_t first_key, int64_t key_count) {
  for (int64_t i = 0; i < count; ++i) rows.push_back(row + i);
  starts.push_back(static_cast<int32_t>(rows.size()));
  first.push_back(static_cast<int32_t>(first_key));
  keys.push_back(static_cast<int32_t>(key_count));
  max_query = std::max(max_query, count);
  max_keys = std::max(max_keys, key_count);
}

Ragged AttentionPart::ragged() const {
  Ragged out;
  for (std::size_t s = 0; s < keys.size(); ++s)
    out.sequences.push_back({starts[s], starts[s + 1] - starts[s], keys[s], first[s]});
  out.tokens = static_cast<int64_t>(rows.size());
  out.max_query = max_query;
  out.max_keys = max_keys;
  return out;
}

at::Tensor AttentionPart::table(const at::Device& device) const {
  std::vector<int32_t> places;
  places.reserve(keys.size() * static_cast<std::size_t>(max_keys));
  for (std::size_t s = 0; s < keys.size(); ++s)
    for (int64_t k = 0; k < max_keys; ++k)
      places.push_back(first[s] + std::min(static_cast<int32_t>(k), keys[s] - 1));
  return uploaded(at::tensor(places, at::kInt).view({-1, max_keys}), device);
}

std::array<AttentionPart, 2> around_padding(const Pass& pass, int64_t window) {
  std::array<AttentionPart, 2> out;
  auto& [real, padding] = out;
  padding.causal = false;
  for (std::size_t i = 0; i < pass.sequences().size(); ++i) {
    const auto& s = pass.ragged().sequences[i];
    const int64_t pads = pass.sequences()[i].pads, count = s.count - pads;
    real.add(s.start, count, s.start, count);
    if (pads == 0) continue;
    if (window == 0 || s.count <= window) {
      padding.add(s.start + count, pads, s.start, count);
      continue;
    }
    // Each has a window of its own; behind the last window that holds a real token, the last one is
    // seen.
    for (auto at = count; at < s.count; ++at) {
      const auto begin = std::min(std::max<int64_t>(at - window + 1, 0), count - 1);
      padding.add(s.start + at, 1, s.start + begin, count - begin);
    }
  }
  return out;
}

}  // namespace strata::torch
