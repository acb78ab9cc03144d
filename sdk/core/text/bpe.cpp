#include "core/text/bpe.hpp"

#include <algorithm>

#include "core/text/byte_level.hpp"

namespace strata::text {

Bpe::Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options)
    : vocabulary_(std::move(vocabulary)), merges_(merges), options_(options) {
  for (std::size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    const char c = static_cast<char>(byte);
    byte_ids_[byte] = vocabulary_.find(spell({&c, 1})).value_or(-1);
  }
}

void Bpe::encode(std::string_view word, BpeRoom& room, std::vector<int32_t>& ids) const {
  using Known = BpeRoom::Known;
  if (word.empty()) return;
  if (word.size() > Known::longest) return merge(word, room, ids);
  auto& known = room.known_[std::hash<std::string_view>{}(word) % room.known_.size()];
  if (std::string_view(known.word.data(), known.length) != word) {
    const auto begin = ids.size();
    merge(word, room, ids);
    if (ids.size() - begin > Known::most) return;
    known.length = static_cast<uint8_t>(word.copy(known.word.data(), word.size()));
    known.count = static_cast<uint8_t>(ids.size() - begin);
    std::copy(ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.end(), known.ids.begin());
    return;
  }
  ids.insert(ids.end(), known.ids.begin(), known.ids.begin() + known.count);
}

// The bytes as symbols, each its own neighbour's neighbour.
void Bpe::spread(std::string_view word, BpeRoom& room) const {
  auto& symbols = room.symbols_;
  symbols.clear();
  bool unknown = false;
  for (const char c : word) {
    auto id = byte_ids_[static_cast<unsigned char>(c)];
    const bool fused = id < 0 && unknown && options_.fuse_unknown;
    unknown = id < 0;
    if (id < 0) id = options_.unknown.value_or(-1);
    if (id < 0 || fused) continue;
    const auto at = static_cast<int32_t>(symbols.size());
    symbols.push_back({id, at - 1, at + 1, false});
  }
  if (!symbols.empty()) symbols.back().after = -1;
}

// Queues the merge of the symbol at `at` with the next one, where there is one.
void Bpe::offer(BpeRoom& room, int32_t at) const {
  const auto& left = room.symbols_[static_cast<std::size_t>(at)];
  if (left.after < 0) return;
  const auto* merge = merges_.find(left.id, room.symbols_[static_cast<std::size_t>(left.after)].id);
  if (merge) room.queue_.push_back({merge->rank, at, merge->merged});
}

void Bpe::merge(std::string_view word, BpeRoom& room, std::vector<int32_t>& ids) const {
  if (options_.ignore_merges)
    if (const auto whole = vocabulary_.find(spell(word))) return ids.push_back(*whole);
  spread(word, room);
  auto& symbols = room.symbols_;
  auto& queue = room.queue_;
  const auto later = [](const BpeRoom::Candidate& a, const BpeRoom::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  const auto symbol = [&](int32_t at) -> auto& { return symbols[static_cast<std::size_t>(at)]; };
  queue.clear();
  for (std::size_t at = 0; at < symbols.size(); ++at) offer(room, static_cast<int32_t>(at));
  std::make_heap(queue.begin(), queue.end(), later);
  const auto offer_later = [&](int32_t at) {
    const auto size = queue.size();
    offer(room, at);
    if (queue.size() > size) std::push_heap(queue.begin(), queue.end(), later);
  };
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), later);
    const auto best = queue.back();
    queue.pop_back();
    auto& left = symbol(best.at);
    if (left.gone || left.after < 0) continue;
    auto& right = symbol(left.after);
    const auto* merge = merges_.find(left.id, right.id);
    // The pair may be another by now than the one that was queued.
    if (!merge || merge->merged != best.merged) continue;
    right.gone = true;
    left.id = best.merged;
    left.after = right.after;
    if (left.after >= 0) symbol(left.after).before = best.at;
    if (left.before >= 0) offer_later(left.before);
    offer_later(best.at);
  }
  for (const auto& s : symbols)
    if (!s.gone) ids.push_back(s.id);
}

}  // namespace strata::text
