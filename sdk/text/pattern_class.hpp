// Classes of Oniguruma, which may contain, join and intersect other classes.
#pragma once
#include <string>

#include "text/pattern_cursor.hpp"

namespace strata::text {

// The class at '[' as a PCRE2 pattern that matches the same characters: a class, or where PCRE2 has
// no such class, a group of alternatives and look-aheads. With `caseless` it may hold only ASCII
// characters.
std::string pcre2_class(PatternCursor& at, bool caseless);

}  // namespace strata::text
