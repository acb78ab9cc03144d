#include "core/run/ranks.hpp"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "core/error.hpp"

namespace strata::run {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

template <class Number>
Number number(const char* name) {
  const auto text = variable(name);
  Number value = 0;
  const auto* end = text.data() + text.size();
  if (text.empty() || std::from_chars(text.data(), end, value) != std::from_chars_result{end, {}})
    throw UsageError(name, "'" + std::string(text) + "' is no number of that kind",
                     "start the ranks with torchrun, or set it");
  return value;
}

}  // namespace

Ranks ranks_of_environment() {
  Ranks out;
  if (variable("WORLD_SIZE").empty()) return out;
  out.ranks = number<uint32_t>("WORLD_SIZE");
  out.rank = number<uint32_t>("RANK");
  if (out.rank >= out.ranks)
    throw UsageError(
        "RANK", std::to_string(out.rank) + " is none of " + std::to_string(out.ranks) + " ranks",
        "number them from 0");
  out.address = variable("MASTER_ADDR");
  if (out.address.empty())
    throw UsageError("MASTER_ADDR", "it is empty", "name the host of rank 0");
  out.port = number<uint16_t>("MASTER_PORT");
  return out;
}

}  // namespace strata::run
