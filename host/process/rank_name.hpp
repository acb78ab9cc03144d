// The name of a rank before its lines: "rank 2: ".
#pragma once
#include <cstdint>
#include <string>

namespace strata::host {

std::string rank_name(std::uint32_t rank);

// The words with the rank's name before them, unless they begin with the name of some rank.
std::string named(std::uint32_t rank, std::string words);

}  // namespace strata::host
