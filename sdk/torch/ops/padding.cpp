#include <algorithm>

#include "torch/ops/packed.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

at::Tensor flat(const at::Tensor& cache) { return cache.view({-1, cache.size(2), cache.size(3)}); }

// One view over all sequences, if they are equally far apart; else undefined.
at::Tensor spaced(const at::Tensor& cache, const Ragged& ragged) {
  const auto& all = ragged.sequences;
  const auto step = all.size() > 1 ? all[1].cache_row - all[0].cache_row : ragged.max_keys;
  const auto rows = cache.size(0) * cache.size(1);
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].cache_row < 0 || step < 0 || all[i].cache_row + ragged.max_keys > rows ||
        all[i].cache_row != all[0].cache_row + static_cast<int64_t>(i) * step)
      return {};
  const auto row = cache.size(2) * cache.size(3);
  return cache.as_strided(
      {static_cast<int64_t>(all.size()), ragged.max_keys, cache.size(2), cache.size(3)},
      {step * row, row, cache.size(3), 1}, cache.storage_offset() + all[0].cache_row * row);
}

at::Tensor filled_to(const at::Tensor& x, int64_t rows) {
  if (x.size(0) == rows) return x;
  auto shape = x.sizes().vec();
  shape[0] = rows - x.size(0);
  return at::cat({x, at::zeros(shape, x.options())});
}

}  // namespace

at::Tensor pad(const at::Tensor& x, const Ragged& ragged) {
  if (ragged.sequences.size() == 1) return x.unsqueeze(0);
  std::vector<at::Tensor> parts;
  for (const auto& s : ragged.sequences)
    parts.push_back(filled_to(x.narrow(0, s.start, s.count), ragged.max_query));
  return at::stack(parts);
}

at::Tensor unpad(const at::Tensor& x, const Ragged& ragged) {
  if (ragged.sequences.size() == 1) return x.squeeze(0);
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < ragged.sequences.size(); ++i)
    parts.push_back(x.select(0, static_cast<int64_t>(i)).narrow(0, 0, ragged.sequences[i].count));
  return at::cat(parts);
}

at::Tensor keys_of(std::size_t sequence, const at::Tensor& cache, const at::Tensor& table,
                   const Ragged& ragged) {
  const auto& s = ragged.sequences[sequence];
  if (!table.defined()) return cache.narrow(0, s.start, s.keys);
  if (s.cache_row >= 0) return flat(cache).narrow(0, s.cache_row, s.keys);
  const auto blocks = cache.index_select(0, table.select(0, static_cast<int64_t>(sequence)));
  return flat(blocks).narrow(0, 0, s.keys);
}

at::Tensor keys(const at::Tensor& cache, const at::Tensor& table, const Ragged& ragged) {
  if (table.defined())
    if (auto view = spaced(cache, ragged); view.defined()) return view;
  if (ragged.sequences.size() == 1) return keys_of(0, cache, table, ragged).unsqueeze(0);
  std::vector<at::Tensor> parts;
  for (std::size_t i = 0; i < ragged.sequences.size(); ++i)
    parts.push_back(filled_to(keys_of(i, cache, table, ragged), ragged.max_keys));
  return at::stack(parts);
}

Ragged ragged_of(const at::Tensor& starts, const at::Tensor& lengths, const at::Tensor& table,
                 int64_t block) {
  const auto begin = starts.to(at::kCPU, at::kLong).contiguous();
  const auto keys = lengths.defined() ? lengths.to(at::kCPU, at::kLong).contiguous() : at::Tensor();
  const auto blocks = table.defined() ? table.to(at::kCPU, at::kLong).contiguous() : at::Tensor();
  Ragged ragged;
  for (int64_t i = 0; i + 1 < begin.numel(); ++i) {
    const auto* at_start = begin.const_data_ptr<int64_t>() + i;
    Ragged::Sequence s{at_start[0], at_start[1] - at_start[0], at_start[1] - at_start[0], -1};
    if (keys.defined()) s.keys = keys.const_data_ptr<int64_t>()[i];
    if (blocks.defined()) {
      const auto* row = blocks.const_data_ptr<int64_t>() + i * blocks.size(1);
      const auto used = (s.keys + block - 1) / block;
      bool in_a_row = used <= blocks.size(1);
      for (int64_t b = 1; in_a_row && b < used; ++b) in_a_row = row[b] == row[0] + b;
      if (in_a_row) s.cache_row = row[0] * block;
    }
    ragged.sequences.push_back(s);
    ragged.tokens += s.count;
    ragged.max_query = std::max(ragged.max_query, s.count);
    ragged.max_keys = std::max(ragged.max_keys, s.keys);
  }
  return ragged;
}

}  // namespace strata::torch
