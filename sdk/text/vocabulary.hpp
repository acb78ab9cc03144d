// The tokens of a model and their ids.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace strata::text {

class Vocabulary {
 public:
  Vocabulary() = default;
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  void reserve(std::size_t tokens) { ids_.reserve(tokens); }
  // Throws std::invalid_argument with the fact where the token or the id exists already. Ids need
  // not be dense, but each must be below `id_limit` of the final number of tokens.
  void insert(std::string token, int64_t id, std::size_t tokens);

  std::optional<int32_t> find(std::string_view token) const;
  // The token of an id, valid as long as the vocabulary; null where no token has the id.
  const std::string* piece(int32_t id) const;
  // One more than the highest id.
  int32_t size() const { return static_cast<int32_t>(pieces_.size()); }
  // The number of tokens, less than `size` where ids are left out.
  int32_t count() const { return static_cast<int32_t>(ids_.size()); }

  // The first id that is refused for `tokens` tokens, so that a wrong id allocates little.
  static int64_t id_limit(std::size_t tokens);

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> ids_;
  std::vector<const std::string*> pieces_;  // the keys of ids_, by id
};

}  // namespace strata::text
