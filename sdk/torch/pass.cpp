#include "torch/pass.hpp"

#include <algorithm>
#include <string>

#include "core/error.hpp"
#include "torch/form.hpp"
#include "torch/pch.hpp"

namespace strata::torch {

namespace {

template <class T>
at::Tensor moved(const std::vector<T>& values, const at::Device& device) {
  return uploaded(at::tensor(values, c10::CppTypeToScalarType<T>::value), device);
}

}  // namespace

Pass::Pass(const run::KvRoom& room) : room_(room) {
  if (room.tokens > 0) blocks_ = (room.tokens + room.block - 1) / room.block;
}

void Pass::begin(const run::Batch& batch) {
  Ragged ragged;
  bool padded = false;
  for (const auto& s : batch.sequences) {
    const int64_t keys = blocks_ ? s.first + s.count : s.count;
    if (s.count == 0 || s.first < 0 || (!blocks_ && s.first != 0))
      throw Error("compute", "a sequence without tokens, or that begins at no position", "");
    if (blocks_ && (s.slot >= room_.sequences || keys > room_.tokens))
      throw Error("compute",
                  "sequence " + std::to_string(s.slot) + " needs room for " + std::to_string(keys) +
                      " tokens, the cache has " + std::to_string(room_.tokens) + " for " +
                      std::to_string(room_.sequences) + " sequences",
                  "ask for fewer tokens");
    if (s.pads > 0 && (blocks_ || s.pads >= s.count))
      throw Error("compute", "a sequence of padding alone, or padding in a cache", "");
    padded = padded || s.pads > 0;
    const int64_t row = blocks_ ? static_cast<int64_t>(s.slot) * blocks_ * room_.block : -1;
    ragged.sequences.push_back({ragged.tokens, s.count, keys, row});
    ragged.tokens += s.count;
    ragged.max_query = std::max<int64_t>(ragged.max_query, s.count);
    ragged.max_keys = std::max(ragged.max_keys, keys);
  }
  if (ragged.tokens == 0 || ragged.tokens != static_cast<int64_t>(batch.ids.size()))
    throw Error("compute", "the sequences' tokens are not the ids of the batch", "");
  devices_.clear();
  ids_.assign(batch.ids.begin(), batch.ids.end());
  sequences_.assign(batch.sequences.begin(), batch.sequences.end());
  ragged_ = std::move(ragged);
  padded_ = padded;
  part_ = nullptr;
}

Pass::OnDevice& Pass::on(const at::Device& device) {
  for (auto& one : devices_)
    if (one.device == device) return one;

  std::vector<int64_t> positions, learned, rows;
  std::vector<int32_t> starts{0}, lengths, table;
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    const auto& s = sequences_[i];
    const auto& r = ragged_.sequences[i];
    for (int64_t t = 0; t < r.count; ++t) {
      positions.push_back(s.first + t);
      learned.push_back(t + s.pads < r.count ? s.first + t : -1);
      rows.push_back(r.cache_row + s.first + t);
    }
    starts.push_back(static_cast<int32_t>(r.start + r.count));
    lengths.push_back(static_cast<int32_t>(r.keys));
    for (int64_t b = 0; b < blocks_; ++b)
      table.push_back(static_cast<int32_t>(s.slot * blocks_ + b));
  }
  auto& made = devices_.emplace_back(device);
  made.ids = moved(ids_, device);
  made.positions = moved(positions, device);
  if (padded_) made.learned = moved(learned, device);
  made.starts = moved(starts, device);
  made.lengths = moved(lengths, device);
  if (blocks_) {
    made.table = moved(table, device).view({-1, blocks_});
    made.cache_rows = moved(rows, device);
  }
  return made;
}

Pass::OnDevice* Pass::of(const at::Tensor& starts) {
  for (auto& one : devices_)
    if (one.starts.is_same(starts)) return &one;
  return nullptr;
}

}  // namespace strata::torch
