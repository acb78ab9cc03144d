// A guess at the known name that was meant by an unknown one.
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace strata {

// The name with the smallest edit distance to `word`, the first of equals; empty where none is
// near enough to be a typo. A hostile word costs no more than its first 100 bytes.
std::string nearest(std::string_view word, std::span<const std::string> names);

// "did you mean 'NAME'?" where a name is near, else `otherwise`.
std::string did_you_mean(std::string_view word, std::span<const std::string> names,
                         std::string_view otherwise);

// "'a', 'b', 'c'": the three names nearest to `word`, however far, the nearest first; fewer where
// there are no more.
std::string three_nearest(std::string_view word, std::span<const std::string> names);

}  // namespace strata
