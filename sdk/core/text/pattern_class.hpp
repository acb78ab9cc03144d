// Classes of Oniguruma, which may hold classes, join them and intersect them.
#pragma once
#include <string>

#include "core/text/pattern_cursor.hpp"

namespace strata::text {

// The class at '[' as a pattern of PCRE2 that matches the same characters: a class, or where PCRE2
// has none that means it, a group of alternatives and look-aheads. With `caseless` it may hold
// characters of ASCII alone.
std::string pcre2_class(PatternCursor& at, bool caseless);

}  // namespace strata::text
