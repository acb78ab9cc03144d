#include "core/nearest.hpp"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace strata {
namespace {

// Levenshtein's distance, one row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (const char letter : a) {
    auto corner = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto above = row[j + 1];
      row[j + 1] = std::min({above + 1, row[j] + 1, corner + (letter == b[j] ? 0U : 1U)});
      corner = above;
    }
  }
  return row.back();
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string> names) {
  word = word.substr(0, 100);
  std::string best;
  auto least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& name : names) {
    const auto far = distance(word, name);
    if (far >= least || far >= name.size()) continue;
    least = far;
    best = name;
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string> names,
                         std::string_view otherwise) {
  const auto name = nearest(word, names);
  return name.empty() ? std::string(otherwise) : "did you mean '" + name + "'?";
}

std::string three_nearest(std::string_view word, std::span<const std::string> names) {
  word = word.substr(0, 100);
  std::vector<std::pair<std::size_t, std::string_view>> all;
  for (const auto& name : names) {
    const auto same = [&](const auto& one) { return one.second == name; };
    if (std::ranges::none_of(all, same)) all.emplace_back(distance(word, name), name);
  }
  std::ranges::stable_sort(all, {}, &std::pair<std::size_t, std::string_view>::first);
  std::string out;
  for (std::size_t i = 0; i < std::min<std::size_t>(all.size(), 3); ++i)
    out.append(i ? ", '" : "'").append(all[i].second).append("'");
  return out;
}

}  // namespace strata
