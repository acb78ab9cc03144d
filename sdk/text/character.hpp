// Properties of characters, by the tables of utf8proc.
#pragma once

namespace strata::text {

// Unicode's property White_Space.
bool is_white(char32_t c);
// General categories: a mark of any kind, a nonspacing mark (Mn), C* except unassigned.
bool is_mark(char32_t c);
bool is_nonspacing_mark(char32_t c);
bool is_other(char32_t c);
// An ideograph of the blocks that BERT's tokenizers treat as words.
bool is_ideograph(char32_t c);

}  // namespace strata::text
