// Names a stand-in for a model's file: a pointer of Git LFS, a web page.
#pragma once
#include <string_view>

namespace strata::source {

// Throws Error naming `path` where the bytes that a file begins with are those of a pointer of Git
// LFS or of a web page: what a clone or a download left in the file's place.
void refuse_stand_in(std::string_view beginning, std::string_view path);

inline constexpr std::size_t longest_beginning = 256;  // as much of a file as that looks at

}  // namespace strata::source
