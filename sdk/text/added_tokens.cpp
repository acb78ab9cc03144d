#include "text/added_tokens.hpp"

#include <algorithm>

#include "core/utf8.hpp"
#include "text/character.hpp"

namespace strata::text {
namespace {

bool white(std::string_view character) { return is_white(code_point(character)); }

// The beginning of the white space that ends at `end`, not before `least`.
std::size_t white_before(std::string_view text, std::size_t end, std::size_t least) {
  while (end > least) {
    const auto length = last_length(text.substr(0, end));
    if (!white(text.substr(end - length, length))) break;
    end -= length;
  }
  return end;
}

std::size_t white_after(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const auto length = first_sequence(text.substr(at)).length;
    if (!white(text.substr(at, length))) break;
    at += length;
  }
  return at;
}

}  // namespace

TokenFinder::TokenFinder() : word_(Regex::word()) {}

void TokenFinder::insert(std::string_view content, int32_t index) {
  if (content.empty()) return;
  auto node = Trie::root;
  for (const char c : content)
    if (node != Trie::none) node = tokens_.next(node, c);
  if (node != Trie::none && tokens_.id(node) >= 0) return;
  tokens_.insert(content, index);
  begins_[static_cast<unsigned char>(content[0])] = true;
}

std::optional<TokenFinder::Found> TokenFinder::longest(std::string_view text) const {
  std::optional<Found> found;
  auto node = Trie::root;
  for (std::size_t at = 0; at < text.size(); ++at) {
    node = tokens_.next(node, text[at]);
    if (node == Trie::none) break;
    if (tokens_.id(node) >= 0) found = {tokens_.id(node), at + 1};
  }
  return found;
}

bool TokenFinder::beside_word(std::string_view before, std::string_view after,
                              RegexRoom& room) const {
  if (!before.empty() && word_.matches(before.substr(before.size() - last_length(before)), room))
    return true;
  return !after.empty() && word_.matches(after.substr(0, first_sequence(after).length), room);
}

void TokenFinder::parts(std::string_view text, const std::vector<AddedToken>& tokens,
                        bool split_special, RegexRoom& room, std::vector<TextPart>& out) const {
  std::size_t done = 0;
  // The white space seen last: tokens that lie in one run would each look through all of it.
  std::size_t white_begin = 0;
  std::size_t white_end = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (!begins_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    const auto found = longest(text.substr(at));
    if (!found) {
      ++at;
      continue;
    }
    auto begin = at;
    auto end = at += found->length;
    const auto& token = tokens[static_cast<std::size_t>(found->token)];
    if (split_special && token.special) continue;
    if (token.single_word && beside_word(text.substr(0, begin), text.substr(end), room)) continue;
    if (token.lstrip) begin = white_before(text, begin, std::min(begin, done));
    if (token.rstrip) {
      if (end < white_begin || end > white_end) {
        white_begin = end;
        white_end = white_after(text, end);
      }
      end = white_end;
    }
    if (begin > done) out.push_back({text.substr(done, begin - done), {}});
    out.push_back({text.substr(begin, end - begin), token.id});
    done = end;
  }
  if (done < text.size()) out.push_back({text.substr(done), {}});
}

void AddedTokens::add(const std::vector<AddedToken>& tokens, const Vocabulary& vocabulary) {
  for (auto token : tokens) {
    if (token.content.empty()) continue;
    if (token.special) special_.insert(token.content);
    if (token.normalized) once_normalized_.insert(token.content);
    token.id = next_id(token.content, vocabulary);
    const auto [entry, fresh] = by_content_.emplace(token.content, tokens_.size());
    if (fresh)
      tokens_.push_back(std::move(token));
    else
      tokens_[entry->second] = std::move(token);
    by_id_[tokens_[entry->second].id] = entry->second;
    size_ = std::max(size_, tokens_[entry->second].id + 1);
  }
}

// The id of a known token, else one more than the highest of all.
int32_t AddedTokens::next_id(const std::string& content, const Vocabulary& vocabulary) const {
  if (const auto* known = by_content(content)) return known->id;
  if (const auto known = vocabulary.find(content)) return *known;
  return std::max(size_, vocabulary.count());
}

void AddedTokens::finish(const Normal& normal) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    auto& token = tokens_[i];
    token.special = special_.contains(token.content);
    texts_.push_back(once_normalized_.contains(token.content) ? normal(token.content)
                                                              : token.content);
    if (token.normalized)
      normalized_.insert(texts_[i], static_cast<int32_t>(i));
    else
      plain_.insert(token.content, static_cast<int32_t>(i));
  }
}

const std::string* AddedTokens::text(int32_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &texts_[found->second];
}

bool AddedTokens::is_special(int32_t id) const {
  const auto* of_id = text(id);
  return of_id && special_.contains(*of_id);
}

const AddedToken* AddedTokens::by_id(int32_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

const AddedToken* AddedTokens::by_content(std::string_view content) const {
  const auto found = by_content_.find(std::string(content));
  return found == by_content_.end() ? nullptr : &tokens_[found->second];
}

}  // namespace strata::text
