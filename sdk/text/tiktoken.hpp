// Vocabularies of tiktoken: a line for each token, its bytes in base64 and its rank.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace strata::text {

// The tokens' bytes by rank; ranks begin with 0 and have no gaps. Throws strata::Error that names
// `file` and the malformed line.
std::vector<std::string> parse_tiktoken(std::string_view bytes, const std::string& file);

}  // namespace strata::text
