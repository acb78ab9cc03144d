// Bytes as text, RFC 4648.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace strata::text {

// Decodes `text`; none where it is malformed.
std::optional<std::string> from_base64(std::string_view text);
std::string to_base64(std::string_view bytes);

}  // namespace strata::text
