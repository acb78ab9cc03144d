#include "text/bpe.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/error.hpp"
#include "core/utf8.hpp"

namespace strata::text {

Bpe::Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options)
    : Model(std::move(vocabulary)), merges_(merges), options_(std::move(options)),
      characters_(this->vocabulary()), byte_ids_(byte_tokens(this->vocabulary())) {}

void Bpe::encode_short(std::string_view word, std::vector<int32_t>& ids) const {
  if (options_.ignore_merges)
    if (const auto whole = vocabulary().find(word)) return ids.push_back(*whole);
  merge(word, ids);
}

// [Note: cutting long words] No merge joins two characters that are neighbors in no token, so a
// long word can be cut between them. This makes tokenizers that take a whole text as one word as
// fast as others. Characters without a token stay together, since they are fused.
void Bpe::encode_long(std::string_view word, WordCache& cache, std::vector<int32_t>& ids) const {
  if (options_.ignore_merges)
    if (const auto whole = vocabulary().find(word)) return ids.push_back(*whole);
  if (!options_.prefix.empty() || !options_.suffix.empty()) return merge(word, ids);
  std::size_t begin = 0;
  char32_t before = 0;
  bool known_before = false;
  for (std::size_t at = 0; at < word.size();) {
    const auto length = first_sequence(word.substr(at)).length;
    const auto c = code_point(word.substr(at, length));
    const bool known = characters_.id(c) >= 0;
    if (known && known_before && !characters_.neighbors(before, c)) {
      const auto part = word.substr(begin, at - begin);
      options_.ignore_merges ? merge(part, ids) : encode(part, cache, ids);
      begin = at;
    }
    before = c, known_before = known;
    at += length;
  }
  merge(word.substr(begin), ids);
}

std::string Bpe::spelled(std::string_view character, bool first, bool last) const {
  return (first ? "" : options_.prefix) + std::string(character) + (last ? options_.suffix : "");
}

int32_t Bpe::character_id(std::string_view character, bool first, bool last) const {
  if (options_.prefix.empty() && options_.suffix.empty())
    return characters_.id(code_point(character));
  return vocabulary().find(spelled(character, first, last)).value_or(-1);
}

// Makes the characters into symbols, linked to their neighbors.
void Bpe::spread(std::string_view word, Work& work) const {
  const auto add = [&](int32_t id) {
    const auto at = static_cast<int32_t>(work.symbols.size());
    work.symbols.push_back({id, at - 1, at + 1, false});
  };
  // An unknown id waits until a character with a token comes, even where bytes come before it.
  bool waiting = false;
  const bool bare = options_.prefix.empty() && options_.suffix.empty();
  for (std::size_t at = 0; at < word.size();) {
    const auto length = first_sequence(word.substr(at)).length;
    auto character = word.substr(at, length);
    const bool first = at == 0;
    at += length;
    const auto id = character_id(character, first, at == word.size());
    if (id >= 0) {
      if (waiting) add(*options_.unknown);
      waiting = false;
      add(id);
      continue;
    }
    const auto affixed = bare ? std::string() : spelled(character, first, at == word.size());
    if (!bare) character = affixed;
    const auto byte_id = [&](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
    if (options_.byte_fallback &&
        std::all_of(character.begin(), character.end(), [&](char c) { return byte_id(c) >= 0; })) {
      for (const char c : character) add(byte_id(c));
    } else if (options_.unknown) {
      if (waiting && !options_.fuse_unknown) add(*options_.unknown);
      waiting = true;
    } else if (!options_.lacking.empty()) {
      throw std::runtime_error("the unk_token '" + printable(options_.lacking, 60) +
                               "' that the text needs is not in the vocabulary");
    }
  }
  if (waiting) add(*options_.unknown);
  if (!work.symbols.empty()) work.symbols.back().after = -1;
}

// Queues the merge of the symbol at `at` with the next one, where there is one.
void Bpe::offer(Work& work, int32_t at) const {
  const auto& left = work.symbols[static_cast<std::size_t>(at)];
  if (left.after < 0) return;
  const auto* merge = merges_.find(left.id, work.symbols[static_cast<std::size_t>(left.after)].id);
  if (merge) work.queue.push_back({merge->rank, at, merge->merged});
}

void Bpe::merge(std::string_view word, std::vector<int32_t>& ids) const {
  Work work;
  spread(word, work);
  auto& symbols = work.symbols;
  auto& queue = work.queue;
  const auto later = [](const Candidate& a, const Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  const auto symbol = [&](int32_t at) -> auto& { return symbols[static_cast<std::size_t>(at)]; };
  for (std::size_t at = 0; at < symbols.size(); ++at) offer(work, static_cast<int32_t>(at));
  std::make_heap(queue.begin(), queue.end(), later);
  const auto offer_later = [&](int32_t at) {
    const auto size = queue.size();
    offer(work, at);
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
    // By now the pair may be another than the queued one.
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
