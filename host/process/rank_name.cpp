#include "host/process/rank_name.hpp"

#include <string_view>

namespace strata::host {
namespace {

constexpr std::string_view word = "rank ", colon = ": ";

bool has_name(std::string_view words) {
  if (!words.starts_with(word)) return false;
  const auto end = words.find_first_not_of("0123456789", word.size());
  return end != words.npos && end > word.size() && words.substr(end).starts_with(colon);
}

}  // namespace

std::string rank_name(std::uint32_t rank) {
  return std::string(word) + std::to_string(rank) + std::string(colon);
}

std::string named(std::uint32_t rank, std::string words) {
  return has_name(words) ? words : rank_name(rank) + words;
}

}  // namespace strata::host
