#include "text/vocabulary.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "core/error.hpp"

namespace strata::text {

int64_t Vocabulary::id_limit(std::size_t tokens) {
  return std::min<int64_t>(2 * static_cast<int64_t>(tokens) + 65536,
                           std::numeric_limits<int32_t>::max());
}

void Vocabulary::insert(std::string token, int64_t id, std::size_t tokens) {
  const auto name = "token '" + printable(token, 60) + "' ";
  if (id < 0 || id >= id_limit(tokens))
    throw std::invalid_argument(name + "has id " + std::to_string(id) + " in a vocabulary of " +
                                std::to_string(tokens));
  const auto at = static_cast<std::size_t>(id);
  if (at < pieces_.size() && pieces_[at])
    throw std::invalid_argument(name + "has the id " + std::to_string(id) + " of token '" +
                                printable(*pieces_[at], 60) + "'");
  const auto [entry, fresh] = ids_.emplace(std::move(token), static_cast<int32_t>(id));
  if (!fresh)
    throw std::invalid_argument(name + "has the ids " + std::to_string(entry->second) + " and " +
                                std::to_string(id));
  if (at >= pieces_.size()) pieces_.resize(at + 1);
  pieces_[at] = &entry->first;
}

std::optional<int32_t> Vocabulary::find(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

const std::string* Vocabulary::piece(int32_t id) const {
  return id < 0 || id >= size() ? nullptr : pieces_[static_cast<std::size_t>(id)];
}

}  // namespace strata::text
