// Detection of a stand-in for a model's file: a Git LFS pointer or a web page.
#pragma once
#include <string_view>

namespace strata::source {

// Throws Error naming `path` where the file's first bytes are those of a Git LFS pointer or of a
// web page, which a clone or a download left in the file's place.
void refuse_stand_in(std::string_view beginning, std::string_view path);

inline constexpr std::size_t longest_beginning = 256;  // the bytes that it looks at

}  // namespace strata::source
