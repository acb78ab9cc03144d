#include "host/cli/option.hpp"

#include <algorithm>

namespace strata::cli {
namespace {

const Option* find(const Table& table, std::string_view Option::*member, std::string_view word) {
  const auto at = std::ranges::find(table, word, member);
  return word.empty() || at == table.end() ? nullptr : &*at;
}

}  // namespace

const Option* find_by_name(const Table& table, std::string_view name) {
  return find(table, &Option::name, name);
}

const Option* find_by_key(const Table& table, std::string_view key) {
  return find(table, &Option::key, key);
}

}  // namespace strata::cli
