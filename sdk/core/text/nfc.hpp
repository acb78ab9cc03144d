// Unicode's normalization form C.
#pragma once
#include <string>
#include <string_view>

namespace strata::text {

// `text` (valid UTF-8) in form C, by the tables of utf8proc; n log n steps for n bytes.
std::string nfc(std::string_view text);

}  // namespace strata::text
