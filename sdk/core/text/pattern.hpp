// Regular expressions of tokenizer.json, which are Oniguruma's (Ruby's syntax over UTF-8), as
// patterns of PCRE2 that mean the same.
// Syntax: https://github.com/kkos/oniguruma/blob/master/doc/RE
//
// Only what means the same in both, or can be spelled so that it does, is let through: literals,
// classes with unions and intersections, \s \d \w \h \b \p{..}, groups, look-around, greedy, lazy
// and possessive repeats, and (?i:..) over plain ASCII. White space and words are spelled out,
// since PCRE2 has other ones; intersections become look-aheads, since it reads them as characters.
#pragma once
#include <string>
#include <string_view>

namespace strata::text {

// Throws std::invalid_argument that names the construct and its place where one is not let through.
// `pattern` is valid UTF-8.
std::string pcre2_pattern(std::string_view pattern);

}  // namespace strata::text
