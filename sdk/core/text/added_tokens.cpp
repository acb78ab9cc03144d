#include "core/text/added_tokens.hpp"

#include <algorithm>

#include "core/text/utf8.hpp"

namespace strata::text {
namespace {

// The bytes of the last character of a text that is not empty.
std::size_t last_length(std::string_view text) {
  std::size_t length = 1;
  while ((static_cast<unsigned char>(text[text.size() - length]) >> 6) == 2) ++length;
  return length;
}

bool white(std::string_view character) {
  const auto c = code_point(character);
  return (c >= 0x9 && c <= 0xd) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

// Where the white space that ends at `end` begins, not before `least`.
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

TokenFinder::TokenFinder() : nodes_(1), word_(Regex::word()) {}

void TokenFinder::insert(std::string_view content, std::size_t index) {
  std::size_t node = 0;
  for (const char c : content) {
    const auto [entry, fresh] = nodes_[node].next.emplace(c, nodes_.size());
    node = entry->second;
    if (fresh) nodes_.emplace_back();
  }
  if (!nodes_[node].token) nodes_[node].token = index;
}

std::optional<TokenFinder::Found> TokenFinder::longest(std::string_view text) const {
  std::optional<Found> found;
  std::size_t node = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto next = nodes_[node].next.find(text[at]);
    if (next == nodes_[node].next.end()) break;
    node = next->second;
    if (nodes_[node].token) found = {*nodes_[node].token, at + 1};
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
                        RegexRoom& room, std::vector<TextPart>& out) const {
  std::size_t done = 0;
  // The white space seen last: tokens that lie in one run would each look through all of it.
  std::size_t white_begin = 0;
  std::size_t white_end = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto found = longest(text.substr(at));
    if (!found) {
      ++at;
      continue;
    }
    auto begin = at;
    auto end = at += found->length;
    const auto& token = tokens[found->token];
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

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const std::vector<std::string>& normal)
    : tokens_(std::move(tokens)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const auto& token = tokens_[i];
    by_id_.emplace(token.id, i);
    by_content_.emplace(token.content, i);
    if (token.normalized)
      normalized_.insert(normal[i], i);
    else
      plain_.insert(token.content, i);
    size_ = std::max(size_, token.id + 1);
  }
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
