// Translation of tokenizer.json's regular expressions, which are Oniguruma's (Ruby's syntax over
// UTF-8), to PCRE2 patterns with the same meaning.
// Syntax: https://github.com/kkos/oniguruma/blob/master/doc/RE
//
// It accepts only constructs that mean the same in both, or that can be spelled so: literals,
// classes with unions and intersections, \s \d \w \h \b \p{..}, groups, look-around, greedy, lazy
// and possessive repeats, and (?i:..) over plain ASCII. White space and words are spelled out,
// since PCRE2 defines them differently; intersections become look-aheads, since PCRE2 reads them as
// characters.
#pragma once
#include <string>
#include <string_view>

namespace strata::text {

// Translates `pattern`, which is valid UTF-8. Throws std::invalid_argument that names a construct
// that it does not accept, and its place.
std::string pcre2_pattern(std::string_view pattern);

}  // namespace strata::text
