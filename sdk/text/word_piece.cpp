#include "text/word_piece.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/error.hpp"

namespace strata::text {
namespace {

void add_unknown(const std::optional<int32_t>& unknown, std::string_view word,
                 std::vector<int32_t>& ids) {
  if (!unknown)
    throw std::runtime_error("'" + printable(word, 60) +
                             "' has no token, and there is no unk_token");
  ids.push_back(*unknown);
}

}  // namespace

WordPiece::WordPiece(Vocabulary vocabulary, WordPieceOptions options)
    : Model(std::move(vocabulary)), options_(std::move(options)), inner_(Trie::root) {
  for (int32_t id = 0; id < this->vocabulary().size(); ++id)
    if (const auto* piece = this->vocabulary().piece(id); piece && !piece->empty())
      trie_.insert(*piece, id);
  for (const char c : options_.prefix)
    if (inner_ != Trie::none) inner_ = trie_.next(inner_, c);
}

void WordPiece::encode_short(std::string_view word, std::vector<int32_t>& ids) const {
  const auto characters = std::count_if(
      word.begin(), word.end(), [](char c) { return (static_cast<unsigned char>(c) >> 6) != 2; });
  const auto begin = ids.size();
  std::size_t at = 0;
  while (at < word.size() && static_cast<std::size_t>(characters) <= options_.longest_word) {
    int32_t id = -1;
    auto node = at == 0 ? Trie::root : inner_;
    auto after = at;
    for (auto end = at; end < word.size() && node != Trie::none;) {
      node = trie_.next(node, word[end++]);
      if (node != Trie::none && trie_.id(node) >= 0) id = trie_.id(node), after = end;
    }
    if (id < 0) break;
    ids.push_back(id);
    at = after;
  }
  if (at == word.size()) return;
  ids.resize(begin);
  add_unknown(options_.unknown, word, ids);
}

void WordLevel::encode_short(std::string_view word, std::vector<int32_t>& ids) const {
  if (const auto id = vocabulary().find(word)) return ids.push_back(*id);
  add_unknown(unknown_, word, ids);
}

}  // namespace strata::text
