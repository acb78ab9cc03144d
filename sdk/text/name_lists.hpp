// Tables by name: each row has all names for it, separated by spaces.
#pragma once
#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

namespace strata::text {

inline bool among(std::string_view name, std::string_view names) {
  while (!names.empty()) {
    const auto one = names.substr(0, names.find(' '));
    if (one == name) return true;
    names.remove_prefix(std::min(names.size(), one.size() + 1));
  }
  return false;
}

// The first row that has `name` among `names`; null where none has.
template <class Row, std::size_t n>
const Row* row_of(const Row (&rows)[n], std::string_view Row::*names, std::string_view name) {
  const auto found =
      std::ranges::find_if(rows, [&](const Row& row) { return among(name, row.*names); });
  return found == std::end(rows) ? nullptr : found;
}

// All names that row_of finds, for an error.
template <class Row, std::size_t n>
std::string all_names(const Row (&rows)[n]) {
  std::string out;
  for (const auto& row : rows) out.append(out.empty() ? "" : " ").append(row.names);
  return out;
}

}  // namespace strata::text
