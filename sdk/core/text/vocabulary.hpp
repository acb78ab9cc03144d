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
  // Throws std::invalid_argument with the fact where the token or the id is there already. Ids need
  // not be dense, but one may be at most `id_limit` of the number of tokens that there will be.
  void insert(std::string token, int64_t id, std::size_t tokens);

  std::optional<int32_t> find(std::string_view token) const;
  // Null where no token has the id; valid as long as the vocabulary.
  const std::string* piece(int32_t id) const;
  // The highest id and one more.
  int32_t size() const { return static_cast<int32_t>(pieces_.size()); }
  // How many tokens there are, fewer than `size` where ids are left out.
  int32_t count() const { return static_cast<int32_t>(ids_.size()); }

  // Ids from here on are refused for `tokens` tokens, so that a wrong id allocates little.
  static int64_t id_limit(std::size_t tokens);

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> ids_;
  std::vector<const std::string*> pieces_;  // the keys of ids_, by id
};

}  // namespace strata::text
