#include "text/character_table.hpp"

#include <string_view>
#include <utility>

#include "core/utf8.hpp"

namespace strata::text {

CharacterTable::CharacterTable(const Vocabulary& vocabulary)
    : pairs_(1 << 10, empty), mask_(pairs_.size() - 1) {
  near_.fill(-1);
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const auto* piece = vocabulary.piece(id);
    if (!piece || piece->empty()) continue;
    std::string_view rest = *piece;
    char32_t before = 0;
    for (bool first = true; !rest.empty(); first = false) {
      const auto length = first_sequence(rest).length;
      const auto c = code_point(rest.substr(0, length));
      rest.remove_prefix(length);
      if (!first) insert(key(before, c));
      if (first && rest.empty()) {
        if (c < near_.size())
          near_[c] = id;
        else
          far_.emplace(c, id);
      }
      before = c;
    }
  }
}

void CharacterTable::insert(uint64_t pair) {
  if (2 * (used_ + 1) > pairs_.size()) {
    const auto old = std::exchange(pairs_, std::vector<uint64_t>(2 * pairs_.size(), empty));
    mask_ = pairs_.size() - 1;
    used_ = 0;
    for (const auto one : old)
      if (one != empty) insert(one);
  }
  auto at = slot(pair);
  while (pairs_[at] != empty && pairs_[at] != pair) at = (at + 1) & mask_;
  if (pairs_[at] == empty) ++used_;
  pairs_[at] = pair;
}

}  // namespace strata::text
